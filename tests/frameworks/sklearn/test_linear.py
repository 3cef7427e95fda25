"""Linear models against scikit-learn itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model as lm
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.svm import LinearSVC, LinearSVR

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import linear  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of


def fitted(model: Any, frame: pd.DataFrame, target: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(frame, target)


def regression(rows: int = 200, features: int = 6, targets: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_regression(rows, features, n_informative=min(4, features), n_targets=targets, noise=3.0, random_state=3)
    return frame_of(X), y


def classification(classes: int, rows: int = 300, features: int = 12) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_classification(rows, features, n_informative=8, n_classes=classes, random_state=5, flip_y=0.1)
    return frame_of(X), y


ONE_TARGET = [
    lm.ARDRegression(),
    lm.BayesianRidge(),
    lm.ElasticNet(alpha=0.1),
    lm.ElasticNetCV(cv=3),
    lm.HuberRegressor(),
    lm.Lars(),
    lm.LarsCV(cv=3),
    lm.Lasso(),
    lm.LassoCV(cv=3),
    lm.LassoLars(),
    lm.LassoLarsCV(cv=3),
    lm.LassoLarsIC(),
    lm.LinearRegression(),
    lm.LinearRegression(fit_intercept=False),
    lm.OrthogonalMatchingPursuit(),
    lm.OrthogonalMatchingPursuitCV(cv=3),
    lm.QuantileRegressor(alpha=0.01),
    lm.RANSACRegressor(random_state=0),
    lm.Ridge(),
    lm.RidgeCV(),
    lm.SGDRegressor(random_state=0),
    lm.TheilSenRegressor(random_state=0),
    LinearSVR(random_state=0),
]


@pytest.mark.parametrize("model", ONE_TARGET, ids=lambda m: type(m).__name__)
def test_a_regressor_of_one_target_answers_as_scikit_learn(model: Any) -> None:
    frame, target = regression()
    agree_on_edges(fitted(model, frame, target), frame)


@pytest.mark.parametrize(
    "model",
    [
        lm.LinearRegression(),
        lm.Ridge(),
        lm.RidgeCV(),
        lm.Lasso(),
        lm.ElasticNet(),
        lm.Lars(),
        lm.LassoLars(),
        lm.OrthogonalMatchingPursuit(),
        lm.MultiTaskElasticNet(),
        lm.MultiTaskElasticNetCV(cv=3),
        lm.MultiTaskLasso(),
        lm.MultiTaskLassoCV(cv=3),
        lm.RANSACRegressor(random_state=0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_regressor_of_three_targets_gives_three_columns(model: Any) -> None:
    frame, target = regression(targets=3)
    answers = agree(fitted(model, frame, target), frame)
    assert answers["values"].shape == (len(frame), 3)


def test_a_target_that_is_a_matrix_of_one_column_stays_a_matrix() -> None:
    frame, target = regression()
    answers = agree(lm.LinearRegression().fit(frame, target.reshape(-1, 1)), frame)
    assert answers["values"].shape == (len(frame), 1)


@pytest.mark.parametrize(
    "model",
    [
        lm.PoissonRegressor(),
        lm.GammaRegressor(),
        lm.TweedieRegressor(power=0),
        lm.TweedieRegressor(power=1.5),
        lm.TweedieRegressor(power=0, link="log"),
        lm.TweedieRegressor(power=2, link="identity", alpha=10),
    ],
    ids=str,
)
def test_a_generalised_linear_model_applies_the_inverse_of_its_link(model: Any) -> None:
    frame, target = regression()
    agree_on_edges(fitted(model, frame / 10, np.abs(target) + 1), frame / 10)


CLASSIFIERS = [
    lm.LogisticRegression(),
    lm.LogisticRegression(C=100.0, solver="newton-cholesky"),
    lm.LogisticRegressionCV(cv=3, Cs=3),
    lm.RidgeClassifier(),
    lm.RidgeClassifierCV(),
    lm.SGDClassifier(loss="hinge", random_state=0),
    lm.SGDClassifier(loss="log_loss", random_state=0),
    lm.SGDClassifier(loss="modified_huber", random_state=0),
    lm.Perceptron(random_state=0),
    LinearSVC(random_state=0),
    LinearSVC(multi_class="crammer_singer", random_state=0),
]


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: f"{type(m).__name__}-{getattr(m, 'loss', '')}")
def test_a_classifier_answers_as_scikit_learn(model: Any, classes: int) -> None:
    frame, target = classification(classes)
    agree_on_edges(fitted(model, frame, target), frame)


@pytest.mark.parametrize("names", [["no", "yes"], [-7, 3], [False, True], [1.0, 2.0]], ids=str)
def test_labels_of_any_kind_are_positions_among_the_classes(names: list[Any]) -> None:
    frame, target = classification(2)
    agree(fitted(lm.LogisticRegression(), frame, np.array(names)[target]), frame)


def test_liblinear_for_two_classes_and_one_feature() -> None:
    frame, target = classification(2)
    agree(fitted(lm.LogisticRegression(solver="liblinear"), frame[["x0"]], target), frame[["x0"]])


def test_the_passive_aggressive_estimators_of_older_releases() -> None:
    for name, (frame, target) in (
        ("PassiveAggressiveRegressor", regression()),
        ("PassiveAggressiveClassifier", classification(3)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not hasattr(lm, name):
                continue
            model = getattr(lm, name)(random_state=0)
        agree(fitted(model, frame, target), frame)


class Multinomial:
    """What scikit-learn before 1.8 keeps of a logistic regression fitted with `multi_class`."""

    def __init__(self, model: Any, mode: str) -> None:
        self.__dict__.update(model.__dict__, multi_class=mode)


def test_the_multi_class_modes_of_older_releases_are_followed() -> None:
    from scipy.special import expit, softmax

    for classes in (2, 4):
        frame, target = classification(classes)
        model = fitted(lm.LogisticRegression(), frame, target)
        decision = model.decision_function(frame)
        one_against_rest = expit(decision)
        pairs = np.column_stack([-decision, decision]) if classes == 2 else decision
        if classes == 2:
            wanted = np.column_stack([1 - one_against_rest, one_against_rest])
        else:
            wanted = one_against_rest / one_against_rest.sum(axis=1, keepdims=True)
        for mode, expected in (("ovr", wanted), ("multinomial", softmax(pairs, axis=1))):
            older = Multinomial(model, mode)
            older.__class__ = type("LogisticRegression", (Multinomial,), {"__module__": "sklearn.linear_model"})
            given = harness.predict(older, frame)
            np.testing.assert_allclose(given["probability"], expected, rtol=1e-11)


def test_a_hundred_classes() -> None:
    rng = np.random.default_rng(0)
    target = np.repeat(np.arange(100), 6)
    frame = frame_of(rng.normal(size=(600, 20)) + 4 * rng.normal(size=(100, 20))[target])
    for model in (lm.LogisticRegression(), lm.SGDClassifier(loss="modified_huber", random_state=0)):
        answers = agree(fitted(model, frame, target), frame)
        assert answers["probability"].shape == (600, 100)


def test_no_class_above_minus_one_gives_even_probabilities() -> None:
    frame, target = classification(3)
    model = fitted(lm.SGDClassifier(loss="modified_huber", random_state=0), frame, target)
    model.coef_ *= 0
    model.intercept_ -= 1e9
    np.testing.assert_array_equal(agree(model, frame)["probability"], 1 / 3)


def test_coefficients_kept_as_a_sparse_matrix() -> None:
    frame, target = classification(3)
    model = fitted(lm.SGDClassifier(penalty="l1", random_state=0), frame, target)
    agree(model.sparsify(), frame)


def test_a_thousand_features() -> None:
    rng = np.random.default_rng(1)
    frame = frame_of(rng.normal(size=(120, 1000)))
    target = (frame["x0"] > 0).to_numpy()
    agree(fitted(lm.LogisticRegression(), frame, target), frame)
    agree(fitted(lm.Ridge(), frame, frame["x1"] * 3), frame)


def test_extreme_values_saturate_as_in_scikit_learn() -> None:
    frame, target = classification(2)
    extremes = frame_of(np.multiply.outer([1e300, -1e300, 1e-300, 1e150, -1e15, 0.0, 700.0, -750.0], np.eye(12)[0]))
    for model in (lm.LogisticRegression(), lm.SGDClassifier(loss="modified_huber", random_state=0), lm.Perceptron()):
        agree(fitted(model, frame, target), extremes)
    frame, target = classification(4)
    agree(fitted(lm.LogisticRegression(), frame, target), extremes)


def test_a_ridge_classifier_of_several_labels_answers_each() -> None:
    X, Y = make_multilabel_classification(150, 8, n_classes=4, random_state=2)
    frame = frame_of(X)
    model = fitted(lm.RidgeClassifier(), frame, Y)
    answers = agree(model, frame)
    assert sum(name.endswith("_labels") for name in answers) == 4


def test_outliers_by_stochastic_gradient_descent() -> None:
    frame, _ = classification(2)
    model = fitted(lm.SGDOneClassSVM(nu=0.4, random_state=0), frame, None)
    answers = agree(model, frame)
    assert set(answers["labels"].tolist()) == {-1, 1}


def test_integers_booleans_and_float32_are_numbers_too() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "count": rng.integers(0, 2**40, 80),
            "flag": rng.integers(0, 2, 80).astype(bool),
            "small": rng.normal(size=80).astype(np.float32),
        }
    )
    agree(fitted(lm.LinearRegression(), frame, frame["count"] * 2 + frame["flag"]), frame)


def test_a_model_of_float32_agrees_within_its_own_precision() -> None:
    frame, target = classification(3)
    single = frame.astype(np.float32)
    model = fitted(lm.LogisticRegression(), single, target)
    agree(model, single, relative=1e-4, absolute=1e-6)


def test_text_is_refused_with_the_step_and_the_column() -> None:
    frame, target = regression()
    model = lm.LinearRegression().fit(frame, target)
    words = frame.assign(x0="1")
    with pytest.raises(NotPortable, match="x0"):
        harness.convert_predictor(model, words)


def test_an_unknown_link_is_refused_by_name() -> None:
    frame, target = regression()
    model = fitted(lm.PoissonRegressor(), frame, np.abs(target))
    model._base_loss.link = object()
    with pytest.raises(NotPortable, match="link object"):
        harness.convert_predictor(model, frame)
