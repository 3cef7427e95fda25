"""All that keeps a function out of the graph is told, however it is written, and what only follows from it is not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdall

SAMPLE = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, 3, 4], "c": ["x", "y", "x", "z"]})


def logged(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(function)
    def around(df: Any) -> Any:
        return function(df.copy())

    return around


@logged
def decorated(df: pd.DataFrame) -> pd.DataFrame:
    df["m"] = df.a.mean()
    df["n"] = df.b + 1
    df["s"] = df.a.shift(1)
    return df


class Features:
    limit = 2

    def step(self, df: pd.DataFrame) -> pd.DataFrame:
        out = df[["a"]].copy()
        out["m"] = df.b.median() * self.limit
        out["n"] = df.b.cumsum()
        return out


def closed(limit: float) -> Callable[[Any], Any]:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(**{name: df[name] - df[name].min() for name in ["a", "b"]}, high=df.a > limit, r=df.b.rank())

    return step


def followed(df: pd.DataFrame) -> pd.DataFrame:
    """Only the first line is to blame."""
    counts = df.c.value_counts()
    share = counts / counts.sum()
    rare = [name for name, value in share.items() if value < 0.3]
    df = df.assign(rare=df.c.isin(rare), n=df.c.map(counts))
    df["n2"] = df.n * 2
    df.loc[df.rare, "n2"] = 0
    return df


def caught(df: pd.DataFrame) -> pd.DataFrame:
    try:
        df = df.assign(x=df.missing)
    except (KeyError, AttributeError):
        df = df.assign(x=df.a.diff())
    total = 0
    for value in df.b:
        total += value
    df["y"] = df.a / total
    df["z"] = [len(text) for text in df.c]
    return df


def by_rows(df: pd.DataFrame) -> pd.DataFrame:
    def rule(row: Any) -> float:
        return ord(row["c"]) + row["a"]

    return df.assign(x=df.apply(rule, axis=1), y=df.a.std(), z=np.percentile(df.a, 50))


def of_objects(df: pd.DataFrame) -> pd.DataFrame:
    df = df.copy()
    df["day"] = pd.to_datetime("2024-02-" + df.b.astype(str).str.zfill(2)).dt.date
    df["late"] = df.day.map(lambda day: day.day > 1)
    hourly = df.set_index("c")
    df["first"] = list(hourly.index)
    df["m"] = df.a.mean()
    return df


@pytest.mark.parametrize(
    ("function", "operations"),
    [
        (decorated, ["Series.mean", "Series.shift"]),
        (Features().step, ["Series.median", "Series.cumsum"]),
        (closed(2.0), ["Series.min", "Series.rank"]),
        (lambda df: df.assign(m=df.a.mean(), r=df.b.rank()), ["Series.mean", "Series.rank"]),
        (followed, ["Series.value_counts"]),
        (caught, ["Series.diff", "a loop over the rows"]),
        (of_objects, ["Series.dt.date", "DataFrame.set_index", "Series.mean"]),
        (by_rows, ["what raised TypeError: ord", "Series.std", "numpy.percentile"]),
    ],
)
def test_each_reason_is_told_once(function: Any, operations: list[str]) -> None:
    told = holdall.trace(function, sample=SAMPLE)
    found = [blocker.operation for blocker in told.blockers]
    assert len(found) == len(operations)
    assert all(one.startswith(word) for one, word in zip(found, operations, strict=True))
    assert not told.stopped
    assert all(blocker.file.endswith("test_collecting.py") and blocker.instead for blocker in told.blockers)


def test_what_no_table_has_is_caught_by_the_function_as_ever() -> None:
    def tried(df: pd.DataFrame) -> pd.DataFrame:
        try:
            return df.assign(x=df.missing)
        except AttributeError:
            return df.assign(x=df.a * 2)

    def text(df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(x=df.a.something if hasattr(df.a, "something") else df.a + 1)

    assert holdall.trace(tried, sample=SAMPLE).passed
    assert holdall.trace(text, sample=SAMPLE).passed
