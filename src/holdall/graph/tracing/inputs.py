"""The raw columns of a trace, one by one: a graph's inputs hold only those that the functions used.

A table has columns that a function never looks at, and text costs more to hand over than most functions cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import spox
from spox import Tensor, Var

from holdall.graph.conversion import ELEMENT, ROWS, Conversion
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import GraphInput

_COUNT = "row_count"


class RawColumns(Conversion):
    """A conversion that takes the raw columns one by one.

    rows: int64 [1], how many rows the table has. Raises ValueError for kinds that a graph cannot take.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        super().__init__(Schema(inputs=tuple(fields), outputs=()))
        self.rows = self._arguments[_COUNT] = spox.argument(Tensor(np.int64, (1,)))
        self._places = {name: (group, place) for group in self.inputs for place, name in enumerate(group.columns)}

    def column(self, name: str) -> tuple[Kind, Var, Var | None]:
        """Its kind, its values [N], and where they are missing; None where none of its kind can be."""
        group, place = self._places[name]
        values = self._arguments[_of(group.name, place)] = spox.argument(Tensor(ELEMENT[group.kind], (ROWS,)))
        if group.mask is None:
            return group.kind, values, None
        nulls = self._arguments[_of(group.mask, place)] = spox.argument(Tensor(np.bool_, (ROWS,)))
        return group.kind, values, nulls

    def _settled(self, proto: Any) -> tuple[GraphInput, ...]:
        from onnx import TensorProto, helper

        used = {value.name for value in proto.graph.input}
        groups = [group for group in (self._narrowed(group, used) for group in self.inputs) if group.columns]
        if not groups:
            # What is the same in every row still has to know how many there are.
            cheapest = min(self.inputs, key=lambda group: group.kind is Kind.STRING)
            groups = [msgspec.structs.replace(cheapest, columns=cheapest.columns[:1], mask=None)]
        nodes, declared = [], []
        for group in groups:
            matrices = {group.name: helper.np_dtype_to_tensor_dtype(np.dtype(ELEMENT[group.kind]))}
            if group.mask is not None:
                matrices[group.mask] = TensorProto.BOOL
            for matrix, element in matrices.items():
                columns = [_of(matrix, self._places[name][1]) for name in group.columns]
                taken = [(place, column) for place, column in enumerate(columns) if column in used]
                declared.append(helper.make_tensor_value_info(matrix, element, [ROWS, len(columns)]))
                for place, column in taken:
                    at = helper.make_tensor(f"{column}_place", TensorProto.INT64, [], [place])
                    nodes.append(helper.make_node("Constant", [], [at.name], value=at))
                    nodes.append(helper.make_node("Gather", [matrix, at.name], [column], axis=1))
        if _COUNT in used:
            nodes.append(helper.make_node("Shape", [declared[0].name], [_COUNT], start=0, end=1))
        nodes += proto.graph.node
        copies = [type(node).FromString(node.SerializeToString(deterministic=True)) for node in nodes]
        del proto.graph.input[:], proto.graph.node[:]
        proto.graph.input.extend(declared)
        proto.graph.node.extend(copies)
        return tuple(groups)

    def _narrowed(self, group: GraphInput, used: set[str]) -> GraphInput:
        """The group with only the columns whose values or nulls are used."""

        def is_used(matrix: str | None, name: str) -> bool:
            return matrix is not None and _of(matrix, self._places[name][1]) in used

        columns = tuple(name for name in group.columns if is_used(group.name, name) or is_used(group.mask, name))
        masked = any(is_used(group.mask, name) for name in columns)
        return msgspec.structs.replace(group, columns=columns, mask=group.mask if masked else None)


def _of(matrix: str, place: int) -> str:
    return f"{matrix}_{place}"
