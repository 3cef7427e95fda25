"""Two columns, or a column and a constant: arithmetic, comparison, logic, as pandas does them."""

from __future__ import annotations

import datetime
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.distinct import once
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import (
    ELEMENT,
    Form,
    Vector,
    any_null,
    either,
    filled,
    form_of,
    numbers,
    to_float,
    to_int,
    wrapped,
)
from holdall.graph.value import constant, to_single

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
COMPARISON: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LOGIC: dict[str, Callable[[Any, Any], Any]] = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
PYTHON = ARITHMETIC | COMPARISON | LOGIC
_GRAPH = {"+": op.add, "-": op.sub, "*": op.mul}
_ORDERED = {"<": op.less, "<=": op.less_or_equal, ">": op.greater, ">=": op.greater_or_equal}


def live(of: Vector | Any) -> Any:
    """The live side of an operand."""
    return of.live if isinstance(of, Vector) else of


def quietly(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What pandas gives for the rows of the sample, without its warnings of divisions and the like."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def is_null(value: Any) -> bool:
    """Whether a constant stands for a missing value."""
    return value is None or value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124 — NaN


def as_vector(value: Any, like: Form | None = None) -> Vector:
    """A constant as a column of one value for all rows. like: the form of the column that it meets.

    Raises Untraceable for what is no number, text or time.
    """
    if isinstance(value, np.generic):
        value = value.item() if value.dtype.kind not in "mM" else pandas.Series([value])[0]
    if like in (Form.MOMENT, Form.SPAN) and isinstance(value, str):
        value = pandas.Timestamp(value) if like is Form.MOMENT else pandas.Timedelta(value)
    if is_null(value):
        form = like or Form.FLOAT
        nulls = None if form is Form.FLOAT else constant(True, np.bool_)
        return Vector(form, constant(_fill(form), ELEMENT[form]), pandas.Series([value]), nulls)
    if isinstance(value, bool):
        return Vector(Form.BOOL, constant(value, np.bool_), pandas.Series([value]))
    if isinstance(value, int):
        if abs(value) >= 1 << 63:
            raise Untraceable(f"the number {value}", "whole numbers have 64 bits")
        return Vector(Form.INT, constant(value, np.int64), pandas.Series([value]))
    if isinstance(value, float):
        return Vector(Form.FLOAT, constant(value), pandas.Series([value]))
    if isinstance(value, str):
        return Vector(Form.STRING, constant(value, np.str_), pandas.Series([value]))
    if isinstance(value, datetime.timedelta | pandas.Timedelta):
        span = pandas.Timedelta(value).as_unit("ns").value
        return Vector(Form.SPAN, constant(_micro(span, value), np.int64), pandas.Series([value]))
    if isinstance(value, datetime.date | pandas.Timestamp):
        moment = pandas.Timestamp(value)
        if moment.tzinfo is not None:
            raise Untraceable("times with a zone", "convert them to UTC without a zone before")
        return Vector(
            Form.MOMENT, constant(_micro(moment.as_unit("ns").value, value), np.int64), pandas.Series([moment])
        )
    raise Untraceable(f"a column with a {type(value).__name__}")


def _micro(nanoseconds: int, value: Any) -> int:
    if nanoseconds % 1000:
        raise Untraceable(f"the time {value}", "times have microseconds here")
    return nanoseconds // 1000


def _fill(form: Form) -> Any:
    return {Form.FLOAT: np.nan, Form.BOOL: False, Form.STRING: ""}.get(form, 0)


def binary(symbol: str, left: Vector | Any, right: Vector | Any) -> Vector:
    """`left symbol right`, where at least one is a column. Raises Untraceable."""
    if isinstance(right, pandas.DateOffset) and symbol in "+-":
        return _shifted(symbol, left, right)
    made = quietly(PYTHON[symbol], live(left), live(right))
    a = left if isinstance(left, Vector) else as_vector(left, right.form)
    b = right if isinstance(right, Vector) else as_vector(right, left.form)
    weak = (not isinstance(left, Vector), not isinstance(right, Vector))
    if symbol in ARITHMETIC and made.dtype == np.float32:
        a, b = _narrowed(a, weak[0]), _narrowed(b, weak[1])
    if symbol in COMPARISON:
        return compared(symbol, a, b, made, weak)
    if symbol in LOGIC:
        return _logic(symbol, a, b, made)
    if {a.form, b.form} & {Form.MOMENT, Form.SPAN}:
        return _time(symbol, a, b, made)
    if Form.STRING in (a.form, b.form):
        if symbol != "+" or a.form is not b.form:
            raise Untraceable(f"text {symbol} a column of {b.form if a.form is Form.STRING else a.form}s")
        nulls = any_null(a.nulls, b.nulls)
        return Vector(Form.STRING, filled(Form.STRING, op.string_concat(a.values, b.values), nulls), made, nulls)
    return arithmetic(symbol, a, b, made)


def _narrowed(vector: Vector, weak: bool) -> Vector:
    """A constant of Python beside a column of float32, which does not widen it but is rounded itself."""
    if not weak or vector.form not in (Form.FLOAT, Form.INT):
        return vector
    return Vector(Form.FLOAT, to_single(to_float(vector)), vector.live.astype(np.float32))


def _shifted(symbol: str, moments: Vector, offset: Any) -> Vector:
    """Moments by an offset of months, or of units that are always as long. Raises Untraceable."""
    from holdall.graph.tracing.to_times import later

    made = quietly(PYTHON[symbol], moments.live, offset)
    parts = dict(offset.kwds)
    plain = type(offset) is pandas.DateOffset and offset.n == 1
    if (
        not plain
        or moments.form is not Form.MOMENT
        or set(parts) - {"years", "months", "weeks", "days", "hours", "minutes"}
    ):
        raise Untraceable(f"a column with {offset!r}", "the graph adds spans, and offsets of years and months")
    sign = 1 if symbol == "+" else -1
    months = sign * (12 * parts.pop("years", 0) + parts.pop("months", 0))
    moved = later(moments, months, made) if months else moments.with_live(made)
    span = int(pandas.Timedelta(**parts).as_unit("ns").value) // 1000 if parts else 0
    values = op.add(moved.values, constant(sign * span, np.int64))
    return Vector(Form.MOMENT, filled(Form.MOMENT, values, moments.nulls), made, moments.nulls)


def arithmetic(symbol: str, a: Vector, b: Vector, made: Any) -> Vector:
    """Numbers. made: what pandas gave, whose dtype decides in which numbers it is computed."""
    loose = a.loose or b.loose
    if form_of(made) is Form.FLOAT or loose or Form.FLOAT in (a.form, b.form):
        if made.dtype.kind in "iu":
            made = made.astype(np.float64)
        return numbers(_floats(symbol, to_float(a), to_float(b), a, b), made, loose=loose and symbol != "/")
    if form_of(made) is Form.BOOL:
        if symbol not in "+*":
            raise Untraceable(f"truth values {symbol} truth values")
        joined = op.or_(a.values, b.values) if symbol == "+" else op.and_(a.values, b.values)
        return Vector(Form.BOOL, joined, made, any_null(a.nulls, b.nulls))
    nulls = any_null(a.nulls, b.nulls)
    values = _ints(symbol, to_int(a), to_int(b), b)
    return Vector(Form.INT, filled(Form.INT, wrapped(values, made.dtype), nulls), made, nulls)


def _floats(symbol: str, a: Var, b: Var, left: Vector, right: Vector) -> Var:
    if symbol in _GRAPH:
        return _GRAPH[symbol](a, b)
    if symbol == "/":
        return op.div(a, b)
    if symbol == "**":
        return power(a, b, right)
    if left.single or right.single:
        raise Untraceable(f"{symbol} in single precision", "convert with .astype('float64') before")
    zero, one = constant(0.0), constant(1.0)
    remainder = op.mod(a, b, fmod=1)
    turned = op.and_(op.not_(op.equal(remainder, zero)), op.xor(op.less(b, zero), op.less(remainder, zero)))
    if symbol == "%":
        return op.where(turned, op.add(remainder, b), remainder)
    quotient = op.div(op.sub(a, remainder), b)
    quotient = op.where(turned, op.sub(quotient, one), quotient)
    whole = op.floor(quotient)
    whole = op.where(op.greater(op.sub(quotient, whole), constant(0.5)), op.add(whole, one), whole)
    return op.where(op.equal(b, zero), op.div(a, b), whole)


def power(a: Var, b: Var, exponent: Vector) -> Var:
    """a ** b in double; squares and roots as NumPy takes them."""
    value = exponent.live.iloc[0] if len(exponent.live) == 1 else None
    if value == 2:
        return op.mul(a, a)
    if value == 0.5:
        return op.sqrt(a)
    if value == 1:
        return a
    return op.pow(a, b)


def _ints(symbol: str, a: Var, b: Var, right: Vector) -> Var:
    if symbol in _GRAPH:
        return _GRAPH[symbol](a, b)
    divisor = right.live.iloc[0] if len(right.live) == 1 and right.nulls is None else None
    if symbol in ("//", "%"):
        if divisor is None or divisor == 0:
            raise Untraceable(
                f"whole numbers {symbol} a column of whole numbers",
                "where that is 0 pandas turns the whole table's column into floats; convert one with .astype(float) before",
            )
        if divisor == -1:
            # The least int64 has no counterpart, on which a processor's division stops the process.
            return op.neg(a) if symbol == "//" else op.mul(a, constant(0, np.int64))
        if symbol == "%":
            return op.mod(a, b)
        quotient = op.div(a, b)
        rest = op.sub(a, op.mul(quotient, b))
        below = op.less(rest, constant(0, np.int64)) if divisor > 0 else op.greater(rest, constant(0, np.int64))
        return op.sub(quotient, op.cast(below, to=np.int64))
    if symbol == "**" and divisor is not None and 0 <= divisor <= 8:
        result = op.mul(a, constant(0, np.int64)) if divisor == 0 else a
        if divisor == 0:
            return op.add(result, constant(1, np.int64))
        for _ in range(int(divisor) - 1):
            result = op.mul(result, a)
        return result
    raise Untraceable(f"whole numbers {symbol} whole numbers", "convert with .astype(float) before")


def _time(symbol: str, a: Vector, b: Vector, made: Any) -> Vector:
    nulls = any_null(a.nulls, b.nulls)
    forms = (a.form, b.form)
    form = form_of(made)
    if symbol in "+-" and set(forms) <= {Form.MOMENT, Form.SPAN}:
        return Vector(form, filled(form, _GRAPH[symbol](a.values, b.values), nulls), made, nulls)
    if forms == (Form.SPAN, Form.SPAN) and symbol == "/":
        quotient = op.div(op.cast(a.values, to=np.float64), op.cast(b.values, to=np.float64))
        return numbers(filled(Form.FLOAT, quotient, nulls), made)
    if forms == (Form.SPAN, Form.SPAN) and symbol == "//" and len(b.live) == 1 and b.nulls is None:
        remainder = op.mod(a.values, b.values)
        values = op.cast(op.div(op.sub(a.values, remainder), b.values), to=np.float64)
        return numbers(filled(Form.FLOAT, values, nulls), made, nullable=nulls is not None)
    raise Untraceable(f"{a.form} {symbol} {b.form}")


def compared(symbol: str, a: Vector, b: Vector, made: Any, weak: tuple[bool, bool] = (False, False)) -> Vector:
    """A comparison. A missing value is unlike everything, as pandas has it; in pandas' nullable dtypes it stays missing.

    weak: which side is a constant of Python, which does not widen a column of float32.
    """
    times = {Form.MOMENT, Form.SPAN}
    if a.form is not b.form and (Form.STRING in (a.form, b.form) or times & {a.form, b.form}):
        if symbol not in ("==", "!="):
            raise Untraceable(f"a column of {a.form}s {symbol} one of {b.form}s")
        return Vector(Form.BOOL, _everywhere(symbol == "!=", a, b), made)
    if a.form is Form.STRING and symbol not in ("==", "!="):
        raise Untraceable(f"text {symbol} text", "the order of text is not in the graph")
    if Form.FLOAT in (a.form, b.form):
        left, right = to_float(a), to_float(b)
        if a.single and weak[1]:
            right = to_single(right)
        if b.single and weak[0]:
            left = to_single(left)
    elif a.form is b.form and (a.form is Form.STRING or (a.form is Form.BOOL and symbol in ("==", "!="))):
        left, right = a.values, b.values
    else:
        left, right = to_int(a), to_int(b)
    if a.form is Form.STRING:
        result = _same_text(a, right) if weak[1] else _same_text(b, left) if weak[0] else op.equal(left, right)
    else:
        result = op.equal(left, right) if symbol in ("==", "!=") else _ORDERED[symbol](left, right)
    if symbol == "!=":
        result = op.not_(result)
    nulls = any_null(a.nulls, b.nulls)
    if nulls is None:
        return Vector(Form.BOOL, result, made)
    if isinstance(made.dtype, pandas.BooleanDtype):
        return Vector(Form.BOOL, filled(Form.BOOL, result, nulls), made, nulls)
    answer = constant(symbol == "!=", np.bool_)
    return Vector(Form.BOOL, either(nulls, answer, result), made)


@once(cheap=True)
def _same_text(vector: Vector, word: Var) -> Var:
    return op.equal(vector.values, word)


def _everywhere(value: bool, a: Vector, b: Vector) -> Var:
    """That value in every row."""
    longer = a if len(a.live) >= len(b.live) else b
    if longer.form is Form.STRING:
        same = op.equal(longer.values, longer.values)
    else:
        same = op.equal(op.cast(longer.values, to=np.int64), op.cast(longer.values, to=np.int64))
    return same if value else op.not_(same)


def _logic(symbol: str, a: Vector, b: Vector, made: Any) -> Vector:
    if a.form is Form.INT and b.form is Form.INT:
        function = {"&": op.bitwise_and, "|": op.bitwise_or, "^": op.bitwise_xor}[symbol]
        return Vector(Form.INT, function(a.values, b.values), made, any_null(a.nulls, b.nulls))
    if a.form is not Form.BOOL or b.form is not Form.BOOL:
        raise Untraceable(f"a column of {a.form}s {symbol} one of {b.form}s", "compare first, then combine")
    if a.nulls is not None or b.nulls is not None:
        raise Untraceable(f"truth values {symbol} truth values that may be missing", "add .fillna(False) before")
    function = {"&": op.and_, "|": op.or_, "^": op.xor}[symbol]
    return Vector(Form.BOOL, function(a.values, b.values), made)


def chosen(condition: Vector, yes: Vector, no: Vector, made: Any) -> Vector:
    """`yes` where the condition holds, else `no`. made: what pandas or NumPy gave for the sample.

    Raises Untraceable for values that lie in the graph in different ways.
    """
    if condition.form is not Form.BOOL or condition.nulls is not None:
        raise Untraceable("a condition that may be missing", "add .fillna(False) to it")
    form = _common(yes, no, made)
    a, b = converted(yes, form), converted(no, form)
    values = either(condition.values, a.values, b.values)
    nulls = None
    if a.nulls is not None or b.nulls is not None:
        never = constant(False, np.bool_)
        nulls = either(condition.values, never if a.nulls is None else a.nulls, never if b.nulls is None else b.nulls)
    if form is Form.FLOAT:
        whole = made.dtype.kind in "iub"
        return numbers(values, made.astype(np.float64) if whole else made, loose=whole or yes.loose or no.loose)
    return Vector(form, values, made, nulls)


def _common(a: Vector, b: Vector, made: Any) -> Form:
    if a.form is b.form:
        return a.form
    forms = {a.form, b.form}
    if forms <= {Form.FLOAT, Form.INT, Form.BOOL}:
        if made.dtype.kind == "O":
            raise Untraceable("truth values among numbers", "convert one with .astype(int)")
        return Form.FLOAT if Form.FLOAT in forms else Form.INT
    raise Untraceable(f"a column of both {a.form}s and {b.form}s")


def converted(vector: Vector, form: Form) -> Vector:
    """A number in another form of numbers."""
    if vector.form is form:
        return vector
    values = to_float(vector) if form is Form.FLOAT else to_int(vector)
    return Vector(form, values, vector.live, None if form is Form.FLOAT else vector.nulls)
