"""log, exp, sin, cos and tan rounded as the C library rounds them, out of additions, products and tables alone.

onnxruntime's own kernels are off by a last digit in a fifth to a half of all values, and by another one in a browser. No model
that weighs its columns would tell, but a tree does: the thresholds of histogram-boosted trees are values of the training table
themselves, so a last digit sends that very row to the other side. Here a value is computed with some ten bits more than a
double has, and then rounded: it is the correctly rounded one but for a few in a thousand, the C library's likewise, and the
same in every runtime. It takes ten times as long as the kernel, so it is for functions before a model with thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.numerics import polynomial
from holdall.graph.value import constant

DIGITS = 60
"""Decimal digits in which the tables are made."""

_SPLITTER = 2.0**27 + 1

# log: x = 2^e * m, and m = c * (1 + r) with c a multiple of 1/128.
_LOG_STEPS = 128
_LOG_FIRST, _LOG_LAST = 88, 184
_LOG_TERMS = (-1 / 8, 1 / 7, -1 / 6, 1 / 5, -1 / 4, 1 / 3, -1 / 2)
_EXPONENT = 1000
"""Beyond two to this power a number takes onnxruntime's own kernel."""

# exp: x = k * ln 2 / 128 + r.
_EXP_STEPS = 128
_EXP_TERMS = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2)
_EXP_LARGEST = 690.0

# sin: x = k * pi / 512 + r.
_TURN = 1024
_SIN_TERMS = (1 / 120, -1 / 6)
_COS_TERMS = (-1 / 720, 1 / 24, -1 / 2)
_SIN_LARGEST = 6e6


def log(x: Var) -> Var:
    """The natural logarithm."""
    high, low = _log(x)
    return _within(x, op.add(high, low), op.log(x))


def log1p(x: Var) -> Var:
    """log(1 + x) without loss where x is small."""
    one = constant(1.0)
    u = op.add(one, x)
    rest = op.sub(u, one)
    lost = op.add(op.sub(one, op.sub(u, rest)), op.sub(x, rest))
    high, low = _log(u)
    made = op.add(high, op.add(low, op.div(lost, u)))
    # 1 + x is 1 or close to it for the smallest x, whose own digits are all that counts.
    return _within(u, op.where(op.equal(x, constant(0.0)), x, made), op.log(u))


def log10(x: Var) -> Var:
    """The logarithm to base 10."""
    return _log_to(x, 10)


def log2(x: Var) -> Var:
    """The logarithm to base 2."""
    return _log_to(x, 2)


def exp(x: Var) -> Var:
    """e to the power of x."""
    high, low, grown, power = _exp(x)
    made = op.mul(power, op.add(high, op.add(low, op.mul(high, grown))))
    return op.where(op.less_or_equal(op.abs(x), constant(_EXP_LARGEST)), made, op.exp(x))


def sin(x: Var) -> Var:
    """The sine of an angle in radians."""
    return _turned(x, op.add(*_sin(x, 0)), op.sin(x))


def cos(x: Var) -> Var:
    """The cosine of an angle in radians."""
    return _turned(x, op.add(*_sin(x, _TURN // 4)), op.cos(x))


def tan(x: Var) -> Var:
    """The tangent of an angle in radians."""
    sine, sine_rest = _sum(*_sin(x, 0))
    cosine, cosine_rest = _sum(*_sin(x, _TURN // 4))
    ratio = op.div(sine, cosine)
    product, lost = _product(ratio, cosine)
    rest = op.sub(op.add(op.sub(op.sub(sine, product), lost), sine_rest), op.mul(ratio, cosine_rest))
    return _turned(x, op.add(ratio, op.div(rest, cosine)), op.div(op.sin(x), op.cos(x)))


FUNCTIONS: dict[str, Callable[[Var], Var]] = {
    "exp": exp,
    "log": log,
    "log1p": log1p,
    "log10": log10,
    "log2": log2,
    "sin": sin,
    "cos": cos,
    "tan": tan,
}
"""By NumPy's names."""

_wanted: ContextVar[bool] = ContextVar("elementary", default=False)


@contextmanager
def exactly(wanted: bool) -> Iterator[None]:
    """Within, `function` gives these functions, if it is wanted."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def function(name: str) -> Callable[[Var], Var] | None:
    """The one of that NumPy name; None where the runtime's own is good enough, or there is none."""
    return FUNCTIONS.get(name) if _wanted.get() else None


def _within(x: Var, made: Var, otherwise: Var) -> Var:
    """made where x is a positive number of no extreme size, elsewhere what the kernel says: of 0, infinity, NaN."""
    least, most = constant(2.0**-_EXPONENT), constant(2.0**_EXPONENT)
    return op.where(op.and_(op.greater_or_equal(x, least), op.less_or_equal(x, most)), made, otherwise)


def _turned(x: Var, made: Var, otherwise: Var) -> Var:
    """made where the angle is of no extreme size, elsewhere what the kernel says."""
    return op.where(op.less_or_equal(op.abs(x), constant(_SIN_LARGEST)), made, otherwise)


def _log(x: Var) -> tuple[Var, Var]:
    """(high, low): their sum, unrounded, is log(x); meaningless for what `_within` leaves out."""
    least, most = constant(2.0**-_EXPONENT), constant(2.0**_EXPONENT)
    held = op.where(op.less(x, most), x, most)  # NaN as well: it has no exponent to look up
    held = op.where(op.greater(held, least), held, least)
    exponent = op.round(op.mul(op.log(held), constant(1 / np.log(2.0))))
    scaled = op.mul(held, _power_of_two(op.neg(exponent)))
    step = op.round(op.mul(scaled, constant(float(_LOG_STEPS))))
    centre = op.mul(step, constant(1 / _LOG_STEPS))
    place = op.cast(op.sub(step, constant(float(_LOG_FIRST))), to=np.int64)
    table_high, table_low = (op.gather(constant(part), place) for part in _logarithms())
    distance = op.sub(scaled, centre)
    ratio = op.div(distance, centre)
    front, back = _split(ratio)
    rest = op.div(op.sub(op.sub(distance, op.mul(front, centre)), op.mul(back, centre)), centre)
    curve = op.mul(op.mul(ratio, ratio), polynomial(ratio, _LOG_TERMS))
    whole_high, whole_low = _two_parts(_natural_logarithm(2), 40)
    whole = op.mul(exponent, constant(whole_high))
    first, lost_first = _sum(whole, table_high)
    second, lost_second = _sum(first, ratio)
    low = _total([curve, rest, table_low, op.mul(exponent, constant(whole_low)), lost_first, lost_second])
    return second, low


def _log_to(x: Var, base: int) -> Var:
    high, low = _log(x)
    high, low = _sum(high, low)
    with localcontext() as context:
        context.prec = DIGITS
        factor = 1 / _natural_logarithm(base)
    factor_high, factor_low = _two_parts(factor, 26)
    front, back = _split(high)
    # The product of two halves of 26 digits each is exact.
    exact = op.mul(front, constant(factor_high))
    rest = _total(
        [
            op.mul(back, constant(factor_high)),
            op.mul(high, constant(factor_low)),
            op.mul(low, constant(float(factor))),
        ]
    )
    kernel = op.div(op.log(x), constant(float(_natural_logarithm(base))))
    return _within(x, op.add(exact, rest), kernel)


def _exp(x: Var) -> tuple[Var, Var, Var, Var]:
    """(high, low, grown, power): exp(x) is power * (high + low) * (1 + grown)."""
    bound = constant(_EXP_LARGEST)
    held = op.where(op.less_or_equal(op.abs(x), bound), x, constant(0.0))
    with localcontext() as context:
        context.prec = DIGITS
        unit = _natural_logarithm(2) / _EXP_STEPS
    unit_high, unit_low = _two_parts(unit, 34)
    step = op.round(op.mul(held, constant(1 / float(unit))))
    near = op.sub(held, op.mul(step, constant(unit_high)))
    shift = op.mul(step, constant(unit_low))
    ratio = op.sub(near, shift)
    rest = op.sub(op.sub(near, ratio), shift)
    turns = op.floor(op.mul(step, constant(1 / _EXP_STEPS)))
    place = op.cast(op.sub(step, op.mul(turns, constant(float(_EXP_STEPS)))), to=np.int64)
    high, low = (op.gather(constant(part), place) for part in _powers())
    curve = op.mul(op.mul(ratio, ratio), polynomial(ratio, _EXP_TERMS))
    return high, low, op.add(ratio, op.add(curve, rest)), _power_of_two(turns)


def _sin(x: Var, ahead: int) -> tuple[Var, Var]:
    """(high, low): their sum, unrounded, is sin(x + ahead / 1024 of a full turn); 0 turns for what `_turned` leaves out."""
    held = op.where(op.less_or_equal(op.abs(x), constant(_SIN_LARGEST)), x, constant(0.0))
    with localcontext() as context:
        context.prec = DIGITS
        unit = 2 * _pi() / _TURN
    first, second, third = _three_parts(unit, 23)
    step = op.round(op.mul(held, constant(1 / float(unit))))
    near = op.sub(held, op.mul(step, constant(first)))
    ratio, lost = _difference(near, op.mul(step, constant(second)))
    ratio, rest = _sum(ratio, op.sub(lost, op.mul(step, constant(third))))
    index = op.mod(op.add(op.cast(step, to=np.int64), constant(ahead, np.int64)), constant(_TURN, np.int64))
    high, low, front, back = (op.gather(constant(part), index) for part in _sines())
    ratio_front, ratio_back = _split(ratio)
    sum_high, lost_sum = _sum(high, op.mul(front, ratio_front))
    square = op.mul(ratio, ratio)
    bent = op.mul(op.mul(square, ratio), polynomial(square, _SIN_TERMS))
    low = _total(
        [
            op.mul(op.mul(square, polynomial(square, _COS_TERMS)), high),
            op.mul(op.add(front, back), op.add(bent, rest)),
            op.mul(back, ratio),
            op.mul(front, ratio_back),
            low,
            lost_sum,
        ]
    )
    return sum_high, low


def _split(x: Var) -> tuple[Var, Var]:
    """Two numbers of half as many digits, whose sum is x."""
    scaled = op.mul(x, constant(_SPLITTER))
    front = op.sub(scaled, op.sub(scaled, x))
    return front, op.sub(x, front)


def _sum(large: Var, small: Var) -> tuple[Var, Var]:
    """The sum and what rounding it lost. large: the larger one, or 0."""
    total = op.add(large, small)
    return total, op.sub(small, op.sub(total, large))


def _difference(a: Var, b: Var) -> tuple[Var, Var]:
    """The difference and what rounding it lost, whichever is larger."""
    total = op.sub(a, b)
    other = op.sub(total, a)
    return total, op.sub(op.sub(a, op.sub(total, other)), op.add(b, other))


def _product(a: Var, b: Var) -> tuple[Var, Var]:
    """The product and what rounding it lost."""
    product = op.mul(a, b)
    (a_front, a_back), (b_front, b_back) = _split(a), _split(b)
    lost = op.add(op.sub(op.mul(a_front, b_front), product), op.mul(a_front, b_back))
    return product, op.add(op.add(lost, op.mul(a_back, b_front)), op.mul(a_back, b_back))


def _total(parts: Sequence[Var]) -> Var:
    """Their sum, in this order."""
    total = parts[0]
    for part in parts[1:]:
        total = op.add(total, part)
    return total


def _power_of_two(exponent: Var) -> Var:
    """2 to a whole power of up to _EXPONENT in size; from a table, as a kernel's power need not be exact."""
    place = op.cast(op.add(exponent, constant(float(_EXPONENT))), to=np.int64)
    return op.gather(constant(2.0 ** np.arange(-_EXPONENT, _EXPONENT + 1)), place)


@cache
def _natural_logarithm(number: int) -> Decimal:
    with localcontext() as context:
        context.prec = DIGITS
        return Decimal(number).ln()


@cache
def _pi() -> Decimal:
    """By Machin's formula."""
    with localcontext() as context:
        context.prec = DIGITS + 5

        def arctan_of_inverse(number: int) -> Decimal:
            power = total = Decimal(1) / number
            place = 1
            while abs(power) > Decimal(10) ** -(DIGITS + 5):
                power /= -number * number
                place += 2
                total += power / place
            return total

        return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))


@cache
def _logarithms() -> tuple[Any, Any]:
    """log(c) for each multiple c of 1/128 that is met, as the sum of two doubles."""
    with localcontext() as context:
        context.prec = DIGITS
        exact = [(Decimal(step) / _LOG_STEPS).ln() for step in range(_LOG_FIRST, _LOG_LAST + 1)]
    return _doubles(exact)


@cache
def _powers() -> tuple[Any, Any]:
    """2^(j/128), as the sum of two doubles."""
    with localcontext() as context:
        context.prec = DIGITS
        exact = [(_natural_logarithm(2) * step / _EXP_STEPS).exp() for step in range(_EXP_STEPS)]
    return _doubles(exact)


@cache
def _sines() -> tuple[Any, Any, Any, Any]:
    """The sine of each step of a turn as the sum of two doubles, and its cosine as 26 digits and the rest."""
    with localcontext() as context:
        context.prec = DIGITS
        quarter = _TURN // 4
        rising = [_sine(2 * _pi() * step / _TURN) for step in range(quarter + 1)]
    rising[0], rising[quarter] = Decimal(0), Decimal(1)
    half = rising + rising[-2::-1]
    sines = half[:-1] + [-value for value in half[:-1]]
    cosines = sines[quarter:] + sines[:quarter]
    parts = [_two_parts(value, 26) for value in cosines]
    return (*_doubles(sines), np.array([front for front, _ in parts]), np.array([back for _, back in parts]))


def _sine(angle: Decimal) -> Decimal:
    """By its series."""
    term = total = angle
    place = 1
    while abs(term) > Decimal(10) ** -DIGITS:
        term *= -angle * angle / ((place + 1) * (place + 2))
        place += 2
        total += term
    return total


def _doubles(exact: Sequence[Decimal]) -> tuple[Any, Any]:
    with localcontext() as context:
        context.prec = DIGITS
        high = [float(value) for value in exact]
        low = [float(value - Decimal(front)) for value, front in zip(exact, high, strict=True)]
    return np.array(high), np.array(low)


def _two_parts(value: Decimal, digits: int) -> tuple[float, float]:
    """The first so many binary digits, and the rest as a double."""
    with localcontext() as context:
        context.prec = DIGITS
        front = _first(float(value), digits)
        return front, float(value - Decimal(front))


def _three_parts(value: Decimal, digits: int) -> tuple[float, float, float]:
    """Twice the first so many binary digits, and the rest as a double."""
    with localcontext() as context:
        context.prec = DIGITS
        first = _first(float(value), digits)
        rest = value - Decimal(first)
        second = _first(float(rest), digits)
        return first, second, float(rest - Decimal(second))


def _first(value: float, digits: int) -> float:
    """The number cut to so many binary digits."""
    fraction, exponent = np.frexp(value)
    return float(np.ldexp(np.trunc(np.ldexp(fraction, digits)), exponent - digits))
