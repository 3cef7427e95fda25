"""Functions of one number in double, as exact as NumPy's own: those that onnxruntime has, and those made of them.

Each agrees with NumPy to a few units in the last place over its whole range (the tests say how many); what cannot be made
so (arctan, cbrt, erf …) is not here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.numerics import polynomial

Doubles = npt.NDArray[np.float64]


def _number(value: float) -> Var:
    return op.const(np.float64(value))


def log1p(x: Var) -> Var:
    """log(1 + x), exact for small x too: the rounding of 1 + x is divided out again."""
    one_more = op.add(x, _number(1.0))
    kept = op.sub(one_more, _number(1.0))
    exact = op.mul(op.log(one_more), op.div(x, kept))
    at_infinity = op.isinf(one_more, detect_negative=0)
    return op.where(op.equal(kept, _number(0.0)), x, op.where(at_infinity, one_more, exact))


def expm1(x: Var) -> Var:
    """exp(x) - 1, exact for small x too."""
    power = op.exp(x)
    less = op.sub(power, _number(1.0))
    near = op.where(op.equal(power, _number(1.0)), x, op.mul(less, op.div(x, op.log(power))))
    return op.where(op.less(op.abs(x), _number(1.0)), near, less)


def _sinh(x: Var) -> Var:
    # Halves of the power, so that it overflows where sinh itself does and not before.
    size = op.abs(x)
    small = expm1(size)
    near = op.mul(_number(0.5), op.add(small, op.div(small, op.add(small, _number(1.0)))))
    half = op.exp(op.mul(_number(0.5), size))
    far = op.mul(op.mul(_number(0.5), half), half)
    return op.mul(op.sign(x), op.where(op.less(size, _number(22.0)), near, far))


def _cosh(x: Var) -> Var:
    half = op.exp(op.mul(_number(0.5), op.abs(x)))
    power = op.exp(op.abs(x))
    near = op.add(op.mul(_number(0.5), power), op.div(_number(0.5), power))
    far = op.mul(op.mul(_number(0.5), half), half)
    return op.where(op.less(op.abs(x), _number(22.0)), near, far)


def _trunc(x: Var) -> Var:
    return op.where(op.less(x, _number(0.0)), op.ceil(x), op.floor(x))


def _sign(x: Var) -> Var:
    return op.where(op.isnan(x), x, op.sign(x))


@dataclass(frozen=True)
class Function:
    """One function.

    apply: double [N, k] → double [N, k].
    exact: made of one correctly rounded operation, so that rounding its result to float32 is what float32 gives.
    whole: for integers NumPy answers with integers; `integers` is then the same on int64.
    inverse: maps values back, where the function is monotone over the finite numbers it takes.
    truth: the answer is true or false.
    """

    apply: Callable[[Var], Var]
    exact: bool = False
    integers: Callable[[Var], Var] | None = None
    inverse: Callable[[Doubles], Doubles] | None = None
    truth: bool = False


def _same(x: Any) -> Any:
    return x


FUNCTIONS: dict[str, Function] = {
    "absolute": Function(op.abs, exact=True, integers=op.abs),
    "fabs": Function(op.abs, exact=True),
    "negative": Function(op.neg, exact=True, integers=op.neg, inverse=np.negative),
    "positive": Function(_same, exact=True, integers=_same, inverse=_same),
    "conjugate": Function(_same, exact=True, integers=_same, inverse=_same),
    "sign": Function(_sign, exact=True, integers=op.sign),
    "square": Function(lambda x: op.mul(x, x), exact=True, integers=lambda x: op.mul(x, x)),
    "reciprocal": Function(op.reciprocal, exact=True),
    "sqrt": Function(op.sqrt, exact=True, inverse=np.square),
    "floor": Function(op.floor, exact=True, integers=_same),
    "ceil": Function(op.ceil, exact=True, integers=_same),
    "trunc": Function(_trunc, exact=True, integers=_same),
    "rint": Function(op.round, exact=True),
    "exp": Function(op.exp, inverse=np.log),
    "exp2": Function(lambda x: op.pow(_number(2.0), x), inverse=np.log2),
    "expm1": Function(expm1, inverse=np.log1p),
    "log": Function(op.log, inverse=np.exp),
    "log2": Function(lambda x: op.div(op.log(x), _number(np.log(2.0))), inverse=np.exp2),
    "log10": Function(lambda x: op.div(op.log(x), _number(np.log(10.0))), inverse=lambda y: np.power(10.0, y)),
    "log1p": Function(log1p, inverse=np.expm1),
    "sin": Function(op.sin),
    "cos": Function(op.cos),
    "sinh": Function(_sinh, inverse=np.arcsinh),
    "cosh": Function(_cosh),
    "tanh": Function(op.tanh, inverse=np.arctanh),
    "deg2rad": Function(lambda x: op.mul(x, _number(np.pi / 180.0)), inverse=np.rad2deg),
    "radians": Function(lambda x: op.mul(x, _number(np.pi / 180.0)), inverse=np.degrees),
    "rad2deg": Function(lambda x: op.mul(x, _number(180.0 / np.pi)), inverse=np.deg2rad),
    "degrees": Function(lambda x: op.mul(x, _number(180.0 / np.pi)), inverse=np.radians),
    "isnan": Function(op.isnan, exact=True, truth=True),
}


def find(function: Any) -> Function | None:
    """The graph's form of one of NumPy's own functions, or of scipy.special's twin of it; None for any other."""
    if not isinstance(function, np.ufunc):
        return None
    name = function.__name__
    special = sys.modules.get("scipy.special")
    if function is getattr(np, name, None) or function is getattr(special, name, None):
        return FUNCTIONS.get(name)
    return None


def named(function: Any) -> str:
    """A function's name for people."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or repr(function)
    return f"numpy.{name}" if isinstance(function, np.ufunc) else f"{module}.{name}" if module else str(name)


_NDTRI_MIDDLE = (
    (
        -5.99633501014107895267e1,
        9.80010754185999661536e1,
        -5.66762857469070293439e1,
        1.39312609387279679503e1,
        -1.23916583867381258016e0,
    ),
    (
        1.0,
        1.95448858338141759834e0,
        4.67627912898881538453e0,
        8.63602421390890590575e1,
        -2.25462687854119370527e2,
        2.00260212380060660359e2,
        -8.20372256168333339912e1,
        1.59056225126211695515e1,
        -1.18331621121330003142e0,
    ),
)
_NDTRI_NEAR = (
    (
        4.05544892305962419923e0,
        3.15251094599893866154e1,
        5.71628192246421288162e1,
        4.40805073893200834700e1,
        1.46849561928858024014e1,
        2.18663306850790267539e0,
        -1.40256079171354495875e-1,
        -3.50424626827848203418e-2,
        -8.57456785154685413611e-4,
    ),
    (
        1.0,
        1.57799883256466749731e1,
        4.53907635128879210584e1,
        4.13172038254672030440e1,
        1.50425385692907503408e1,
        2.50464946208309415979e0,
        -1.42182922854787788574e-1,
        -3.80806407691578277194e-2,
        -9.33259480895457427372e-4,
    ),
)
_NDTRI_FAR = (
    (
        3.23774891776946035970e0,
        6.91522889068984211695e0,
        3.93881025292474443415e0,
        1.33303460815807542389e0,
        2.01485389549179081538e-1,
        1.23716634817820021358e-2,
        3.01581553508235416007e-4,
        2.65806974686737550832e-6,
        6.23974539184983651783e-9,
    ),
    (
        1.0,
        6.02427039364742014255e0,
        3.67983563856160859403e0,
        1.37702099489081330271e0,
        2.16236993594496635890e-1,
        1.34204006088543189037e-2,
        3.28014464682127739104e-4,
        2.89247864745380683936e-6,
        6.79019408009981274425e-9,
    ),
)
_NDTRI_TAIL = 0.13533528323661269189  # exp(-2)
_ROOT_TWO_PI = 2.50662827463100050242


def _ratio(x: Var, polynomials: tuple[tuple[float, ...], tuple[float, ...]]) -> Var:
    above, below = (polynomial(x, coefficients) for coefficients in polynomials)
    return op.div(above, below)


def normal_quantile(probability: Var) -> Var:
    """The standard normal distribution's quantile of 0 < probability < 1, as Cephes' `ndtri` (and so SciPy) has it."""
    upper = op.greater(probability, _number(1.0 - _NDTRI_TAIL))
    lower = op.where(upper, op.sub(_number(1.0), probability), probability)
    centred = op.sub(lower, _number(0.5))
    squared = op.mul(centred, centred)
    middle = op.add(centred, op.mul(centred, op.mul(squared, _ratio(squared, _NDTRI_MIDDLE))))
    depth = op.sqrt(op.mul(_number(-2.0), op.log(lower)))
    start = op.sub(depth, op.div(op.log(depth), depth))
    turned = op.reciprocal(depth)
    far = op.where(op.less(depth, _number(8.0)), _ratio(turned, _NDTRI_NEAR), _ratio(turned, _NDTRI_FAR))
    tail = op.sub(start, op.mul(turned, far))
    tail = op.where(upper, tail, op.neg(tail))
    return op.where(op.greater(lower, _number(_NDTRI_TAIL)), op.mul(middle, _number(_ROOT_TWO_PI)), tail)
