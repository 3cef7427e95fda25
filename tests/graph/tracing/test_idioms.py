"""Idioms of people's own functions, held to pandas on rows that are hard on them."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.graph.tracing.untraceable import Untraceable
from tests.graph.tracing.holding import held, in_graph

KINDS = ["a", "b", "c"]
HOLIDAYS = ["2024-01-01", "2023-12-25", "2023-12-24"]


def test_dummies_of_named_columns_do_not_depend_on_the_batch() -> None:
    def one_hot(df: Any) -> Any:
        kinds = pd.get_dummies(df["kind"], prefix="is").reindex(columns=[f"is_{k}" for k in KINDS], fill_value=0)
        both = pd.get_dummies(df[["n", "kind"]], columns=["n", "kind"])
        return pd.concat(
            [df[["x"]], kinds, both.reindex(columns=["n_1", "n_-2", "kind_b", "new"], fill_value=0)], axis=1
        )

    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "n": [1, -2, 5], "kind": ["a", None, "zz"]})
    held(one_hot, table, table.assign(kind=["b", "c", ""]))


def test_dummies_of_whatever_there_is_end_the_trace() -> None:
    table = pd.DataFrame({"kind": ["a", "b"]})
    for function in (
        lambda df: pd.get_dummies(df["kind"]),
        lambda df: pd.get_dummies(df["kind"]).reindex(columns=KINDS),
        lambda df: pd.get_dummies(df["kind"].astype("category")),
        lambda df: df.assign(code=df["kind"].astype("category").cat.codes),
    ):
        with pytest.raises(Untraceable):
            in_graph(function, table)


def test_categories_that_the_function_says() -> None:
    def codes(df: Any) -> Any:
        df["code"] = df["kind"].astype(pd.CategoricalDtype(KINDS)).cat.codes
        df["set"] = df["kind"].astype("category").cat.set_categories(["b", "a"]).cat.codes
        df["day"] = pd.Categorical(df["kind"], categories=KINDS, ordered=True).codes
        df["band"] = pd.cut(df["x"], [0, 1, 2, np.inf], labels=[0.5, 1.5, 9.0], include_lowest=True).astype(float)
        return df

    table = pd.DataFrame({"kind": ["a", "b", None], "x": [0.0, 1.5, np.nan]})
    held(codes, table, table.assign(kind=["zz", "c", ""], x=[np.inf, -1.0, 2.0]))


def test_expressions_in_text() -> None:
    def evaluated(df: Any) -> Any:
        limit = 2  # noqa: F841 — the expression asks for it
        df = df.eval("ratio = x / (n + 1)")
        df["flag"] = df.eval("x > @limit and n in [1, 2] or not (`a b` == 'q')")
        df["weak"] = df.eval("x > 1 & n < 3")
        return df

    table = pd.DataFrame({"x": [1.0, 3.0, np.nan], "n": [1, 2, 3], "a b": ["q", "q", "r"]})
    held(evaluated, table, table.assign(x=[np.inf, 2.0, 2.5], n=[-1, 2, 1]))


def test_statistics_across_a_row() -> None:
    def across(df: Any) -> Any:
        numbers = df[["a", "b", "c"]]
        made = {name: getattr(numbers, name)(axis=1) for name in ("std", "var", "median", "prod", "min", "mean")}
        out = pd.DataFrame(made)
        out["best"] = numbers.fillna(-1).idxmax(axis=1)
        out["place"] = numbers.values.argmin(axis=1)
        out["share"] = numbers.div(numbers.sum(axis=1), axis=0)["a"]
        out["both"] = df["a"].add(df["b"], fill_value=1)
        return out

    table = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [2.0, np.nan, 3.0], "c": [9.0, 4.0, np.nan]})
    hard = pd.DataFrame({"a": [np.nan, 1e300, 0.0], "b": [np.nan, -1e300, -0.0], "c": [np.nan, 1.0, 5.0]})
    held(across, table, hard)


def test_one_value_is_rounded_as_python_rounds_it() -> None:
    def rounded(df: Any) -> Any:
        df["two"] = df["x"].apply(lambda v: round(v, 2))
        df["tens"] = df["n"].apply(lambda v: round(v, -2))
        return df

    random = np.random.default_rng(0)
    values = np.concatenate(
        [random.integers(-(10**6), 10**6, 4000) / 1000, random.normal(0, 1e3, 1000), [1.115, 2.675, 1e300, -0.005]]
    )
    whole = random.integers(-10_000, 10_000, len(values))
    whole[:4] = [50, 150, -50, -150]
    held(rounded, pd.DataFrame({"x": [1.5, 2.0], "n": [1, 2]}), pd.DataFrame({"x": values, "n": whole}))


def test_texts_are_cut_padded_and_found() -> None:
    def cut(df: Any) -> Any:
        text = df["text"]
        out = pd.DataFrame({"first": text.str.split("-", n=1).str[0], "rest": text.str.split("-", n=1).str[1]})
        out["last"] = text.str.rsplit("-", n=1).str[-1]
        out["head"] = text.str.rsplit("-", n=1).str[0]
        parts = text.str.partition("-")
        out["before"], out["between"], out["after"] = parts[0], parts[1], parts[2]
        out["right"] = text.str.rpartition("-")[0]
        out["pad"], out["find"] = text.str.pad(6, side="right", fillchar="_"), text.str.find("b-")
        out["title"], out["capital"] = text.str.title(), text.str.capitalize()
        out["word"], out["upper"] = text.str.split().str[1], text.str.isupper()
        out["count"] = text.str.split("-").apply(lambda x: len(x) if isinstance(x, list) else 0)
        return out

    def named(df: Any) -> Any:
        parts = df["date"].str.split("/", expand=True).astype(int)
        parts.columns = ["m", "d", "y"]
        return parts

    words = ["a-b-c", "ab", "", "-", "--x", " Ab  cD ", "ÉA-é", None, "it's a b-c", "ǆ-ß"]
    few, all_of_them = (pd.DataFrame({"text": pd.Series(one, dtype="str")}) for one in (words[:8], words))
    held(cut, few, all_of_them, empty=False)
    held(named, pd.DataFrame({"date": ["1/2/2024", "12/31/1999"]}), empty=False)


def test_moments_of_all_sorts() -> None:
    def moments(df: Any) -> Any:
        day = df["at"]
        out = pd.DataFrame(
            {"due": (day + pd.DateOffset(months=1)).dt.day, "back": (day - pd.DateOffset(years=1, days=2)).dt.day}
        )
        out["week"] = day.apply(lambda d: d.weekday() * 100 + d.month)
        out["age"] = day.map(lambda d: (datetime.datetime(2025, 6, 1) - d).days)
        out["month"] = day.dt.to_period("M").astype(str)
        out["quarter"] = day.dt.is_quarter_end
        out["hour"] = pd.DatetimeIndex(day).hour
        out["built"] = pd.to_datetime(df[["year", "month", "day"]]).dt.dayofweek
        out["number"] = pd.to_datetime(df["number"], format="%Y%m%d").dt.dayofyear
        out["zulu"] = pd.to_datetime(df["zulu"]).dt.hour
        out["busy"] = np.is_busday(day.values.astype("datetime64[D]"), holidays=HOLIDAYS)
        out["days"] = np.busday_count(day.values.astype("datetime64[D]"), df["to"].values.astype("datetime64[D]"))
        out["span"] = pd.to_timedelta(df["clock"] + ":00").dt.total_seconds()
        return out

    def table(moments: list[str], to: list[str]) -> pd.DataFrame:
        at = pd.to_datetime(pd.Series(moments), format="ISO8601")
        return pd.DataFrame(
            {"at": at, "to": pd.to_datetime(pd.Series(to)), "year": at.dt.year, "month": at.dt.month, "day": at.dt.day,
             "number": at.dt.strftime("%Y%m%d").astype(int), "zulu": at.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
             "clock": at.dt.strftime("%H:%M")}
        )  # fmt: skip

    first = table(["2024-01-31 10:00", "2023-12-25 23:59"], ["2024-03-01", "2023-01-01"])
    hard = table(
        ["2024-02-29", "2023-03-31 05:06", "1969-12-31", "2000-01-01 00:00:01"],
        ["2024-02-24", "2023-03-31", "1970-01-05", "1999-12-25"],
    )
    held(moments, first, hard)


def test_columns_of_one_name_must_be_given_others() -> None:
    def renamed(df: Any) -> Any:
        both = pd.concat([df["x"] + 1, df["x"] + 2], axis=1)
        both.columns = ["a", "b"]
        return both

    def twice(df: Any) -> Any:
        return pd.concat([df["x"] + 1, df["x"] + 2], axis=1)["x"]

    table = pd.DataFrame({"x": [1.0, 2.0]})
    held(renamed, table)
    with pytest.raises(Untraceable):
        in_graph(twice, table)
