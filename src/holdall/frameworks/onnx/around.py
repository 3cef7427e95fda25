"""What is put around a graph: the inputs that holdall feeds before it, the outputs that holdall reads behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdall.columns.batch import Array
from holdall.frameworks.onnx.ports import Port, whole_bounds
from holdall.frameworks.onnx.results import Result
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import GraphInput, StepOutput

OWN = "holdall_"
REFUSED = "refused"
LARGE = 2**31 - 1
"""A bound from here on is a kind of number's own."""
_OPSET = 15
"""For graphs that use no operator of the standard's own set and so import none."""


def nodes_of(graph: Any) -> Iterator[Any]:
    pending = [graph]
    while pending:
        for node in pending.pop().node:
            yield node
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    pending.append(attribute.g)
                pending += attribute.graphs


def ranges_of(ports: Sequence[Port], places: Mapping[str, tuple[str, ...]]) -> list[Range]:
    """The ranges of tensors that travel as doubles to a port of whole numbers, and of what is sealed as a constant."""
    found = []
    for port in ports:
        bounds = whole_bounds(port.element)
        if port.columns == 0 and bounds is not None:
            low, high = (np.array([bound], np.float64) for bound in bounds)
            found.append(Range(places[port.name][0], low, high, whole=True))
        elif port.constant is not None:
            value = np.array([port.constant], np.float64)
            found.append(Range(places[port.name][0], value, value, whole=False, exact=True))
    return found


def outputs_of(found: Sequence[Result]) -> tuple[StepOutput, ...]:
    """The outputs as a step has them."""
    return tuple(StepOutput(name=f"{OWN}output_{index}", columns=result.columns) for index, result in enumerate(found))


def groups_of(fields: Sequence[Field]) -> tuple[GraphInput, ...]:
    """One input for each kind of column, one for each tensor."""
    groups = []
    for kind in (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.STRING):
        names = tuple(field.name for field in fields if field.carrier is kind)
        if names:
            groups.append(GraphInput(name=f"{OWN}{kind.value}", kind=kind, columns=names))
    tensors = [field for field in fields if field.kind is Kind.TENSOR]
    groups += [
        GraphInput(name=f"{OWN}tensor_{index}", kind=Kind.TENSOR, columns=(field.name,))
        for index, field in enumerate(tensors)
    ]
    return tuple(groups)


@dataclass(frozen=True)
class Range:
    """What numbers of a column the model takes. low, high: [1], or one for each place of a tensor's last axis.

    whole: fractions are refused; else what counts is the number without its fraction, where it is not `exact`.
    """

    column: str
    low: Array
    high: Array
    whole: bool
    exact: bool = False

    @property
    def reason(self) -> str:
        """As a refusal says it."""
        if (self.low == self.high).all() and len(self.low) == 1:
            return f"the graph is sealed for {float(self.low[0]):.15g} here"
        kind = "a whole number" if self.whole else "a number"
        if len(self.low) > 1:
            return f"{kind} within the range of its own place is expected"
        low, high = int(self.low.min()), int(self.high.max())
        if max(abs(low), abs(high)) >= LARGE:
            return f"{kind} is expected" if low < 0 else f"{kind} of at least {low} is expected"
        return f"{kind} from {low} to {high} is expected"


def wrapped(
    model: Any,
    ports: Sequence[Port],
    places: Mapping[str, tuple[str, ...]],
    found: Sequence[Result],
    groups: Sequence[GraphInput],
    schema: Schema,
    ranges: Sequence[Range] = (),
) -> bytes:
    """The bytes of the graph with operators before and behind it; the same for the same graph and schema.

    places: which columns feed each port. ranges: columns whose numbers are held to one, by the graph's output `refused`
    in this order. Raises ValueError for a graph that holdall's own names would get in the way of.
    """
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    taken = {name for node in nodes_of(graph) for name in (*node.input, *node.output)} | {p.name for p in ports}
    if any(name.startswith(OWN) or name == REFUSED for name in taken):
        raise ValueError(f"the graph has names that are {REFUSED} or begin with {OWN}, as holdall's own do")
    if not any(entry.domain in ("", "ai.onnx") for entry in made.opset_import):
        made.opset_import.add(domain="", version=_OPSET)
    around = _Around(onnx, schema, groups, next(e.version for e in made.opset_import if e.domain in ("", "ai.onnx")))
    around.hold(ranges)
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
    def __init__(self, onnx: Any, schema: Schema, groups: Sequence[GraphInput], opset: int) -> None:
        self._onnx = onnx
        self._opset = opset
        self._held: dict[str, str] = {}
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

    def hold(self, ranges: Sequence[Range]) -> None:
        """The output `refused` for these ranges; the graph itself is given a number that it takes in the place of others."""
        flags: list[str] = []
        for group in self._groups:
            own = [held for held in ranges if held.column in group.columns]
            if not own:
                continue
            element = _ELEMENTS[group.kind]
            low, high = self._bounds(group, own, element)
            outside = self._outside(group.name, low, high, element, group.kind is Kind.TENSOR, own[0].exact)
            fill = self._values(np.clip(np.zeros_like(low), low, high), element)
            self._held[group.name] = self._add(self.front, "Where", [outside, fill, group.name])
            for held in own:
                if group.kind is Kind.TENSOR:
                    flags.append(self._any(outside))
                else:
                    place = self._constant(np.array([group.columns.index(held.column)]))
                    flags.append(self._add(self.front, "Gather", [outside, place], axis=1))
        if flags:
            self._add(self.front, "Concat", flags, output=REFUSED, axis=1)
            self.outputs.append(self._value(REFUSED, "bool", ["rows", len(flags)]))

    def _bounds(self, group: GraphInput, own: Sequence[Range], element: str) -> tuple[Array, Array]:
        if group.kind is Kind.TENSOR:
            return own[0].low.astype(element), own[0].high.astype(element)
        least, most = (-np.inf, np.inf) if element == "float64" else (-(2**63), 2**63 - 1)
        low, high = np.full(len(group.columns), least, element), np.full(len(group.columns), most, element)
        for held in own:
            place = group.columns.index(held.column)
            low[place], high[place] = held.low[0], held.high[0]
        return low, high

    def _outside(self, value: str, low: Array, high: Array, element: str, whole: bool, exact: bool) -> str:
        """[rows, …], true where a number is outside. NaN in a column of floats is none of this."""
        lowest, highest = self._values(low, element), self._values(high, element)
        above, below = value, value
        if element == "float64" and not whole and not exact:
            above = self._add(self.front, "Floor", [value])
            below = self._add(self.front, "Ceil", [value])
        outside = self._add(
            self.front,
            "Or",
            [
                self._add(self.front, "Less", [below, lowest]),
                self._add(self.front, "Greater", [above, highest]),
            ],
        )
        if element != "float64" or not whole:
            return outside
        # A NaN is no whole number either: it is not less than anything.
        rest = self._add(self.front, "Sub", [value, self._add(self.front, "Floor", [value])])
        sound = self._add(self.front, "Less", [rest, self._values(np.array([1e-300]), "float64")])
        return self._add(self.front, "Or", [outside, self._add(self.front, "Not", [sound])])

    def _any(self, flags: str) -> str:
        """[rows, 1], true where any of a row's flags is set."""
        numbers = self._add(self.front, "Cast", [flags], to=self._type("float32"))
        flat = self._add(self.front, "Flatten", [numbers], axis=1)
        if self._opset < 18:
            most = self._add(self.front, "ReduceMax", [flat], axes=[1], keepdims=1)
        else:
            most = self._add(self.front, "ReduceMax", [flat, self._constant(np.array([1]))], keepdims=1)
        return self._add(self.front, "Cast", [most], to=self._type("bool"))

    def before(self, port: Port, columns: Sequence[str]) -> None:
        """From the matrices to this input of the graph, by the name that the graph has for it."""
        if port.columns == 0:
            value = self._cast(self.front, self._given(self._group(columns[0])), "float64", port.element)
            order = list(range(1, len(port.shape) + 1))
            order.insert(port.axis, 0)
            self._move(value, order, port.name)
            return
        if port.constant is not None:
            constant = self._onnx.numpy_helper.from_array(np.array(port.constant, port.element))
            self._add(self.front, "Constant", [], output=port.name, value=constant)
            return
        parts = []
        for group, names in self._runs(columns):
            value = self._given(group)
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
        name = f"{OWN}output_{index}"
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

    def _given(self, group: GraphInput) -> str:
        return self._held.get(group.name, group.name)

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

    def _values(self, values: Array, element: str) -> str:
        tensor = self._onnx.numpy_helper.from_array(values.astype(element))
        return self._add(self.front, "Constant", [], value=tensor)

    def _constant(self, values: Array, nodes: list[Any] | None = None) -> str:
        tensor = self._onnx.numpy_helper.from_array(values.astype(np.int64))
        return self._add(self.front if nodes is None else nodes, "Constant", [], value=tensor)

    def _add(
        self, nodes: list[Any], operator: str, inputs: list[str], output: str | None = None, **settings: Any
    ) -> str:
        self._count += 1
        name = output or f"{OWN}value_{self._count}"
        nodes.append(self._onnx.helper.make_node(operator, inputs, [name], name=f"{OWN}node_{self._count}", **settings))
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
