"""Calibrated classifiers and isotonic curves against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from holdall.frameworks.sklearn import calibration  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, live
from tests.frameworks.sklearn.samples import classification, fitted, unseen

INNER = [LogisticRegression(), LinearSVC(random_state=0), GaussianNB(), DecisionTreeClassifier(max_depth=3)]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("inner", INNER)
def test_calibrated_probabilities(classes: int, method: str, inner: Any) -> None:
    frame, target = classification(classes)
    model = CalibratedClassifierCV(inner, method=method, cv=2, ensemble=inner is INNER[0])
    agree_on_edges(fitted(model, frame, target), unseen(frame))


def test_a_temperature_asks_whether_all_rows_together_look_like_probabilities() -> None:
    frame, target = classification(3)
    model = fitted(CalibratedClassifierCV(LinearSVC(random_state=0), method="temperature", cv=2), frame, target)
    for fold in model.calibrated_classifiers_:
        fold.estimator.coef_ = np.zeros_like(fold.estimator.coef_)
        fold.estimator.intercept_ = np.array([0.2, 0.5, 0.3])
    agree(model, frame)


def drawn_alike(model: Any, values: Any, tolerance: float = 1e-12) -> None:
    """Assert that the curve is scikit-learn's at these values, for one row and for none too."""
    frame = pd.DataFrame({"x": np.asarray(values, np.float64)})
    graph = harness.convert_predictor(model, frame)
    expected = live(model, "predict", frame)
    answers = harness.run(graph, frame)
    np.testing.assert_allclose(answers["values"], expected, rtol=tolerance, atol=1e-13)
    np.testing.assert_array_equal(answers["transformed"][:, 0], answers["values"])
    np.testing.assert_array_equal(harness.run(graph, frame.head(1))["values"], answers["values"][:1])
    assert harness.run(graph, frame.head(0))["values"].shape == (0,)


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("outside", ["nan", "clip"])
def test_an_isotonic_curve(rising: bool, outside: str) -> None:
    generator = np.random.default_rng(0)
    x = np.round(generator.normal(size=200), 2)
    frame = pd.DataFrame({"x": x})
    model = fitted(IsotonicRegression(increasing=rising, out_of_bounds=outside), frame, x + generator.normal(size=200))
    edges = model.X_thresholds_
    rows = np.concatenate([edges, np.nextafter(edges, 9), np.nextafter(edges, -9), generator.normal(size=300) * 3])
    drawn_alike(model, rows)


def test_an_isotonic_curve_refuses_by_name_what_it_was_told_to() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    model = fitted(IsotonicRegression(out_of_bounds="raise"), frame, [1.0, 2.0, 5.0])
    graph = harness.convert_predictor(model, frame)
    answers = harness.run(graph, pd.DataFrame({"x": [-0.1, 0.0, 1.5, 2.0, 2.1]}))
    assert answers["refused"].ravel().tolist() == [True, False, False, False, True]
    assert graph.guards[0].column == "x"
    assert "0 … 2" in graph.guards[0].reason
    np.testing.assert_allclose(answers["values"][1:4], [1.0, 3.5, 5.0])
    np.testing.assert_array_equal(graph.boundaries["x"], [0.0, 1.0, 2.0])


def test_a_curve_of_one_point_is_flat() -> None:
    frame = pd.DataFrame({"x": [1.0, 1.0]})
    model = fitted(IsotonicRegression(), frame, [3.0, 5.0])
    drawn_alike(model, [-1.0, 1.0, 2.0])


def test_a_curve_of_float32_agrees_within_its_own_precision() -> None:
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({"x": generator.normal(size=80).astype(np.float32)})
    model = IsotonicRegression(out_of_bounds="clip").fit(frame, (frame["x"] * 2).to_numpy(np.float32))
    np.testing.assert_allclose(harness.predict(model, frame)["values"], live(model, "predict", frame), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=20),
    rows=st.lists(st.floats(-2e6, 2e6), min_size=1, max_size=20),
)
def test_any_curve_is_drawn_as_scikit_learn_draws_it(points: list[tuple[float, float]], rows: list[float]) -> None:
    x, y = np.array(points).T
    model = fitted(IsotonicRegression(out_of_bounds="clip"), pd.DataFrame({"x": x}), y)
    drawn_alike(model, np.concatenate([x, rows]), 1e-10)
