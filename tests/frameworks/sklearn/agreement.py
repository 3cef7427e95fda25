"""One assertion for every predictor: the graph answers as scikit-learn does, on every method that the estimator has."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from tests.frameworks.sklearn import harness

RELATIVE = 1e-10
ABSOLUTE = 1e-13


def frame_of(values: Any) -> pd.DataFrame:
    """A float64 frame with columns x0, x1 …"""
    matrix = np.asarray(values, np.float64)
    return pd.DataFrame(matrix, columns=[f"x{index}" for index in range(matrix.shape[1])])


def live(model: Any, method: str, frame: pd.DataFrame) -> np.ndarray:
    """The model's own answer, warnings off: some extremes overflow in the live model too."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.asarray(getattr(model, method)(frame if hasattr(model, "feature_names_in_") else frame.to_numpy()))


def close(actual: np.ndarray, expected: np.ndarray, relative: float, absolute: float) -> None:
    """Within tolerance of the largest value beside it in the row, for a difference of large numbers has their rounding."""
    assert actual.shape == expected.shape
    scale = np.abs(expected) if expected.ndim == 1 else np.abs(expected).max(axis=1, keepdims=True, initial=0)
    scale = np.where(np.isfinite(scale), scale, 0)
    both_odd = ~np.isfinite(expected) & ((actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    with np.errstate(invalid="ignore"):
        wrong = ~both_odd & ~(np.abs(actual - expected) <= relative * scale + absolute)
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} differ, first {actual[wrong][:3]} for {expected[wrong][:3]}"


def agree(
    model: Any,
    frame: pd.DataFrame,
    *,
    relative: float = RELATIVE,
    absolute: float = ABSOLUTE,
    answers: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Assert that all answers of the graph are the model's own; labels without one flip. Returns the graph's answers."""
    given = harness.predict(model, frame) if answers is None else answers
    classes = getattr(model, "classes_", None)
    compared = set()
    expected = live(model, "predict", frame)
    if any(name.startswith("target") for name in given):
        for index in range(expected.shape[1]):
            labels = given[f"target{index}_labels"]
            if isinstance(classes, list):
                labels = classes[index][labels]
            np.testing.assert_array_equal(labels, expected[:, index])
            compared.add(f"target{index}_labels")
        return given
    if "labels" in given:
        labels = given["labels"]
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels if classes is None else np.asarray(classes)[labels], expected)
        compared.add("labels")
    else:
        close(given["values"], expected, relative, absolute)
        compared.add("values")
    for name, method in (
        ("probability", "predict_proba"),
        ("decision", "decision_function"),
        ("score", "score_samples"),
        ("transformed", "transform"),
    ):
        if hasattr(model, method):
            close(given[name], live(model, method, frame), relative, absolute)
            compared.add(name)
    assert compared == set(given) - {"refused"}
    return given


def agree_on_edges(model: Any, frame: pd.DataFrame, **tolerance: float) -> None:
    """Assert agreement on the frame, on its first row alone, and that no row gives no answers of the right width."""
    answers = agree(model, frame, **tolerance)
    graph = harness.convert_predictor(model, frame)
    for name, value in harness.run(graph, frame.head(1)).items():
        np.testing.assert_allclose(value, answers[name][:1], rtol=1e-12, atol=1e-14)
    for name, value in harness.run(graph, frame.head(0)).items():
        assert value.shape == (0, *answers[name].shape[1:])
