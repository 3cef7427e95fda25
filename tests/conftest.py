"""Every test has a store of its own, and none sees the user's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdall.packing.traced import StaysPython


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Locks and environments of the tests, each made once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local store."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOLDALL_HOME", str(folder))
    monkeypatch.delenv("HOLDALL_REGISTRY", raising=False)
    monkeypatch.delenv("HOLDALL_TOKEN", raising=False)
    return folder


@pytest.fixture(autouse=True)
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module that a test wrote is forgotten with it: the next test's may have the same name."""
    written, before = str(tmp_path_factory.getbasetemp()), set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(written):
            del sys.modules[name]


def keep_in_python(patch: pytest.MonkeyPatch) -> None:
    """Functions that could be in the graph stay Python while this lasts."""

    def refuse(*_: object) -> None:
        raise StaysPython("it is wanted so")

    patch.setattr("holdall.packing.composing.inside", refuse)
    patch.setattr("holdall.packing.composing.behind", refuse)


@pytest.fixture
def stays_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions stay Python: for tests of how those run."""
    keep_in_python(monkeypatch)
