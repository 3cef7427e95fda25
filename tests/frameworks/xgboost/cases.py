"""The tasks of XGBoost that are held to 100,000 rows: by the tests, and by `python -m benchmarks boosters`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xgboost as xgb
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.frameworks import boosted_rows as rows
from tests.frameworks.boosted_rows import Case

TREES: dict[str, Any] = {"n_estimators": 40, "max_depth": 5, "n_jobs": 1}
DROPPED: dict[str, Any] = {"booster": "dart", "rate_drop": 0.3, **TREES}
X = rows.matrix(rows.TRAINED, 0)
SCORE = rows.score(X)
BINARY, CLASSES = (SCORE > 0).astype(np.int64), rows.classes(X)
POSITIVE, SHARE = np.abs(SCORE) + 0.1, 1 / (1 + np.exp(-SCORE))
TARGETS = np.stack([SCORE, -SCORE], 1)


def _cases() -> Iterator[Case]:
    few = TREES | {"n_estimators": 10}
    for name, model, target in (
        ("two classes", xgb.XGBClassifier(**TREES), BINARY),
        ("four classes", xgb.XGBClassifier(**TREES), CLASSES),
        ("DART, two classes", xgb.XGBClassifier(**DROPPED), BINARY),
        ("DART, four classes", xgb.XGBClassifier(**DROPPED), CLASSES),
        ("random forest, two classes", xgb.XGBRFClassifier(**TREES), BINARY),
        ("random forest, four classes", xgb.XGBRFClassifier(**TREES), CLASSES),
        ("forests, boosted", xgb.XGBClassifier(num_parallel_tree=3, subsample=0.5, **few), BINARY),
        ("two classes, scaled before", make_pipeline(StandardScaler(), xgb.XGBClassifier(**TREES)), BINARY),
        ("poisson regression", xgb.XGBRegressor(objective="count:poisson", **TREES), POSITIVE),
    ):
        yield _numbers(name, model, target)
    for name, model, target in (
        ("regression", xgb.XGBRegressor(**TREES), SCORE),
        ("regression, scaled before", make_pipeline(StandardScaler(), xgb.XGBRegressor(**TREES)), SCORE),
        ("DART, regression", xgb.XGBRegressor(**DROPPED), SCORE),
        ("random forest, regression", xgb.XGBRFRegressor(**TREES), SCORE),
        ("two targets", xgb.XGBRegressor(**TREES), TARGETS),
        ("two targets in one tree", xgb.XGBRegressor(multi_strategy="multi_output_tree", **TREES), TARGETS),
    ):
        yield _numbers(name, model, target, exact=True)
    yield _numbers("ranking", xgb.XGBRanker(**TREES), CLASSES, exact=True, qid=np.repeat(np.arange(20), 100))
    table, target = rows.table(rows.TRAINED, 0)
    for name, one_hot in (("categories by sets", 1), ("categories, one against the others", 20)):
        model = xgb.XGBClassifier(enable_categorical=True, max_cat_to_onehot=one_hot, **TREES)
        fitted = lambda model=model: model.fit(table, target)
        yield Case(name, fitted, table, lambda count: rows.table(count, 1)[0], rows.ULP)


def _numbers(name: str, model: Any, target: Any, *, exact: bool = False, **fitting: Any) -> Case:
    return Case(
        name, lambda: model.fit(X, target, **fitting), X, lambda count: rows.matrix(count, 1), rows.ULP, exact=exact
    )


CASES = tuple(_cases())
