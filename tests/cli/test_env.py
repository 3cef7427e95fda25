"""`holdall env`, over the real thing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from holdall import api
from holdall.environments import uv
from tests.cli.conftest import Run
from tests.environments import index as indexes

X = pd.DataFrame({"a": np.arange(20.0)})


@pytest.fixture
def packed(run: Run) -> str:
    """A portable package in the store that `run` sees."""
    return api.pack(LinearRegression().fit(X, X.a * 2), name="churn", sample=X).reference


def test_it_shows_the_lock_and_that_it_is_here(run: Run, packed: str) -> None:
    found = run("env", "churn", "--json").json()
    assert (found["reference"], found["matches"], found["differences"], found["locked"]) == (packed, True, [], True)
    assert {"numpy", "onnxruntime"} <= {one["name"] for one in found["packages"]}
    ran = run("env", "churn", "--check")
    assert ran.code == 0
    assert "onnxruntime" in ran.out
    assert "✓ none" in ran.out


def test_check_says_no_where_nothing_runs_there(run: Run, packed: str) -> None:
    words = ("env", "churn", "--platform", "linux-x86_64", "--python", "3.12", "--glibc", "2.17")
    assert run(*words).code == 0
    ran = run(*words, "--check", "--json")
    assert ran.code == 1
    found = ran.json()
    assert found["matches"] is False
    assert {"onnxruntime"} <= {one["name"] for one in found["differences"]}
    assert all(one["installed"] is None for one in found["differences"])
    assert "nothing that runs" in run(*words).out


def test_the_environment_that_is_made_runs_the_engine(run: Run, packed: str, tmp_path: Path) -> None:
    ran = run("env", "churn", "--create", "made", "--json")
    assert ran.code == 0, ran
    assert (ran.json()["created"], ran.json()["matches"]) == (str(tmp_path / "made"), True)
    program = "import sys, numpy, onnxruntime; print(sys.prefix)"
    done = subprocess.run(
        [tmp_path / "made/bin/python", "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "made")
    assert run("env", "churn", "--create", "made").code == 0


def test_a_folder_that_is_taken_is_left_as_it_is(run: Run, packed: str, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("mine")
    ran = run("env", "churn", "--create", "taken", "--json")
    assert ran.code == 2
    assert ran.json()["error"]["code"] == "usage"
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine"]


def test_what_has_no_lock_is_compared_by_its_requirements(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(uv, "find", lambda: None)
        patch.setenv("HOLDALL_CACHE", "nothing-kept")
        api.pack(LinearRegression().fit(X, X.a * 2), name="churn", sample=X, requirements=["not-here>=1"])
    found = run("env", "churn", "--json").json()
    assert (found["locked"], found["packages"]) == (False, [])
    assert found["differences"] == [{"name": "not-here", "locked": ">=1", "installed": None}]
    ran = run("env", "churn", "--create", "made", "--json")
    assert ran.code == 2
    assert "pack it again" in ran.json()["error"]["hint"]


def test_an_environment_for_another_machine_is_not_made_here(run: Run, packed: str) -> None:
    assert run("env", "churn", "--create", "made", "--python", "3.12").code == 2


def test_what_has_to_be_built_takes_trust(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = f"open({str(tmp_path / 'it ran')!r}, 'w').close()\n"
    with indexes.serving(tmp_path / "index") as address:
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "cache"))
        for name in ("numpy", "onnxruntime"):
            indexes.add(tmp_path / "index", name, "90.0")
        indexes.add_source(tmp_path / "index", "only-source", "1.0", setup)
        file = tmp_path / "churn.holdall"
        model = LinearRegression().fit(X, X.a * 2)
        package = api.pack(model, name="churn", sample=X, requirements=["only-source"], output=file)
        assert package.manifest.environment.locked, package.notes
        assert not (tmp_path / "it ran").exists()
        monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "the store of somebody else"))
        ran = run("env", str(file), "--create", "made", "--json")
        assert ran.code == 4
        assert ran.json()["error"]["code"] == "trust_required"
        assert not (tmp_path / "it ran").exists()
        run("env", str(file), "--create", "made", "--trust", "code")
        assert (tmp_path / "it ran").exists()
