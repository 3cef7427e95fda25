"""CatBoost as people use it: classes, numbers, rankings, many targets, losses, shapes of trees, categories, text."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.coverage.boosted_data import (
    SAMPLE,
    binary,
    case,
    classes,
    codes,
    numbers,
    on_frame,
    on_numbers,
    positive,
    score,
)
from benchmarks.coverage.trial import Trial

_SETTINGS: dict[str, Any] = {
    "iterations": 60,
    "verbose": 0,
    "thread_count": 1,
    "allow_writing_files": False,
    "random_seed": 0,
}
_WORDS = ["region", "plan"]
_case = case("CatBoost")


def _classifier(**settings: Any) -> Any:
    import catboost

    return catboost.CatBoostClassifier(**_SETTINGS, **settings)


def _regressor(**settings: Any) -> Any:
    import catboost

    return catboost.CatBoostRegressor(**_SETTINGS, **settings)


def _scaled(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def _bare() -> Any:
    import catboost

    return catboost.CatBoost({**_SETTINGS, "loss_function": "RMSE"})


def _ranker(rows: int) -> Trial:
    import catboost

    sample = numbers(SAMPLE, 0)
    model = catboost.CatBoostRanker(**_SETTINGS).fit(sample, codes(sample), group_id=np.repeat(np.arange(20), 100))
    return Trial(model, sample, numbers(rows, 1))


def _labels(values: Any) -> Any:
    return (np.nan_to_num(values[:, :3]) > 0).astype(np.int64)


def _several(values: Any) -> Any:
    return np.nan_to_num(values[:, :2])


def _text(rows: int) -> Trial:
    import pandas as pd

    def table(count: int, seed: int) -> Any:
        random = np.random.default_rng(seed)
        words = random.choice(["a good day", "a bad night", "so so"], count)
        return pd.DataFrame({"words": words, "number": random.normal(size=count)})

    sample = table(SAMPLE, 0)
    learnt = (sample.words == "a bad night") ^ (sample.number > 1)
    return Trial(_classifier(text_features=["words"]).fit(sample, learnt), sample, table(rows, 1))


CASES = [
    _case("CatBoostClassifier, two classes", "classification", on_numbers(_classifier, binary)),
    _case("CatBoostClassifier, four words", "classification", on_numbers(_classifier, classes)),
    _case(
        "CatBoostClassifier, one against all",
        "classification",
        on_numbers(lambda: _classifier(loss_function="MultiClassOneVsAll"), classes),
    ),
    _case(
        "CatBoostClassifier, sets of labels",
        "classification",
        on_numbers(lambda: _classifier(loss_function="MultiLogloss"), _labels),
    ),
    _case(
        "CatBoostClassifier, depth 10, missing above all",
        "classification",
        on_numbers(lambda: _classifier(depth=10, nan_mode="Max"), binary),
    ),
    _case(
        "CatBoostClassifier, Lossguide",
        "classification",
        on_numbers(lambda: _classifier(grow_policy="Lossguide"), classes),
    ),
    _case(
        "CatBoostClassifier, Depthwise",
        "classification",
        on_numbers(lambda: _classifier(grow_policy="Depthwise"), binary),
    ),
    _case(
        "CatBoostClassifier, one-hot categories",
        "classification",
        on_frame(lambda: _classifier(cat_features=_WORDS, one_hot_max_size=10), category=False),
    ),
    _case(
        "CatBoostClassifier, categories as statistics",
        "classification",
        on_frame(lambda: _classifier(cat_features=_WORDS), category=False),
        "native",
    ),
    _case("CatBoostClassifier, text", "classification", _text, "native"),
    _case("StandardScaler, CatBoostClassifier", "classification", on_numbers(lambda: _scaled(_classifier()), classes)),
    _case("CatBoostRegressor", "regression", on_numbers(_regressor, score)),
    *(
        _case(
            f"CatBoostRegressor, {loss}",
            "regression",
            on_numbers(lambda loss=loss: _regressor(loss_function=loss), positive),
        )
        for loss in ("MAE", "Quantile:alpha=0.9", "Poisson", "Tweedie:variance_power=1.5", "RMSEWithUncertainty")
    ),
    _case(
        "CatBoostRegressor, two targets",
        "regression",
        on_numbers(lambda: _regressor(loss_function="MultiRMSE"), _several),
    ),
    _case("CatBoostRanker", "regression", _ranker),
    _case("CatBoost (bare)", "regression", on_numbers(_bare, score)),
]
