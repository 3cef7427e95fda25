"""Arrow tables and record batches. Numbers are read without a copy where Arrow holds them in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdall.columns.arrays import SAMPLED, has_nan, repeats, to_int64, unsupported
from holdall.columns.batch import Array, Batch, Column, Mask, listed
from holdall.columns.names import unique
from holdall.columns.objects import from_objects, spread
from holdall.errors import MissingDependency
from holdall.spec.schema import Kind, Missing


def from_arrow(table: Any) -> Batch:
    """The columns of a pyarrow Table or RecordBatch. Raises InputError."""
    names = unique(table.schema.names)
    columns = {name: from_chunked(name, column) for name, column in zip(names, table.columns, strict=True)}
    return Batch(columns, table.num_rows)


def from_chunked(name: str, array: Any) -> Column:
    """The column that a pyarrow Array or ChunkedArray is. Raises InputError."""
    import pyarrow
    from pyarrow import compute, types

    if isinstance(array, pyarrow.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    dtype = array.type
    text = str(dtype)
    nulls = compute.is_null(array).to_numpy(zero_copy_only=False) if array.null_count else None
    missing = None if nulls is None else Missing.NONE
    if types.is_null(dtype):
        return Column(Kind.FLOAT, np.full(len(array), np.nan), None, text, missing)
    if types.is_floating(dtype) or types.is_decimal(dtype):
        values = array.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        if missing is None and has_nan(values):
            missing = Missing.NAN
        return Column(Kind.FLOAT, values, None, text, missing)
    if types.is_boolean(dtype):
        values = _filled(array, nulls, False).to_numpy(zero_copy_only=False)
        return Column(Kind.BOOL, values, nulls, text, missing)
    if types.is_integer(dtype):
        return Column(Kind.INT, to_int64(name, _filled(array, nulls, 0).to_numpy()), nulls, text, missing)
    if types.is_string(dtype) or types.is_large_string(dtype) or text == "string_view":
        if len(array) >= SAMPLED and repeats(array[:SAMPLED].to_pylist()):
            return _from_dictionary(name, array.dictionary_encode(), nulls, text, missing)
        # `string_view` has no fill of its own in every release.
        values = _filled(array.cast(pyarrow.large_string()), nulls, "").to_numpy(zero_copy_only=False)
        return Column(Kind.STRING, values, nulls, text, missing)
    if types.is_date(dtype):
        days = array.cast(pyarrow.date32()).cast(pyarrow.int32()).cast(pyarrow.int64())
        return Column(Kind.DATE, _filled(days, nulls, 0).to_numpy(), nulls, text, missing)
    if types.is_timestamp(dtype):
        return Column(
            Kind.TIMESTAMP, _microseconds(_filled(array.cast(pyarrow.int64()), nulls, 0), dtype), nulls, text, missing
        )
    if types.is_dictionary(dtype):
        return _from_dictionary(name, array, nulls, text, missing)
    return _from_nested(name, array, nulls, text, missing)


def _filled(array: Any, nulls: Mask | None, value: Any) -> Any:
    return array if nulls is None else array.fill_null(value)


def _microseconds(array: Any, dtype: Any) -> Array:
    moments: Array = array.to_numpy().astype(f"datetime64[{dtype.unit}]").astype("datetime64[us]").astype(np.int64)
    return moments


def _from_dictionary(name: str, array: Any, nulls: Mask | None, text: str, missing: Missing | None) -> Column:
    categories = from_chunked(name, array.dictionary)
    codes = _filled(array.indices, nulls, 0).to_numpy().astype(np.int64)
    if nulls is None:
        return Column(categories.kind, categories.values[codes], None, text, missing)
    rows = np.flatnonzero(~nulls)
    column = spread(Column(categories.kind, categories.values[codes[rows]]), rows, len(codes))
    return Column(column.kind, column.values, column.nulls, text, missing)


def _from_nested(name: str, array: Any, nulls: Mask | None, text: str, missing: Missing | None) -> Column:
    from pyarrow import types

    dtype = array.type
    if hasattr(array, "to_numpy_ndarray") and nulls is None:
        return Column(Kind.TENSOR, array.to_numpy_ndarray(), None, text)
    binary = types.is_binary(dtype) or types.is_large_binary(dtype) or types.is_fixed_size_binary(dtype)
    lists = types.is_list(dtype) or types.is_large_list(dtype) or types.is_fixed_size_list(dtype)
    if not (binary or lists or text == "binary_view"):
        raise unsupported(name, text)
    column = from_objects(name, array.to_pylist())
    return Column(column.kind, column.values, column.nulls, text, missing)


def to_arrow(batch: Batch) -> Any:
    """A pyarrow Table: bool, int64, double, string, timestamp[us], date32, binary, fixed-size or plain lists.

    A null is a null, NaN too. Times with a zone in `dtype` have the zone UTC. Raises MissingDependency.
    """
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise MissingDependency("pyarrow", "holdall[batch]", "an Arrow table") from None
    arrays = [_to_array(pyarrow, batch[name]) for name in batch]
    if not arrays:
        return pyarrow.table({"": pyarrow.nulls(batch.rows)}).drop_columns([""])
    return pyarrow.table(arrays, names=list(batch))


def _to_array(pyarrow: Any, column: Column) -> Any:
    kind = column.kind
    if kind in (Kind.TENSOR, Kind.LIST):
        return _to_nested(pyarrow, column)
    nulls = column.null_mask()
    mask = nulls if nulls.any() else None
    if kind is Kind.TIMESTAMP:
        dtype = pyarrow.timestamp("us", "UTC" if column.zoned else None)
        return pyarrow.array(column.values, pyarrow.int64(), mask=mask).cast(dtype)
    if kind is Kind.DATE:
        return pyarrow.array(column.values.astype(np.int32), pyarrow.int32(), mask=mask).cast(pyarrow.date32())
    dtype = {
        Kind.BOOL: pyarrow.bool_(),
        Kind.INT: pyarrow.int64(),
        Kind.FLOAT: pyarrow.float64(),
        Kind.STRING: pyarrow.string(),
        Kind.BINARY: pyarrow.binary(),
    }[kind]
    return pyarrow.array(column.values, dtype, mask=mask)


def _to_nested(pyarrow: Any, column: Column) -> Any:
    values, nulls = column.values, column.null_mask()
    if column.kind is Kind.LIST:
        held = listed(column)
        element = pyarrow.string() if held.kind in "OU" else pyarrow.from_numpy_dtype(held)
        dtype = pyarrow.list_(element)
    else:
        dtype = pyarrow.from_numpy_dtype(values.dtype)
        for length in reversed(values.shape[1:]):
            dtype = pyarrow.list_(dtype, length)
    rows = [None if gone else row.tolist() for row, gone in zip(values, nulls.tolist(), strict=True)]
    return pyarrow.array(rows, dtype)
