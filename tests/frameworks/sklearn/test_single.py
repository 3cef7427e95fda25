"""Models fitted on float32 overflow where scikit-learn's float32 does, and agree within its precision elsewhere."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge, SGDClassifier, SGDOneClassSVM
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.svm import SVC

from holdall.frameworks.sklearn.framework import register_converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, close, frame_of, live

register_converters()

MODELS = [
    LinearRegression(),
    Ridge(),
    LogisticRegression(),
    Perceptron(random_state=0),
    SGDClassifier(loss="modified_huber", random_state=0),
    SGDOneClassSVM(random_state=0),
    LinearDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(reg_param=0.2),
    GaussianNB(),
    BernoulliNB(),
    KNeighborsClassifier(),
    LocalOutlierFactor(novelty=True),
    MLPClassifier((6,), max_iter=30, random_state=0),
    MLPRegressor(hidden_layer_sizes=(6,), max_iter=30, random_state=0),
    SVC(),
    BernoulliRBM(4, n_iter=3, random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_model_of_float32_agrees_and_overflows_with_scikit_learn(model: Any) -> None:
    X, y = make_classification(200, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
    frame = frame_of(X).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame, y)
    # One column at a time: where several overflow, the order of a sum decides between infinity and no number at all.
    extremes = frame_of(np.concatenate([size * np.eye(6) for size in (3.4e38, -3.4e38, 1e20, -1e10, 1e-30)]))
    for rows in (frame, extremes.astype(np.float32)):
        if isinstance(model, BernoulliRBM):
            close(harness.transform(model, rows), live(model, "transform", rows), 1e-4, 1e-6)
        else:
            agree(model, rows, relative=1e-4, absolute=1e-6)
