"""A batch: name → column. The one form in which values cross every threshold of the run half.

Arrays by kind (axis 0 is rows):

    BOOL       numpy bool                  FLOAT   numpy float64; NaN is a null
    INT        numpy int64                 STRING  numpy object array of str
    TIMESTAMP  numpy int64, µs UTC         BINARY  numpy object array of bytes
    DATE       numpy int64, days           TENSOR  numpy array [rows, …], any numeric dtype
                                           LIST    numpy object array of 1-d numeric arrays

`nulls` is a bool array [rows] or None where no value is missing; below a set mask the value is 0, False, '' or b''.
A FLOAT column has no mask: NaN is its null, as in the frames that models are fitted on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from holdall.spec.schema import Kind, Missing

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

DTYPES: dict[Kind, Any] = {
    Kind.BOOL: np.bool_,
    Kind.INT: np.int64,
    Kind.FLOAT: np.float64,
    Kind.STRING: object,
    Kind.TIMESTAMP: np.int64,
    Kind.DATE: np.int64,
    Kind.BINARY: object,
}

UNITS: dict[Kind, str] = {Kind.TIMESTAMP: "datetime64[us]", Kind.DATE: "datetime64[D]"}
"""As what NumPy reads the integers of these kinds."""

FILL: dict[Kind, Any] = {Kind.BOOL: False, Kind.FLOAT: np.nan, Kind.STRING: "", Kind.BINARY: b""}
"""What stands below a set null; 0 for every other kind."""


_ZONE = re.compile(r"\[\w+, |time_zone='")
"""How pandas, Arrow and polars write a time zone into a dtype's text."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column.

    dtype: the dtype text that the column had in the caller's table, where it came from one.
    missing: the marker by which the caller's table showed a missing value, where one was seen.
    """

    kind: Kind
    values: Array
    nulls: Mask | None = None
    dtype: str | None = None
    missing: Missing | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def zoned(self) -> bool:
        """Whether the caller's table gave these times a zone; the values are UTC either way."""
        return self.dtype is not None and _ZONE.search(self.dtype) is not None

    def take(self, rows: Any) -> Column:
        """The rows chosen by an index array, a mask or a slice."""
        nulls = None if self.nulls is None else self.nulls[rows]
        return Column(self.kind, self.values[rows], nulls, self.dtype, self.missing)

    def null_mask(self) -> Mask:
        """[rows], true where the value is missing."""
        if self.kind is Kind.FLOAT:
            return np.isnan(self.values)
        return np.zeros(len(self.values), np.bool_) if self.nulls is None else self.nulls

    def to_list(self) -> list[Any]:
        """Plain Python values, None for a null (NaN included)."""
        values: list[Any] = self.values.tolist()
        mask = self.null_mask()
        if mask.any():
            for row in np.flatnonzero(mask):
                values[row] = None
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Columns of the same length, in order. `rows` is known even where there is no column."""

    columns: Mapping[str, Column]
    rows: int

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return self.rows

    def take(self, rows: Any) -> Batch:
        """The rows chosen by an index array, a mask or a slice, of every column."""
        taken = {name: column.take(rows) for name, column in self.columns.items()}
        count = len(np.arange(self.rows)[rows])
        return Batch(taken, count)

    def select(self, names: Sequence[str]) -> Batch:
        """These columns, in this order. Raises KeyError."""
        return Batch({name: self.columns[name] for name in names}, self.rows)


def all_null(kind: Kind, rows: int, shape: Sequence[int] = ()) -> Column:
    """A column of `rows` nulls. shape: of a TENSOR's row."""
    if kind is Kind.FLOAT:
        return Column(kind, np.full(rows, np.nan))
    if kind is Kind.LIST:
        return Column(kind, ragged([np.empty(0)] * rows), np.ones(rows, np.bool_) if rows else None)
    values = np.full((rows, *shape), FILL.get(kind, 0), DTYPES.get(kind, np.float64))
    return Column(kind, values, np.ones(rows, np.bool_) if rows else None)


TEXT = "text"
"""The dtype of a LIST column whose lists hold text."""
_LISTED = {TEXT: np.dtype(object), "int64": np.dtype(np.int64), "float64": np.dtype(np.float64)}


def listed(column: Column) -> np.dtype[Any]:
    """What the lists of a LIST column hold: as its dtype says, which no list may be there to tell; else as the first one."""
    known = _LISTED.get(column.dtype or "")
    if known is None:
        known = np.asarray(column.values[0]).dtype if len(column) else _LISTED["float64"]
    return known


def ragged(rows: Sequence[Array]) -> Array:
    """An object array with one array a row. (Assigned at once, arrays of one length would become a matrix.)"""
    result = np.empty(len(rows), object)
    for row, values in enumerate(rows):
        result[row] = values
    return result


def text_column(values: Array) -> Column:
    """A STRING column of the objects that a model gave: None and NaN are nulls, everything else is its text."""
    plain = values.tolist()
    nulls = np.array([value is None or value != value for value in plain], np.bool_)  # noqa: PLR0124 — NaN
    text = np.empty(len(plain), object)
    text[:] = ["" if null else str(value) for value, null in zip(plain, nulls.tolist(), strict=True)]
    return Column(Kind.STRING, text, nulls if nulls.any() else None)


def concatenate(batches: Sequence[Batch]) -> Batch:
    """The rows of all, in order. All have the same columns; at least one batch."""
    first = batches[0]
    columns = {}
    for name in first:
        parts = [batch[name] for batch in batches]
        values = np.concatenate([part.values for part in parts])
        masked = any(part.nulls is not None for part in parts)
        nulls = np.concatenate([part.null_mask() for part in parts]) if masked else None
        columns[name] = Column(parts[0].kind, values, nulls, parts[0].dtype, parts[0].missing)
    return Batch(columns, sum(batch.rows for batch in batches))
