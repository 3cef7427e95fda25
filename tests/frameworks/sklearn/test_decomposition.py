"""Projections against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    NMF,
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    LatentDirichletAllocation,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import decomposition, registry  # noqa: F401 — registers the converters
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, close, live
from tests.frameworks.sklearn.samples import classification, fitted, regression, unseen


def transforms_alike(model: Any, frame: pd.DataFrame, relative: float = 1e-10) -> None:
    """Assert values and names of the transform, for one row and for none too."""
    conversion = Conversion(harness.schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, "model")
    assert value.names(table) == tuple(model.get_feature_names_out())
    expected = model.transform(frame)
    expected = expected.toarray() if hasattr(expected, "toarray") else expected
    close(harness.transform(model, frame), expected, relative, 1e-12)
    close(harness.transform(model, frame.head(1)), expected[:1], relative, 1e-12)
    assert harness.transform(model, frame.head(0), convert_on=frame).shape == (0, expected.shape[1])


@pytest.mark.parametrize(
    "model",
    [
        PCA(),
        PCA(2, whiten=True),
        PCA(0.8),
        IncrementalPCA(3),
        IncrementalPCA(2, whiten=True),
        TruncatedSVD(3, random_state=0),
        FastICA(3, random_state=0),
        FastICA(random_state=0, whiten=False, max_iter=20),
        FactorAnalysis(2, random_state=0),
        SparsePCA(3, random_state=0, max_iter=20),
        MiniBatchSparsePCA(3, random_state=0, max_iter=20, ridge_alpha=0.5),
        GaussianRandomProjection(4, random_state=0),
        SparseRandomProjection(4, random_state=0),
        SparseRandomProjection(4, random_state=0, dense_output=True),
    ],
)
def test_a_projection(model: Any) -> None:
    frame, _ = regression(features=6)
    transforms_alike(fitted(model, frame + 3), unseen(frame + 3))


def test_neighbourhood_components() -> None:
    frame, target = classification(3)
    transforms_alike(fitted(NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=10), frame, target), frame)


@pytest.mark.parametrize("model", [PLSRegression(2), PLSRegression(3, scale=False), PLSCanonical(2), CCA(2)])
@pytest.mark.parametrize("targets", [1, 3])
def test_cross_decomposition_predicts_and_transforms(model: Any, targets: int) -> None:
    frame, target = regression(targets)
    if targets == 1:
        model.set_params(n_components=1)
    agree_on_edges(fitted(model, frame, target), unseen(frame))
    transforms_alike(model, frame)
    model.set_params(n_components=2)


def test_the_singular_vectors_of_the_cross_covariance() -> None:
    frame, target = regression(3)
    transforms_alike(fitted(PLSSVD(2), frame, target), unseen(frame))


def test_a_float32_table_agrees_within_its_own_precision() -> None:
    frame, _ = regression()
    single = frame.astype(np.float32)
    model = fitted(PCA(2), single)
    np.testing.assert_allclose(harness.transform(model, single), model.transform(single), rtol=1e-3, atol=1e-4)


def test_whole_numbers_are_projected_as_doubles() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).integers(-9, 9, (60, 4)), columns=list("abcd"))
    transforms_alike(fitted(PCA(2), frame), frame)


@pytest.mark.parametrize("model", [NMF(2, random_state=0), LatentDirichletAllocation(2, random_state=0)])
def test_a_transform_that_is_an_optimisation_is_refused_by_name(model: Any) -> None:
    frame = regression()[0].abs()
    with pytest.raises(NotPortable, match=f"{type(model).__name__} is an optimisation"):
        harness.convert_transformer(fitted(model, frame), frame)


def test_a_column_of_text_is_refused_with_its_name() -> None:
    frame, _ = regression()
    model = fitted(PCA(2), frame)
    with pytest.raises(NotPortable, match="x1"):
        harness.convert_transformer(model, frame.assign(x1="text"))


def test_a_thousand_columns() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 1000)), columns=[f"c{i}" for i in range(1000)])
    model = fitted(PLSRegression(2), frame, frame["c0"])
    agree(model, frame, absolute=1e-12)
    close(harness.transform(model, frame), live(model, "transform", frame), 1e-10, 1e-12)
