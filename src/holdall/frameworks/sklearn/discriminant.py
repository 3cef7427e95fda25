"""Discriminant analysis, linear and quadratic. A model fitted on float32 sums in float32, as scikit-learn does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.frameworks.sklearn.linear import decided, linear_decision
from holdall.frameworks.sklearn.matrices import affine, column, dense, is_single, numbers, transformed
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant, to_single


@predictor("LinearDiscriminantAnalysis")
def linear_discriminant(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    classes = len(model.classes_)
    decision = linear_decision(model, table, path)
    probability = numerics.two_columns(numerics.logistic(decision)) if classes == 2 else numerics.softmax(decision)
    return replace(decided(decision, classes, probability), table=_projection(model, table, path))


def _projection(model: Any, table: Table, path: str) -> Table | None:
    if model.solver == "lsqr":  # it has no projection
        return None
    block = numbers(table, path)
    values, single = block.values, block.single and is_single(model.scalings_)
    if model.solver == "svd":
        values = op.sub(values, constant(dense(model.xbar_)))
    scalings = dense(model.scalings_)[:, : model._max_components]
    return transformed(model, affine(values, scalings, single=single), scalings.shape[1])


@predictor("QuadraticDiscriminantAnalysis")
def quadratic_discriminant(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    block = numbers(table, path)
    values, single = block.values, block.single and is_single(model.means_)
    norms, logarithms = [], []
    for mean, rotation, scaling in zip(model.means_, model.rotations_, model.scalings_, strict=True):
        rotated = affine(op.sub(values, constant(dense(mean))), rotation * scaling**-0.5, single=single)
        norm = numerics.row_sum(op.mul(rotated, rotated), keepdims=True)
        norms.append(to_single(norm) if single else norm)
        logarithms.append(np.sum(np.log(scaling)))
    inner = op.add(op.concat(norms, axis=1), constant(np.array(logarithms)))
    scores = op.add(op.mul(inner, constant(-0.5)), constant(np.log(model.priors_)))
    return scored(scores, len(model.classes_))


def scored(scores: Var, classes: int) -> Outputs:
    """Answers from a log likelihood [N, classes], as DiscriminantAnalysisPredictionMixin gives them."""
    two = classes == 2
    return Outputs(
        labels=numerics.row_argmax(scores),
        decision=op.sub(column(scores, 1), column(scores, 0)) if two else scores,
        probability=op.exp(_log_probability(scores)),
    )


def _log_probability(scores: Var) -> Var:
    likelihood = op.sub(scores, numerics.row_maximum(scores, keepdims=True))
    return op.sub(likelihood, op.log(numerics.row_sum(op.exp(likelihood), keepdims=True)))
