"""What an estimator answers: its methods, and the output columns that each gives, under the house's names.

prediction                            predict
probability_<class>                   predict_proba
decision, decision_<class>            decision_function
score                                 score_samples
get_feature_names_out()               transform
target_<i>, target_<i>_probability_<class>   multi-output
"""

from __future__ import annotations

from collections.abc import Sequence
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


def answers(model: Any, names: Sequence[str]) -> tuple[Answer, ...]:
    """Every answer that the fitted estimator has for new rows. names: its input columns.

    Raises UnsupportedModel for an estimator that has none (TSNE, DBSCAN …).
    """
    found: list[Answer] = []
    labels = getattr(model, "classes_", None) if hasattr(model, "predict") else None
    multi = _targets(model)
    if hasattr(model, "predict"):
        found.append(_predict(model, labels, multi))
        if hasattr(model, "predict_proba"):
            found.append(_probability(model, labels, multi))
        if hasattr(model, "decision_function"):
            decision = _decision(model, labels, multi)
            if decision is not None:
                found.append(decision)
        if hasattr(model, "score_samples"):
            found.append(Answer("score_samples", (("score", Kind.FLOAT),)))
    if hasattr(model, "transform") and (not found or _transforms_too(model)):
        found.append(_transform(model, names))
    if not found:
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


def _targets(model: Any) -> int:
    """How many targets are predicted at once; 0 for one."""
    labels = getattr(model, "classes_", None)
    if isinstance(labels, list) and hasattr(model, "predict"):
        return len(labels)
    for name in ("n_outputs_", "_n_outputs"):
        count = getattr(model, name, None)
        if isinstance(count, int | np.integer) and count > 1 and labels is None:
            return int(count)
    if type(model).__name__ == "Pipeline":
        return _targets(model.steps[-1][1])
    for name in ("best_estimator_", "estimator", "regressor_"):
        inner = getattr(model, name, None)
        if inner is not None and labels is None and name == "best_estimator_":
            return _targets(inner)
    estimators = getattr(model, "estimators_", None)
    if type(model).__name__ in ("MultiOutputClassifier", "MultiOutputRegressor", "ClassifierChain", "RegressorChain"):
        return len(estimators or ())
    coefficients = getattr(model, "coef_", None)
    if labels is None and isinstance(coefficients, np.ndarray) and coefficients.ndim == 2:
        return coefficients.shape[0] if coefficients.shape[0] > 1 or _fitted_on_matrix(model) else 0
    return 0


def _fitted_on_matrix(model: Any) -> bool:
    intercept = getattr(model, "intercept_", None)
    return isinstance(intercept, np.ndarray) and intercept.ndim == 1 and not hasattr(model, "support_vectors_")


def _predict(model: Any, labels: Any, multi: int) -> Answer:
    if multi:
        kinds = [label_kind(part) for part in labels] if isinstance(labels, list) else [Kind.FLOAT] * multi
        if multi == 1:
            return Answer("predict", (("prediction", kinds[0]),))
        return Answer("predict", tuple((f"target_{index}", kind) for index, kind in enumerate(kinds)))
    if labels is not None:
        return Answer("predict", (("prediction", label_kind(labels)),))
    from sklearn.base import is_clusterer, is_outlier_detector, is_regressor

    whole = (is_clusterer(model) or is_outlier_detector(model) or hasattr(model, "predict_proba")) and not is_regressor(
        model
    )
    return Answer("predict", (("prediction", Kind.INT if whole else Kind.FLOAT),))


def _probability(model: Any, labels: Any, multi: int) -> Answer:
    if isinstance(labels, list):
        prefix = [f"target_{index}_probability_" if multi > 1 else "probability_" for index in range(len(labels))]
        columns = [
            (f"{p}{label}", Kind.FLOAT) for p, part in zip(prefix, labels, strict=True) for label in _plain(part)
        ]
        return Answer("predict_proba", tuple(columns))
    names = _plain(labels) if labels is not None else range(_components(model))
    return Answer("predict_proba", tuple((f"probability_{name}", Kind.FLOAT) for name in names))


def _components(model: Any) -> int:
    final = model.steps[-1][1] if type(model).__name__ == "Pipeline" else model
    return int(final.n_components)


def _decision(model: Any, labels: Any, multi: int) -> Answer | None:
    if multi or isinstance(labels, list):
        return None
    if labels is None or len(labels) <= 2:
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
    return is_clusterer(model) or type(final).__name__ in (
        "LinearDiscriminantAnalysis",
        "PLSRegression",
        "PLSCanonical",
        "CCA",
    )


def _transform(model: Any, names: Sequence[str]) -> Answer:
    try:
        given = None if getattr(model, "feature_names_in_", None) is not None else np.asarray(names, object)
        features = [str(name) for name in model.get_feature_names_out(given)]
    except Exception:  # noqa: BLE001 — some transformers have no names to give, or only with arguments
        features = []
    return Answer("transform", tuple((name, Kind.FLOAT) for name in features))


def of_values(model: Any, answer: Answer, values: Array) -> Answer:
    """The answer `transform` with the kinds that its values really have, and with names where it had none to give."""
    names = [name for name, _ in answer.columns]
    if len(names) != values.shape[1]:
        names = [f"{type(model).__name__.lower()}{index}" for index in range(values.shape[1])]
    return Answer(answer.method, tuple((name, _kind(values[:, i])) for i, name in enumerate(names)))


def settled(model: Any, schema: Schema) -> tuple[Answer, ...]:
    """`answers`, with `transform`'s columns as the schema has them."""
    found = answers(model, [field.name for field in schema.inputs])
    known = {name for answer in found if answer.method != "transform" for name, _ in answer.columns}
    rest = tuple((field.name, field.kind) for field in schema.outputs if field.name not in known)
    return tuple(Answer("transform", rest) if answer.method == "transform" else answer for answer in found)


def _kind(values: Array) -> Kind:
    if values.dtype.kind in "biuf":
        return Kind.FLOAT
    if values.dtype.kind in "UT" or any(isinstance(value, str) for value in values.tolist()):
        return Kind.STRING
    return Kind.FLOAT


def _plain(labels: Any) -> list[Any]:
    values: list[Any] = np.asarray(labels).tolist()
    return values
