"""Data for boosted trees: numbers with gaps, ties and near zeros, and data frames with categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.coverage.trial import Case, Trial

Doubles = npt.NDArray[np.float64]
COLUMNS = 5
SAMPLE = 2_000
EXTREMES = (0.0, -1e-36, 1e30, -1e30)


def numbers(rows: int, seed: int) -> Doubles:
    """A tenth missing, some on a grid, some exactly or nearly zero, one column beyond float32's digits, four extremes."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, COLUMNS))
    values[:, 1] = np.round(values[:, 1], 1)
    values[:, 2] *= 1e6
    values[random.random(values.shape) < 0.1] = np.nan
    values[random.random(values.shape) < 0.05] = 0.0
    if seed:
        values[: len(EXTREMES)] = np.array(EXTREMES)[:rows, None]
    return values


def score(values: Doubles) -> Doubles:
    """What is to be learnt."""
    scaled = np.nan_to_num(values) / [1, 1, 1e6, 1, 1]
    learnt: Doubles = scaled[:, 0] + scaled[:, 1] * np.sign(scaled[:, 3]) + scaled[:, 2]
    return learnt


def classes(values: Doubles) -> Any:
    """Four classes of unlike size, as words."""
    return np.array(["low", "some", "more", "high"])[np.digitize(score(values), [-1.5, 0, 1])]


def frame(rows: int, seed: int, *, category: bool) -> tuple[Any, Any]:
    """A data frame with two columns of categories, and what is to be learnt. category: as pandas' own categories."""
    import pandas as pd

    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "income": random.normal(size=rows),
            "region": random.choice(["north", "south", "west", "Ärmel" if not category else "east"], rows),
            "plan": random.choice(["a", "b c"], rows),
            "count": random.integers(0, 40, rows),
        }
    )
    table.loc[random.random(rows) < 0.1, "income"] = np.nan
    learnt = (table.income > 0) ^ table.region.isin(["north", "west"]) ^ (table["plan"] == "a")
    if category:
        table = table.astype({"region": "category", "plan": "category"})
    return table, np.where(learnt, "yes", "no")


def on_numbers(model: Callable[[], Any], target: Callable[[Doubles], Any], **fitted: Any) -> Callable[[int], Trial]:
    """A trial of a model that is fitted on numbers."""

    def make(rows: int) -> Trial:
        sample = numbers(SAMPLE, 0)
        return Trial(model().fit(sample, target(sample), **fitted), sample, numbers(rows, 1))

    return make


def on_frame(
    model: Callable[[], Any], *, category: bool, target: Callable[[Any], Any] | None = None
) -> Callable[[int], Trial]:
    """A trial of a model that is fitted on a data frame with categories. target: of the two words; None: themselves."""

    def make(rows: int) -> Trial:
        sample, learnt = frame(SAMPLE, 0, category=category)
        wanted = learnt if target is None else target(learnt)
        return Trial(model().fit(sample, wanted), sample, frame(rows, 1, category=category)[0])

    return make


def binary(values: Doubles) -> Any:
    """0 and 1."""
    return (score(values) > 0).astype(np.int64)


def codes(values: Doubles) -> Any:
    """0 to 3."""
    return np.digitize(score(values), [-1.5, 0, 1])


def positive(values: Doubles) -> Doubles:
    """Numbers above zero, none of them large."""
    return np.asarray(np.abs(np.clip(score(values), -20, 20)) + 0.1)


def case(framework: str) -> Callable[..., Case]:
    """Cases of one framework; portable unless told otherwise."""

    def make(model: str, task: str, trial: Callable[[int], Trial], expected: str = "portable") -> Case:
        return Case(framework, model, task, trial, expected)

    return make
