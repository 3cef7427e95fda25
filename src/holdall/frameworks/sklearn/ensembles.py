"""Ensembles: members whose answers are voted on, averaged, boosted or stacked.

Sums over members are added in scikit-learn's order, so that votes that tie there tie here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import column, numbers
from holdall.frameworks.sklearn.members import (
    class_numbers,
    classes,
    looked_up,
    matrix,
    member,
    need,
    places,
    predicted,
    vector,
    weighted_mean,
)
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import beside, features, integers, joined, repeated, total, upright
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import row_argmax, softmax
from holdall.graph.value import Table, constant
from holdall.spec.schema import Kind


def _named(model: Any) -> list[tuple[str, Any]]:
    """The fitted members of a voting or stacking ensemble with their names; dropped ones are not among them."""
    kept = [name for name, estimator in model.estimators if not isinstance(estimator, str)]
    return list(zip(kept, model.estimators_, strict=True))


@predictor("VotingClassifier")
def voting_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Hard votes or averaged probabilities. Its transform gives each member's votes, or probabilities side by side."""
    members = _named(model)
    answers = [member(estimator, table, conversion, path, name) for name, estimator in members]
    weights = model._weights_not_none
    if model.voting == "soft":
        return _soft(model, members, answers, weights, path)
    given = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
    if (given < 0).any():
        raise NotPortable(path, "hard voting with a negative weight")
    ballots, choices = [], []
    for (_, estimator), answer, weight in zip(members, answers, given, strict=True):
        numbered = class_numbers(estimator, path)
        labels = need(answer.labels, path, "predict")
        ballots.append(looked_up(labels, weight * np.eye(len(model.classes_))[numbered]))
        choices.append(looked_up(labels, np.array(numbered, np.float64)))
    return Outputs(labels=row_argmax(total(ballots)), table=features(model, beside(choices), len(choices)))


def _soft(model: Any, members: Sequence[Any], answers: Sequence[Outputs], weights: Any, path: str) -> Outputs:
    count = len(model.classes_)
    if any(len(classes(estimator, path)) != count for _, estimator in members):
        raise NotPortable(path, "soft voting among members that know different numbers of classes")
    shares = [need(answer.probability, path, "predict_proba") for answer in answers]
    mean = weighted_mean(shares, weights)
    transformed = features(model, joined(shares), count * len(shares)) if model.flatten_transform else None
    return Outputs(labels=row_argmax(mean), probability=mean, table=transformed)


@predictor("VotingRegressor")
def voting_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The weighted mean of the members' predictions; its transform gives them one by one."""
    values = []
    for name, estimator in _named(model):
        answer = member(estimator, table, conversion, path, name)
        values.append(vector(predicted(estimator, answer, path)))
    return Outputs(
        values=weighted_mean(values, model._weights_not_none), table=features(model, beside(values), len(values))
    )


@predictor("StackingClassifier")
def stacking_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The final estimator on the members' answers; it knows the classes by their numbers."""
    if isinstance(model.classes_, list):
        raise NotPortable(path, "stacking over several labels at once")
    stacked = _stacked(model, table, conversion, path)
    final = model.final_estimator_
    answer = member(final, stacked, conversion, path, "final_estimator")
    labels = answer.labels
    if labels is not None:
        labels = looked_up(labels, np.array(class_numbers(final, path), np.int64))
    return Outputs(
        labels=need(labels, path, "predict"),
        probability=answer.probability,
        decision=answer.decision,
        table=stacked,
    )


@predictor("StackingRegressor")
def stacking_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The final estimator on the members' predictions."""
    stacked = _stacked(model, table, conversion, path)
    answer = member(model.final_estimator_, stacked, conversion, path, "final_estimator")
    return Outputs(values=predicted(model.final_estimator_, answer, path), table=stacked)


def _stacked(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """What the final estimator sees: the members' answers, then the inputs where they are passed through."""
    parts = []
    for (name, estimator), method in zip(_named(model), model.stack_method_, strict=True):
        answer = member(estimator, table, conversion, path, name)
        parts.extend(_stack_columns(model, estimator, answer, method, path))
    width = sum(model._n_feature_outs)
    if model.passthrough:
        block = numbers(table, path)
        parts.append(block.values)
        width += block.width
    stacked = features(model, joined(parts), width)
    # A sparse matrix of inputs makes one of the answers beside them.
    sparse = model.passthrough and any(block.sparse for block in table)
    return tuple(replace(block, sparse=True) for block in stacked) if sparse else stacked


def _stack_columns(model: Any, estimator: Any, answer: Outputs, method: str, path: str) -> list[Var]:
    if method == "predict":
        return [matrix(predicted(estimator, answer, path))]
    if method == "decision_function":
        return [matrix(need(answer.decision, path, method))]
    if answer.targets:
        raise NotPortable(path, "stacking over members of several targets")
    shares = need(answer.probability, path, method)
    if len(getattr(model, "classes_", ())) == 2:
        return [upright(column(shares, 1))]  # The first column is one minus the second.
    return [shares]


def _array(table: Table, path: str) -> Table:
    """The table as the array that bagging hands to its members."""
    return table if any(block.kind is Kind.STRING for block in table) else (numbers(table, path),)


def _bags(model: Any, table: Table, conversion: Conversion, path: str) -> list[tuple[Any, Outputs]]:
    """Each member with what it answers on its own columns."""
    array = _array(table, path)
    everything = list(range(value.width(array)))
    bags = []
    for index, (estimator, chosen) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        positions = [int(position) for position in chosen]
        part = array if positions == everything else value.select(array, positions)
        bags.append((estimator, member(estimator, part, conversion, path, f"estimators_{index}")))
    return bags


@predictor("BaggingClassifier")
def bagging_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The mean of the members' probabilities, or of their votes where they have none.

    A member whose sample missed a class gives it nothing.
    """
    bags = _bags(model, table, conversion, path)
    count = int(model.n_classes_)
    shares = []
    for estimator, answer in bags:
        if not hasattr(estimator, "predict_proba"):
            votes = np.eye(count)[class_numbers(estimator, path)]
            shares.append(looked_up(need(answer.labels, path, "predict"), votes))
            continue
        share = need(answer.probability, path, "predict_proba")
        numbered = class_numbers(estimator, path)
        shares.append(share if len(numbered) == count else op.matmul(share, constant(np.eye(count)[numbered])))
    mean = op.div(total(shares), constant(float(model.n_estimators)))
    return Outputs(labels=row_argmax(mean), probability=mean, decision=_bagged_decision(model, bags, path))


def _bagged_decision(model: Any, bags: Sequence[tuple[Any, Outputs]], path: str) -> Var | None:
    widths = {len(classes(estimator, path)) for estimator, _ in bags}
    if not hasattr(bags[0][0], "decision_function") or len(widths) > 1:
        return None  # With classes missing from some samples scikit-learn's own sum fails.
    parts = [need(answer.decision, path, "decision_function") for _, answer in bags]
    return op.div(total(parts), constant(float(model.n_estimators)))


@predictor("BaggingRegressor")
def bagging_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The mean of the members' predictions."""
    bags = _bags(model, table, conversion, path)
    parts = [predicted(estimator, answer, path) for estimator, answer in bags]
    return Outputs(values=op.div(total(parts), constant(float(model.n_estimators))))


def _boosted(model: Any, table: Table, conversion: Conversion, path: str) -> list[Outputs]:
    array = _array(table, path)
    return [
        member(estimator, array, conversion, path, f"estimators_{index}")
        for index, estimator in enumerate(model.estimators_)
    ]


@predictor("AdaBoostClassifier")
def ada_boost_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Weighted votes: a member gives its weight to the class it predicts and takes a share of it from the others."""
    count = int(model.n_classes_)
    if count == 1:
        return Outputs(
            labels=repeated(table, np.int64(0)), probability=repeated(table, [1.0]), decision=repeated(table, 0.0)
        )
    ballots = []
    answers = _boosted(model, table, conversion, path)
    for estimator, answer, weight in zip(model.estimators_, answers, model.estimator_weights_, strict=False):
        chosen = np.eye(count, dtype=bool)[places(estimator, model.classes_, path)]
        ballots.append(
            looked_up(need(answer.labels, path, "predict"), np.where(chosen, weight, -1 / (count - 1) * weight))
        )
    votes = op.div(total(ballots), constant(model.estimator_weights_.sum()))
    if count > 2:
        shares = softmax(op.div(votes, constant(float(count - 1))))
        return Outputs(labels=row_argmax(votes), probability=shares, decision=votes)
    decision = op.sub(column(votes, 1), column(votes, 0))
    halves = op.div(beside([op.neg(decision), decision]), constant(2.0))
    above = op.cast(op.greater(decision, constant(0.0)), to=np.int64)
    return Outputs(labels=above, probability=softmax(halves), decision=decision)


@predictor("AdaBoostRegressor")
def ada_boost_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The weighted median of the members' predictions."""
    answers = _boosted(model, table, conversion, path)
    parts = [
        vector(predicted(estimator, answer, path)) for estimator, answer in zip(model.estimators_, answers, strict=True)
    ]
    if len(parts) == 1:
        return Outputs(values=parts[0])
    ordered, order = op.top_k(beside(parts), integers(len(parts)), axis=1, largest=0, sorted=1)
    weights = op.gather(constant(np.asarray(model.estimator_weights_)[: len(parts)]), order, axis=0)
    reached = op.cumsum(weights, op.const(np.int64(1)))
    half = op.mul(constant(0.5), op.gather(reached, integers(len(parts) - 1), axis=1))
    median = row_argmax(op.cast(op.greater_or_equal(reached, half), to=np.int64))
    return Outputs(values=vector(op.gather_elements(ordered, upright(median), axis=1)))
