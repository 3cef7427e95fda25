"""CatBoost, held to the suite of every framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdall.testing import FrameworkCase, FrameworkTests, Given, estimator_answers

GENERATOR = np.random.default_rng(7)
X = GENERATOR.normal(size=(300, 4))
UNSEEN = GENERATOR.normal(size=(200, 4))
TOWNS = np.array(["Rom", "Köln", "Ulm"])
TABLE = pd.DataFrame({"age": X[:, 0], "town": TOWNS[np.arange(300) % 3]})
ROWS = pd.DataFrame({"age": UNSEEN[:, 0], "town": TOWNS[np.arange(200) % 2]})
FOUR = np.digitize(X[:, 0], [-0.7, 0.0, 0.7])
LABELS = np.where((X[:, 0] > 0) ^ (TABLE.town == "Ulm"), "ja", "nein")
FEW: dict[str, Any] = {
    "iterations": 8,
    "depth": 3,
    "verbose": 0,
    "thread_count": 1,
    "random_seed": 0,
    "allow_writing_files": False,
}


def classes() -> Given:
    import catboost

    model = catboost.CatBoostClassifier(**FEW).fit(X, FOUR)
    return Given(model, X, UNSEEN, estimator_answers(model, UNSEEN))


def categories() -> Given:
    import catboost

    model = catboost.CatBoostClassifier(cat_features=["town"], one_hot_max_size=5, **FEW).fit(TABLE, LABELS)
    return Given(model, TABLE, ROWS, estimator_answers(model, ROWS))


def statistics() -> Given:
    import catboost

    model = catboost.CatBoostClassifier(cat_features=["town"], **FEW).fit(TABLE, LABELS)
    return Given(model, TABLE, ROWS, estimator_answers(model, ROWS))


class TestCatBoost(FrameworkTests):
    framework = "CatBoost"
    libraries = ("catboost",)
    install = "holdall[catboost]"

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [
            FrameworkCase("four classes", classes, "classification", native="catboost"),
            FrameworkCase("categories", categories, "classification", native="catboost"),
            FrameworkCase("statistics of categories", statistics, "classification", "catboost", native="catboost"),
        ]

    def unfitted(self) -> Any:
        import catboost

        return catboost.CatBoostClassifier()
