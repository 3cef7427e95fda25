"""Small pieces that converters build rows from: one value for every row, columns set side by side, sums of members.

All follow numpy's own order of operations where the last bit matters: sums over members are added one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph import value
from holdall.graph.value import Table


def features(model: Any, values: Var, width: int) -> Table:
    """What `transform` gives, named as the model names its columns; numbered where it has no names to give."""
    try:
        named = [str(name) for name in model.get_feature_names_out()]
    except (AttributeError, ValueError):
        named = []
    if len(named) != width:
        prefix = type(model).__name__.lower()
        named = [f"{prefix}{index}" for index in range(width)]
    return value.matrix(values, named)


def raw_columns(table: Table) -> list[str | None]:
    """The raw column behind each of the table's columns, None where there is no single one."""
    return [None if origin is None else origin.column for origin in value.origins(table)]


def integers(*values: int) -> Var:
    """A constant int64 vector: axes, shapes, positions."""
    return op.const(np.array(values, np.int64))


def repeated(table: Table, constant: Any) -> Var:
    """The same value for every row: constant of shape [k] gives [N, k], a scalar gives [N]. Keeps the element type."""
    array = np.asarray(constant)
    count = op.shape(table[0].values, start=0, end=1)
    if array.ndim == 0:
        return op.expand(op.const(array.reshape(1)), count)
    return op.expand(op.const(array[None]), op.concat([count, integers(*array.shape)], axis=0))


def upright(vector: Var) -> Var:
    """[N] → [N, 1]."""
    return op.unsqueeze(vector, integers(1))


def beside(vectors: Sequence[Var]) -> Var:
    """Vectors [N] set side by side: [N, len(vectors)]."""
    columns = [upright(vector) for vector in vectors]
    return columns[0] if len(columns) == 1 else op.concat(columns, axis=1)


def joined(matrices: Sequence[Var]) -> Var:
    """Matrices [N, k] set side by side."""
    return matrices[0] if len(matrices) == 1 else op.concat(matrices, axis=1)


def total(parts: Sequence[Var]) -> Var:
    """The sum of the parts, added from the first to the last."""
    result = parts[0]
    for part in parts[1:]:
        result = op.add(result, part)
    return result


def projected(values: Var, weights: npt.ArrayLike) -> Var:
    """values @ weights: [N, k] from [N, d] and a constant [d, k], or [N] from a constant [d]."""
    return op.matmul(values, value.constant(weights))
