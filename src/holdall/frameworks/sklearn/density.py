"""Kernel density: the logarithm of how densely fitted rows lie around a row."""

from __future__ import annotations

from math import lgamma, log, pi
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import dense, flat, numbers
from holdall.frameworks.sklearn.pairwise import Points, by_row
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


def _ball(dimensions: int) -> float:
    """The logarithm of the volume of a ball of radius one."""
    return 0.5 * dimensions * log(pi) - lgamma(0.5 * dimensions + 1)


def _whole(kernel: str, dimensions: int) -> float:
    """The logarithm of a kernel's integral at bandwidth one."""
    if kernel == "gaussian":
        return 0.5 * dimensions * log(2 * pi)
    if kernel == "exponential":
        return log(2 * pi) + (_ball(dimensions - 2) if dimensions > 1 else log(1 / pi)) + lgamma(dimensions)
    more = {"tophat": 0.0, "epanechnikov": log(2 / (dimensions + 2)), "linear": -log(dimensions + 1)}
    return _ball(dimensions) + more[kernel]


def _logarithm(kernel: str, squares: Var) -> Var:
    """Of the kernel at these squared distances, in bandwidths."""
    if kernel == "gaussian":
        return op.mul(constant(-0.5), squares)
    distances = op.sqrt(squares)
    if kernel == "exponential":
        return op.neg(distances)
    inside = op.less(distances, constant(1.0))
    if kernel == "tophat":
        within = constant(0.0)
    else:
        rest = op.sub(constant(1.0), squares if kernel == "epanechnikov" else distances)
        within = op.log(op.where(inside, rest, constant(1.0)))
    return op.where(inside, within, constant(-np.inf))


@predictor("KernelDensity")
def kernel_density(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """`score_samples`. scikit-learn adds up along its search tree, to the tolerance that it was given."""
    if model.kernel not in ("gaussian", "tophat", "epanechnikov", "exponential", "linear"):
        raise NotPortable(path, f"its kernel {model.kernel!r} has no graph")
    if model.metric not in ("euclidean", "l2") or model.metric_params:
        raise NotPortable(path, f"its metric {model.metric!r} has no graph")
    if model.atol or model.rtol:
        raise NotPortable(
            path, "it is asked for no more than a tolerance (atol, rtol), and how near it comes hangs on its tree"
        )
    fitted = dense(model.tree_.data)
    weights = model.tree_.sample_weight
    points = Points(fitted, path)
    narrow = 1.0 / float(model.bandwidth_) ** 2
    share = np.zeros(len(fitted)) if weights is None else np.log(dense(weights))
    count = float(len(fitted)) if weights is None else float(model.tree_.sum_weight)
    start = -_whole(model.kernel, fitted.shape[1]) - fitted.shape[1] * log(model.bandwidth_) - log(count)

    def answer(row: Var) -> list[Var]:
        found = op.add(_logarithm(model.kernel, op.mul(points.squares(row), constant(narrow))), constant(share))
        highest = op.reduce_max(found, constant([0], np.int64), keepdims=1)
        safe = op.where(op.isinf(highest), constant(0.0), highest)
        total = op.reduce_sum(op.exp(op.sub(found, safe)), constant([0], np.int64), keepdims=1)
        return [op.add(op.log(total), safe)]

    (densities,) = by_row(numbers(table, path).values, answer)
    return Outputs(score=op.add(flat(densities), constant(start)))
