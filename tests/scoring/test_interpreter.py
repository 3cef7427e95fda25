"""A package's functions run in the present Python where it is as the lock says, and else in one made from the lock."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import holdall
from holdall.engines import python
from holdall.engines.engine import InMemory
from holdall.environments import cache as caches
from holdall.environments import pylock, realise
from holdall.environments.pylock import Archive, Lock, Locked
from holdall.packing import closure
from holdall.scoring.interpreter import interpreter_for, vendored
from holdall.scoring.package import Package
from holdall.spec.environment import Environment
from tests.content.samples import manifest as a_manifest
from tests.environments import index as indexes
from tests.environments.test_requirements import put

pytestmark = pytest.mark.usefixtures("stays_python")

X = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 7})
FEATURES = """\
import sys
import own_thing

def scale(df):
    out = df * 2 if own_thing.VERSION == "1.0" else df * 1000
    out.attrs["where"] = sys.prefix
    return out
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`own-thing` 1.0 is installed here, and an index has it besides the real one; the folder where it is installed."""
    site, project = tmp_path / "site", tmp_path / "project"
    put(site, "own-thing", "1.0", ["own_thing.py"])
    (site / "own_thing.py").write_text("VERSION = '1.0'\n")
    project.mkdir()
    (project / "own_features.py").write_text(FEATURES)
    for folder in (site, project):
        monkeypatch.syspath_prepend(str(folder))
    forget()
    with indexes.serving(tmp_path / "index") as address:
        indexes.add(tmp_path / "index", "own-thing", "1.0")
        indexes.add(tmp_path / "index", "own-thing", "2.0")
        monkeypatch.setenv("UV_INDEX", address)
        monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "cache"))
        yield site
    for name in ("own_thing", "own_features"):
        sys.modules.pop(name, None)
    forget()


def forget() -> None:
    """What is installed is looked up once in a process; here it changes."""
    for remembered in (closure._holders, closure._installed, python._paths):
        remembered.cache_clear()


def packed() -> tuple[Package, list[float]]:
    scale = importlib.import_module("own_features").scale
    model = LinearRegression().fit(scale(X), X.a * 3 + X.b)
    package = holdall.pack(model, name="m", sample=X, preprocess=scale)
    assert package.manifest.environment.locked, package.notes
    assert "own-thing==1.0" in package.manifest.environment.requires
    return package, list(model.predict(scale(X)))


def test_where_nothing_differs_the_present_python_is_taken(elsewhere: Path, tmp_path: Path) -> None:
    package, _ = packed()
    assert interpreter_for(package.manifest, package.content) is None
    assert not (tmp_path / "cache" / "environments").exists()


def test_where_the_step_cannot_run_here_it_runs_in_an_environment_from_the_lock(
    elsewhere: Path, tmp_path: Path
) -> None:
    package, expected = packed()
    shutil.rmtree(elsewhere)
    shutil.rmtree(tmp_path / "project")
    importlib.invalidate_caches()
    answers = holdall.load("m").predict(X)
    np.testing.assert_allclose(answers["prediction"], expected, rtol=1e-9)
    (made,) = (tmp_path / "cache" / "environments").iterdir()
    assert interpreter_for(package.manifest, package.content) == str(realise.python_of(made))


def test_where_another_version_is_installed_the_locked_one_answers(elsewhere: Path) -> None:
    _, expected = packed()
    shutil.rmtree(elsewhere)
    put(elsewhere, "own-thing", "2.0", ["own_thing.py"])
    (elsewhere / "own_thing.py").write_text("VERSION = '2.0'\n")
    importlib.invalidate_caches()
    np.testing.assert_allclose(holdall.load("m").predict(X)["prediction"], expected, rtol=1e-9)


def test_without_a_lock_the_present_python_is_taken() -> None:
    assert interpreter_for(a_manifest(environment=Environment(python=">=3.77", requires=())), InMemory({})) is None


def test_the_wheels_that_a_package_brings_are_used_and_no_index_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = indexes.add(tmp_path, "brought", "1.0")
    name = "brought-1.0-py3-none-any.whl"
    lock = pylock.encode(Lock(">=3.11", (Locked("brought", "1.0", None, (Archive(name, digest),)),)))
    files = {pylock.PATH: lock, f"wheels/{name}": (tmp_path / "brought" / name).read_bytes()}
    package = a_manifest(files, environment=Environment(python=">=3.11", requires=("brought",), locked=True))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    python = interpreter_for(package, InMemory(files), tmp_path / "cache")
    assert python == str(realise.python_of(caches.environment(tmp_path / "cache", lock)))
    with vendored(package, InMemory(files)) as folder:
        assert folder is not None
        assert [path.name for path in folder.iterdir()] == [name]
    assert not folder.exists()
