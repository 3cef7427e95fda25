"""polars data frames. Numbers are read without a copy where polars holds them in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdall.columns.arrays import has_nan, to_int64, unsupported
from holdall.columns.batch import Batch, Column, Mask, listed
from holdall.columns.objects import from_objects
from holdall.errors import MissingDependency
from holdall.spec.schema import Kind, Missing


def from_polars(frame: Any) -> Batch:
    """The columns of a DataFrame. Raises InputError."""
    return Batch({series.name: from_series(series.name, series) for series in frame.get_columns()}, frame.height)


def from_series(name: str, series: Any) -> Column:
    """The column that a polars Series is. Raises InputError."""
    import polars

    dtype = series.dtype
    text = str(dtype)
    nulls = series.is_null().to_numpy() if series.null_count() else None
    missing = None if nulls is None else Missing.NONE
    if dtype == polars.Null:
        return Column(Kind.FLOAT, np.full(len(series), np.nan), None, text, missing)
    if dtype.is_float() or dtype.is_decimal():
        values = series.cast(polars.Float64).to_numpy()
        if missing is None and has_nan(values):
            missing = Missing.NAN
        return Column(Kind.FLOAT, values, None, text, missing)
    if dtype.is_integer():
        return Column(Kind.INT, _integers(name, _filled(series, nulls, 0)), nulls, text, missing)
    if dtype == polars.Boolean:
        return Column(Kind.BOOL, _filled(series, nulls, False).to_numpy(), nulls, text, missing)
    if dtype in (polars.String, polars.Categorical, polars.Enum):
        values = _filled(series.cast(polars.String), nulls, "").to_numpy().astype(object)
        return Column(Kind.STRING, values, nulls, text, missing)
    if dtype == polars.Date:
        days = series.to_physical().cast(polars.Int64)
        return Column(Kind.DATE, _filled(days, nulls, 0).to_numpy(), nulls, text, missing)
    if dtype == polars.Datetime:
        # The physical value of a time with a zone is UTC.
        moments = series.dt.cast_time_unit("us").to_physical()
        return Column(Kind.TIMESTAMP, _filled(moments, nulls, 0).to_numpy(), nulls, text, missing)
    if dtype in (polars.Binary, polars.List, polars.Array, polars.Object):
        column = from_objects(name, [_plain(value) for value in series.to_list()])
        return Column(column.kind, column.values, column.nulls, text, column.missing)
    raise unsupported(name, text)


def _plain(value: Any) -> Any:
    return value.to_list() if hasattr(value, "to_list") else value


def _filled(series: Any, nulls: Mask | None, value: Any) -> Any:
    return series if nulls is None else series.fill_null(value)


def _integers(name: str, series: Any) -> Any:
    import polars

    if series.dtype in (polars.Int128, getattr(polars, "UInt128", polars.Int128)):
        return from_objects(name, series.to_list()).values if len(series) else np.empty(0, np.int64)
    return to_int64(name, series.to_numpy())


def to_polars(batch: Batch) -> Any:
    """A DataFrame: Boolean, Int64, Float64, String, Datetime('us'), Date, Binary, Array or List. A null is a null, NaN too.

    Times with a zone in `dtype` have the zone UTC. Raises MissingDependency.
    """
    try:
        import polars
    except ModuleNotFoundError:
        raise MissingDependency("polars", "holdall[batch]", "a polars answer") from None
    return polars.DataFrame([_to_series(polars, name, batch[name]) for name in batch])


def _to_series(polars: Any, name: str, column: Column) -> Any:
    kind = column.kind
    if kind is Kind.FLOAT:
        return polars.Series(name, column.values, polars.Float64).fill_nan(None)
    if kind is Kind.TENSOR:
        series = polars.Series(name, column.values)
    elif kind is Kind.LIST:
        dtype = polars.List(_element(polars, listed(column)))
        series = polars.Series(name, [row.tolist() for row in column.values], dtype)
    else:
        physical = {
            Kind.BOOL: polars.Boolean,
            Kind.INT: polars.Int64,
            Kind.STRING: polars.String,
            Kind.BINARY: polars.Binary,
            Kind.TIMESTAMP: polars.Int64,
            Kind.DATE: polars.Int64,
        }[kind]
        values = column.values.tolist() if column.values.dtype == object else column.values
        series = polars.Series(name, values, physical)
    if kind is Kind.TIMESTAMP:
        series = series.cast(polars.Datetime("us", "UTC" if column.zoned else None))
    elif kind is Kind.DATE:
        series = series.cast(polars.Int32).cast(polars.Date)
    if column.nulls is None:
        return series
    valid = polars.Series(name, ~column.nulls)
    return polars.DataFrame({"value": series, "valid": valid}).select(polars.when("valid").then("value").alias(name))[
        name
    ]


def _element(polars: Any, dtype: Any) -> Any:
    if dtype.kind in "OU":
        return polars.String
    return polars.Boolean if dtype.kind == "b" else polars.Int64 if dtype.kind in "iu" else polars.Float64
