"""Wrappers against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import clusters, wrappers  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree_on_edges
from tests.frameworks.sklearn.samples import classification, fitted, regression, unseen

GRID = {"C": [0.1, 1.0]}


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(LogisticRegression(), GRID, cv=3),
        RandomizedSearchCV(LogisticRegression(), GRID, n_iter=2, cv=3, random_state=0),
        HalvingGridSearchCV(LogisticRegression(), GRID, cv=3, random_state=0),
        HalvingRandomSearchCV(LogisticRegression(), GRID, cv=3, random_state=0),
    ],
)
def test_a_search_answers_as_its_best_estimator(search: Any) -> None:
    frame, target = classification(3)
    agree_on_edges(fitted(search, frame, target), unseen(frame))


def test_a_search_over_clusterers_transforms_too() -> None:
    frame, _ = regression()
    model = fitted(GridSearchCV(KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, cv=3), frame)
    np.testing.assert_allclose(harness.transform(model, frame), model.transform(frame), rtol=1e-9)
    np.testing.assert_array_equal(harness.predict(model, frame)["labels"], model.predict(frame))


def test_a_search_that_was_not_refitted_is_refused_by_name() -> None:
    frame, target = classification(2)
    model = fitted(GridSearchCV(LogisticRegression(), GRID, cv=3, refit=False), frame, target)
    with pytest.raises(NotPortable, match="refit=False"):
        harness.convert_predictor(model, frame)


def test_a_frozen_estimator_answers_as_the_one_inside() -> None:
    frame, target = regression()
    agree_on_edges(FrozenEstimator(fitted(Ridge(), frame, target)), unseen(frame))
    scaler = FrozenEstimator(fitted(StandardScaler(), frame))
    np.testing.assert_allclose(harness.transform(scaler, frame), scaler.transform(frame), rtol=1e-12)


def test_self_training_answers_as_its_last_fit() -> None:
    frame, target = classification(3)
    codes = np.unique(target, return_inverse=True)[1]
    codes[::3] = -1
    agree_on_edges(fitted(SelfTrainingClassifier(LogisticRegression()), frame, codes), unseen(frame))


@pytest.mark.parametrize("threshold", ["auto", 0.2, 0.7])
@pytest.mark.parametrize("positive", [None, "żółw", "Ärger"])
@pytest.mark.parametrize("inner", [LogisticRegression(), RidgeClassifier(), DecisionTreeClassifier(max_depth=3)])
def test_a_fixed_threshold(threshold: Any, positive: Any, inner: Any) -> None:
    frame, target = classification(2)
    model = FixedThresholdClassifier(inner, threshold=threshold, pos_label=positive)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


def test_a_fixed_threshold_on_the_decision() -> None:
    frame, target = classification(2)
    model = FixedThresholdClassifier(LogisticRegression(), threshold=-0.4, response_method="decision_function")
    agree_on_edges(fitted(model, frame, target), unseen(frame))


@pytest.mark.parametrize("positive", [0, 1])
def test_a_row_exactly_on_the_threshold_is_positive(positive: int) -> None:
    frame, target = classification(2)
    codes = np.unique(target, return_inverse=True)[1]
    inner = fitted(DummyClassifier(), frame, codes)
    share = float(inner.class_prior_[positive])
    model = FixedThresholdClassifier(FrozenEstimator(inner), threshold=share, pos_label=positive)
    assert set(fitted(model, frame, codes).predict(frame)) == {positive}
    agree_on_edges(model, frame)


@pytest.mark.parametrize("scoring", ["balanced_accuracy", make_scorer(f1_score, pos_label="Ärger")])
def test_a_tuned_threshold(scoring: Any) -> None:
    frame, target = classification(2)
    model = TunedThresholdClassifierCV(LogisticRegression(), scoring=scoring, cv=3, random_state=0)
    model = fitted(model, frame, target)
    assert (model.predict(frame) != model.estimator_.predict(frame)).any()
    agree_on_edges(model, unseen(frame))
