"""Several targets against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import multioutput  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, live
from tests.frameworks.sklearn.samples import WORDS, classification, fitted, regression, unseen


def binary_targets() -> tuple[Any, np.ndarray]:
    frame, _ = classification(2)
    values = frame.to_numpy()
    return frame, np.column_stack([values[:, 0] > 0, values[:, 1] + values[:, 2] > 0.3, values[:, 3] < 0]).astype(int)


def test_a_regressor_for_every_target() -> None:
    frame, target = regression(3)
    agree_on_edges(fitted(MultiOutputRegressor(DecisionTreeRegressor(max_depth=3)), frame, target), unseen(frame))


def test_a_classifier_for_every_target_with_classes_of_its_own() -> None:
    frame, target = binary_targets()
    mixed = np.column_stack([WORDS[target[:, 0]], WORDS[2 + target[:, 1] + target[:, 2]]])
    model = fitted(MultiOutputClassifier(LogisticRegression()), frame, mixed)
    rows = unseen(frame)
    answers = agree(model, rows)
    for index, expected in enumerate(model.predict_proba(rows)):
        np.testing.assert_allclose(answers[f"target{index}_probability"], expected, rtol=1e-10)
    agree_on_edges(model, frame)


@pytest.mark.parametrize("order", [None, [2, 0, 1]])
@pytest.mark.parametrize("cross_validated", [None, 3])
def test_a_chain_of_regressors(order: Any, cross_validated: Any) -> None:
    frame, target = regression(3)
    model = RegressorChain(Ridge(), order=order, cv=cross_validated)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


@pytest.mark.parametrize("order", [None, [2, 0, 1]])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_a_chain_of_classifiers(order: Any, method: str) -> None:
    frame, target = binary_targets()
    model = fitted(ClassifierChain(LogisticRegression(), order=order, chain_method=method, cv=3), frame, target)
    answers = agree(model, frame)
    shares = np.column_stack([answers[f"target{index}_probability"][:, 1] for index in range(3)])
    np.testing.assert_allclose(shares, live(model, "predict_proba", frame), rtol=1e-10)


@pytest.mark.parametrize("inner", [RidgeClassifier(), GaussianNB()])
def test_a_chain_of_classifiers_that_lack_a_method(inner: Any) -> None:
    frame, target = binary_targets()
    agree_on_edges(fitted(ClassifierChain(inner), frame, target), frame)


def test_a_float32_table_is_double_beside_the_chained_answers() -> None:
    frame, target = regression(2)
    single = frame.astype(np.float32)
    agree(fitted(RegressorChain(Ridge()), single, target), single, relative=1e-6)


def test_a_reordered_chain_over_different_classes_is_refused() -> None:
    frame, target = binary_targets()
    target[:, 1] += target[:, 2]
    model = fitted(ClassifierChain(LogisticRegression(), order=[1, 0, 2]), frame, target)
    with pytest.raises(NotPortable, match="different classes"):
        harness.convert_predictor(model, frame)
