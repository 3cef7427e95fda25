"""`holdall trace`: what of a function goes into the graph, line by line, and every reason why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdall
from tests.cli.conftest import Run

FUNCTIONS = """
import random
import time
from datetime import date, datetime
from pathlib import Path
from random import choice

import numpy as np
import pandas as pd

LIMIT = 3
generator = np.random.default_rng(0)


def scaled(column):
    return (column - column.mean()) / column.std()


def good(df):
    out = df.copy()
    out["ratio"] = out.a / out.b
    for name in ["a", "b"]:
        out[f"log_{name}"] = np.log1p(out[name].abs())
    return out[["ratio", "log_a", "log_b"]]


def bad(df):
    df = df.copy()
    df["ratio"] = df.a / df.b
    df["z"] = scaled(df.a)
    df["lag"] = df.a.shift(1)
    df["total"] = df.a.cumsum()
    df["group"] = df.groupby("c")["a"].transform("mean")
    df = df.assign(top=df.a.max(), ok=np.where(df.b > LIMIT, "x", "y"), part=pd.qcut(df.a, 3, labels=False))
    df["age"] = datetime.now().year - df.b
    df["hot"] = (df.ratio > 1).astype(int)
    return df[["ratio", "z", "hot", "ok", "group"]]


def centred(df):
    return df.assign(a=df.a - df.a.mean())


def today(df):
    return df.assign(a=df.a + date.today().year)


def clock(df):
    return df.assign(a=df.a + time.time())


def now_text(df):
    return df.assign(a=(pd.to_datetime("now") - pd.Timestamp("2020-01-01")).days + df.a)


def numpy_now(df):
    return df.assign(a=df.a + (np.datetime64("today") - np.datetime64("2020-01-01")).astype(int))


def chance(df):
    return df.assign(a=df.a + random.random())


def chosen(df):
    return df.assign(a=df.a + choice([1, 2]))


def drawn(df):
    return df.assign(a=df.a + generator.normal())


def noisy(df):
    return df.assign(a=df.a + np.random.normal(size=len(df)))


def read(df):
    return df.assign(a=df.a + pd.read_csv("d.csv").a.iloc[0])


def opened(df):
    with open("d.csv") as file:
        return df.assign(a=df.a + len(file.readline()))


def by_path(df):
    return df.assign(a=df.a + len(Path("d.csv").read_text()))


def asked(df):
    import urllib.request

    return df.assign(a=df.a + (0 if urllib.request.url2pathname("x") else 1))


def sorted_rows(df):
    return df.sort_values("a").reset_index(drop=True).sort_index()


def lagged(df):
    return df.assign(a=df.a.diff())


def grouped(df):
    return df.assign(a=df.groupby("c").a.transform("mean"))


def counted(df):
    return df.assign(a=df.c.map(df.c.value_counts()))
"""


@pytest.fixture
def traced(run: Run) -> Iterator[Run]:
    """`run` in a folder with the functions and their sample."""
    Path("made_up_features.py").write_text(FUNCTIONS)
    r = np.random.default_rng(0)
    table = {"a": r.normal(size=60).round(3), "b": r.integers(0, 9, 60), "c": r.choice(["red", "blue"], 60)}
    pd.DataFrame(table).to_csv("d.csv", index=False)
    path = list(sys.path)
    yield run
    sys.path[:] = path
    sys.modules.pop("made_up_features", None)


def test_what_goes_into_the_graph_is_told_by_line_and_checked(traced: Run) -> None:
    ran = traced("trace", "made_up_features:good", "--sample", "d.csv", "--check", "--json")
    assert ran.code == 0
    told = ran.json()
    assert told["traced"] is True
    assert told["equal"] is True
    assert told["blockers"] == []
    assert told["rows"] > 500
    divided = next(one for one in told["operations"] if one["operation"] == "/")
    assert divided["source"] == 'out["ratio"] = out.a / out.b'
    assert divided["operators"][0] == "Div"
    assert divided["columns"] == ["a", "b"]
    assert divided["file"] == "made_up_features.py"
    by_name = {result["name"]: result for result in told["results"]}
    assert told["operations"][by_name["log_b"]["after"][0]]["operation"] == "numpy.log1p"
    page = traced("trace", "made_up_features:good", "--sample", "d.csv").out
    assert "goes into the graph" in page
    assert "/ → Div" in page


def test_every_reason_is_told_with_its_line_and_what_would_do_instead(traced: Run) -> None:
    ran = traced("trace", "made_up_features:bad", "--sample", "d.csv", "--json")
    assert ran.code == 0
    told = ran.json()
    assert (told["traced"], told["equal"], told["stopped"]) == (False, None, False)
    found = [(one["source"].split(" = ")[0], one["operation"]) for one in told["blockers"]]
    assert found == [
        ("return (column - column.mean()) / column.std()", "Series.mean"),
        ("return (column - column.mean()) / column.std()", "Series.std"),
        ('df["lag"]', "Series.shift"),
        ('df["total"]', "Series.cumsum"),
        ('df["group"]', "DataFrame.groupby"),
        ("df", "Series.max"),
        ("df", "pandas.qcut"),
        ('df["age"]', "datetime.now"),
    ]
    assert all(one["file"] == "made_up_features.py" and one["line"] and one["instead"] for one in told["blockers"])
    # What lies beside them is still followed.
    assert {"/", "numpy.where", "astype"} <= {one["operation"] for one in told["operations"]}
    assert next(one for one in told["results"] if one["name"] == "group")["stays"] == [4]
    assert traced("trace", "made_up_features:bad", "--sample", "d.csv", "--check").code == 1
    page = traced("trace", "made_up_features:bad", "--sample", "d.csv").out
    assert "made_up_features.py:16" in page
    assert "instead:" in page


@pytest.mark.parametrize(
    ("function", "operation", "why"),
    [
        ("centred", "Series.mean", "a batch statistic computed at prediction time is itself a bug"),
        ("today", "date.today", "the clock"),
        ("clock", "time.time", "the clock"),
        ("now_text", "pandas.Timestamp.now", "the clock"),
        ("numpy_now", "numpy.datetime64", "the clock"),
        ("chance", "random.random", "another each time"),
        ("chosen", "random.choice", "another each time"),
        ("drawn", "Generator.normal", "another each time"),
        ("noisy", "numpy.random", "another each time"),
        ("read", "pandas.read_csv", "does not travel"),
        ("opened", "a file", "does not travel"),
        ("by_path", "Path", "does not travel"),
        ("asked", "urllib.request", "network"),
        ("sorted_rows", "DataFrame.sort_values", "order"),
        ("lagged", "Series.diff", "order"),
        ("grouped", "DataFrame.groupby", "a batch statistic computed at prediction time is itself a bug"),
        ("counted", "Series.value_counts", "a batch statistic computed at prediction time is itself a bug"),
    ],
)
def test_what_no_graph_may_hold_is_recognised(traced: Run, function: str, operation: str, why: str) -> None:
    told = traced("trace", f"made_up_features:{function}", "--sample", "d.csv", "--json").json()
    assert told["traced"] is False
    assert operation in told["blockers"][0]["operation"]
    assert why in told["blockers"][0]["instead"]


def test_what_is_no_function_and_what_cannot_take_the_sample_is_told(traced: Run) -> None:
    assert traced("trace", "made_up_features:LIMIT", "--sample", "d.csv").code == 2
    assert traced("trace", "made_up_features:nothing", "--sample", "d.csv").code == 2
    Path("other.csv").write_text("x,y\n1,2\n3,4\n")
    ran = traced("trace", "made_up_features:good", "--sample", "other.csv", "--json")
    assert ran.code == 2
    assert "cannot take the sample" in ran.json()["error"]["message"]


def test_a_live_function_is_traced_too() -> None:
    def doubled(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(x=table.x * 2)

    told = holdall.trace(doubled, sample=pd.DataFrame({"x": [1.0, 2.0, np.nan]}))
    assert told.passed
    assert told.operations[0].source == "return table.assign(x=table.x * 2)"
