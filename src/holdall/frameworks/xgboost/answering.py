"""From sums to answers: the transforms of XGBoost's objectives, rounded to float32 wherever XGBoost rounds.

Every operation is done in double and rounded, which gives the same float32 as doing it in float32. Of exponentials that
is true but for those that the C library itself rounds the other way, one in a thousand, by one last bit.
"""

from __future__ import annotations

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.frameworks.xgboost.model import EXPONENTIAL, HINGE, LOGISTIC, MULTICLASS
from holdall.graph import numerics
from holdall.graph.value import constant, to_single

LARGEST = float(np.float32(88.7))
"""The exponent at which XGBoost cuts off."""


def transformed(margin: Var, objective: str) -> Var:
    """What `Booster.predict` makes of sums double [N, outputs]; as doubles that are float32s. [N, outputs].

    multi:softmax is answered as probabilities; its label is the largest one's place.
    """
    if objective in LOGISTIC:
        return logistic(margin)
    if objective in EXPONENTIAL:
        return to_single(op.exp(margin))
    if objective in MULTICLASS:
        return softmax(margin)
    if objective == HINGE:
        return op.cast(op.greater(margin, constant(0.0)), to=np.float64)
    return margin


def logistic(margin: Var) -> Var:
    """1 / (1 + exp(-x)) in float32."""
    exponential = to_single(op.exp(op.min([op.neg(margin), constant(LARGEST)])))
    return to_single(op.div(constant(1.0), to_single(op.add(exponential, constant(1.0)))))


def softmax(margin: Var) -> Var:
    """Exponentials of each row over their sum, which is added up in double and then rounded."""
    above = to_single(op.sub(margin, numerics.row_maximum(margin, keepdims=True)))
    exponentials = to_single(op.exp(above))
    return to_single(op.div(exponentials, to_single(numerics.row_sum(exponentials, keepdims=True))))
