"""What skl2onnx is trusted with, and what it is not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsTransformer, RadiusNeighborsClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.semi_supervised import LabelSpreading

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import foreign
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.samples import classification, fitted, regression


def foreign_outputs(model: Any, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    conversion = Conversion(harness.schema_of(frame))
    answer = foreign.predict(model, conversion.table, conversion, f"model ({type(model).__name__})")
    outputs = {
        name: (getattr(answer, name), (name,))
        for name in ("labels", "values", "probability")
        if getattr(answer, name) is not None
    }
    return harness.run(conversion.finish(outputs), frame)


@pytest.mark.parametrize("numbered", [True, False])
def test_a_classifier_in_double_is_taken_with_its_labels_as_places(numbered: bool) -> None:
    frame, target = classification(3)
    labels = np.unique(target, return_inverse=True)[1] * 5 - 2 if numbered else target
    model = fitted(LogisticRegression(), frame, labels)
    answers = foreign_outputs(model, frame)
    np.testing.assert_array_equal(model.classes_[answers["labels"]], model.predict(frame))
    np.testing.assert_allclose(answers["probability"], model.predict_proba(frame), rtol=1e-12)


@pytest.mark.parametrize("targets", [1, 2])
def test_a_regressor_in_double_is_taken(targets: int) -> None:
    frame, target = regression(targets)
    model = fitted(Ridge(), frame, target)
    np.testing.assert_allclose(foreign_outputs(model, frame)["values"], model.predict(frame), rtol=1e-12)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
def test_a_transformer_in_double_is_taken(scaler: Any) -> None:
    frame, _ = regression()
    fitted(scaler, frame)
    conversion = Conversion(harness.schema_of(frame))
    (block,) = foreign.transform(scaler, conversion.table, conversion, "model")
    assert block.names == tuple(scaler.get_feature_names_out())
    answers = harness.run(conversion.finish({"block": (block.values, block.names)}), frame)
    np.testing.assert_allclose(answers["block"], scaler.transform(frame), rtol=1e-12, atol=1e-15)


def test_a_forest_is_refused_for_its_float32() -> None:
    frame, target = classification(2)
    model = fitted(RandomForestClassifier(3, random_state=0), frame, target)
    with pytest.raises(NotPortable, match="float32"):
        foreign_outputs(model, frame)


@pytest.mark.parametrize("model", [CountVectorizer(), TfidfVectorizer()])
def test_text_is_always_refused_with_the_cause(model: Any) -> None:
    frame = pd.DataFrame({"text": ["naïve café", "plain"]})
    with pytest.raises(NotPortable, match="Unicode"):
        harness.convert_transformer(model.fit(frame["text"]), frame)


@pytest.mark.parametrize("model", [RadiusNeighborsClassifier(), GaussianProcessRegressor()])
def test_what_is_known_to_be_silently_wrong_is_refused(model: Any) -> None:
    frame, _ = classification(2)
    fitted(model, frame, frame["x0"] > 0)
    with pytest.raises(NotPortable, match="known to be"):
        foreign_outputs(model, frame)


def test_neighbours_as_a_transform_are_refused_as_known_to_be_wrong() -> None:
    frame, _ = classification(2)
    conversion = Conversion(harness.schema_of(frame))
    with pytest.raises(NotPortable, match="known to give other numbers"):
        foreign.transform(fitted(KNeighborsTransformer(), frame), conversion.table, conversion, "model")


def test_a_graph_that_fixes_the_number_of_rows_is_refused() -> None:
    counts = pd.DataFrame({"a": [1.0, 0.0, 2.0], "b": [0.0, 3.0, 1.0]})
    conversion = Conversion(harness.schema_of(counts))
    with pytest.raises(NotPortable, match="one number of rows"):
        foreign.transform(fitted(TfidfTransformer(), counts), conversion.table, conversion, "model")


def test_an_estimator_that_nobody_converts_is_refused_with_its_name() -> None:
    frame, target = classification(2)
    codes = np.unique(target, return_inverse=True)[1]
    model = fitted(LabelSpreading(), frame, codes)
    with pytest.raises(NotPortable, match="no exact converter for LabelSpreading is known"):
        foreign_outputs(model, frame)


def test_classes_of_a_type_that_skl2onnx_changes_are_refused() -> None:
    frame, _ = classification(2)
    model = fitted(LogisticRegression(), frame, (frame["x0"] > 0).to_numpy(np.float64))
    with pytest.raises(NotPortable, match="class labels"):
        foreign_outputs(model, frame)


def test_skl2onnx_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, holdall.frameworks.sklearn.foreign; sys.exit('skl2onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
