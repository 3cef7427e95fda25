"""A small package, and pieces so small that every table has several of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from holdall import api
from holdall.batch import sinks, sources
from tests.batch.tables import table


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the package, made once."""
    frame = table()
    encode = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"]))
    model = make_pipeline(encode, LogisticRegression()).fit(frame[["age", "city"]], frame["age"] > 40)
    folder = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(folder))
        api.pack(model, name="ages", sample=frame[["age", "city"]])
    return folder


@pytest.fixture
def package(home: Path, packed: Path) -> str:
    shutil.copytree(packed, home, dirs_exist_ok=True)
    return "ages:1.0.0"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces and row groups so small that every table has several of them."""
    monkeypatch.setattr(sources, "ROWS", 64)
    monkeypatch.setattr(sinks, "GROUP", 150)
