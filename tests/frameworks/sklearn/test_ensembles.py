"""Ensembles against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import discriminant, ensembles, multiclass, registry  # noqa: F401 — registers the converters
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, live
from tests.frameworks.sklearn.samples import classification, fitted, regression, unseen

MEMBERS = [
    ("logistic", LogisticRegression()),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ("gone", "drop"),
    ("bayes", GaussianNB()),
]
REGRESSORS = [("line", LinearRegression()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("voting", ["hard", "soft"])
@pytest.mark.parametrize("weights", [None, [1, 2, 5, 0.5]])
def test_a_vote_is_counted_as_scikit_learn_counts_it(classes: int, voting: str, weights: Any) -> None:
    frame, target = classification(classes)
    model = fitted(VotingClassifier(MEMBERS, voting=voting, weights=weights), frame, target)
    agree_on_edges(model, unseen(frame))


def test_hard_votes_that_tie_go_to_the_first_class() -> None:
    frame, target = classification(3)
    always = [(word, DummyClassifier(strategy="constant", constant=place)) for place, word in enumerate("abc")]
    model = fitted(VotingClassifier(always[::-1]), frame, target)
    assert set(harness.predict(model, frame)["labels"]) == {0}
    agree(model, frame)


def test_a_negative_weight_in_a_hard_vote_is_refused() -> None:
    frame, target = classification(2)
    model = fitted(VotingClassifier(MEMBERS[:2], weights=[1, -1]), frame, target)
    with pytest.raises(NotPortable, match="negative weight"):
        harness.convert_predictor(model, frame)


def test_a_vote_without_flattened_transform_still_predicts() -> None:
    frame, target = classification(3)
    model = fitted(VotingClassifier(MEMBERS, voting="soft", flatten_transform=False), frame, target)
    answers = harness.predict(model, frame)
    assert "transformed" not in answers
    np.testing.assert_allclose(answers["probability"], model.predict_proba(frame), rtol=1e-12)


@pytest.mark.parametrize("weights", [None, [3, 0.1]])
def test_regressors_are_averaged(weights: Any) -> None:
    frame, target = regression()
    agree_on_edges(fitted(VotingRegressor(REGRESSORS, weights=weights), frame, target), unseen(frame))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", ["auto", "predict", "predict_proba"])
@pytest.mark.parametrize("passthrough", [False, True])
def test_a_stack_of_classifiers(classes: int, method: str, passthrough: bool) -> None:
    frame, target = classification(classes)
    model = StackingClassifier(MEMBERS, LogisticRegression(), stack_method=method, passthrough=passthrough, cv=3)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_stack_on_margins_under_a_tree(classes: int) -> None:
    frame, target = classification(classes)
    members = [("margin", LinearSVC(random_state=0)), ("ridge", RidgeClassifier())]
    model = StackingClassifier(members, DecisionTreeClassifier(max_depth=4, random_state=0), cv=3)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


def test_a_prefitted_stack_over_text_labels_is_refused_where_it_would_compute_with_text() -> None:
    frame, target = classification(3)
    numbers = np.unique(target, return_inverse=True)[1]
    members = [("ridge", RidgeClassifier().fit(frame, numbers))]
    model = fitted(StackingClassifier(members, cv="prefit", stack_method="predict"), frame, target)
    agree(model, frame)
    model.estimators_[0].classes_ = np.array(["x", "y", "z"])
    with pytest.raises(NotPortable, match="text"):
        harness.convert_predictor(model, frame)


@pytest.mark.parametrize("passthrough", [False, True])
def test_a_stack_of_regressors(passthrough: bool) -> None:
    frame, target = regression()
    model = StackingRegressor(REGRESSORS, Ridge(), passthrough=passthrough, cv=3)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


def test_a_stack_names_its_features_as_scikit_learn_does() -> None:
    frame, target = classification(3)
    model = fitted(StackingClassifier(MEMBERS, passthrough=True, cv=3), frame, target)
    conversion = Conversion(harness.schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, "model (StackingClassifier)")
    assert value.names(table) == tuple(model.get_feature_names_out())


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    "inner", [DecisionTreeClassifier(max_depth=4), LogisticRegression(), RidgeClassifier(), GaussianNB()]
)
def test_a_bag_of_classifiers_on_subsets_of_the_columns(classes: int, inner: Any) -> None:
    frame, target = classification(classes)
    model = BaggingClassifier(
        inner, n_estimators=7, max_features=0.6, bootstrap_features=True, max_samples=0.5, random_state=1
    )
    agree_on_edges(fitted(model, frame, target), unseen(frame))


@pytest.mark.parametrize(
    "inner", [LinearDiscriminantAnalysis(), OneVsRestClassifier(GaussianNB()), OneVsRestClassifier(RidgeClassifier())]
)
def test_a_bag_whose_samples_miss_classes(inner: Any) -> None:
    frame, target = classification(7, rows=120)  # these members take no weights, so they see only the rows they drew
    model = fitted(BaggingClassifier(inner, n_estimators=9, max_samples=16, random_state=5), frame, target)
    assert len({len(estimator.classes_) for estimator in model.estimators_}) > 1
    answers = harness.predict(model, frame)
    np.testing.assert_array_equal(model.classes_[answers["labels"]], live(model, "predict", frame))
    np.testing.assert_allclose(answers["probability"], live(model, "predict_proba", frame), rtol=1e-10, atol=1e-15)
    assert "decision" not in answers


def test_a_bag_over_integers_and_booleans_sees_them_as_numbers() -> None:
    frame, target = classification(2)
    mixed = pd.DataFrame({"whole": np.arange(len(frame)), "flag": frame["x0"] > 0, "part": frame["x1"]})
    model = fitted(
        BaggingClassifier(LogisticRegression(), n_estimators=3, max_features=2, random_state=0), mixed, target
    )
    agree_on_edges(model, mixed)


@pytest.mark.parametrize("targets", [1, 2])
def test_a_bag_of_regressors(targets: int) -> None:
    frame, target = regression(targets)
    model = BaggingRegressor(DecisionTreeRegressor(max_depth=4), n_estimators=6, max_features=0.7, random_state=2)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("inner", [DecisionTreeClassifier(max_depth=1), GaussianNB()])
def test_boosted_classifiers(classes: int, inner: Any) -> None:
    frame, target = classification(classes)
    model = AdaBoostClassifier(inner, n_estimators=20, random_state=0)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


def test_boosting_that_stopped_after_a_perfect_fit() -> None:
    frame, target = classification(2)
    model = fitted(AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=9, random_state=0), frame, target)
    assert len(model.estimators_) == 1
    agree_on_edges(model, unseen(frame))


def test_boosting_over_one_class() -> None:
    frame, _ = classification(2)
    model = fitted(AdaBoostClassifier(GaussianNB(), n_estimators=2), frame, np.full(len(frame), "only"))
    answers = harness.predict(model, frame)
    assert set(answers["labels"]) == {0}
    np.testing.assert_array_equal(answers["probability"], model.predict_proba(frame))


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
def test_the_weighted_median_of_boosted_regressors_is_the_very_number(loss: str) -> None:
    frame, target = regression()
    model = AdaBoostRegressor(DecisionTreeRegressor(max_depth=3), n_estimators=25, loss=loss, random_state=0)
    fitted(model, frame, target)
    rows = unseen(frame)
    np.testing.assert_array_equal(harness.predict(model, rows)["values"], live(model, "predict", rows))
    agree_on_edges(model, rows)


def test_a_boosted_regressor_of_one_member() -> None:
    frame, target = regression()
    agree_on_edges(fitted(AdaBoostRegressor(LinearRegression(), n_estimators=1, random_state=0), frame, target), frame)
