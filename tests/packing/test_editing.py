"""The user's own word on the schema narrows what the package lets in, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import holdall

RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame({"age": RANDOM.uniform(18, 90, 80), "plan": ["free", "pro", "team", "free"] * 20})
ENCODE = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["plan"]), remainder="passthrough"
)
MODEL = make_pipeline(ENCODE, HistGradientBoostingClassifier(max_iter=5)).fit(TABLE, [0, 1] * 40)


def packed(schema: dict[str, Any], record: str = "synthetic") -> holdall.Model:
    package = holdall.pack(MODEL, name="m", sample=TABLE, schema=schema, record=record)
    assert package.manifest.portable
    assert holdall.verify("m").passed
    return holdall.load("m")


@pytest.mark.parametrize("record", ["synthetic", "real"])
def test_bounds_and_categories_are_held_to(record: str) -> None:
    model = packed({"age": {"minimum": 20, "maximum": 60}, "plan": {"categories": ["free", "pro"]}}, record)
    assert model.predict({"age": 30.0, "plan": "pro"})["prediction"] in (0, 1)
    with pytest.raises(holdall.Error, match=r"rows\[0\]\.age"):
        model.predict({"age": 61.0, "plan": "pro"})
    with pytest.raises(holdall.Error, match=r"rows\[1\]\.plan"):
        model.predict(pd.DataFrame({"age": [30.0, 31.0], "plan": ["free", "team"]}))


def test_a_column_may_be_required_though_the_model_accepts_nulls() -> None:
    model = packed({"age": {"nullable": False}})
    with pytest.raises(holdall.Error, match=r"rows\[0\]\.age"):
        model.predict([{"age": None, "plan": "free"}])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"agee": {"minimum": 1}}, "no column 'agee'"),
        ({"age": {"least": 1}}, "cannot be read"),
        ({"age": {"minimum": "low"}}, "cannot be read"),
    ],
)
def test_what_cannot_be_said_is_refused_with_what_can(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(holdall.Error, match=words):
        holdall.pack(MODEL, name="m", sample=TABLE, schema=schema)
