"""Boosters inside what people put around them: column transformers, searches, calibrators, votes, stacks, sampling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost as cb
import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

import holdall
from holdall.errors import InputError, UnsupportedModel
from holdall.packing.opening import open_model
from tests.frameworks import boosted_rows as rows

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")

FEW: dict[str, Any] = {"n_estimators": 12, "n_jobs": 1}
SAMPLE, TARGET = rows.table(600, 0)
UNSEEN, _ = rows.table(1_500, 1)
X, Y = rows.matrix(600, 0), rows.classes(rows.matrix(600, 0))
SCORE = rows.score(X)
LATER = rows.matrix(1_500, 1)
WORDS = np.array(["low", "some", "é", "high"])[Y]


def _with_words(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(c=table.c.astype(object).fillna("none"), k=table.k.astype(int))


def _frames(step: Any) -> Any:
    """The step before which numbers are scaled, and all else goes by as it is."""
    scaled = ColumnTransformer([("numbers", StandardScaler(), ["i", "a"])], remainder="passthrough")
    return make_pipeline(scaled.set_output(transform="pandas"), step)


CATEGORIES: dict[str, Callable[[Any], Any]] = {
    "a column transformer": _frames,
    "a step that does nothing": lambda step: make_pipeline("passthrough", step),
    "a search": lambda step: GridSearchCV(step, {"max_depth": [2, 3]}, cv=2),
    "a calibrator": lambda step: CalibratedClassifierCV(step, cv=2),
}


@pytest.mark.parametrize("around", CATEGORIES)
def test_columns_of_categories_reach_xgboost_through_other_estimators(around: str) -> None:
    model = CATEGORIES[around](xgb.XGBClassifier(enable_categorical=True, **FEW)).fit(SAMPLE, TARGET)
    figures = rows.same_classes(model, "m", SAMPLE, UNSEEN, complement=rows.ULP)
    assert figures["flips"] == 0
    loaded = holdall.load("m")
    record = {"a": 0.5, "c": None, "k": None, "i": 4, "b": True}
    assert loaded.predict([record])[0]["prediction"] in (0, 1)
    with pytest.raises(InputError, match="c"):
        loaded.predict([record | {"c": "never seen"}])


@pytest.mark.parametrize("around", CATEGORIES)
def test_columns_of_categories_reach_lightgbm_through_other_estimators(around: str) -> None:
    model = CATEGORIES[around](lgb.LGBMClassifier(verbose=-1, min_data_per_group=5, **FEW)).fit(SAMPLE, TARGET)
    unseen = UNSEEN.assign(c=UNSEEN.c.cat.rename_categories({"v": "never seen"}))
    rows.same_classes(model, "m", SAMPLE, unseen)


def test_words_reach_catboost_through_a_column_transformer() -> None:
    sample, unseen = _with_words(SAMPLE), _with_words(UNSEEN)
    model = cb.CatBoostClassifier(
        iterations=12,
        verbose=0,
        thread_count=1,
        allow_writing_files=False,
        cat_features=["remainder__c", "remainder__k"],
        one_hot_max_size=9,
    )
    rows.same_classes(_frames(model).fit(sample, TARGET), "m", sample, unseen)


def test_codes_reach_both_as_categories_of_an_array() -> None:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    encoder = ColumnTransformer([("codes", codes, ["c", "k"])], remainder="passthrough")
    sample, unseen = SAMPLE.astype({"c": object}), UNSEEN.astype({"c": object})
    types = ["c", "c", "q", "q", "q"]
    model = make_pipeline(encoder, xgb.XGBClassifier(enable_categorical=True, feature_types=types, **FEW))
    rows.same_classes(model.fit(sample, TARGET), "m", sample, unseen, complement=rows.ULP)
    model = make_pipeline(encoder, lgb.LGBMClassifier(verbose=-1, **FEW))
    model.fit(sample, TARGET, lgbmclassifier__categorical_feature=[0, 1])
    rows.same_classes(model, "m", sample, unseen)


def _one_hot(threshold: float) -> Any:
    return ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown="ignore"), ["c", "k", "i"])],
        remainder="passthrough",
        sparse_threshold=threshold,
    )


SPARSE: dict[str, Callable[[], Any]] = {
    "columns, sparse": lambda: _one_hot(1.0),
    "columns, not sparse": lambda: _one_hot(0.0),
    "a choice of scaled columns": lambda: make_pipeline(_one_hot(1.0), MaxAbsScaler(), SelectKBest(f_classif, k=8)),
    "a union": lambda: make_pipeline(
        ColumnTransformer(
            [("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["c", "k"])]
        ),
        make_union(
            OneHotEncoder(handle_unknown="ignore"),
            KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"),
        ),
    ),
}


@pytest.mark.parametrize("before", SPARSE)
def test_what_a_sparse_matrix_does_not_store_is_missing_to_xgboost(before: str) -> None:
    sample, unseen = _with_words(SAMPLE).assign(a=SAMPLE.a.fillna(0)), _with_words(UNSEEN).assign(a=UNSEEN.a.fillna(0))
    model = make_pipeline(SPARSE[before](), xgb.XGBClassifier(**FEW)).fit(sample, TARGET)
    rows.same_classes(model, "m", sample, unseen, complement=rows.ULP)


def test_a_stack_hands_a_sparse_matrix_on_with_its_answers() -> None:
    sample, unseen = (_with_words(table).drop(columns=["a", "b"]) for table in (SAMPLE, UNSEEN))
    stack = StackingClassifier([("one", xgb.XGBClassifier(**FEW))], xgb.XGBClassifier(**FEW), cv=2, passthrough=True)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), stack).fit(sample, TARGET)
    rows.same_classes(model, "m", sample, unseen, complement=rows.ULP)


BOOSTERS = {
    "XGBoost": lambda: xgb.XGBClassifier(**FEW),
    "LightGBM": lambda: lgb.LGBMClassifier(verbose=-1, **FEW),
    "CatBoost": lambda: cb.CatBoostClassifier(iterations=12, verbose=0, thread_count=1, allow_writing_files=False),
}
AROUND: dict[str, Callable[[Any], Any]] = {
    "a vote": lambda step: VotingClassifier([("one", step)], voting="soft"),
    "a stack": lambda step: StackingClassifier([("one", step)], cv=2),
    "sampling": lambda step: make_sampling_pipeline(RandomOverSampler(random_state=0), StandardScaler(), step),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("library", BOOSTERS)
def test_estimators_around_a_booster_are_in_its_graph(library: str, around: str) -> None:
    model = AROUND[around](BOOSTERS[library]()).fit(X, Y if library == "XGBoost" else WORDS)
    rows.same_classes(model, "m", X, LATER, complement=rows.ULP)
    assert holdall.open("m").manifest.tolerance.relative <= rows.RELATIVE


def test_targets_around_a_booster_are_in_its_graph() -> None:
    turned = TransformedTargetRegressor(xgb.XGBRegressor(**FEW), func=np.log1p, inverse_func=np.expm1)
    rows.same_numbers(turned.fit(X, np.abs(SCORE)), "m", X, LATER)
    several = MultiOutputRegressor(lgb.LGBMRegressor(verbose=-1, **FEW)).fit(X, np.stack([SCORE, -SCORE], 1))
    rows.same_numbers(several, "m", X, LATER)


def test_scores_behind_a_scaler_are_held_to_a_few_bits_when_they_are_packed() -> None:
    model = make_pipeline(StandardScaler(), xgb.XGBClassifier(**FEW)).fit(X, Y)
    package, _ = rows.packed(model, "m", X)
    assert package.manifest.tolerance.relative == rows.RELATIVE
    parity = package.parity()
    assert parity is not None
    assert parity.max_rel_error <= rows.RELATIVE


def test_two_classes_with_a_column_each_are_refused_with_what_to_do() -> None:
    model = xgb.XGBClassifier(objective="multi:softprob", num_class=2, **FEW).fit(X, SCORE > 0)
    with pytest.raises(UnsupportedModel) as caught:
        holdall.pack(model, name="m", sample=X)
    assert "get_booster" in str(caught.value.hint)
    rows.same_numbers(model.get_booster(), "m", X, LATER, model.predict_proba)


def test_the_best_of_two_classes_is_one_of_them() -> None:
    model = xgb.XGBClassifier(objective="multi:softmax", num_class=2, **FEW).fit(X, SCORE > 0)
    rows.same_classes(model, "m", X, LATER, complement=rows.ULP)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_sample_that_lost_its_categories_gets_them_from_the_model(library: str, tmp_path: Path) -> None:
    sample, unseen = (table.rename(columns={"c": "the c"}) for table in (SAMPLE, UNSEEN))
    path = tmp_path / "model.txt"
    if library == "xgboost":
        booster: Any = xgb.XGBClassifier(enable_categorical=True, **FEW).fit(sample, TARGET).get_booster()
        path.write_bytes(bytes(booster.save_raw("json")))
        expected = booster.inplace_predict(unseen)
    else:
        booster = lgb.LGBMClassifier(verbose=-1, min_data_per_group=5, **FEW).fit(sample, TARGET).booster_
        booster.save_model(path)
        expected = booster.predict(unseen)
    plain = sample.astype({"the c": object, "k": int})
    _, loaded = rows.packed(open_model(str(path)), "m", plain)
    given = loaded.predict(unseen.astype({"the c": object, "k": int}))["prediction"]
    np.testing.assert_allclose(given, expected, rtol=rows.RELATIVE)


def test_a_polars_table_of_categories_is_a_sample() -> None:
    polars = pytest.importorskip("polars")
    model = xgb.XGBClassifier(enable_categorical=True, **FEW).fit(SAMPLE[["a", "c"]], TARGET)
    _, loaded = rows.packed(model, "m", polars.from_pandas(SAMPLE[["a", "c"]]))
    assert (loaded.predict(UNSEEN[["a", "c"]])["prediction"] == model.predict(UNSEEN[["a", "c"]])).all()


def test_answers_that_leave_out_trees_are_refused_with_what_to_do() -> None:
    model = lgb.LGBMClassifier(verbose=-1, pred_early_stop=True, **FEW).fit(X, SCORE > 0)
    with pytest.raises(UnsupportedModel) as caught:
        holdall.pack(model, name="m", sample=X)
    assert "pred_early_stop=False" in str(caught.value.hint)
