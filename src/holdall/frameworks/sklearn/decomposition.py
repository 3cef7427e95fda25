"""Projections: components, factors, cross decomposition and random projections; each a product with a fitted matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import dense, flat, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.frameworks.sklearn.rows import features, projected
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


@transformer("PCA", "IncrementalPCA")
def principal_components(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Projected, then centred, as scikit-learn does since 1.5; scaled to unit variance where whitened."""
    components = dense(model.components_)
    centre = dense(model.mean_).reshape(1, -1) @ components.T
    values = op.sub(projected(numbers(table, path).values, components.T), constant(centre))
    if model.whiten:
        scale = np.sqrt(np.asarray(model.explained_variance_))
        values = op.div(values, constant(np.maximum(scale, np.finfo(scale.dtype).eps)))
    return features(model, values, len(components))


@transformer(
    "GaussianRandomProjection",
    "NeighborhoodComponentsAnalysis",
    "SparseRandomProjection",
    "TruncatedSVD",
)
def linear_projection(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The rows times the components, without centring."""
    components = dense(model.components_)
    return features(model, projected(numbers(table, path).values, components.T), len(components))


@transformer("FastICA")
def independent_components(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Centred where it whitened, then unmixed."""
    values = numbers(table, path).values
    if model.whiten:
        values = _centred(values, model.mean_)
    components = dense(model.components_)
    return features(model, projected(values, components.T), len(components))


@transformer("FactorAnalysis")
def factor_analysis(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The expected factors given the row."""
    components = dense(model.components_)
    weighted = components / dense(model.noise_variance_)
    covariance = np.linalg.inv(np.eye(len(components)) + weighted @ components.T)
    centred = _centred(numbers(table, path).values, model.mean_)
    return features(model, projected(projected(centred, weighted.T), covariance), len(components))


@transformer("MiniBatchSparsePCA", "SparsePCA")
def sparse_components(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The ridge regression of the centred row on the components, in closed form."""
    components = dense(model.components_)
    inner = components @ components.T + float(model.ridge_alpha) * np.eye(len(components))
    try:
        weights = np.linalg.solve(inner, components).T
    except np.linalg.LinAlgError:
        raise NotPortable(path, "its components leave the ridge regression without a single solution") from None
    return features(model, projected(_centred(numbers(table, path).values, model.mean_), weights), len(components))


@predictor("CCA", "PLSCanonical", "PLSRegression")
def partial_least_squares(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The targets from the centred row, and the row's scores on the latent components (`table`)."""
    centred = _centred(numbers(table, path).values, model._x_mean)
    rotations = dense(model.x_rotations_)
    scores = projected(op.div(centred, constant(dense(model._x_std))), rotations)
    values = op.add(projected(centred, dense(model.coef_).T), constant(dense(model.intercept_)))
    single = bool(getattr(model, "_predict_1d", False))
    return Outputs(values=flat(values) if single else values, table=features(model, scores, rotations.shape[1]))


@transformer("PLSSVD")
def cross_covariance(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The scaled row on the left singular vectors of the cross-covariance."""
    scaled = op.div(_centred(numbers(table, path).values, model._x_mean), constant(dense(model._x_std)))
    weights = dense(model.x_weights_)
    return features(model, projected(scaled, weights), weights.shape[1])


@transformer(
    "DictionaryLearning",
    "LatentDirichletAllocation",
    "MiniBatchDictionaryLearning",
    "MiniBatchNMF",
    "NMF",
)
def iterative(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Always refused."""
    raise NotPortable(path, f"the transform of {type(model).__name__} is an optimisation run anew for every table")


def _centred(values: Var, mean: Any) -> Var:
    return op.sub(values, constant(dense(mean)))
