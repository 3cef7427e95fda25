"""Every test has a store of its own, and none sees the user's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local store."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOLDALL_HOME", str(folder))
    monkeypatch.delenv("HOLDALL_REGISTRY", raising=False)
    monkeypatch.delenv("HOLDALL_TOKEN", raising=False)
    return folder
