"""The clock, chance and files are recognised however the user's code reaches them: by objects, tables, partials, properties."""

from __future__ import annotations

import datetime
import functools
import os
import random
import time
from collections.abc import Callable
from datetime import datetime as moment
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import holdall

SAMPLE = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})


class Features:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(x=df.a * self.factor + moment.now().year)

    def since(self, df: pd.DataFrame) -> Any:
        return df.a + datetime.date.today().year

    def step(self, df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(x=self.since(df))

    @staticmethod
    def at(df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(x=df.a + time.time())

    @property
    def year(self) -> int:
        return moment.now().year

    def chance(self) -> float:
        return random.Random(3).choice([1.0, 2.0])

    def read(self) -> int:
        return len(Path(__file__).read_text())

    def home(self) -> int:
        return len(os.getenv("HOME", ""))

    def plain(self, df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(x=df.a * self.factor + moment(2024, 2, 29).year)


FEATURES = Features(2.0)
TABLE: dict[str, Callable[[Any], Any]] = {"x": lambda df: df.a + moment.now().year}


def times(df: pd.DataFrame, factor: float) -> pd.DataFrame:
    return df.assign(x=df.a * factor + moment.now().year)


@functools.lru_cache
def year() -> int:
    return moment.now().year


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (FEATURES, "datetime.now"),
        (FEATURES.step, "date.today"),
        (Features.at, "time.time"),
        (functools.partial(times, factor=3.0), "datetime.now"),
        (lambda df: df.assign(x=FEATURES.since(df)), "date.today"),
        (lambda df: df.assign(x=df.a + FEATURES.year), "datetime.now"),
        (lambda df: df.assign(x=df.a + year()), "datetime.now"),
        (lambda df: df.assign(**{name: of(df) for name, of in TABLE.items()}), "datetime.now"),
        (lambda df: df.assign(x=df.a + FEATURES.chance()), "random."),
        (lambda df: df.assign(x=df.a + FEATURES.read()), "pathlib."),
        (lambda df: df.assign(x=df.a + FEATURES.home()), "os.getenv"),
    ],
)
def test_what_is_reached_by_objects_is_recognised_too(function: Any, operation: str) -> None:
    told = holdall.trace(function, sample=SAMPLE)
    assert not told.traced
    assert operation in told.blockers[0].operation
    assert told.blockers[0].file.endswith("test_watching.py")


@pytest.mark.parametrize("function", [FEATURES.plain, functools.partial(Features.plain, FEATURES)])
def test_an_object_that_only_computes_is_in_the_graph(function: Any) -> None:
    assert holdall.trace(function, sample=SAMPLE).passed
