"""Values inside a graph that is being built: what a column of the live model's table is as ONNX tensors.

A `Table` is a row of blocks; a block is a matrix [N, width] of one kind. Converters take a Table and give a Table.
Everything numeric is double. A FLOAT block's null is NaN; every other kind's nulls are in `nulls` (None: there can be
none), and the value below a set null is 0, False or ''.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.spec.schema import Kind

Inverse = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Origin:
    """A matrix column that is a monotone image of one raw input column.

    inverse: maps values of this column back to raw values, as closely as doubles can; used to draw rows that fall
    exactly on a tree's threshold.
    """

    column: str
    inverse: Inverse

    def through(self, inverse: Inverse) -> Origin:
        """The origin after one more monotone step whose inverse is given."""
        before = self.inverse
        return Origin(self.column, lambda values: before(inverse(values)))


@dataclass(frozen=True, eq=False)
class Block:
    """A matrix [N, width] of one kind. Var element types: FLOAT double, INT/TIMESTAMP/DATE int64, BOOL bool, STRING string.

    names: the columns' names, as a data frame at this place of the live model would have them.
    origins: for each column where it comes from, or None where no raw column determines it monotonously.
    single: the live model holds these numbers as float32 here and computes in it; the doubles are exactly those floats.
    dtypes: the dtype text of the live model's column ('float32', 'int64', 'datetime64[ns]' …) or None where unknown.
    base, places: the block that these columns were taken from and where; columns that were taken apart are put together
        again from their base with one Gather, or none.
    sparse: the live model holds these columns in a sparse matrix, where zeros are what is not stored.
    """

    kind: Kind
    values: Var
    names: tuple[str, ...]
    nulls: Var | None = None
    origins: tuple[Origin | None, ...] = ()
    single: bool = False
    dtypes: tuple[str | None, ...] = ()
    base: Block | None = None
    places: tuple[int, ...] = ()
    sparse: bool = False

    def __post_init__(self) -> None:
        if not self.origins:
            object.__setattr__(self, "origins", (None,) * len(self.names))
        if not self.dtypes:
            object.__setattr__(self, "dtypes", (None,) * len(self.names))

    @property
    def width(self) -> int:
        return len(self.names)


Table = tuple[Block, ...]


def width(table: Table) -> int:
    """How many columns the table has."""
    return sum(block.width for block in table)


def names(table: Table) -> tuple[str, ...]:
    """The columns' names in order."""
    return tuple(name for block in table for name in block.names)


def origins(table: Table) -> tuple[Origin | None, ...]:
    """The columns' origins in order."""
    return tuple(origin for block in table for origin in block.origins)


def matrix(
    values: Var,
    columns: Sequence[str],
    *,
    origins: Sequence[Origin | None] = (),
    single: bool = False,
) -> Table:
    """A table of one FLOAT block: `values` is double [N, len(columns)]."""
    return (Block(Kind.FLOAT, values, tuple(columns), None, tuple(origins), single),)


def select(table: Table, indices: Sequence[int]) -> Table:
    """The columns at these positions, in this order. Neighbours that come from one block become one block."""
    where = [(block, inside) for block in table for inside in range(block.width)]
    runs: list[tuple[Block, list[int]]] = []
    for index in indices:
        block, inside = where[index]
        base, place = (block, inside) if block.base is None else (block.base, block.places[inside])
        if runs and runs[-1][0] is base:
            runs[-1][1].append(place)
        else:
            runs.append((base, [place]))
    return tuple(_take(base, places) for base, places in runs)


def _take(base: Block, places: list[int]) -> Block:
    if places == list(range(base.width)):
        return base
    index = op.const(np.array(places, np.int64))
    dtypes = tuple(base.dtypes[i] for i in places)
    return replace(
        base,
        single=all(dtype == "float32" for dtype in dtypes) if any(dtypes) else base.single,
        values=op.gather(base.values, index, axis=1),
        nulls=None if base.nulls is None else op.gather(base.nulls, index, axis=1),
        names=tuple(base.names[i] for i in places),
        origins=tuple(base.origins[i] for i in places),
        dtypes=dtypes,
        base=base,
        places=tuple(places),
    )


def rename(table: Table, columns: Sequence[str]) -> Table:
    """The same values under other names."""
    renamed, start = [], 0
    for block in table:
        names_here = tuple(columns[start : start + block.width])
        renamed.append(replace(block, names=names_here, base=None, places=()))
        start += block.width
    return tuple(renamed)


def numeric(table: Table) -> Block:
    """All columns as one FLOAT block, as `numpy.asarray(table, float)` has it: nulls become NaN, True becomes 1.

    Timestamps and dates become numbers in the unit of their dtype text. `single` is kept only where all are single.
    Raises ValueError for text.
    """
    parts = [_to_double(block) for block in table]
    if not parts:
        raise ValueError("a table without columns has no numbers")
    values = parts[0] if len(parts) == 1 else op.concat(parts, axis=1)
    return Block(
        Kind.FLOAT, values, names(table), None, origins(table), bool(table) and all(block.single for block in table)
    )


NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def _to_double(block: Block) -> Var:
    if block.kind is Kind.FLOAT:
        return block.values
    if block.kind not in (Kind.INT, Kind.BOOL, Kind.TIMESTAMP, Kind.DATE):
        raise ValueError(f"columns of kind {block.kind} are not numbers: {', '.join(block.names)}")
    values = op.cast(block.values, to=np.float64)
    if block.kind is Kind.TIMESTAMP:
        units = [(dtype or "").partition("[")[2].rstrip("]").partition(",")[0] or "us" for dtype in block.dtypes]
        factor = np.array([1_000 / NANOSECONDS.get(unit, 1_000) for unit in units])
        if (factor != 1).any():
            values = op.mul(values, op.const(factor))
    if block.nulls is not None:
        values = op.where(block.nulls, op.const(np.float64("nan")), values)
    return values


def concat(tables: Sequence[Table]) -> Table:
    """The columns of all, side by side; neighbouring FLOAT blocks of one precision become one block."""
    merged: list[Block] = []
    for block in (block for table in tables for block in table):
        last = merged[-1] if merged else None
        if last is not None and last.kind is Kind.FLOAT and block.kind is Kind.FLOAT and last.single == block.single:
            merged[-1] = Block(
                Kind.FLOAT,
                op.concat([last.values, block.values], axis=1),
                last.names + block.names,
                None,
                last.origins + block.origins,
                last.single,
                last.dtypes + block.dtypes,
            )
        else:
            merged.append(block)
    return tuple(merged)


def to_single(values: Var) -> Var:
    """Doubles rounded to float32 and back, as sklearn's trees do with their input."""
    return op.cast(op.cast(values, to=np.float32), to=np.float64)


def constant(value: Any, dtype: Any = np.float64) -> Var:
    """A constant tensor of the given element type."""
    return op.const(np.asarray(value, dtype))
