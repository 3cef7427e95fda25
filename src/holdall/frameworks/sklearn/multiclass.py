"""Classifiers of many classes made of binary ones: one against the rest, one against one, output codes."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.kernels import nearest_in_order
from holdall.frameworks.sklearn.matrices import column, numbers
from holdall.frameworks.sklearn.members import margin, member, positive, predicted, vector
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import beside, projected, repeated
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import row_argmax, row_sum, two_columns
from holdall.graph.value import Table, constant


def _is_classifier(model: Any) -> bool:
    return getattr(model, "_estimator_type", None) == "classifier" or (
        hasattr(model, "__sklearn_tags__") and model.__sklearn_tags__().estimator_type == "classifier"
    )


def _score(model: Any, answer: Outputs, path: str) -> Var:
    """scikit-learn's confidence of a binary member: its margin, else its probability, or what a regressor predicts."""
    if hasattr(model, "decision_function"):
        return margin(answer, path)
    if hasattr(model, "predict_proba"):
        return positive(answer, path)
    return vector(predicted(model, answer, path))


def _threshold(model: Any) -> float:
    return 0.0 if hasattr(model, "decision_function") and _is_classifier(model) else 0.5


def _index(where: Var) -> Var:
    return op.cast(where, to=np.int64)


@predictor("_ConstantPredictor")
def constant_predictor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """What stands in for a binary member whose sample held one class only."""
    answer = float(np.ravel(model.y_)[0])
    always = repeated(table, answer)
    return Outputs(values=always, decision=always, probability=repeated(table, [1 - answer, answer]))


@predictor("OneVsRestClassifier")
def one_vs_rest(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The class whose member is most confident; with several labels a row (`targets`), every one above the threshold."""
    members = model.estimators_
    answers = [
        member(estimator, table, conversion, path, f"estimators_{index}") for index, estimator in enumerate(members)
    ]
    scores = [_score(estimator, answer, path) for estimator, answer in zip(members, answers, strict=True)]
    shares = [positive(answer, path) for answer in answers] if hasattr(members[0], "predict_proba") else []
    margins = [margin(answer, path) for answer in answers] if hasattr(members[0], "decision_function") else []
    threshold = constant(_threshold(members[0]))
    above = [_index(op.greater(score, threshold)) for score in scores]
    if model.multilabel_:
        return Outputs(targets=tuple(_label(*parts) for parts in zip_longest(above, shares, margins)))
    if len(model.classes_) == 1:
        labels = repeated(table, np.int64(0))
    elif model.label_binarizer_.y_type_ == "multiclass":
        labels = row_argmax(beside(scores))
    else:
        labels = above[0]
    decision = None
    if margins:
        decision = margins[0] if len(margins) == 1 else beside(margins)
    return Outputs(labels=labels, probability=_normalised(shares) if shares else None, decision=decision)


def _label(above: Var, share: Var | None, margin: Var | None) -> Outputs:
    """One of several labels of a row: whether it has it."""
    return Outputs(labels=above, probability=None if share is None else two_columns(share), decision=margin)


def _normalised(shares: list[Var]) -> Var:
    """Probabilities of separate members scaled to one; a row of zeros stays as it is."""
    one = constant(1.0)
    both = two_columns(shares[0]) if len(shares) == 1 else beside(shares)
    sums = row_sum(both, keepdims=True)
    return op.div(both, op.where(op.equal(sums, constant(0.0)), one, sums))


@predictor("OneVsOneClassifier")
def one_vs_one(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Votes of the pairs, ties broken by how confident they are."""
    if model.pairwise_indices_ is not None:
        raise NotPortable(path, "its members take a precomputed kernel")
    array = (numbers(table, path),)
    pairs = [(i, j) for i in range(len(model.classes_)) for j in range(i + 1, len(model.classes_))]
    lost, won, confidences = [], [], []
    for index, estimator in enumerate(model.estimators_):
        answer = member(estimator, array, conversion, path, f"estimators_{index}")
        vote = vector(predicted(estimator, answer, path))
        lost.append(op.cast(op.equal(vote, constant(0.0)), to=np.float64))
        won.append(op.cast(op.equal(vote, constant(1.0)), to=np.float64))
        confidences.append(_score(estimator, answer, path))
    first = np.zeros((len(pairs), len(model.classes_)))
    second = np.zeros_like(first)
    for index, (i, j) in enumerate(pairs):
        first[index, i] = second[index, j] = 1
    votes = op.add(projected(beside(lost), first), projected(beside(won), second))
    sums = projected(beside(confidences), second - first)
    three, one = constant(3.0), constant(1.0)
    decision = op.add(votes, op.div(sums, op.mul(three, op.add(op.abs(sums), one))))
    if len(model.classes_) > 2:
        return Outputs(labels=row_argmax(decision), decision=decision)
    margins = column(decision, 1)
    return Outputs(labels=_index(op.greater(margins, constant(_threshold(model.estimators_[0])))), decision=margins)


@predictor("OutputCodeClassifier")
def output_code(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The class whose code word is nearest to the members' confidences."""
    scores = [
        _score(estimator, member(estimator, table, conversion, path, f"estimators_{index}"), path)
        for index, estimator in enumerate(model.estimators_)
    ]
    return Outputs(labels=nearest_in_order(beside(scores), np.asarray(model.code_book_, np.float64)))
