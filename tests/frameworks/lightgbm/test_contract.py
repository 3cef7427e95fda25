"""LightGBM against its packages: every task over 100,000 unseen rows and on every threshold."""

from __future__ import annotations

import warnings
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

import holdall
from tests.frameworks import boosted_rows as rows
from tests.frameworks.boosted_rows import Case
from tests.frameworks.lightgbm.cases import BINARY, CASES, CLASSES, POSITIVE, SCORE, SHARE, TREES, X

FEW = 5_000


@pytest.fixture(autouse=True)
def _names_of_arrays() -> Any:
    """scikit-learn warns where an array is given to a wrapper that made names up for the columns of another."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_exact_in_100_000_rows_and_on_every_threshold(case: Case, record_property: Any) -> None:
    record_property("figures", rows.held(case, rows.UNSEEN))


OBJECTIVES = {
    **dict.fromkeys(("gamma", "tweedie", "regression_l1", "huber", "fair", "quantile", "mape"), POSITIVE),
    **dict.fromkeys(("cross_entropy", "cross_entropy_lambda"), SHARE),
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_has_its_transform(objective: str) -> None:
    model = lgb.LGBMRegressor(objective=objective, **TREES).fit(X, OBJECTIVES[objective])
    rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))


def test_a_root_of_the_target_is_squared_again() -> None:
    rows.same_numbers(lgb.LGBMRegressor(reg_sqrt=True, **TREES).fit(X, SCORE), "m", X, rows.matrix(FEW, 1))


def test_it_predicts_with_the_best_iteration_after_an_early_stop() -> None:
    model = lgb.LGBMClassifier(**(TREES | {"n_estimators": 300}))
    stop = [lgb.early_stopping(3, verbose=False)]
    model.fit(X[:1000], BINARY[:1000], eval_X=X[1000:], eval_y=BINARY[1000:], callbacks=stop)
    assert model.best_iteration_ < 300
    rows.same_classes(model, "m", X, rows.matrix(FEW, 1))


def test_arrays_of_whole_numbers_are_given_as_float32() -> None:
    whole = (np.nan_to_num(X) * 1e4).astype(np.int64)
    model = lgb.LGBMRegressor(**TREES).fit(whole, SCORE)
    unseen = (np.nan_to_num(rows.matrix(FEW, 1)) * 1e4).astype(np.int64)
    rows.same_numbers(model, "m", whole, unseen)


def test_codes_of_an_array_are_cut_off_and_strangers_are_in_no_set() -> None:
    table, target = rows.table(rows.TRAINED, 0)

    def codes(frame: Any) -> Any:
        found = frame.c.cat.codes.to_numpy().astype(np.float64)
        return np.column_stack([np.where(found < 0, np.nan, found), frame.a])

    model = lgb.LGBMClassifier(**TREES).fit(codes(table), target, categorical_feature=[0])
    unseen = codes(rows.table(FEW, 1)[0])
    unseen[::7, 0] = np.resize([-1.0, -0.5, 2.7, 9.0, 1e10], len(unseen[::7]))
    rows.same_classes(model, "m", codes(table), unseen)


def test_infinity_has_a_side() -> None:
    model = lgb.LGBMRegressor(**TREES).fit(X, SCORE)
    unseen = rows.matrix(FEW, 1)
    unseen[::5, 0], unseen[1::5, 3], unseen[2::5, 2] = np.inf, -np.inf, 1e300
    rows.same_numbers(model, "m", X, unseen)


BOOSTERS = {
    "binary": ({"objective": "binary"}, BINARY),
    "multiclass": ({"objective": "multiclass", "num_class": 4}, CLASSES),
    "regression": ({}, SCORE),
    "ranking": ({"objective": "rank_xendcg"}, CLASSES),
}


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_bare_booster_answers_as_its_predict_does(name: str) -> None:
    parameters, target = BOOSTERS[name]
    data = lgb.Dataset(X, target, group=[100] * 20 if name == "ranking" else None)
    rows.same_numbers(
        lgb.train({"num_threads": 1, "verbosity": -1, **parameters}, data, 20), "m", X, rows.matrix(FEW, 1)
    )


def test_a_bare_booster_of_a_data_frame() -> None:
    table, target = rows.table(rows.TRAINED, 0)
    booster = lgb.train({"num_threads": 1, "verbosity": -1}, lgb.Dataset(table, target), 20)
    unseen, _ = rows.table(FEW, 1)
    rows.same_numbers(booster, "m", table, unseen)


def test_a_tree_of_one_leaf_is_its_constant() -> None:
    model = lgb.LGBMRegressor(min_child_samples=10_000, **TREES).fit(X, SCORE)
    rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))


# LightGBM says so at each call; the package's notes do once.
@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities:UserWarning")
@pytest.mark.parametrize("target", [BINARY, CLASSES], ids=["two classes", "four classes"])
def test_a_classifier_with_an_objective_of_its_own_answers_with_raw_scores(target: Any) -> None:
    classes = len(np.unique(target))

    def own(truth: Any, raw: Any) -> Any:
        share = 1 / (1 + np.exp(-raw))
        wanted = truth if classes == 2 else truth[:, None] == np.arange(classes)
        return share - wanted, share * (1 - share)

    model = lgb.LGBMClassifier(objective=own, **TREES).fit(X, target)
    rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))
    assert holdall.open("m").manifest.task != "classification"


def test_one_row_and_none_have_the_same_answers() -> None:
    model = lgb.LGBMClassifier(**TREES).fit(X, CLASSES)
    _, loaded = rows.packed(model, "m", X)
    unseen = rows.matrix(50, 1)
    whole = rows.answers(loaded, unseen)
    for place in range(50):
        one = rows.answers(loaded, unseen[place : place + 1]).iloc[0]
        np.testing.assert_allclose(one.to_numpy(float), whole.iloc[place].to_numpy(float), rtol=1e-13)
    assert len(rows.answers(loaded, unseen[:0])) == 0


@pytest.mark.parametrize("bare", [False, True], ids=["wrapper", "booster"])
def test_columns_keep_names_that_lightgbm_writes_otherwise(bare: bool) -> None:
    names = ["my column", "a_b", "a b c", "d", "e"]
    sample, unseen = pd.DataFrame(X, columns=names), pd.DataFrame(rows.matrix(FEW, 1), columns=names)
    parameters = {"num_threads": 1, "verbosity": -1}
    model: Any = (
        lgb.train(parameters, lgb.Dataset(sample, SCORE), 20) if bare else lgb.LGBMRegressor(**TREES).fit(sample, SCORE)
    )
    package, _ = rows.packed(model, "m", sample.assign(more=0.0)[[*reversed(names), "more"]])
    assert [field.name for field in package.schema.inputs] == names
    rows.same_numbers(model, "m", sample, unseen)
