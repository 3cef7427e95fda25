"""The suite that ships, on the frameworks of this house."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.testing import FrameworkCase, FrameworkTests, Given, affine, estimator_answers

GENERATOR = np.random.default_rng(7)
X = GENERATOR.normal(size=(300, 4))
UNSEEN = GENERATOR.normal(size=(200, 4))
TABLE = pd.DataFrame(
    {"age": X[:, 0] * 10 + 40, "spent": X[:, 1], "town": np.array(["Rom", "Köln", "Ulm"])[np.arange(300) % 3]}
)
ROWS = pd.DataFrame(
    {"age": UNSEEN[:, 0] * 10 + 40, "spent": UNSEEN[:, 1], "town": np.array(["Ulm", "Rom"])[np.arange(200) % 2]}
)
LABELS = np.where(X[:, 0] + X[:, 1] > 0, "ja", "nein")
FOUR = np.digitize(X[:, 0], [-0.7, 0.0, 0.7])


def pipeline() -> Given:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer((SimpleImputer(), ["age", "spent"]), (OneHotEncoder(), ["town"]))
    model = make_pipeline(columns, RandomForestClassifier(8, max_depth=5, random_state=0)).fit(TABLE, LABELS)
    refused = pd.DataFrame({"age": [30.0], "spent": [0.0], "town": ["Paris"]})
    return Given(model, TABLE, ROWS, estimator_answers(model, ROWS), refused)


def line() -> Given:
    from sklearn.linear_model import Ridge

    model = Ridge().fit(X, X[:, 0] * 3)
    return Given(model, X, UNSEEN, estimator_answers(model, UNSEEN))


class TestScikitLearn(FrameworkTests):
    framework = "scikit-learn"
    libraries = ("sklearn", "skops", "scipy", "joblib")
    install = "holdall[sklearn]"

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [
            FrameworkCase("a forest behind an encoder", pipeline, "classification", native="skops"),
            FrameworkCase("a line", line, "regression", native="skops"),
        ]

    def unfitted(self) -> Any:
        from sklearn.linear_model import Ridge

        return Ridge()


def xgboost_classes() -> Given:
    import xgboost as xgb

    model = xgb.XGBClassifier(n_estimators=10, max_depth=4, n_jobs=1).fit(X, FOUR)
    return Given(model, X, UNSEEN, estimator_answers(model, UNSEEN))


def xgboost_booster() -> Given:
    import xgboost as xgb

    model = xgb.train({"nthread": 1, "max_depth": 3}, xgb.DMatrix(X, X[:, 1]), 10)
    return Given(model, X, UNSEEN, {"prediction": model.predict(xgb.DMatrix(UNSEEN))})


class TestXGBoost(FrameworkTests):
    framework = "XGBoost"
    libraries = ("xgboost",)
    install = "holdall[xgboost]"

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [
            FrameworkCase("four classes", xgboost_classes, "classification", native="xgboost"),
            FrameworkCase("a booster", xgboost_booster, "regression", native="xgboost"),
        ]

    def unfitted(self) -> Any:
        import xgboost as xgb

        return xgb.XGBClassifier()


def lightgbm_classes() -> Given:
    import lightgbm as lgb

    model = lgb.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1, random_state=0).fit(X, LABELS)
    return Given(model, X, UNSEEN, estimator_answers(model, UNSEEN))


class TestLightGBM(FrameworkTests):
    pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
    framework = "LightGBM"
    libraries = ("lightgbm",)
    install = "holdall[lightgbm]"

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [FrameworkCase("two labels of text", lightgbm_classes, "classification", native="lightgbm")]

    def unfitted(self) -> Any:
        import lightgbm as lgb

        return lgb.LGBMClassifier()


def graph() -> Given:
    sample = X[:, :1]
    return Given(affine(3.0, -1.0), sample, UNSEEN[:, :1], {"prediction": UNSEEN[:, 0] * 3.0 - 1.0})


class TestOnnx(FrameworkTests):
    framework = "onnx"
    libraries = ("onnx", "spox")

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [FrameworkCase("a line", graph, "regression")]

    def state(self, model: Any) -> Any:
        return model.SerializeToString(deterministic=True)
