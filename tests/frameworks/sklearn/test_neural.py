"""Neural networks against scikit-learn itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, make_classification, make_multilabel_classification, make_regression
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import neural, registry
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of

assert neural


def fitted(model: Any, X: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def classification(classes: int) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_classification(200, 8, n_informative=6, n_classes=classes, random_state=0)
    return frame_of(X), y


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_classifying_network_answers_as_scikit_learn(activation: str, classes: int) -> None:
    frame, target = classification(classes)
    model = MLPClassifier((7, 5), activation=activation, max_iter=30, random_state=0)
    agree_on_edges(fitted(model, frame, np.array(list("aéßz"))[target]), frame)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("targets", [1, 3])
def test_a_regressing_network_answers_as_scikit_learn(activation: str, targets: int) -> None:
    X, y = make_regression(150, 5, n_targets=targets, random_state=0)
    model = MLPRegressor(hidden_layer_sizes=(6,), activation=activation, max_iter=30, random_state=0)
    agree_on_edges(fitted(model, frame_of(X), y), frame_of(X))


def test_a_poisson_network_ends_in_an_exponential() -> None:
    X, y = make_regression(150, 5, random_state=0)
    try:
        model = MLPRegressor(hidden_layer_sizes=(6,), loss="poisson", max_iter=30, random_state=0)
    except TypeError:
        pytest.skip("this scikit-learn has no Poisson loss")
    agree(fitted(model, frame_of(X), np.abs(y) / 50), frame_of(X))


def test_every_label_of_a_multilabel_network_has_its_answer() -> None:
    X, Y = make_multilabel_classification(150, 6, n_classes=3, random_state=0)
    frame = frame_of(X)
    model = fitted(MLPClassifier((5,), max_iter=30, random_state=0), frame, Y)
    answers = agree(model, frame)
    probability = model.predict_proba(frame)
    for index in range(3):
        np.testing.assert_allclose(answers[f"target{index}_probability"][:, 1], probability[:, index], rtol=1e-12)


def test_saturated_networks_agree_to_the_last_double() -> None:
    frame, target = classification(2)
    model = fitted(MLPClassifier((5,), max_iter=30, random_state=0), frame, target)
    extremes = frame_of(np.multiply.outer([1e300, -1e300, 1e-300, 1e3, -1e3, 0.0], np.ones(8)))
    agree(model, extremes, relative=1e-12)


def test_pictures_of_digits() -> None:
    X, y = load_digits(return_X_y=True)
    frame = frame_of(X[:600])
    agree(fitted(MLPClassifier((32,), max_iter=15, random_state=0), frame, y[:600]), frame)


def test_a_network_of_float32_agrees_within_its_own_precision() -> None:
    frame, target = classification(3)
    single = frame.astype(np.float32)
    agree(
        fitted(MLPClassifier((7,), max_iter=30, random_state=0), single, target), single, relative=1e-4, absolute=1e-6
    )


def test_an_unknown_activation_is_refused_by_name() -> None:
    frame, target = classification(2)
    model = fitted(MLPClassifier((3,), max_iter=5, random_state=0), frame, target)
    model.activation = "swish"
    with pytest.raises(NotPortable, match="swish"):
        harness.convert_predictor(model, frame)


def test_a_restricted_boltzmann_machine_gives_hidden_probabilities_under_its_names() -> None:
    frame = frame_of(np.random.default_rng(0).random((80, 6)))
    model = BernoulliRBM(4, n_iter=3, random_state=0).fit(frame)
    np.testing.assert_allclose(harness.transform(model, frame), model.transform(frame), rtol=1e-13)
    conversion = Conversion(harness.schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, "model (BernoulliRBM)")
    assert value.names(table) == tuple(model.get_feature_names_out())
