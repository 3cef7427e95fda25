"""What an estimator answers: its methods, and the output columns that each gives, under the house's names.

prediction                            predict
probability_<class>                   predict_proba
decision, decision_<class>            decision_function
score                                 score_samples
get_feature_names_out()               transform
target_<i>, target_<i>_probability_<class>   multi-output
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdall.columns.batch import Array
from holdall.errors import UnsupportedModel
from holdall.spec.schema import Kind, Schema


@dataclass(frozen=True)
class Answer:
    """One method and the columns of what it returns, in order."""

    method: str
    columns: tuple[tuple[str, Kind], ...]


def answers(model: Any, names: Sequence[str], ask: Callable[[str], Any]) -> tuple[Answer, ...]:
    """Every answer that the fitted estimator has for new rows.

    names: its input columns. ask: the method of that name, called on a few rows that the model accepts; an estimator's
    attributes do not always say how many targets it predicts, its answer does.
    Raises UnsupportedModel for an estimator that has none (TSNE, DBSCAN …).
    """
    found: list[Answer] = []
    for method in _methods(model):
        answer = _answer(model, method, names, ask)
        if answer is not None:
            found.append(answer)
    if not any(answer.columns for answer in found):
        name = type(model).__name__
        raise UnsupportedModel(
            f"a {name} has no answer for new rows: neither predict nor transform",
            hint="pack an estimator that predicts or transforms",
        )
    taken: set[str] = set()
    for answer in found:
        for name, _ in answer.columns:
            if name in taken:
                raise UnsupportedModel(
                    f"two outputs of the model would both be called {name!r}",
                    hint="rename a class or a feature so that the names differ",
                )
            taken.add(name)
    return tuple(found)


def settled(model: Any, schema: Schema) -> tuple[Answer, ...]:
    """The same answers as the schema, made from `answers`, has them."""
    rest = [(field.name, field.kind) for field in schema.outputs]
    found = []
    for method in _methods(model):
        own = [column for column in rest if method == "transform" or NAMES[method].fullmatch(column[0])]
        rest = [column for column in rest if column not in own]
        if own:
            found.append(Answer(method, tuple(own)))
    return tuple(found)


NAMES = {
    "predict": re.compile(r"prediction|target_\d+"),
    "predict_proba": re.compile(r"(target_\d+_)?probability_.*", re.DOTALL),
    "decision_function": re.compile(r"decision(_.*)?", re.DOTALL),
    "score_samples": re.compile("score"),
}
"""The output columns of each method, by their names; `transform` has the others."""


def _methods(model: Any) -> list[str]:
    """The methods that answer for new rows, in the order of their columns."""
    found = []
    if hasattr(model, "predict"):
        found = [method for method in NAMES if hasattr(model, method)]
    if hasattr(model, "transform") and (not found or _transforms_too(model)):
        found.append("transform")
    if not found and hasattr(model, "score_samples"):
        found = ["score_samples"]  # a density neither predicts nor transforms
    return found


def _answer(model: Any, method: str, names: Sequence[str], ask: Callable[[str], Any]) -> Answer | None:
    values = ask(method)
    labels = _labels(model)
    if method == "predict":
        return _predict(model, labels, np.asarray(values))
    if method == "predict_proba":
        return _probability(model, labels, values)
    if method == "decision_function":
        return _decision(model, labels, np.asarray(values))
    if method == "score_samples":
        return Answer(method, (("score", Kind.FLOAT),))
    return _transform(model, names, matrix(values))


def _labels(model: Any) -> Any:
    """The classes that the model answers with; None for one that answers with numbers.

    CatBoost's regressors have an empty array of them, and its bare models give sums whatever they were fitted for. So does
    LightGBM's classifier with an objective of its own.
    """
    labels = getattr(model, "classes_", None)
    final = model.steps[-1][1] if type(model).__name__ == "Pipeline" else model
    sums = type(final).__name__ == "CatBoost" or callable(getattr(final, "objective_", None))
    return None if labels is None or not len(labels) or sums else labels


def matrix(values: Any) -> Array:
    """[rows, k] of whatever a method returned. A list of arrays (multi-output probabilities) is set side by side."""
    if isinstance(values, list):
        values = np.concatenate([np.asarray(part) for part in values], axis=1)
    if hasattr(values, "toarray"):
        values = values.toarray()
    array: Array = np.asarray(values)
    return array[:, None] if array.ndim == 1 else array


def label_kind(labels: Any) -> Kind:
    """The kind of a classifier's labels. Raises UnsupportedModel for labels that are no plain values."""
    values = np.asarray(labels)
    if values.dtype.kind == "b":
        return Kind.BOOL
    if values.dtype.kind in "iu":
        return Kind.INT
    if values.dtype.kind == "f":
        return Kind.FLOAT
    if values.dtype.kind in "UT" or all(isinstance(value, str) for value in values.tolist()):
        return Kind.STRING
    kinds = {type(value) for value in values.tolist()}
    if kinds == {bool}:
        return Kind.BOOL
    if kinds <= {int, bool}:
        return Kind.INT
    if kinds <= {int, float, bool}:
        return Kind.FLOAT
    raise UnsupportedModel(
        f"class labels of type {', '.join(sorted(kind.__name__ for kind in kinds))} have no place in a schema",
        hint="use text, numbers or booleans as class labels",
    )


def target_labels(labels: Any, index: int) -> Any:
    """The class labels of one target of several: its own, or 0 and 1 where the estimator predicts a set of labels."""
    return labels[index] if isinstance(labels, list) else np.array([0, 1])


def _predict(model: Any, labels: Any, values: Array) -> Answer:
    if values.ndim == 2 and values.shape[1] > 1:
        classifies = labels is not None
        kinds = [
            label_kind(target_labels(labels, index)) if classifies else Kind.FLOAT for index in range(values.shape[1])
        ]
        return Answer("predict", tuple((f"target_{index}", kind) for index, kind in enumerate(kinds)))
    if labels is not None:
        return Answer("predict", (("prediction", label_kind(labels[0] if isinstance(labels, list) else labels)),))
    from sklearn.base import is_regressor

    whole = values.dtype.kind in "iu" and not is_regressor(model)
    return Answer("predict", (("prediction", Kind.INT if whole else Kind.FLOAT),))


def _probability(model: Any, labels: Any, values: Any) -> Answer:
    if isinstance(values, list):
        several = len(values) > 1
        prefixes = [f"target_{index}_probability_" if several else "probability_" for index in range(len(values))]
        columns = [f"{p}{label}" for i, p in enumerate(prefixes) for label in _plain(target_labels(labels, i))]
    elif isinstance(labels, list) or (labels is not None and _several(model)):
        # One column a target: the probability of its second class.
        columns = [f"target_{i}_probability_{_plain(target_labels(labels, i))[1]}" for i in range(values.shape[1])]
    else:
        names = _plain(labels) if labels is not None else range(values.shape[1])
        columns = [f"probability_{name}" for name in names]
    return Answer("predict_proba", tuple((column, Kind.FLOAT) for column in columns))


def _several(model: Any) -> bool:
    """Whether a classifier with one array of classes predicts a set of labels a row rather than one of them."""
    final = model.steps[-1][1] if type(model).__name__ == "Pipeline" else model
    final = getattr(final, "best_estimator_", final)
    if hasattr(final, "multilabel_"):
        return bool(final.multilabel_)
    if hasattr(final, "get_booster"):
        # XGBoost says so nowhere but in the weights of its intercept: one for each label of the set.
        of_one = str(final.objective).startswith("multi:")
        return final.n_classes_ == 2 and not of_one and len(np.atleast_1d(final.intercept_)) > 1
    if hasattr(final, "get_probability_threshold"):
        return str(final.get_all_params().get("loss_function")).startswith(("MultiLogloss", "MultiCrossEntropy"))
    binarizer = getattr(final, "_label_binarizer", None)
    return binarizer is not None and str(getattr(binarizer, "y_type_", "")).startswith("multilabel")


def _decision(model: Any, labels: Any, values: Array) -> Answer | None:
    if isinstance(labels, list) or (labels is not None and _several(model)):
        return None
    if values.ndim == 1 or values.shape[1] == 1:
        return Answer("decision_function", (("decision", Kind.FLOAT),))
    plain = _plain(labels)
    if _pairwise(model) and len(plain) > 2:
        pairs = [(a, b) for i, a in enumerate(plain) for b in plain[i + 1 :]]
        return Answer("decision_function", tuple((f"decision_{a}_{b}", Kind.FLOAT) for a, b in pairs))
    return Answer("decision_function", tuple((f"decision_{label}", Kind.FLOAT) for label in plain))


def _pairwise(model: Any) -> bool:
    final = model.steps[-1][1] if type(model).__name__ == "Pipeline" else model
    return type(final).__name__ in ("SVC", "NuSVC") and final.decision_function_shape == "ovo"


def _transforms_too(model: Any) -> bool:
    """Estimators whose transform is an answer of its own beside predict: clusterers, discriminants, cross decomposition.

    An ensemble's transform only repeats its members' votes, a selector's its inputs; those would cost every call.
    """
    from sklearn.base import is_clusterer

    final = model.steps[-1][1] if type(model).__name__ == "Pipeline" else model
    if type(final).__name__ == "LinearDiscriminantAnalysis":
        return bool(final.solver != "lsqr")  # it has a transform, which only raises
    return is_clusterer(model) or type(final).__name__ in (
        "PLSRegression",
        "PLSCanonical",
        "CCA",
    )


def _transform(model: Any, names: Sequence[str], values: Array) -> Answer:
    try:
        given = None if getattr(model, "feature_names_in_", None) is not None else np.asarray(names, object)
        features = [str(name) for name in model.get_feature_names_out(given)]
    except Exception:  # noqa: BLE001 — some transformers have no names to give, or only with arguments
        features = []
    if len(features) != values.shape[1]:
        features = [f"{type(model).__name__.lower()}{index}" for index in range(values.shape[1])]
    return Answer("transform", tuple((name, _kind(values[:, i])) for i, name in enumerate(features)))


def _kind(values: Array) -> Kind:
    if values.dtype.kind in "biuf":
        return Kind.FLOAT
    if values.dtype.kind in "UT" or any(isinstance(value, str) for value in values.tolist()):
        return Kind.STRING
    return Kind.FLOAT


def _plain(labels: Any) -> list[Any]:
    values: list[Any] = np.asarray(labels).tolist()
    return values
