"""Discriminant analysis against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

from holdall.columns.pandas import from_pandas
from holdall.frameworks.sklearn import discriminant, registry
from holdall.frameworks.sklearn.framework import ScikitLearn
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of

assert discriminant


def blobs(classes: int, features: int = 5) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_blobs(60 * classes, features, centers=classes, cluster_std=3.0, random_state=1)
    return frame_of(X), np.array([f"class {label}" for label in range(classes)])[y]


MODELS = [
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(n_components=1),
    LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
    QuadraticDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(reg_param=0.3),
]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_discriminant_answers_as_scikit_learn(model: Any, classes: int) -> None:
    frame, target = blobs(classes)
    agree_on_edges(model.fit(frame, target), frame)


def test_the_lsqr_solver_has_no_projection() -> None:
    frame, target = blobs(3)
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(frame, target)
    answers = harness.predict(model, frame)
    assert "transformed" not in answers
    np.testing.assert_allclose(answers["probability"], model.predict_proba(frame), rtol=1e-10, atol=1e-15)
    np.testing.assert_array_equal(model.classes_[answers["labels"]], model.predict(frame))


def test_the_projection_bears_scikit_learns_names() -> None:
    frame, target = blobs(4)
    model = LinearDiscriminantAnalysis().fit(frame, target)
    conversion = Conversion(harness.schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, "model (LinearDiscriminantAnalysis)")
    assert value.names(table) == tuple(model.get_feature_names_out())


@pytest.mark.parametrize("load", [load_iris, load_wine])
@pytest.mark.parametrize("model", [LinearDiscriminantAnalysis(), QuadraticDiscriminantAnalysis()], ids=str)
def test_real_tables(load: Any, model: Any) -> None:
    X, y = load(return_X_y=True)
    agree(model.fit(frame_of(X), y), frame_of(X), relative=1e-9)


def test_a_hundred_classes_one_feature_and_extremes() -> None:
    frame, target = blobs(100)
    agree(LinearDiscriminantAnalysis().fit(frame, target), frame)
    agree(QuadraticDiscriminantAnalysis().fit(frame, target), frame)
    frame, target = blobs(3, features=1)
    extremes = frame_of([[1e150], [-1e150], [1e-300], [0.0]])
    agree(LinearDiscriminantAnalysis().fit(frame, target), extremes)
    agree(QuadraticDiscriminantAnalysis().fit(frame, target), extremes)


def test_the_framework_asks_the_lsqr_solver_for_no_projection() -> None:
    frame, target = blobs(3)
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(frame, target)
    outputs = ScikitLearn().outputs(model, harness.schema_of(frame).inputs, from_pandas(frame))
    assert outputs[0].name == "prediction"
    assert not any(field.name.startswith("lineardiscriminantanalysis") for field in outputs)
