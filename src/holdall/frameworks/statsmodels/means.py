"""From a row's weighted sum to what `predict` gives: inverse links, cumulative distributions, probabilities of classes.

Each follows the formula of statsmodels and SciPy. A sum that is NaN stays NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.graph import numerics
from holdall.graph.value import constant

# atan for 0 <= x <= 0.66 to 2e-16, from the Cephes library.
_ATAN_NUMERATOR = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
_ATAN_DENOMINATOR = (
    1.0,
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)


def inverse(link: Any, sums: Var, path: str) -> Var:
    """The mean for a GLM's link. Raises NotPortable for a link of the user's own."""
    one = constant(1.0)
    name = next((base.__name__ for base in type(link).__mro__ if base.__name__ in _LINKS), "")
    if type(link).__module__.partition(".")[0] != "statsmodels" or not name:
        raise NotPortable(path, f"its link {type(link).__name__} is not one of statsmodels' own")
    if name == "Power":
        power = float(link.power)
        return sums if power == 1 else op.pow(sums, constant(1.0 / power))
    if name == "Log":
        return op.exp(sums)
    if name == "LogC":
        return op.sub(one, op.exp(sums))
    if name == "CLogLog":
        return op.sub(one, op.exp(op.neg(op.exp(sums))))
    if name == "LogLog":
        return op.exp(op.neg(op.exp(op.neg(sums))))
    if name == "NegativeBinomial":
        return op.div(constant(-1.0), op.mul(constant(float(link.alpha)), op.sub(one, op.exp(op.neg(sums)))))
    if name in ("Probit", "CDFLink", "Cauchy"):
        return _distribution(link.dbn, sums, path)
    return numerics.logistic(sums)


_LINKS = ("Power", "Log", "LogC", "CLogLog", "LogLog", "NegativeBinomial", "Probit", "Cauchy", "CDFLink", "Logit")


def _distribution(distribution: Any, values: Var, path: str) -> Var:
    """The cumulative distribution function of one of SciPy's distributions. Raises NotPortable."""
    name = getattr(distribution, "name", type(distribution).__name__)
    if getattr(distribution, "args", ()) or getattr(distribution, "kwds", {}):
        raise NotPortable(path, f"its distribution {name} has parameters of its own")
    if name == "norm":
        return normal(values)
    if name == "logistic":
        return numerics.logistic(values)
    if name == "cauchy":
        return _cauchy(values)
    raise NotPortable(path, f"its distribution {name} is not known")


def normal(values: Var) -> Var:
    """The standard normal distribution function, exact in the lower tail too."""
    half, one = constant(0.5), constant(1.0)
    scaled = op.mul(values, constant(math.sqrt(0.5)))
    size = op.abs(scaled)
    near = op.add(half, op.mul(half, numerics.error_function(scaled)))
    # The approximation holds from 1 to 8; beyond 8 what is left is below 1e-29.
    held = op.min([op.max([size, one]), constant(8.0)])
    ratio = op.div(
        numerics.polynomial(held, numerics.ERFC_NUMERATOR), numerics.polynomial(held, numerics.ERFC_DENOMINATOR)
    )
    tail = op.mul(half, op.mul(op.exp(op.neg(op.mul(size, size))), ratio))
    far = op.where(op.greater(scaled, constant(0.0)), op.sub(one, tail), tail)
    result = op.where(op.less_or_equal(size, one), near, far)
    return op.where(op.isnan(values), constant(np.nan), result)


def _cauchy(values: Var) -> Var:
    """1/2 + atan(x)/pi; in the tails by atan(1/x), which keeps its digits."""
    one, half = constant(1.0), constant(0.5)
    size = op.abs(values)
    inner = op.div(_arc_tangent(op.min([size, one])), constant(math.pi))
    outer = op.div(_arc_tangent(op.div(one, op.max([size, one]))), constant(math.pi))
    positive = op.where(op.less_or_equal(size, one), op.add(half, inner), op.sub(one, outer))
    negative = op.where(op.less_or_equal(size, one), op.sub(half, inner), outer)
    result = op.where(op.less(values, constant(0.0)), negative, positive)
    return op.where(op.isnan(values), constant(np.nan), result)


def _arc_tangent(values: Var) -> Var:
    """atan for 0 <= x <= 1."""
    one = constant(1.0)
    large = op.greater(values, constant(0.66))
    reduced = op.where(large, op.div(op.sub(values, one), op.add(values, one)), values)
    square = op.mul(reduced, reduced)
    ratio = op.div(numerics.polynomial(square, _ATAN_NUMERATOR), numerics.polynomial(square, _ATAN_DENOMINATOR))
    result = op.add(op.mul(reduced, op.mul(square, ratio)), reduced)
    return op.where(large, op.add(constant(math.pi / 4), result), result)


def against_first(sums: Var) -> Var:
    """[N, k] sums of the classes but the first → [N, k + 1]: exponentials over their total, as MNLogit has them."""
    exponentials = op.exp(sums)
    total = op.add(constant(1.0), numerics.row_sum(exponentials, keepdims=True))
    return op.concat([op.div(constant(1.0), total), op.div(exponentials, total)], axis=1)


def ordered(distribution: Any, thresholds: Any, sums: Var, path: str) -> Var:
    """[N, 1] sums and thresholds with -inf and inf at their ends → [N, classes]: differences of the distribution."""
    inner = np.asarray(thresholds, np.float64)[1:-1]
    upper = _distribution(distribution, op.sub(constant(inner[None, :]), sums), path)
    zero = op.mul(sums, constant(0.0))
    return op.sub(op.concat([upper, op.add(zero, constant(1.0))], axis=1), op.concat([zero, upper], axis=1))
