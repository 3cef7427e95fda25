"""Classifiers of many classes made of binary ones, against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import multiclass  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree_on_edges, frame_of, live
from tests.frameworks.sklearn.samples import classification, fitted, unseen

INNER = [LogisticRegression(), RidgeClassifier(), GaussianNB(), DecisionTreeClassifier(max_depth=3), Ridge()]


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("inner", INNER)
def test_one_against_the_rest(classes: int, inner: Any) -> None:
    frame, target = classification(classes)
    agree_on_edges(fitted(OneVsRestClassifier(inner), frame, target), unseen(frame))


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("inner", INNER)
def test_one_against_one(classes: int, inner: Any) -> None:
    frame, target = classification(classes)
    agree_on_edges(fitted(OneVsOneClassifier(inner), frame, target), unseen(frame))


@pytest.mark.parametrize("inner", [LogisticRegression(), GaussianNB(), DecisionTreeClassifier(max_depth=3)])
@pytest.mark.parametrize("size", [0.7, 2.5])
def test_output_codes(inner: Any, size: float) -> None:
    frame, target = classification(6)
    model = OutputCodeClassifier(inner, code_size=size, random_state=3)
    agree_on_edges(fitted(model, frame, target), unseen(frame))


@pytest.mark.parametrize("inner", [LogisticRegression(), GaussianNB(), RidgeClassifier()])
def test_several_labels_a_row(inner: Any) -> None:
    X, Y = make_multilabel_classification(150, 5, n_classes=4, random_state=2)
    Y[:, 2] = 0  # a label that no row has, for which a constant stands in
    frame = frame_of(X)
    model = fitted(OneVsRestClassifier(inner), frame, Y)
    answers = harness.predict(model, frame)
    labels = np.column_stack([answers[f"target{index}_labels"] for index in range(4)])
    np.testing.assert_array_equal(labels, live(model, "predict", frame))
    if hasattr(model, "predict_proba"):
        shares = np.column_stack([answers[f"target{index}_probability"][:, 1] for index in range(4)])
        np.testing.assert_allclose(shares, live(model, "predict_proba", frame), rtol=1e-10)


def test_one_class_alone_is_always_predicted() -> None:
    frame, _ = classification(2)
    model = fitted(OneVsRestClassifier(GaussianNB()), frame, np.full(len(frame), "only"))
    np.testing.assert_array_equal(
        model.classes_[harness.predict(model, frame)["labels"]], live(model, "predict", frame)
    )


def test_pairs_on_a_precomputed_kernel_are_refused() -> None:
    frame, target = classification(3)
    model = fitted(OneVsOneClassifier(LogisticRegression()), frame, target)
    model.pairwise_indices_ = [np.arange(3)] * 3
    with pytest.raises(NotPortable, match="precomputed"):
        harness.convert_predictor(model, frame)
