"""NumPy's business days: Monday to Friday, but for the holidays that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import times
from holdall.graph.tracing.arithmetic import as_vector
from holdall.graph.tracing.array import Cell, TracedArray
from holdall.graph.tracing.series import TracedSeries, only
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector
from holdall.graph.value import constant

_WEEK = ("1111100", "Mon Tue Wed Thu Fri")


def is_busday(trace: Trace, dates: Any, weekmask: Any = "1111100", holidays: Any = None, **options: Any) -> TracedArray:
    """numpy.is_busday."""
    only("numpy.is_busday", options)
    days, nulls = _days(dates, weekmask)
    working = op.less(op.mod(op.add(days, constant(3, np.int64)), constant(7, np.int64)), constant(5, np.int64))
    for holiday in _numbers(holidays):
        working = op.and_(working, op.not_(op.equal(days, constant(holiday, np.int64))))
    if nulls is not None:
        working = op.and_(working, op.not_(nulls))
    trace.note("numpy.is_busday")
    return TracedArray(trace, [Cell(Vector(Form.BOOL, working, pandas.Series([True, False])))], flat=True)


def busday_count(
    trace: Trace, begindates: Any, enddates: Any, weekmask: Any = "1111100", holidays: Any = None, **options: Any
) -> TracedArray:
    """numpy.busday_count."""
    only("numpy.busday_count", options)
    (begin, no_begin), (end, no_end) = (_days(one, weekmask) for one in (begindates, enddates))
    for nulls in (no_begin, no_end):
        if nulls is not None:
            trace.refuse(nulls, "a missing day")
    listed = [holiday for holiday in _numbers(holidays) if (holiday + 3) % 7 < 5]
    one = constant(1, np.int64)
    forwards = op.sub(_before(end, listed), _before(begin, listed))
    # Backwards NumPy leaves out the other end.
    backwards = op.sub(_before(op.add(end, one), listed), _before(op.add(begin, one), listed))
    count = op.where(op.greater_or_equal(end, begin), forwards, backwards)
    trace.note("numpy.busday_count")
    return TracedArray(trace, [Cell(Vector(Form.INT, count, pandas.Series([0, 1])))], flat=True)


def _before(days: Var, holidays: Sequence[int]) -> Var:
    """How many business days lie before each day, from a day of long ago."""
    shifted = op.add(days, constant(3, np.int64))
    weeks = times.floor_divide(shifted, 7)
    of_week = op.min([op.mod(shifted, constant(7, np.int64)), constant(5, np.int64)])
    count = op.add(op.mul(weeks, constant(5, np.int64)), of_week)
    for holiday in holidays:
        count = op.sub(count, op.cast(op.greater(days, constant(holiday, np.int64)), to=np.int64))
    return count


def _days(dates: Any, weekmask: Any) -> tuple[Var, Var | None]:
    if weekmask not in _WEEK:
        raise Untraceable(f"business days of the week {weekmask!r}", "the graph has Monday to Friday")
    if isinstance(dates, TracedArray):
        (vector,) = dates._vectors
    elif isinstance(dates, TracedSeries):
        vector = dates._vector
    else:
        vector = as_vector(pandas.Timestamp(dates))
    if vector.form is not Form.MOMENT:
        raise Untraceable(f"business days of a column of {vector.form}s", "convert with pandas.to_datetime before")
    return times.days_of(vector.values), vector.nulls


def _numbers(holidays: Any) -> list[int]:
    """Days since 1970, each once."""
    if holidays is None:
        return []
    return sorted({int(np.datetime64(pandas.Timestamp(one), "D").astype(np.int64)) for one in holidays})
