"""ONNX files made elsewhere: the graph stays as it is, and is given the inputs that holdall feeds.

A graph takes what its maker thought of: one matrix, an input for each column, images, a state whose rows lie on the second
axis. holdall feeds one matrix for each kind of column and one array for each tensor. So a few operators are put in front of
the graph (choose columns, cast, move the axis of rows) and behind it (move it back); not one of its own is changed. The live
model is the untouched file in a session of its own, so parity says whether what was put around it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch, Column, text_column
from holdall.engines import wire
from holdall.engines.onnx import Session
from holdall.errors import InputError, NotPortable, PackageDamaged, UnsupportedModel, UsageError
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import Compute, GraphInput, StepOutput

GRAPH_PATH = "model/model.onnx"
WIDEST = 1024
"""Columns of a graph's only matrix; a wider one is a single column of arrays."""
_OWN = "holdall_"
_STEP = "model (ONNX)"
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""What onnxruntime has operators for."""
_CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})
_FLOATS = ("float16", "float32", "float64")
_INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_OPSET = 15
"""For graphs that use no operator of the standard's own set and so import none."""


@dataclass(frozen=True)
class Port:
    """One input of the graph.

    element: 'float32', 'int64', 'bool', 'string' …; shape: without the axis of rows; None for a length that varies.
    axis: where the rows lie; alone: the graph takes one row at a time. columns: how many columns feed it, 0 for a tensor.
    flat: it is a vector, one number a row.
    """

    name: str
    element: str
    shape: tuple[int | None, ...]
    axis: int
    alone: bool
    columns: int
    flat: bool = False


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


class Onnx:
    """The Framework of `onnx.ModelProto`."""

    name = "onnx"

    def recognises(self, model: Any) -> bool:
        """Whether it is a model of the package onnx."""
        return any(base.__name__ == "ModelProto" and _root(base) == "onnx" for base in type(model).__mro__)

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a graph that reads other files, has operators of its own or takes no rows."""
        _check(model)
        ports = _ports(model)
        single = len(ports) == 1 and ports[0].columns > 0
        names = None if single else tuple(port.name for port in ports)
        task, classes = _task(model)
        return Description(
            task=task,
            inputs=names,
            width=sum(port.columns or 1 for port in ports),
            table="numpy",
            classes=classes,
            notes=_notes(ports),
        )

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """Raises UnsupportedModel where an output does not hold one value, or one array, a row."""
        runner = _Runner(model, inputs)
        return tuple(
            Field(name=name, kind=result.kind, shape=result.shape)
            for result in runner.results(example)
            for name in result.columns
        )

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 — it answers all at once
        """The file itself in a session of onnxruntime."""
        runner = _Runner(model, schema.inputs)

        def run(batch: Batch) -> Batch:
            return runner.answers(batch)

        return run

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """The graph with holdall's inputs and outputs around it. Raises NotPortable."""
        ports = _ports(model)
        runner = _Runner(model, schema.inputs)
        try:
            found = runner.results(None)
        except InputError as error:
            raise NotPortable(_STEP, f"{error.message}, so its outputs could not be told apart") from None
        groups = _groups(schema.inputs)
        single = any(
            kind in ("float32", "float16") for kind in (*(p.element for p in ports), *(r.element for r in found))
        )
        try:
            data = _wrapped(model, ports, found, groups, schema)
        except ValueError as error:
            raise NotPortable(_STEP, str(error)) from None
        if any(port.alone for port in ports):
            runner.try_together(Session(data, GRAPH_PATH, 0), groups)
        return Artefact(
            engine="onnx",
            files={GRAPH_PATH: data},
            inputs=groups,
            outputs=tuple(
                StepOutput(name=f"{_OWN}output_{index}", columns=result.columns) for index, result in enumerate(found)
            ),
            compute=Compute.FLOAT32 if single else Compute.FLOAT64,
        )

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """There is no other form of a graph. Raises NotPortable."""
        ports = _ports(model)
        why = "the graph gives other answers once it takes many rows at once"
        if any(port.alone for port in ports):
            why = "the graph is made for exactly one row at a time"
        raised = NotPortable(_STEP, why)
        raised.hint = "export it with a batch size that may vary"
        raise raised


FRAMEWORK = Onnx()


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _check(model: Any) -> None:
    try:
        external = wire.has_external_tensors(model.SerializeToString())
    except ValueError as error:
        raise UnsupportedModel(f"the ONNX graph cannot be looked into: {error}", hint="export it again") from None
    if external:
        raise UnsupportedModel(
            "the numbers of this ONNX graph lie in other files, which it names by path",
            hint="save it as one file first: onnx.save(onnx.load(PATH), 'one.onnx', save_as_external_data=False)",
        )
    own = {(function.domain, function.name) for function in model.functions}
    for node in _nodes(model.graph):
        if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own:
            raise UnsupportedModel(
                f"the graph has the operator {node.domain}::{node.op_type}, which onnxruntime does not have of itself",
                hint="export it with standard operators only; no library of operators can be sealed into a package",
                operator=f"{node.domain}::{node.op_type}",
            )


def _nodes(graph: Any) -> Iterator[Any]:
    pending = [graph]
    while pending:
        for node in pending.pop().node:
            yield node
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    pending.append(attribute.g)
                pending += attribute.graphs


def _ports(model: Any) -> tuple[Port, ...]:
    given = {tensor.name for tensor in model.graph.initializer}
    declared = [value for value in model.graph.input if value.name not in given]
    if not declared:
        raise UnsupportedModel("this ONNX graph takes no input", hint="export it again with its inputs")
    rows = _rows_symbol(declared)
    return tuple(_port(value, rows, len(declared) == 1) for value in declared)


def _dims(value: Any) -> list[int | str | None] | None:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return None
    return [
        int(dim.dim_value) if dim.HasField("dim_value") and dim.dim_value > 0 else dim.dim_param or None
        for dim in tensor.shape.dim
    ]


def _rows_symbol(declared: Sequence[Any]) -> str | None:
    """The name of the length that the rows have: the first one that stands first."""
    for value in declared:
        dims = _dims(value)
        if dims and isinstance(dims[0], str):
            return dims[0]
    return None


def _port(value: Any, rows: str | None, only: bool) -> Port:
    """only: it is the graph's one input, whose matrix is a table; of several, each is one column by its name."""
    element, dims = _element(value), _dims(value)
    if dims is None or element is None:
        raise UnsupportedModel(
            f"the graph's input {value.name!r} is no tensor of a known shape", hint="export it with tensors as inputs"
        )
    if not dims:
        raise UnsupportedModel(
            f"the graph's input {value.name!r} is one value for all rows together, which no column can be",
            hint="make it a constant of the graph, or take an export without it",
            input=value.name,
        )
    axis, alone = _axis(dims, rows, value.name)
    shape = tuple(dim if isinstance(dim, int) else None for place, dim in enumerate(dims) if place != axis)
    length = shape[0] if len(shape) == 1 else None
    widest = WIDEST if only else 1
    columns = 1 if not shape else length if axis == 0 and length is not None and length <= widest else 0
    return Port(value.name, element, shape, axis, alone, columns, flat=not shape)


def _axis(dims: Sequence[int | str | None], rows: str | None, name: str) -> tuple[int, bool]:
    """Where the rows lie, and whether there is room for one only."""
    if rows is not None and rows in dims:
        return dims.index(rows), False
    for place, dim in enumerate(dims):
        if not isinstance(dim, int):
            return place, False
    if 1 in dims:
        return dims.index(1), True
    raise UnsupportedModel(
        f"the graph's input {name!r} has the fixed shape {list(dims)}, so it takes no rows",
        hint="export it with a batch size that may vary",
        input=name,
    )


def _element(value: Any) -> str | None:
    import onnx

    if not value.type.HasField("tensor_type"):
        return None
    kind = value.type.tensor_type.elem_type
    if kind == onnx.TensorProto.STRING:
        return "string"
    try:
        name = str(onnx.helper.tensor_dtype_to_np_dtype(kind))
    except KeyError:
        return None
    return name if name in (*_FLOATS, *_INTS, "bool") else None


def _notes(ports: Sequence[Port]) -> tuple[str, ...]:
    notes = []
    if any(port.alone for port in ports):
        notes.append("the graph was made for one row at a time; it is sealed for any number, compared row by row")
    if any(port.columns == 0 and None in port.shape for port in ports):
        notes.append("lengths that the graph leaves open are those of the sample")
    return tuple(notes)


def _task(model: Any) -> tuple[str, tuple[Any, ...] | None]:
    labels = _labels(model)
    if labels is not None:
        return "classification", labels
    outputs = list(model.graph.output)
    dims = _dims(outputs[0]) if len(outputs) == 1 else None
    alone = dims is not None and (len(dims) == 1 or (len(dims) == 2 and dims[1] == 1))
    return ("regression" if alone and _element(outputs[0]) in _FLOATS else "transform"), None


def _labels(model: Any) -> tuple[Any, ...] | None:
    """The classes of a graph that names them: a ZipMap's, or a classifier's where it gives a label and a matrix."""
    outputs = {value.name for value in model.graph.output}
    found = None
    for node in model.graph.node:
        if node.op_type == "ZipMap" and node.output[0] in outputs:
            return _listed(node)
        if node.op_type in _CLASSIFIERS and len(outputs) == 2:
            found = _listed(node)
    ranks = sorted(len(_dims(value) or ()) for value in model.graph.output)
    return found if found and ranks == [1, 2] else None


def _listed(node: Any) -> tuple[Any, ...]:
    for attribute in node.attribute:
        if attribute.name in ("classlabels_strings",) and attribute.strings:
            return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
        if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
            return tuple(int(number) for number in attribute.ints)
    return ()


class _Runner:
    """The file itself in a session, asked with columns."""

    def __init__(self, model: Any, fields: Sequence[Field]) -> None:
        self._model = model
        self._ports = _ports(model)
        self._fields = tuple(fields)
        self._places = _places(self._ports, [field.name for field in fields])
        try:
            self._session = Session(model.SerializeToString(), "the file", 0)
        except PackageDamaged as error:
            raise UnsupportedModel(error.message, hint=error.hint) from None
        self._results: tuple[Result, ...] | None = None

    def answers(self, batch: Batch) -> Batch:
        """Raises ValueError for rows that the graph cannot take, and what onnxruntime raises."""
        found = self.results(batch if batch.rows else None)
        feeds = {port.name: _fed(port, batch, self._places[port.name]) for port in self._ports}
        if not any(port.alone for port in self._ports):
            parts = [self._session.run(feeds)]
        else:
            parts = [
                self._session.run({port.name: np.take(feeds[port.name], [row], port.axis) for port in self._ports})
                for row in range(batch.rows)
            ]
        columns: dict[str, Column] = {}
        for result in found:
            values = np.concatenate([_matrix(part[result.name], result) for part in parts])
            columns.update(_columns(result, values))
        return Batch(columns, batch.rows)

    def results(self, example: Batch | None) -> tuple[Result, ...]:
        """How the outputs hold their rows, found by asking for two rows and for three."""
        if self._results is None:
            one = self._made_up() if example is None else example.take(np.zeros(1, np.int64))
            alone = any(port.alone for port in self._ports)
            asked = (1,) if alone else (2, 3)
            given = []
            for rows in asked:
                batch = one.take(np.zeros(rows, np.int64))
                given.append(
                    self._session.run({port.name: _fed(port, batch, self._places[port.name]) for port in self._ports})
                )
            self._results = _results(self._model, asked, given)
        return self._results

    def try_together(self, session: Session, groups: Sequence[GraphInput]) -> None:
        """Whether what was made for one row takes two. Raises NotPortable."""
        two = self._made_up().take(np.zeros(2, np.int64))
        feeds: dict[str, Array] = {}
        for group in groups:
            values = [two[name].values for name in group.columns]
            feeds[group.name] = values[0] if group.kind is Kind.TENSOR else np.stack(values, axis=1)
        try:
            session.run(feeds)
        except InputError as error:
            raise NotPortable(_STEP, f"two rows at once: {error.message}") from None

    def _made_up(self) -> Batch:
        """One row of the fields' kinds and shapes, as ordinary as what is known of them allows."""
        columns = {}
        for field in self._fields:
            kind, seen = field.carrier, field.observed
            known = seen.categories if seen is not None else None
            least = (seen.minimum if seen is not None else None) or 0.0
            if kind is Kind.TENSOR:
                values: Array = np.full((1, *(side if isinstance(side, int) else 1 for side in field.shape)), 0.0)
            elif kind is Kind.STRING:
                values = np.array([known[0] if known else ""], object)
            else:
                dtype: Any = {Kind.FLOAT: np.float64, Kind.BOOL: np.bool_}.get(kind, np.int64)
                values = np.full(1, bool(known[0]) if known and kind is Kind.BOOL else least).astype(dtype)
            columns[field.name] = Column(kind, values)
        return Batch(columns, 1)


def _places(ports: Sequence[Port], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which columns feed which input: in order, as the description has them."""
    places, start = {}, 0
    for port in ports:
        count = port.columns or 1
        places[port.name] = tuple(names[start : start + count])
        start += count
    if start != len(names):
        raise UsageError(f"the graph takes {start} columns, the sample has {len(names)}")
    return places


def _fed(port: Port, batch: Batch, names: Sequence[str]) -> Array:
    """What the file's input is given. Raises ValueError for a kind or a missing value that it cannot take."""
    for name in names:
        column = batch[name]
        if column.kind is not Kind.FLOAT and column.nulls is not None and column.nulls.any():
            raise ValueError(f"{name} is missing, and {port.name} takes no missing values")
        if column.kind not in _ACCEPTED[_family(port.element)] or (column.kind is Kind.TENSOR) != (port.columns == 0):
            raise ValueError(f"{name} is {column.kind.value}, and {port.name} takes {port.element}")
    if port.columns == 0:
        values = batch[names[0]].values
        if len(values.shape) != len(port.shape) + 1 or any(
            side is not None and side != given for side, given in zip(port.shape, values.shape[1:], strict=False)
        ):
            raise ValueError(f"{names[0]} has the shape {values.shape[1:]}, and {port.name} takes {port.shape}")
        return np.moveaxis(_cast(values.astype(np.float64), port.element), 0, port.axis)
    matrix = np.stack([batch[name].values for name in names], axis=1)
    cast = _cast(matrix, port.element)
    return cast[:, 0] if port.flat else cast


def _cast(values: Array, element: str) -> Array:
    if element == "string":
        return values.astype(object)
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(values.astype(element))


def _family(element: str) -> str:
    return "float" if element in _FLOATS else "int" if element in _INTS else element


_ACCEPTED: Mapping[str, tuple[Kind, ...]] = {
    "float": (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.TENSOR),
    "int": (Kind.INT, Kind.BOOL, Kind.TENSOR),
    "bool": (Kind.BOOL,),
    "string": (Kind.STRING,),
}


def _results(model: Any, asked: Sequence[int], given: Sequence[Mapping[str, Any]]) -> tuple[Result, ...]:
    labels = _labels(model)
    maps = {node.output[0]: node for node in model.graph.node if node.op_type == "ZipMap"}
    found = []
    for value in model.graph.output:
        name = value.name
        if name in maps:
            classes = _listed(maps[name])
            columns = tuple(f"probability_{label}" for label in classes)
            found.append(Result(name, maps[name].input[0], "float32", 0, columns, Kind.FLOAT, labels=classes))
            continue
        arrays = [np.asarray(part[name]) for part in given]
        axis = next(
            (
                place
                for place in range(arrays[0].ndim)
                if all(place < a.ndim and a.shape[place] == rows for a, rows in zip(arrays, asked, strict=True))
            ),
            None,
        )
        element = "string" if arrays[0].dtype.kind in "OUS" else str(arrays[0].dtype)
        if axis is None or element not in (*_FLOATS, *_INTS, "bool", "string"):
            raise UnsupportedModel(
                f"the graph's output {name!r} does not hold one value, or one array, for each row",
                hint="export it without that output",
                output=name,
            )
        shape = tuple(side for place, side in enumerate(arrays[0].shape) if place != axis)
        found.append(_named(name, element, axis, shape, labels, len(model.graph.output)))
    return tuple(found)


def _named(
    name: str, element: str, axis: int, shape: tuple[int, ...], labels: tuple[Any, ...] | None, outputs: int
) -> Result:
    kind = {"float": Kind.FLOAT, "int": Kind.INT, "bool": Kind.BOOL, "string": Kind.STRING}[_family(element)]
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


def _matrix(values: Any, result: Result) -> Array:
    """The output with its rows first."""
    if result.labels:
        return np.array([[row[label] for label in result.labels] for row in values], np.float64)
    return np.moveaxis(np.asarray(values), result.axis, 0)


def _columns(result: Result, values: Array) -> dict[str, Column]:
    if result.kind is Kind.TENSOR:
        return {result.columns[0]: Column(Kind.TENSOR, values.astype(np.float64))}
    matrix = values.reshape(len(values), len(result.columns))
    if result.kind is Kind.STRING:
        return {name: text_column(matrix[:, i].astype(object)) for i, name in enumerate(result.columns)}
    dtype: Any = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_}[result.kind]
    return {name: Column(result.kind, matrix[:, i].astype(dtype)) for i, name in enumerate(result.columns)}


# What is put around the graph.


def _groups(fields: Sequence[Field]) -> tuple[GraphInput, ...]:
    """One input for each kind of column, one for each tensor."""
    groups = []
    for kind in (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.STRING):
        names = tuple(field.name for field in fields if field.carrier is kind)
        if names:
            groups.append(GraphInput(name=f"{_OWN}{kind.value}", kind=kind, columns=names))
    tensors = [field for field in fields if field.kind is Kind.TENSOR]
    groups += [
        GraphInput(name=f"{_OWN}tensor_{index}", kind=Kind.TENSOR, columns=(field.name,))
        for index, field in enumerate(tensors)
    ]
    return tuple(groups)


def _wrapped(
    model: Any, ports: Sequence[Port], found: Sequence[Result], groups: Sequence[GraphInput], schema: Schema
) -> bytes:
    """The bytes of the graph with operators before and behind it; the same for the same graph and schema."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    taken = {name for node in _nodes(graph) for name in (*node.input, *node.output)} | {p.name for p in ports}
    if any(name.startswith(_OWN) for name in taken):
        raise ValueError(f"the graph has names that begin with {_OWN}, as holdall's own do")
    if not any(entry.domain in ("", "ai.onnx") for entry in made.opset_import):
        made.opset_import.add(domain="", version=_OPSET)
    around = _Around(onnx, schema, groups)
    places = _places(ports, [field.name for field in schema.inputs])
    for port in ports:
        around.before(port, places[port.name])
    initial = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name in initial]
    del graph.input[:]
    graph.input.extend(kept)
    graph.input.extend(around.inputs())
    nodes = [
        node for node in graph.node if node.op_type != "ZipMap" or not any(node.output[0] == r.name for r in found)
    ]
    for index, result in enumerate(found):
        around.behind(index, result)
    del graph.node[:]
    graph.node.extend([*around.front, *nodes, *around.back])
    del graph.output[:]
    graph.output.extend(around.outputs)
    # Lengths that were noted for another number of rows.
    del graph.value_info[:]
    return bytes(made.SerializeToString(deterministic=True))


class _Around:
    def __init__(self, onnx: Any, schema: Schema, groups: Sequence[GraphInput]) -> None:
        self._onnx = onnx
        self._fields = {field.name: field for field in schema.inputs}
        self._groups = groups
        self._count = 0
        self.front: list[Any] = []
        self.back: list[Any] = []
        self.outputs: list[Any] = []

    def inputs(self) -> list[Any]:
        """The declarations of what holdall feeds."""
        declared = []
        for group in self._groups:
            sides = [len(group.columns)] if group.kind is not Kind.TENSOR else self._sides(group.columns[0])
            declared.append(self._value(group.name, _ELEMENTS[group.kind], ["rows", *sides]))
        return declared

    def before(self, port: Port, columns: Sequence[str]) -> None:
        """From the matrices to this input of the graph, by the name that the graph has for it."""
        if port.columns == 0:
            value = self._cast(self.front, self._group(columns[0]).name, "float64", port.element)
            order = list(range(1, len(port.shape) + 1))
            order.insert(port.axis, 0)
            self._move(value, order, port.name)
            return
        parts = []
        for group, names in self._runs(columns):
            value = group.name
            if names != group.columns:
                places = [group.columns.index(name) for name in names]
                value = self._add(self.front, "Gather", [value, self._constant(np.array(places))], axis=1)
            parts.append(self._cast(self.front, value, _ELEMENTS[group.kind], port.element))
        value = parts[0] if len(parts) == 1 else self._add(self.front, "Concat", parts, axis=1)
        if port.flat:
            value = self._add(self.front, "Reshape", [value, self._constant(np.array([-1]))])
        elif port.axis == 1:
            value = self._add(self.front, "Transpose", [value], perm=[1, 0])
        self._add(self.front, "Identity", [value], output=port.name)

    def behind(self, index: int, result: Result) -> None:
        """From an output of the graph to the matrix, vector or tensor that holdall reads."""
        value = result.source
        sides: list[int] = list(result.shape) if result.kind is Kind.TENSOR else [len(result.columns)]
        rank = 1 + len(sides)
        if result.axis and not result.labels:
            length = len(result.shape) + 1 if result.kind is Kind.TENSOR else 2
            order = [result.axis, *(place for place in range(length) if place != result.axis)]
            value = self._add(self.back, "Transpose", [value], perm=order)
        if result.kind is not Kind.TENSOR:
            value = self._add(self.back, "Reshape", [value, self._constant(np.array([-1, *sides]), self.back)])
        target = {Kind.FLOAT: "float64", Kind.TENSOR: "float64", Kind.INT: "int64"}.get(result.kind, result.element)
        value = self._cast(self.back, value, result.element, target)
        name = f"{_OWN}output_{index}"
        self._add(self.back, "Identity", [value], output=name)
        self.outputs.append(self._value(name, target, ["rows", *([None] * (rank - 1))]))

    def _runs(self, columns: Sequence[str]) -> list[tuple[GraphInput, tuple[str, ...]]]:
        """The columns in order, neighbours of one group together."""
        runs: list[tuple[GraphInput, tuple[str, ...]]] = []
        for name in columns:
            group = self._group(name)
            if runs and runs[-1][0] is group:
                runs[-1] = (group, (*runs[-1][1], name))
            else:
                runs.append((group, (name,)))
        return runs

    def _group(self, column: str) -> GraphInput:
        return next(group for group in self._groups if column in group.columns)

    def _sides(self, column: str) -> list[int | str]:
        return list(self._fields[column].shape)

    def _cast(self, nodes: list[Any], value: str, given: str, wanted: str) -> str:
        if given == wanted:
            return value
        return self._add(nodes, "Cast", [value], to=self._type(wanted))

    def _move(self, value: str, order: list[int], output: str) -> None:
        if order == sorted(order):
            self._add(self.front, "Identity", [value], output=output)
        else:
            self._add(self.front, "Transpose", [value], output=output, perm=order)

    def _constant(self, values: Array, nodes: list[Any] | None = None) -> str:
        tensor = self._onnx.numpy_helper.from_array(values.astype(np.int64))
        return self._add(self.front if nodes is None else nodes, "Constant", [], value=tensor)

    def _add(
        self, nodes: list[Any], operator: str, inputs: list[str], output: str | None = None, **settings: Any
    ) -> str:
        self._count += 1
        name = output or f"{_OWN}value_{self._count}"
        nodes.append(
            self._onnx.helper.make_node(operator, inputs, [name], name=f"{_OWN}node_{self._count}", **settings)
        )
        return name

    def _type(self, element: str) -> int:
        if element == "string":
            return int(self._onnx.TensorProto.STRING)
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(element)))

    def _value(self, name: str, element: str, sides: Sequence[int | str | None]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._type(element), list(sides))


_ELEMENTS: Mapping[Kind, str] = {
    Kind.FLOAT: "float64",
    Kind.INT: "int64",
    Kind.BOOL: "bool",
    Kind.STRING: "string",
    Kind.TENSOR: "float64",
}
