"""XGBoost against its packages: every task over 100,000 unseen rows and on every threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import holdall
from holdall.errors import InputError, UnsupportedModel
from tests.frameworks import boosted_rows as rows
from tests.frameworks.boosted_rows import Case
from tests.frameworks.xgboost.cases import BINARY, CASES, CLASSES, POSITIVE, SCORE, SHARE, TREES, X

FEW = 5_000


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_exact_in_100_000_rows_and_on_every_threshold(case: Case, record_property: Any) -> None:
    record_property("figures", rows.held(case, rows.UNSEEN))


OBJECTIVES = {
    **dict.fromkeys(("reg:gamma", "reg:tweedie"), POSITIVE),
    **dict.fromkeys(("reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror"), POSITIVE),
    "reg:logistic": SHARE,
    "survival:cox": POSITIVE,
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_has_its_transform(objective: str) -> None:
    model = xgb.XGBRegressor(objective=objective, **TREES).fit(X, OBJECTIVES[objective])
    rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))


def test_quantiles_are_targets() -> None:
    model = xgb.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.9], **TREES).fit(X, SCORE)
    assert rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))["relative"] == 0


@pytest.mark.parametrize("objective", ["binary:hinge", "binary:logitraw"])
def test_the_label_follows_what_the_wrapper_makes_of_the_objective(objective: str) -> None:
    rows.same_classes(
        xgb.XGBClassifier(objective=objective, **TREES).fit(X, BINARY), "m", X, rows.matrix(FEW, 1), complement=rows.ULP
    )


def test_a_set_of_labels_is_answered_label_by_label() -> None:
    model = xgb.XGBClassifier(**TREES).fit(X, np.stack([SCORE > 0, SCORE > 1, SCORE < -1], 1))
    _, loaded = rows.packed(model, "m", X)
    unseen = rows.matrix(FEW, 1)
    given = rows.answers(loaded, unseen)
    assert (given[["target_0", "target_1", "target_2"]].to_numpy() == model.predict(unseen)).all()
    probability = given[[f"target_{i}_probability_1" for i in range(3)]].to_numpy()
    np.testing.assert_allclose(probability, model.predict_proba(unseen), rtol=rows.RELATIVE)


def test_it_predicts_with_the_best_round_after_an_early_stop() -> None:
    model = xgb.XGBClassifier(n_estimators=300, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:1000], BINARY[:1000], eval_set=[(X[1000:], BINARY[1000:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    rows.same_classes(model, "m", X, rows.matrix(FEW, 1), complement=rows.ULP)


def test_a_number_can_stand_for_missing() -> None:
    filled = np.nan_to_num(X, nan=-9.0)
    model = xgb.XGBClassifier(missing=-9.0, **TREES).fit(filled, BINARY)
    rows.same_classes(model, "m", filled, np.nan_to_num(rows.matrix(FEW, 1), nan=-9.0), complement=rows.ULP)


def test_a_linear_booster_adds_up_in_its_own_order() -> None:
    model = xgb.XGBRegressor(booster="gblinear", n_jobs=1).fit(X, SCORE)
    assert rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))["relative"] == 0


def test_whole_numbers_beyond_float32_are_rounded_once() -> None:
    whole = (np.nan_to_num(X) * 1e9).astype(np.int64)
    model = xgb.XGBRegressor(**TREES).fit(whole, SCORE)
    unseen = (np.nan_to_num(rows.matrix(FEW, 1)) * 1e9).astype(np.int64)
    assert rows.same_numbers(model, "m", whole, unseen)["relative"] == 0


def test_codes_of_an_array_are_cut_off_and_strangers_go_with_the_rest() -> None:
    table, target = rows.table(rows.TRAINED, 0)

    def codes(frame: Any) -> Any:
        found = frame.c.cat.codes.to_numpy().astype(np.float64)
        return np.column_stack([np.where(found < 0, np.nan, found), frame.a])

    model = xgb.XGBClassifier(enable_categorical=True, feature_types=["c", "q"], **TREES).fit(codes(table), target)
    unseen = codes(rows.table(FEW, 1)[0])
    unseen[::7, 0] = np.resize([-1.0, -0.5, 2.7, 9.0, 1e10], len(unseen[::7]))
    rows.same_classes(model, "m", codes(table), unseen, complement=rows.ULP)


def test_a_category_that_was_not_fitted_is_refused_by_name() -> None:
    table, target = rows.table(rows.TRAINED, 0)
    rows.packed(xgb.XGBClassifier(enable_categorical=True, **TREES).fit(table, target), "m", table)
    record = {"a": 0.5, "c": "x", "k": 3, "i": 4, "b": True}
    loaded = holdall.load("m")
    assert loaded.predict([record])[0]["prediction"] in (0, 1)
    for column, stranger in (("c", "mm"), ("k", 8)):
        with pytest.raises(InputError, match=column):
            loaded.predict([record | {column: stranger}])


def test_categories_beyond_ascii_are_refused_since_xgboost_mistakes_them() -> None:
    table, target = rows.table(rows.TRAINED, 0)
    table["c"] = table.c.cat.rename_categories({"v": "é"})
    model = xgb.XGBClassifier(enable_categorical=True, **TREES).fit(table, target)
    with pytest.raises(UnsupportedModel, match="ASCII"):
        holdall.pack(model, name="m", sample=table)


def test_behind_encoders_of_a_pipeline() -> None:
    table, target = rows.table(rows.TRAINED, 0)
    table["c"] = table.c.astype(object)
    table["k"] = table.k.astype(np.int64)
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["c"]), (StandardScaler(), ["a", "i"]), remainder="passthrough"
    )
    model = make_pipeline(encoder, xgb.XGBClassifier(**TREES)).fit(table, target)
    unseen, _ = rows.table(FEW, 1)
    unseen["c"] = unseen.c.astype(object)
    unseen["k"] = unseen.k.astype(np.int64)
    rows.same_classes(model, "m", table, unseen, complement=rows.ULP)


BOOSTERS = {
    "logistic": ({"objective": "binary:logistic"}, BINARY),
    "softmax": ({"objective": "multi:softmax", "num_class": 4}, CLASSES),
    "softprob": ({"objective": "multi:softprob", "num_class": 4}, CLASSES),
    "squares": ({}, SCORE),
    "DART": ({"booster": "dart", "rate_drop": 0.3}, SCORE),
    "ranking": ({"objective": "rank:pairwise"}, CLASSES),
}


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_bare_booster_answers_as_its_predict_does(name: str) -> None:
    parameters, target = BOOSTERS[name]
    booster = xgb.train({"nthread": 1, "max_depth": 4, **parameters}, xgb.DMatrix(X, target), 20)
    rows.same_numbers(booster, "m", X, rows.matrix(FEW, 1), lambda given: booster.predict(xgb.DMatrix(given)))


def test_a_bare_booster_of_a_data_frame() -> None:
    table, target = rows.table(rows.TRAINED, 0)
    data = xgb.DMatrix(table, target, enable_categorical=True)
    booster = xgb.train({"nthread": 1}, data, 20)
    unseen, _ = rows.table(FEW, 1)
    asked = lambda given: booster.predict(xgb.DMatrix(given, enable_categorical=True))
    assert rows.same_numbers(booster, "m", table, unseen, asked)["relative"] == 0


def test_infinity_is_refused_where_a_booster_refuses_it() -> None:
    booster = xgb.train({"nthread": 1}, xgb.DMatrix(X, SCORE), 5)
    _, loaded = rows.packed(booster, "m", X)
    for number in (np.inf, 1e300):
        with pytest.raises(InputError, match="x0"):
            loaded.predict([{"x0": number} | dict.fromkeys(("x1", "x2", "x3", "x4"), 0.0)])


def test_one_row_and_none_have_the_same_answers() -> None:
    model = xgb.XGBClassifier(**TREES).fit(X, CLASSES)
    _, loaded = rows.packed(model, "m", X)
    unseen = rows.matrix(50, 1)
    whole = rows.answers(loaded, unseen)
    for place in range(50):
        assert rows.answers(loaded, unseen[place : place + 1]).iloc[0].tolist() == whole.iloc[place].tolist()
    assert len(rows.answers(loaded, unseen[:0])) == 0


def test_packing_itself_holds_scores_to_a_few_bits() -> None:
    package, _ = rows.packed(xgb.XGBClassifier(**TREES).fit(X, CLASSES), "m", X)
    assert package.manifest.tolerance.relative == 1e-6
    parity = package.parity()
    assert parity is not None
    assert parity.max_rel_error <= 1e-6
