"""What a function gave, written down column by column for the parent, which makes columns of it as of any table.

array     values of NumPy's own dtypes           masked    values and where they are missing (pandas.NA)
objects   Python values                          category  codes and the categories, which are a column themselves
text      pandas' own text: values, where they are missing, and the marker
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .pipe import Writer


def describe(table: Any, rows: int, writer: Writer, wanted: list[str]) -> dict[str, Any]:
    """{columns: […], rows} of a DataFrame or a matrix. Raises TypeError for anything else, ValueError where it has not
    `rows` rows in the order in which they came. wanted: as `chosen` has it."""
    check(table, rows)
    table = chosen(table, wanted)
    if isinstance(table, np.ndarray):
        columns = [
            {"name": f"x{index}", "form": "array", "values": writer.array(table[:, index])}
            for index in range(table.shape[1])
        ]
    else:
        columns = [
            {"name": str(name), **_named_column(str(name), series.array, writer)}
            for name, (_, series) in zip(table.columns.tolist(), table.items(), strict=True)
        ]
    return {"columns": columns, "rows": rows}


def chosen(table: Any, wanted: Any) -> Any:
    """A DataFrame's columns of these names, where it has them all: what is left over on the way to them is nobody's matter,
    and may be of a kind that no package holds. Everything else as it is."""
    if not wanted or isinstance(table, np.ndarray):
        return table
    names = [str(name) for name in table.columns.tolist()]
    if not set(wanted) <= set(names):
        return table
    return table.loc[:, [name in wanted for name in names]]


def check(table: Any, rows: int) -> None:
    """Raises TypeError for what is no DataFrame and no matrix, ValueError unless it has this many rows, and, where it says
    so, in the order in which they came."""
    kind = f"{type(table).__module__}.{type(table).__qualname__}".removeprefix("builtins.")
    is_frame = kind.startswith("pandas.") and type(table).__name__ == "DataFrame"
    if not is_frame and not (isinstance(table, np.ndarray) and table.ndim == 2):
        raise TypeError(f"it gave a {kind}, not a data frame" + ("; it has no return" if table is None else ""))
    if len(table) != rows:
        raise ValueError(f"it gave {len(table)} rows for {rows}; a step gives one row for each, in the same order")
    index = getattr(table, "index", None)
    if index is None or rows < 2 or getattr(index, "dtype", None) != np.dtype(np.int64):
        return
    labels = np.asarray(index)
    if (labels != np.arange(rows)).any() and (np.sort(labels) == np.arange(rows)).all():
        raise ValueError("it gave the rows in another order; a step gives one row for each, in the same order")


def _named_column(name: str, array: Any, writer: Writer) -> dict[str, Any]:
    try:
        return _column(array, writer)
    except TypeError as error:
        raise TypeError(f"the column {name!r}: {error}; convert it or drop it") from error


def _column(array: Any, writer: Writer) -> dict[str, Any]:
    if isinstance(array, np.ndarray):
        return {"form": "array", "values": writer.array(array)}
    name, dtype = type(array.dtype).__name__, str(array.dtype)
    if name == "StringDtype":
        nulls = np.asarray(array.isna(), np.bool_)
        values = np.where(nulls, "", array.to_numpy(object)).tolist()
        marker = "nan" if isinstance(array.dtype.na_value, float) else "na"
        return {"form": "text", "dtype": dtype, "values": writer.objects(values), "marker": marker} | _nulls(
            nulls, writer
        )
    if hasattr(array.dtype, "numpy_dtype") and name.startswith(("Int", "UInt", "Float", "Boolean")):
        nulls = np.asarray(array.isna(), np.bool_)
        filled = array.to_numpy(array.dtype.numpy_dtype, na_value=False if array.dtype.kind == "b" else 0)
        return {"form": "masked", "dtype": dtype, "values": writer.array(filled)} | _nulls(nulls, writer)
    if name == "CategoricalDtype":
        categories = _column(array.categories.array, writer)
        return {"form": "category", "values": writer.array(np.asarray(array.codes)), "categories": categories}
    if name == "DatetimeTZDtype":
        return {"form": "array", "dtype": dtype, "values": writer.array(np.asarray(array, "datetime64[us]"))}
    if name == "NumpyEADtype" or isinstance(array.dtype, np.dtype):  # NumPy's own, in pandas' wrapper
        return {"form": "array", "values": writer.array(array.to_numpy())}
    if name == "SparseDtype":
        return {"form": "array", "dtype": dtype, "values": writer.array(np.asarray(array))}
    objects = array.to_numpy(object, na_value=None).tolist()
    return {"form": "objects", "dtype": dtype, "values": writer.objects(objects)}


def _nulls(nulls: Any, writer: Writer) -> dict[str, Any]:
    return {"nulls": writer.array(nulls)} if nulls.any() else {}
