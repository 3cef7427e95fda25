"""CatBoost against its packages: every task over 100,000 unseen rows and on every threshold."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import catboost as cb
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import holdall
from holdall.engines.catboost import load
from holdall.errors import PackageDamaged, UnsupportedModel
from holdall.frameworks.catboost import model as models
from holdall.frameworks.catboost.framework import FRAMEWORK
from holdall.packing.opening import open_model
from tests.frameworks import boosted_rows as rows
from tests.frameworks.boosted_rows import Case
from tests.frameworks.catboost.cases import (
    BINARY,
    CASES,
    CATEGORIES,
    CLASSES,
    POSITIVE,
    SCORE,
    SEVERAL,
    TREES,
    X,
    table,
)

FEW = 5_000


@pytest.fixture(autouse=True)
def _ends_of_float32() -> Any:
    """The rows on thresholds step over the end of float32."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="overflow encountered", category=RuntimeWarning)
        yield


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_exact_in_100_000_rows_and_on_every_threshold(case: Case, record_property: Any) -> None:
    record_property("figures", rows.held(case, rows.UNSEEN))


LOSSES = {
    **dict.fromkeys(
        ("MAE", "Quantile:alpha=0.7", "LogLinQuantile", "Huber:delta=1", "MAPE", "Expectile:alpha=0.3"), POSITIVE
    ),
    **dict.fromkeys(("Lq:q=2", "LogCosh", "Cox", "MultiQuantile:alpha=0.1,0.9"), POSITIVE),
    "SurvivalAft:dist=Normal": np.column_stack([POSITIVE, POSITIVE + 1]),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_its_answer(loss: str) -> None:
    model = cb.CatBoostRegressor(loss_function=loss, **TREES).fit(X, LOSSES[loss])
    rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))


@pytest.mark.parametrize("loss", ["MultiLogloss", "MultiCrossEntropy"])
def test_sets_of_labels_have_one_answer_each(loss: str) -> None:
    model = cb.CatBoostClassifier(loss_function=loss, **TREES).fit(X, (SEVERAL > 0).astype(np.int64))
    _, loaded = rows.packed(model, "m", X)
    unseen = rows.matrix(FEW, 1)
    given = rows.answers(loaded, unseen).to_numpy(np.float64)
    assert (given[:, :3] == model.predict(unseen)).all()
    np.testing.assert_allclose(given[:, 3:], model.predict_proba(unseen), rtol=1e-12)


def test_a_threshold_of_its_own_decides_the_class() -> None:
    model = cb.CatBoostClassifier(**TREES).fit(X, BINARY)
    model.set_probability_threshold(0.8)
    unseen = rows.matrix(FEW, 1)
    assert (model.predict(unseen) != (model.predict_proba(unseen)[:, 1] > 0.5)).any()
    rows.same_classes(model, "m", X, unseen)


def test_a_search_is_unwrapped() -> None:
    model = GridSearchCV(cb.CatBoostRegressor(**TREES), {"depth": [3, 4]}, cv=2).fit(X, SCORE)
    rows.same_numbers(model, "m", X, rows.matrix(FEW, 1))


def test_categories_pass_through_a_pipeline() -> None:
    sample, target = table(rows.TRAINED, 0)
    scaled = ColumnTransformer(
        [("scale", StandardScaler(), ["a", "i"])], remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    model = make_pipeline(scaled, cb.CatBoostClassifier(cat_features=CATEGORIES, one_hot_max_size=10, **TREES))
    rows.same_classes(model.fit(sample, target), "m", sample, table(FEW, 1)[0])


def test_categories_of_an_array_of_objects() -> None:
    sample, target = table(rows.TRAINED, 0)
    array = sample[["a", "k", "c"]].to_numpy(object)
    model = cb.CatBoostClassifier(cat_features=[1, 2], one_hot_max_size=9, **TREES).fit(array, target)
    _, loaded = rows.packed(model, "m", array)
    unseen = table(FEW, 1)[0][["a", "k", "c"]].to_numpy(object)
    given = rows.answers(loaded, pd.DataFrame(unseen, columns=["x0", "x1", "x2"]).infer_objects())
    assert (given["prediction"].to_numpy() == model.predict(unseen)).all()


def test_categories_that_become_statistics_stay_in_catboosts_own_file() -> None:
    sample, target = table(rows.TRAINED, 0)
    model = cb.CatBoostClassifier(cat_features=CATEGORIES, **TREES).fit(sample, np.where(target, "ja", "nein"))
    package = holdall.pack(model, name="m", sample=sample)
    assert not package.manifest.portable
    assert package.trust()[0].word == "data"
    assert "one_hot_max_size" in package.manifest.blockers[0].cause
    assert any(line.startswith("catboost==") for line in package.manifest.environment.requires)
    unseen, _ = table(FEW, 1)
    loaded = holdall.load("m")
    given = rows.answers(loaded, unseen)
    assert (given["prediction"] == model.predict(unseen)).all()
    np.testing.assert_array_equal(given[["probability_ja", "probability_nein"]], model.predict_proba(unseen))
    assert len(rows.answers(loaded, unseen[:0])) == 0


def test_text_stays_in_catboosts_own_file() -> None:
    random = np.random.default_rng(0)
    sample = pd.DataFrame({"t": random.choice(["good day", "bad night", "so so"], 500), "a": random.normal(size=500)})
    model = cb.CatBoostClassifier(text_features=["t"], **TREES).fit(sample, (sample.t == "bad night") ^ (sample.a > 1))
    package = holdall.pack(model, name="m", sample=sample)
    assert "text" in package.manifest.blockers[0].cause
    assert (rows.answers(holdall.load("m"), sample)["prediction"] == model.predict(sample)).all()


def test_a_category_that_the_sample_does_not_show_is_no_guess() -> None:
    sample, target = table(rows.TRAINED, 0)
    model = cb.CatBoostClassifier(cat_features=CATEGORIES, one_hot_max_size=10, **TREES).fit(sample, target)
    package = holdall.pack(model, name="m", sample=sample[~sample.c.isin(["x", "z"])])
    assert not package.manifest.portable
    assert "fitted on" in package.manifest.blockers[0].cause


@pytest.mark.parametrize("kind", ["classifier", "poisson", "ranker"])
def test_a_file_answers_as_the_model_that_was_saved(kind: str, tmp_path: Path) -> None:
    model: Any
    if kind == "classifier":
        model = cb.CatBoostClassifier(**TREES).fit(X, np.where(BINARY, "ja", "nein"))
    elif kind == "poisson":
        model = cb.CatBoostRegressor(loss_function="Poisson", **TREES).fit(X, POSITIVE)
    else:
        model = cb.CatBoostRanker(**TREES).fit(X, CLASSES, group_id=np.repeat(np.arange(20), 100))
    path = tmp_path / "any.name"
    model.save_model(str(path))
    opened = open_model(str(path))
    unseen = rows.matrix(FEW, 1)
    assert (opened.predict(unseen) == model.predict(unseen)).all()
    if kind == "classifier":
        rows.same_classes(opened, "m", X, unseen)
    else:
        rows.same_numbers(opened, "m", X, unseen)


@pytest.mark.parametrize("data", [b"CBM1", b"CBM1" + b"x" * 100])
def test_a_broken_file_is_told(data: bytes) -> None:
    with pytest.raises(PackageDamaged):
        load(data, "model.cbm")


def test_a_model_that_is_not_fitted_is_told() -> None:
    with pytest.raises(UnsupportedModel, match="not fitted"):
        FRAMEWORK.describe(cb.CatBoostClassifier())


def test_a_sum_of_models_answers_though_it_was_never_fitted_itself() -> None:
    parts = [cb.CatBoostRegressor(random_seed=seed, **TREES).fit(X, SCORE) for seed in (0, 1)]
    summed = cb.sum_models(parts, weights=[0.25, 0.75])
    rows.same_numbers(summed, "m", X, rows.matrix(FEW, 1))


def test_ways_that_no_row_can_take_are_left_out() -> None:
    model = cb.CatBoostRegressor(depth=10, iterations=2, verbose=0, allow_writing_files=False).fit(X, SCORE)
    for tree in models.read(model, "model").trees:
        assert len(tree.left) < 2 * 1024 - 1


def test_one_row_and_none_have_the_same_answers() -> None:
    model = cb.CatBoostClassifier(**TREES).fit(X, CLASSES)
    _, loaded = rows.packed(model, "m", X)
    unseen = rows.matrix(50, 1)
    whole = rows.answers(loaded, unseen)
    for place in range(50):
        one = rows.answers(loaded, unseen[place : place + 1]).iloc[0]
        np.testing.assert_allclose(one.to_numpy(float), whole.iloc[place].to_numpy(float), rtol=1e-13)
    assert len(rows.answers(loaded, unseen[:0])) == 0


def test_whoever_runs_the_graph_needs_no_catboost() -> None:
    sample, target = table(rows.TRAINED, 0)
    model = cb.CatBoostClassifier(cat_features=CATEGORIES, one_hot_max_size=10, **TREES).fit(sample, target)
    rows.packed(model, "m", sample)
    record = {"a": None, "c": "never seen", "k": 7, "b": True, "p": "u", "i": 3}
    program = (
        "import sys; sys.modules['catboost'] = None; sys.modules['pandas'] = None; import holdall\n"
        f"print(holdall.load('m').predict([{record!r}])[0]['probability_True'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    expected = model.predict_proba(pd.DataFrame([record | {"a": np.nan}]))[0, 1]
    assert float(done.stdout) == pytest.approx(expected, rel=1e-12)
