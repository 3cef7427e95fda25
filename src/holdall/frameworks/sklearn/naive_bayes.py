"""Naive Bayes: a joint log likelihood for every class, normalised over the classes.

The sums run in the order of scikit-learn's own operations, for a likelihood of -1e6 has little left to lose; in double, but
for GaussianNB fitted on float32, which squares in float32 and overflows where that does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.frameworks.sklearn.matrices import affine, dense, is_single, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics, value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


def _answers(likelihood: Var) -> Outputs:
    probability = op.exp(numerics.log_normalised(likelihood))
    return Outputs(labels=numerics.row_argmax(likelihood), probability=probability)


@predictor("GaussianNB")
def gaussian(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    block = numbers(table, path)
    kind = np.float32 if block.single and is_single(model.theta_) else np.float64
    values = op.cast(block.values, to=kind)
    # Class by class: [N, classes, columns] at once would not fit in memory where both are many.
    columns = []
    for prior, mean, variance in zip(dense(model.class_prior_), dense(model.theta_), dense(model.var_), strict=True):
        with np.errstate(divide="ignore"):
            shift = np.log(prior)
        shift = shift + -0.5 * np.sum(np.log(2.0 * np.pi * variance))
        difference = op.sub(values, constant(mean, kind))
        scaled = op.div(op.mul(difference, difference), constant(variance, kind))
        distance = op.mul(op.cast(numerics.row_sum(scaled, keepdims=True), to=np.float64), constant(0.5))
        columns.append(op.sub(constant(shift), distance))
    return _answers(op.concat(columns, axis=1))


@predictor("MultinomialNB")
def multinomial(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    return _answers(affine(numbers(table, path).values, model.feature_log_prob_.T, model.class_log_prior_))


@predictor("ComplementNB")
def complement(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    offset = model.class_log_prior_ if len(model.classes_) == 1 else 0.0
    return _answers(affine(numbers(table, path).values, model.feature_log_prob_.T, offset))


@predictor("BernoulliNB")
def bernoulli(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    block = numbers(table, path)
    values = block.values
    if model.binarize is not None:
        values = op.cast(op.greater(values, constant(model.binarize)), to=np.float64)
        for origin in block.origins:
            conversion.boundary(origin, np.array([model.binarize], np.float64))
    present = dense(model.feature_log_prob_)
    with np.errstate(divide="ignore", invalid="ignore"):
        absent = np.log(1 - np.exp(present))
    return _answers(affine(values, (present - absent).T, model.class_log_prior_ + absent.sum(axis=1)))


@predictor("CategoricalNB")
def categorical(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    values = numbers(table, path).values
    counts = np.array([probability.shape[1] for probability in model.feature_log_prob_])
    origins = value.origins(table)
    columns = [None if origin is None else origin.column for origin in origins]
    # scikit-learn cuts fractions off before it looks a category up: -0.9 is category 0.
    outside = op.or_(op.less_or_equal(values, constant(-1.0)), op.greater_or_equal(values, constant(counts)))
    conversion.refuse(outside, path, "a category that the model was not fitted on", columns)
    known = op.cast(op.where(outside, constant(0.0), values), to=np.int64)
    # One lookup for all columns: their tables lie one below the other in `[categories, classes]`.
    stacked = np.concatenate([dense(probability).T for probability in model.feature_log_prob_])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found = op.gather(constant(stacked), op.add(known, constant(starts, np.int64)), axis=0)
    likelihood = op.reduce_sum(found, constant([1], np.int64), keepdims=0)
    return _answers(op.add(likelihood, constant(model.class_log_prior_)))
