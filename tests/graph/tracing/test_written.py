"""What Python does not let an object decide, handed to the tracer: comprehensions, `in`, items, f-strings, `re`."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.graph.tracing.untraceable import Untraceable
from tests.graph.tracing.holding import held, in_graph

STOP = {"the", "a", "and"}
QUALITY = {"Ex": 5, "Gd": 4}
RISK = defaultdict(lambda: 0.5, {"a": 0.1})
NAMES = ["N", "E", "S", "W"]
TITLE = re.compile(r" ([A-Za-z]+)\.")
TEXTS = ["The cat and the dog", "", "one", "A b, c!!", "Mr. x", "Braund, Mr. Owen", "ünï  code"]
HARD = ["  ", "a,b,c", "\n", "x" * 50, "١٢ the", "İ the", "Mr.", " Dr.", "a a a", "the"]


def _texts(values: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"text": pd.Series(values, dtype="str")})


def test_comprehensions_over_the_parts_of_a_text() -> None:
    def counts(df: Any) -> Any:
        text = df["text"]
        df["words"] = text.apply(lambda x: len(str(x).split()))
        df["different"] = text.apply(lambda x: len(set(x.lower().split())))
        df["stop"] = text.apply(lambda x: len([w for w in x.lower().split() if w in STOP]))
        df["mean"] = text.apply(lambda x: np.mean([len(w) for w in x.split()]))
        df["digits"] = text.apply(lambda x: sum(c.isdigit() for c in x))
        df["marks"] = text.apply(lambda x: sum(1 for c in x if c in "!,."))
        df["any"] = text.apply(lambda x: any(w == "the" for w in x.split()))
        df["all"] = text.apply(lambda x: all(c.isalpha() for c in x))
        df["longest"] = text.apply(lambda x: max([len(w) for w in x.split()]) if x.split() else 0)
        df["joined"] = text.apply(lambda x: " ".join(w.capitalize() for w in x.split() if len(w) > 1))
        df["mapped"] = text.apply(lambda x: sum(map(str.isdigit, x)))
        df["among"] = [a in b.split(" ") for a, b in zip(df["joined"], df["text"], strict=True)]
        df["has_b"] = text.apply(lambda x: int("b" in x.split(",")))
        df["first"] = text.apply(
            lambda x: [w for w in x.split() if not w.isdigit()][0] if len(x.split()) > 0 else "none"  # noqa: RUF015
        )
        return df

    held(counts, _texts(TEXTS), _texts([one for one in HARD if not re.fullmatch(r"[\d\s]+", one) or not one.strip()]))


def test_a_value_of_the_row_within_a_loop_over_its_parts_ends_the_trace() -> None:
    def pairs(df: Any) -> Any:
        return df.assign(n=df["text"].apply(lambda x: len([w for w in x.split() if w in x.lower()])))

    with pytest.raises(Untraceable):
        in_graph(pairs, _texts(TEXTS))


def test_comprehensions_over_columns() -> None:
    def listed(df: Any) -> Any:
        df["level"] = ["hot" if t > 30 else "cold" if t < 10 else "mild" for t in df["t"]]
        df["angle"] = [math.atan2(a, b) for a, b in zip(df["t"], df["n"], strict=True)]
        df["sum"] = [a + b for a, b in zip(df["t"], df["n"], strict=True)]
        df["name"] = [f"{w}-{n}" for w, n in zip(df["w"], df["n"], strict=True)]
        return df

    table = pd.DataFrame({"t": [35.0, 5.0, np.nan, 20.0], "n": [1, 2, 3, -4], "w": ["a", "b", "é", ""]})
    held(listed, table, table.assign(t=[np.inf, -np.inf, 30.0, 10.0]))


def test_a_list_that_leaves_rows_out_ends_the_trace() -> None:
    def some(df: Any) -> Any:
        return df.assign(n=len([w for w in df["text"] if w]))

    with pytest.raises(Untraceable, match="leaves rows out"):
        in_graph(some, _texts(TEXTS))


def test_dicts_lists_and_sets_are_asked_with_a_value() -> None:
    def looked_up(df: Any) -> Any:
        df["quality"] = df["w"].map(lambda q: QUALITY.get(q, 0))
        df["risk"] = df["w"].map(RISK)
        df["kind"] = df["w"].apply(lambda q: "good" if q in {"Ex", "Gd"} else "other" if q not in ("a", "b") else "low")
        df["place"] = df["n"].apply(lambda n: NAMES[int(n / 90 + 0.5) % 4])
        df["exact"] = df.apply(lambda r: QUALITY[r["w"]] if r["w"] in QUALITY else -1, axis=1)  # noqa: SIM401
        df["none"] = df["o"].apply(lambda o: 0 if o is None else 1)
        return df

    table = pd.DataFrame({"w": ["Ex", "Gd", "a", "zz"], "n": [0, 359, 90, 181]})
    table["o"] = pd.Series(["x", None, "y", "z"], dtype=object)
    held(looked_up, table, table.assign(w=["", "é", "b", "Ex"], n=[-1, 720, 45, 44]))


def test_patterns_of_the_module_re() -> None:
    def found(df: Any) -> Any:
        def title(name: str) -> str:
            match = TITLE.search(name)
            if match:
                return match.group(1)
            return ""

        def clean(s: str) -> str:
            s = re.sub(r"[^\w\s]", "", s.lower())
            return re.sub(r"\s+", " ", s).strip()

        df["title"] = df["text"].apply(title)
        df["clean"] = df["text"].apply(clean)
        df["digits"] = df["text"].apply(lambda s: len(re.findall(r"\d", s)))
        df["begins"] = df["text"].apply(lambda s: 1 if re.match(r"[A-Z]", s) else 0)
        return df

    held(found, _texts(TEXTS), _texts(HARD))


def test_a_value_written_into_a_text_by_format_ends_the_trace() -> None:
    def percent(df: Any) -> Any:
        return df.assign(n=df["text"].apply(lambda x: "%s!" % x))  # noqa: UP031

    def formatted(df: Any) -> Any:
        return df.assign(n=df["text"].apply(lambda x: "{}!".format(x)))  # noqa: UP032, PLW0108

    for function in (percent, formatted):
        with pytest.raises(Untraceable):
            in_graph(function, _texts(TEXTS))
