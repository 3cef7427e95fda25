"""One conversion: the graph's inputs from a schema, what it refuses, where its thresholds lie, and its final bytes.

The order is always: `Conversion(schema)` → a framework's converters take `conversion.table` and call `refuse` and
`boundary` on the way → `finish(outputs)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import spox
import spox.opset.ai.onnx.v21 as op
from onnx import ValueInfoProto, helper
from spox import Tensor, Var

from holdall.graph.exactness import keep_near_ones
from holdall.graph.value import Block, Origin, Table, select
from holdall.spec.manifest import Tolerance
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import GraphInput, Guard, StepOutput

ELEMENT = {
    Kind.FLOAT: np.float64,
    Kind.INT: np.int64,
    Kind.TIMESTAMP: np.int64,
    Kind.DATE: np.int64,
    Kind.BOOL: np.bool_,
    Kind.STRING: np.str_,
}
REFUSED = "refused"
ROWS = "rows"


@dataclass(frozen=True)
class Graph:
    """A finished graph. model: the ONNX bytes, the same for the same conversion. boundaries: raw values, by column, at
    which the model's answer may change."""

    model: bytes
    inputs: tuple[GraphInput, ...]
    outputs: tuple[StepOutput, ...]
    guards: tuple[Guard, ...]
    boundaries: Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Witness:
    """What a step of the live model was given for some rows of the sample, and what it answered. wrote: whether it wrote into
    what it was given."""

    given: Any
    answer: Any
    wrote: bool = False


class Conversion:
    """The state of one conversion.

    table: the schema's input columns in order, as the live model's data frame would have them.
    single: set by a converter whose live model answers in float32 whatever it is given.
    tolerance: set by it too, to what such answers are held to where all else is in double.
    witnesses: by the identity of a step, for those that can only be followed by running them.
    Raises ValueError for kinds that a graph cannot take (binary, ragged lists).
    """

    def __init__(self, schema: Schema, witnesses: Mapping[int, Witness] | None = None) -> None:
        self.schema = schema
        self.witnesses = witnesses or {}
        self.single = False
        self.tolerance: Tolerance | None = None
        self._guards: list[tuple[Var, tuple[Guard, ...]]] = []
        self._boundaries: dict[str, list[npt.NDArray[np.float64]]] = {}
        self._arguments: dict[str, Var] = {}
        self.inputs = _group(schema.inputs)
        blocks: dict[str, tuple[Block, int]] = {}
        fields = {field.name: field for field in schema.inputs}
        for group in self.inputs:
            values = self._argument(group.name, ELEMENT[group.kind], len(group.columns))
            nulls = None if group.mask is None else self._argument(group.mask, np.bool_, len(group.columns))
            block = Block(
                group.kind,
                values,
                group.columns,
                nulls,
                tuple(Origin(name, _same) for name in group.columns),
                group.kind is Kind.FLOAT and all(fields[name].dtype == "float32" for name in group.columns),
                tuple(fields[name].dtype for name in group.columns),
            )
            for index, name in enumerate(group.columns):
                blocks[name] = (block, index)
        self.table = _in_order(schema.inputs, blocks)

    def _argument(self, name: str, element: type, columns: int) -> Var:
        variable = spox.argument(Tensor(element, (ROWS, columns)))
        self._arguments[name] = variable
        return variable

    def refuse(
        self, where: Var, step: str, reason: str, columns: Sequence[str | None], *, narrower: bool = False
    ) -> None:
        """Rows that the live model refuses. where: bool [N, len(columns)]; columns: the raw column at fault, or None;
        narrower: see `Guard`."""
        guards = tuple(Guard(column=column, reason=reason, step=step, narrower=narrower) for column in columns)
        self._guards.append((where, guards))

    def boundary(self, origin: Origin | None, thresholds: npt.NDArray[np.float64]) -> None:
        """Tell that the answer may change at these values of a column that comes from `origin`."""
        if origin is not None and len(thresholds):
            with np.errstate(all="ignore"):
                raw = np.asarray(origin.inverse(np.asarray(thresholds, np.float64)), np.float64)
            self._boundaries.setdefault(origin.column, []).append(raw[np.isfinite(raw)])

    def finish(self, outputs: Mapping[str, tuple[Var, Sequence[str]]], masks: Mapping[str, Var] | None = None) -> Graph:
        """The graph with these outputs: graph output name → (value, names of the columns it holds).

        masks: by output name, a bool value of the same shape that is true where the output holds a null.
        """
        nulls = masks or {}
        results = {name: value for name, (value, _) in outputs.items()}
        results |= {f"{name}_null": mask for name, mask in nulls.items()}
        if self._guards:
            reasons = [where for where, _ in self._guards]
            results[REFUSED] = reasons[0] if len(reasons) == 1 else op.concat(reasons, axis=1)
        proto = spox.build(self._arguments, results, drop_unused_inputs=True)
        inputs = self._settled(proto)
        keep_near_ones(proto.graph)
        return Graph(
            model=proto.SerializeToString(deterministic=True),
            inputs=inputs,
            outputs=tuple(
                StepOutput(name=name, columns=tuple(columns), mask=f"{name}_null" if name in nulls else None)
                for name, (_, columns) in outputs.items()
            ),
            guards=tuple(guard for _, guards in self._guards for guard in guards),
            boundaries={name: np.unique(np.concatenate(parts)) for name, parts in self._boundaries.items()},
        )

    def _settled(self, proto: Any) -> tuple[GraphInput, ...]:
        """What the graph takes in the end. Its bytes must be the same from run to run."""
        # Dropping unused inputs leaves the others in an order that changes from run to run.
        declared = sorted(proto.graph.input, key=lambda value: list(self._arguments).index(value.name))
        del proto.graph.input[:]
        used = {value.name for value in declared}
        for group in self.inputs:
            if group.mask in used and group.name not in used:
                # Of these columns only what is missing matters; their values are given all the same.
                declared.append(_declared(group))
        proto.graph.input.extend(declared)
        return tuple(
            GraphInput(name=g.name, kind=g.kind, columns=g.columns, mask=g.mask if g.mask in used else None)
            for g in self.inputs
            if g.name in used or g.mask in used
        )


def _declared(group: GraphInput) -> ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(np.dtype(ELEMENT[group.kind]))
    return helper.make_tensor_value_info(group.name, element, [ROWS, len(group.columns)])


def _same(raw: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return raw


def _group(fields: Sequence[Field]) -> tuple[GraphInput, ...]:
    """One input per kind, with a mask where a column of it may be null."""
    groups = []
    for kind in Kind:
        members = [field for field in fields if field.carrier is kind]
        if not members:
            continue
        if kind not in ELEMENT:
            raise ValueError(f"a graph takes no columns of kind {kind}: {', '.join(f.name for f in members)}")
        masked = kind is not Kind.FLOAT and any(field.nullable for field in members)
        groups.append(
            GraphInput(
                name=kind.value,
                kind=kind,
                columns=tuple(field.name for field in members),
                mask=f"{kind.value}_null" if masked else None,
            )
        )
    return tuple(groups)


def _in_order(fields: Sequence[Field], blocks: Mapping[str, tuple[Block, int]]) -> Table:
    """The columns in the schema's order, each run of one kind one block."""
    groups = tuple({id(block): block for block, _ in blocks.values()}.values())
    names = [name for block in groups for name in block.names]
    return select(groups, [names.index(field.name) for field in fields])
