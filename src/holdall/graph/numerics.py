"""Functions of a double that onnxruntime lacks in double, or flushes to zero, written as NumPy and SciPy compute them.

Each follows the formula of the library that the live model calls, so that answers differ by rounding only. Erf, Elu,
Softplus, Atan, OneHot, Mean and NonZero have no double kernel in onnxruntime; Sigmoid loses what is below 1e-308.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.value import constant

# Rational approximations of erf (|x| <= 1) and erfc (1 < x < 8) to 1e-16, from the Cephes library, as in scipy.special.
ERF_NUMERATOR = (
    9.60497373987051638749e0,
    9.00260197203842689217e1,
    2.23200534594684319226e3,
    7.00332514112805075473e3,
    5.55923013010394962768e4,
)
ERF_DENOMINATOR = (
    1.0,
    3.35617141647503099647e1,
    5.21357949780152679795e2,
    4.59432382970980127987e3,
    2.26290000613890934246e4,
    4.92673942608635921086e4,
)
ERFC_NUMERATOR = (
    2.46196981473530512524e-10,
    5.64189564831068821977e-1,
    7.46321056442269912687e0,
    4.86371970985681366614e1,
    1.96520832956077098242e2,
    5.26445194995477358631e2,
    9.34528527171957607540e2,
    1.02755188689515710272e3,
    5.57535335369399327526e2,
)
ERFC_DENOMINATOR = (
    1.0,
    1.32281951154744992508e1,
    8.67072140885989742329e1,
    3.54937778887819891062e2,
    9.75708501743205489753e2,
    1.82390916687909736289e3,
    2.24633760818710981792e3,
    1.65666309194161350182e3,
    5.57535340817727675546e2,
)


def row_sum(values: Var, *, keepdims: bool = False) -> Var:
    """[N, k] → [N], or [N, 1] where dimensions are kept."""
    return op.reduce_sum(values, constant([1], np.int64), keepdims=int(keepdims))


def row_maximum(values: Var, *, keepdims: bool = False) -> Var:
    """[N, k] → [N], or [N, 1] where dimensions are kept."""
    return op.reduce_max(values, constant([1], np.int64), keepdims=int(keepdims))


def row_argmax(values: Var) -> Var:
    """[N, k] → int64 [N]: the position of the largest, the first one where several are."""
    return op.arg_max(values, axis=1, keepdims=0)


def logistic(values: Var) -> Var:
    """1 / (1 + exp(-x)), to the smallest double."""
    one = constant(1.0)
    return op.div(one, op.add(one, op.exp(op.neg(values))))


def softmax(values: Var) -> Var:
    """[N, k] → the exponentials of each row, summing to one; never overflows."""
    exponentials = op.exp(op.sub(values, row_maximum(values, keepdims=True)))
    return op.div(exponentials, row_sum(exponentials, keepdims=True))


def log_normalised(values: Var) -> Var:
    """[N, k] → x - logsumexp(x) by row, in the order of operations of `scipy.special.logsumexp`."""
    largest = row_maximum(values, keepdims=True)
    total = op.log(row_sum(op.exp(op.sub(values, largest)), keepdims=True))
    return op.sub(values, op.add(total, largest))


def two_columns(positive: Var) -> Var:
    """[N] → [N, 2]: 1 - p and p."""
    column = op.unsqueeze(positive, constant([1], np.int64))
    return op.concat([op.sub(constant(1.0), column), column], axis=1)


def normalised(votes: Var, classes: int) -> Var:
    """[N, classes] → rows divided by their sum; a row that sums to zero becomes uniform."""
    total = row_sum(votes, keepdims=True)
    uniform = constant(np.full((1, classes), 1 / classes))
    return op.where(op.equal(total, constant(0.0)), uniform, op.div(votes, total))


def polynomial(values: Var, coefficients: Sequence[float]) -> Var:
    """The polynomial with these coefficients, the highest power first, by Horner's rule."""
    result = constant(coefficients[0])
    for coefficient in coefficients[1:]:
        result = op.add(op.mul(result, values), constant(coefficient))
    return result


def error_function(values: Var) -> Var:
    """erf(x) in double."""
    one = constant(1.0)
    square = op.mul(values, values)
    small = op.mul(values, op.div(polynomial(square, ERF_NUMERATOR), polynomial(square, ERF_DENOMINATOR)))
    # Beyond 8 erf is 1 in double; held there the polynomials cannot overflow.
    size = op.min([op.abs(values), constant(8.0)])
    ratio = op.div(polynomial(size, ERFC_NUMERATOR), polynomial(size, ERFC_DENOMINATOR))
    complement = op.mul(op.exp(op.neg(op.mul(size, size))), ratio)
    large = op.mul(op.sign(values), op.sub(one, complement))
    return op.where(op.less_or_equal(op.abs(values), one), small, large)
