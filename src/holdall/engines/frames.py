"""The table that a model was fitted on, built again from a batch: what a notebook would hand to the model.

Encoders tell None from NaN, trees tell a category from a text, and pandas has five kinds of integer column; so the dtype
text and the missing marker of each field are followed to the letter. Where the values of a batch do not fit in the dtype
(a fraction or a null in a column of integers), the column becomes what pandas makes of such values.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch, Column, Mask
from holdall.errors import MissingDependency
from holdall.spec.schema import Field, Kind, Missing, Schema

KINDS = ("pandas", "numpy", "text")
_DATETIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]")
_NUMBER = re.compile(r"(?:u?int(?:8|16|32|64)|float(?:16|32|64))")
_NULLABLE = re.compile(r"(?:U?Int(?:8|16|32|64)|Float(?:32|64)|boolean)")
_DEFAULT = {
    Kind.BOOL: "bool",
    Kind.INT: "int64",
    Kind.FLOAT: "float64",
    Kind.TIMESTAMP: "datetime64[us]",
}
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def frame(batch: Batch, schema: Schema, kind: str) -> Any:
    """The schema's input columns, in its order, as a 'pandas' DataFrame, a 2-d 'numpy' array, or for a model that takes
    documents one after the other ('text') its one column as a 1-d array.

    An array has the fields' common dtype where they share one, else float64; object where a column is no number.
    Raises KeyError for a column that the batch lacks, MissingDependency, ValueError for another kind of table.
    """
    if kind == "numpy":
        return _matrix(batch, schema)
    if kind == "text":
        (field,) = schema.inputs
        return _objects(batch[field.name], batch[field.name].null_mask(), field)
    if kind != "pandas":
        raise ValueError(f"a table is {', '.join(KINDS)}, not {kind!r}")
    pandas = _pandas()
    series = {field.name: _series(batch[field.name], field) for field in schema.inputs}
    return pandas.DataFrame(series, index=pandas.RangeIndex(batch.rows))


def _pandas() -> Any:
    try:
        import pandas
    except ModuleNotFoundError:
        raise MissingDependency("pandas", "holdall[sklearn]", "a model that was fitted on a data frame") from None
    return pandas


def _series(column: Column, field: Field) -> Any:
    pandas = _pandas()
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


def _numbers(column: Column, nulls: Mask, dtype: str, field: Field) -> Array:
    """A NumPy-backed column. Integers and booleans with nulls or fractions become what pandas makes of them."""
    values = column.values
    if dtype.startswith("float"):
        numbers = values.astype(dtype)
        numbers[nulls] = np.nan
        return numbers
    if dtype == "bool":
        if not nulls.any() and column.kind is Kind.BOOL:
            return values
        return _objects(column, nulls, field) if column.kind is Kind.BOOL else values
    if nulls.any():
        numbers = values.astype(np.float64)
        numbers[nulls] = np.nan
        return numbers
    if column.kind is Kind.FLOAT:
        whole = values.astype(np.int64) if np.abs(values).max(initial=0) < 2.0**63 else None
        if whole is None or (whole != values).any():
            return values
        values = whole
    bounds = np.iinfo(dtype)
    fits = values.size == 0 or (int(values.min()) >= bounds.min and int(values.max()) <= bounds.max)
    return values.astype(dtype) if fits else values


def _nullable(column: Column, nulls: Mask, dtype: str) -> Any:
    pandas = _pandas()
    values = column.values.copy()
    if column.kind is Kind.FLOAT:
        values[nulls] = 0
        if "Int" in dtype and (values != np.floor(values)).any():
            dtype = "Float64"
    if dtype == "boolean":
        return pandas.arrays.BooleanArray(values.astype(np.bool_), nulls.copy())
    kind = pandas.arrays.FloatingArray if dtype.startswith("Float") else pandas.arrays.IntegerArray
    return kind(values.astype(dtype.lower()), nulls.copy())


def _moments(column: Column, nulls: Mask, unit: str, zone: str | None) -> Any:
    pandas = _pandas()
    days = column.kind is Kind.DATE
    moments = column.values.astype("datetime64[D]" if days else "datetime64[us]").astype(f"datetime64[{unit}]")
    moments[nulls] = np.datetime64("NaT")
    series = pandas.Series(moments)
    return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)


def _as_category(values: Array, nulls: Mask, column: Column) -> Any:
    """Categories of numbers are numbers; a null is no category."""
    pandas = _pandas()
    if column.kind in (Kind.INT, Kind.FLOAT, Kind.BOOL):
        kept = column.values[~nulls]
        whole = column.kind is Kind.FLOAT and (kept == np.floor(kept)).all() and np.isfinite(kept).all()
        categories = np.unique(kept.astype(np.int64) if whole else kept)
        return pandas.Categorical(pandas.Series(column.values, dtype=object).where(~nulls, None), categories=categories)
    plain = values.copy()
    plain[nulls] = None
    return plain


def _objects(column: Column, nulls: Mask, field: Field) -> Array:
    """Python values in an object array, with the field's missing marker."""
    values = np.empty(len(column), object)
    if column.kind is Kind.DATE:
        values[:] = [datetime.date.fromordinal(_EPOCH + day) for day in column.values.tolist()]
    elif column.kind is Kind.TIMESTAMP:
        values[:] = list(_pandas().to_datetime(column.values, unit="us"))
    elif column.values.ndim == 1:
        values[:] = column.values.tolist()
    else:
        values[:] = list(column.values)
    if nulls.any():
        values[nulls] = _marker(field.missing)
    return values


def _marker(missing: Missing) -> Any:
    if missing is Missing.NONE:
        return None
    if missing is Missing.NAN:
        return np.nan
    pandas = _pandas()
    return pandas.NA if missing is Missing.NA else pandas.NaT


def _matrix(batch: Batch, schema: Schema) -> Array:
    columns = [(batch[field.name], field) for field in schema.inputs]
    if not columns:
        return np.empty((batch.rows, 0))
    numeric = all(column.kind in (Kind.BOOL, Kind.INT, Kind.FLOAT) for column, _ in columns)
    if not numeric or any(field.dtype == "object" for _, field in columns):
        matrix = np.empty((batch.rows, len(columns)), object)
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
