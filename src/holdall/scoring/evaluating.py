"""The metrics that suit the task, from answers and truth; numpy only, so that the run half can evaluate.

    classification   accuracy, balanced_accuracy, f1 (macro), log_loss, auc (binary, or one-vs-rest macro)
    regression       mae, rmse, r2
    outliers         accuracy, balanced_accuracy, f1, auc, with truth -1 for an outlier and 1 for an inlier

Each is defined as scikit-learn's metric of that name is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from holdall.columns.batch import Array, Batch
from holdall.errors import InputError, UsageError
from holdall.spec.manifest import Manifest

Numbers = npt.NDArray[np.float64]
SMALLEST = float(np.finfo(np.float64).eps)


def evaluate(manifest: Manifest, answers: Batch, truth: Array) -> dict[str, float]:
    """The metrics of `answers` against `truth` [rows]. Rows whose truth is missing are left out.

    Raises InputError where the lengths differ or a class is unknown, UsageError for a task without metrics.
    """
    if len(truth) != answers.rows:
        raise InputError(
            f"there are {answers.rows} rows and {len(truth)} truths", hint="give one truth for each row of the table"
        )
    if "prediction" not in answers.columns:
        raise UsageError("this model has no single prediction to evaluate", hint="evaluate each target by itself")
    known = np.array([not (value is None or value != value) for value in truth.tolist()], np.bool_)  # noqa: PLR0124
    answers, truth = answers.take(known), truth[known]
    if not len(truth):
        raise InputError("no row has a truth", hint="the truth column is empty")
    if manifest.task == "regression":
        return _regression(answers["prediction"].values, _as_numbers(truth))
    if manifest.task in ("classification", "outliers"):
        return _classification(manifest, answers, truth)
    raise UsageError(f"there are no metrics for a task of {manifest.task}", hint="evaluate classifiers and regressors")


def _as_numbers(values: Array) -> Numbers:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "the truth of a regression is numbers", hint="give the column that the model predicts"
        ) from None


def _regression(predicted: Numbers, truth: Numbers) -> dict[str, float]:
    error = predicted - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    metrics = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    if spread > 0:
        metrics["r2"] = 1.0 - float((error**2).sum()) / spread
    return metrics


def _classification(manifest: Manifest, answers: Batch, truth: Array) -> dict[str, float]:
    predicted = answers["prediction"].to_list()
    actual = [_same_type(value, predicted[0]) for value in truth.tolist()]
    labels = sorted({*actual, *predicted}, key=str)
    codes = {label: code for code, label in enumerate(labels)}
    a = np.array([codes[label] for label in actual])
    p = np.array([codes[label] for label in predicted])
    hits = np.bincount(a[a == p], minlength=len(labels)).astype(np.float64)
    in_truth, in_answer = np.bincount(a, minlength=len(labels)), np.bincount(p, minlength=len(labels))
    present = in_truth > 0
    metrics = {
        "accuracy": float((a == p).mean()),
        "balanced_accuracy": float((hits[present] / in_truth[present]).mean()),
        "f1": float((2 * hits / (in_truth + in_answer)).mean()),
    }
    if manifest.classes is not None:
        metrics |= _probabilistic(manifest.classes, answers, actual)
    elif "decision" in answers.columns:
        positive = np.array([value == 1 for value in actual], np.bool_)
        metrics |= _named_auc(positive, answers["decision"].values)
    return metrics


def _same_type(value: Any, like: Any) -> Any:
    """Truth read from a file may say 1.0 or '1' where the model says 1, and 0 where it says False."""
    if isinstance(like, bool) and not isinstance(value, bool):
        if value in (0, 1):
            return bool(value)
        return {"true": True, "false": False}.get(str(value).lower(), value)
    if isinstance(like, int) and not isinstance(value, int):
        try:
            return int(value) if float(value) == int(float(value)) else value
        except (TypeError, ValueError):
            return value
    if isinstance(like, str) and not isinstance(value, str):
        return str(value)
    return value


def _probabilistic(classes: tuple[Any, ...], answers: Batch, actual: list[Any]) -> dict[str, float]:
    names = [f"probability_{label}" for label in classes]
    scores: Numbers | None = None
    metrics: dict[str, float] = {}
    if all(name in answers.columns for name in names):
        scores = np.column_stack([answers[name].values for name in names])
        index = {label: position for position, label in enumerate(classes)}
        if all(label in index for label in actual):
            chosen = scores[np.arange(len(actual)), [index[label] for label in actual]]
            sums = scores.sum(1)
            metrics["log_loss"] = float(-np.log(np.clip(chosen / sums, SMALLEST, 1 - SMALLEST)).mean())
    elif len(classes) == 2 and "decision" in answers.columns:
        scores = np.column_stack([-answers["decision"].values, answers["decision"].values])
    if scores is None:
        return metrics
    if len(classes) == 2:
        positive = np.array([label == classes[1] for label in actual], np.bool_)
        return metrics | _named_auc(positive, scores[:, 1])
    each = [
        _auc(np.array([label == cls for label in actual], np.bool_), scores[:, position])
        for position, cls in enumerate(classes)
    ]
    if all(area is not None for area in each):
        metrics["auc"] = float(np.mean([area for area in each if area is not None]))
    return metrics


def _named_auc(positive: npt.NDArray[np.bool_], score: Numbers) -> dict[str, float]:
    area = _auc(positive, score)
    return {} if area is None else {"auc": area}


def _auc(positive: npt.NDArray[np.bool_], score: Numbers) -> float | None:
    """The area under the ROC curve: the share of pairs in the right order, ties counted half (Mann-Whitney)."""
    count = int(positive.sum())
    if count == 0 or count == len(positive):
        return None
    values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2.0)[inverse]
    del values
    below = ranks[positive].sum() - count * (count + 1) / 2.0
    return float(below / (count * (len(positive) - count)))
