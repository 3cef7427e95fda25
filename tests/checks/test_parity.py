"""What counts as the same answer."""

from __future__ import annotations

import numpy as np
import pytest

from holdall.checks.parity import TOLERANCES, Comparison
from holdall.columns.batch import Batch, Column
from holdall.spec.schema import Kind
from holdall.spec.steps import Compute

EXACT = TOLERANCES[Compute.FLOAT64]


def answers(labels: list[str], *probabilities: list[float]) -> Batch:
    columns = {"prediction": Column(Kind.STRING, np.array(labels, object))}
    for name, values in zip("ab", probabilities, strict=False):
        columns[f"probability_{name}"] = Column(Kind.FLOAT, np.array(values))
    return Batch(columns, len(labels))


def compare(expected: Batch, actual: Batch, task: str = "classification") -> Comparison:
    comparison = Comparison()
    comparison.add(expected, actual, EXACT, task)
    return comparison


def test_equal_answers_pass() -> None:
    same = answers(["a", "b"], [0.9, 0.2], [0.1, 0.8])
    assert compare(same, same).passed


def test_another_label_is_a_flip_where_the_top_two_are_apart() -> None:
    result = compare(answers(["a"], [0.6], [0.4]), answers(["b"], [0.6], [0.4]))
    assert (result.label_flips, result.ties) == (1, 0)
    assert not result.passed


def test_another_label_is_a_tie_where_the_top_two_are_the_same() -> None:
    result = compare(answers(["a"], [0.5], [0.5]), answers(["b"], [0.5], [0.5]))
    assert (result.label_flips, result.ties) == (0, 1)
    assert result.passed


@pytest.mark.parametrize(("error", "passed"), [(1e-10, True), (1e-8, False)])
def test_numbers_are_compared_within_the_tolerance(error: float, passed: bool) -> None:
    result = compare(answers(["a"], [0.6], [0.4]), answers(["a"], [0.6 * (1 + error)], [0.4]))
    assert result.passed is passed
    assert result.max_rel_error == pytest.approx(error, rel=1e-3)


def test_a_number_where_nan_is_expected_fails() -> None:
    assert not compare(answers(["a"], [np.nan], [0.4]), answers(["a"], [0.6], [0.4])).passed
    assert compare(answers(["a"], [np.nan], [0.4]), answers(["a"], [np.nan], [0.4])).passed


def test_infinities_of_one_sign_are_equal() -> None:
    assert compare(answers(["a"], [np.inf], [0.4]), answers(["a"], [np.inf], [0.4])).passed
    assert not compare(answers(["a"], [np.inf], [0.4]), answers(["a"], [-np.inf], [0.4])).passed


def test_a_label_without_scores_has_no_ties() -> None:
    expected = Batch({"prediction": Column(Kind.INT, np.array([1]))}, 1)
    actual = Batch({"prediction": Column(Kind.INT, np.array([2]))}, 1)
    assert compare(expected, actual, "clustering").label_flips == 1


def test_probabilities_alone_still_tell_flips() -> None:
    full = answers(["a"], [0.6], [0.4])
    only = full.select(["probability_a", "probability_b"])
    other = answers(["b"], [0.4], [0.6]).select(["probability_a", "probability_b"])
    assert compare(only, other).label_flips == 1


def test_no_rows_agree() -> None:
    none = answers([], [], [])
    assert compare(none, none).passed
