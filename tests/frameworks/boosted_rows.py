"""What the tests of boosted trees share: data that has gone wrong before, rows on every threshold, and one assertion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import holdall
from holdall.frameworks.find import find
from holdall.spec.schema import Kind, Schema

COLUMNS = 5
TRAINED = 2_000
UNSEEN = 100_000
RELATIVE = 1e-6
ULP = 1.2e-7
"""One bit of a float32 beside 1: by so much XGBoost's own exponential differs from machine to machine."""


@dataclass(frozen=True)
class Case:
    """One task of a library. make: its fitted model. unseen: how many rows → rows that it was not fitted on.

    complement: as `same_classes` has it. exact: numbers are equal to the last bit.
    """

    name: str
    make: Callable[[], Any]
    sample: Any
    unseen: Callable[[int], Any]
    complement: float = 0.0
    exact: bool = False


def held(case: Case, count: int) -> dict[str, float]:
    """Assert that the package of the case answers so many unseen rows as its model does. The figures."""
    model, unseen = case.make(), case.unseen(count)
    if hasattr(model, "predict_proba"):
        return same_classes(model, "m", case.sample, unseen, complement=case.complement)
    figures = same_numbers(model, "m", case.sample, unseen)
    assert not case.exact or figures["relative"] == 0
    return figures


def matrix(rows: int, seed: int) -> npt.NDArray[np.float64]:
    """Numbers with a tenth of them missing, some exactly zero, some nearly, on a grid, and beyond float32's digits."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, COLUMNS))
    values[:, 1] = np.round(values[:, 1], 1)
    values[:, 2] *= 1e6
    values[random.random(values.shape) < 0.1] = np.nan
    values[random.random(values.shape) < 0.05] = 0.0
    values[random.random(values.shape) < 0.01] = -1e-36
    return values


def score(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What is to be learnt: a sum with a turn in it, and noise."""
    scaled = np.nan_to_num(values) / [1, 1, 1e6, 1, 1]
    noise = np.random.default_rng(9).normal(size=len(values))
    turn: npt.NDArray[np.float64] = scaled[:, 0] + scaled[:, 1] * np.sign(scaled[:, 3]) + scaled[:, 2] + 0.3 * noise
    return turn


def classes(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Four classes of unlike size."""
    return np.digitize(score(values), [-1.5, 0, 1])


def table(rows: int, seed: int) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """A data frame with categories of text and of numbers, missing ones among them, and what is to be learnt."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": random.normal(size=rows),
            "c": pd.Categorical(random.choice(["x", "y", "z", "q", "w", "v", "long one"], rows)),
            "k": pd.Categorical(random.choice([3, 7, 9, 11], rows)),
            "i": random.integers(0, 50, rows),
            "b": random.random(rows) < 0.5,
        }
    )
    frame.loc[random.random(rows) < 0.1, "c"] = np.nan
    frame.loc[random.random(rows) < 0.1, "a"] = np.nan
    learnt = (frame.a > 0) ^ frame.c.isin(["x", "w"]) ^ frame.k.isin([7, 11])
    return frame, learnt.to_numpy().astype(np.int64)


def on_thresholds(model: Any, schema: Schema, rows: Any) -> Any:
    """Rows moved onto every threshold of the model, and one bit of a double and of a float32 to either side.

    A whole number of a data frame is moved to the whole numbers beside it.
    """
    boundaries = find(model).portable(model, schema).boundaries
    random = np.random.default_rng(5)
    framed = isinstance(rows, pd.DataFrame)
    moved = []
    for place, field in enumerate(schema.inputs):
        raw = boundaries.get(field.name, np.zeros(0))
        single = raw.astype(np.float32)
        near = [
            raw,
            np.nextafter(raw, np.inf),
            np.nextafter(raw, -np.inf),
            single.astype(np.float64),
            np.nextafter(single, np.float32(np.inf)).astype(np.float64),
            np.nextafter(single, np.float32(-np.inf)).astype(np.float64),
        ]
        values = np.concatenate(near)
        if not framed:
            chosen = rows[random.integers(0, len(rows), len(values))].copy()
            chosen[:, place] = values
            moved.append(chosen)
        elif field.kind in (Kind.FLOAT, Kind.INT) and field.dtype != "category":
            values = values if field.kind is Kind.FLOAT else np.concatenate([np.floor(raw), np.ceil(raw)])
            chosen = rows.iloc[random.integers(0, len(rows), len(values))]
            moved.append(chosen.assign(**{field.name: values.astype(rows[field.name].dtype)}))
    return pd.concat(moved, ignore_index=True) if framed else np.concatenate(moved)


def packed(model: Any, name: str, sample: Any) -> tuple[holdall.Package, holdall.Model]:
    """The model packed as a graph, its parity passed, and loaded again."""
    package = holdall.pack(model, name=name, sample=sample)
    assert package.manifest.portable, package.manifest.blockers
    assert package.trust()[0].word == "data"
    parity = package.parity()
    assert parity is not None
    assert parity.passed
    return package, holdall.load(name)


def rows_of(model: Any, package: holdall.Package, unseen: Any) -> Any:
    """The unseen rows and those on thresholds."""
    moved = on_thresholds(model, package.schema, unseen[:5_000])
    return (
        pd.concat([unseen, moved], ignore_index=True)
        if isinstance(unseen, pd.DataFrame)
        else np.concatenate([unseen, moved])
    )


def answers(loaded: holdall.Model, rows: Any) -> pd.DataFrame:
    """The package's answers as a data frame, whatever kind of table was given."""
    frame = (
        rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=[f"x{i}" for i in range(rows.shape[1])])
    )
    answered: pd.DataFrame = loaded.predict(frame)
    return answered


def same_classes(model: Any, name: str, sample: Any, unseen: Any, *, complement: float = 0.0) -> dict[str, float]:
    """Assert that no label flips and no probability differs by more than RELATIVE. The figures.

    complement: what the probability of two classes' first, one minus the other, may differ by absolutely.
    """
    package, loaded = packed(model, name, sample)
    rows = rows_of(model, package, unseen)
    given = answers(loaded, rows)
    expected = np.asarray(model.predict_proba(rows), np.float64)
    names = [column for column in given if column.startswith("probability_")]
    probability = given[names].to_numpy()
    flips = int((given["prediction"].to_numpy() != np.asarray(model.predict(rows)).reshape(-1)).sum())
    assert flips == 0
    scores = slice(1, 2) if expected.shape[1] == 2 else slice(None)
    figures = {"rows": len(rows), "flips": flips, "relative": relative(probability[:, scores], expected[:, scores])}
    assert figures["relative"] <= RELATIVE
    np.testing.assert_allclose(probability, expected, rtol=RELATIVE, atol=complement)
    if hasattr(model, "decision_function"):
        decisions = given[[column for column in given if column.startswith("decision")]].to_numpy()
        # Where probabilities in float32 go into a decision, so do their last bits.
        rtol, atol = (RELATIVE, 10 * complement) if complement else (1e-9, 1e-11)
        np.testing.assert_allclose(
            decisions, model.decision_function(rows).reshape(decisions.shape), rtol=rtol, atol=atol
        )
    return figures


def same_numbers(
    model: Any, name: str, sample: Any, unseen: Any, ask: Callable[[Any], Any] | None = None
) -> dict[str, float]:
    """Assert that no number differs by more than RELATIVE. The figures. ask: how the model is asked; None: `predict`."""
    package, loaded = packed(model, name, sample)
    rows = rows_of(model, package, unseen)
    expected = np.asarray((ask or model.predict)(rows), np.float64)
    given = answers(loaded, rows).to_numpy().reshape(expected.shape)
    figures = {"rows": len(rows), "flips": 0, "relative": relative(given, expected)}
    assert figures["relative"] <= RELATIVE
    return figures


def relative(given: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> float:
    """The largest relative error; what is below 1e-12 counts as that much."""
    return float((np.abs(given - expected) / np.maximum(np.abs(expected), 1e-12)).max(initial=0))
