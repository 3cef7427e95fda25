"""pandas data frames. Read column by column without a copy where the arrays are already right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from holdall.columns.arrays import SAMPLED, from_array, repeats, to_int64, unsupported
from holdall.columns.batch import Array, Batch, Column
from holdall.columns.names import unique
from holdall.columns.objects import spread
from holdall.errors import MissingDependency
from holdall.spec.schema import Kind, Missing


def from_pandas(frame: Any) -> Batch:
    """The columns of a DataFrame under their names as text; its index is left out. Raises InputError."""
    names = unique([name if isinstance(name, str) else str(name) for name in frame.columns.tolist()])
    columns = {name: from_series(name, array) for name, array in zip(names, _arrays(frame), strict=True)}
    return Batch(columns, len(frame))


def _arrays(frame: Any) -> Iterable[Any]:
    """Each column's array. pandas' own iterator, where it is there, costs a twentieth of making 25 Series for one row."""
    iterate = getattr(frame, "_iter_column_arrays", None)
    return iterate() if iterate is not None else (series.array for _, series in frame.items())


def from_series(name: str, array: Any) -> Column:
    """The column that a pandas array is: a NumPy array or an extension array. Raises InputError."""
    if isinstance(array, np.ndarray):
        return from_array(name, array)
    reader = _READERS.get(type(array.dtype).__name__)
    if reader is not None:
        return reader(name, array)
    if isinstance(array.dtype, np.dtype):
        return from_array(name, array.to_numpy())
    raise unsupported(name, str(array.dtype))


def _from_text(_name: str, array: Any) -> Column:
    dtype = str(array.dtype)
    marker = Missing.NAN if isinstance(array.dtype.na_value, float) else Missing.NA
    if len(array) >= SAMPLED and repeats(array[:SAMPLED].tolist()):
        codes, words = array.factorize()
        nulls = codes < 0
        # The code of a null is -1: the last entry.
        values = np.append(words.to_numpy(object), "")[codes]
    else:
        nulls = array.isna()
        values = array.to_numpy(object)
        if nulls.any():
            values = np.where(nulls, "", values)
    missing = nulls.any()
    return Column(Kind.STRING, values, nulls if missing else None, dtype, marker if missing else None)


def _from_masked(name: str, array: Any) -> Column:
    dtype = str(array.dtype)
    nulls = array.isna()
    missing = Missing.NA if nulls.any() else None
    kind = array.dtype.kind
    if kind == "f":
        return Column(Kind.FLOAT, array.to_numpy(np.float64, na_value=np.nan), None, dtype, missing)
    # Asked for its own type, so that an unsigned integer beyond int64 is seen and not wrapped.
    values = array.to_numpy(array.dtype.numpy_dtype, na_value=False if kind == "b" else 0)
    if kind == "b":
        return Column(Kind.BOOL, values, nulls if missing else None, dtype, missing)
    return Column(Kind.INT, to_int64(name, values), nulls if missing else None, dtype, missing)


def _from_categorical(name: str, array: Any) -> Column:
    categories = from_series(name, array.categories.array)
    codes = np.asarray(array.codes)
    present = codes >= 0
    if present.all():
        return Column(categories.kind, categories.values[codes], None, "category")
    chosen = np.flatnonzero(present)
    column = spread(Column(categories.kind, categories.values[codes[chosen]]), chosen, len(codes))
    return Column(column.kind, column.values, column.nulls, "category", Missing.NAN)


def _from_zoned(name: str, array: Any) -> Column:
    return from_array(name, np.asarray(array, "datetime64[us]"), str(array.dtype))


def _from_arrow(name: str, array: Any) -> Column:
    from holdall.columns.arrow import from_chunked

    column = from_chunked(name, array.__arrow_array__())
    missing = Missing.NA if column.missing is not None else None
    return Column(column.kind, column.values, column.nulls, str(array.dtype), missing)


def _from_plain(name: str, array: Any) -> Column:
    """A NumPy array in pandas' wrapper, as a Series and categories hold it."""
    return from_array(name, array.to_numpy())


def _from_sparse(name: str, array: Any) -> Column:
    return from_array(name, np.asarray(array), str(array.dtype))


_READERS = {
    "StringDtype": _from_text,
    "BooleanDtype": _from_masked,
    **{f"{sign}Int{bits}Dtype": _from_masked for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "Float32Dtype": _from_masked,
    "Float64Dtype": _from_masked,
    "CategoricalDtype": _from_categorical,
    "DatetimeTZDtype": _from_zoned,
    "ArrowDtype": _from_arrow,
    "SparseDtype": _from_sparse,
    "NumpyEADtype": _from_plain,
}


def to_pandas(batch: Batch, index: Any = None) -> Any:
    """A DataFrame with one column a batch column. index: of the frame; None counts rows from 0.

    Nulls: NaN in float64 and text, NaT in datetime64[us], <NA> in boolean and Int64 (which only columns with nulls are).
    Times with a zone in `dtype` are datetime64[us, UTC]; dates, bytes and arrays are Python objects.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise MissingDependency("pandas", "holdall[sklearn]", "a pandas answer") from None
    made = {name: _to_array(pandas, batch[name]) for name in batch}
    return pandas.DataFrame(made, index=pandas.RangeIndex(batch.rows) if index is None else index)


def _to_array(pandas: Any, column: Column) -> Any:
    kind, nulls = column.kind, column.nulls
    if kind is Kind.FLOAT or (kind in (Kind.BOOL, Kind.INT) and nulls is None):
        return column.values
    if kind is Kind.BOOL:
        return pandas.arrays.BooleanArray(column.values.copy(), column.null_mask().copy())
    if kind is Kind.INT:
        return pandas.arrays.IntegerArray(column.values.copy(), column.null_mask().copy())
    if kind is Kind.TIMESTAMP:
        moments = column.values.astype("datetime64[us]")
        moments[column.null_mask()] = np.datetime64("NaT")
        index = pandas.DatetimeIndex(moments)
        return (index.tz_localize("UTC") if column.zoned else index).array
    values = _objects(column)
    if kind is Kind.STRING:
        values[column.null_mask()] = np.nan
        # pandas 2 has no text of NumPy's kind; there it is objects.
        return values if pandas.__version__.startswith("2.") else pandas.array(values, dtype="str")
    return values


def _objects(column: Column) -> Array:
    values: Array
    if column.kind is Kind.DATE:
        values = column.values.astype("datetime64[D]").astype(object)
    elif column.values.ndim > 1:
        values = np.empty(len(column), object)
        for row, array in enumerate(column.values):
            values[row] = array
    else:
        values = column.values.copy()
    if column.nulls is not None:
        values[column.nulls] = None
    return values
