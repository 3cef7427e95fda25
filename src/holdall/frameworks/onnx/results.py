"""Outputs of a graph: where each holds its rows, and the names and kinds of the columns that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Column, text_column
from holdall.errors import UnsupportedModel
from holdall.frameworks.onnx.ports import FLOATS, INTS, WIDEST, dims_of, element_of, family
from holdall.spec.schema import Field, Kind

_CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})


@dataclass(frozen=True)
class Result:
    """One output of the graph: as Port, and the columns that hold it.

    source: the value in the graph; the output itself, or what a ZipMap would make dictionaries of, with its `labels`.
    """

    name: str
    source: str
    element: str
    axis: int
    columns: tuple[str, ...]
    kind: Kind
    shape: tuple[int, ...] = ()
    labels: tuple[Any, ...] = ()


def task_of(model: Any) -> tuple[str, tuple[Any, ...] | None]:
    labels = labels_of(model)
    if labels is not None:
        return "classification", labels
    outputs = list(model.graph.output)
    dims = dims_of(outputs[0]) if len(outputs) == 1 else None
    alone = dims is not None and (len(dims) == 1 or (len(dims) == 2 and dims[1] == 1))
    return ("regression" if alone and element_of(outputs[0]) in FLOATS else "transform"), None


def labels_of(model: Any) -> tuple[Any, ...] | None:
    """The classes of a graph that names them: a ZipMap's, or a classifier's where it gives a label and a matrix."""
    outputs = {value.name for value in model.graph.output}
    found = None
    for node in model.graph.node:
        if node.op_type == "ZipMap" and node.output[0] in outputs:
            return listed(node)
        if node.op_type in _CLASSIFIERS and len(outputs) == 2:
            found = listed(node)
    ranks = sorted(len(dims_of(value) or ()) for value in model.graph.output)
    return found if found and ranks == [1, 2] else None


def listed(node: Any) -> tuple[Any, ...]:
    for attribute in node.attribute:
        if attribute.name in ("classlabels_strings",) and attribute.strings:
            return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
        if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
            return tuple(int(number) for number in attribute.ints)
    return ()


def found_in(model: Any, asked: Sequence[int], given: Sequence[Mapping[str, Any]]) -> tuple[Result, ...]:
    labels = labels_of(model)
    maps = {node.output[0]: node for node in model.graph.node if node.op_type == "ZipMap"}
    found = []
    for value in model.graph.output:
        name = value.name
        if name in maps:
            classes = listed(maps[name])
            columns = tuple(f"probability_{label}" for label in classes)
            found.append(Result(name, maps[name].input[0], "float32", 0, columns, Kind.FLOAT, labels=classes))
            continue
        arrays = [np.asarray(part[name]) for part in given]
        found.append(result_of(name, name, arrays, asked, labels, len(model.graph.output)))
    return tuple(found)


def result_of(
    name: str,
    source: str,
    arrays: Sequence[Array],
    asked: Sequence[int],
    labels: tuple[Any, ...] | None,
    outputs: int,
    hint: str = "export it without that output",
) -> Result:
    """Where an output holds its rows, and what its columns are called.

    arrays: the output for so many rows as `asked` says; source: its value in the graph; labels: the model's classes;
    outputs: how many there are. Raises UnsupportedModel where it does not hold one value, or one array, a row.
    """
    axis = next((place for place in range(arrays[0].ndim) if _holds_rows(arrays, asked, place)), None)
    element = "string" if arrays[0].dtype.kind in "OUS" else str(arrays[0].dtype)
    if axis is None or element not in (*FLOATS, *INTS, "bool", "string"):
        raise UnsupportedModel(
            f"the output {name!r} does not hold one value, or one array, for each row",
            hint=hint,
            output=name,
        )
    shape = tuple(side for place, side in enumerate(arrays[0].shape) if place != axis)
    return replace(_named(name, element, axis, shape, labels, outputs), source=source)


def _holds_rows(arrays: Sequence[Array], asked: Sequence[int], place: int) -> bool:
    """Whether this axis is as long as the rows that were asked for, and all others are always the same."""
    if any(place >= array.ndim or array.shape[place] != rows for array, rows in zip(arrays, asked, strict=True)):
        return False
    return len({(*array.shape[:place], *array.shape[place + 1 :]) for array in arrays}) == 1


def _named(
    name: str, element: str, axis: int, shape: tuple[int, ...], labels: tuple[Any, ...] | None, outputs: int
) -> Result:
    kind = {"float": Kind.FLOAT, "int": Kind.INT, "bool": Kind.BOOL, "string": Kind.STRING}[family(element)]
    flat = not shape or shape == (1,)
    if labels is not None and flat and kind in (Kind.INT, Kind.STRING):
        return Result(name, name, element, axis, ("prediction",), kind)
    if labels is not None and len(labels) > 1 and shape == (len(labels),):
        return Result(name, name, element, axis, tuple(f"probability_{label}" for label in labels), kind)
    if flat:
        return Result(name, name, element, axis, ("prediction" if outputs == 1 and kind is Kind.FLOAT else name,), kind)
    if len(shape) == 1 and shape[0] <= WIDEST:
        return Result(name, name, element, axis, tuple(f"{name}_{index}" for index in range(shape[0])), kind)
    if kind is Kind.STRING:
        raise UnsupportedModel(
            f"the graph's output {name!r} holds arrays of text", hint="export it without that output"
        )
    return Result(name, name, element, axis, (name,), Kind.TENSOR, shape)


def with_rows_first(values: Any, result: Result) -> Array:
    """The output with its rows first."""
    if result.labels:
        return np.array([[row[label] for label in result.labels] for row in values], np.float64)
    return np.moveaxis(np.asarray(values), result.axis, 0)


def fields_of(results: Sequence[Result], hint: str) -> tuple[Field, ...]:
    """The output columns. Raises UnsupportedModel where two would have one name; hint: what to do then."""
    fields = tuple(
        Field(name=name, kind=result.kind, shape=result.shape) for result in results for name in result.columns
    )
    names = [field.name for field in fields]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnsupportedModel(f"two of the outputs' columns would be called {twice!r}", hint=hint)
    return fields


def columns_of(result: Result, values: Array) -> dict[str, Column]:
    if result.kind is Kind.TENSOR:
        return {result.columns[0]: Column(Kind.TENSOR, values.astype(np.float64))}
    matrix = values.reshape(len(values), len(result.columns))
    if result.kind is Kind.STRING:
        return {name: text_column(matrix[:, i].astype(object)) for i, name in enumerate(result.columns)}
    dtype: Any = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_}[result.kind]
    return {name: Column(result.kind, matrix[:, i].astype(dtype)) for i, name in enumerate(result.columns)}
