"""Nearest neighbours against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import neighbours, pairwise
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of, live

LABELS = np.array(["ä", "b", "c", "d", "e"])


def blobs(classes: int = 3, features: int = 4, rows: int = 240) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Training rows, their classes, and rows unseen but for the first few."""
    X, y = make_blobs(rows, features, centers=classes, cluster_std=4.0, random_state=0)
    unseen = np.concatenate([X[:10], np.random.default_rng(1).normal(scale=8, size=(150, features))])
    return frame_of(X), y, frame_of(unseen)


CLASSIFIERS = [
    {},
    {"n_neighbors": 1},
    {"weights": "distance"},
    {"algorithm": "ball_tree", "weights": "distance"},
    {"metric": "manhattan"},
    {"metric": "manhattan", "algorithm": "brute", "weights": "distance"},
    {"metric": "chebyshev", "weights": "distance"},
    {"p": 3},
    {"p": 1.5, "weights": "distance", "algorithm": "brute"},
    {"metric": "minkowski", "metric_params": {"w": [1.0, 2.0, 0.5, 3.0]}, "weights": "distance"},
    {"weights": None},
]


@pytest.mark.parametrize("settings", CLASSIFIERS, ids=str)
def test_neighbours_vote_as_in_scikit_learn(settings: dict[str, Any]) -> None:
    frame, target, unseen = blobs()
    model = KNeighborsClassifier(**settings).fit(frame, LABELS[target])
    agree_on_edges(model, unseen)


@pytest.mark.parametrize("settings", CLASSIFIERS, ids=str)
@pytest.mark.parametrize("targets", [1, 2])
def test_neighbours_average_as_in_scikit_learn(settings: dict[str, Any], targets: int) -> None:
    frame, _, unseen = blobs()
    values = np.random.default_rng(2).normal(size=(len(frame), targets))
    model = KNeighborsRegressor(**settings).fit(frame, values.ravel() if targets == 1 else values)
    agree_on_edges(model, unseen)


RADII = [
    {"radius": 6.0},
    {"radius": 6.0, "weights": "distance"},
    {"radius": 6.0, "algorithm": "brute"},
    {"radius": 9.0, "metric": "manhattan", "weights": "distance"},
    {"radius": 6.0, "p": 3},
    {"radius": 0.5, "metric": "cosine"},
]


@pytest.mark.parametrize("settings", RADII, ids=str)
def test_neighbours_within_a_radius_vote(settings: dict[str, Any]) -> None:
    frame, target, unseen = blobs()
    model = RadiusNeighborsClassifier(**settings, outlier_label="most_frequent").fit(frame, LABELS[target])
    answers = agree(model, unseen)
    assert answers["probability"].shape == (len(unseen), 3)


@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
@pytest.mark.parametrize("settings", RADII, ids=str)
@pytest.mark.parametrize("kind", [float, int])
def test_neighbours_within_a_radius_average_and_nobody_is_not_a_number(settings: dict[str, Any], kind: type) -> None:
    frame, target, unseen = blobs()
    model = RadiusNeighborsRegressor(**settings).fit(frame, target.astype(kind))
    agree(model, unseen)


def test_a_row_without_neighbours_is_refused_where_scikit_learn_refuses_it() -> None:
    frame, target, unseen = blobs()
    model = RadiusNeighborsClassifier(radius=5.0).fit(frame, target)
    refused = harness.predict(model, unseen)["refused"][:, 0]
    lonely = np.array([len(found) == 0 for found in model.radius_neighbors(unseen, return_distance=False)])
    assert refused.tolist() == lonely.tolist()
    assert 0 < lonely.sum() < len(unseen)
    with pytest.raises(ValueError, match="No neighbors"):
        model.predict(unseen)
    agree(model, unseen[~lonely])


def test_an_outlier_label_of_its_own_is_no_class_to_point_at() -> None:
    frame, target, unseen = blobs()
    known = RadiusNeighborsClassifier(radius=5.0, outlier_label=2).fit(frame, target)
    agree(known, unseen)
    unknown = RadiusNeighborsClassifier(radius=5.0, outlier_label=9).fit(frame, target)
    with pytest.raises(NotPortable, match="outlier label 9"):
        harness.convert_predictor(unknown, unseen)


def test_several_targets_are_voted_on_apart() -> None:
    frame, target, unseen = blobs()
    both = np.column_stack([target, (frame["x0"] > 0).astype(int) + 5])
    for model in (KNeighborsClassifier(weights="distance"), RadiusNeighborsClassifier(30.0)):
        model.fit(frame, both)
        answers = agree(model, unseen)
        for index, probability in enumerate(model.predict_proba(unseen)):
            np.testing.assert_allclose(answers[f"target{index}_probability"], probability, rtol=1e-12)


def test_a_row_on_copies_of_a_training_row_takes_those_alone() -> None:
    rng = np.random.default_rng(3)
    frame = frame_of(np.concatenate([rng.normal(size=(40, 2)), [[0.25, 0.5]] * 3]))
    model = KNeighborsRegressor(43, weights="distance", algorithm="kd_tree").fit(frame, rng.normal(size=43))
    agree(model, frame_of([[0.25, 0.5], [0.25, 0.5 + 1e-12], [1e-300, 0]]))


@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 4), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_any_row_finds_its_neighbours(rows: list[tuple[float, ...]]) -> None:
    agree(MODEL, frame_of(rows))


MODEL = KNeighborsClassifier(7, weights="distance").fit(blobs()[0], blobs()[1])


def test_infinite_distances_leave_the_first_training_row_or_are_refused() -> None:
    frame, target, _ = blobs()
    far = frame_of([[1e300] * 4, [-1e200] * 4, [1e150, 0, 0, 0], [1e-300] * 4])
    agree(KNeighborsClassifier(3).fit(frame, target), far)
    agree(KNeighborsRegressor(3).fit(frame, target * 1.5), far)
    weighted = KNeighborsClassifier(3, weights="distance").fit(frame, target)
    refused = harness.predict(weighted, far)["refused"][:, 0]
    assert refused.tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="zero weights"):
        live(weighted, "predict", far)


WAYS: list[dict[str, Any]] = [
    {"algorithm": "kd_tree"},
    {"algorithm": "kd_tree", "metric": "manhattan"},
    {"algorithm": "kd_tree", "metric": "chebyshev"},
    {"algorithm": "kd_tree", "p": 3},
    {"algorithm": "ball_tree"},
    {"algorithm": "ball_tree", "metric": "manhattan"},
    {"algorithm": "brute", "metric": "manhattan"},
    {"algorithm": "brute", "metric": "chebyshev"},
]


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_same_of_several_rows_at_one_distance_become_neighbours(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000), label="seed"))
    rows = data.draw(st.integers(1, 200), label="rows")
    count = data.draw(st.integers(1, min(rows, 20)), label="neighbours")
    way = data.draw(st.sampled_from(WAYS), label="way")
    leaf = data.draw(st.sampled_from([2, 5, 30]), label="leaf size")
    frame = frame_of(rng.integers(0, 4, size=(rows, 3)) / 10)
    model = KNeighborsRegressor(count, leaf_size=leaf, **way).fit(frame, rng.normal(size=rows))
    unseen = rng.integers(-1, 6, size=(12, 3)) / 10
    far = rng.choice([-1e15, 1e8, 0.1, 1e50], size=(4, 3))
    agree(model, frame_of(np.concatenate([unseen, far])), absolute=1e-12)


def test_copies_with_different_targets_are_told_apart_by_their_place_in_the_tree() -> None:
    rng = np.random.default_rng(0)
    frame = frame_of(np.repeat(rng.normal(size=(40, 2)), 8, axis=0)[rng.permutation(320)])
    target = rng.integers(0, 5, 320)
    for count in (1, 3, 11):
        agree(KNeighborsClassifier(count, leaf_size=4).fit(frame, target), frame)


def test_a_tree_that_is_not_balanced_is_refused() -> None:
    frame, target, unseen = blobs()
    data, positions, nodes, bounds = KNeighborsClassifier().fit(frame, target)._tree.get_arrays()

    class Lopsided:
        def get_arrays(self) -> Any:
            return data, positions, nodes[:-1], bounds

    model = KNeighborsClassifier().fit(frame, target)
    model._tree = Lopsided()
    with pytest.raises(NotPortable, match="not balanced"):
        harness.convert_predictor(model, unseen)


@pytest.mark.parametrize(
    "settings", [{}, {"metric": "cosine"}, {"metric": "sqeuclidean", "algorithm": "brute"}], ids=str
)
def test_brute_force_by_products_counts_alike_where_no_two_rows_are_equally_far(settings: dict[str, Any]) -> None:
    frame, target, unseen = blobs(features=16)
    agree(KNeighborsClassifier(**settings).fit(frame, target), unseen)
    agree(KNeighborsRegressor(**settings).fit(frame, frame.sum(axis=1)), unseen, relative=1e-9)


@pytest.mark.parametrize("settings", [{}, {"weights": "distance"}, {"metric": "cosine"}], ids=str)
def test_brute_force_by_products_on_a_grid_is_refused_and_a_tree_is_the_way_out(settings: dict[str, Any]) -> None:
    frame, target, unseen = blobs(features=16)
    if settings.get("weights") != "distance":
        frame, unseen = frame.round(), unseen.round()
    model = KNeighborsClassifier(**settings).fit(frame, target)
    with pytest.raises(NotPortable, match="rounding noise"):
        harness.convert_predictor(model, unseen)
    tree = KNeighborsClassifier(**{**settings, "metric": "euclidean"}, algorithm="kd_tree").fit(frame, target)
    agree(tree, unseen)


def test_a_radius_weighted_by_rounding_noise_is_refused() -> None:
    frame, target, unseen = blobs()
    model = RadiusNeighborsClassifier(6.0, weights="distance", algorithm="brute").fit(frame, target)
    with pytest.raises(NotPortable, match="rounding noise"):
        harness.convert_predictor(model, unseen)


@pytest.mark.parametrize(
    "settings",
    [{"weights": np.exp}, {"metric": lambda a, b: float(np.abs(a - b).sum())}, {"metric": "canberra"}],
    ids=["weights", "metric", "unknown metric"],
)
def test_functions_and_unknown_metrics_are_refused(settings: dict[str, Any]) -> None:
    frame, target, unseen = blobs(rows=30)
    model = KNeighborsClassifier(**settings).fit(frame, target)
    with pytest.raises(NotPortable):
        harness.convert_predictor(model, unseen)


def test_precomputed_distances_are_refused() -> None:
    square = np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0)))
    model = KNeighborsClassifier(3, metric="precomputed").fit(square, np.arange(9) % 2)
    with pytest.raises(NotPortable, match="distances"):
        harness.convert_predictor(model, frame_of(square))


def test_more_training_rows_than_a_graph_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, target, unseen = blobs()
    monkeypatch.setattr(pairwise, "LARGEST", 1000)
    with pytest.raises(NotPortable, match="too large"):
        harness.convert_predictor(KNeighborsClassifier().fit(frame, target), unseen)


def test_a_hundred_classes_and_one_feature() -> None:
    frame, target, _ = blobs(classes=100, features=6, rows=900)
    agree(KNeighborsClassifier().fit(frame, target), frame.head(200))
    frame, target, unseen = blobs(features=1)
    agree(KNeighborsClassifier().fit(frame, target), unseen)


def test_a_thousand_features() -> None:
    frame, target, unseen = blobs(features=1000, rows=60)
    agree(KNeighborsClassifier(3, algorithm="kd_tree").fit(frame, target), unseen)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize("count", [1, 5])
def test_real_tables_full_of_ties(load: Any, count: int) -> None:
    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:500]
    frame, target = frame_of(X[order]), y[order]
    half = len(frame) // 2
    model = KNeighborsClassifier(count, algorithm="kd_tree").fit(frame[:half], target[:half])
    agree(model, frame)


@pytest.mark.parametrize(
    "settings",
    [{}, {"contamination": 0.2}, {"n_neighbors": 5, "metric": "manhattan"}],
    ids=str,
)
def test_local_outliers(settings: dict[str, Any]) -> None:
    frame, _, unseen = blobs()
    model = LocalOutlierFactor(novelty=True, **settings).fit(frame)
    answers = agree(model, unseen)
    assert set(answers["labels"].tolist()) == {-1, 1}
    agree_on_edges(model, unseen)


def test_a_local_outlier_factor_without_novelty_is_refused() -> None:
    frame, _, _ = blobs()
    model = LocalOutlierFactor().fit(frame)
    with pytest.raises(NotPortable, match="novelty"):
        neighbours.local_outlier_factor(model, (), None, "model")  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"priors": "empirical"},
        {"shrink_threshold": 0.5},
        {"metric": "manhattan"},
        {"metric": "manhattan", "priors": "empirical"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Averaging for metrics other than euclidean")
def test_the_nearest_centroid(settings: dict[str, Any], classes: int) -> None:
    frame, target, unseen = blobs(classes)
    keep = np.r_[0 : len(frame) - 40]
    model = NearestCentroid(**settings).fit(frame.iloc[keep], target[keep])
    agree_on_edges(model, unseen)
