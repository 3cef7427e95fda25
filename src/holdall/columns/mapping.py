"""A dict of columns: name → list, tuple, NumPy array, or one column of pandas, polars or Arrow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from holdall.columns.arrays import from_array
from holdall.columns.batch import Array, Batch, Column
from holdall.columns.objects import from_objects, read_objects
from holdall.columns.problems import Problems
from holdall.columns.records import plain
from holdall.errors import InputError
from holdall.spec.schema import Field, Schema


def from_mapping(columns: Mapping[str, Any], schema: Schema | None = None) -> Batch:
    """The columns under their names.

    schema: where it is known, a list of mixed values is read as its field has it, and what does not fit is named.
    Raises InputError; SchemaMismatch only with a schema.
    """
    fields = {} if schema is None else {field.name: field for field in schema.inputs}
    problems = Problems()
    read = {str(name): _column(str(name), values, fields.get(str(name)), problems) for name, values in columns.items()}
    problems.check()
    lengths = {name: len(column) for name, column in read.items()}
    if len(set(lengths.values())) > 1:
        shortest, longest = min(lengths, key=lambda n: lengths[n]), max(lengths, key=lambda n: lengths[n])
        raise InputError(
            f"column {shortest!r} has {lengths[shortest]} values and column {longest!r} has {lengths[longest]}",
            hint="give every column one value a row",
        )
    return Batch(read, next(iter(lengths.values()), 0))


def is_column(value: Any) -> bool:
    """Whether a value in a dict is a column, not a scalar."""
    return (
        isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0) or _library(value) != ""
    )


def _library(value: Any) -> str:
    """'pandas', 'polars' or 'pyarrow' if it is one column of theirs; nothing is imported for it."""
    for name, classes in (
        ("pandas", ("Series", "Index")),
        ("polars", ("Series",)),
        ("pyarrow", ("Array", "ChunkedArray")),
    ):
        module = sys.modules.get(name)
        if module is not None and any(isinstance(value, getattr(module, cls, ())) for cls in classes):
            return name
    return ""


def _column(name: str, values: Any, field: Field | None, problems: Problems) -> Column:
    library = _library(values)
    if library == "pandas":
        from holdall.columns import pandas

        return pandas.from_series(name, values.array)
    if library == "polars":
        from holdall.columns import polars

        return polars.from_series(name, values)
    if library == "pyarrow":
        from holdall.columns import arrow

        return arrow.from_chunked(name, values)
    if isinstance(values, np.ndarray) and values.ndim > 0:
        return from_array(name, values)
    if isinstance(values, list | tuple):
        return from_objects(name, values) if field is None else read_objects(name, values, field, problems)
    raise InputError(
        f"column {name!r} is {type(values).__name__}, neither a list nor an array",
        hint="give a list of values a column",
    )


def to_mapping(batch: Batch) -> dict[str, list[Any]]:
    """Name → list of plain Python values, None for a null, times and dates as `datetime` has them."""
    return {name: plain(batch[name]) for name in batch}


def to_arrays(batch: Batch) -> dict[str, Array]:
    """Name → NumPy array, each as `to_numpy` has its fields, but text as objects."""
    from holdall.columns.numpy import values

    return {name: values(batch[name], text=object) for name in batch}
