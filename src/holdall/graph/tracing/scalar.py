"""One value of a row, for functions that are applied to values or rows.

The function is run once for each way through it: where it branches on a value, first as if the condition held, then as if
it did not. What the ways give is put together with the conditions under which they are taken. All rows are computed at once.
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.accessors import Text
from holdall.graph.tracing.arithmetic import as_vector, binary, chosen, is_null, quietly
from holdall.graph.tracing.lookup import member_of
from holdall.graph.tracing.series import TracedSeries, ufunc
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, any_null, either, filled, null_mask, numbers
from holdall.graph.value import constant

MOST = 64
"""So many ways through a function are followed."""


@dataclass
class _Way:
    """One run of the function. decisions: what each branch was told to do; conditions: what holds on this way."""

    decisions: list[bool]
    taken: list[bool] = field(default_factory=list)
    conditions: list[Var] = field(default_factory=list)

    def decide(self, condition: Var) -> bool:
        place = len(self.taken)
        answer = self.decisions[place] if place < len(self.decisions) else True
        self.taken.append(answer)
        self.conditions.append(condition if answer else op.not_(condition))
        return answer


_ways: list[_Way] = []
_within: list[object] = [None]
"""What the rows are of just now: the table's, or the parts of a text over which a comprehension goes."""


def _same_rows(within: object) -> None:
    if within is not _within[-1]:
        raise Untraceable("a value of the row inside a loop over parts of it", "write it for the whole column")


@contextmanager
def inside(trace: Trace, rows: Var, fold: Callable[[Var], Var]) -> Iterator[None]:
    """While the parts of rows are gone over. rows: int64 [1], how many parts; fold: parts → rows that have one of them."""
    if trace.raising is not None:
        raise Untraceable("a loop over the parts of a text where errors are caught")
    before = trace.rows, trace.fold
    outer = list(trace._conditions)

    def folded(where: Var) -> Var:
        where = fold(where)
        for condition in outer:
            where = op.and_(where, condition)
        return where if before[1] is None else before[1](where)

    trace.rows, trace.fold = rows, folded
    _within.append(object())
    try:
        with trace.under([]):
            yield
    finally:
        _within.pop()
        trace.rows, trace.fold = before


def decide(condition: Var) -> bool:
    """Which way is gone just now, where the condition holds on one and not on the other."""
    if not _ways:
        raise Untraceable("a branch on a value")
    return _ways[-1].decide(condition)


def exploring() -> bool:
    """Whether a function of one value is being followed just now."""
    return bool(_ways)


class Scalar:
    """A value of one row."""

    def __hash__(self) -> int:
        raise Untraceable("a value of a row as a key", "use Series.map with a dict, or Series.isin")

    def __init__(self, trace: Trace, vector: Vector) -> None:
        self._trace = trace
        self._held = vector
        self._within = _within[-1]

    @property
    def _vector(self) -> Vector:
        _same_rows(self._within)
        return self._held

    @property
    def _series(self) -> TracedSeries:
        return TracedSeries(self._trace, self._vector)

    def _of(self, made: Any) -> Scalar:
        return Scalar(self._trace, made._vector)

    def _binary(self, symbol: str, other: Any, *, turned: bool = False) -> Scalar:
        value = other._vector if isinstance(other, Scalar) else other
        if isinstance(value, Sequence) and not isinstance(value, str):
            raise Untraceable(f"a value {symbol} a {type(value).__name__}")
        a, b = (value, self._vector) if turned else (self._vector, value)
        if symbol in ("/", "//", "%"):
            self._refuse_zero(b)
        if symbol in ("<", "<=", ">", ">=") or (symbol not in ("==", "!=") and Form.STRING in _forms(a, b)):
            self._refuse_missing_text(a, b)
        made = binary(symbol, a, b)
        return Scalar(self._trace, made)

    def _refuse_zero(self, divisor: Any) -> None:
        """Python's numbers raise where a column's divide to infinity."""
        if isinstance(divisor, Vector):
            values = divisor.values if divisor.form is not Form.BOOL else op.cast(divisor.values, to=np.int64)
            zero = constant(0.0) if divisor.form is Form.FLOAT else constant(0, np.int64)
            self._trace_refuse(op.equal(values, zero), "a division by zero", ZeroDivisionError)
        elif divisor == 0:
            raise Untraceable("a division by zero")

    def _refuse_missing_text(self, *operands: Any) -> None:
        for one in operands:
            if isinstance(one, Vector) and one.form is Form.STRING and one.nulls is not None:
                self._trace_refuse(one.nulls, "a missing text", AttributeError)

    def _trace_refuse(self, where: Var, reason: str, error: type[Exception] = ValueError) -> None:
        self._trace.refuse(where, reason, error)

    def __add__(self, other: Any) -> Scalar:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Scalar:
        return self._binary("+", other, turned=True)

    def __sub__(self, other: Any) -> Scalar:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Scalar:
        return self._binary("-", other, turned=True)

    def __mul__(self, other: Any) -> Scalar:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Scalar:
        return self._binary("*", other, turned=True)

    def __truediv__(self, other: Any) -> Scalar:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Scalar:
        return self._binary("/", other, turned=True)

    def __floordiv__(self, other: Any) -> Scalar:
        return self._binary("//", other)

    def __mod__(self, other: Any) -> Scalar:
        return self._binary("%", other)

    def __pow__(self, other: Any) -> Scalar:
        return self._binary("**", other)

    def __eq__(self, other: object) -> Any:
        return False if other is None else self._binary("==", other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else self._binary("!=", other)

    def __lt__(self, other: Any) -> Scalar:
        return self._binary("<", other)

    def __le__(self, other: Any) -> Scalar:
        return self._binary("<=", other)

    def __gt__(self, other: Any) -> Scalar:
        return self._binary(">", other)

    def __ge__(self, other: Any) -> Scalar:
        return self._binary(">=", other)

    def __and__(self, other: Any) -> Scalar:
        return self._binary("&", other)

    def __or__(self, other: Any) -> Scalar:
        return self._binary("|", other)

    def __invert__(self) -> Scalar:
        if self._vector.form is Form.BOOL:
            raise Untraceable("~ of one truth value", "use not")
        return self._of(~self._series)

    def __neg__(self) -> Scalar:
        return self._of(-self._series)

    def __abs__(self) -> Scalar:
        return self._of(abs(self._series))

    def __round__(self, digits: int | None = None) -> Scalar:
        if digits is None:
            raise Untraceable("round() to a whole number", "use round(x, 0)")
        vector = self._vector
        if vector.form is not Form.INT or vector.nulls is not None or vector.loose:
            return Scalar(self._trace, _rounded(vector, digits))
        if digits >= 0:
            return self
        unit = constant(10 ** min(-digits, 18), np.int64)
        rest = op.mod(vector.values, unit)
        low = op.sub(vector.values, rest)
        twice = op.mul(rest, constant(2, np.int64))
        odd = op.equal(op.mod(op.div(low, unit), constant(2, np.int64)), constant(1, np.int64))
        up = op.or_(op.greater(twice, unit), op.and_(op.equal(twice, unit), odd))
        rounded = op.where(up, op.add(low, unit), low)
        return Scalar(self._trace, Vector(Form.INT, rounded, pandas.Series([0])))

    def __bool__(self) -> bool:
        if not _ways:
            raise Untraceable("a branch on a value")
        vector = self._vector
        if vector.form is Form.BOOL:
            condition = vector.values
        elif vector.form is Form.STRING:
            condition = op.not_(op.equal(vector.values, constant("", np.str_)))
        elif vector.form is Form.FLOAT:
            condition = op.not_(op.equal(vector.values, constant(0.0)))
        else:
            condition = op.not_(op.equal(vector.values, constant(0, np.int64)))
        if vector.nulls is not None:
            condition = op.or_(condition, vector.nulls)  # NaN is true
        return _ways[-1].decide(condition)

    def __contains__(self, other: Any) -> bool:
        self._refuse_missing_text(self._vector)
        if not isinstance(other, str) or self._vector.form is not Form.STRING:
            raise Untraceable("'in' one value")
        return bool(self._of(self._series.str.contains(other, regex=False)))

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the characters of a text", "use .str.count or .str.contains on the column")

    def __int__(self) -> int:
        raise Untraceable("int() of a value")

    __float__ = __index__ = __len__ = __int__

    def __getitem__(self, key: Any) -> Scalar:
        self._refuse_missing_text(self._vector)
        if self._vector.form is not Form.STRING:
            raise Untraceable("a part of a value")
        made = self._series.str[key]
        if not isinstance(key, slice):
            missing = null_mask(made._vector)
            if missing is not None:
                self._trace_refuse(missing, "a text that is too short", IndexError)
        return self._of(made)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._vector.form in (Form.MOMENT, Form.SPAN):
            return _of_moment(self, name)
        if self._vector.form is not Form.STRING:
            raise Untraceable(f".{name} of a value")
        return _method(self, name)

    def __str__(self) -> str:
        raise Untraceable("a value written as text", "use str(value), or add texts with +")

    def __format__(self, form: str) -> str:
        raise Untraceable("a value formatted as text", "use str(value), or add texts with +")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise Untraceable(f"numpy.{function.__name__}.{method}")
        series = [one._series if isinstance(one, Scalar) else one for one in inputs]
        return Scalar(self._trace, ufunc(self._trace, function, series)._vector)


def _rounded(vector: Vector, digits: int) -> Vector:
    """round(x, digits) of doubles as Python has it: of the number that the double is, not of one that was scaled."""
    if vector.form is not Form.FLOAT or not 0 <= digits <= 15 or vector.single:
        raise Untraceable("round() of one value", "Python rounds otherwise than pandas; use Series.round")
    x, factor = vector.values, constant(10.0**digits)
    # Where that is a whole number already, or nothing is left behind the point.
    large = op.or_(op.not_(op.less(op.abs(op.mul(x, factor)), constant(2.0**52))), op.isnan(x))
    small = op.where(large, constant(0.0), x)
    high = op.mul(small, factor)
    # The part of the product that a double loses (Dekker): both halves of each factor are multiplied without loss.
    split = constant(134217729.0)
    (a, b), (c, d) = (
        (upper, op.sub(one, upper))
        for one in (small, factor)
        for upper in [op.sub(op.mul(split, one), op.sub(op.mul(split, one), one))]
    )
    lost = op.sub(op.sub(op.sub(op.sub(high, op.mul(a, c)), op.mul(b, c)), op.mul(a, d)), op.mul(b, d))
    low = op.neg(lost)
    base = op.floor(high)
    over = op.add(op.sub(op.sub(high, base), constant(0.5)), low)
    odd = op.not_(op.equal(op.mul(op.floor(op.div(base, constant(2.0))), constant(2.0)), base))
    up = op.or_(op.greater(over, constant(0.0)), op.and_(op.equal(over, constant(0.0)), odd))
    whole = op.where(up, op.add(base, constant(1.0)), base)
    return numbers(op.where(large, x, op.div(whole, factor)), vector.live, loose=vector.loose)


def _forms(*operands: Any) -> set[Form]:
    return {one.form for one in operands if isinstance(one, Vector)}


_TEXT = {
    "lower",
    "upper",
    "strip",
    "lstrip",
    "rstrip",
    "startswith",
    "endswith",
    "replace",
    "isdigit",
    "isnumeric",
    "isdecimal",
    "isspace",
    "isalpha",
    "isalnum",
    "isupper",
    "islower",
    "title",
    "capitalize",
    "find",
    "translate",
    "ljust",
    "rjust",
    "removeprefix",
    "removesuffix",
    "zfill",
}


def _method(scalar: Scalar, name: str) -> Callable[..., Any]:
    """A method of one text."""

    def call(*arguments: Any) -> Any:
        scalar._refuse_missing_text(scalar._vector)
        # Of one text Python itself is asked, whatever pandas leaves its columns to.
        text = Text(TracedSeries(scalar._trace, scalar._vector.with_live(scalar._vector.live.astype(object))))
        if name == "split":
            return _Split(scalar, arguments[0] if arguments else None)
        if name == "count":
            import re

            return scalar._of(text.count(re.escape(arguments[0])))
        if name == "get" or name not in _TEXT:
            raise Untraceable(f"str.{name} of one value")
        if name == "replace":
            return scalar._of(text.replace(arguments[0], arguments[1], regex=False))
        return scalar._of(getattr(text, name)(*arguments))

    return call


_PARTS = frozenset(
    ["year", "month", "day", "hour", "minute", "second", "microsecond", "quarter", "dayofweek", "day_of_week", "dayofyear",
     "day_of_year", "days_in_month", "is_month_start", "is_month_end", "is_leap_year", "is_year_start", "is_year_end"]
)  # fmt: skip


def _of_moment(scalar: Scalar, name: str) -> Any:
    """A part of one moment or span."""
    times = scalar._series.dt
    if scalar._vector.form is Form.SPAN:
        if name in ("days", "seconds"):
            return scalar._of(getattr(times, name))
        if name == "total_seconds":
            return lambda: scalar._of(times.total_seconds())
        raise Untraceable(f".{name} of a span")
    if name in _PARTS:
        return scalar._of(getattr(times, name))
    if name in ("weekday", "isoweekday"):
        shift = 1 if name == "isoweekday" else 0
        return lambda: scalar._of(times.dayofweek + shift)
    if name in ("strftime", "day_name", "month_name", "normalize", "floor"):
        return lambda *arguments: scalar._of(getattr(times, name)(*arguments))
    raise Untraceable(f".{name} of a moment")


class _Split:
    """What `text.split(…)` gives, of which one piece can be taken, or the number."""

    def __init__(self, scalar: Scalar, separator: str | None) -> None:
        self._scalar = scalar
        self._separator = separator
        self._pieces = scalar._series.str.split(separator)

    def __getitem__(self, key: Any) -> Any:
        if builtins.isinstance(key, slice):
            return self.elements()[key]
        made = self._pieces[key]
        missing = null_mask(made._vector)
        if missing is not None:
            self._scalar._trace_refuse(missing, "a text with too few pieces", IndexError)
        return self._scalar._of(made)

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the pieces of a text", "write it as a comprehension")

    def __bool__(self) -> bool:
        return bool(self.count() > 0)

    def elements(self) -> Any:
        """The pieces, to go over them."""
        from holdall.graph.tracing.elements import of_pieces

        return of_pieces(self._scalar, self._separator)

    def count(self) -> Scalar:
        return self._scalar._of(self._pieces.len())


class Row:
    """One row of a table."""

    def __init__(self, trace: Trace, columns: Mapping[Any, Vector]) -> None:
        self._trace = trace
        self._columns = columns
        self._within = _within[-1]

    def __getitem__(self, key: Any) -> Scalar:
        _same_rows(self._within)
        if key not in self._columns:
            raise KeyError(key)
        return Scalar(self._trace, self._columns[key])

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self._columns else default

    def __iter__(self) -> Any:
        return iter([self[name] for name in self._columns])

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: Any) -> bool:
        return name in self._columns

    @property
    def index(self) -> Any:
        return pandas.Index(list(self._columns))

    def __getattr__(self, name: str) -> Any:
        if name in self._columns:
            return self[name]
        if name.startswith("__"):
            raise AttributeError(name)
        raise Untraceable(f"row.{name}")


def over_values(
    trace: Trace, vector: Vector, function: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]
) -> Vector:
    """Series.apply and Series.map by a function."""
    real_one = _undone(function)
    live = quietly(vector.live.apply, real_one, args=tuple(arguments), **options)
    face = _face_of(real_one)
    if face is not None:
        return explored(trace, lambda: face(Scalar(trace, vector)), live)
    rebound = _rebound(function, trace)
    return explored(trace, lambda: rebound(Scalar(trace, vector), *arguments, **options), live, catches(real_one))


def over_pieces(
    trace: Trace, vector: Vector, separator: str | None, pieces: Any, function: Callable[..., Any]
) -> Vector:
    """Series.apply of the lists that `.str.split` gives. pieces: those of the sample."""
    real_one = _undone(function)
    live = quietly(pieces.apply, real_one)
    rebound = _rebound(function, trace)

    def run() -> Any:
        if vector.nulls is not None and decide(vector.nulls):
            return rebound(marker(vector))
        return rebound(_Split(Scalar(trace, Vector(Form.STRING, vector.values, vector.live)), separator))

    return explored(trace, run, live, catches(real_one))


def over_rows_of(
    trace: Trace,
    columns: Mapping[Any, Vector],
    frame: Any,
    function: Callable[..., Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any],
) -> Vector:
    """DataFrame.apply(axis=1)."""
    live = quietly(frame.apply, _undone(function), axis=1, args=tuple(arguments), **options)
    if not isinstance(live, pandas.Series):
        raise Untraceable("DataFrame.apply(axis=1) that gives several columns", "give one column for each")
    rebound = _rebound(function, trace)
    row = Row(trace, columns)
    return explored(trace, lambda: rebound(row, *arguments, **options), live, catches(_undone(function)))


def catches(function: Any, seen: frozenset[int] = frozenset()) -> bool:
    """Whether the function, or one that it calls by name, may catch what is raised in it."""
    function = _undone(function)
    code = getattr(function, "__code__", None)
    if code is None or id(code) in seen:
        return False
    codes = [code]
    names: set[str] = set()
    while codes:
        one = codes.pop()
        if one.co_exceptiontable:
            return True
        names.update(one.co_names)
        codes += [inner for inner in one.co_consts if isinstance(inner, types.CodeType)]
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=False))
    called = [function.__globals__.get(name) for name in names]
    called += [cell.cell_contents for cell in cells.values() if cell_is_full(cell)]
    return any(isinstance(one, types.FunctionType) and catches(one, seen | {id(code)}) for one in called)


def cell_is_full(cell: types.CellType) -> bool:
    """Whether a variable of an outer function has a value."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _undone(function: Callable[..., Any]) -> Callable[..., Any]:
    from holdall.graph.tracing.rebinding import original

    found: Callable[..., Any] = real(original(function))
    return found


def _face_of(function: Any) -> Face | None:
    """The face of a function of Python's own, methods of text among them."""
    if builtins.isinstance(function, builtins.type | types.BuiltinFunctionType):
        name = builtins.str(getattr(function, "__name__", ""))
        return FACES.get(name) if getattr(builtins, name, None) is function else None
    if builtins.isinstance(function, types.MethodDescriptorType) and function.__objclass__ is builtins.str:
        return Face(function, lambda value, *rest: getattr(value, function.__name__)(*rest))
    return None


def _rebound(function: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    from holdall.graph.tracing.rebinding import rebound

    return rebound(function, trace)


def _raising(where: Var, error: Exception) -> None:
    """What is caught is a branch as another: a way on which it is raised, and one on which it is not."""
    if _ways[-1].decide(where):
        raise error


def explored(trace: Trace, run: Callable[[], Any], live: Any, caught: bool = False) -> Vector:
    """Every way through, put together. live: what pandas gives for the sample. caught: the function may catch errors."""
    before = trace.raising
    ends: list[tuple[list[Var], Any]] = []
    pending: list[list[bool]] = [[]]
    while pending:
        way = _Way(pending.pop())
        _ways.append(way)
        try:
            with trace.under(way.conditions):
                trace.raising = _raising if caught else None
                value = run()
        except Untraceable:
            raise
        except Exception as error:  # on this way the user's own function raises: those rows are refused
            if not way.conditions:
                raise
            trace.raising = None
            with trace.under(list(way.conditions)):
                trace.refuse(constant(True, np.bool_), f"{type(error).__name__}: {error}")
            value = None
        finally:
            trace.raising = before
            _ways.pop()
        if isinstance(value, Scalar) and any(value._vector.nulls is condition for condition in way.conditions):
            # On this way the value is one that is missing, whatever it is elsewhere.
            value = np.nan
        ends.append((way.conditions, value))
        if len(ends) > MOST:
            raise Untraceable(f"a function with more than {MOST} ways through it", "write it with np.select")
        pending += [[*way.taken[:place], False] for place in range(len(way.decisions), len(way.taken))]
    values = [_as_end(value, live) for _, value in ends]
    form = next((one.form for one in values if one.form is not Form.INT), Form.INT)
    if {one.form for one in values} <= {Form.INT, Form.FLOAT, Form.BOOL}:
        return _numbers_of(ends, values, live)
    typical = next(one for one in values if one.form is form)
    result = values[0]
    for (conditions, _), value in list(zip(ends, values, strict=True))[1:]:
        result = chosen(Vector(Form.BOOL, _all(conditions), live), value, result, live)
    return Vector(typical.form, result.values, live, result.nulls)


def _numbers_of(ends: Sequence[tuple[list[Var], Any]], values: Sequence[Vector], live: Any) -> Vector:
    forms = {one.form for one in values}
    if forms == {Form.BOOL}:
        result = values[0].values
        for (conditions, _), value in list(zip(ends, values, strict=True))[1:]:
            result = either(_all(conditions), value.values, result)
        return Vector(Form.BOOL, result, live.astype(bool))
    if Form.BOOL in forms:
        raise Untraceable("a function that gives numbers here and truth values there", "give numbers everywhere")
    loose = any(one.loose for one in values) or forms == {Form.INT, Form.FLOAT}
    floats = Form.FLOAT in forms
    result = _number(values[0], floats)
    for (conditions, _), value in list(zip(ends, values, strict=True))[1:]:
        result = op.where(_all(conditions), _number(value, floats), result)
    if not floats:
        nulls = any_null(*(one.nulls for one in values))
        return Vector(Form.INT, filled(Form.INT, result, nulls), live, nulls)
    return numbers(result, live.astype(np.float64) if live.dtype.kind in "iubO" else live, loose=loose)


def _number(vector: Vector, floats: bool) -> Var:
    from holdall.graph.tracing.vector import to_float, to_int

    return to_float(vector) if floats else to_int(vector)


def _as_end(value: Any, live: Any) -> Vector:
    if isinstance(value, Scalar):
        return value._vector
    if isinstance(value, TracedSeries):
        return value._vector
    if is_null(value):
        text = not pandas.api.types.is_numeric_dtype(live.dtype)
        return as_vector(value, Form.STRING if text else Form.FLOAT)
    return as_vector(value)


def _all(conditions: Sequence[Var]) -> Var:
    if not conditions:
        return constant(True, np.bool_)
    result = conditions[0]
    for condition in conditions[1:]:
        result = op.and_(result, condition)
    return result


# Python's own functions of one value


def _int(value: Any = 0, *arguments: Any) -> Any:
    if not isinstance(value, Scalar):
        return builtins.int(value, *arguments)
    return value._of(value._series.astype("int64"))


def _float(value: Any = 0.0) -> Any:
    return value._of(value._series.astype("float64")) if isinstance(value, Scalar) else builtins.float(value)


def _str(value: Any = "", *arguments: Any) -> Any:
    if not isinstance(value, Scalar):
        return builtins.str(value, *arguments)
    vector = value._vector
    if vector.form is not Form.STRING or vector.nulls is None:
        return value._of(value._series.astype("str"))
    word = constant(builtins.str(marker(vector)), np.str_)
    return Scalar(
        value._trace, Vector(Form.STRING, op.where(vector.nulls, word, vector.values), vector.live.astype(str))
    )


def marker(vector: Vector) -> Any:
    """What stands where a text is missing: NaN or None. Raises Untraceable where the sample does not show it."""
    if vector.text_dtype:
        if isinstance(vector.live.dtype.na_value, float):
            return np.nan
        raise Untraceable("a missing value of the dtype string as a value", "use pandas.isna, or .fillna before")
    shown = {type(value) for value in vector.live.tolist() if is_null(value)}
    if shown == {float}:
        return np.nan
    if shown == {type(None)}:
        return None
    raise Untraceable("a missing text as a value", "use pandas.isna, or .fillna before")


def _type(value: Any, *arguments: Any) -> Any:
    if not isinstance(value, Scalar):
        made = builtins.type(value, *arguments)
        return (
            FACES.get(made.__name__, made)
            if made in (builtins.int, builtins.float, builtins.str, builtins.bool)
            else made
        )
    vector = value._vector
    if vector.form is not Form.STRING:
        raise Untraceable("type() of a value that is no text")
    if vector.nulls is None or not _ways[-1].decide(vector.nulls):
        return FACES["str"]
    return FACES["float"] if marker(vector) is not None else builtins.type(None)


def _len(value: Any) -> Any:
    if isinstance(value, _Split) or type(value).__name__ == "Found":
        return value.count()
    if not isinstance(value, Scalar):
        return builtins.len(value)
    value._refuse_missing_text(value._vector)
    if value._vector.form is not Form.STRING:
        raise Untraceable("len() of a number")
    from holdall.graph.tracing.text import size

    return Scalar(value._trace, Vector(Form.INT, size(value._vector), pandas.Series([0])))


def _bool(value: Any = False) -> Any:
    return builtins.bool(value)


def _isinstance(value: Any, kinds: Any) -> bool:
    kinds = tuple(map(real, kinds)) if builtins.isinstance(kinds, tuple) else real(kinds)
    if builtins.isinstance(value, _Split):
        return list in (kinds if builtins.isinstance(kinds, tuple) else (kinds,))
    if not isinstance(value, Scalar):
        return builtins.isinstance(value, kinds)
    wanted = kinds if builtins.isinstance(kinds, tuple) else (kinds,)
    names = {getattr(kind, "__name__", "").lstrip("_") for kind in wanted}
    form = value._vector.form
    of = {Form.STRING: {"str"}, Form.FLOAT: {"float"}, Form.INT: {"int"}, Form.BOOL: {"bool", "int"}}.get(form, set())
    if value._vector.loose:
        raise Untraceable("isinstance of a number that is whole in some tables")
    missing = null_mask(value._vector) if form is Form.STRING else None
    if missing is None:
        return bool(names & of)
    if names & of:
        return not _ways[-1].decide(missing)
    word = marker(value._vector)
    if ("float" if word is not None else "NoneType") in names:
        return _ways[-1].decide(missing)
    return False


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any, **options: Any) -> Any:
        if not any(isinstance(value, Scalar) for value in values):
            return function(*values, **options)
        if options or len(values) < 2:
            raise Untraceable(f"{function.__name__}() with options")
        best = values[0]
        for value in values[1:]:
            better = value < best if function is builtins.min else value > best
            best = value if better else best
        return best

    return call


def missing(value: Scalar) -> Scalar:
    """pandas.isna of one value."""
    return value._of(value._series.isna())


def present(value: Scalar) -> Scalar:
    """pandas.notna of one value."""
    return value._of(value._series.notna())


def one_of(value: Scalar, listed: Sequence[Any]) -> bool:
    """`value in listed`."""
    mask = member_of(value._vector, listed)
    return _ways[-1].decide(mask)


class Face:
    """A function or class of Python's own that also takes a value of a row. To NumPy and pandas it is the dtype it names."""

    def __init__(self, behind: Any, call: Callable[..., Any]) -> None:
        self._behind = behind
        self._call = call
        self.__name__ = behind.__name__
        kinds = (builtins.int, builtins.float, builtins.bool, builtins.str, np.generic)
        if isinstance(behind, builtins.type) and issubclass(behind, kinds):
            self.dtype = np.dtype(behind)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._call(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._behind, name)
        if name.startswith("__") or not callable(method):
            return method

        def call(*arguments: Any, **options: Any) -> Any:
            if arguments and builtins.isinstance(arguments[0], Scalar):
                return getattr(arguments[0], name)(*arguments[1:], **options)
            return method(*arguments, **options)

        return Face(method, call)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Face):
            return other._behind is self._behind
        # A dtype knows itself whether it is meant.
        return True if other is self._behind else NotImplemented

    def __hash__(self) -> int:
        return hash(self._behind)

    def __or__(self, other: Any) -> Any:
        return self._behind | real(other)

    __ror__ = __or__


_CALLS: dict[str, Callable[..., Any]] = {
    "int": _int, "float": _float, "str": _str, "len": _len, "bool": _bool, "isinstance": _isinstance, "type": _type,
    "min": _extreme(builtins.min), "max": _extreme(builtins.max), "abs": builtins.abs, "round": builtins.round,
}  # fmt: skip
FACES = {name: Face(getattr(builtins, name), call) for name, call in _CALLS.items()}
"""What stands in for Python's own: `int` is a function here, and a dtype where a table is asked."""


def _of_numpy(kind: Any) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        if len(arguments) == 1 and builtins.isinstance(arguments[0], Scalar):
            return arguments[0]._of(arguments[0]._series.astype(kind))
        if len(arguments) == 1 and builtins.isinstance(arguments[0], TracedSeries):
            return arguments[0].astype(kind)
        return kind(*arguments)

    return call


NUMPY_FACES = {
    name: Face(getattr(np, name), _of_numpy(getattr(np, name)))
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64", "bool_")
}
"""What stands in for NumPy's kinds of numbers."""


def vectorized(trace: Trace, function: Callable[..., Any]) -> Callable[..., Any]:
    """numpy.vectorize: the function of the values of each row."""

    def call(*columns: Any) -> Any:
        from holdall.graph.tracing.array import Cell, TracedArray

        vectors = [vector_of(one) for one in columns]
        if not any(builtins.isinstance(one, Vector) for one in vectors):
            return np.vectorize(function)(*columns)
        made = over_several(trace, vectors, function)
        return TracedArray(trace, [Cell(made)], flat=True)

    return call


def vector_of(value: Any) -> Any:
    """The vector of a column, or a constant as it is."""
    if builtins.isinstance(value, TracedSeries):
        return value._vector
    cells = getattr(value, "_cells", None)
    return cells[0].vector if cells is not None and len(cells) == 1 else value


def over_several(trace: Trace, given: Sequence[Any], function: Callable[..., Any]) -> Vector:
    """The function of the values of several columns in each row; what is no column is the same in every row."""
    rows = max(len(one.live) for one in given if builtins.isinstance(one, Vector))
    lives = [
        one.live.tolist() if builtins.isinstance(one, Vector) and len(one.live) == rows
        else [one.live.iloc[0] if builtins.isinstance(one, Vector) else one] * rows
        for one in given
    ]  # fmt: skip
    real_one = _undone(function)
    live = pandas.Series([quietly(real_one, *values) for values in zip(*lives, strict=True)])
    rebound = _rebound(function, trace)
    values = [Scalar(trace, one) if builtins.isinstance(one, Vector) else one for one in given]
    return explored(trace, lambda: rebound(*values), live, catches(real_one))


def real(value: Any) -> Any:
    """Python's own of a face, everything else as it is."""
    return value._behind if builtins.isinstance(value, Face) else value


def math_function(name: str, of_python: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    """A function of the module math, which also takes a value of a row."""

    def call(*values: Any) -> Any:
        if not any(isinstance(value, Scalar) for value in values):
            return of_python(*values)
        if name in ("atan2", "hypot") and len(values) == 2:
            first, second = (value if isinstance(value, Scalar) else builtins.float(value) for value in values)
            sides = [_float(one)._series if isinstance(one, Scalar) else one for one in (first, second)]
            return Scalar(trace, ufunc(trace, np.arctan2 if name == "atan2" else np.hypot, sides)._vector)
        scalar = next(value for value in values if isinstance(value, Scalar))
        if name in ("floor", "ceil", "trunc"):
            function = getattr(np, name)
            return _int(Scalar(trace, ufunc(trace, function, (scalar._series,))._vector))
        if (
            name
            in (
                "isnan",
                "sin",
                "cos",
                "tan",
                "exp",
                "fabs",
                "atan",
                "radians",
                "degrees",
                "log",
                "log1p",
                "log10",
                "log2",
                "sqrt",
            )
            and len(values) == 1
        ):
            numpy_name = {"atan": "arctan", "fabs": "absolute"}.get(name, name)
            if name in ("log", "log10", "log2"):
                scalar._trace_refuse(
                    op.less_or_equal(_float(scalar)._vector.values, constant(0.0)),
                    "a logarithm of what is not positive",
                )
            if name == "log1p":
                scalar._trace_refuse(
                    op.less_or_equal(_float(scalar)._vector.values, constant(-1.0)),
                    "a logarithm of what is not positive",
                )
            if name == "sqrt":
                scalar._trace_refuse(
                    op.less(_float(scalar)._vector.values, constant(0.0)), "a root of a negative number"
                )
            return Scalar(trace, ufunc(trace, getattr(np, numpy_name), (_float(scalar)._series,))._vector)
        raise Untraceable(f"math.{name}")

    return call
