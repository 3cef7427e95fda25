"""Recorded examples as canonical JSON: inputs and the answers to them, readable without any table library.

    {"inputs": {name: [value, …], …}, "outputs": {…}, "rows": 64}

Null and NaN are null; infinities are the texts "Infinity" and "-Infinity" in a FLOAT column, so too among the entries of a
TENSOR or LIST; binary is base64 text; timestamps are microseconds, dates days. decode(encode(x)) has the values of x.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import DTYPES, Batch, Column
from holdall.errors import ManifestInvalid
from holdall.spec import canonical
from holdall.spec.schema import Field, Kind, Schema

PATH = "examples.json"


def encode(inputs: Batch, outputs: Batch) -> bytes:
    """The canonical bytes. Both batches have the same number of rows."""
    return canonical.encode({"inputs": _plain(inputs), "outputs": _plain(outputs), "rows": inputs.rows})


def decode(data: bytes, schema: Schema) -> tuple[Batch, Batch]:
    """The inputs and outputs in their fields' carriers. Raises ManifestInvalid for anything that does not fit the schema."""
    value = canonical.decode(data, PATH)
    try:
        rows = int(value["rows"])
        return _batch(value["inputs"], schema.inputs, rows), _batch(value["outputs"], schema.outputs, rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestInvalid(PATH, f"the examples do not fit the schema: {error}") from None


def _plain(batch: Batch) -> dict[str, list[Any]]:
    return {name: _values(batch[name]) for name in batch}


def _values(column: Column) -> list[Any]:
    parts = [column.values] if column.kind is Kind.TENSOR else column.values if column.kind is Kind.LIST else []
    finite = all(part.dtype.kind != "f" or bool(np.isfinite(part).all()) for part in map(np.asarray, parts))
    return [_value(value) if finite else _entries(value) for value in column.to_list()]


def _value(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.tolist() if isinstance(value, np.ndarray) else value


def _entries(value: Any) -> Any:
    if isinstance(value, list | np.ndarray):
        return [_entries(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else _value(value)


def _batch(columns: Mapping[str, list[Any]], fields: Sequence[Field], rows: int) -> Batch:
    made = {}
    for field in fields:
        values = columns[field.name]
        if len(values) != rows:
            raise ValueError(f"{field.name} has {len(values)} values, not {rows}")
        made[field.name] = _column(field, values)
    return Batch(made, rows)


def _column(field: Field, values: list[Any]) -> Column:
    kind = field.carrier
    nulls = np.array([value is None for value in values], np.bool_)
    if kind is Kind.FLOAT:
        return Column(kind, np.array([_number(value) for value in values], np.float64))
    if kind is Kind.TENSOR:
        shape = np.shape(np.asarray(values, object))
        flat = [_number(each) for each in np.asarray(values, object).ravel().tolist()]
        return Column(kind, np.array(flat, np.float64).reshape(shape), None)
    array = np.empty(len(values), DTYPES.get(kind, object))
    for row, value in enumerate(values):
        array[row] = _restored(kind, value)
    return Column(kind, array, nulls if nulls.any() else None)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _restored(kind: Kind, value: Any) -> Any:
    if value is None:
        return "" if kind is Kind.STRING else b"" if kind is Kind.BINARY else 0
    if kind is Kind.BINARY:
        return base64.b64decode(value, validate=True)
    if kind is Kind.LIST:
        if value and all(isinstance(entry, str) for entry in value):
            return np.array(value, object)
        whole = all(isinstance(entry, bool | int) for entry in value)
        return np.asarray(value) if whole else np.array([_number(entry) for entry in value], np.float64)
    expected = {Kind.STRING: str, Kind.BOOL: bool}.get(kind, int)
    if type(value) is not expected:
        raise ValueError(f"{value!r} is no {kind}")
    return value
