"""`pandas.to_datetime` of text: every form, with and without a format, on rows of other forms, of none, and at the calendar's ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.columns.pandas import from_pandas
from holdall.packing.tracing_report import report

TIMES = pd.Series(
    pd.Timestamp("2015-01-01") + pd.to_timedelta(np.random.default_rng(0).integers(0, 3000 * 86400, 200), unit="s")
)
FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%Y%m%d",
    "%b-%Y", "%d-%b-%y", "%d.%m.%Y %H:%M:%S",
)  # fmt: skip


def traced(function: Any, text: pd.Series) -> Any:
    return report([function], ["features:step"], from_pandas(pd.DataFrame({"t": text})))


@pytest.mark.parametrize("errors", ["raise", "coerce"])
@pytest.mark.parametrize("pattern", FORMATS)
def test_text_of_a_format_is_read_as_pandas_reads_it(pattern: str, errors: Any) -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        moment = pd.to_datetime(df.t, format=pattern, errors=errors)
        return pd.DataFrame(
            {"year": moment.dt.year, "of_year": moment.dt.dayofyear, "microsecond": moment.dt.microsecond}
        )

    text = TIMES.dt.strftime(pattern)
    text[5] = None
    found = traced(step, text)
    assert found.traced
    assert found.equal, found.blockers
    assert found.rows > 800


@pytest.mark.parametrize("errors", ["raise", "coerce"])
@pytest.mark.parametrize("pattern", [pattern for pattern in FORMATS if pattern.startswith("%Y-")])
def test_without_a_format_the_sample_says_which(pattern: str, errors: Any) -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        moment = pd.to_datetime(df["t"], errors=errors)
        return pd.DataFrame({"month": moment.dt.month, "missing": moment.isna()})

    found = traced(step, TIMES.dt.strftime(pattern))
    assert found.traced
    assert found.equal, found.blockers


def test_what_is_no_time_is_missing_where_pandas_is_asked_to_coerce_it() -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"year": pd.to_datetime(df["t"], errors="coerce").dt.year.fillna(-1)})

    text = TIMES.dt.strftime("%Y-%m-%d")
    text[3], text[7], text[9] = "unknown", "", "n.a."
    found = traced(step, text)
    assert found.traced
    assert found.equal, found.blockers


@pytest.mark.parametrize("pattern", ["%d/%m/%Y", "%B %d"])
def test_a_form_that_the_first_row_of_a_table_would_decide_wants_its_format(pattern: str) -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"year": pd.to_datetime(df["t"], errors="coerce").dt.year})

    (blocker,) = traced(step, TIMES.dt.strftime(pattern)).blockers
    assert "not ISO" in blocker.operation
    assert "format=" in blocker.instead
