"""One value of a row, for functions that are applied to values or rows.

The function is run once for each way through it: where it branches on a value, first as if the condition held, then as if
it did not. What the ways give is put together with the conditions under which they are taken. All rows are computed at once.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
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


class Scalar:
    """A value of one row."""

    def __hash__(self) -> int:
        raise Untraceable("a value of a row as a key", "use Series.map with a dict, or Series.isin")

    def __init__(self, trace: Trace, vector: Vector) -> None:
        self._trace = trace
        self._vector = vector

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
            self._trace_refuse(op.equal(values, zero), "a division by zero")
        elif divisor == 0:
            raise Untraceable("a division by zero")

    def _refuse_missing_text(self, *operands: Any) -> None:
        for one in operands:
            if isinstance(one, Vector) and one.form is Form.STRING and one.nulls is not None:
                self._trace_refuse(one.nulls, "a missing text")

    def _trace_refuse(self, where: Var, reason: str) -> None:
        self._trace.refuse(where, reason)

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
        raise Untraceable("round() of one value", "Python rounds otherwise than pandas; use Series.round")

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
                self._trace_refuse(missing, "a text that is too short")
        return self._of(made)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._vector.form is not Form.STRING:
            raise Untraceable(f".{name} of a value")
        return _method(self, name)

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise Untraceable(f"numpy.{function.__name__}.{method}")
        series = [one._series if isinstance(one, Scalar) else one for one in inputs]
        return Scalar(self._trace, ufunc(self._trace, function, series)._vector)


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
    "removeprefix",
    "removesuffix",
    "zfill",
}


def _method(scalar: Scalar, name: str) -> Callable[..., Any]:
    """A method of one text."""

    def call(*arguments: Any) -> Any:
        scalar._refuse_missing_text(scalar._vector)
        text = Text(TracedSeries(scalar._trace, scalar._vector))
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


class _Split:
    """What `text.split(…)` gives, of which one piece can be taken, or the number."""

    def __init__(self, scalar: Scalar, separator: str | None) -> None:
        self._scalar = scalar
        self._pieces = scalar._series.str.split(separator)

    def __getitem__(self, key: int) -> Scalar:
        made = self._pieces[key]
        missing = null_mask(made._vector)
        if missing is not None:
            self._scalar._trace_refuse(missing, "a text with too few pieces")
        return self._scalar._of(made)

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the pieces of a text")

    def count(self) -> Scalar:
        return self._scalar._of(self._pieces.len())


class Row:
    """One row of a table."""

    def __init__(self, trace: Trace, columns: Mapping[Any, Vector]) -> None:
        self._trace = trace
        self._columns = columns

    def __getitem__(self, key: Any) -> Scalar:
        if key not in self._columns:
            raise KeyError(key)
        return Scalar(self._trace, self._columns[key])

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self._columns else default

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
    face = next((face for face, known in REAL.items() if known is real_one), None)
    if face is not None:
        return _explored(trace, lambda: face(Scalar(trace, vector)), live)
    return _explored(trace, lambda: _rebound(function, trace)(Scalar(trace, vector), *arguments, **options), live)


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
    return _explored(trace, lambda: _rebound(function, trace)(Row(trace, columns), *arguments, **options), live)


def _undone(function: Callable[..., Any]) -> Callable[..., Any]:
    from holdall.graph.tracing.rebinding import original

    found: Callable[..., Any] = REAL.get(original(function), original(function))
    return found


def _rebound(function: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    from holdall.graph.tracing.rebinding import rebound

    return rebound(function, trace)


def _explored(trace: Trace, run: Callable[[], Any], live: Any) -> Vector:
    """Every way through, put together. live: what pandas gives for the sample."""
    ends: list[tuple[list[Var], Any]] = []
    pending: list[list[bool]] = [[]]
    while pending:
        way = _Way(pending.pop())
        _ways.append(way)
        try:
            with trace.under(way.conditions):
                value = run()
        except Untraceable:
            raise
        except Exception as error:  # on this way the user's own function raises: those rows are refused
            if not way.conditions:
                raise
            with trace.under(list(way.conditions)):
                trace.refuse(constant(True, np.bool_), f"{type(error).__name__}: {error}")
            value = None
        finally:
            _ways.pop()
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
    return value._of(value._series.astype("str")) if isinstance(value, Scalar) else builtins.str(value, *arguments)


def _len(value: Any) -> Any:
    if isinstance(value, _Split):
        return value.count()
    if not isinstance(value, Scalar):
        return builtins.len(value)
    value._refuse_missing_text(value._vector)
    if value._vector.form is not Form.STRING:
        raise Untraceable("len() of a number")
    from holdall.graph.tracing.characters import length

    return Scalar(value._trace, Vector(Form.INT, length(value._vector.values), pandas.Series([0])))


def _bool(value: Any = False) -> Any:
    return builtins.bool(value)


def _isinstance(value: Any, kinds: Any) -> bool:
    kinds = tuple(map(real, kinds)) if builtins.isinstance(kinds, tuple) else real(kinds)
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
    if "float" in names:
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


_BUILTINS: dict[str, Callable[..., Any]] = {
    "int": _int,
    "float": _float,
    "str": _str,
    "len": _len,
    "bool": _bool,
    "isinstance": _isinstance,
    "min": _extreme(builtins.min),
    "max": _extreme(builtins.max),
    "abs": builtins.abs,
}


REAL: dict[Any, Any] = {face: getattr(builtins, name) for name, face in _BUILTINS.items()}
"""What stands behind each face: `int` is a function here, and a dtype where a table is asked."""


def real(value: Any) -> Any:
    """Python's own of a face, everything else as it is."""
    return REAL.get(value, value) if callable(value) and getattr(value, "__hash__", None) is not None else value


def math_function(name: str, of_python: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    """A function of the module math, which also takes a value of a row."""

    def call(*values: Any) -> Any:
        if not any(isinstance(value, Scalar) for value in values):
            return of_python(*values)
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
