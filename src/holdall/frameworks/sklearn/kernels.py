"""Similarities and distances between every row and a fixed set of points: [N, points].

The euclidean ones keep scikit-learn's own form, x² - 2xy + y², with what it loses to cancellation. Those that need one
term for each row, point and column go row by row, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.pairwise import by_row, column_sum
from holdall.frameworks.sklearn.rows import integers, projected
from holdall.graph.numerics import row_sum
from holdall.graph.value import constant

Points = npt.NDArray[np.float64]


def nearest(values: Var, points: Points) -> Var:
    """int64 [N]: the nearest of the points as k-means finds it, the first of equals; a row's own length is left out."""
    apart = op.add(projected(values, -2.0 * points.T), constant((points**2).sum(axis=1)))
    return op.arg_min(apart, axis=1, keepdims=0)


def nearest_in_order(values: Var, points: Points) -> Var:
    """int64 [N]: sklearn.metrics.pairwise_distances_argmin.

    It adds a row's own length, taken as BLAS takes it, so that near ties round to the same side.
    """
    lengths = op.unsqueeze(op.einsum([values, values], equation="ij,ij->i"), integers(1))
    return op.arg_min(_squares(values, points, lengths), axis=1, keepdims=0)


def squared_distances(values: Var, points: Points) -> Var:
    """Squared euclidean distances, none below zero."""
    return _squares(values, points, row_sum(op.mul(values, values), keepdims=True))


def _squares(values: Var, points: Points, lengths: Var) -> Var:
    middle = op.add(projected(values, -2.0 * points.T), lengths)
    return op.max([op.add(middle, constant((points**2).sum(axis=1))), constant(0.0)])


def distances(values: Var, points: Points) -> Var:
    """Euclidean distances."""
    return op.sqrt(squared_distances(values, points))


def kernel(values: Var, points: Points, metric: Any, parameters: Mapping[str, Any], path: str) -> Var:
    """sklearn.metrics.pairwise.pairwise_kernels with filter_params. Raises NotPortable for a function of the user's."""
    points = np.asarray(points, np.float64)
    if not isinstance(metric, str) or metric not in KERNELS:
        named = "precomputed" if metric == "precomputed" else getattr(metric, "__name__", repr(metric))
        raise NotPortable(path, f"the kernel {named} is not known as graph operators")
    given = {name: float(value) for name, value in parameters.items() if value is not None}
    return KERNELS[metric](values, points, given)


def _linear(values: Var, points: Points, given: dict[str, float]) -> Var:
    return projected(values, points.T)


def _scaled(values: Var, points: Points, given: dict[str, float]) -> Var:
    products = op.mul(projected(values, points.T), constant(_gamma(points, given)))
    return op.add(products, constant(given.get("coef0", 1.0)))


def _gamma(points: Points, given: dict[str, float], default: float | None = None) -> float:
    return given.get("gamma", 1.0 / points.shape[1] if default is None else default)


def _polynomial(values: Var, points: Points, given: dict[str, float]) -> Var:
    return op.pow(_scaled(values, points, given), constant(given.get("degree", 3.0)))


def _sigmoid(values: Var, points: Points, given: dict[str, float]) -> Var:
    return op.tanh(_scaled(values, points, given))


def _rbf(values: Var, points: Points, given: dict[str, float]) -> Var:
    return op.exp(op.mul(squared_distances(values, points), constant(-_gamma(points, given))))


def _laplacian(values: Var, points: Points, given: dict[str, float]) -> Var:
    apart = _by_column(values, points, lambda row, point: op.abs(op.sub(row, point)))
    return op.exp(op.mul(constant(-_gamma(points, given)), apart))


def _cosine(values: Var, points: Points, given: dict[str, float]) -> Var:
    one = constant(1.0)
    lengths = op.sqrt(row_sum(op.mul(values, values), keepdims=True))
    unit = op.div(values, op.where(op.equal(lengths, constant(0.0)), one, lengths))
    norms = np.sqrt((points**2).sum(axis=1, keepdims=True))
    return projected(unit, (points / np.where(norms == 0, 1.0, norms)).T)


def _additive_chi_squared(values: Var, points: Points, given: dict[str, float]) -> Var:
    def term(row: Var, point: Var) -> Var:
        apart, sums = op.sub(row, point), op.add(row, point)
        none = op.equal(sums, constant(0.0))
        return op.where(none, constant(0.0), op.div(op.mul(apart, apart), op.where(none, constant(1.0), sums)))

    return op.neg(_by_column(values, points, term))


def _chi_squared(values: Var, points: Points, given: dict[str, float]) -> Var:
    return op.exp(op.mul(_additive_chi_squared(values, points, given), constant(_gamma(points, given, 1.0))))


def _by_column(values: Var, points: Points, term: Callable[[Var, Var], Var]) -> Var:
    """Σ over columns of term(row, point): each is a column of numbers, [columns, 1] and [columns, points]."""
    across = constant(points.T)
    (sums,) = by_row(values, lambda row: [column_sum(term(op.transpose(row, perm=[1, 0]), across))])
    return sums


KERNELS: dict[str, Callable[[Var, Points, dict[str, float]], Var]] = {
    "additive_chi2": _additive_chi_squared,
    "chi2": _chi_squared,
    "cosine": _cosine,
    "laplacian": _laplacian,
    "linear": _linear,
    "poly": _polynomial,
    "polynomial": _polynomial,
    "rbf": _rbf,
    "sigmoid": _sigmoid,
}
