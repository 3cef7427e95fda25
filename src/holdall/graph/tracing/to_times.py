"""What makes moments and spans of other columns: `pandas.to_datetime`, `to_timedelta`, `DatetimeIndex`, `DateOffset`."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing import text, times, timestamps
from holdall.graph.tracing.arithmetic import quietly
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.series import TracedSeries, only
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, any_null, filled, to_int
from holdall.graph.value import constant

_ZULU = re.compile(r".*\d(Z|\+00:00)", re.DOTALL)
_UNITS = {"year": "%Y", "month": "%m", "day": "%d"}


def to_datetime(
    trace: Trace, arg: Any, format: str | None = None, unit: str | None = None, **options: Any
) -> TracedSeries:
    """pandas.to_datetime."""
    errors = options.pop("errors", "raise")
    zoned = bool(options.pop("utc", False))
    only("pandas.to_datetime", {key: value for key, value in options.items() if value or key != "dayfirst"})
    if isinstance(arg, TracedFrame):
        return _of_parts(trace, arg)
    if not isinstance(arg, TracedSeries):
        raise Untraceable("pandas.to_datetime of what is no column", "give one column")
    vector = arg._vector
    if vector.form is Form.MOMENT:
        return arg if not zoned or vector.live.dt.tz is not None else arg.dt.tz_localize("UTC")
    live = quietly(pandas.to_datetime, vector.live, format=format, unit=unit, errors=errors, utc=zoned)
    trace.note("pandas.to_datetime")
    if vector.form is Form.STRING:
        made = _of_text(trace, vector, live, format, coerce=errors == "coerce")
        return TracedSeries(trace, made, arg.name)
    if errors != "raise":
        raise Untraceable("pandas.to_datetime of numbers with errors=…", "leave errors out")
    if vector.form is Form.INT and unit is not None and not vector.loose:
        return TracedSeries(trace, _of_count(trace, vector, live, unit), arg.name)
    if vector.form is Form.INT and format is not None and vector.nulls is None:
        written = Vector(Form.STRING, op.cast(vector.values, to=np.str_), vector.live.astype(str))
        return TracedSeries(trace, _of_text(trace, written, live, format, coerce=False), arg.name)
    raise Untraceable(f"pandas.to_datetime of a column of {vector.form}s")


def _of_text(trace: Trace, vector: Vector, live: Any, form: str | None, *, coerce: bool) -> Vector:
    refuse = partial(trace.refuse, narrower=True)
    seen = [value for value in vector.live.tolist() if isinstance(value, str)]
    ends = {found.group(1) if (found := _ZULU.fullmatch(value)) else "" for value in seen}
    if form is None and seen and all(re.fullmatch("[0-9]{8}", value) for value in seen):
        form = "%Y%m%d"
    if form is None and len(ends) == 1 and "" not in ends and not coerce:
        (suffix,) = ends
        there = text.ending(vector, [suffix])
        missing = op.not_(there) if vector.nulls is None else op.and_(op.not_(there), op.not_(vector.nulls))
        refuse(missing, f"a text is not a time that ends in {suffix!r}")
        vector = text.without_suffix(vector, suffix, vector.live.str.removesuffix(suffix))
    return timestamps.moments(vector, live, form, refuse, coerce=coerce)


def _of_count(trace: Trace, vector: Vector, live: Any, unit: str) -> Vector:
    """Whole numbers of a unit since 1970."""
    scale = times.unit_of(unit)
    finest = 1000 if str(live.dtype).startswith("datetime64[ns") else 1
    limit = (2**63 - 1) // (scale * finest)
    outside = op.or_(
        op.greater(vector.values, constant(limit, np.int64)), op.less(vector.values, constant(-limit, np.int64))
    )
    trace.refuse(outside, "a time beyond what pandas holds", pandas.errors.OutOfBoundsDatetime, narrower=True)
    values = op.mul(vector.values, constant(scale, np.int64))
    return Vector(Form.MOMENT, filled(Form.MOMENT, values, vector.nulls), live, vector.nulls)


def _of_parts(trace: Trace, frame: TracedFrame) -> TracedSeries:
    """Of columns year, month and day."""
    names = {str(name).lower().rstrip("s"): name for name in frame.columns}
    if set(names) != set(_UNITS):
        raise Untraceable("pandas.to_datetime of other columns than year, month and day")
    vectors = [frame._columns[names[name]] for name in _UNITS]
    if any(vector.form is not Form.INT or vector.nulls is not None for vector in vectors):
        raise Untraceable("pandas.to_datetime of columns that may be missing", "fill them before")
    year, month, day = (to_int(vector) for vector in vectors)
    live = pandas.to_datetime(frame._live())
    bounds = [(year, 1, 9999), (month, 1, 12), (day, 1, 31)]
    outside = [
        op.or_(op.less(one, constant(low, np.int64)), op.greater(one, constant(high, np.int64)))
        for one, low, high in bounds
    ]
    bad = any_null(*outside)
    assert bad is not None  # noqa: S101 — there are three of them
    year, month, day = (op.where(bad, constant(1, np.int64), one) for one in (year, month, day))
    days = timestamps.days_from(year, month, day)
    calendar = times.Calendar(days)
    unreal = op.not_(op.and_(op.equal(calendar.month, month), op.equal(calendar.day, day)))
    trace.refuse(op.or_(bad, unreal), "a day that no calendar has", narrower=True)
    trace.note("pandas.to_datetime")
    return TracedSeries(trace, Vector(Form.MOMENT, op.mul(days, constant(times.DAY, np.int64)), live))


_CLOCK = r"[0-9]{1,4}:[0-5]?[0-9]:[0-5]?[0-9]"


def to_timedelta(trace: Trace, arg: Any, unit: str | None = None, errors: str = "raise") -> TracedSeries:
    """pandas.to_timedelta of numbers with a unit, or of text like 12:30:00."""
    if not isinstance(arg, TracedSeries) or errors != "raise":
        raise Untraceable("pandas.to_timedelta of what is no column, or with errors=…", "give one column")
    vector = arg._vector
    live = quietly(pandas.to_timedelta, vector.live, unit=unit)
    trace.note("pandas.to_timedelta")
    if vector.form is Form.STRING and unit is None:
        return TracedSeries(trace, _of_clock(trace, vector, live), arg.name)
    if vector.form not in (Form.INT, Form.FLOAT) or unit is None or vector.loose:
        raise Untraceable(f"pandas.to_timedelta of a column of {vector.form}s")
    scale = times.unit_of(unit)
    if vector.form is Form.INT:
        limit = constant((2**63 - 1) // (scale * 1000), np.int64)
        outside = op.or_(op.greater(vector.values, limit), op.less(vector.values, op.neg(limit)))
        trace.refuse(outside, "a span beyond what pandas holds", narrower=True)
        values = op.mul(vector.values, constant(scale, np.int64))
        return TracedSeries(trace, Vector(Form.SPAN, values, live, vector.nulls), arg.name)
    raise Untraceable("pandas.to_timedelta of fractions", "round them, or compute with numbers")


def _of_clock(trace: Trace, vector: Vector, live: Any) -> Vector:
    valid = text.matches(vector, _CLOCK)
    bad = op.not_(valid) if vector.nulls is None else op.and_(op.not_(valid), op.not_(vector.nulls))
    trace.refuse(bad, "a text is not a span like 12:30:00", narrower=True)
    usable = op.where(valid, vector.values, constant("0:0:0", np.str_))
    parts, _ = text.pieces(usable, ":", 3)
    seconds = constant(0, np.int64)
    for place, factor in enumerate((3600, 60, 1)):
        number = op.cast(op.gather(parts, constant(place, np.int64), axis=1), to=np.int64)
        seconds = op.add(seconds, op.mul(number, constant(factor, np.int64)))
    values = op.mul(seconds, constant(1_000_000, np.int64))
    return Vector(Form.SPAN, filled(Form.SPAN, values, vector.nulls), live, vector.nulls)


class Moments:
    """`pandas.DatetimeIndex` of a column: its parts are its own attributes."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._series.dt, name)

    def __iter__(self) -> Any:
        return iter(self._series)


def datetime_index(trace: Trace, data: Any, **options: Any) -> Moments:
    """pandas.DatetimeIndex."""
    only("pandas.DatetimeIndex", options)
    return Moments(to_datetime(trace, data))


def later(vector: Vector, months: int, live: Any) -> Vector:
    """Moments so many months later, on the month's last day where it has no such day."""
    days = times.days_of(vector.values)
    of_day = op.sub(vector.values, op.mul(days, constant(times.DAY, np.int64)))
    calendar = times.Calendar(days)
    one, twelve = constant(1, np.int64), constant(12, np.int64)
    count = op.add(op.mul(calendar.year, twelve), op.add(op.sub(calendar.month, one), constant(months, np.int64)))
    year = times.floor_divide(count, 12)
    month = op.add(op.sub(count, op.mul(year, twelve)), one)
    first = timestamps.days_from(year, month, op.add(op.mul(month, constant(0, np.int64)), one))
    day = op.min([calendar.day, times.Calendar(first).days_in_month()])
    values = op.add(op.mul(op.add(first, op.sub(day, one)), constant(times.DAY, np.int64)), of_day)
    return Vector(Form.MOMENT, filled(Form.MOMENT, values, vector.nulls), live, vector.nulls)
