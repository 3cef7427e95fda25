"""The tasks of CatBoost that are held to 100,000 rows: by the tests, and by `python -m benchmarks boosters`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import catboost as cb
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.frameworks import boosted_rows as rows
from tests.frameworks.boosted_rows import Case

TREES: dict[str, Any] = {"iterations": 40, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
X = rows.matrix(rows.TRAINED, 0)
SCORE = rows.score(X)
BINARY, CLASSES = (SCORE > 0).astype(np.int64), rows.classes(X)
WORDS = np.where(BINARY, "ja", "nein")
SHARE = 1 / (1 + np.exp(-np.clip(SCORE, -30, 30)))
POSITIVE = np.abs(np.clip(SCORE, -30, 30)) + 0.1
SEVERAL = np.nan_to_num(X[:, :3])
CATEGORIES = ["c", "k", "b", "p"]


def table(count: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """Categories of words, whole numbers, truth values and pandas' own, and what is to be learnt."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": random.normal(size=count),
            "c": random.choice(["x", "y", "z", "long one", "Ärger"], count),
            "k": random.choice([3, 7, -9], count),
            "b": random.random(count) < 0.5,
            "p": pd.Categorical(random.choice(["u", "v w"], count)),
            "i": random.integers(0, 50, count),
        }
    )
    frame.loc[random.random(count) < 0.1, "a"] = np.nan
    learnt = (frame.a > 0) ^ frame.c.isin(["x", "Ärger"]) ^ (frame.k == 7) ^ frame.b
    return frame, learnt.to_numpy()


def _cases() -> Iterator[Case]:
    several = {"loss_function": "MultiRMSE", **TREES}
    variance = {"loss_function": "RMSEWithUncertainty", **TREES}
    for name, model, target in (
        ("two classes", cb.CatBoostClassifier(**TREES), BINARY),
        ("two classes of words", cb.CatBoostClassifier(**TREES), WORDS),
        ("two classes of truth values", cb.CatBoostClassifier(**TREES), BINARY > 0),
        ("shares", cb.CatBoostClassifier(loss_function="CrossEntropy", **TREES), SHARE),
        ("four classes", cb.CatBoostClassifier(**TREES), CLASSES),
        ("one against all", cb.CatBoostClassifier(loss_function="MultiClassOneVsAll", **TREES), CLASSES),
        ("missing above all", cb.CatBoostClassifier(nan_mode="Max", depth=10, **TREES), BINARY),
        ("grown leaf by leaf", cb.CatBoostClassifier(grow_policy="Lossguide", **TREES), CLASSES),
        ("grown level by level", cb.CatBoostClassifier(grow_policy="Depthwise", **TREES), BINARY),
        ("two classes, scaled before", make_pipeline(StandardScaler(), cb.CatBoostClassifier(**TREES)), WORDS),
        ("regression", cb.CatBoostRegressor(**TREES), SCORE),
        ("poisson regression", cb.CatBoostRegressor(loss_function="Poisson", **TREES), POSITIVE),
        ("tweedie regression", cb.CatBoostRegressor(loss_function="Tweedie:variance_power=1.5", **TREES), POSITIVE),
        ("a number and its variance", cb.CatBoostRegressor(**variance), POSITIVE),
        ("three targets", cb.CatBoostRegressor(**several), SEVERAL),
        ("three targets, scaled before", make_pipeline(StandardScaler(), cb.CatBoostRegressor(**several)), SEVERAL),
        ("a bare model's sums", cb.CatBoost({"loss_function": "Logloss", **TREES}), BINARY),
    ):
        yield _numbers(name, model, target)
    yield _numbers("ranking", cb.CatBoostRanker(**TREES), CLASSES, group_id=np.repeat(np.arange(20), 100))
    sample, target = table(rows.TRAINED, 0)
    for policy in ("SymmetricTree", "Lossguide"):
        model = cb.CatBoostClassifier(cat_features=CATEGORIES, one_hot_max_size=10, grow_policy=policy, **TREES)
        name = f"categories one by one, {policy}"
        yield Case(name, lambda model=model: model.fit(sample, target), sample, _strange)


def _numbers(name: str, model: Any, target: Any, **fitting: Any) -> Case:
    return Case(name, lambda: model.fit(X, target, **fitting), X, lambda count: rows.matrix(count, 1))


def _strange(count: int) -> Any:
    """Rows with categories that were never seen."""
    unseen, _ = table(count, 1)
    unseen.loc[::9, "c"], unseen.loc[::11, "k"] = "never seen", 12_345
    return unseen


CASES = tuple(_cases())
