"""Several targets, each with an estimator of its own, side by side or in a chain where each sees those before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import numbers
from holdall.frameworks.sklearn.members import (
    classes,
    margin,
    member,
    need,
    positive,
    predicted,
    vector,
)
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import beside, upright
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table


@predictor("MultiOutputRegressor")
def multi_output_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Every target by its own regressor."""
    parts = []
    for index, estimator in enumerate(model.estimators_):
        answer = member(estimator, table, conversion, path, f"estimators_{index}")
        parts.append(vector(predicted(estimator, answer, path)))
    return Outputs(values=beside(parts))


@predictor("MultiOutputClassifier")
def multi_output_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Every target by its own classifier."""
    answers = (
        member(estimator, table, conversion, path, f"estimators_{index}")
        for index, estimator in enumerate(model.estimators_)
    )
    return Outputs(
        targets=tuple(
            Outputs(
                labels=need(answer.labels, path, "predict"), probability=answer.probability, decision=answer.decision
            )
            for answer in answers
        )
    )


@predictor("RegressorChain")
def regressor_chain(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Each regressor sees the inputs and what those before it predicted."""
    seen = _start(table, path)
    parts: list[Var] = []
    for index, estimator in enumerate(model.estimators_):
        answer = member(estimator, seen, conversion, path, f"estimators_{index}")
        parts.append(vector(predicted(estimator, answer, path)))
        seen = _with_feature(seen, parts[-1], index)
    return Outputs(values=beside(_in_target_order(parts, model.order_)))


@predictor("ClassifierChain")
def classifier_chain(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Each classifier sees the inputs and the answers of those before it."""
    lists = [classes(estimator, path) for estimator in model.estimators_]
    if list(model.order_) != list(range(len(lists))) and any(labels != lists[0] for labels in lists):
        raise NotPortable(path, "a chain in an order of its own over targets with different classes")
    seen = _start(table, path)
    parts: list[Outputs] = []
    for index, estimator in enumerate(model.estimators_):
        answer = member(estimator, seen, conversion, path, f"estimators_{index}")
        labels = need(answer.labels, path, "predict")
        parts.append(Outputs(labels=labels, probability=answer.probability, decision=answer.decision))
        seen = _with_feature(seen, _link(model, estimator, answer, path), index)
    return Outputs(targets=tuple(_in_target_order(parts, model.order_)))


def _link(model: Any, estimator: Any, answer: Outputs, path: str) -> Var:
    """What the next classifier of the chain sees of this one."""
    method = getattr(model, "chain_method_", "predict")
    if method == "predict":
        return vector(predicted(estimator, answer, path))
    if len(classes(estimator, path)) != 2:
        raise NotPortable(path, f"a chain through {method} over a target that is not binary")
    if method == "decision_function":
        return margin(answer, path)
    share = positive(answer, path)
    return op.log(share) if method == "predict_log_proba" else share


def _start(table: Table, path: str) -> Table:
    """The inputs as an array; the answers put beside it make it double whatever it was."""
    return (replace(numbers(table, path), single=False),)


def _with_feature(seen: Table, feature: Var, index: int) -> Table:
    return value.concat([seen, (Block(seen[0].kind, upright(feature), (f"chain{index}",)),)])


def _in_target_order(parts: list[Any], order: Any) -> list[Any]:
    """From the order of the chain to the order of the targets."""
    places = np.argsort(np.asarray(order))
    return [parts[place] for place in places]
