"""`.dt` of a column: parts of moments and of spans, with pandas' own names."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing import times
from holdall.graph.tracing.arithmetic import quietly
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector
from holdall.graph.value import constant

Word = str
"""Text, as in `accessors`."""


class Times:
    """`.dt`."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series
        self._vector = series._vector
        self._live = series._vector.live.dt

    def __getattr__(self, name: Word) -> Any:
        made = quietly(getattr, self._live, times.NAMES.get(name, name))
        return self._series._new(times.part(self._vector, name, made), f"dt.{name}")

    def total_seconds(self) -> TracedSeries:
        return self._series._new(times.total_seconds(self._vector, self._live.total_seconds()), "dt.total_seconds")

    def day_name(self) -> TracedSeries:
        return self._series._new(times.named(self._vector, times.DAYS, self._live.day_name()), "dt.day_name")

    def month_name(self) -> TracedSeries:
        return self._series._new(times.named(self._vector, times.MONTHS, self._live.month_name()), "dt.month_name")

    def normalize(self) -> TracedSeries:
        return self._series._new(times.floored(self._vector, times.DAY, self._live.normalize()), "dt.normalize")

    def floor(self, freq: Word) -> TracedSeries:
        return self._series._new(times.floored(self._vector, times.unit_of(freq), self._live.floor(freq)), "dt.floor")

    def strftime(self, pattern: Word) -> TracedSeries:
        return self._series._new(times.formatted(self._vector, pattern, self._live.strftime(pattern)), "dt.strftime")

    def tz_localize(self, tz: Any, **options: Any) -> TracedSeries:
        return self._zoned("tz_localize", tz, options)

    def tz_convert(self, tz: Any) -> TracedSeries:
        return self._zoned("tz_convert", tz, {})

    def _zoned(self, name: Word, zone: Any, options: Any) -> TracedSeries:
        """UTC and no zone at all are the same moments in the graph."""
        if options or zone not in (None, "UTC", "utc", datetime.UTC):
            raise Untraceable(f"Series.dt.{name} of another zone than UTC", "convert the times to UTC before")
        return self._series._new(self._vector.with_live(getattr(self._live, name)(zone)), f"dt.{name}")

    def to_period(self, freq: Word) -> Period:
        if freq not in ("M", "Y", "D"):
            raise Untraceable(f"Series.dt.to_period({freq!r})", "the graph has months, years and days")
        return Period(self._series, {"M": "%Y-%m", "Y": "%Y", "D": "%Y-%m-%d"}[freq], self._live.to_period(freq))

    def as_unit(self, unit: Word) -> TracedSeries:
        if unit not in ("us", "ns"):
            raise Untraceable(f"Series.dt.as_unit({unit!r})", "times have microseconds here")
        return self._series._new(self._vector.with_live(self._live.as_unit(unit)), "dt.as_unit")

    def isocalendar(self) -> Any:
        return IsoCalendar(self._series)


class Period:
    """What `.dt.to_period` gives, as far as it is written as text."""

    def __init__(self, series: TracedSeries, pattern: Word, live: Any) -> None:
        self._series = series
        self._pattern = pattern
        self._live = live

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(
            f"Series.dt.to_period().{name}", "write it as text with .astype(str), or use .dt.year and .dt.month"
        )

    def astype(self, dtype: Any) -> TracedSeries:
        live = self._live.astype("str")
        vector = self._series._vector
        if str(getattr(dtype, "__name__", dtype)) not in ("str", "string"):
            raise Untraceable(f"Series.dt.to_period().astype({dtype!r})", "write it as text with .astype(str)")
        return self._series._new(times.formatted(vector, self._pattern, live), "dt.to_period")


class IsoCalendar:
    """What `.dt.isocalendar()` gives, as far as its week and day."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getattr__(self, name: Word) -> TracedSeries:
        vector = self._series._vector
        calendar = times.Calendar(times.days_of(vector.values))
        live = vector.live.dt.isocalendar()
        if name == "week":
            return self._series._new(Vector(Form.INT, calendar.iso_week(), live.week, vector.nulls), "isocalendar.week")
        if name == "day":
            day = op.add(calendar.weekday(), constant(1, np.int64))
            return self._series._new(Vector(Form.INT, day, live.day, vector.nulls), "isocalendar.day")
        raise Untraceable(f"isocalendar().{name}")

    def __getitem__(self, name: Word) -> TracedSeries:
        return self.__getattr__(name)
