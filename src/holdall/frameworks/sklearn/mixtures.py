"""Gaussian mixtures: the logarithm of each component's weighted density, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.frameworks.sklearn.matrices import flat, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import beside, projected
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import row_argmax, row_maximum, row_sum
from holdall.graph.value import Table, constant

Vector = npt.NDArray[np.float64]


@predictor("GaussianMixture", "BayesianGaussianMixture")
def gaussian_mixture(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The likeliest component's number, each component's share, and the log-density of the row (`score`)."""
    values = numbers(table, path).values
    spread = _log_gaussian(model, values)
    weighted = op.add(spread, constant(_correction(model) + np.asarray(model._estimate_log_weights(), np.float64)))
    largest = row_maximum(weighted, keepdims=True)
    density = op.add(op.log(row_sum(op.exp(op.sub(weighted, largest)), keepdims=True)), largest)
    return Outputs(
        labels=row_argmax(weighted),
        probability=op.exp(op.sub(weighted, density)),
        score=flat(density),
    )


def _correction(model: Any) -> Vector:
    """What a Bayesian mixture adds to each component's log-density; nothing for the other."""
    if type(model).__name__ != "BayesianGaussianMixture":
        return np.zeros(len(model.means_))
    from scipy.special import digamma

    columns = model.means_.shape[1]
    freedom = model.degrees_of_freedom_
    spread = np.sum(digamma(0.5 * (freedom - np.arange(columns)[:, None])), 0)
    expected = columns * np.log(2.0) + spread
    result: Vector = -0.5 * columns * np.log(freedom) + 0.5 * (expected - columns / model.mean_precision_)
    return result


def _log_gaussian(model: Any, values: Var) -> Var:
    """[N, components]: log N(x; mean, covariance)."""
    means = np.asarray(model.means_, np.float64)
    roots = np.asarray(model.precisions_cholesky_, np.float64)
    count, columns = means.shape
    if model.covariance_type in ("full", "tied"):
        each = [roots] * count if model.covariance_type == "tied" else list(roots)
        log_root = np.array([np.sum(np.log(np.diag(root))) for root in each])
        squares = beside([_mahalanobis(values, mean, root) for mean, root in zip(means, each, strict=True)])
    else:
        precisions = roots**2 if model.covariance_type == "diag" else np.repeat(roots[:, None] ** 2, columns, axis=1)
        log_root = np.sum(np.log(roots), axis=1) if model.covariance_type == "diag" else columns * np.log(roots)
        crossed = projected(values, -2.0 * (means * precisions).T)
        own = projected(op.mul(values, values), precisions.T)
        squares = op.add(op.add(constant(np.sum(means**2 * precisions, axis=1)), crossed), own)
    scaled = op.mul(constant(-0.5), op.add(constant(columns * np.log(2 * np.pi)), squares))
    return op.add(scaled, constant(log_root))


def _mahalanobis(values: Var, mean: Vector, root: Vector) -> Var:
    apart = op.sub(projected(values, root), constant(mean @ root))
    return row_sum(op.mul(apart, apart))
