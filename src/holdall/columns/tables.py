"""Every kind of table that a caller may hold: told apart, read, and answered in the same kind.

A library's table cannot exist unless the library is loaded, so telling them apart imports nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.columns.mapping import from_mapping, is_column, to_arrays, to_mapping
from holdall.columns.numpy import from_numpy, to_numpy
from holdall.columns.records import from_records, to_records
from holdall.errors import InputError
from holdall.spec.schema import Kind, Schema


class Form(StrEnum):
    """The kind of a caller's table."""

    PANDAS = "pandas"
    POLARS = "polars"
    ARROW = "arrow"
    NUMPY = "numpy"
    COLUMNS = "columns"  # a dict of lists
    ARRAYS = "arrays"  # a dict of NumPy arrays
    RECORDS = "records"  # a list of dicts
    RECORD = "record"  # one dict of single values


def find_form(table: Any) -> Form:
    """What kind of table this is. Raises InputError for everything else, and says what to make of it."""
    if _is(table, "pandas", "DataFrame"):
        return Form.PANDAS
    if _is(table, "polars", "DataFrame"):
        return Form.POLARS
    if _is(table, "pyarrow", "Table", "RecordBatch"):
        return Form.ARROW
    if isinstance(table, np.ndarray):
        return Form.NUMPY
    if isinstance(table, Mapping):
        columns = [value for value in table.values() if is_column(value)]
        if len(columns) < len(table):
            return Form.RECORD
        return Form.ARRAYS if table and all(isinstance(value, np.ndarray) for value in columns) else Form.COLUMNS
    if isinstance(table, list | tuple) and all(isinstance(record, Mapping) for record in table[:1]):
        return Form.RECORDS
    raise InputError(f"{_kind_of(table)} is no table that holdall reads", hint=_hint(table))


def from_table(table: Any, names: Sequence[str] | None = None, *, schema: Schema | None = None) -> tuple[Batch, Form]:
    """The columns of a table of any kind, and which kind it was.

    names: of the columns of a NumPy matrix, which has none; by default the schema's, else x0, x1 … schema: where it is
    known, mixed Python values are read as its fields have them. Whether the columns fit is another matter: scoring.fit.
    Documents one after the other (a list of texts, a pandas Series) are the one column of a model that takes just one.
    A dict whose values are all lists or arrays is a dict of columns; with any single value in it, it is one record. Where
    every column is one array a row, as deep as the schema says, it is one record too.
    Raises InputError.
    """
    if _is(table, "pandas", "Series"):
        table = table.to_frame(_only_name(schema) or table.name or "text")
    elif isinstance(table, list | tuple) and table and all(isinstance(document, str) for document in table):
        return from_mapping({_only_name(schema) or "text": list(table)}, schema), Form.RECORDS
    table = plain(table, schema)
    form = Form.RECORD if _is_record(table, schema) else find_form(table)
    if form is Form.PANDAS:
        from holdall.columns.pandas import from_pandas

        return from_pandas(table), form
    if form is Form.POLARS:
        from holdall.columns.polars import from_polars

        return from_polars(table), form
    if form is Form.ARROW:
        from holdall.columns.arrow import from_arrow

        return from_arrow(table), form
    if form is Form.NUMPY:
        if names is None and schema is not None:
            names = [field.name for field in schema.inputs]
        return from_numpy(table, names), form
    if form is Form.RECORDS:
        return from_records(table, schema), form
    if form is Form.RECORD:
        return from_records([table], schema), form
    return from_mapping(table, schema), form


def plain(table: Any, schema: Schema | None = None) -> Any:
    """Tensors as the arrays that they are, and arrays that are no matrix as a dict of columns; all else as it is.

    Arrays one after the other are the inputs x0, x1 … of a model; one of more than two dimensions is the only input. Where
    the schema's only input is an array, so is this one.
    """
    if isinstance(table, Mapping) and any(map(_is_tensor, table.values())):
        return {name: _array(value) for name, value in table.items()}
    if isinstance(table, tuple | list) and table and all(_is_tensor(part) or _is_stack(part) for part in table):
        names = [field.name for field in schema.inputs] if schema is not None else []
        given = names if len(names) == len(table) else [f"x{place}" for place in range(len(table))]
        return dict(zip(given, map(_array, table), strict=True))
    array = _array(table)
    if not isinstance(array, np.ndarray) or array.dtype.names is not None:
        return array
    only = schema.inputs[0] if schema is not None and len(schema.inputs) == 1 else None
    if only is not None and only.kind is Kind.TENSOR and array.ndim == 1 + len(only.shape):
        return {only.name: array}
    if schema is None and array.ndim > 2:
        return {"x0": array}
    return array


def _is_record(table: Any, schema: Schema | None) -> bool:
    """Whether a dict holds one row's arrays: as deep as the schema's, and so no column of them."""
    if schema is None or not isinstance(table, Mapping) or not schema.inputs:
        return False
    return all(
        field.kind is Kind.TENSOR and _depth(table.get(field.name)) == len(field.shape) for field in schema.inputs
    )


def _depth(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.ndim
    depth = 0
    while isinstance(value, list | tuple) and value:
        value, depth = value[0], depth + 1
    return depth


def _is_tensor(value: Any) -> bool:
    return _is(value, "torch", "Tensor") or _is(value, "tensorflow", "Tensor")


def _is_stack(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and value.dtype.names is None


def _array(value: Any) -> Any:
    if _is(value, "torch", "Tensor"):
        value = value.detach().cpu()
        return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    return value.numpy() if _is(value, "tensorflow", "Tensor") else value


def with_pandas_dtypes(batch: Batch) -> Batch:
    """The batch with the dtypes that pandas would have made of a polars or Arrow table.

    Their own dtype texts mean something else in pandas ('Int64', 'string'), where models are fitted.
    """
    columns = {}
    for name in batch:
        column = batch[name]
        single = column.kind is Kind.FLOAT and column.dtype in ("Float32", "float")
        columns[name] = Column(column.kind, column.values, column.nulls, "float32" if single else None)
    return Batch(columns, batch.rows)


def to_table(batch: Batch, form: Form, index: Any = None) -> Any:
    """The batch as a table of this kind. index: of the pandas frame, as the caller's was.

    Raises MissingDependency where the form's library is not installed.
    """
    if form is Form.PANDAS:
        from holdall.columns.pandas import to_pandas

        return to_pandas(batch, index)
    if form is Form.POLARS:
        from holdall.columns.polars import to_polars

        return to_polars(batch)
    if form is Form.ARROW:
        from holdall.columns.arrow import to_arrow

        return to_arrow(batch)
    if form is Form.NUMPY:
        return to_numpy(batch)
    if form is Form.COLUMNS:
        return to_mapping(batch)
    if form is Form.ARRAYS:
        return to_arrays(batch)
    records = to_records(batch)
    return records if form is Form.RECORDS else records[0]


def _only_name(schema: Schema | None) -> str | None:
    return schema.inputs[0].name if schema is not None and len(schema.inputs) == 1 else None


def _is(table: Any, library: str, *classes: str) -> bool:
    module = sys.modules.get(library)
    return module is not None and any(isinstance(table, getattr(module, name, ())) for name in classes)


def _kind_of(table: Any) -> str:
    return f"{type(table).__module__}.{type(table).__qualname__}"


def _hint(table: Any) -> str:
    if _is(table, "polars", "LazyFrame"):
        return "it has no rows yet: frame.collect()"
    if hasattr(table, "toarray"):
        return "make it dense: matrix.toarray()"
    if isinstance(table, list | tuple):
        return "a list of lists has no types: numpy.array(rows), or a list of dicts"
    return "give a pandas, polars or Arrow table, a NumPy matrix, a dict of columns, a list of records, or one record"
