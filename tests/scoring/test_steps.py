"""Packages with functions before and after the model: the same answers through every door, whatever else is on the machine."""

from __future__ import annotations

import importlib
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import holdall
from holdall.cli.main import main
from holdall.engines import source
from holdall.errors import CheckFailed, ManifestInvalid, RowsRefused, SchemaMismatch, TrustRequired, UsageError
from holdall.spec import manifest as manifests
from tests.conftest import keep_in_python

pytestmark = pytest.mark.usefixtures("stays_python")


def raw(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "a": random.normal(size=rows),
            "b": random.uniform(1, 2, rows),
            "town": random.choice(["Ulm", "Köln", "Aßlar"], rows),
        }
    )


def add_features(df: pd.DataFrame) -> pd.DataFrame:
    df = df.copy()
    df["ratio"] = df.a / df.b
    df["town"] = df.town.str.upper()
    return df


def label(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(sure=(df["probability_yes"] - 0.5).abs() > 0.3)


def classifier(sample: pd.DataFrame) -> Any:
    table = add_features(sample)[["a", "ratio", "town"]]
    encode = make_column_transformer(
        (StandardScaler(), ["a", "ratio"]), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["town"])
    )
    truth = np.where(sample.a + sample.b > 1.5, "yes", "no")
    return make_pipeline(encode, LogisticRegression()).fit(table, truth)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package as a file: packing takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(tmp_path_factory.mktemp("packing")))
        keep_in_python(patch)
        file = tmp_path_factory.mktemp("file") / "churn.holdall"
        sample = raw()
        holdall.pack(
            classifier(sample), name="churn", sample=sample, preprocess=add_features, postprocess=[label], output=file
        )
    return file


@pytest.fixture(scope="module")
def model(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> holdall.Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(tmp_path_factory.mktemp("loading")))
        return holdall.load(packed, trust="code")


def test_a_package_answers_as_the_notebook_does(model: holdall.Model) -> None:
    sample = raw(50)
    live = classifier(raw())
    answers = model.predict(sample)
    table = add_features(sample)[["a", "ratio", "town"]]
    assert answers["prediction"].tolist() == live.predict(table).tolist()
    np.testing.assert_allclose(answers["probability_yes"], live.predict_proba(table)[:, 1], rtol=1e-12)
    assert answers["sure"].tolist() == (np.abs(live.predict_proba(table)[:, 1] - 0.5) > 0.3).tolist()
    record = sample.drop(columns="id").iloc[3].to_dict()
    assert model.predict(record) == {name: answers[name].iloc[3] for name in answers}
    assert model.predict(sample[:0]).columns.tolist() == answers.columns.tolist()


def test_the_schema_is_that_of_the_raw_input(model: holdall.Model) -> None:
    assert [field.name for field in model.schema.inputs] == ["a", "b", "town"], "the id is not needed"
    assert [field.name for field in model.schema.outputs][-1] == "sure"
    roles = [(step.role, step.engine) for step in model.manifest.steps]
    assert roles == [("preprocess", "python"), ("model", "onnx"), ("postprocess", "python")]
    assert not model.manifest.portable
    assert model.manifest.row_wise
    assert any("add_features" in blocker.step for blocker in model.manifest.blockers)
    assert f"pandas=={pd.__version__}" in model.manifest.environment.requires


def test_rows_are_refused_by_name(model: holdall.Model) -> None:
    table = raw(5).drop(columns="id")
    with pytest.raises(SchemaMismatch, match="town"):
        model.predict(table.drop(columns="town"))
    table.loc[3, "b"] = 0.0
    with pytest.raises(RowsRefused, match=r"rows\[3\].ratio: .*add_features gave inf") as caught:
        model.predict(table)
    assert caught.value.facts["total"] == 1


def test_threads_may_ask_at_once(model: holdall.Model) -> None:
    tables = [raw(20 + index).drop(columns="id") for index in range(8)]
    expected = [model.predict(table) for table in tables]
    found: dict[int, pd.DataFrame] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, model.predict(tables[i]))) for i in range(len(tables))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, table in enumerate(expected):
        pd.testing.assert_frame_equal(found[index], table)


def test_a_strangers_package_with_functions_needs_trust_code(packed: Path) -> None:
    with pytest.raises(TrustRequired) as caught:
        holdall.load(packed)
    assert caught.value.facts["level"] == "code"
    assert caught.value.facts["files"] == ["code.tar"]
    assert not holdall.verify(str(packed)).failures
    assert holdall.verify(str(packed), trust="code").parity is not None


def test_a_package_evaluates_and_replays(packed: Path) -> None:
    sample = raw()
    truth = np.where(sample.a + sample.b > 1.5, "yes", "no")
    assert holdall.evaluate(str(packed), sample, truth, trust="code")["accuracy"] > 0.9
    assert main(["verify", str(packed), "--trust", "code"]) == 0


def test_batch_scores_it(packed: Path, tmp_path: Path) -> None:
    table = raw(100)
    table.loc[7, "b"] = 0.0
    table.to_parquet(tmp_path / "in.parquet")
    report = holdall.batch(
        str(packed), str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"),
        rejects=str(tmp_path / "bad.jsonl"), trust="code",
    )  # fmt: skip
    assert (report["rows"], report["rejected"]) == (100, 1)
    assert "add_features gave inf" in (tmp_path / "bad.jsonl").read_text()
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 99


def version(folder: Path, factor: int) -> Any:
    """`features.py` of one project, imported as a training program does."""
    folder.mkdir()
    (folder / "features.py").write_text(
        f"from constants import BASE\ndef add(df):\n    return df.assign(c=df.a * {factor} + BASE)\n"
    )
    (folder / "constants.py").write_text(f"BASE = {factor * 100}\n")
    for name in ("features", "constants"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module("features")
    finally:
        sys.path.remove(str(folder))


def test_two_versions_of_one_module_answer_each_by_its_own_code_when_both_projects_are_gone(tmp_path: Path) -> None:
    sample = raw(60)[["a", "b"]]
    predictions = {}
    for factor in (2, 7):
        module = version(tmp_path / f"project{factor}", factor)
        table = module.add(sample)
        live = LinearRegression().fit(table, table.c + sample.b)
        holdall.pack(live, name=f"linear{factor}", sample=sample, preprocess=module.add)
        predictions[factor] = live.predict(table)
        shutil.rmtree(tmp_path / f"project{factor}")
    for name in ("features", "constants"):
        sys.modules.pop(name, None)
    models = {factor: holdall.load(f"linear{factor}") for factor in (2, 7)}
    for _ in range(2):
        for factor, loaded in models.items():
            np.testing.assert_allclose(loaded.predict(sample)["prediction"], predictions[factor], rtol=1e-9)


def test_the_same_pack_again_is_the_same_version(tmp_path: Path) -> None:
    sample = raw(60)[["a", "b"]]
    module = version(tmp_path / "project", 3)
    live = LinearRegression().fit(module.add(sample), sample.a)
    given = {"name": "same", "sample": sample, "preprocess": module.add}
    first, second = holdall.pack(live, **given), holdall.pack(live, **given)
    assert (first.digest, second.reused) == (second.digest, True)


def centred(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(a=df.a - df.a.mean())


def test_a_batch_statistic_hidden_in_a_function_is_found_and_told() -> None:
    sample = raw(60)[["a", "b"]]
    package = holdall.pack(
        LinearRegression().fit(centred(sample), sample.a), name="centred", sample=sample, preprocess=centred
    )
    assert not package.manifest.row_wise
    assert any("depends on the other rows" in note for note in package.notes)


def test_a_native_model_gets_what_the_functions_gave(tmp_path: Path) -> None:
    def codes(df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(town=df.town.astype("category"), big=(df.b > 1.5).astype("boolean"))

    sample = raw(120)[["a", "b", "town"]]
    live = HistGradientBoostingClassifier(max_iter=5, categorical_features=["town"]).fit(codes(sample), sample.a > 0)
    package = holdall.pack(live, name="native", sample=sample, preprocess=codes)
    assert package.parity() is not None
    assert package.parity().passed  # type: ignore[union-attr]
    assert holdall.load("native").predict(sample)["prediction"].tolist() == live.predict(codes(sample)).tolist()


def test_a_function_over_a_matrix_takes_a_matrix() -> None:
    sample = raw(60)[["a", "b"]].to_numpy()
    live = LinearRegression().fit(np.log1p(np.abs(sample)), sample[:, 0])
    holdall.pack(live, name="matrix", sample=sample, preprocess=lambda values: np.log1p(np.abs(values)))
    expected = live.predict(np.log1p(np.abs(sample)))
    np.testing.assert_allclose(holdall.load("matrix").predict(sample)["prediction"], expected, rtol=1e-9)


RANDOM = np.random.default_rng(5)


def noisy(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(a=df.a + np.random.default_rng().normal())


def fewer(df: pd.DataFrame) -> pd.DataFrame:
    return df[df.a > 0]


def span(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(a=pd.Timedelta(days=1))


def leaves(df: pd.DataFrame) -> pd.DataFrame:
    sys.exit(3)


def nothing(df: pd.DataFrame) -> None:
    df["c"] = df.a


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (noisy, CheckFailed, "gives another 'a' by itself"),
        (fewer, UsageError, "one row for each|rows for 60"),
        (nothing, UsageError, "gave a NoneType"),
        (span, UsageError, "span gives a column that cannot be read: a.*timedelta64"),
        (leaves, UsageError, "leaves cannot take the sample: SystemExit: 3"),
        (lambda df: df.assign(r=RANDOM.normal()), UsageError, "'RANDOM', a numpy.random"),
    ],
)
def test_a_function_that_cannot_be_sealed_is_told(function: Any, error: type[Exception], words: str) -> None:
    sample = raw(60)[["a", "b"]]
    with pytest.raises(error, match=words):
        holdall.pack(LinearRegression().fit(sample, sample.a), name="bad", sample=sample, preprocess=function)


@pytest.mark.parametrize("relative", [True, False])
def test_a_file_that_does_not_travel_is_told_with_the_word_to_add(
    relative: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("factor.csv").write_text("by\n3\n")
    path = "factor.csv" if relative else str(tmp_path / "factor.csv")
    Path("steps.py").write_text(
        f"import pandas as pd\ndef scale(df): return df.assign(a=df.a * pd.read_csv({path!r}).by[0])\n"
    )
    sample = raw(60)[["a", "b"]]
    live = LinearRegression().fit(sample.assign(a=sample.a * 3), sample.a)
    sys.modules.pop("steps", None)
    given: dict[str, Any] = {"name": "file", "sample": sample, "preprocess": "steps:scale"}
    with pytest.raises(UsageError, match=r"factor\.csv.*does not travel") as caught:
        holdall.pack(live, **given)
    assert "include=" in str(caught.value.hint)
    if relative:
        holdall.pack(live, **given, include=["factor.csv"])
        Path("factor.csv").unlink()
        expected = live.predict(sample.assign(a=sample.a * 3))
        np.testing.assert_allclose(holdall.load("file").predict(sample)["prediction"], expected, rtol=1e-9)
    sys.modules.pop("steps", None)


def test_a_manifest_whose_steps_are_in_another_order_is_refused(packed: Path) -> None:
    manifest = holdall.open(packed).manifest
    for steps in (manifest.steps[::-1], manifest.steps[:1], manifest.steps[1:2] * 2):
        with pytest.raises(ManifestInvalid):
            manifests.decode(manifests.encode(msgspec.structs.replace(manifest, steps=steps)))
    unnamed = (msgspec.structs.replace(manifest.steps[0], functions=()), *manifest.steps[1:])
    with pytest.raises(ManifestInvalid):
        manifests.decode(manifests.encode(msgspec.structs.replace(manifest, steps=unnamed)))


def test_nothing_of_the_machine_is_in_the_source(packed: Path) -> None:
    code = holdall.open(packed).content.read("code.tar")
    assert set(source.unpack(code)) == {"captured.py"} or "tests/scoring/test_steps.py" in source.unpack(code)
    assert str(Path.cwd()).encode() not in code


def test_a_sample_without_dtypes_is_given_to_the_functions_as_pandas_would_have_it() -> None:
    numbers = [float(n) for n in range(30)]
    live = LinearRegression().fit(pd.DataFrame({"n": numbers}), numbers)
    holdall.pack(live, name="plain", sample={"n": list(range(30))}, preprocess=lambda df: df + 1)
    assert holdall.load("plain").predict({"n": 4})["prediction"] == pytest.approx(5.0)


def test_functions_come_before_a_model_of_texts() -> None:
    texts = ["good day", "bad day", "good night", "bad night"] * 10
    live = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0] * 20)
    holdall.pack(live, name="texts", sample=texts, preprocess=lambda df: df.assign(text=df.text.str.lower()))
    assert [answer["prediction"] for answer in holdall.load("texts").predict(["GOOD day", "BAD day"])] == [1, 0]


def test_only_a_function_after_the_model_may_rename_its_answers() -> None:
    sample = raw(60)[["a", "b"]]
    live = LogisticRegression().fit(sample, sample.a > 0)
    package = holdall.pack(
        live, name="scores", sample=sample, postprocess=lambda df: df[["probability_True"]].set_axis(["score"], axis=1)
    )
    assert [field.name for field in package.schema.outputs] == ["score"]
    assert package.manifest.classes is None
    answer = holdall.load("scores").predict(sample.iloc[0].to_dict())
    assert answer == {"score": pytest.approx(live.predict_proba(sample[:1])[0, 1])}


def test_what_the_functions_give_and_the_model_cannot_take_is_told() -> None:
    sample = raw(60)[["a", "b"]]
    live = LinearRegression().fit(sample.assign(c=1.0), sample.a)
    with pytest.raises(UsageError, match="what add_nothing gives lacks the model's column c"):
        holdall.pack(live, name="lacks", sample=sample, preprocess=add_nothing)
    live = LinearRegression().fit(sample, sample.a)
    with pytest.raises(UsageError, match=r"refuses rows of the sample after gaps: rows\[5\]\.a"):
        holdall.pack(live, name="gaps", sample=sample, preprocess=gaps)


def add_nothing(df: pd.DataFrame) -> pd.DataFrame:
    return df


def gaps(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(a=df.a.where(df.a != SIXTH))


SIXTH = float(raw(60).a[5])


def test_what_is_left_over_on_the_way_to_the_models_columns_may_be_of_any_kind() -> None:
    def days(df: pd.DataFrame) -> pd.DataFrame:
        df = df.copy()
        df["since"] = pd.to_datetime(df["when"]) - pd.Timestamp("2024-01-01")
        df["days"] = df["since"].dt.days.astype(float)
        return df

    sample = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=40).astype(str), "a": np.arange(40.0)})
    live = LinearRegression().fit(days(sample)[["days", "a"]], sample.a * 2)
    holdall.pack(live, name="spans", sample=sample, preprocess=days)
    answers = holdall.load("spans").predict(sample)
    assert np.allclose(answers["prediction"], live.predict(days(sample)[["days", "a"]]))
