"""One NumPy array as a column: shared by every table that keeps its columns in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Column
from holdall.columns.objects import beyond_int64, from_objects
from holdall.errors import InputError
from holdall.spec.schema import Kind, Missing

SAMPLED = 1024
"""So many rows tell whether a column of text repeats itself."""


def from_array(name: str, array: Array, dtype: str | None = None) -> Column:
    """The column that an array is. [rows] of any kind, or [rows, …] of numbers, which is a TENSOR.

    dtype: what the caller's table calls it, where not as NumPy does. A double array is shared, not copied.
    Raises InputError.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{name}: masked arrays are not read", hint="fill it: array.filled(numpy.nan)")
    dtype = dtype or _name(array.dtype)
    kind = array.dtype.kind
    if array.ndim > 1:
        if kind not in "biuf":
            raise InputError(f"{name}: an array a row holds numbers, not {array.dtype}", hint="convert it to numbers")
        return Column(Kind.TENSOR, array, None, dtype)
    if kind == "f":
        values = array if array.dtype == np.float64 else array.astype(np.float64)
        return Column(Kind.FLOAT, values, None, dtype, Missing.NAN if has_nan(values) else None)
    if kind in "iu":
        return Column(Kind.INT, to_int64(name, array), None, dtype)
    if kind == "b":
        return Column(Kind.BOOL, array, None, dtype)
    if kind == "O":
        return from_objects(name, array.tolist(), "object")
    if kind == "M":
        return _from_moments(name, array, dtype)
    if kind == "U":
        return Column(Kind.STRING, array.astype(object), None, "object")
    if kind == "S":
        return Column(Kind.BINARY, array.astype(object), None, "object")
    if kind == "T":
        return from_objects(name, array.tolist(), "object")
    raise unsupported(name, str(array.dtype))


@lru_cache(maxsize=256)
def _name(dtype: Any) -> str:
    """NumPy makes a dtype's name anew each time, which for one row costs more than reading it."""
    name: str = dtype.name
    return name


def has_nan(values: Array) -> bool:
    """Whether a float array holds a NaN. The least value of an array with a NaN is NaN: one pass, nothing allocated."""
    if len(values) == 1:
        return bool(values[0] != values[0])
    return bool(np.isnan(values.min())) if len(values) else False


def to_int64(name: str, values: Array) -> Array:
    """Any integers as int64. Raises InputError naming the row of one that does not fit."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 8 and len(values):
        row = int(values.argmax())
        if int(values[row]) >= 2**63:
            raise beyond_int64(name, row, int(values[row]))
    return values if values.dtype == np.int64 else values.astype(np.int64)


def _from_moments(name: str, array: Array, dtype: str) -> Column:
    unit, _ = np.datetime_data(array.dtype)
    if unit == "generic":
        raise unsupported(name, str(array.dtype))
    nulls = np.isnat(array)
    is_date = unit in ("D", "W", "M", "Y")
    values = array.astype("datetime64[D]" if is_date else "datetime64[us]").astype(np.int64)
    kind = Kind.DATE if is_date else Kind.TIMESTAMP
    if not nulls.any():
        return Column(kind, values, None, dtype)
    values[nulls] = 0
    return Column(kind, values, nulls, dtype, Missing.NAT)


def repeats(first: Sequence[Any]) -> bool:
    """Whether text that begins so seems to be few words again and again, so that each is worth making only once."""
    return len(set(first)) <= len(first) // 4


def unsupported(name: str, dtype: str) -> InputError:
    """The error for a column type that has no kind."""
    hint = "a column holds booleans, numbers, text, times, dates, bytes, or lists of numbers"
    if "timedelta" in dtype.lower() or "duration" in dtype.lower():
        hint = "turn the duration into a number, for instance of seconds"
    return InputError(f"{name}: columns of type {dtype} are not read", hint=hint, path=name, dtype=dtype)
