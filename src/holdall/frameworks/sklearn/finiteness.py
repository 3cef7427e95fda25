"""Numbers that a step makes of rows that the user may give, and that the next step refuses: log(0), the root of -1.

Raw columns are probed for what the model accepts; what arises inside it is refused here, by the estimator that would.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.frameworks.sklearn.registry import is_known
from holdall.frameworks.sklearn.rows import raw_columns
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table
from holdall.spec.schema import Kind

UNCHECKED = ("ColumnTransformer", "FeatureUnion", "FunctionTransformer", "Pipeline")
"""They look at no number themselves."""

PARTIAL = frozenset({"exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "reciprocal", "sqrt", "square"})
"""Functions that are not a finite number for every finite number."""

OVERFLOWING = frozenset(
    {"BoxCoxTransformer", "MathFeatures", "PowerTransformer", "ReciprocalTransformer", "RelativeFeatures"}
)
"""Transformers of feature-engine that do the same."""

REASON = "a number of which an earlier step makes none"


def breaks(step: Any) -> bool:
    """Whether a step may make of a finite number one that is not."""
    name = type(step).__name__
    if type(step).__module__.startswith("feature_engine."):
        return name in OVERFLOWING
    if name == "FunctionTransformer":
        known = step.func is None or isinstance(step.func, np.ufunc)
        return not known or getattr(step.func, "__name__", "") in PARTIAL
    if name == "Pipeline":
        return any(breaks(inner) for _, inner in step.steps)
    if name == "FeatureUnion":
        return any(breaks(inner) for _, inner in step.transformer_list)
    if name == "ColumnTransformer":
        return any(breaks(inner) for _, inner, _ in step.transformers_)
    return not isinstance(step, str) and not is_known(step)


def refuses(step: Any) -> bool:
    """Whether an estimator refuses rows with a number that is none."""
    if type(step).__name__ in UNCHECKED or not hasattr(step, "__sklearn_tags__"):
        return False
    return not step.__sklearn_tags__().input_tags.allow_nan


def refuse_broken(table: Table, conversion: Conversion, path: str) -> None:
    """Refuse rows with NaN or an infinity in any column of numbers."""
    for block in table:
        if block.kind is Kind.FLOAT:
            broken = op.or_(op.isnan(block.values), op.isinf(block.values))
            conversion.refuse(broken, path, REASON, raw_columns((block,)))
