"""Calibrated probabilities: a classifier's scores through a sigmoid, a monotone curve, or a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import column, flat, numbers
from holdall.frameworks.sklearn.members import classes, margin, matrix, member, need, places, positive, weighted_mean
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import beside, features, integers, raw_columns, repeated, upright
from holdall.frameworks.sklearn.search import count_at_most
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import logistic, normalised, row_argmax, row_sum, softmax, two_columns
from holdall.graph.value import Table, constant, to_single

Curve = npt.NDArray[np.float64]


@predictor("CalibratedClassifierCV")
def calibrated(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The mean over the folds' calibrated probabilities; the label is the most probable class."""
    shares = [
        _fold(fold, table, conversion, path, f"calibrated_classifiers_{index}")
        for index, fold in enumerate(model.calibrated_classifiers_)
    ]
    mean = weighted_mean(shares, None)
    return Outputs(labels=row_argmax(mean), probability=mean)


def _fold(fold: Any, table: Table, conversion: Conversion, path: str, name: str) -> Var:
    answer = member(fold.estimator, table, conversion, path, name)
    scores = _scores(fold.estimator, answer, path)
    share = _tempered(fold, scores, path) if fold.method == "temperature" else _by_class(fold, scores, table, path)
    one = constant(1.0)
    minimally_above = op.and_(op.greater(share, one), op.less_or_equal(share, constant(1.0 + 1e-5)))
    return op.where(minimally_above, one, share)


def _scores(estimator: Any, answer: Outputs, path: str) -> list[Var]:
    """The decision, else the probabilities: one vector for two classes, that of the second; else one for each class."""
    count = len(classes(estimator, path))
    if hasattr(estimator, "decision_function"):
        if count <= 2:
            return [margin(answer, path)]
        scores = matrix(need(answer.decision, path, "decision_function"))
    elif count <= 2:
        return [positive(answer, path, count - 1)]
    else:
        scores = need(answer.probability, path, "predict_proba")
    return [column(scores, index) for index in range(count)]


def _by_class(fold: Any, scores: list[Var], table: Table, path: str) -> Var:
    count = len(fold.classes)
    found: dict[int, Var] = {}
    for place, score, calibrator in zip(
        places(fold.estimator, fold.classes, path), scores, fold.calibrators, strict=False
    ):
        found[place] = _calibrate(calibrator, score)
    if count == 2:
        return two_columns(next(iter(found.values())))
    zero = repeated(table, 0.0)
    return normalised(beside([found.get(place, zero) for place in range(count)]), count)


def _calibrate(calibrator: Any, score: Var) -> Var:
    if type(calibrator).__name__ == "IsotonicRegression":
        return _on_curve(calibrator, score)
    scaled = op.add(op.mul(constant(float(calibrator.a_)), score), constant(float(calibrator.b_)))
    return logistic(op.neg(scaled))


def _tempered(fold: Any, scores: list[Var], path: str) -> Var:
    """One temperature over all classes' logits.

    Whether decisions of many classes are probabilities is asked of all rows together, as scikit-learn does.
    """
    count, known = len(fold.classes), len(classes(fold.estimator, path))
    if known != count:
        raise NotPortable(path, "a temperature over a fold that missed a class")
    decides = hasattr(fold.estimator, "decision_function")
    if count == 2 and decides:
        logits = beside([op.neg(scores[0]), scores[0]])
    else:
        given = two_columns(scores[0]) if count == 2 else beside(scores)
        logarithms = op.log(op.add(given, constant(1e-12)))
        logits = op.where(_are_probabilities(given), logarithms, given)
    return softmax(op.mul(constant(float(fold.calibrators[0].beta_)), logits))


def _are_probabilities(given: Var) -> Var:
    """One bool: every entry lies in [0, 1] and every row sums to one as numpy.isclose has it."""
    within = op.and_(op.greater_or_equal(given, constant(0.0)), op.less_or_equal(given, constant(1.0)))
    off = op.abs(op.sub(row_sum(given, keepdims=True), constant(1.0)))
    fits = op.and_(within, op.less_or_equal(off, constant(1e-8 + 1e-5)))
    smallest = op.reduce_min(op.cast(fits, to=np.int32), integers(0, 1), keepdims=0)
    return op.cast(smallest, to=np.bool_)


@predictor("IsotonicRegression")
def isotonic(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """A monotone curve through its thresholds; outside of them clipped, NaN or refused, as the model was told."""
    block = numbers(table, path)
    if block.width != 1:
        raise NotPortable(path, "an isotonic regression takes one column")
    score = column(block.values, 0)
    if model.out_of_bounds == "raise" and len(model.X_thresholds_) > 1:
        low, high = float(model.X_thresholds_[0]), float(model.X_thresholds_[-1])
        outside = op.or_(op.less(score, constant(low)), op.greater(score, constant(high)))
        reason = f"outside of {low:g} … {high:g}, the range that the curve was fitted on"
        conversion.refuse(upright(outside), path, reason, raw_columns((block,)))
    conversion.boundary(block.origins[0], np.asarray(model.X_thresholds_, np.float64))
    result = _on_curve(model, score)
    return Outputs(values=result, table=features(model, upright(result), 1))


def _on_curve(model: Any, score: Var) -> Var:
    """The fitted curve at each score, as numpy.interp draws it."""
    single = np.asarray(model.X_thresholds_).dtype == np.float32
    x, y = np.asarray(model.X_thresholds_, np.float64), np.asarray(model.y_thresholds_, np.float64)
    if single:
        score = to_single(score)
    if model.out_of_bounds == "clip":
        score = op.clip(score, constant(float(model.X_min_)), constant(float(model.X_max_)))
    if len(x) == 1:
        return op.expand(constant(y[:1]), op.shape(score))
    place = _interval(score, x)
    left = op.gather(constant(x), place, axis=0)
    start = op.gather(constant(y), place, axis=0)
    with np.errstate(over="ignore"):
        slopes = np.diff(y) / np.diff(x)
    rise = op.mul(op.gather(constant(slopes), place, axis=0), op.sub(score, left))
    drawn = op.where(op.equal(score, left), start, op.add(rise, start))
    drawn = op.where(op.greater_or_equal(score, constant(x[-1])), constant(y[-1]), drawn)
    if model.out_of_bounds != "clip":
        outside = op.or_(op.less(score, constant(x[0])), op.greater(score, constant(x[-1])))
        drawn = op.where(outside, constant(np.nan), drawn)
    return to_single(drawn) if single else drawn


def _interval(score: Var, x: Curve) -> Var:
    """int64 [N]: the last i <= len(x) - 2 with x[i] <= score, 0 below the first."""
    found = op.sub(flat(count_at_most(upright(score), [x])), integers(1))
    return op.max([integers(0), op.min([found, integers(len(x) - 2)])])
