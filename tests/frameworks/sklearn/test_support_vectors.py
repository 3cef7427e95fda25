"""Support vector machines against scikit-learn itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_wine, make_blobs, make_classification, make_regression
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import support_vectors
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of

KERNELS = [
    {"kernel": "linear"},
    {"kernel": "rbf"},
    {"kernel": "rbf", "gamma": 3.0, "C": 100.0},
    {"kernel": "poly", "degree": 3, "coef0": 0.5},
    {"kernel": "poly", "degree": 0, "coef0": 0.5},
    {"kernel": "poly", "degree": 6},
    {"kernel": "sigmoid", "coef0": 0.1},
]


def fitted(model: Any, X: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def classification(classes: int, features: int = 8) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_classification(240, features, n_informative=6, n_classes=classes, random_state=0, flip_y=0.1)
    return frame_of(X), np.array([f"klasse {label} é" for label in range(classes)])[y]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("settings", KERNELS, ids=str)
def test_a_classifier_votes_as_libsvm(settings: dict[str, Any], shape: str, classes: int) -> None:
    frame, target = classification(classes)
    agree_on_edges(fitted(SVC(**settings, decision_function_shape=shape), frame, target), frame)


@pytest.mark.parametrize("classes", [2, 4])
def test_nu_and_broken_ties(classes: int) -> None:
    frame, target = classification(classes)
    agree(fitted(NuSVC(nu=0.2), frame, target), frame)
    agree(fitted(SVC(break_ties=True), frame, target), frame)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("model", [SVC, NuSVC])
def test_probabilities_are_coupled_as_libsvm_does(model: Any, classes: int) -> None:
    frame, target = classification(classes)
    settings = {"nu": 0.2} if model is NuSVC else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model(probability=True, random_state=0, **settings).fit(frame, target)
    agree_on_edges(found, frame)
    far = frame_of(np.random.default_rng(1).normal(scale=30, size=(200, 8)))
    agree(found, far)


def test_probabilities_of_thirty_classes() -> None:
    X, y = make_blobs(360, 6, centers=30, cluster_std=2.0, random_state=0)
    frame = frame_of(X)
    agree(fitted(SVC(probability=True, random_state=0), frame, y), frame)


def test_more_classes_than_are_coupled_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, target = classification(4)
    model = fitted(SVC(probability=True, random_state=0), frame, target)
    monkeypatch.setattr(support_vectors, "MOST_COUPLED", 3)
    with pytest.raises(NotPortable, match="4 classes"):
        harness.convert_predictor(model, frame)


def test_a_hundred_classes() -> None:
    X, y = make_blobs(600, 6, centers=100, cluster_std=1.0, random_state=0)
    frame = frame_of(X)
    agree(fitted(SVC(), frame, y), frame.head(150))


@pytest.mark.parametrize("model", [SVR, NuSVR])
@pytest.mark.parametrize("settings", KERNELS, ids=str)
def test_a_regressor_sums_as_libsvm(model: Any, settings: dict[str, Any]) -> None:
    X, y = make_regression(120, 4, noise=2.0, random_state=0)
    # A polynomial of degree six sums numbers a million times larger than what remains of them.
    relative = 1e-8 if settings.get("degree") == 6 else 1e-10
    frame = frame_of(X)
    agree_on_edges(fitted(model(**settings, max_iter=2000), frame, y), frame, relative=relative)


def test_a_regressor_without_support_vectors_is_a_constant() -> None:
    frame = frame_of(np.random.default_rng(0).normal(size=(30, 3)))
    model = SVR(epsilon=10.0).fit(frame, np.linspace(-1, 1, 30))
    assert len(model.support_vectors_) == 0
    agree_on_edges(model, frame)


@pytest.mark.parametrize("settings", [k for k in KERNELS if k["kernel"] != "sigmoid"], ids=str)
def test_outliers_of_one_class(settings: dict[str, Any]) -> None:
    frame, _ = classification(2)
    settings = {key: value for key, value in settings.items() if key != "C"}
    model = fitted(OneClassSVM(**settings, nu=0.3), frame, None)
    unseen = frame_of(np.random.default_rng(1).normal(scale=2, size=(200, 8)))
    relative = 1e-8 if settings.get("degree") == 6 else 1e-10
    agree(model, unseen, relative=relative)


def test_a_model_fitted_on_a_sparse_matrix() -> None:
    frame, target = classification(3)
    for kernel in ("linear", "rbf"):
        model = fitted(SVC(kernel=kernel), sparse.csr_matrix(frame.to_numpy()), target)
        agree(model, frame)


def test_columns_far_from_zero_keep_their_small_distances() -> None:
    frame, target = classification(3)
    agree(fitted(SVC(), frame + 1e6, target), frame + 1e6)


def test_extreme_values_and_one_feature() -> None:
    frame, target = classification(3)
    extremes = frame_of(np.multiply.outer([1e300, -1e150, 1e-300, 0.0], np.ones(8)))
    agree(fitted(SVC(), frame, target), extremes)
    agree(fitted(SVC(), frame[["x0"]], target), frame[["x0"]])


def test_a_thousand_features() -> None:
    rng = np.random.default_rng(0)
    frame = frame_of(rng.normal(size=(80, 1000)))
    agree(fitted(SVC(), frame, np.arange(80) % 3), frame)


@pytest.mark.parametrize("load", [load_wine, load_digits])
def test_real_tables(load: Any) -> None:
    X, y = load(return_X_y=True)
    frame = frame_of(X[:500])
    agree(fitted(SVC(), frame, y[:500]), frame)


def test_kernels_of_python_and_precomputed_ones_are_refused() -> None:
    frame, target = classification(2)
    model = fitted(SVC(kernel=lambda a, b: a @ b.T), frame, target)
    with pytest.raises(NotPortable, match="function of Python"):
        harness.convert_predictor(model, frame)
    square = frame.to_numpy() @ frame.to_numpy().T
    with pytest.raises(NotPortable, match="precomputed"):
        harness.convert_predictor(SVC(kernel="precomputed").fit(square, target), frame_of(square))
