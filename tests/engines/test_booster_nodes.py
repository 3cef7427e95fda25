"""Boosters inside skops files: their libraries' own files, checked as such, so that a package of them names known types only."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import catboost as cb
import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import holdall
from holdall.engines import skops as engine
from holdall.errors import MissingDependency, NotPortable, PackageDamaged
from holdall.frameworks.sklearn.native import canonical_skops
from tests.frameworks import boosted_rows as rows

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")

GENERATOR = np.random.default_rng(0)
WORDS = ["good", "bad", "so", "day", "night", "é"]
TEXTS = pd.Series([" ".join(GENERATOR.choice(WORDS, 5)) for _ in range(200)], name="text")
UNSEEN = pd.Series([" ".join(GENERATOR.choice([*WORDS, "new"], 5)) for _ in range(200)], name="text")
GOOD = TEXTS.str.count("good")
FEW: dict[str, Any] = {"n_estimators": 3, "n_jobs": 1}
OF_CATBOOST: dict[str, Any] = {"iterations": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}

MODELS: dict[str, Callable[[], Any]] = {
    "XGBoost, classes": lambda: xgb.XGBClassifier(**FEW),
    "XGBoost, a forest": lambda: xgb.XGBRFClassifier(**FEW),
    "XGBoost, counts": lambda: xgb.XGBRegressor(objective="count:poisson", **FEW),
    "LightGBM, classes": lambda: lgb.LGBMClassifier(verbose=-1, **FEW),
    "LightGBM, counts": lambda: lgb.LGBMRegressor(objective="poisson", verbose=-1, **FEW),
    "CatBoost, classes": lambda: cb.CatBoostClassifier(**OF_CATBOOST),
    "CatBoost, counts": lambda: cb.CatBoostRegressor(loss_function="Poisson", **OF_CATBOOST),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_booster_behind_text_is_sealed_with_known_types_only(name: str) -> None:
    target = GOOD > 0 if "classes" in name or "forest" in name else GOOD
    model = make_pipeline(TfidfVectorizer(), MODELS[name]()).fit(TEXTS, target)
    package = holdall.pack(model, name="m", sample=TEXTS)
    assert package.manifest.model.engine == "skops"
    assert package.trust()[0].word == "types"
    answered = holdall.load("m").predict(pd.DataFrame({"text": UNSEEN}))
    np.testing.assert_array_equal(answered["prediction"].to_numpy(), model.predict(UNSEEN))


def test_statistics_of_categories_are_sealed_in_a_pipeline() -> None:
    table, target = rows.table(400, 0)
    table = table.assign(c=table.c.astype(object).fillna("none"))[["c", "i"]]
    scaled = ColumnTransformer([("numbers", StandardScaler(), ["i"])], remainder="passthrough")
    booster = cb.CatBoostClassifier(cat_features=["remainder__c"], **OF_CATBOOST)
    model = make_pipeline(scaled.set_output(transform="pandas"), booster).fit(table, target)
    package = holdall.pack(model, name="m", sample=table)
    assert package.trust()[0].word == "types"
    assert "statistics" in package.manifest.blockers[0].cause
    answered = holdall.load("m").predict(table)
    np.testing.assert_array_equal(answered["prediction"].to_numpy(), model.predict(table))


def sealed(model: Any) -> bytes:
    return canonical_skops(make_pipeline(StandardScaler(), model).fit(rows.matrix(100, 0), np.arange(100) % 2))


BOOSTERS: dict[str, Callable[[], Any]] = {
    "xgboost": lambda: xgb.XGBClassifier(**FEW),
    "lightgbm": lambda: lgb.LGBMClassifier(verbose=-1, **FEW),
    "catboost": lambda: cb.CatBoostClassifier(**OF_CATBOOST),
}


def changed(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The file with its members changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(written, "w") as other:
        for name in archive.namelist():
            other.writestr(name, change(name, archive.read(name)))
    return written.getvalue()


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_damaged_booster_is_told_before_its_library_dies_of_it(name: str) -> None:
    data = sealed(BOOSTERS[name]())
    assert engine.audit(data).outside == ()
    broken = changed(data, lambda member, content: content[:-9] if member.endswith(".bin") else content)
    with pytest.raises(PackageDamaged):
        engine.load(broken)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_booster_by_any_other_node_is_on_no_list(name: str) -> None:
    data = sealed(BOOSTERS[name]())
    other = changed(data, lambda _, content: content.replace(b'"BoosterNode"', b'"ObjectNode"'))
    assert [each.rpartition(" ")[2] for each in engine.audit(other).outside] == ["ObjectNode"]
    with pytest.raises(PackageDamaged, match="not let in"):
        engine.load(other)


def test_a_node_of_a_booster_builds_nothing_else() -> None:
    data = sealed(BOOSTERS["xgboost"]())
    other = changed(data, lambda _, content: content.replace(b'"Booster"', b'"DMatrix"'))
    assert engine.audit(other).outside
    with pytest.raises(PackageDamaged):
        engine.load(other, allowed=engine.audit(other).outside)


class Own(cb.CatBoostClassifier):
    """A class of the user's own."""


def test_a_class_of_ones_own_is_not_written_as_the_librarys() -> None:
    with pytest.raises(NotPortable, match="no form without a pickle"):
        sealed(Own(**OF_CATBOOST))


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_missing_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = sealed(BOOSTERS[name]())
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=name):
        engine.load(data)


def test_what_is_written_is_the_librarys_own_file() -> None:
    data = sealed(BOOSTERS["lightgbm"]())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        texts = [archive.read(name) for name in archive.namelist() if name.endswith(".bin")]
        nodes = json.loads(archive.read(engine.SCHEMA))
    assert "BoosterNode" in json.dumps(nodes)
    assert any(text.startswith(b"tree\n") for text in texts)
