"""What the converters of numeric estimators share: the table as one double matrix, and affine maps of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.graph import value
from holdall.graph.value import Block, Table, constant

Matrix = npt.NDArray[np.float64]


def numbers(table: Table, path: str) -> Block:
    """The table as one double matrix [N, width]. Raises NotPortable where a column is text."""
    try:
        return value.numeric(table)
    except ValueError as error:
        raise NotPortable(path, str(error)) from None


def dense(values: Any) -> Matrix:
    """A fitted array as doubles; scikit-learn keeps some as scipy.sparse matrices."""
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, np.float64)


def is_single(values: Any) -> bool:
    """Whether a fitted array is float32: NumPy then computes in float32 where the table is single too."""
    return getattr(values, "dtype", None) == np.float32


def affine(values: Var, weights: Any, offset: Any = 0.0, *, single: bool = False) -> Var:
    """[N, p] → [N, k]: values @ weights + offset. weights: [p, k]; offset: [k] or a number.

    single: the live model computes this in float32, and overflows where float32 does.
    """
    shift = dense(offset)
    if single:
        product = op.matmul(op.cast(values, to=np.float32), constant(dense(weights), np.float32))
        return op.cast(op.add(product, constant(shift, np.float32)), to=np.float64)
    product = op.matmul(values, constant(dense(weights)))
    return op.add(product, constant(shift)) if shift.any() else product


def flat(values: Var) -> Var:
    """[N, 1] → [N]."""
    return op.reshape(values, constant([-1], np.int64))


def column(values: Var, index: int) -> Var:
    """One column of [N, k], as [N]."""
    return op.gather(values, constant(index, np.int64), axis=1)


def labels_above_zero(decision: Var) -> Var:
    """[N] → int64 [N]: 1 where the decision is above zero, else 0."""
    return op.cast(op.greater(decision, constant(0.0)), to=np.int64)


def signs(inlier: Var) -> Var:
    """bool [N] → int64 [N]: 1 for an inlier, -1 for an outlier."""
    return op.where(inlier, constant(1, np.int64), constant(-1, np.int64))


def transformed(model: Any, values: Var, width: int) -> Table:
    """`transform`'s answer under the names that scikit-learn gives: the class name in lower case and a number."""
    prefix = type(model).__name__.lower()
    return value.matrix(values, [f"{prefix}{index}" for index in range(width)])
