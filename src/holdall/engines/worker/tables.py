"""The table that a model or a function was written for, built again from columns: what a notebook would hand to it.

Encoders tell None from NaN, trees tell a category from a text, and pandas has five kinds of integer column; so the dtype
text and the missing marker of each field are followed to the letter. Where the values do not fit in the dtype (a fraction
or a null in a column of integers), the column becomes what pandas makes of such values.

A column is anything with `kind`, `values` and `null_mask()`, a field anything with `name`, `dtype` and `missing`; kinds and
markers are the words of `holdall.spec.schema`, which is not there where this runs alone.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

KINDS = ("pandas", "numpy", "text", "mappings")
_DATETIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]")
_NUMBER = re.compile(r"(?:u?int(?:8|16|32|64)|float(?:16|32|64))")
_NULLABLE = re.compile(r"(?:U?Int(?:8|16|32|64)|Float(?:32|64)|boolean)")
_DEFAULT = {"bool": "bool", "int": "int64", "float": "float64", "timestamp": "datetime64[us]"}
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def build(columns: Mapping[str, Any], fields: Sequence[Any], rows: int, kind: str) -> Any:
    """The fields' columns, in their order, as a 'pandas' DataFrame, a 2-d 'numpy' array, or for a model that takes
    documents one after the other ('text') its one column as a 1-d array. 'mappings' is a list of dictionaries, one a row, from
    which what is missing is left out.

    An array has the fields' common dtype where they share one, else float64; object where a column is no number.
    Raises KeyError for a column that is lacking, ModuleNotFoundError, ValueError for another kind of table.
    """
    if kind == "numpy":
        return _matrix(columns, fields, rows)
    if kind == "text":
        (field,) = fields
        return _objects(columns[field.name], columns[field.name].null_mask(), field)
    if kind == "mappings":
        return _mappings(columns, fields, rows)
    if kind != "pandas":
        raise ValueError(f"a table is {', '.join(KINDS)}, not {kind!r}")
    import pandas

    series = {field.name: _series(columns[field.name], field) for field in fields}
    return pandas.DataFrame(series, index=pandas.RangeIndex(rows))


def _mappings(columns: Mapping[str, Any], fields: Sequence[Any], rows: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{} for _ in range(rows)]
    for field in fields:
        column = columns[field.name]
        nulls = column.null_mask()
        values = _objects(column, nulls, field)
        for row in np.flatnonzero(~nulls).tolist():
            made[row][field.name] = values[row]
    return made


def _series(column: Any, field: Any) -> Any:
    import pandas

    dtype = field.dtype or _DEFAULT.get(field.kind, "object")
    nulls = column.null_mask()
    if _NUMBER.fullmatch(dtype) or dtype == "bool":
        return pandas.Series(_numbers(column, nulls, dtype, field))
    if _NULLABLE.fullmatch(dtype):
        return pandas.Series(_nullable(column, nulls, dtype))
    match = _DATETIME.fullmatch(dtype)
    if match:
        return _moments(column, nulls, match[1], match[2])
    values = _objects(column, nulls, field)
    if dtype == "category":
        return pandas.Series(pandas.Categorical(_as_category(values, nulls, column)))
    if dtype == "object":
        return pandas.Series(values, dtype=object)
    values[nulls] = np.nan if dtype == "str" else pandas.NA
    return pandas.Series(pandas.array(values.tolist(), dtype=dtype))


def _numbers(column: Any, nulls: Mask, dtype: str, field: Any) -> Array:
    """A NumPy-backed column. Integers and booleans with nulls or fractions become what pandas makes of them."""
    values: Array = column.values
    if dtype.startswith("float"):
        numbers = values.astype(dtype)
        numbers[nulls] = np.nan
        return numbers
    if dtype == "bool":
        if not nulls.any() and column.kind == "bool":
            return values
        return _objects(column, nulls, field) if column.kind == "bool" else values
    if nulls.any():
        numbers = values.astype(np.float64)
        numbers[nulls] = np.nan
        return numbers
    if column.kind == "float":
        whole = values.astype(np.int64) if np.abs(values).max(initial=0) < 2.0**63 else None
        if whole is None or (whole != values).any():
            return values
        values = whole
    bounds = np.iinfo(dtype)
    fits = values.size == 0 or (int(values.min()) >= bounds.min and int(values.max()) <= bounds.max)
    return values.astype(dtype) if fits else values


def _nullable(column: Any, nulls: Mask, dtype: str) -> Any:
    import pandas

    values = column.values.copy()
    if column.kind == "float":
        values[nulls] = 0
        if "Int" in dtype and (values != np.floor(values)).any():
            dtype = "Float64"
    if dtype == "boolean":
        return pandas.arrays.BooleanArray(values.astype(np.bool_), nulls.copy())
    kind = pandas.arrays.FloatingArray if dtype.startswith("Float") else pandas.arrays.IntegerArray
    return kind(values.astype(dtype.lower()), nulls.copy())


def _moments(column: Any, nulls: Mask, unit: str, zone: str | None) -> Any:
    import pandas

    days = column.kind == "date"
    moments = column.values.astype("datetime64[D]" if days else "datetime64[us]").astype(f"datetime64[{unit}]")
    moments[nulls] = np.datetime64("NaT")
    series = pandas.Series(moments)
    return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)


def _as_category(values: Array, nulls: Mask, column: Any) -> Any:
    """Categories of numbers are numbers; a null is no category."""
    import pandas

    if column.kind in ("int", "float", "bool"):
        kept = column.values[~nulls]
        whole = column.kind == "float" and (kept == np.floor(kept)).all() and np.isfinite(kept).all()
        categories = np.unique(kept.astype(np.int64) if whole else kept)
        return pandas.Categorical(pandas.Series(column.values, dtype=object).where(~nulls, None), categories=categories)
    plain = values.copy()
    plain[nulls] = None
    return plain


def _objects(column: Any, nulls: Mask, field: Any) -> Array:
    """Python values in an object array, with the field's missing marker."""
    values = np.empty(len(column), object)
    if column.kind == "date":
        values[:] = [datetime.date.fromordinal(_EPOCH + day) for day in column.values.tolist()]
    elif column.kind == "timestamp":
        values[:] = _timestamps(column.values)
    elif column.values.ndim == 1:
        values[:] = column.values.tolist()
    else:
        values[:] = list(column.values)
    if nulls.any():
        values[nulls] = _marker(field.missing)
    return values


def _marker(missing: str) -> Any:
    if missing == "none":
        return None
    if missing == "nan":
        return np.nan
    import pandas

    return pandas.NA if missing == "na" else pandas.NaT


def _timestamps(values: Array) -> list[Any]:
    import pandas

    return list(pandas.to_datetime(values, unit="us"))


def _matrix(given: Mapping[str, Any], fields: Sequence[Any], rows: int) -> Array:
    columns = [(given[field.name], field) for field in fields]
    if not columns:
        return np.empty((rows, 0))
    numeric = all(column.kind in ("bool", "int", "float") for column, _ in columns)
    if not numeric or any(field.dtype == "object" for _, field in columns):
        matrix = np.empty((rows, len(columns)), object)
        for place, (column, field) in enumerate(columns):
            matrix[:, place] = _objects(column, column.null_mask(), field)
        return matrix
    dtypes = {field.dtype for _, field in columns}
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    if dtype is None or not (_NUMBER.fullmatch(dtype) or dtype == "bool"):
        dtype = "float64"
    parts = [_numbers(column, column.null_mask(), dtype, field) for column, field in columns]
    if len({part.dtype for part in parts}) > 1:
        parts = [part.astype(np.float64) for part in parts]
    return np.column_stack(parts)
