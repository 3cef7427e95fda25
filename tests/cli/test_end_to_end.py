"""The commands over the real thing: a scikit-learn pipeline on disk goes in, its own answers come out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.cli.conftest import Run

ROWS = 300


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.joblib, better.joblib, train.csv (with the truth in `churned`) and rows.csv."""
    folder = tmp_path_factory.mktemp("trained")
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": random.integers(18, 90, ROWS),
            "plan": random.choice(["free", "pro", "équipe"], ROWS),
            "spend": random.gamma(2, 20, ROWS),
        }
    )
    table.loc[random.random(ROWS) < 0.1, "spend"] = np.nan
    truth = np.where(random.random(ROWS) < 1 / (1 + np.exp(-(table.age - 50) / 10)), "yes", "no")
    for name, strength in (("model", 1.0), ("better", 0.1)):
        pipeline = make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "spend"]),
                (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
            ),
            LogisticRegression(C=strength, max_iter=1000),
        )
        joblib.dump(pipeline.fit(table, truth), folder / f"{name}.joblib")
    table.assign(churned=truth).to_csv(folder / "train.csv", index=False)
    table.to_csv(folder / "rows.csv", index=False)
    return folder


@pytest.fixture
def pack(run: Run, trained: Path) -> Any:
    def pack_one(model: str = "model", *words: str) -> Any:
        sample = ("--sample", str(trained / "train.csv"), "--target", "churned")
        ran = run("pack", str(trained / f"{model}.joblib"), "--name", "churn", *sample, "--json", *words)
        assert ran.code == 0, ran
        return ran.json()

    return pack_one


def test_pack_answers_with_every_field_of_the_interface(pack: Any) -> None:
    packed = pack("model", "--metric", "auc=0.8", "--meta", "owner=risk")
    assert packed["reference"] == "churn:1.0.0"
    assert (packed["name"], packed["version"], packed["reused"]) == ("churn", "1.0.0", False)
    assert packed["digest"].startswith("sha256:")
    assert packed["fingerprint"].startswith("sha256:")
    assert (packed["engine"], packed["trust"], packed["portable"], packed["blockers"]) == ("onnx", "data", True, [])
    assert packed["row_wise"] is True
    assert {field["name"] for field in packed["schema"]["inputs"]} == {"age", "plan", "spend"}
    assert packed["parity"]["passed"] is True
    assert packed["parity"]["rows"] >= ROWS
    assert {"rows", "label_flips", "ties", "max_abs_error", "max_rel_error", "passed"} <= set(packed["parity"])
    assert {"python", "packages", "locked"} <= set(packed["environment"])
    assert packed["size"] > 0


def test_packing_what_did_not_change_makes_no_new_version(pack: Any, run: Run) -> None:
    first, again = pack(), pack()
    assert (again["reused"], again["digest"]) == (True, first["digest"])
    assert len(run("list", "--json").rows()) == 1


def test_the_package_predicts_what_the_pipeline_predicts(pack: Any, run: Run, trained: Path) -> None:
    pack()
    pipeline, rows = joblib.load(trained / "model.joblib"), pd.read_csv(trained / "rows.csv")
    answers = run("predict", "churn", str(trained / "rows.csv"), "--json").rows()
    assert [row["prediction"] for row in answers] == list(pipeline.predict(rows))
    own = pipeline.predict_proba(rows)[:, list(pipeline.classes_).index("yes")]
    np.testing.assert_allclose([row["probability_yes"] for row in answers], own, rtol=1e-12)


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet", "arrow"])
def test_answers_are_written_in_the_format_of_the_suffix(
    pack: Any, run: Run, trained: Path, tmp_path: Path, suffix: str
) -> None:
    pack()
    expected = run("predict", "churn", str(trained / "rows.csv"), "--json").rows()
    ran = run("predict", "churn", str(trained / "rows.csv"), "-o", f"out.{suffix}")
    assert ran.code == 0
    assert f"{ROWS} rows scored" in ran.out
    read = {
        "csv": pd.read_csv,
        "json": pd.read_json,
        "jsonl": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
        "arrow": pd.read_feather,
    }[suffix]
    written = read(tmp_path / f"out.{suffix}")
    assert list(written["prediction"]) == [row["prediction"] for row in expected]
    np.testing.assert_allclose(written["probability_yes"], [row["probability_yes"] for row in expected], rtol=1e-12)


def test_a_release_goes_out_and_comes_back(pack: Any, run: Run) -> None:
    first, second = pack("model", "--metric", "auc=0.7"), pack("better", "--metric", "auc=0.9")
    assert (first["version"], second["version"]) == ("1.0.0", "1.0.1")
    held = run("promote", "churn:1.0.0", "production", "--require", "metric:auc>=0.8", "--json")
    assert held.code == 1
    assert held.json()["error"]["code"] == "check_failed"
    assert held.json()["error"]["gates"][0]["message"] == "auc is 0.7, and must be >= 0.8"
    assert run("show", "churn@production", "--json").code == 3
    move = run("promote", "churn:1.0.0", "production", "--json").json()
    assert (move["alias"], move["from"], move["to"]) == ("production", None, "1.0.0")
    move = run("promote", "churn", "production", "--require", "metric:auc>=0.8", "--reason", "better", "--json").json()
    assert (move["from"], move["to"], move["reason"]) == ("1.0.0", "1.0.1", "better")
    assert run("show", "churn@production", "--json").json()["digest"] == second["digest"]
    move = run("rollback", "churn@production", "--json").json()
    assert (move["from"], move["to"]) == ("1.0.1", "1.0.0")
    nothing = run("rollback", "churn@production", "--json")
    assert (nothing.code, nothing.json()["error"]["code"]) == (5, "nothing_earlier")
    moves = run("history", "churn@production", "--json").rows()
    assert [(row["action"], row["from"], row["to"]) for row in moves] == [
        ("promote", None, "1.0.0"),
        ("promote", "1.0.0", "1.0.1"),
        ("rollback", "1.0.1", "1.0.0"),
    ]
    (live,) = run("history", "churn@production", "--at", moves[1]["time"], "--json").rows()
    assert (live["version"], live["digest"]) == ("1.0.1", second["digest"])
    rows = run("list", "churn", "--json").rows()
    assert [(row["version"], row["aliases"]) for row in rows] == [("1.0.0", ["production"]), ("1.0.1", [])]


@pytest.mark.parametrize("gate", ["test", "sign", "scan", "metric:report.auc>0", "metric:live.auc>0"])
def test_a_gate_whose_report_is_absent_holds(pack: Any, run: Run, gate: str) -> None:
    pack("model", "--metric", "auc=0.7")
    ran = run("promote", "churn", "production", "--require", gate)
    assert ran.code == 1
    assert "holdall" in ran.err
    assert run("history", "churn", "--json").out == ""


def test_one_file_is_the_package_too(pack: Any, run: Run, trained: Path, tmp_path: Path) -> None:
    packed = pack("model", "-o", "churn.holdall")
    for reference in ("./churn.holdall", "churn.holdall", str(tmp_path / "churn.holdall")):
        assert run("show", reference, "--json").json()["digest"] == packed["digest"]
    assert run("verify", "./churn.holdall").code == 0
    by_name = run("predict", "churn", str(trained / "rows.csv"), "--json").out
    assert run("predict", "./churn.holdall", str(trained / "rows.csv"), "--json").out == by_name


@pytest.mark.parametrize("where", [0.01, 0.3, 0.6, 0.95])
def test_a_damaged_file_is_named_by_every_command(
    pack: Any, run: Run, trained: Path, tmp_path: Path, where: float
) -> None:
    pack("model", "-o", "churn.holdall")
    content = bytearray((tmp_path / "churn.holdall").read_bytes())
    content[int(len(content) * where)] ^= 1
    (tmp_path / "churn.holdall").write_bytes(content)
    for words in (("show", "./churn.holdall"), ("predict", "./churn.holdall", str(trained / "rows.csv"))):
        ran = run(*words, "--json")
        assert ran.code == 2
        assert ran.json()["error"]["code"] in (
            "not_canonical",
            "digest_mismatch",
            "manifest_invalid",
            "package_damaged",
        )
    ran = run("verify", "./churn.holdall", "--json")
    assert (ran.code, ran.json()["passed"]) == (1, False)
    assert ran.json()["failures"]


def test_a_row_that_does_not_fit_is_named(pack: Any, run: Run, tmp_path: Path) -> None:
    pack()
    (tmp_path / "rows.json").write_text(json.dumps([{"age": 41, "plan": "pro", "spend": 1.5}, {"age": 41, "plan": 3}]))
    ran = run("predict", "churn", "rows.json", "--json")
    assert ran.code == 2
    error = ran.json()["error"]
    assert error["code"] == "schema_mismatch"
    assert error["path"] == "rows[1].plan" or error["path"].startswith("rows[1].")


def test_standard_input_is_read(pack: Any, tmp_path: Path) -> None:
    pack()
    ran = subprocess.run(
        [sys.executable, "-m", "holdall", "predict", "churn", "-", "--json"],
        input='{"age": 41, "plan": "équipe", "spend": null}\n',
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HOLDALL_HOME": str(tmp_path / "home")},
    )
    assert ran.stderr in ("", "scoring …\n")  # on a slow machine it says that it is at work
    assert set(json.loads(ran.stdout)) >= {"prediction", "probability_no", "probability_yes"}


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("show", "fraud"), 3, "not_found"),
        (("show", "churn:9.9.9"), 3, "not_found"),
        (("show", "churn@nowhere"), 3, "not_found"),
        (("show", "./missing.holdall"), 3, "not_found"),
        (("show", "Churn"), 2, "invalid_name"),
        (("list", "fraud"), 3, "not_found"),
        (("history", "churn", "--at", "yesterday"), 2, "usage"),
        (("rollback", "churn"), 2, "usage"),
        (("rollback", "churn@nowhere"), 3, "not_found"),
        (("promote", "churn:9.9.9", "production"), 3, "not_found"),
        (("promote", "churn", "Production"), 2, "invalid_name"),
        (("promote", "churn", "production", "--require", "luck"), 2, "usage"),
        (("predict", "churn", "missing.csv"), 3, "not_found"),
        (("pack", "missing.joblib", "--name", "x"), 2, "unreadable_file"),
        (("pack", "missing.joblib", "--name", "X"), 2, "invalid_name"),
    ],
)
def test_every_mistake_has_its_code(pack: Any, run: Run, words: tuple[str, ...], code: int, error: str) -> None:
    pack()
    run("promote", "churn", "staging")
    ran = run(*words, "--json")
    assert (ran.code, ran.json()["error"]["code"]) == (code, error)
    assert ran.json()["error"]["hint"]
    ran = run(*words)
    assert ran.code == code
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_a_model_without_a_sample_says_which_line_to_add(run: Run, trained: Path) -> None:
    ran = run("pack", str(trained / "model.joblib"), "--name", "churn", "--json")
    assert (ran.code, ran.json()["error"]["code"]) == (2, "sample_required")
    assert "--sample" in ran.json()["error"]["hint"]


def test_a_version_that_is_taken_is_a_conflict(pack: Any, run: Run, trained: Path) -> None:
    pack("model", "--version", "2.0.0")
    sample = ("--sample", str(trained / "train.csv"), "--target", "churned", "--version", "2.0.0", "--json")
    ran = run("pack", str(trained / "better.joblib"), "--name", "churn", *sample)
    assert (ran.code, ran.json()["error"]["code"]) == (5, "version_exists")


def test_a_store_that_cannot_be_used_is_6(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "registry.sqlite").write_bytes(b"not a database" * 100)
    for words in (("list",), ("show", "churn"), ("history", "churn"), ("rollback", "churn@production")):
        ran = run(*words, "--json")
        assert (ran.code, ran.json()["error"]["code"]) == (6, "store_unreadable")


def test_people_see_no_json_and_every_page_ends_well(pack: Any, run: Run, trained: Path) -> None:
    pack("model", "--metric", "auc=0.8")
    for words in (
        ("show", "churn"),
        ("list",),
        ("verify", "churn"),
        ("predict", "churn", str(trained / "rows.csv")),
        ("promote", "churn", "production"),
        ("history", "churn"),
        ("history", "churn", "--at", "2999-01-01"),
        ("doctor",),
    ):
        ran = run(*words)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.endswith("\n")
        assert "{" not in ran.out
