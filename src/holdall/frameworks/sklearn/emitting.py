"""From converters' answers to a finished graph: labels looked up, outputs under the names of `answers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.answers import Answer, target_labels
from holdall.frameworks.sklearn.registry import Outputs
from holdall.graph import value
from holdall.graph.conversion import Conversion, Graph
from holdall.graph.value import Table
from holdall.spec.schema import Kind

Given = dict[str, tuple[Var, tuple[str, ...]]]


def emit(model: Any, conversion: Conversion, path: str, answers: Sequence[Answer]) -> Graph:
    """The graph of every answer. Raises NotPortable."""
    given: Given = {}
    masks: dict[str, Var] = {}
    methods = {answer.method: tuple(name for name, _ in answer.columns) for answer in answers}
    outputs = Outputs()
    if "predict" in methods:
        outputs = registry.predict(model, conversion.table, conversion, path)
        _predictions(model, outputs, methods, path, given)
    elif "score_samples" in methods:
        score = registry.predict(model, conversion.table, conversion, path).score
        given["score_samples"] = (_need(score, path, "score_samples"), methods["score_samples"])
    if "transform" in methods:
        table = outputs.table
        if table is None:
            table = registry.transform(model, conversion.table, conversion, path)
        _features(table, methods["transform"], path, given, masks)
    # Identity keeps a graph input from being a graph output, and two outputs from being one value.
    named = {name: (op.identity(result), columns) for name, (result, columns) in given.items()}
    return conversion.finish(named, {name: op.identity(mask) for name, mask in masks.items()})


def _predictions(model: Any, outputs: Outputs, methods: dict[str, tuple[str, ...]], path: str, given: Given) -> None:
    labels: Any = getattr(model, "classes_", None)
    if outputs.targets:
        _several(outputs.targets, labels, methods, path, given)
        return
    if outputs.labels is not None:
        looked_up = outputs.labels if labels is None else labelled(outputs.labels, labels)
        given["predict"] = (looked_up, methods["predict"])
    else:
        given["predict"] = (_need(outputs.values, path, "predict"), methods["predict"])
    for method, result in (
        ("predict_proba", outputs.probability),
        ("decision_function", outputs.decision),
        ("score_samples", outputs.score),
    ):
        if method in methods:
            given[method] = (_need(result, path, method), methods[method])


def _several(
    parts: Sequence[Outputs], labels: Any, methods: dict[str, tuple[str, ...]], path: str, given: Given
) -> None:
    for index, (part, column) in enumerate(zip(parts, methods["predict"], strict=True)):
        found = labelled(_need(part.labels, path, "predict"), target_labels(labels, index))
        given[f"predict_{index}"] = (found, (column,))
    columns = methods.get("predict_proba")
    if columns is None:
        return
    stacked = [_need(part.probability, path, "predict_proba") for part in parts]
    if len(columns) == len(parts):
        # One column a target: the probability of its second class.
        second = op.const(np.array([1], np.int64))
        stacked = [op.gather(probability, second, axis=1) for probability in stacked]
    given["predict_proba"] = (op.concat(stacked, axis=1), columns)


def _need(result: Var | None, path: str, method: str) -> Var:
    if result is None:
        raise NotPortable(path, f"its {method} has no exact form as graph operators")
    return result


def labelled(index: Var, labels: Any) -> Var:
    """int64 [N] → the class labels themselves."""
    values = np.asarray(labels)
    if values.dtype.kind == "O":
        kinds = {type(label) for label in values.tolist()}
        if kinds == {str}:
            values = values.astype(np.str_)
        elif kinds == {bool}:
            values = values.astype(np.bool_)
        else:
            values = values.astype(np.int64 if kinds <= {int, bool} else np.float64)
    elif values.dtype.kind in "iu":
        values = values.astype(np.int64)
    elif values.dtype.kind == "f":
        values = values.astype(np.float64)
    elif values.dtype.kind == "T":
        values = values.astype(np.str_)
    return op.gather(op.const(values), index, axis=0)


def _features(table: Table, columns: tuple[str, ...], path: str, given: Given, masks: dict[str, Var]) -> None:
    if value.width(table) != len(columns):
        raise NotPortable(path, f"its graph gives {value.width(table)} columns, the model names {len(columns)}")
    start = 0
    for index, block in enumerate(table):
        name = f"transform_{index}"
        result, mask = block.values, block.nulls
        if block.kind is Kind.DATE or block.kind is Kind.TIMESTAMP:
            raise NotPortable(path, f"its output columns {', '.join(block.names)} are dates")
        given[name] = (result, columns[start : start + block.width])
        if mask is not None:
            masks[name] = mask
        start += block.width
