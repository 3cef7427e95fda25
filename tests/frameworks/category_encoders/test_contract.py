"""category_encoders against its packages: every encoder, every rule for what is unknown or missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import category_encoders as ce
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

import holdall
from holdall.errors import InputError
from holdall.frameworks.category_encoders.converters import _ENCODERS
from tests.frameworks.pipeline_rows import NEW, X, Y, agrees, fitted, flats, quietly, without

UNSEEN = flats(300, 9, new=True)
TEXT = ["city", "size"]


def pipeline(encoder: Any) -> Pipeline:
    return make_pipeline(encoder, SimpleImputer(), LogisticRegression(max_iter=200))


@pytest.mark.parametrize("name", _ENCODERS)
def test_an_encoder_answers_known_unknown_and_missing_categories_as_it_does_live(name: str) -> None:
    agrees(fitted(pipeline(getattr(ce, name)())), X, UNSEEN)


@pytest.mark.parametrize("name", ["CatBoostEncoder", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder"])
@pytest.mark.parametrize("unknown", ["return_nan", "value"])
@pytest.mark.parametrize("missing", ["return_nan", "value"])
def test_its_rules_for_unknown_and_missing_categories_hold(name: str, unknown: str, missing: str) -> None:
    encoder = getattr(ce, name)(cols=["city", "size", "rooms"], handle_unknown=unknown, handle_missing=missing)
    agrees(fitted(pipeline(encoder)), X, UNSEEN)


@pytest.mark.parametrize("name", ["CatBoostEncoder", "CountEncoder", "OneHotEncoder", "TargetEncoder"])
def test_an_unknown_category_is_refused_where_the_encoder_refuses_it(name: str) -> None:
    model = fitted(pipeline(getattr(ce, name)(handle_unknown="error", cols=["city"])), X[["city", "rooms"]])
    package = holdall.pack(model, name="strict", sample=X[["city", "rooms"]])
    assert package.manifest.portable
    row = {"city": NEW, "rooms": 2}
    with pytest.raises(ValueError, match=r"categories|values|Missing data"):
        quietly(model.predict, pd.DataFrame([row]))
    with pytest.raises(InputError, match="city"):
        holdall.load("strict").predict([row])


@pytest.mark.parametrize("dtype", ["object", "category"])
def test_text_of_other_dtypes_is_looked_up_too(dtype: str) -> None:
    sample = X.astype({"city": dtype, "size": dtype})
    agrees(fitted(pipeline(ce.LeaveOneOutEncoder()), sample), sample, UNSEEN.astype({"city": dtype, "size": dtype}))


def test_an_array_has_no_names_and_is_encoded_by_place() -> None:
    array = X.to_numpy(object)
    model = fitted(pipeline(ce.TargetEncoder()), array)
    assert holdall.pack(model, name="array", sample=array).manifest.portable
    given = holdall.load("array").predict(array)["probability_1"]
    np.testing.assert_allclose(np.asarray(given), quietly(model.predict_proba, array)[:, 1], rtol=1e-9)


def test_rare_categories_are_grouped() -> None:
    encoder = ce.TargetEncoder(cols=["city", "rooms"], min_group_size=38)
    assert fitted(encoder).min_group_lumping_
    columns = make_column_transformer((encoder, ["city", "rooms"]), (SimpleImputer(), ["area"]))
    agrees(fitted(make_pipeline(columns, LogisticRegression())), X, UNSEEN)


def test_columns_encoded_together_stay_native() -> None:
    model = fitted(pipeline(ce.TargetEncoder(composite_cols=[("city", "size")])))
    package = agrees(model, X, UNSEEN, portable=False)
    assert "composite_cols" in package.manifest.blockers[0].cause
    assert any(line.startswith("category-encoders==") for line in package.manifest.environment.requires)


def test_a_process_without_the_library_answers_the_same(tmp_path: Path) -> None:
    model = fitted(pipeline(ce.WOEEncoder()))
    row = UNSEEN.head(1)
    given = without(["category_encoders", "sklearn", "pandas", "skops"], model, X, row, tmp_path)
    np.testing.assert_allclose(given, quietly(model.predict_proba, row)[0, 1], rtol=1e-9)
    assert Y.any()
