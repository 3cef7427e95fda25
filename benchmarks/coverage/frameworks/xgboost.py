"""XGBoost as people use it: wrappers, boosters, kinds of boosting, objectives, categories, pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.coverage.boosted_data import (
    SAMPLE,
    binary,
    case,
    codes,
    numbers,
    on_frame,
    on_numbers,
    positive,
    score,
)
from benchmarks.coverage.trial import Trial

_SETTINGS: dict[str, Any] = {"n_estimators": 60, "n_jobs": 1, "random_state": 0}
_case = case("XGBoost")


def _classifier(**settings: Any) -> Any:
    import xgboost

    return xgboost.XGBClassifier(**_SETTINGS, **settings)


def _regressor(**settings: Any) -> Any:
    import xgboost

    return xgboost.XGBRegressor(**_SETTINGS, **settings)


def _forest() -> Any:
    import xgboost

    return xgboost.XGBRFClassifier(**_SETTINGS)


def _scaled() -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), _classifier())


def _ranker(rows: int) -> Trial:
    import xgboost

    sample = numbers(SAMPLE, 0)
    model = xgboost.XGBRanker(**_SETTINGS).fit(sample, codes(sample), group=[100] * 20)
    return Trial(model, sample, numbers(rows, 1))


def _booster(rows: int) -> Trial:
    import xgboost

    sample = numbers(SAMPLE, 0)
    settings = {"objective": "multi:softprob", "num_class": 4, "nthread": 1}
    model = xgboost.train(settings, xgboost.DMatrix(sample, codes(sample)), 30)
    return Trial(model, sample, numbers(rows, 1))


def _several(values: Any) -> Any:
    return np.nan_to_num(values[:, :2] / [1, 1])


def _complete(model: Any) -> Any:
    """Without missing values, which a linear booster counts as zero."""

    def make(rows: int) -> Trial:
        sample, unseen = np.nan_to_num(numbers(SAMPLE, 0)), np.nan_to_num(numbers(rows, 1))
        return Trial(model().fit(sample, score(sample)), sample, unseen)

    return make


CASES = [
    _case("XGBClassifier, two classes", "classification", on_numbers(_classifier, binary)),
    _case("XGBClassifier, four classes", "classification", on_numbers(_classifier, codes)),
    _case("XGBClassifier, DART", "classification", on_numbers(lambda: _classifier(booster="dart"), binary)),
    _case(
        "XGBClassifier, categories",
        "classification",
        on_frame(
            lambda: _classifier(enable_categorical=True),
            category=True,
            target=lambda words: (words == "yes").astype(int),
        ),
    ),
    _case("XGBRFClassifier", "classification", on_numbers(_forest, binary)),
    _case("StandardScaler, XGBClassifier", "classification", on_numbers(_scaled, codes)),
    _case("XGBRegressor", "regression", on_numbers(_regressor, score)),
    *(
        _case(
            f"XGBRegressor, {objective}",
            "regression",
            on_numbers(lambda objective=objective: _regressor(objective=objective), positive),
        )
        for objective in ("reg:absoluteerror", "count:poisson", "reg:gamma", "reg:tweedie")
    ),
    _case(
        "XGBRegressor, two targets in one tree",
        "regression",
        on_numbers(lambda: _regressor(multi_strategy="multi_output_tree"), _several),
    ),
    _case("XGBRegressor, linear", "regression", _complete(lambda: _regressor(booster="gblinear"))),
    _case("XGBRanker", "regression", _ranker),
    _case("Booster, multi:softprob", "classification", _booster),
]
