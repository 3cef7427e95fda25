"""LightGBM as people use it: wrappers, boosters, kinds of boosting, objectives, categories, linear leaves, pipelines."""

from __future__ import annotations

from typing import Any

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

_SETTINGS: dict[str, Any] = {"n_estimators": 60, "verbose": -1, "n_jobs": 1, "random_state": 0}
_FOREST: dict[str, Any] = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}
_case = case("LightGBM")


def _classifier(**settings: Any) -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(**_SETTINGS, **settings)


def _regressor(**settings: Any) -> Any:
    import lightgbm

    return lightgbm.LGBMRegressor(**_SETTINGS, **settings)


def _scaled() -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), _classifier())


def _ranker(rows: int) -> Trial:
    import lightgbm

    sample = numbers(SAMPLE, 0)
    model = lightgbm.LGBMRanker(**_SETTINGS).fit(sample, codes(sample), group=[100] * 20)
    return Trial(model, sample, numbers(rows, 1))


def _booster(rows: int) -> Trial:
    import lightgbm

    sample = numbers(SAMPLE, 0)
    settings = {"objective": "multiclass", "num_class": 4, "num_threads": 1, "verbosity": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(sample, codes(sample)), 30)
    return Trial(model, sample, numbers(rows, 1))


CASES = [
    _case("LGBMClassifier, two classes", "classification", on_numbers(_classifier, binary)),
    _case("LGBMClassifier, four words", "classification", on_numbers(_classifier, classes)),
    _case(
        "LGBMClassifier, one against all",
        "classification",
        on_numbers(lambda: _classifier(objective="multiclassova"), classes),
    ),
    _case("LGBMClassifier, DART", "classification", on_numbers(lambda: _classifier(boosting_type="dart"), binary)),
    _case("LGBMClassifier, random forest", "classification", on_numbers(lambda: _classifier(**_FOREST), binary)),
    _case(
        "LGBMClassifier, zero as missing",
        "classification",
        on_numbers(lambda: _classifier(zero_as_missing=True), binary),
    ),
    _case("LGBMClassifier, categories", "classification", on_frame(_classifier, category=True)),
    _case("StandardScaler, LGBMClassifier", "classification", on_numbers(_scaled, classes)),
    _case("LGBMRegressor", "regression", on_numbers(_regressor, score)),
    *(
        _case(
            f"LGBMRegressor, {objective}",
            "regression",
            on_numbers(lambda objective=objective: _regressor(objective=objective), positive),
        )
        for objective in ("regression_l1", "quantile", "poisson", "gamma", "tweedie")
    ),
    _case("LGBMRegressor, linear leaves", "regression", on_numbers(lambda: _regressor(linear_tree=True), score)),
    _case("LGBMRanker", "regression", _ranker),
    _case("Booster, multiclass", "classification", _booster),
]
