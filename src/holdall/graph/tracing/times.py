"""Moments and spans: parts of the calendar, differences, text. All in int64 microseconds since 1970, without a zone."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, filled, numbers
from holdall.graph.value import constant

MICROSECONDS = {
    "D": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "min": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
DAY = MICROSECONDS["D"]


def whole(value: int) -> Var:
    """A constant int64."""
    return constant(value, np.int64)


def floor_divide(a: Var, b: int) -> Var:
    """a // b towards minus infinity, b > 0."""
    return op.div(op.sub(a, op.mod(a, whole(b))), whole(b))


def days_of(moments: Var) -> Var:
    """Days since 1970."""
    return floor_divide(moments, DAY)


_ERAS = 750
"""So many times 400 years before the year 0 every day that a moment can have is counted from, so that none is negative."""

_MARCH = [datetime.date(1999, 3, 1) + datetime.timedelta(days=day) for day in range(366)]
"""A year from March on, with a 29 February."""

_USUAL = [
    datetime.date(2001, *((2, 28) if (one.month, one.day) == (2, 29) else (one.month, one.day))) for one in _MARCH
]
_LEAP = [one.replace(year=2000) for one in _MARCH]
_BOTH = _USUAL + _LEAP
"""The days of `_MARCH` as days of the calendar year that they lie in: one without, and one with a 29 February."""


class Calendar:
    """Year, month and day of days since 1970, in the Gregorian calendar.

    By the algorithm of Neri and Schneider (2022): a day's place in its year from March on, and from that all else by tables.
    """

    def __init__(self, days: Var) -> None:
        self.days = days

    @cached_property
    def _quarters(self) -> Var:
        """Four times the day since a 0000-03-01 before all others, and three."""
        first = 4 * (719_468 + _ERAS * 146_097) + 3
        return op.add(op.mul(self.days, whole(4)), whole(first))

    @cached_property
    def _of_century(self) -> Var:
        return op.bitwise_or(op.mod(self._quarters, whole(146_097)), whole(3))

    @cached_property
    def _place(self) -> Var:
        """The day's place in its year from March on."""
        return op.div(op.mod(self._of_century, whole(1461)), whole(4))

    @cached_property
    def _of_both(self) -> Var:
        """The day's place in `_BOTH`."""
        leap = op.gather(constant([366 * calendar.isleap(year) for year in range(400)], np.int64), self._cycle)
        return op.add(self._place, leap)

    @cached_property
    def _cycle(self) -> Var:
        """The year's place in the 400 years after which the calendar comes again."""
        return op.mod(self.year, whole(400))

    @cached_property
    def year(self) -> Var:
        century, of_century = op.div(self._quarters, whole(146_097)), op.div(self._of_century, whole(1461))
        later = [(one.month <= 2) - 400 * _ERAS for one in _MARCH]
        return op.add(op.add(op.mul(century, whole(100)), of_century), self._by_place(later))

    @cached_property
    def month(self) -> Var:
        return self._by_place([one.month for one in _MARCH])

    @cached_property
    def day(self) -> Var:
        return self._by_place([one.day for one in _MARCH])

    def quarter(self) -> Var:
        return self._by_place([(one.month + 2) // 3 for one in _MARCH])

    def month_name(self) -> Var:
        return op.gather(constant([MONTHS[one.month - 1] for one in _MARCH], np.str_), self._place)

    def starts_month(self) -> Var:
        return self._by_place([one.day == 1 for one in _MARCH], np.bool_)

    def starts_year(self) -> Var:
        return self._by_place([(one.month, one.day) == (1, 1) for one in _MARCH], np.bool_)

    def ends_year(self) -> Var:
        return self._by_place([(one.month, one.day) == (12, 31) for one in _MARCH], np.bool_)

    def leap(self) -> Var:
        """Whether the year has a 29 February."""
        return op.gather(constant([calendar.isleap(year) for year in range(400)], np.bool_), self._cycle)

    def day_of_year(self) -> Var:
        return op.gather(constant([one.timetuple().tm_yday for one in _BOTH], np.int64), self._of_both)

    def days_in_month(self) -> Var:
        return op.gather(
            constant([calendar.monthrange(one.year, one.month)[1] for one in _BOTH], np.int64), self._of_both
        )

    def ends_month(self) -> Var:
        last = [one.day == calendar.monthrange(one.year, one.month)[1] for one in _BOTH]
        return op.gather(constant(last, np.bool_), self._of_both)

    def weekday(self) -> Var:
        """Monday is 0."""
        return op.mod(op.add(self.days, whole(3)), whole(7))

    def iso_week(self) -> Var:
        """By the week's Thursday: its day of the year decides."""
        thursday = Calendar(op.add(op.sub(self.days, self.weekday()), whole(3)))
        weeks = [(one.timetuple().tm_yday + 6) // 7 for one in _BOTH]
        return op.gather(constant(weeks, np.int64), thursday._of_both)

    def _by_place(self, values: Sequence[Any], dtype: Any = np.int64) -> Var:
        return op.gather(constant(values, dtype), self._place)


def _of_day(unit: int, within: int) -> Callable[[Var], Var]:
    return lambda moments: op.div(op.mod(moments, whole(within)), whole(unit))


WHOLE_PARTS: dict[str, Callable[[Var], Var]] = {
    "hour": _of_day(MICROSECONDS["h"], DAY),
    "minute": _of_day(MICROSECONDS["m"], MICROSECONDS["h"]),
    "second": _of_day(MICROSECONDS["s"], MICROSECONDS["m"]),
    "microsecond": lambda moments: op.mod(moments, whole(1_000_000)),
    "year": lambda moments: Calendar(days_of(moments)).year,
    "month": lambda moments: Calendar(days_of(moments)).month,
    "day": lambda moments: Calendar(days_of(moments)).day,
    "quarter": lambda moments: Calendar(days_of(moments)).quarter(),
    "day_of_week": lambda moments: Calendar(days_of(moments)).weekday(),
    "day_of_year": lambda moments: Calendar(days_of(moments)).day_of_year(),
    "days_in_month": lambda moments: Calendar(days_of(moments)).days_in_month(),
}
NAMES = {
    "dayofweek": "day_of_week",
    "weekday": "day_of_week",
    "dayofyear": "day_of_year",
    "daysinmonth": "days_in_month",
}


def _first_of_three(calendar: Calendar) -> Var:
    return op.equal(op.mod(calendar.month, whole(3)), whole(1))


TRUTHS: dict[str, Callable[[Calendar], Var]] = {
    "is_leap_year": Calendar.leap,
    "is_month_start": Calendar.starts_month,
    "is_month_end": Calendar.ends_month,
    "is_year_start": Calendar.starts_year,
    "is_year_end": Calendar.ends_year,
    "is_quarter_start": lambda calendar: op.and_(calendar.starts_month(), _first_of_three(calendar)),
    "is_quarter_end": lambda calendar: op.and_(
        calendar.ends_month(), op.equal(op.mod(calendar.month, whole(3)), whole(0))
    ),
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def part(vector: Vector, name: str, made: Any) -> Vector:
    """A property of `.dt`. Raises Untraceable."""
    name = NAMES.get(name, name)
    if vector.form is Form.SPAN:
        return _span_part(vector, name, made)
    if name in WHOLE_PARTS:
        return counted(WHOLE_PARTS[name](vector.values), vector, made)
    if name in TRUTHS:
        values = TRUTHS[name](Calendar(days_of(vector.values)))
        return Vector(Form.BOOL, filled(Form.BOOL, values, vector.nulls), made)
    raise Untraceable(f"Series.dt.{name}")


def _span_part(vector: Vector, name: str, made: Any) -> Vector:
    if name == "days":
        return counted(days_of(vector.values), vector, made)
    if name == "seconds":
        return counted(op.div(op.mod(vector.values, whole(DAY)), whole(1_000_000)), vector, made)
    raise Untraceable(f"Series.dt.{name}")


def counted(values: Var, of: Vector, made: Any) -> Vector:
    """Whole numbers of what may be missing: floats where it is."""
    if of.nulls is None:
        return Vector(Form.INT, values, made)
    return numbers(filled(Form.FLOAT, op.cast(values, to=np.float64), of.nulls), made, nullable=True)


def total_seconds(vector: Vector, made: Any) -> Vector:
    seconds = op.div(op.cast(vector.values, to=np.float64), constant(1e6))
    return numbers(filled(Form.FLOAT, seconds, vector.nulls), made)


def named(vector: Vector, names: tuple[str, ...], made: Any) -> Vector:
    """Names of days or months, in English."""
    days = Calendar(days_of(vector.values))
    values = days.month_name() if names is MONTHS else op.gather(constant(names, np.str_), days.weekday())
    return Vector(Form.STRING, filled(Form.STRING, values, vector.nulls), made, vector.nulls)


def floored(vector: Vector, unit: int, made: Any) -> Vector:
    """Moments cut to a unit of microseconds."""
    values = op.sub(vector.values, op.mod(vector.values, whole(unit)))
    return Vector(Form.MOMENT, filled(Form.MOMENT, values, vector.nulls), made, vector.nulls)


def formatted(vector: Vector, pattern: str, made: Any) -> Vector:
    """strftime with %Y %m %d %H %M %S. Raises Untraceable for others."""
    days = Calendar(days_of(vector.values))
    pieces: list[tuple[Var, str]] = []
    """Numbers of two digits, each with what stands after it."""
    before, *rest = pattern.split("%")
    for letter, literal in ((one[:1], one[1:]) for one in rest):
        if letter == "Y":
            pieces.append((op.mod(floor_divide(days.year, 100), whole(100)), ""))
            pieces.append((op.mod(days.year, whole(100)), literal))
        elif letter == "m":
            pieces.append((days.month, literal))
        elif letter == "d":
            pieces.append((days.day, literal))
        elif letter in _CLOCK:
            pieces.append((WHOLE_PARTS[_CLOCK[letter]](vector.values), literal))
        else:
            raise Untraceable(f"strftime with %{letter}", "the graph writes %Y %m %d %H %M %S")
    text = constant(before, np.str_)
    for place, (number, after) in enumerate(pieces):
        start = "" if place else before
        written = op.gather(constant([f"{start}{value:02}{after}" for value in range(100)], np.str_), number)
        text = op.string_concat(text, written) if place else written
    return Vector(Form.STRING, filled(Form.STRING, text, vector.nulls), made, vector.nulls)


_CLOCK = {"H": "hour", "M": "minute", "S": "second"}


def unit_of(name: str) -> int:
    """Microseconds of a unit's name. Raises Untraceable."""
    try:
        return int(pandas.Timedelta(1, unit=name).as_unit("ns").value) // 1000  # type: ignore[arg-type] # another unit raises
    except ValueError:
        raise Untraceable(f"the unit {name!r}") from None
