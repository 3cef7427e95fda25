"""What was once wrong in a graph, on rows that are hard on functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.graph.tracing.holding import held

LIKELY = ["Bob@Gmail.com", "x@acme.co.uk", None, "plain", "a@b"]


def _texts(values: list[Any], dtype: str = "str") -> pd.DataFrame:
    return pd.DataFrame({"text": pd.Series(values, dtype=dtype)})


def test_str_of_a_missing_text_is_the_word_for_it() -> None:
    def suffix(df: Any) -> Any:
        return df.assign(suffix=df["text"].map(lambda x: str(x).split(".")[-1]))

    held(suffix, _texts(LIKELY))
    held(suffix, _texts(LIKELY, "object"))


def test_the_type_of_a_value_tells_a_missing_text() -> None:
    def flags(df: Any) -> Any:
        df["has"] = df["text"].apply(lambda x: 0 if type(x) == float else 1)  # noqa: E721 — as people write it
        df["is"] = df["text"].apply(lambda x: 1 if type(x) is str else 0)
        df["of"] = df["text"].apply(lambda x: isinstance(x, float))
        return df

    held(flags, _texts(LIKELY))
    held(flags, _texts(LIKELY, "object"))


def test_what_a_function_catches_is_a_branch() -> None:
    def guarded(df: Any) -> Any:
        def domain(address: Any) -> str:
            try:
                return address.split("@")[1].lower()
            except (AttributeError, IndexError):
                return "none"

        def number(word: Any) -> float:
            try:
                return float(word.replace("$", ""))
            except ValueError:
                return np.nan

        df["domain"] = df["text"].apply(domain)
        df["number"] = df["text"].fillna("").apply(number)
        return df

    held(guarded, _texts([*LIKELY, "$12.5", "7", "inf", "free"]))


def test_whole_numbers_are_divided_towards_minus_infinity_up_to_the_last() -> None:
    def parts(df: Any) -> Any:
        return pd.DataFrame(
            {"a": df["n"] // 86400, "b": df["n"] % 24, "c": df["n"] // -7, "d": df["n"] // -1, "e": df["n"] % -1}
        )

    extremes = [0, 1, -1, 2**63 - 1, -(2**63), -(2**63) + 1, 86399, -86401, 2**62]
    held(parts, pd.DataFrame({"n": [5, 86400, 7]}), pd.DataFrame({"n": extremes}))


def test_numbers_in_text_are_read_as_python_reads_them() -> None:
    def whole(df: Any) -> Any:
        return df.assign(n=df["text"].astype(int), m=df["text"].apply(lambda x: int(x.strip())))

    def real(df: Any) -> Any:
        return df.assign(n=df["text"].astype(float), m=pd.to_numeric(df["text"], errors="coerce"))

    held(
        whole,
        _texts(["5", "12", "7"]),
        _texts(["١٢", "1_000", " +5 ", "-0", "9" * 18, "8" * 19, "000000000000000000000000001"]),
    )
    strange = ["inf", "-Infinity", "NaN", "1_0.5", "١٢.5", "1e5", ".5", "5.", " 7\t", "+5", "\u00a05"]
    held(real, _texts(["5", "1.5", "7"]), _texts(strange))


def test_a_number_beyond_double_does_not_end_the_call() -> None:
    def real(df: Any) -> Any:
        return df.assign(n=pd.to_numeric(df["text"], errors="coerce").isna())

    held(real, _texts(["5", "1.5", "free"]), _texts(["-", "1e", "", "0x10", "1 2"]))


def test_case_is_that_of_whoever_changes_it() -> None:
    def cases(df: Any) -> Any:
        text = df["text"]
        df["lower"], df["upper"], df["digits"] = text.str.lower(), text.str.upper(), text.str.isdigit()
        df["python"] = text.apply(lambda x: x.lower() + x.upper())
        return df

    words = ["İstanbul", "ΟΔΟΣ", "straße", "ŉ", "ǅ", "²", "½", "一"]
    for dtype in ("str", "object"):
        held(cases, _texts(["Ab", "cD", "9"], dtype), _texts(words, dtype))


def test_a_builtin_is_still_a_dtype_and_a_class() -> None:
    def kinds(df: Any) -> Any:
        for name in df.columns:
            if type(name) == str and df[name].dtype == float:  # noqa: E721 — as people write it
                df[name] = df[name].fillna(-1).astype(int)
            elif df[name].dtype in (int, bool):
                df[name] = df[name] * 2
        df["lower"] = df["text"].apply(str.lower).map(str.strip).map(len)
        return df

    held(kinds, pd.DataFrame({"x": [1.5, np.nan, 2.0], "n": [1, 2, 3], "text": [" A", "b ", "C"]}))


def test_an_empty_table_of_iso_text_is_read() -> None:
    def year(df: Any) -> Any:
        return df.assign(year=pd.to_datetime(df["text"]).dt.year)

    held(year, _texts(["2024-02-29", "2023-12-31", "1999-01-01"]))


def test_angles_of_infinite_sides() -> None:
    def angle(df: Any) -> Any:
        return pd.DataFrame({"angle": np.arctan2(df["y"], df["x"]), "size": np.hypot(df["y"], df["x"])})

    sides = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, 1e-300]
    pairs = [(y, x) for y in sides for x in sides]
    held(angle, pd.DataFrame({"y": [1.0, np.nan], "x": [np.nan, -4.0]}), pd.DataFrame(pairs, columns=["y", "x"]))
