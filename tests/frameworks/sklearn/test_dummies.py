"""Baselines against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from holdall.errors import NotPortable
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges
from tests.frameworks.sklearn.samples import WORDS, classification, fitted, regression


@pytest.mark.parametrize(
    "model",
    [
        DummyClassifier(),
        DummyClassifier(strategy="most_frequent"),
        DummyClassifier(strategy="constant", constant="chat"),
    ],
)
def test_a_baseline_classifier(model: Any) -> None:
    frame, target = classification(4)
    agree_on_edges(fitted(model, frame, target), frame)


@pytest.mark.parametrize("strategy", ["prior", "constant"])
def test_a_baseline_for_several_targets(strategy: str) -> None:
    frame, target = classification(3)
    targets = np.column_stack([target, WORDS[np.arange(len(frame)) % 5]])
    constant = [target[0], WORDS[4]] if strategy == "constant" else None
    model = fitted(DummyClassifier(strategy=strategy, constant=constant), frame, targets)
    answers = agree(model, frame)
    for index, expected in enumerate(model.predict_proba(frame)):
        np.testing.assert_array_equal(answers[f"target{index}_probability"], expected)


@pytest.mark.parametrize("strategy", ["stratified", "uniform"])
def test_answers_drawn_at_random_are_refused_by_name(strategy: str) -> None:
    frame, target = classification(2)
    with pytest.raises(NotPortable, match=strategy):
        harness.convert_predictor(fitted(DummyClassifier(strategy=strategy), frame, target), frame)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("model", [DummyRegressor(), DummyRegressor(strategy="quantile", quantile=0.3)])
def test_a_baseline_regressor(model: Any, targets: int) -> None:
    frame, target = regression(targets)
    agree_on_edges(fitted(model, frame, target), frame)


def test_a_whole_number_as_the_constant_answer() -> None:
    frame, target = regression()
    agree_on_edges(fitted(DummyRegressor(strategy="constant", constant=7), frame, target), frame)
