"""Functions of one column of numbers, by NumPy's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph import elementary
from holdall.graph.numerics import polynomial
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, any_null, numbers, to_float
from holdall.graph.value import constant

# Rational approximation of atan on [0, tan(pi/8)], to 2e-16, from the Cephes library.
ATAN_NUMERATOR = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
ATAN_DENOMINATOR = (
    1.0,
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)


def log1p(x: Var) -> Var:
    """log(1 + x) without loss where x is small."""
    one = constant(1.0)
    u = op.add(one, x)
    near = op.equal(u, one)
    corrected = op.mul(op.log(u), op.div(x, op.sub(u, one)))
    infinite = op.isinf(x)
    return op.where(near, x, op.where(infinite, op.log(u), corrected))


def expm1(x: Var) -> Var:
    """exp(x) - 1 without loss where x is small."""
    one = constant(1.0)
    u = op.exp(x)
    small = op.equal(u, one)
    corrected = op.div(op.mul(op.sub(u, one), x), op.log(u))
    plain = op.or_(op.isinf(u), op.less(u, constant(1e-10)))
    return op.where(small, x, op.where(plain, op.sub(u, one), corrected))


def arctan(x: Var) -> Var:
    """atan(x) in double."""
    one, size = constant(1.0), op.abs(x)
    large, middle = op.greater(size, constant(2.414213562373095)), op.greater(size, constant(0.66))
    reduced = op.where(
        large,
        op.neg(op.div(one, size)),
        op.where(middle, op.div(op.sub(size, one), op.add(size, one)), size),
    )
    base = op.where(large, constant(np.pi / 2), op.where(middle, constant(np.pi / 4), constant(0.0)))
    square = op.mul(reduced, reduced)
    ratio = op.mul(square, op.div(polynomial(square, ATAN_NUMERATOR), polynomial(square, ATAN_DENOMINATOR)))
    angle = op.add(base, op.add(op.mul(reduced, ratio), reduced))
    return op.mul(op.sign(x), angle)


def arcsin(x: Var) -> Var:
    """asin(x) in double; NaN outside [-1, 1]."""
    one = constant(1.0)
    return op.mul(constant(2.0), arctan(op.div(x, op.add(one, op.sqrt(op.sub(one, op.mul(x, x)))))))


def arctan2(y: Var, x: Var) -> Var:
    """The angle of (x, y), from -pi to pi."""
    zero, one = constant(0.0), constant(1.0)
    # Two infinite sides are as long as each other.
    both = op.and_(op.isinf(y), op.isinf(x))
    y, x = op.where(both, op.sign(y), y), op.where(both, op.sign(x), x)
    below, left = (op.or_(op.less(side, zero), op.less(op.div(one, side), zero)) for side in (y, x))
    angle = arctan(op.div(y, x))
    half = op.where(below, constant(-np.pi), constant(np.pi))
    turned = op.where(left, op.add(angle, half), angle)
    upright = op.mul(op.sign(y), constant(np.pi / 2))
    nothing = op.where(left, half, zero)
    level = op.equal(y, zero)
    at_zero = op.where(level, nothing, op.where(op.isnan(y), y, upright))
    return op.where(op.equal(x, zero), at_zero, turned)


def hypot(x: Var, y: Var) -> Var:
    """sqrt(x² + y²) where the squares are beyond what a double holds too; infinity beside NaN is infinite."""
    a, b = op.abs(x), op.abs(y)
    infinite = op.or_(op.isinf(a), op.isinf(b))
    largest = op.where(op.greater(a, b), a, b)
    scale = op.where(op.equal(largest, constant(0.0)), constant(1.0), largest)
    p, q = op.div(a, scale), op.div(b, scale)
    size = op.mul(scale, op.sqrt(op.add(op.mul(p, p), op.mul(q, q))))
    return op.where(infinite, constant(np.inf), size)


def rounded(x: Var, digits: int) -> Var:
    """As numpy.round: half to even, by scaling with a power of ten."""
    if digits == 0:
        return op.round(x)
    factor = constant(10.0 ** abs(digits))
    if digits > 0:
        return op.div(op.round(op.mul(x, factor)), factor)
    return op.mul(op.round(op.div(x, factor)), factor)


def _truncated(x: Var) -> Var:
    return op.mul(op.sign(x), op.floor(op.abs(x)))


def _sign(x: Var) -> Var:
    return op.where(op.isnan(x), x, op.sign(x))


def _log10(x: Var) -> Var:
    # Powers of ten come out whole, as the C library's log10 gives them.
    quotient = op.div(op.log(x), constant(np.log(10.0)))
    nearest = op.round(quotient)
    return op.where(op.equal(op.pow(constant(10.0), nearest), x), nearest, quotient)


def _log2(x: Var) -> Var:
    quotient = op.div(op.log(x), constant(np.log(2.0)))
    nearest = op.round(quotient)
    return op.where(op.equal(op.pow(constant(2.0), nearest), x), nearest, quotient)


FUNCTIONS: dict[str, Callable[[Var], Var]] = {
    "exp": op.exp,
    "expm1": expm1,
    "log": op.log,
    "log1p": log1p,
    "log10": _log10,
    "log2": _log2,
    "sqrt": op.sqrt,
    "sin": op.sin,
    "cos": op.cos,
    "tan": lambda x: op.div(op.sin(x), op.cos(x)),
    "arcsin": arcsin,
    "arctan": arctan,
    "floor": op.floor,
    "ceil": op.ceil,
    "trunc": _truncated,
    "rint": op.round,
    "square": lambda x: op.mul(x, x),
    "deg2rad": lambda x: op.mul(x, constant(np.pi / 180)),
    "radians": lambda x: op.mul(x, constant(np.pi / 180)),
    "rad2deg": lambda x: op.mul(x, constant(180 / np.pi)),
    "degrees": lambda x: op.mul(x, constant(180 / np.pi)),
    "reciprocal": lambda x: op.div(constant(1.0), x),
    "tanh": op.tanh,
    "cbrt": lambda x: op.mul(op.sign(x), op.pow(op.abs(x), constant(1 / 3))),
}
"""Each of doubles; what they give for whole numbers is told by the sample."""
WHOLE = {"floor", "ceil", "trunc", "rint", "square", "reciprocal"}


def apply(name: str, vector: Vector, made: Any) -> Vector:
    """The function of that name. made: what pandas gave for the sample. Raises Untraceable."""
    if name in ("absolute", "fabs", "abs"):
        return absolute(vector, made)
    if name == "negative":
        return negative(vector, made)
    if name == "sign":
        if vector.form is Form.INT:
            return Vector(Form.INT, op.sign(vector.values), made, vector.nulls)
        return numbers(_sign(to_float(vector)), made, loose=vector.loose)
    if name == "isnan":
        return Vector(Form.BOOL, op.isnan(to_float(vector)), made)
    if name == "isfinite":
        values = to_float(vector)
        return Vector(Form.BOOL, op.not_(op.or_(op.isnan(values), op.isinf(values))), made)
    if name == "isinf":
        return Vector(Form.BOOL, op.isinf(to_float(vector)), made)
    if name in ("logical_not", "invert"):
        return inverted(vector, made)
    if name not in FUNCTIONS:
        raise Untraceable(f"numpy.{name}")
    if name in WHOLE and vector.form is not Form.FLOAT:
        if name in ("reciprocal", "square"):
            raise Untraceable(f"numpy.{name} of whole numbers", "convert with .astype(float) before")
        return vector.with_live(made)
    emit = elementary.function(name) or FUNCTIONS[name]
    return numbers(emit(to_float(vector)), made, nullable=vector.loose)


def absolute(vector: Vector, made: Any) -> Vector:
    if vector.form in (Form.INT, Form.SPAN):
        return Vector(vector.form, op.abs(vector.values), made, vector.nulls)
    return numbers(op.abs(to_float(vector)), made, loose=vector.loose)


def negative(vector: Vector, made: Any) -> Vector:
    if vector.form in (Form.INT, Form.SPAN):
        return Vector(vector.form, op.neg(vector.values), made, vector.nulls)
    return numbers(op.neg(to_float(vector)), made, loose=vector.loose)


def inverted(vector: Vector, made: Any) -> Vector:
    if vector.form is Form.BOOL and vector.nulls is None:
        return Vector(Form.BOOL, op.not_(vector.values), made)
    if vector.form is Form.INT:
        return Vector(Form.INT, op.bitwise_not(vector.values), made, vector.nulls)
    raise Untraceable(
        "~ of what is no truth value", "compare first; for truth values that may be missing add .fillna(False)"
    )


def between_two(name: str, a: Vector, b: Vector, made: Any) -> Vector:
    """Functions of two columns of numbers: arctan2, hypot, minimum, maximum, fmin, fmax, fmod."""
    if name in ("minimum", "maximum", "fmin", "fmax"):
        least = name in ("minimum", "fmin")
        if Form.FLOAT not in (a.form, b.form) and a.form is b.form is Form.INT:
            function = op.min if least else op.max
            return Vector(Form.INT, function([a.values, b.values]), made, any_null(a.nulls, b.nulls))
        x, y = to_float(a), to_float(b)
        best = op.min([x, y]) if least else op.max([x, y])
        if name.startswith("f"):
            best = op.where(op.isnan(x), y, op.where(op.isnan(y), x, best))
        return numbers(best, made, loose=a.loose or b.loose)
    x, y = to_float(a), to_float(b)
    if name == "hypot":
        return numbers(hypot(x, y), made)
    if name == "arctan2":
        return numbers(arctan2(x, y), made)
    if name == "fmod" and form_is_float(made):
        return numbers(op.mod(x, y, fmod=1), made)
    raise Untraceable(f"numpy.{name}")


def form_is_float(made: Any) -> bool:
    return bool(made.dtype.kind == "f")
