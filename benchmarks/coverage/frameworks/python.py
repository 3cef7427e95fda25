"""Programs: functions, objects, and scikit-learn pipelines with classes of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from benchmarks.coverage.trial import Case, Trial


def _table(rows: int, seed: int) -> Any:
    import pandas as pd

    random = np.random.default_rng(seed)
    return pd.DataFrame({"income": random.normal(4.0, 1.0, rows), "debt": random.gamma(2.0, 0.5, rows)})


def _labels(frame: Any) -> Any:
    return np.where(frame["debt"] > frame["income"] / 4, "no", "yes")


def total(frame: Any) -> Any:
    """A function of a data frame."""
    return frame["income"] - frame["debt"] * 2


def of_row(row: dict[str, float]) -> float:
    """A function of one row."""
    return row["income"] if row["debt"] > 1.0 else 0.0


def of_matrix(X: np.ndarray[Any, Any]) -> Any:
    """A function of an array, which answers with a matrix."""
    return X[:, :2] * 2.0


class Rule:
    """Plain state only."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.words = {True: "high", False: "low"}

    def predict(self, frame: Any) -> Any:
        return [self.words[bool(each)] for each in frame["debt"] > self.limit]


class Cautious:
    """A fitted model with a threshold."""

    def __init__(self, model: Any, threshold: float) -> None:
        self.model, self.threshold = model, threshold
        self.classes_ = model.classes_

    def predict(self, frame: Any) -> Any:
        return self.classes_[(self.predict_proba(frame)[:, 1] > self.threshold).astype(int)]

    def predict_proba(self, frame: Any) -> Any:
        return self.model.predict_proba(frame)


class Burden(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of one's own."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: ARG002
        self.typical_ = float((X["debt"] / X["income"]).median())
        return self

    def transform(self, X: Any) -> Any:
        return X.assign(burden=X["debt"] / X["income"] - self.typical_)


class Spelt(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that goes through text, where no graph can follow it."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: ARG002
        self.columns_ = list(X.columns)
        return self

    def transform(self, X: Any) -> Any:
        return np.array([[len(str(round(value, 3))) for value in row] for row in X[self.columns_].to_numpy()], float)


def _rule(_: Any, __: Any) -> Any:
    return Rule(1.0)


def _cautious(X: Any, y: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return Cautious(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), 0.7)


def _boosted(X: Any, y: Any) -> Any:
    import xgboost

    return Cautious(xgboost.XGBClassifier(n_estimators=10).fit(X, (y == "yes").astype(int)), 0.7)


def _pipeline(X: Any, y: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(Burden(), LogisticRegression(max_iter=1000)).fit(X, y)


def _forest(X: Any, y: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    return make_pipeline(Burden(), RandomForestClassifier(20, random_state=0)).fit(X, y)


def _spelt(X: Any, y: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(Spelt(), LogisticRegression(max_iter=1000)).fit(X, y)


def _case(
    model: str, task: str, made: Callable[[Any, Any], Any], expected: str = "native", *, array: bool = False
) -> Case:
    def make(rows: int) -> Trial:
        X, unseen = _table(500, 1), _table(rows, 2)
        live = made(X, _labels(X))
        return Trial(live, X.to_numpy() if array else X, unseen.to_numpy() if array else unseen)

    return Case("Python", model, task, make, expected)


CASES = [
    _case("a function of a data frame", "regression", lambda X, y: total),  # noqa: ARG005
    _case("a function of one row", "regression", lambda X, y: of_row),  # noqa: ARG005
    _case("a function of an array", "transform", lambda X, y: of_matrix, array=True),  # noqa: ARG005
    _case("an object of rules", "classification", _rule),
    _case("an object around a pipeline", "classification", _cautious),
    _case("an object around XGBClassifier", "classification", _boosted),
    _case("own transformer in a pipeline", "classification", _pipeline, "portable"),
    _case("own transformer before a forest", "classification", _forest, "portable"),
    _case("own transformer that goes through text", "classification", _spelt),
]
