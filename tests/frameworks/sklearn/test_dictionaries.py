"""Models that take a dictionary a row: DictVectorizer as a graph, FeatureHasher in its own form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import holdall

random = np.random.default_rng(4)
ROWS: list[dict[str, Any]] = [
    {
        "size": float(random.normal()),
        "rooms": int(random.integers(1, 5)),
        "town": str(random.choice(["Lima", "Oslo", "Zürich", "a=b"])),
        "old": bool(random.random() < 0.5),
    }
    for _ in range(80)
]
for place in range(0, 80, 7):
    del ROWS[place]["town"]
for place in range(3, 80, 11):
    del ROWS[place]["size"]
Y = np.array([row["rooms"] > 2 for row in ROWS])
OTHERS: list[dict[str, Any]] = [
    {"size": 1e300, "rooms": 0, "town": "Bergen", "old": True},
    {"size": -0.5, "rooms": 9, "town": "a=b", "old": False},
    {"rooms": 2, "old": True},
    {"size": 0.0, "rooms": 3, "town": "", "old": False},
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("first", "portable"),
    [
        (DictVectorizer(), True),
        (DictVectorizer(sparse=False, separator="::", sort=False), True),
        (FeatureHasher(16), False),
    ],
)
def test_a_dictionary_a_row_is_answered_as_live_and_a_key_that_is_not_there_is_not_asked_for(
    first: Any, portable: bool
) -> None:
    model = make_pipeline(first, LogisticRegression()).fit(ROWS, Y)
    package = holdall.pack(model, name="rows", sample=ROWS)
    assert package.manifest.portable is portable
    asked = [*ROWS, *OTHERS]
    answers = holdall.load("rows").predict([{name: row.get(name) for name in ROWS[1]} for row in asked])
    np.testing.assert_allclose(
        [answer["probability_True"] for answer in answers], model.predict_proba(asked)[:, 1], rtol=1e-9
    )
    assert [answer["prediction"] for answer in answers] == model.predict(asked).tolist()


def test_its_own_columns_have_the_live_names() -> None:
    model = DictVectorizer().fit(ROWS)
    holdall.pack(model, name="rows", sample=ROWS)
    (answer,) = holdall.load("rows").predict(OTHERS[1:2])
    assert list(answer) == model.get_feature_names_out().tolist()
    assert list(answer.values()) == model.transform(OTHERS[1:2]).toarray()[0].tolist()


def test_columns_whose_names_run_into_each_other_stay_native() -> None:
    rows = [{"a": "b=c", "a=b": "c", "n": index} for index in range(20)] + [{"a": "x", "a=b": "y", "n": 3}] * 20
    model = DictVectorizer().fit(rows)
    package = holdall.pack(model, name="rows", sample=rows)
    assert not package.manifest.portable
    assert "added up" in package.manifest.blockers[0].cause
    assert holdall.load("rows").predict(rows[:1])[0]["a=b=c"] == 2.0
