"""`holdall scan`, and what verify and the gate make of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from statsmodels.formula.api import ols

import holdall
from holdall import api
from holdall.errors import CheckFailed
from tests.cli.conftest import Run

X = np.random.default_rng(0).normal(size=(30, 2))
HOSTILE = b"cposix\nsystem\n(Vtrue\ntR."


def test_a_hostile_file_ends_with_one_and_names_what_it_would_run(run: Run) -> None:
    Path("model.onnx").write_bytes(HOSTILE)
    ran = run("scan", "model.onnx", "--json")
    assert ran.code == 1
    report = ran.json()
    assert report["passed"] is False
    assert report["globals"] == [{"name": "posix.system", "verdict": "dangerous", "path": "model.onnx"}]
    assert {"findings", "failures", "skipped"} <= report.keys()
    assert "posix.system" in run("scan", "model.onnx").out


def test_a_folder_that_is_called_as_a_package_never_stands_for_it(run: Run) -> None:
    Path("churn").mkdir()
    (Path("churn") / "model.pkl").write_bytes(HOSTILE)
    assert run("scan", "churn").code == 1
    holdall.pack(LinearRegression().fit(X, X[:, 0]), name="churn", sample=X)
    assert run("scan", "churn").code == 0
    assert run("scan", "./churn").code == 1
    assert run("scan", "nothing-here").code == 3


def test_the_gate_holds_until_a_scan_has_passed(run: Run) -> None:
    package = holdall.pack(LinearRegression().fit(X, X[:, 0]), name="churn", sample=X)
    held = run("promote", "churn", "production", "--require", "scan", "--json")
    assert held.code == 1
    assert "no scan is attached" in json.dumps(held.json())
    for _ in range(2):
        assert run("scan", "churn").code == 0
    again = api.open("churn")
    assert again.digest == package.digest
    assert len([kind for kind in again.report() if "scan" in kind]) == 1
    assert run("promote", "churn", "production", "--require", "scan").code == 0


def test_verify_scans_and_what_the_user_lets_in_is_a_finding(run: Run, tmp_path: Path) -> None:
    holdall.pack(StandardScaler().fit(X), name="plain", sample=X)
    report = api.verify("plain")
    assert report.passed
    assert [entry for entry in report.findings if entry.check == "scan"]
    table = pd.DataFrame({"spend": np.linspace(1, 9, 40), "age": np.arange(40.0)})
    results = ols("spend ~ np.cbrt(age)", table).fit()  # a term that no graph and no data-only form holds
    holdall.pack(results, name="own", sample=table, allow_pickle=True, output=tmp_path / "own.holdall")
    scanned = api.scan("own")
    assert not scanned.passed
    with pytest.raises(CheckFailed):
        api.promote("own", "production", require=["scan"])
    trusted = api.verify("own", trust="pickle")
    assert not [entry for entry in trusted.failures if entry.check == "scan"]
    assert [entry for entry in trusted.findings if entry.check == "scan" and entry.code]
