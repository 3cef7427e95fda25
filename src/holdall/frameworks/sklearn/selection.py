"""Steps that keep some of their columns as they are, and estimators that choose columns before they predict."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.frameworks.sklearn.tables import as_array, fitted_names, output_frame
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table


@transformer(
    "SelectKBest",
    "SelectPercentile",
    "SelectFpr",
    "SelectFdr",
    "SelectFwe",
    "GenericUnivariateSelect",
    "VarianceThreshold",
    "RFE",
    "RFECV",
    "SelectFromModel",
    "SequentialFeatureSelector",
)
def selector(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The columns that the fitted selector supports, untouched."""
    support = np.asarray(model.get_support())
    if value.width(table) != len(support):
        raise NotPortable(path, f"it was fitted on {len(support)} columns and is given {value.width(table)} here")
    given = table if output_frame(model) else as_array(table)
    kept = [int(column) for column in np.flatnonzero(support)]
    chosen = value.select(given, kept)
    return value.rename(chosen, fitted_names(model, table, len(kept)))


@predictor("RFE", "RFECV")
def eliminated(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """What the inner estimator predicts from the columns that were kept."""
    inner = model.estimator_
    kept = selector(model, table, conversion, path)
    return registry.predict(inner, kept, conversion, registry.step(path, inner, "estimator_"))
