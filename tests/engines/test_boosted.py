"""The boosters' own files, run by their own libraries: the same answers in a fresh process, and nothing but numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

import holdall
from holdall.columns.batch import Batch, Column
from holdall.engines import engine
from holdall.engines.engine import InMemory
from holdall.engines.lightgbm_text import checked
from holdall.engines.xgboost_trees import fault as xgboost_fault
from holdall.errors import ManifestInvalid, NotPortable, PackageDamaged
from holdall.frameworks.boosted import BoostedTrees
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import Role, Step, StepOutput
from tests.frameworks import boosted_rows as rows

TREES: dict[str, Any] = {"n_estimators": 8, "n_jobs": 1}
TABLE, TARGET = rows.table(600, 0)
WORDS = np.where(TARGET, "ja", "nein")
MODELS = {
    "xgboost": lambda: xgb.XGBClassifier(enable_categorical=True, **TREES).fit(TABLE, TARGET),
    "lightgbm": lambda: lgb.LGBMClassifier(verbose=-1, **TREES).fit(TABLE, WORDS),
    "xgboost numbers": lambda: xgb.XGBRegressor(enable_categorical=True, **TREES).fit(TABLE, TABLE.i),
    "lightgbm numbers": lambda: lgb.LGBMRegressor(verbose=-1, **TREES).fit(TABLE, TABLE.i),
}
ASKING = """
import json, sys
import holdall, pandas
table = pandas.read_json(sys.argv[1], orient="split")
answers = holdall.load("m").predict(table)
print(json.dumps(answers.to_dict("list")))
"""


@pytest.mark.parametrize("name", MODELS)
def test_a_native_package_answers_in_a_fresh_process_as_the_live_model_did(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise NotPortable("model", "for this test")

    model = MODELS[name]()
    monkeypatch.setattr(BoostedTrees, "portable", refuse)
    package = holdall.pack(model, name="m", sample=TABLE)
    (step,) = package.manifest.steps
    assert not package.manifest.portable
    assert step.engine == name.partition(" ")[0]
    assert package.trust()[0].word == "data"
    unseen, _ = rows.table(200, 3)
    unseen.to_json(tmp_path / "table.json", orient="split")
    command = [sys.executable, "-W", "ignore", "-c", ASKING, str(tmp_path / "table.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    given = pd.DataFrame(json.loads(done.stdout.splitlines()[-1]))
    assert (given["prediction"].to_numpy() == model.predict(unseen)).all()
    if hasattr(model, "predict_proba"):
        names = [column for column in given if column.startswith("probability_")]
        np.testing.assert_allclose(given[names], model.predict_proba(unseen), rtol=1e-12)


def test_the_file_ends_with_the_round_that_the_wrapper_predicts_with() -> None:
    from holdall.frameworks.xgboost.framework import FRAMEWORK

    values = rows.matrix(800, 0)
    target = (rows.score(values) > 0).astype(int)
    model = xgb.XGBClassifier(n_estimators=200, early_stopping_rounds=2, n_jobs=1)
    model.fit(values[:400], target[:400], eval_set=[(values[400:], target[400:])], verbose=False)
    again = xgb.Booster(model_file=bytearray(FRAMEWORK.saved(model)))
    assert again.num_boosted_rounds() == model.best_iteration + 1
    assert (again.inplace_predict(values) == model.predict_proba(values)[:, 1]).all()


def test_a_number_for_missing_is_not_lost_silently() -> None:
    from holdall.frameworks.xgboost.framework import FRAMEWORK

    model = xgb.XGBRegressor(missing=-1.0, **TREES).fit(rows.matrix(100, 0), np.arange(100))
    with pytest.raises(NotPortable, match="missing value"):
        FRAMEWORK.saved(model)


def step(name: str, outputs: tuple[StepOutput, ...], table: str = "numpy") -> Step:
    return Step(role=Role.MODEL, engine=name, files=("model",), outputs=outputs, table=table)


SCHEMA = Schema(
    inputs=(Field(name="x0", kind=Kind.FLOAT), Field(name="x1", kind=Kind.FLOAT)),
    outputs=(Field(name="prediction", kind=Kind.FLOAT),),
)
PREDICTION = (StepOutput(name="predict", columns=("prediction",)),)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
@pytest.mark.parametrize(
    "data", [b"", b"tree\nversion=v4\nnum_class=x\n", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{"]
)
def test_a_damaged_file_is_an_error_of_the_package(name: str, data: bytes) -> None:
    with pytest.raises(PackageDamaged, match="model cannot be loaded"):
        engine.engine(name).open_step(step(name, PREDICTION), SCHEMA, InMemory({"model": data}), 1)


TEXT = (
    lgb.train({"verbosity": -1, "num_threads": 1}, lgb.Dataset(TABLE, TABLE.a.fillna(0)), 3).model_to_string().encode()
)


def test_a_whole_text_of_trees_is_given_to_lightgbm_without_what_answers_do_not_hang_on() -> None:
    values = rows.matrix(300, 0)
    settings = {"verbosity": -1, "num_threads": 1}
    classes = {"objective": "multiclass", "num_class": 4, **settings}
    boosters = [
        lgb.train({"linear_tree": True, **settings}, lgb.Dataset(values, rows.score(values)), 3),
        lgb.train({"min_data_in_leaf": 9999, **settings}, lgb.Dataset(values, rows.score(values)), 2),
        lgb.train(classes, lgb.Dataset(values, rows.classes(values)), 3),
        lgb.train({"monotone_constraints": [1, 0, -1, 0, 0], **settings}, lgb.Dataset(values, rows.score(values)), 3),
    ]
    for booster in boosters:
        text = booster.model_to_string()
        kept = checked(text.encode())
        assert "parameters" not in kept
        assert "feature_importances" not in kept
        again = lgb.Booster(model_str=kept)
        assert (again.predict(values) == booster.predict(values)).all()
        assert checked(again.model_to_string().encode()) == kept
    assert lgb.Booster(model_str=checked(TEXT)).pandas_categorical == [
        ["long one", "q", "v", "w", "x", "y", "z"],
        [3, 7, 9, 11],
    ]


def test_a_text_of_the_command_line_ends_with_its_parameters() -> None:
    head, _, _ = TEXT.rpartition(b"\npandas_categorical:")
    assert "pandas_categorical" not in checked(head)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"left_child=", b"left_child=7"),
        (b"split_feature=", b"split_feature=x"),
        (b"num_leaves=", b"num_leaves=9"),
        (b"num_leaves=", b"num_leaves=9999999999"),
        (b"end of trees", b"end of tree"),
        (b"Tree=1", b"Tree=5"),
        (b"max_feature_idx=4", b"max_feature_idx=0"),
        (b"num_tree_per_iteration=1", b"num_tree_per_iteration=0"),
        (b"num_tree_per_iteration=1", b"num_tree_per_iteration=2"),
        (b"num_class=1", b"num_class=3"),
        (b"objective=regression", b"objective=multiclass num_class:9"),
        (b"leaf_weight=", b"leaf_weight=1 "),
        (b"internal_value=", b"internal_value=1_0 "),
        (b"split_gain=", b"split_gain=0x1"),
        (b"is_linear=0", b"is_linear=7"),
        (b"shrinkage=", b"shrunk_to="),
        (b"shrinkage=", b"shrinkage=1\nshrinkage="),
        (b"decision_type=", b"decision_type=99"),
        (b"feature_infos=", b"feature_infos=none "),
        (b"version=v4", b"version=v4\x00"),
        (b"pandas_categorical:[", b"pandas_categorical:{"),
        (b"pandas_categorical:[[", b"pandas_categorical:[[[]], ["),
    ],
)
def test_a_broken_text_of_trees_never_reaches_lightgbm_which_would_end_the_process(old: bytes, new: bytes) -> None:
    assert old in TEXT
    start = TEXT.index(b"Tree=1") if TEXT.count(old) > 1 else 0
    changed = TEXT[:start] + TEXT[start:].replace(old, new, 1)
    # Of the same length where it stands within a tree, so that it is found for what it is.
    with pytest.raises(ValueError, match=r"."):
        checked(changed.replace(*_sizes(TEXT, len(changed) - len(TEXT)), 1) if start else changed)


def _sizes(text: bytes, more: int) -> tuple[bytes, bytes]:
    """The line of the trees' sizes, and what it is where the second tree has so many bytes more."""
    (line,) = [line for line in text.split(b"\n") if line.startswith(b"tree_sizes=")]
    first, second, *rest = line.removeprefix(b"tree_sizes=").split()
    return line, b"tree_sizes=" + b" ".join([first, b"%d" % (int(second) + more), *rest])


def test_a_text_cut_off_anywhere_among_its_trees_is_broken() -> None:
    for place in range(0, TEXT.index(b"end of trees"), 97):
        with pytest.raises(ValueError, match=r"."):
            checked(TEXT[:place])


def test_a_parameter_that_lightgbm_does_not_know_is_not_given_to_it() -> None:
    assert checked(TEXT.replace(b"[num_leaves:", b"[num_l aves:")) == checked(TEXT)


def test_a_line_of_digits_without_end_is_told_at_once() -> None:
    (line,) = [line for line in TEXT.split(b"\n") if line.startswith(b"tree_sizes=")]
    with pytest.raises(ValueError, match="tree_sizes"):
        checked(TEXT.replace(line, b"tree_sizes=" + b"7" * 1_000_000 + b"x", 1))


def _xgboost_changed(change: Any) -> bytes:
    """A model of two targets in one tree, as JSON, with one thing changed."""
    values = rows.matrix(300, 0)
    targets = np.stack([rows.score(values), -rows.score(values)], 1)
    model = xgb.XGBRegressor(multi_strategy="multi_output_tree", **TREES).fit(values, targets)
    document = json.loads(bytes(model.get_booster().save_raw("json")))
    change(document["learner"])
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda learner: learner["gradient_booster"]["model"]["trees"][1].update(id=7),
        lambda learner: learner["gradient_booster"]["model"]["trees"][1].pop("leaf_weights"),
        lambda learner: learner["gradient_booster"]["model"]["trees"][1]["tree_param"].update(size_leaf_vector="-1"),
        lambda learner: learner["learner_model_param"].update(num_target="99999999"),
    ],
    ids=["a number of another tree", "no leaves", "leaves of less than nothing", "more targets than leaves hold"],
)
def test_an_xgboost_file_that_would_end_the_process_is_told_before(change: Any) -> None:
    assert xgboost_fault(_xgboost_changed(lambda _: None)) is None
    assert xgboost_fault(_xgboost_changed(change)) is not None


def test_a_leaf_of_an_xgboost_file_asks_for_no_set_of_categories_that_there_is_not() -> None:
    booster = MODELS["xgboost"]().get_booster()
    document = json.loads(bytes(booster.save_raw("json")))
    assert xgboost_fault(json.dumps(document).encode()) is None
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["split_type"][tree["left_children"].index(-1)] = 1
    assert xgboost_fault(json.dumps(document).encode()) is not None


def test_a_model_that_was_pruned_has_no_fault() -> None:
    model = xgb.XGBClassifier(enable_categorical=True, tree_method="approx", max_cat_to_onehot=1, gamma=3, **TREES)
    booster = model.fit(TABLE, TARGET).get_booster()
    assert xgboost_fault(bytes(booster.save_raw("ubj"))) is None


def test_an_xgboost_file_has_trees_for_every_class_that_it_names() -> None:
    values = rows.matrix(300, 0)
    model = xgb.XGBClassifier(num_parallel_tree=2, **TREES).fit(values, rows.classes(values))
    data = bytes(model.get_booster().save_raw("json"))
    assert xgboost_fault(data) is None
    assert xgboost_fault(data.replace(b'"num_class":"4"', b'"num_class":"99999999"')) is not None


def test_a_manifest_cannot_ask_a_booster_for_anything_else() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2))
    data = bytes(xgb.train({"nthread": 1}, xgb.DMatrix(values, values[:, 0]), 2).save_raw("ubj"))
    files = InMemory({"model": data})
    opened = engine.engine("xgboost").open_step(step("xgboost", PREDICTION), SCHEMA, files, 1)
    batch = Batch({name: Column(Kind.FLOAT, values[:3, i].copy()) for i, name in enumerate(("x0", "x1"))}, 3)
    assert opened.run(batch)["predict"].shape == (3,)
    assert opened.run(batch.take(np.zeros(0, np.int64)))["predict"].shape[0] == 0
    for outputs in (
        (StepOutput(name="save_model", columns=("prediction",)),),
        (*PREDICTION, StepOutput(name="decision_function", columns=("decision",))),
        (),
    ):
        with pytest.raises(ManifestInvalid):
            engine.engine("xgboost").open_step(step("xgboost", outputs), SCHEMA, files, 1)
    with pytest.raises(ManifestInvalid):
        engine.engine("xgboost").open_step(step("xgboost", PREDICTION, "magic"), SCHEMA, files, 1)


@pytest.mark.parametrize("name", ["x.ubj", "x.json", "renamed.pkl", "m.txt"])
def test_a_model_file_is_packed_as_it_is(name: str, tmp_path: Path) -> None:
    from holdall.packing.opening import open_model

    values = pd.DataFrame(rows.matrix(400, 0), columns=list("abcde"))
    target = (rows.score(values.to_numpy()) > 0).astype(int)
    path = tmp_path / name
    if name == "m.txt":
        booster = lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, lgb.Dataset(values, target), 5)
        booster.save_model(path)
        expected = booster.predict(values)
    else:
        booster = xgb.train({"objective": "binary:logistic", "nthread": 1}, xgb.DMatrix(values, target), 5)
        path.write_bytes(bytes(booster.save_raw("json" if name == "x.json" else "ubj")))
        expected = booster.predict(xgb.DMatrix(values))
    _, loaded = rows.packed(open_model(str(path)), "m", values)
    np.testing.assert_allclose(loaded.predict(values)["prediction"], expected, rtol=rows.RELATIVE)


def test_neither_library_is_imported_for_a_model_of_another() -> None:
    program = (
        "import sys, sklearn.linear_model as l, numpy as n;"
        "from holdall.frameworks.find import find;"
        "find(l.LinearRegression().fit(n.eye(3), n.arange(3)));"
        "import holdall.frameworks.sklearn.framework as f; f.register_converters();"
        "print(sorted({'xgboost', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_missing_library_is_named_with_its_install_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(holdall.Error) as caught:
        engine.engine(name).open_step(step(name, PREDICTION), SCHEMA, InMemory({"model": b""}), 1)
    assert caught.value.hint == f"pip install 'holdall[{name}]'"
