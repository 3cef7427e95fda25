"""Functions over a NumPy sample, and what a package with functions in its graph needs where it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import holdall
from holdall.errors import RowsRefused

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 3))
y = X[:, 0] > X[:, 1]
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "town": RANDOM.choice(["Ulm", "Köln"], 200), "day": "2024-02-29"})


def shaped(X: Any) -> Any:
    made = np.empty((X.shape[0], 4))
    made[:, :3] = X
    made[:, 3] = np.where(X[:, 1] != 0, X[:, 0] / (1 + np.abs(X[:, 1])), 0)
    return made


def cut(X: Any) -> Any:
    return np.clip(X, -2, 2)


def centred(X: Any) -> Any:
    return X - X.mean(axis=0)


def features(df: Any) -> Any:
    month = pd.to_datetime(df["day"], format="%Y-%m-%d").dt.month
    return pd.DataFrame(
        {
            "ratio": df["a"] / (1 + df["b"].abs()),
            "ulm": df["town"].str.lower().isin(["ulm"]).astype(int),
            "month": month,
        }
    )


def decided(answers: Any) -> Any:
    return answers.assign(sure=answers.filter(like="probability_").max(axis=1) > 0.8)


def test_functions_over_a_numpy_sample_go_into_the_graph() -> None:
    squares = FunctionTransformer(lambda Z: np.hstack([Z, Z**2]))
    model = make_pipeline(StandardScaler(), squares, LogisticRegression()).fit(cut(shaped(X)), y)
    package = holdall.pack(model, name="arrays", sample=X, preprocess=[shaped, cut])
    assert package.manifest.portable
    assert [step.engine for step in package.manifest.steps] == ["onnx"]
    fresh = RANDOM.normal(size=(100, 3)) * 4
    answers = holdall.load("arrays").predict(fresh)
    np.testing.assert_array_equal(answers["prediction"], model.predict(cut(shaped(fresh))))


def test_a_statistic_over_the_rows_of_an_array_stays_python_and_says_why() -> None:
    model = LogisticRegression().fit(centred(X), y)
    package = holdall.pack(model, name="arrays", sample=X, preprocess=centred)
    (blocker,) = package.manifest.blockers
    assert "test_arrays.py:" in blocker.cause
    assert "numpy.mean" in blocker.cause
    assert "batch" in blocker.cause


def test_a_function_over_an_array_is_traced_line_by_line() -> None:
    report = holdall.trace(shaped, sample=X)
    assert report.passed
    assert {operation.source for operation in report.operations} >= {"made[:, :3] = X"}


PROGRAM = """
import json, sys
import holdall
model = holdall.load("light")
rows = json.loads(sys.argv[1])
one = model.predict(rows)
columns = model.predict({name: [row[name] for row in rows] for name in rows[0]})
heavy = [name for name in ("pandas", "sklearn", "spox", "onnx", "polars") if name in sys.modules]
print(json.dumps({"heavy": heavy, "rows": [str(each["prediction"]) for each in one],
                  "columns": [str(each) for each in columns["prediction"]], "sure": [bool(each["sure"]) for each in one]}))
"""


def test_a_package_with_functions_in_its_graph_runs_without_pandas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path))
    doubled = FunctionTransformer(lambda table: table.assign(twice=table["ratio"] * 2))
    model = make_pipeline(doubled, StandardScaler(), LogisticRegression()).fit(features(FRAME), y)
    package = holdall.pack(model, name="light", sample=FRAME, preprocess=features, postprocess=decided)
    assert package.manifest.portable
    rows = FRAME.head(20).to_dict("records")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, json.dumps(rows)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"HOLDALL_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["heavy"] == []
    wanted = [str(each) for each in model.predict(features(FRAME.head(20)))]
    assert told["rows"] == told["columns"] == wanted
    sure = model.predict_proba(features(FRAME.head(20))).max(axis=1) > 0.8
    assert told["sure"] == sure.tolist()


def test_a_row_that_the_step_before_the_model_makes_no_number_of_is_refused_by_name() -> None:
    divided = FunctionTransformer(lambda table: table.assign(c=table["a"] / table["b"]))
    model = make_pipeline(divided, LogisticRegression()).fit(FRAME[["a", "b"]], y)
    assert holdall.pack(model, name="arrays", sample=FRAME[["a", "b"]]).manifest.portable
    with pytest.raises(RowsRefused):
        holdall.load("arrays").predict([{"a": 1.0, "b": 0.0}])
