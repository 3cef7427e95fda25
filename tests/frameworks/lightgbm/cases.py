"""The tasks of LightGBM that are held to 100,000 rows: by the tests, and by `python -m benchmarks boosters`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm as lgb
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.frameworks import boosted_rows as rows
from tests.frameworks.boosted_rows import Case

TREES: dict[str, Any] = {"n_estimators": 40, "verbose": -1, "n_jobs": 1}
FOREST: dict[str, Any] = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1, **TREES}
X = rows.matrix(rows.TRAINED, 0)
SCORE = rows.score(X)
BINARY, CLASSES = (SCORE > 0).astype(np.int64), rows.classes(X)
POSITIVE, SHARE = np.abs(SCORE) + 0.1, 1 / (1 + np.exp(-SCORE))


def _cases() -> Iterator[Case]:
    for name, model, target in (
        ("two classes", lgb.LGBMClassifier(**TREES), BINARY),
        ("two classes of words", lgb.LGBMClassifier(**TREES), np.where(BINARY, "ja", "nein")),
        ("four classes", lgb.LGBMClassifier(**TREES), CLASSES),
        ("four classes, one against all", lgb.LGBMClassifier(objective="multiclassova", **TREES), CLASSES),
        ("zero as missing", lgb.LGBMClassifier(zero_as_missing=True, **TREES), BINARY),
        ("nothing as missing", lgb.LGBMClassifier(use_missing=False, **TREES), BINARY),
        ("DART, two classes", lgb.LGBMClassifier(boosting_type="dart", **TREES), BINARY),
        ("random forest, two classes", lgb.LGBMClassifier(**FOREST), BINARY),
        ("random forest, four classes", lgb.LGBMClassifier(**FOREST), CLASSES),
        ("linear leaves, two classes", lgb.LGBMClassifier(linear_tree=True, **TREES), BINARY),
        ("two classes, scaled before", make_pipeline(StandardScaler(), lgb.LGBMClassifier(**TREES)), BINARY),
        ("regression", lgb.LGBMRegressor(**TREES), SCORE),
        ("random forest, regression", lgb.LGBMRegressor(**FOREST), SCORE),
        ("DART, regression", lgb.LGBMRegressor(boosting_type="dart", **TREES), SCORE),
        ("linear leaves, regression", lgb.LGBMRegressor(linear_tree=True, **TREES), SCORE),
        ("poisson regression", lgb.LGBMRegressor(objective="poisson", **TREES), POSITIVE),
    ):
        yield _numbers(name, model, target)
    yield _numbers("ranking", lgb.LGBMRanker(**TREES), CLASSES, group=[100] * 20)
    table, target = rows.table(rows.TRAINED, 0)
    table["c"] = table.c.cat.rename_categories({"v": "Ärger"})
    for name, one_hot in (("categories by sets", 1), ("categories, one against the others", 20)):
        model = lgb.LGBMClassifier(max_cat_to_onehot=one_hot, min_data_per_group=5, **TREES)
        yield Case(name, lambda model=model: model.fit(table, target), table, _strange)


def _numbers(name: str, model: Any, target: Any, **fitting: Any) -> Case:
    return Case(name, lambda: model.fit(X, target, **fitting), X, lambda count: rows.matrix(count, 1))


def _strange(count: int) -> Any:
    """Rows with a category that was never seen."""
    table, _ = rows.table(count, 1)
    return table.assign(c=table.c.cat.rename_categories({"v": "never seen"}))


CASES = tuple(_cases())
