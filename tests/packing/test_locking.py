"""Packing and the lock: what is sealed, what stays the same, and what happens where nothing can be locked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from holdall import api
from holdall.environments import pylock, uv
from holdall.environments.uv import ResolverFailed
from holdall.errors import UsageError
from tests.environments import index as indexes

X = pd.DataFrame({"a": np.arange(1.0, 21.0), "b": np.arange(20.0)[::-1] % 7 + 1})
MODEL = LinearRegression().fit(X, X.a * 2)
OTHER = LinearRegression().fit(X, X.a * 3)
NATIVE = make_pipeline(FunctionTransformer(gammaln), LinearRegression()).fit(X, X.a * 2)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An index with an engine of its own, so that what is newest there is up to the test."""
    with indexes.serving(tmp_path / "index") as address:
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "cache"))
        release(tmp_path / "index", "90.0")
        yield tmp_path / "index"


def release(folder: Path, version: str) -> None:
    indexes.add(folder, "numpy", version)
    indexes.add(folder, "onnxruntime", version, needs=("numpy>=2", "flatbuffers"))
    indexes.add(folder, "flatbuffers", version)


def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on another day, or another machine: nothing kept."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another uv"))
    monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "another cache"))


def versions(package: Any) -> dict[str, str]:
    return {one.name: one.version for one in pylock.decode(package.content.read(pylock.PATH)).packages}


def test_a_portable_package_locks_the_engine_and_nothing_of_the_training(index: Path) -> None:
    package = api.pack(MODEL, name="m", sample=X)
    environment = package.manifest.environment
    assert (environment.locked, environment.python) == (True, ">=3.11")
    assert environment.requires == ("numpy>=2.0", "onnxruntime>=1.24")
    assert versions(package) == {"numpy": "90.0", "onnxruntime": "90.0", "flatbuffers": "90.0"}
    assert package.notes == ()
    (file,) = (file for file in package.manifest.files if file.path == pylock.PATH)
    assert file.role == "weight.config"
    assert package.to_json()["trust"] == "data"


def test_the_real_engine_needs_no_training_framework() -> None:
    locked = versions(api.pack(MODEL, name="m", sample=X))
    assert {"numpy", "onnxruntime"} <= set(locked)
    assert not {"scikit-learn", "scipy", "pandas", "skops", "onnx", "joblib"} & set(locked)


def test_an_unchanged_model_stays_one_version_although_the_index_has_newer_releases(
    index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = api.pack(MODEL, name="m", sample=X)
    release(index, "91.0")
    forget(monkeypatch, tmp_path)
    again = api.pack(MODEL, name="m", sample=X)
    assert (again.reused, again.digest) == (True, first.digest)
    changed = api.pack(OTHER, name="m", sample=X)
    assert (changed.reused, changed.version) == (False, "1.0.1")
    assert set(versions(changed).values()) == {"91.0"}


def test_the_same_version_packed_again_is_the_same_although_the_index_has_newer_releases(
    index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = api.pack(MODEL, name="m", version="1.2.0", sample=X)
    api.pack(OTHER, name="m", version="2.0.0", sample=X)
    release(index, "91.0")
    forget(monkeypatch, tmp_path)
    assert api.pack(MODEL, name="m", version="1.2.0", sample=X).digest == first.digest


def test_a_locked_package_is_packed_again_without_an_index(
    index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = api.pack(MODEL, name="m", sample=X)
    forget(monkeypatch, tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    again = api.pack(MODEL, name="m", sample=X)
    assert (again.reused, again.digest, again.notes) == (True, first.digest, ())


def test_without_an_index_the_package_is_sealed_unlocked_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget(monkeypatch, tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    package = api.pack(MODEL, name="m", sample=X)
    assert package.manifest.environment.locked is False
    assert pylock.PATH not in {file.path for file in package.manifest.files}
    (note,) = package.notes
    assert "not locked" in note
    assert "pack again" in note
    assert api.pack(MODEL, name="m", sample=X).reused is True
    assert len(api.load("m").predict(X)) == len(X)


def test_without_uv_the_package_is_sealed_unlocked_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path))
    monkeypatch.setattr(uv, "find", lambda: None)
    package = api.pack(MODEL, name="m", sample=X)
    assert package.manifest.environment.locked is False
    (note,) = package.notes
    assert "pip install 'holdall[pack]'" in note


def test_an_unlocked_package_packed_where_it_can_be_locked_is_a_new_version(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(uv, "run", _fail)
        assert api.pack(MODEL, name="m", sample=X).manifest.environment.locked is False
    package = api.pack(MODEL, name="m", sample=X)
    assert (package.version, package.manifest.environment.locked) == ("1.0.1", True)


def _fail(*words: Any, **options: Any) -> str:
    raise ResolverFailed("there is no network", hint="find one")


def test_a_native_package_pins_what_it_was_proved_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import version

    package = api.pack(NATIVE, name="m", sample=X)
    pins = {f"{name}=={version(name)}" for name in ("numpy", "pandas", "scikit-learn", "scipy", "skops")}
    assert set(package.manifest.environment.requires) == {*pins, "onnxruntime>=1.24"}
    locked = versions(package)
    assert {f"{name}=={locked[name]}" for name in ("numpy", "pandas", "scikit-learn", "scipy", "skops")} == pins
    assert api.environment("m")["matches"] is True


def test_the_users_own_requirement_is_locked_too(index: Path) -> None:
    for number in ("1.0", "2.0"):
        indexes.add(index, "own-thing", number)
    package = api.pack(MODEL, name="m", sample=X, requirements=["own-thing < 2"])
    assert "own-thing<2" in package.manifest.environment.requires
    assert package.to_json()["environment"]["packages"] == ["numpy", "onnxruntime", "own-thing"]
    assert versions(package)["own-thing"] == "1.0"


def test_what_is_no_requirement_stops_before_the_work() -> None:
    with pytest.raises(UsageError, match="is not a requirement"):
        api.pack("nowhere:nothing", name="m", requirements=["foo =="])


def test_wheels_travel_with_the_package_and_make_its_environment_without_an_index(
    index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    indexes.add(index, "flatbuffers", "90.0", tag="cp27-none-win32")
    package = api.pack(MODEL, name="m", sample=X, wheels=True)
    files = {file.path: file.role for file in package.manifest.files if file.path.startswith("wheels/")}
    names = ("flatbuffers", "numpy", "onnxruntime")
    assert files == {f"wheels/{name}-90.0-py3-none-any.whl": "code" for name in names}
    assert package.to_json()["trust"] == "code"
    release(index, "91.0")
    forget(monkeypatch, tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    again = api.pack(MODEL, name="m", sample=X, wheels=True)
    assert (again.reused, again.digest) == (True, package.digest)
    made = api.environment("m", create=tmp_path / "made")
    assert made["matches"] is True


def test_with_and_without_wheels_are_two_versions(index: Path) -> None:
    without = api.pack(MODEL, name="m", sample=X)
    brought = api.pack(MODEL, name="m", sample=X, wheels=True)
    again = api.pack(MODEL, name="m", sample=X)
    assert [one.reused for one in (without, brought, again)] == [False, False, False]
    assert pylock.PATH in {file.path for file in again.manifest.files}
    assert again.manifest.fingerprint() == without.manifest.fingerprint()


def test_a_wheel_that_is_not_what_was_locked_is_not_sealed(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api.pack(MODEL, name="first", sample=X)  # the lock is kept
    with (index / "numpy" / "numpy-90.0-py3-none-any.whl").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ResolverFailed, match="not those that were locked"):
        api.pack(MODEL, name="m", sample=X, wheels=True)


def test_wheels_that_cannot_be_had_are_an_error_and_not_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget(monkeypatch, tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    with pytest.raises(ResolverFailed):
        api.pack(MODEL, name="m", sample=X, wheels=True)


def test_a_package_that_has_no_wheel_for_this_machine_is_told_by_name(index: Path) -> None:
    indexes.add(index, "far-away", "1.0", tag="py3-none-win32")
    with pytest.raises(ResolverFailed, match=r"far-away 1\.0 has no wheel"):
        api.pack(MODEL, name="m", sample=X, requirements=["far-away"], wheels=True)
