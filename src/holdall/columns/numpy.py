"""NumPy: a matrix, whose columns have no names, or a structured array, which names its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdall.columns.arrays import from_array
from holdall.columns.batch import UNITS, Array, Batch, Column
from holdall.columns.names import unique
from holdall.errors import InputError
from holdall.spec.schema import Kind


def from_numpy(array: Array, names: Sequence[str] | None = None) -> Batch:
    """The columns of a matrix [rows, columns] or of a structured array [rows].

    names: of a matrix's columns, in order; None: x0, x1 … Where one name is given, an array of more than two dimensions
    is that column's tensor. Raises InputError.
    """
    fields = array.dtype.names
    if fields is not None:
        if array.ndim != 1:
            raise InputError("a structured array has one dimension", hint="array.ravel()")
        return Batch({name: from_array(name, array[name]) for name in unique(fields)}, len(array))
    if array.ndim > 2 and names is not None and len(names) == 1:
        return Batch({names[0]: from_array(names[0], array)}, len(array))
    if array.ndim != 2:
        raise InputError(
            f"a NumPy table has two dimensions, rows and columns; this one has {array.ndim}",
            hint="array.reshape(-1, 1) for one column, array.reshape(1, -1) for one row",
        )
    columns = array.shape[1]
    names = [f"x{index}" for index in range(columns)] if names is None else list(names)
    if len(names) != columns:
        raise InputError(
            f"the matrix has {columns} columns, expected were {len(names)}",
            hint="the columns stand in the order of the schema; `holdall show REF` prints it",
        )
    return Batch({name: from_array(name, array[:, index]) for index, name in enumerate(unique(names))}, len(array))


def to_numpy(batch: Batch) -> Array:
    """A structured array [rows] with one field a column.

    Text is fixed-width unicode, times datetime64[us], dates datetime64[D] (NaT for null), integers with nulls float64;
    booleans, text and bytes with nulls, bytes and lists are objects (None for null).
    """
    parts = {name: values(batch[name]) for name in batch}
    layout: list[Any] = [(name, part.dtype, part.shape[1:]) for name, part in parts.items()]
    result = np.empty(batch.rows, np.dtype(layout))
    for name, part in parts.items():
        result[name] = part
    return result


def values(column: Column, text: Any = str) -> Array:
    """The array of one column. text: the type of text without nulls: `str` for fixed-width unicode, or `object`."""
    kind, nulls = column.kind, column.nulls
    if kind in UNITS:
        moments = column.values.astype(UNITS[kind])
        if nulls is not None:
            moments[nulls] = np.datetime64("NaT")
        return moments
    if nulls is None:
        return column.values.astype(text) if kind is Kind.STRING else column.values
    numbers = kind in (Kind.INT, Kind.TENSOR)
    array = column.values.astype(np.float64 if numbers else object)
    array[nulls] = np.nan if numbers else None
    return array
