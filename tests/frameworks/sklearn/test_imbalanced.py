"""imbalanced-learn's pipelines and ensembles, by classes that stand in for them: it is no dependency of the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline as Plain
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import markers
from holdall.frameworks.sklearn.framework import register_converters
from tests.frameworks.sklearn.agreement import agree
from tests.frameworks.sklearn.samples import classification


class Sampler:
    """Doubles the rows while a pipeline is fitted."""

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        return np.concatenate([X, X]), np.concatenate([y, y])


class Pipeline(Plain):
    """Passes new rows by its samplers."""

    def predict_through(self, X: Any) -> Any:
        for _, step in self.steps[:-1]:
            X = X if hasattr(step, "fit_resample") else step.transform(X)
        return X

    def predict(self, X: Any) -> Any:
        return self.steps[-1][1].predict(self.predict_through(X))

    def predict_proba(self, X: Any) -> Any:
        return self.steps[-1][1].predict_proba(self.predict_through(X))

    def decision_function(self, X: Any) -> Any:
        return self.steps[-1][1].decision_function(self.predict_through(X))


class BalancedRandomForestClassifier(RandomForestClassifier):
    """As scikit-learn's, but for how it is fitted."""


class BalancedBaggingClassifier(BaggingClassifier):
    """As scikit-learn's, but for how it is fitted."""


Pipeline.__module__ = "imblearn.pipeline"
BalancedRandomForestClassifier.__module__ = "imblearn.ensemble._forest"
BalancedBaggingClassifier.__module__ = "imblearn.ensemble._bagging"


def test_rows_pass_by_a_sampler():
    register_converters()
    frame, y = classification(3)
    scaler = StandardScaler().fit(frame)
    model = Pipeline([("scale", scaler), ("more", Sampler()), ("model", LogisticRegression())])
    model.steps[-1][1].fit(*Sampler().fit_resample(scaler.transform(frame), y))
    agree(model, frame)


@pytest.mark.parametrize("kind", [BalancedRandomForestClassifier, BalancedBaggingClassifier])
def test_ensembles_answer_as_those_they_are_made_of(kind):
    register_converters()
    frame, y = classification(3)
    agree(kind(n_estimators=5, random_state=0).fit(frame, y), frame)


def test_a_class_that_is_not_known_is_named():
    register_converters()
    stranger = type("OtherClassifier", (RandomForestClassifier,), {"__module__": "imblearn.ensemble"})
    frame, y = classification(2)
    with pytest.raises(NotPortable, match=r"imblearn\.ensemble\.OtherClassifier"):
        agree(stranger(n_estimators=2).fit(frame, y), frame)


def test_an_encoder_of_another_library_may_have_the_name_of_one_here():
    stranger = type("OneHotEncoder", (OneHotEncoder,), {"__module__": "category_encoders.one_hot"})
    frame = pd.DataFrame({"a": ["x", None, "y"]})
    model = stranger().fit(frame)
    del model.categories_
    assert markers.missing(model) == {}
    assert markers.missing(OneHotEncoder().fit(frame)) != {}
