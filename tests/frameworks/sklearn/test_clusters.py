"""Clusterers against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    FeatureAgglomeration,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.datasets import make_blobs

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import clusters, registry  # noqa: F401 — registers the converters
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree_on_edges, frame_of
from tests.frameworks.sklearn.samples import fitted, unseen


def blobs(features: int = 4) -> pd.DataFrame:
    return frame_of(make_blobs(200, features, centers=5, cluster_std=2.0, random_state=2)[0])


@pytest.mark.parametrize(
    "model",
    [
        KMeans(4, n_init=1, random_state=0),
        MiniBatchKMeans(4, n_init=1, random_state=0),
        BisectingKMeans(1, random_state=0),
        BisectingKMeans(2, random_state=0),
        BisectingKMeans(9, random_state=0),
        BisectingKMeans(9, random_state=0, bisecting_strategy="largest_cluster", n_init=2),
        MeanShift(bandwidth=4.0),
        Birch(n_clusters=4, threshold=1.0),
        Birch(n_clusters=None, threshold=2.0),
        AffinityPropagation(random_state=0),
    ],
)
def test_a_clusterer_labels_new_rows_as_scikit_learn(model: Any) -> None:
    frame = blobs()
    agree_on_edges(fitted(model, frame), unseen(frame, 200), relative=1e-9)


@pytest.mark.parametrize("model", [KMeans(3, n_init=1, random_state=0), Birch(n_clusters=3), BisectingKMeans(3)])
def test_distances_carry_the_names_of_scikit_learn(model: Any) -> None:
    frame = blobs()
    fitted(model, frame)
    conversion = Conversion(harness.schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, "model")
    assert value.names(table) == tuple(model.get_feature_names_out())


def test_whole_numbers_that_lie_between_two_centres_go_to_the_first() -> None:
    frame = pd.DataFrame({"x": [0, 0, 2, 2, 4, 4]})
    for model in (KMeans(3, init=[[4], [0], [2]], n_init=1), MeanShift(bandwidth=0.5)):
        agree_on_edges(fitted(model, frame), pd.DataFrame({"x": np.arange(-3, 9)}), absolute=1e-7)


def test_propagation_that_found_no_exemplar_labels_every_row_minus_one() -> None:
    frame = blobs()
    model = fitted(AffinityPropagation(max_iter=1, convergence_iter=1, random_state=0), frame)
    model.cluster_centers_ = np.empty((0, 4))
    assert set(harness.predict(model, frame)["labels"]) == {-1}


def test_propagation_over_precomputed_affinities_is_refused() -> None:
    frame = blobs()
    model = fitted(AffinityPropagation(affinity="precomputed", random_state=0), np.asarray(frame) @ np.asarray(frame).T)
    with pytest.raises(NotPortable, match="precomputed"):
        harness.convert_predictor(model, frame)


@pytest.mark.parametrize("pool", [np.mean, np.median, np.max, np.min])
@pytest.mark.parametrize("groups", [1, 3])
def test_columns_are_pooled_by_group(pool: Any, groups: int) -> None:
    frame = blobs(8)
    model = fitted(FeatureAgglomeration(groups, pooling_func=pool), frame)
    np.testing.assert_allclose(harness.transform(model, frame), model.transform(frame), rtol=1e-12)


def test_pooling_by_a_function_of_the_user_is_refused_by_name() -> None:
    def spread(values: Any, axis: int) -> Any:
        return np.ptp(values, axis=axis)

    frame = blobs(6)
    with pytest.raises(NotPortable, match="spread"):
        harness.convert_transformer(fitted(FeatureAgglomeration(2, pooling_func=spread), frame), frame)
