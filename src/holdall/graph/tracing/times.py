"""Moments and spans: parts of the calendar, differences, text. All in int64 microseconds since 1970, without a zone."""

from __future__ import annotations

from collections.abc import Callable
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


class Calendar:
    """Year, month and day of days since 1970, in the Gregorian calendar (Hinnant's algorithm, from 0000-03-01)."""

    def __init__(self, days: Var) -> None:
        self.days = days
        shifted = op.add(days, whole(719_468))
        era = floor_divide(shifted, 146_097)
        of_era = op.sub(shifted, op.mul(era, whole(146_097)))
        year_of_era = floor_divide(
            op.sub(
                op.add(op.sub(of_era, floor_divide(of_era, 1460)), floor_divide(of_era, 36_524)),
                floor_divide(of_era, 146_096),
            ),
            365,
        )
        of_year = op.sub(
            of_era,
            op.sub(
                op.add(op.mul(whole(365), year_of_era), floor_divide(year_of_era, 4)), floor_divide(year_of_era, 100)
            ),
        )
        shifted_month = floor_divide(op.add(op.mul(whole(5), of_year), whole(2)), 153)
        self.day = op.add(
            op.sub(of_year, floor_divide(op.add(op.mul(whole(153), shifted_month), whole(2)), 5)), whole(1)
        )
        early = op.less(shifted_month, whole(10))
        self.month = op.where(early, op.add(shifted_month, whole(3)), op.sub(shifted_month, whole(9)))
        year = op.add(year_of_era, op.mul(era, whole(400)))
        self.year = op.where(op.less_or_equal(self.month, whole(2)), op.add(year, whole(1)), year)

    def leap(self) -> Var:
        """Whether the year has a 29 February."""
        zero = whole(0)
        fourth = op.equal(op.mod(self.year, whole(4)), zero)
        century = op.equal(op.mod(self.year, whole(100)), zero)
        return op.and_(fourth, op.or_(op.not_(century), op.equal(op.mod(self.year, whole(400)), zero)))

    def day_of_year(self) -> Var:
        before = op.gather(
            constant(np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]), np.int64), self._index()
        )
        late = op.and_(self.leap(), op.greater(self.month, whole(2)))
        return op.add(op.add(before, self.day), op.cast(late, to=np.int64))

    def days_in_month(self) -> Var:
        usual = op.gather(constant([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64), self._index())
        return op.add(usual, op.cast(op.and_(self.leap(), op.equal(self.month, whole(2))), to=np.int64))

    def weekday(self) -> Var:
        """Monday is 0."""
        return op.mod(op.add(self.days, whole(3)), whole(7))

    def iso_week(self) -> Var:
        """By the week's Thursday: its day of the year decides."""
        thursday = Calendar(op.add(op.sub(self.days, self.weekday()), whole(3)))
        return op.add(floor_divide(op.sub(thursday.day_of_year(), whole(1)), 7), whole(1))

    def _index(self) -> Var:
        return op.sub(self.month, whole(1))


def _of_day(unit: int, modulus: int) -> Callable[[Var], Var]:
    return lambda moments: op.mod(floor_divide(moments, unit), whole(modulus))


WHOLE_PARTS: dict[str, Callable[[Var], Var]] = {
    "hour": _of_day(MICROSECONDS["h"], 24),
    "minute": _of_day(MICROSECONDS["m"], 60),
    "second": _of_day(MICROSECONDS["s"], 60),
    "microsecond": lambda moments: op.mod(moments, whole(1_000_000)),
    "year": lambda moments: Calendar(days_of(moments)).year,
    "month": lambda moments: Calendar(days_of(moments)).month,
    "day": lambda moments: Calendar(days_of(moments)).day,
    "quarter": lambda moments: op.add(floor_divide(op.sub(Calendar(days_of(moments)).month, whole(1)), 3), whole(1)),
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
TRUTHS: dict[str, Callable[[Calendar], Var]] = {
    "is_leap_year": lambda calendar: calendar.leap(),
    "is_month_start": lambda calendar: op.equal(calendar.day, whole(1)),
    "is_month_end": lambda calendar: op.equal(calendar.day, calendar.days_in_month()),
    "is_year_start": lambda calendar: op.equal(calendar.day_of_year(), whole(1)),
    "is_year_end": lambda calendar: op.and_(op.equal(calendar.month, whole(12)), op.equal(calendar.day, whole(31))),
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
        return counted(floor_divide(op.mod(vector.values, whole(DAY)), 1_000_000), vector, made)
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
    calendar = Calendar(days_of(vector.values))
    place = calendar.weekday() if names is DAYS else op.sub(calendar.month, whole(1))
    values = op.gather(constant(list(names), np.str_), place)
    return Vector(Form.STRING, filled(Form.STRING, values, vector.nulls), made, vector.nulls)


def floored(vector: Vector, unit: int, made: Any) -> Vector:
    """Moments cut to a unit of microseconds."""
    values = op.sub(vector.values, op.mod(vector.values, whole(unit)))
    return Vector(Form.MOMENT, filled(Form.MOMENT, values, vector.nulls), made, vector.nulls)


def formatted(vector: Vector, pattern: str, made: Any) -> Vector:
    """strftime with %Y %m %d %H %M %S. Raises Untraceable for others."""
    calendar = Calendar(days_of(vector.values))
    widths: dict[str, tuple[Var, int]] = {
        "Y": (calendar.year, 4),
        "m": (calendar.month, 2),
        "d": (calendar.day, 2),
        "H": (WHOLE_PARTS["hour"](vector.values), 2),
        "M": (WHOLE_PARTS["minute"](vector.values), 2),
        "S": (WHOLE_PARTS["second"](vector.values), 2),
    }
    pieces: list[Var] = []
    rest = pattern
    while rest:
        if rest[0] != "%":
            literal, found, after = rest.partition("%")
            pieces.append(constant(literal, np.str_))
            rest = found + after
            continue
        if rest[1:2] not in widths:
            raise Untraceable(f"strftime with %{rest[1:2]}", "the graph writes %Y %m %d %H %M %S")
        pieces.append(_digits(*widths[rest[1]]))
        rest = rest[2:]
    text = pieces[0] if pieces else constant("", np.str_)
    for piece in pieces[1:]:
        text = op.string_concat(text, piece)
    return Vector(Form.STRING, filled(Form.STRING, text, vector.nulls), made, vector.nulls)


def _digits(number: Var, width: int) -> Var:
    table = constant([str(value).zfill(2) for value in range(100)], np.str_)
    if width == 2:
        return op.gather(table, number)
    return op.string_concat(
        op.gather(table, op.mod(floor_divide(number, 100), whole(100))), op.gather(table, op.mod(number, whole(100)))
    )


def unit_of(name: str) -> int:
    """Microseconds of a unit's name. Raises Untraceable."""
    try:
        return int(pandas.Timedelta(1, unit=name).as_unit("ns").value) // 1000  # type: ignore[arg-type] # another unit raises
    except ValueError:
        raise Untraceable(f"the unit {name!r}") from None
