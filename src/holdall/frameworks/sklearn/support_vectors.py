"""Support vector machines: libsvm's own decision values, votes and probabilities.

scikit-learn turns libsvm's signs round for two classes; the names with an underscore hold libsvm's own, and are used here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import Matrix, affine, dense, flat, numbers, signs
from holdall.frameworks.sklearn.pairwise import Points, by_row
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant

MOST_COUPLED = 100
"""Classes up to which the coupling of probabilities is unrolled; its graph grows with their number."""


KERNELS = ("linear", "poly", "rbf", "sigmoid")


def _kernel(model: Any, points: Points) -> Callable[[Var], Var]:
    """[1, p] → [n]: the kernel between a row and every support vector."""
    gamma, shift = float(model._gamma), float(model.coef0)

    def product(row: Var) -> Var:
        return op.add(op.mul(points.products(row), constant(gamma)), constant(shift))

    if model.kernel == "rbf":
        return lambda row: op.exp(op.mul(points.squares(row), constant(-gamma)))
    if model.kernel == "poly":
        return lambda row: _power(product(row), int(model.degree), len(points.matrix))
    return lambda row: op.tanh(product(row))


def _power(base: Var, exponent: int, width: int) -> Var:
    """[width] to a whole power, by repeated squaring as libsvm does."""
    result = constant(np.ones(width))
    while exponent:
        if exponent % 2:
            result = op.mul(result, base)
        exponent //= 2
        if exponent:
            base = op.mul(base, base)
    return result


def _decisions(model: Any, table: Table, path: str, coefficients: Matrix) -> Var:
    """[N, k]: the kernel of every row with the support vectors, times the coefficients [vectors, k], plus intercepts."""
    if model.kernel not in KERNELS:
        name = model.kernel if isinstance(model.kernel, str) else "a function of Python"
        raise NotPortable(path, f"its kernel is {name}")
    values = numbers(table, path).values
    vectors = dense(model.support_vectors_)
    if model.kernel == "linear":
        return affine(values, vectors.T @ coefficients, model._intercept_)
    if not len(vectors):  # a regression whose every row lies within epsilon
        return affine(values, np.zeros((model.n_features_in_, coefficients.shape[1])), model._intercept_)
    kernel = _kernel(model, Points(vectors, path))

    def answer(row: Var) -> list[Var]:
        near = op.unsqueeze(kernel(row), constant([0], np.int64))
        return [flat(op.matmul(near, constant(coefficients)))]

    (sums,) = by_row(values, answer)
    return op.add(sums, constant(dense(model._intercept_)))


@predictor("SVR", "NuSVR")
def support_vector_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    return Outputs(values=flat(_decisions(model, table, path, dense(model._dual_coef_).T)))


@predictor("OneClassSVM")
def one_class(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    decision = flat(_decisions(model, table, path, dense(model._dual_coef_).T))
    inlier = op.greater(decision, constant(0.0))
    score = op.add(decision, constant(dense(model.offset_)))
    return Outputs(labels=signs(inlier), decision=decision, score=score)


def _pair_coefficients(model: Any) -> Matrix:
    """[vectors, pairs]: libsvm's coefficients, spread out so that each pair of classes is one column."""
    dual = dense(model._dual_coef_)
    ends = np.cumsum(model._n_support)
    vectors = [np.arange(end - count, end) for end, count in zip(ends, model._n_support, strict=True)]
    pairs = list(combinations(range(len(vectors)), 2))
    spread = np.zeros((dual.shape[1], len(pairs)))
    for index, (first, second) in enumerate(pairs):
        spread[vectors[first], index] = dual[second - 1, vectors[first]]
        spread[vectors[second], index] = dual[first, vectors[second]]
    return spread


@dataclass(frozen=True)
class Pairs:
    """Which class of each pair: two matrices [pairs, classes] that hold a one where the class is first, or second."""

    first: Matrix
    second: Matrix

    @classmethod
    def of(cls, classes: int) -> Pairs:
        pairs = np.array(list(combinations(range(classes), 2)))
        return cls(np.eye(classes)[pairs[:, 0]], np.eye(classes)[pairs[:, 1]])

    def votes(self, for_first: Var) -> Var:
        """bool [N, pairs] → double [N, classes]: how many pairs each class wins."""
        wins = op.cast(for_first, to=np.float64)
        losses = op.sub(constant(1.0), wins)
        return op.add(op.matmul(wins, constant(self.first)), op.matmul(losses, constant(self.second)))


@predictor("SVC", "NuSVC")
def support_vector_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    classes = len(model.classes_)
    pairwise = _decisions(model, table, path, _pair_coefficients(model))
    probability = _probability(model, pairwise, classes, path) if _has_probability(model) else None
    if classes == 2:
        decision = op.neg(flat(pairwise))
        # libsvm votes for the first class above zero and for the second one at zero.
        second = op.not_(op.greater(flat(pairwise), constant(0.0)))
        return Outputs(labels=op.cast(second, to=np.int64), decision=decision, probability=probability)
    pairs = Pairs.of(classes)
    one_vs_rest = model.decision_function_shape == "ovr"
    decision = _one_vs_rest(pairs, pairwise) if one_vs_rest else pairwise
    votes = decision if model.break_ties and one_vs_rest else pairs.votes(op.greater(pairwise, constant(0.0)))
    return Outputs(labels=numerics.row_argmax(votes), decision=decision, probability=probability)


def _one_vs_rest(pairs: Pairs, pairwise: Var) -> Var:
    """Votes, and within a vote the sum of confidences squeezed into ±1/3."""
    votes = pairs.votes(op.not_(op.less(pairwise, constant(0.0))))
    confidence = op.matmul(pairwise, constant(pairs.first - pairs.second))
    scale = op.mul(constant(3.0), op.add(op.abs(confidence), constant(1.0)))
    return op.add(votes, op.div(confidence, scale))


def _has_probability(model: Any) -> bool:
    return bool(model.probability) and model.probability != "deprecated" and len(model._probA) > 0


def _probability(model: Any, pairwise: Var, classes: int, path: str) -> Var:
    """[N, classes] by Platt's scaling of each pair and libsvm's coupling of them (Wu, Lin and Weng, method 2)."""
    if classes > MOST_COUPLED:
        raise NotPortable(path, f"it couples the probabilities of {classes} classes; a graph does for {MOST_COUPLED}")
    exponent = op.add(op.mul(pairwise, constant(dense(model._probA))), constant(dense(model._probB)))
    # Both branches of libsvm's sigmoid in one: the exponent is never positive.
    small = op.exp(op.neg(op.abs(exponent)))
    above = op.greater_or_equal(exponent, constant(0.0))
    first = op.div(op.where(above, small, constant(1.0)), op.add(constant(1.0), small))
    first = op.min([op.max([first, constant(1e-7)]), constant(1 - 1e-7)])
    return _couple(first, classes)


def _couple(first: Var, classes: int) -> Var:
    """Probabilities [N, classes] from pairwise ones [N, pairs], by libsvm's iteration, stopped row by row as it does."""
    places = np.full((classes, classes), 0)
    for index, (i, j) in enumerate(combinations(range(classes), 2)):
        places[i, j], places[j, i] = index, index + classes * (classes - 1) // 2
    both = op.concat([first, op.sub(constant(1.0), first)], axis=1)
    gathered = op.gather(both, constant(places.ravel(), np.int64), axis=1)
    shape = constant([-1, classes, classes], np.int64)
    against = op.mul(op.reshape(gathered, shape), constant(1 - np.eye(classes)))  # [N, i, j]: i beats j
    turned = op.transpose(against, perm=[0, 2, 1])
    diagonal = op.reduce_sum(op.mul(turned, turned), constant([2], np.int64), keepdims=1)
    quadratic = op.sub(op.mul(diagonal, constant(np.eye(classes))), op.mul(turned, against))
    rows = op.shape(first, end=1)
    start = op.expand(constant([[1 / classes]]), op.concat([rows, constant([classes], np.int64)], axis=0))
    going = op.expand(op.const(np.array([[True]])), op.concat([rows, constant([1], np.int64)], axis=0))

    def body(_: Var, __: Var, probability: Var, active: Var) -> list[Var]:
        product, form = _product(quadratic, probability)
        error = numerics.row_maximum(op.abs(op.sub(product, form)), keepdims=True)
        still = op.and_(active, op.not_(op.less(error, constant(0.005 / classes))))
        moved = op.where(still, _sweep(quadratic, probability, product, form, classes), probability)
        return [_any(still), moved, still]

    most = constant([max(100, classes)], np.int64)
    with warnings.catch_warnings():
        # ONNX infers no shape for what a loop hands on; the reshape states it again.
        warnings.filterwarnings("ignore", message="Output type for variable")
        coupled = op.loop(most, _any(going), [start, going], body=body)[0]
    return op.reshape(coupled, constant([-1, classes], np.int64))


def _any(flags: Var) -> Var:
    """bool [1]: whether any is set; false where there is none at all."""
    return op.greater(op.reduce_sum(op.reshape(op.cast(flags, to=np.float64), constant([-1], np.int64))), constant(0.0))


def _product(quadratic: Var, probability: Var) -> tuple[Var, Var]:
    """Q p [N, classes] and pᵀ Q p [N, 1]."""
    product = op.reduce_sum(
        op.mul(quadratic, op.unsqueeze(probability, constant([1], np.int64))), constant([2], np.int64), keepdims=0
    )
    return product, numerics.row_sum(op.mul(probability, product), keepdims=True)


def _sweep(quadratic: Var, probability: Var, product: Var, form: Var, classes: int) -> Var:
    """One sweep of Gauss-Seidel over the classes."""
    for index in range(classes):
        line = op.gather(quadratic, constant(index, np.int64), axis=1)
        pivot, here = _kept(line, index), _kept(product, index)
        step = op.div(op.sub(form, here), pivot)
        whole = op.add(constant(1.0), step)
        unit = constant(np.eye(classes)[[index]])
        form = _over_twice(op.add(form, op.mul(step, op.add(op.mul(step, pivot), op.mul(constant(2.0), here)))), whole)
        product = op.div(op.add(product, op.mul(step, line)), whole)
        probability = op.div(op.add(probability, op.mul(step, unit)), whole)
    return probability


def _kept(values: Var, index: int) -> Var:
    """One column of [N, k], as [N, 1]."""
    return op.gather(values, constant([index], np.int64), axis=1)


def _over_twice(values: Var, divisor: Var) -> Var:
    return op.div(op.div(values, divisor), divisor)
