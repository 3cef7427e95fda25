"""feature-engine against its packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_engine import creation, discretisation, encoding, imputation, outliers, scaling, selection, transformation
from feature_engine.wrappers import SklearnTransformerWrapper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import holdall
from holdall.errors import InputError
from tests.frameworks.pipeline_rows import NEW, X, agrees, fitted, flats, without

UNSEEN = flats(300, 9, new=True)
NUMBERS = ["rooms", "area"]


def filled(*steps: Any) -> Pipeline:
    fills = [imputation.CategoricalImputer(), imputation.MeanMedianImputer(variables=["area"])]
    return make_pipeline(*fills, *steps, LogisticRegression(max_iter=200))


def ordinal() -> Any:
    return encoding.OrdinalEncoder(encoding_method="arbitrary", unseen="encode")


ENCODED = {
    "rare": [encoding.RareLabelEncoder(n_categories=2, tol=0.22), encoding.OneHotEncoder()],
    "one hot": [encoding.OneHotEncoder()],
    "count": [encoding.CountFrequencyEncoder(unseen="encode")],
    "mean": [encoding.MeanEncoder(unseen="encode")],
    "ordinal": [ordinal()],
}
NUMERIC: dict[str, Any] = {
    "equal width": discretisation.EqualWidthDiscretiser(),
    "equal frequency": discretisation.EqualFrequencyDiscretiser(variables=["area"], q=5),
    "geometric width": discretisation.GeometricWidthDiscretiser(variables=["area"]),
    "tree": discretisation.DecisionTreeDiscretiser(regression=False, cv=2, precision=3),
    "tree's bins": discretisation.DecisionTreeDiscretiser(regression=False, cv=2, bin_output="bin_number", precision=3),
    "caps": outliers.Winsorizer(tail="both", add_indicators=True, capping_method="iqr"),
    "caps of one's own": outliers.ArbitraryOutlierCapper(max_capping_dict={"area": 80}),
    "logarithm": transformation.LogTransformer(base="10"),
    "logarithm of more": transformation.LogCpTransformer(),
    "power": transformation.PowerTransformer(),
    "reciprocal": transformation.ReciprocalTransformer(),
    "Box-Cox": transformation.BoxCoxTransformer(),
    "Yeo-Johnson": transformation.YeoJohnsonTransformer(),
    "mean": scaling.MeanNormalizationScaler(),
    "cycle": creation.CyclicalFeatures(variables=["rooms"], drop_original=True),
    "sums": creation.MathFeatures(NUMBERS, func=["sum", "mean", "std", "var", "min", "max", "prod"]),
    "relative": creation.RelativeFeatures(["area"], ["rooms"], func=["add", "sub", "mul", "div"]),
    "dropped": selection.DropFeatures(["rooms"]),
    "correlated": selection.DropCorrelatedFeatures(),
    "wrapped": SklearnTransformerWrapper(StandardScaler(), variables=["area"]),
    "wrapped one-hot": SklearnTransformerWrapper(
        OneHotEncoder(sparse_output=False, handle_unknown="ignore"), variables=["rooms"]
    ),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoder_answers_as_it_does_live(name: str) -> None:
    unseen = UNSEEN
    if name == "one hot":
        unseen = flats(300, 9)
    agrees(fitted(filled(*ENCODED[name])), X, unseen)


@pytest.mark.parametrize("name", NUMERIC)
def test_a_transformer_of_numbers_answers_as_it_does_live(name: str) -> None:
    model = make_pipeline(imputation.MeanMedianImputer(), NUMERIC[name], LogisticRegression(max_iter=200))
    agrees(fitted(model, X[NUMBERS]), X[NUMBERS], UNSEEN[NUMBERS])


def test_gaps_are_marked_and_filled() -> None:
    model = make_pipeline(imputation.AddMissingIndicator(), *(step for _, step in filled(ordinal()).steps))
    agrees(fitted(model), X, UNSEEN)


@pytest.mark.parametrize(
    ("step", "row"),
    [
        (encoding.MeanEncoder(unseen="raise"), {"city": NEW}),
        (transformation.LogTransformer(variables=["area"]), {"area": -1.0}),
        (transformation.ReciprocalTransformer(variables=["rooms"]), {"rooms": 0}),
    ],
)
def test_what_a_step_refuses_its_package_refuses(step: Any, row: dict[str, Any]) -> None:
    steps = [step] if isinstance(step, encoding.MeanEncoder) else [step, ordinal()]
    model = fitted(filled(*steps))
    assert holdall.pack(model, name="strict", sample=X).manifest.portable
    record = {"city": "lima", "size": "M", "rooms": 2, "area": 50.0, **row}
    with pytest.raises(ValueError, match=r"\w"):
        model.predict(pd.DataFrame([record]))
    with pytest.raises(InputError, match=next(iter(row))):
        holdall.load("strict").predict([record])


def test_what_has_no_converter_is_native() -> None:
    model = make_pipeline(imputation.MeanMedianImputer(), transformation.ArcSinhTransformer(), LogisticRegression())
    agrees(fitted(model, X[NUMBERS]), X[NUMBERS], UNSEEN[NUMBERS], portable=False)


def test_a_process_without_the_library_answers_the_same(tmp_path: Path) -> None:
    model, row = fitted(filled(*ENCODED["mean"])), UNSEEN.head(1)
    given = without(["feature_engine", "sklearn", "pandas", "skops"], model, X, row, tmp_path)
    np.testing.assert_allclose(given, model.predict_proba(row)[0, 1], rtol=1e-9)
