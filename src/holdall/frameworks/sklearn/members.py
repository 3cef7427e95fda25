"""Estimators inside an estimator: asking one for an answer, and translating its classes to those of the outer one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.matrices import column, flat
from holdall.frameworks.sklearn.registry import Outputs
from holdall.frameworks.sklearn.rows import total, upright
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


def member(model: Any, table: Table, conversion: Conversion, path: str, name: str) -> Outputs:
    """Everything that the inner estimator predicts; `name` is what people know it by inside the outer one."""
    return registry.predict(model, table, conversion, registry.step(path, model, name))


def need(result: Var | None, path: str, method: str) -> Var:
    """The answer, where there is one. Raises NotPortable."""
    if result is None:
        raise NotPortable(path, f"{method} of an inner estimator has no exact form as graph operators")
    return result


def classes(model: Any, path: str) -> list[Any]:
    """The inner classifier's classes as plain values. Raises NotPortable for one of several targets."""
    found = getattr(model, "classes_", None)
    if found is None or isinstance(found, list):
        raise NotPortable(path, f"{type(model).__name__} inside it has no single list of classes")
    plain: list[Any] = np.asarray(found).tolist()
    return plain


def places(model: Any, outer: Any, path: str) -> list[int]:
    """For each class of the inner classifier its index among the outer one's. Raises NotPortable for a stranger."""
    where = {label: index for index, label in enumerate(np.asarray(outer).tolist())}
    inner = classes(model, path)
    if any(label not in where for label in inner):
        raise NotPortable(path, f"{type(model).__name__} inside it knows classes that it does not")
    return [where[label] for label in inner]


def class_numbers(model: Any, path: str) -> list[int]:
    """The inner classifier's classes where they are the outer one's indices. Raises NotPortable where they are not."""
    inner = classes(model, path)
    if any(not isinstance(label, int | float) or label != int(label) for label in inner):
        raise NotPortable(path, f"{type(model).__name__} inside it was fitted on labels that are no class numbers")
    return [int(label) for label in inner]


def looked_up(labels: Var, table: npt.ArrayLike) -> Var:
    """A row of the constant table for each label."""
    return op.gather(op.const(np.asarray(table)), labels, axis=0)


def predicted(model: Any, outputs: Outputs, path: str) -> Var:
    """`predict` as numbers: double [N] or [N, targets]; a classifier's classes must be numbers. Raises NotPortable."""
    if outputs.labels is None:
        return need(outputs.values, path, "predict")
    if getattr(model, "classes_", None) is None:
        return op.cast(outputs.labels, to=np.float64)
    inner = classes(model, path)
    if any(isinstance(label, str) for label in inner):
        raise NotPortable(path, f"it computes with what {type(model).__name__} predicts, which is text")
    return looked_up(outputs.labels, np.array(inner, np.float64))


def margin(outputs: Outputs, path: str) -> Var:
    """`decision_function` of a binary classifier as double [N]."""
    return vector(need(outputs.decision, path, "decision_function"))


def positive(outputs: Outputs, path: str, index: int = 1) -> Var:
    """`predict_proba(X)[:, index]`."""
    return column(need(outputs.probability, path, "predict_proba"), index)


def rank(values: Var) -> int:
    """How many dimensions the value has."""
    shape = values.unwrap_tensor().shape
    if shape is None:
        raise ValueError("a value in the graph has no known rank")
    return len(shape)


def vector(values: Var) -> Var:
    """[N] from [N] or [N, 1]."""
    return values if rank(values) == 1 else flat(values)


def matrix(values: Var) -> Var:
    """[N, k] from [N, k] or [N]."""
    return upright(values) if rank(values) == 1 else values


def weighted_mean(parts: list[Var], weights: npt.ArrayLike | None) -> Var:
    """numpy.average of the parts, one weight each."""
    if weights is None:
        return op.div(total(parts), constant(float(len(parts))))
    given = np.asarray(weights)
    scaled = [op.mul(part, constant(weight)) for part, weight in zip(parts, given, strict=True)]
    return op.div(total(scaled), constant(given.sum()))
