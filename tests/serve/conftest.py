"""Packages to serve: made once, for packing takes seconds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import holdall


def frame(rows: int = 40) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame({"age": random.normal(40, 9, rows), "pay": random.normal(size=rows)})


STUCK = 123456.75
"""An age at which `slowly` does not come back."""


def slowly(df: pd.DataFrame) -> pd.DataFrame:
    time.sleep(60 if (df["age"] == STUCK).any() else 0.02)
    return df


def centred(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(age=df["age"] - df["age"].mean())


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with churn 1.0.0 and 1.0.1 (two cuts), team/rent (a native artefact), slow (20 ms a call, stuck where an age is STUCK) and centred (its
    rows depend on each other)."""
    home = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(home))
        table = frame()
        for cut in (40.0, 45.0):
            holdall.pack(LogisticRegression().fit(table, (table["age"] > cut).astype(int)), name="churn", sample=table)
        holdall.pack(_native(table), name="team/rent", sample=table)
        holdall.pack(LinearRegression().fit(table, table["pay"]), name="slow", sample=table, preprocess=slowly)
        holdall.pack(
            LinearRegression().fit(centred(table), table["age"]), name="centred", sample=table, preprocess=centred
        )
    return home


def _native(table: pd.DataFrame) -> Any:
    """A model that no graph is made of."""
    return make_pipeline(FunctionTransformer(gammaln), RandomForestClassifier(5, random_state=0)).fit(
        table, (table["age"] > 40).astype(int)
    )


@pytest.fixture
def home(store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOLDALL_HOME", str(store))
    return str(store)
