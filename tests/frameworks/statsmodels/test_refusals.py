"""What statsmodels has that no package can hold, or only as a pickle: it is refused by name, with what to do."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import holdall
from holdall.errors import NotPortable, TrustRequired, UnsupportedModel, UsageError
from holdall.packing.opening import open_file

TABLE = sm.datasets.fair.load_pandas().data.iloc[::20].reset_index(drop=True)


def doubled(values: Any) -> Any:
    """A function of the user's own, as stands in a formula."""
    return values * 2


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))


def test_a_term_with_a_function_of_ones_own_is_named() -> None:
    results = smf.ols("affairs ~ age + doubled(educ)", TABLE).fit()
    with pytest.raises(NotPortable) as caught:
        holdall.pack(results, name="m", sample=TABLE)
    assert "doubled(educ)" in caught.value.message
    assert "function" in (caught.value.hint or "")


def test_as_a_pickle_it_answers_the_same() -> None:
    results = smf.ols("affairs ~ age + np.cbrt(educ)", TABLE).fit()
    package = holdall.pack(results, name="m", sample=TABLE, allow_pickle=True)
    assert not package.manifest.portable
    assert "np.cbrt" in package.manifest.blockers[0].step
    given = holdall.load("m", trust="pickle").predict(TABLE[["age", "educ"]])
    np.testing.assert_allclose(given["prediction"], results.predict(TABLE), rtol=1e-12)


def test_a_forecast_is_told_from_rows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = sm.tsa.ARIMA(TABLE["affairs"].to_numpy()[:80], order=(1, 0, 0)).fit()
    with pytest.raises(UnsupportedModel, match="not rows") as caught:
        holdall.pack(results, name="m", sample=TABLE)
    assert "function" in (caught.value.hint or "")


def test_zeros_with_a_table_of_their_own_are_refused() -> None:
    columns = sm.add_constant(TABLE[["age"]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = sm.ZeroInflatedPoisson(TABLE["children"].round(), columns, exog_infl=columns).fit(disp=0)
    with pytest.raises(UnsupportedModel, match="exog_infl"):
        holdall.pack(results, name="m", sample=TABLE)


def test_a_lacking_offset_is_named() -> None:
    results = smf.glm("children ~ age", TABLE, family=sm.families.Poisson(), offset=np.log(TABLE["yrs_married"])).fit()
    with pytest.raises(UsageError, match="offset"):
        holdall.pack(results, name="m", sample=TABLE)


def test_a_saved_file_is_opened_only_where_its_maker_is_trusted(tmp_path: Path) -> None:
    results = smf.ols("affairs ~ age", TABLE).fit()
    path = tmp_path / "fit.pickle"
    results.save(str(path))
    with pytest.raises(TrustRequired, match="statsmodels"):
        open_file(path)
    opened = open_file(path, allow_pickle=True)
    assert holdall.pack(opened, name="m", sample=TABLE).manifest.portable


def test_a_missing_value_is_answered_in_its_place() -> None:
    results = smf.ols("affairs ~ age + C(occupation)", TABLE).fit()
    holdall.pack(results, name="m", sample=TABLE)
    rows = pd.DataFrame({"age": [20.0, np.nan, 40.0], "occupation": [2.0, 3.0, np.nan]})
    given = holdall.load("m").predict(rows)["prediction"]
    assert np.isnan(given.to_numpy()).tolist() == [False, True, True]


def test_categories_need_not_all_be_there() -> None:
    table = TABLE.assign(job=pd.Categorical(TABLE["occupation"].astype(int).astype(str)))
    results = smf.ols("affairs ~ age + job", table).fit()
    assert holdall.pack(results, name="m", sample=table).manifest.portable
    given = holdall.load("m").predict([{"age": 30.0, "job": "3"}])
    whole = results.predict(table.assign(age=30.0))[table["job"] == "3"].iloc[0]
    assert given[0]["prediction"] == pytest.approx(whole, rel=1e-12)
