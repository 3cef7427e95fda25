"""What the guide says of an idiom is so: what it says travels does, what it says does not doesn't, and what would do instead
does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdall

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "preprocessing-that-travels.md"
ROW = re.compile(r"^\| `([^`]+)` \| (yes|no) \| ?(.*?) ?\|$", re.MULTILINE)
CITIES = pd.DataFrame({"city": ["Lima", "Oslo"], "people": [10.0, 0.7]})


def table(rows: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)
    day = pd.Timestamp("2023-02-01")
    frame = pd.DataFrame(
        {
            "price": random.normal(60, 40, rows).round(2),
            "price_before": random.normal(60, 30, rows),
            "cost": random.gamma(2, 10, rows),
            "qty": random.integers(1, 9, rows),
            "city": random.choice(["Lima", "Oslo", "Quito"], rows),
            "title": random.choice(["Big sale: 12 pieces", "small-lamp", "Chair, red", ""], rows),
            "sold": day + pd.to_timedelta(random.integers(0, 3e7, rows), "s"),
            "asked": day + pd.to_timedelta(random.integers(3e7, 4e7, rows), "s"),
            "when": (day + pd.to_timedelta(random.integers(0, 400, rows), "D")).strftime("%Y-%m-%d"),
        }
    )
    frame.loc[::11, "price"] = np.nan
    frame.loc[::13, "city"] = None
    return frame


def function(text: str) -> Callable[[Any], Any]:
    """The idiom in a function: an expression's value as a column or as the table, or a statement."""
    assigns = re.search(r"\] = ", text)
    body = f"df = df.copy()\n    {text}\n    made = df" if assigns else f"made = {text}"
    names: dict[str, Any] = {"np": np, "pd": pd, "cities": CITIES}
    source = f"""def idiom(df):
    {body}
    return made if isinstance(made, pd.DataFrame) else df[['qty']].assign(made=made)
"""
    exec(compile(source, "<idiom>", "exec"), names)  # noqa: S102 — the page is ours
    made: Callable[[Any], Any] = names["idiom"]
    return made


def idioms() -> list[Any]:
    found = []
    for text, travels, rest in ROW.findall(PAGE.read_text("utf-8")):
        found.append(pytest.param(text, travels == "yes", id=text))
        instead = re.match(r"`([^`]+)`", rest)
        if travels == "no" and instead is not None:
            found.append(pytest.param(instead[1], True, id=instead[1]))
    return found


@pytest.mark.parametrize(("text", "travels"), idioms())
def test_an_idiom_travels_or_not_as_the_guide_says(text: str, travels: bool) -> None:
    report = holdall.trace(function(text), sample=table())
    assert report.passed == travels, report.blockers


def test_the_guide_lists_idioms() -> None:
    assert len(idioms()) > 40
