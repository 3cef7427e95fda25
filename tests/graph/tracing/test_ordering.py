"""The best of several answers: rows in order, and names taken by it, as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdall

SHARES = ["probability_a", "probability_b", "probability_c"]
NAMES = np.array(["apple", "birch", "cedar"])
r = np.random.default_rng(0)
ANSWERS = pd.DataFrame(r.dirichlet([1, 1, 1], 200).round(2), columns=SHARES)


def margin(answers: pd.DataFrame) -> pd.DataFrame:
    ordered = np.sort(answers[SHARES].to_numpy(), axis=1)
    return answers.assign(margin=ordered[:, -1] - ordered[:, -2])


def downwards(answers: pd.DataFrame) -> pd.DataFrame:
    ordered = np.sort(answers[SHARES].values, axis=1)[:, ::-1]
    return pd.DataFrame({"first": ordered[:, 0], "second": ordered[:, 1]})


def best_two(answers: pd.DataFrame) -> pd.DataFrame:
    order = np.argsort(-answers[SHARES].to_numpy(), axis=1)
    inside = np.array(["x", "y", "z"])
    return pd.DataFrame({"first": NAMES[order[:, 0]], "second": inside[order[:, 1]], "last": NAMES[order[:, -1]]})


def taken(answers: pd.DataFrame) -> pd.DataFrame:
    place = answers[SHARES].to_numpy().argsort(axis=1)[:, -1]
    return answers.assign(name=np.take(["x", "y", "z"], place), weight=np.array([0.5, 1.5, 2.5])[place])


@pytest.mark.parametrize("function", [margin, downwards, best_two, taken])
def test_it_is_in_the_graph_and_the_same(function: Any) -> None:
    told = holdall.trace(function, sample=ANSWERS)
    assert [blocker.operation for blocker in told.blockers] == []
    assert told.passed


def test_rows_in_order_are_none_of_a_graphs() -> None:
    def sorted_rows(answers: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"a": np.sort(answers.probability_a.to_numpy())})

    told = holdall.trace(sorted_rows, sample=ANSWERS)
    assert not told.traced
    assert told.blockers[0].operation == "numpy.sort"
    assert "order" in told.blockers[0].instead
