"""Estimators that hold another one and answer as it does: searches, frozen ones, thresholds, self-training."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.matrices import numbers
from holdall.frameworks.sklearn.members import classes, looked_up, margin, member, positive
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")


def _best(model: Any, path: str) -> Any:
    if not hasattr(model, "best_estimator_"):
        raise NotPortable(path, "a search with refit=False holds no fitted model")
    return model.best_estimator_


@predictor(*SEARCHES)
def search(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """What the best estimator answers."""
    return member(_best(model, path), table, conversion, path, "best_estimator_")


@transformer(*SEARCHES)
def search_transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The best estimator's transform."""
    best = _best(model, path)
    return registry.transform(best, table, conversion, registry.step(path, best, "best_estimator_"))


@predictor("FrozenEstimator")
def frozen(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """What the estimator inside answers."""
    return member(model.estimator, table, conversion, path, "estimator")


@transformer("FrozenEstimator")
def frozen_transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The transform of the estimator inside."""
    return registry.transform(model.estimator, table, conversion, registry.step(path, model.estimator, "estimator"))


@predictor("SelfTrainingClassifier")
def self_training(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """What the estimator answers that was fitted last."""
    return member(model.estimator_, (numbers(table, path),), conversion, path, "estimator_")


@predictor("FixedThresholdClassifier")
def fixed_threshold(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The positive class from a threshold that the user set."""
    inner = getattr(model, "estimator_", model.estimator)
    method = _response_method(model, inner)
    threshold = model.threshold
    if isinstance(threshold, str):
        threshold = 0.5 if method == "predict_proba" else 0.0
    return _thresholded(inner, table, conversion, path, method, threshold, model.pos_label)


@predictor("TunedThresholdClassifierCV")
def tuned_threshold(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The positive class from the threshold that scored best; which class is positive is the scorer's to say."""
    inner = model.estimator_
    method = _response_method(model, inner)
    label = model._curve_scorer._get_pos_label()
    return _thresholded(inner, table, conversion, path, method, model.best_threshold_, label)


def _response_method(model: Any, inner: Any) -> str:
    if model.response_method != "auto":
        return str(model.response_method)
    return "predict_proba" if hasattr(inner, "predict_proba") else "decision_function"


def _thresholded(
    inner: Any, table: Table, conversion: Conversion, path: str, method: str, threshold: float, label: Any
) -> Outputs:
    """The inner answer with labels by `score >= threshold`; label: the positive class, None for the last one."""
    answer = member(inner, table, conversion, path, "estimator")
    known = classes(inner, path)
    if len(known) != 2 or (label is not None and label not in known):
        raise NotPortable(path, "a threshold needs two classes, one of them the positive one")
    place = 1 if label is None else known.index(label)
    if method == "predict_proba":
        score = positive(answer, path, place)
    else:
        score = margin(answer, path)
        score = score if place == 1 else op.neg(score)
    above = op.cast(op.greater_or_equal(score, constant(float(threshold))), to=np.int64)
    labels = looked_up(above, np.array([1 - place, place], np.int64))
    return Outputs(labels=labels, probability=answer.probability, decision=answer.decision)
