"""Outliers by how far a row lies from a robust centre."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.frameworks.sklearn.matrices import numbers, signs
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import projected
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import row_sum
from holdall.graph.value import Table, constant


@predictor("EllipticEnvelope")
def elliptic_envelope(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Minus the squared Mahalanobis distance; an inlier (1) is nearer than the offset, an outlier is -1."""
    apart = op.sub(numbers(table, path).values, constant(np.asarray(model.location_, np.float64)))
    leaned = projected(apart, np.asarray(model.get_precision(), np.float64).T)
    # The root is taken and squared again, as scikit-learn does through SciPy's distance.
    distance = op.sqrt(row_sum(op.mul(apart, leaned)))
    score = op.neg(op.mul(distance, distance))
    decision = op.sub(score, constant(float(model.offset_)))
    inlier = op.greater_or_equal(decision, constant(0.0))
    return Outputs(labels=signs(inlier), decision=decision, score=score)
