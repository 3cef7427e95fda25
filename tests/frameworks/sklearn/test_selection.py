from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.linear_model import LinearRegression, LogisticRegression

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import linear, selection  # noqa: F401
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness


def data(rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 5)), columns=list("abcde"))
    frame["whole"] = random.integers(0, 9, rows)
    frame["same"] = 1.5
    return frame, np.asarray(frame["b"] + frame["whole"] > 4).astype(int)


SELECTORS = [
    SelectKBest(k=3),
    SelectPercentile(percentile=40),
    SelectFpr(),
    SelectFdr(),
    SelectFwe(),
    GenericUnivariateSelect(mode="k_best", param=2),
    VarianceThreshold(),
    RFE(LogisticRegression(), n_features_to_select=2),
    RFECV(LogisticRegression(), cv=2),
    SelectFromModel(LogisticRegression()),
    SequentialFeatureSelector(LogisticRegression(), n_features_to_select=2, cv=2),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("model", SELECTORS, ids=lambda model: type(model).__name__)
def test_the_supported_columns_are_kept_untouched(model: Any, output: str) -> None:
    frame, truth = data()
    model.set_output(transform=output).fit(frame, truth)
    wanted = np.asarray(model.transform(frame), np.float64)
    assert 0 < wanted.shape[1] < 7
    np.testing.assert_array_equal(harness.transform(model, frame).astype(np.float64), wanted)
    graph = harness.convert_transformer(model, frame)
    assert sum((out.columns for out in graph.outputs), ()) == tuple(model.get_feature_names_out())


@pytest.mark.parametrize("eliminator", [RFE, RFECV])
def test_an_eliminating_estimator_predicts_from_what_it_kept(eliminator: Any) -> None:
    frame, truth = data()
    classifier = eliminator(LogisticRegression()).fit(frame, truth)
    found = harness.predict(classifier, frame)
    np.testing.assert_array_equal(classifier.classes_[found["labels"]], classifier.predict(frame))
    np.testing.assert_allclose(found["probability"], classifier.predict_proba(frame), rtol=1e-12)
    regressor = eliminator(LinearRegression()).fit(frame, truth)
    np.testing.assert_allclose(harness.predict(regressor, frame)["values"], regressor.predict(frame), rtol=1e-12)


def test_a_selected_column_still_tells_which_raw_column_it_is() -> None:
    frame, truth = data()
    frame = frame.drop(columns="same")
    model = SelectKBest(k=2).fit(frame, truth)
    conversion = Conversion(harness.schema_of(frame))
    table = selection.selector(model, conversion.table, conversion, "model (SelectKBest)")
    found = [origin.column for origin in value.origins(table) if origin is not None]
    assert found == list(model.get_feature_names_out())


def test_an_empty_table_and_another_width() -> None:
    frame, truth = data()
    frame = frame.drop(columns="same")
    model = SelectKBest(k=3).fit(frame, truth)
    assert harness.transform(model, frame.iloc[:0], convert_on=frame).shape == (0, 3)
    with pytest.raises(NotPortable, match="fitted on 6 columns"):
        harness.convert_transformer(model, frame[["a", "b"]])
