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


FORMS = {f"t{place}": form for place, form in enumerate(FORMATS)}
ISO = {name: form for name, form in FORMS.items() if form.startswith("%Y-")}


def table(forms: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: TIMES.dt.strftime(form) for name, form in forms.items()})


def traced(function: Any, sample: pd.DataFrame) -> Any:
    found = report([function], ["features:step"], from_pandas(sample))
    assert found.traced
    assert found.equal, found.blockers
    return found


@pytest.mark.parametrize("errors", ["raise", "coerce"])
def test_text_of_a_format_is_read_as_pandas_reads_it(errors: Any) -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        made = {}
        for name, form in FORMS.items():
            moment = pd.to_datetime(df[name], format=form, errors=errors)
            made |= {
                f"{name} day": moment.dt.dayofyear,
                f"{name} year": moment.dt.year,
                f"{name} us": moment.dt.microsecond,
            }
        return pd.DataFrame(made)

    sample = table(FORMS)
    for place, name in enumerate(FORMS):
        sample.loc[place, name] = None
    assert traced(step, sample).rows > 400


@pytest.mark.parametrize("errors", ["raise", "coerce"])
def test_without_a_format_the_sample_says_which(errors: Any) -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        made = {}
        for name in ISO:
            moment = pd.to_datetime(df[name], errors=errors)
            made |= {f"{name} month": moment.dt.month, f"{name} missing": moment.isna()}
        return pd.DataFrame(made)

    traced(step, table(ISO))


def test_what_is_no_time_is_missing_where_pandas_is_asked_to_coerce_it() -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"year": pd.to_datetime(df["t"], errors="coerce").dt.year.fillna(-1)})

    sample = table({"t": "%Y-%m-%d"})
    sample.loc[[3, 7, 9], "t"] = ["unknown", "", "n.a."]
    traced(step, sample)


def test_a_form_that_the_first_row_of_a_table_would_decide_wants_its_format() -> None:
    def step(df: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"year": pd.to_datetime(df["t"], errors="coerce").dt.year})

    sample = table({"t": "%d/%m/%Y"}).head(20)
    (blocker,) = report([step], ["features:step"], from_pandas(sample)).blockers
    assert "not ISO" in blocker.operation
    assert "format=" in blocker.instead
