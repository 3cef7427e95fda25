"""Naive Bayes against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB

from holdall.frameworks.sklearn import naive_bayes  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of


def counts(classes: int, rows: int = 300, features: int = 9) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(classes)
    target = np.arange(rows) % classes
    rates = rng.gamma(2.0, 2.0, size=(classes, features))
    return frame_of(rng.poisson(rates[target])), target


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(),
        GaussianNB(var_smoothing=1e-3),
        MultinomialNB(),
        MultinomialNB(alpha=0.01, fit_prior=False),
        ComplementNB(),
        ComplementNB(norm=True),
        BernoulliNB(),
        BernoulliNB(binarize=2.0),
    ],
    ids=str,
)
def test_naive_bayes_answers_as_scikit_learn(model: Any, classes: int) -> None:
    frame, target = counts(classes)
    agree_on_edges(model.fit(frame, np.array(["é", "b", "", "ß"])[target]), frame)


@given(st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=9))
@settings(max_examples=40, deadline=None)
def test_gaussian_likelihoods_agree_far_from_the_data(values: list[float]) -> None:
    frame, target = counts(3)
    agree(GaussianNB().fit(frame, target), frame_of([values]), relative=1e-9)


def test_gaussian_with_a_class_that_has_no_weight() -> None:
    frame, target = counts(3)
    agree(GaussianNB(priors=[0.5, 0.5, 0.0]).fit(frame, target), frame)


def test_a_hundred_classes_and_a_thousand_features() -> None:
    frame, target = counts(100, rows=400, features=8)
    agree(GaussianNB().fit(frame, target), frame)
    wide, target = counts(3, rows=90, features=1000)
    for model in (GaussianNB(), MultinomialNB(), BernoulliNB()):
        agree(model.fit(wide, target), wide)


def test_one_feature_and_extreme_values() -> None:
    frame, target = counts(3, features=1)
    extremes = frame_of([[1e300], [-1e300], [1e-300], [-0.0], [1e154]])
    for model in (GaussianNB(), BernoulliNB()):
        agree(model.fit(frame, target), extremes)


def test_numbers_are_used_as_they_are_where_nothing_is_binarized() -> None:
    frame, target = counts(2)
    bits = frame_of(frame.to_numpy() > 2)
    agree(BernoulliNB(binarize=None).fit(bits, target), bits)


def test_the_binarizing_threshold_is_a_boundary_of_every_column() -> None:
    frame, target = counts(2)
    graph = harness.convert_predictor(BernoulliNB(binarize=2.5).fit(frame, target), frame)
    assert {name: values.tolist() for name, values in graph.boundaries.items()} == {name: [2.5] for name in frame}


def test_categories_are_looked_up_and_fractions_cut_off() -> None:
    rng = np.random.default_rng(7)
    frame = frame_of(np.column_stack([rng.integers(0, n, 200) for n in (2, 3, 11)]))
    target = rng.integers(0, 3, 200)
    model = CategoricalNB(min_categories=4).fit(frame, target)
    agree_on_edges(model, frame)
    agree(model, frame_of([[0.9, 2.99, 3.0], [-0.5, 3.0, 10.9]]))


def test_a_category_that_the_model_refuses_is_refused_by_the_graph() -> None:
    frame = frame_of(np.column_stack([np.arange(60) % 3, np.arange(60) % 4]))
    model = CategoricalNB().fit(frame, np.arange(60) % 2)
    rows = frame_of([[0, 0], [3, 0], [0, -1], [2, 3], [1, 1e300]])
    refused = []
    for index in range(len(rows)):
        try:
            with np.errstate(invalid="ignore"):
                model.predict(rows.iloc[[index]])
            refused.append(False)
        except (IndexError, ValueError):
            refused.append(True)
    answers = harness.predict(model, rows)
    assert answers["refused"].any(axis=1).tolist() == refused == [False, True, True, False, True]
    graph = harness.convert_predictor(model, rows)
    assert [guard.column for guard in graph.guards] == ["x0", "x1"]
