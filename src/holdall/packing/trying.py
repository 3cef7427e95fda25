"""Rows that a traced function is tried on: the sample, rows drawn from the schema, and rows that are hard on functions.

Hard are missing values, ±0, infinities, whole numbers beyond a double, leap days and ends of years, text that is empty, padded,
in another case, not ASCII or nearly a number. Each stands alone in a row of the sample, so that one refusal hides no other
difference; then all are mixed. Nothing of these rows is kept.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from holdall.columns.batch import DTYPES, FILL, Array, Batch, Column, concatenate
from holdall.packing import drawing
from holdall.spec.schema import Field, Kind, Schema

SAMPLE, DRAWN, MIXED = 2000, 256, 512
TEXT = (
    "",
    " ",
    "nan",
    "None",
    "0",
    "-1.5",
    "1e5",
    "１２",
    "Straße",
    "İstanbul",
    "e\u0301t\u00e9",
    "漢字🐧",
    "a\tb\nc",
    "\u00a0x ",
    'O\'Neil, "A"',
    "%_[](.*)",
)
FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    1e-300,
    16777217.0,
    9007199254740993.0,
    1e18,
    -1e18,
    1e300,
    np.inf,
    -np.inf,
)
INTS = (0, 1, -1, 2, -7, 2**31, -(2**31) - 1, 2**53 + 1, -(2**53) - 1, 2**62, -(2**62))
DAYS = (
    "1969-12-31", "1970-01-01", "1900-02-28", "2000-02-29", "2023-12-31", "2024-02-29", "2024-12-30", "2024-12-31",
    "2025-01-01", "2020-12-31", "2021-01-03", "2100-02-28", "1700-01-01", "2250-06-15",
)  # fmt: skip
CLOCK = ("00:00:00.000000", "23:59:59.999999", "12:30:00.000001")


class Rows(NamedTuple):
    """Rows of one kind. name: as messages call them."""

    name: str
    batch: Batch


def trials(schema: Schema, sample: Batch) -> Iterator[Rows]:
    """All the rows, in the schema's carriers. sample: fitted to the schema, with at least one row."""
    yield Rows("the sample", sample.take(slice(0, SAMPLE)))
    yield Rows("a row alone", sample.take(slice(0, 1)))
    yield Rows("a table without rows", sample.take(slice(0, 0)))
    yield Rows("rows drawn from the schema", drawing.draw(schema, DRAWN, seed=5, strange=0.2))
    generator = np.random.default_rng(11)
    hard = {field.name: _hard(field, sample[field.name], generator) for field in schema.inputs}
    base = sample.select([field.name for field in schema.inputs])
    alone = [_alone(base, name, column, generator) for name, column in hard.items() if len(column)]
    if alone:
        yield Rows("rows with one hard value", concatenate(alone))
    columns = {}
    for field in schema.inputs:
        column = base[field.name].take(generator.integers(0, base.rows, MIXED))
        if len(hard[field.name]):
            strange = hard[field.name].take(generator.integers(0, len(hard[field.name]), MIXED))
            column = _either(generator.random(MIXED) < 0.15, strange, column)
        columns[field.name] = column
    yield Rows("rows of mixed values", Batch(columns, MIXED))


def _alone(base: Batch, name: str, hard: Column, generator: np.random.Generator) -> Batch:
    """A row of the sample for each hard value of one column."""
    rows = base.take(generator.integers(0, base.rows, len(hard)))
    return Batch({**rows.columns, name: hard}, len(hard))


def _either(chosen: Array, yes: Column, no: Column) -> Column:
    values = np.where(chosen, yes.values, no.values) if yes.kind is not Kind.STRING else no.values.copy()
    if yes.kind is Kind.STRING:
        values[chosen] = yes.values[chosen]
    nulls = np.where(chosen, yes.null_mask(), no.null_mask())
    return Column(no.kind, values, nulls if nulls.any() and no.kind is not Kind.FLOAT else None, no.dtype, no.missing)


def _hard(field: Field, column: Column, generator: np.random.Generator) -> Column:
    """The hard values that the schema takes in this column; none where it takes no others than it has seen."""
    values = _values(field, column, generator)
    nulls = np.zeros(len(values), np.bool_)
    if field.nullable and field.carrier not in (Kind.TENSOR, Kind.LIST):
        values.append(FILL.get(field.carrier, 0))
        nulls = np.append(nulls, np.True_)
    array = np.empty(len(values), DTYPES.get(field.carrier, object))
    array[:] = values
    if field.carrier is Kind.FLOAT or not nulls.any():
        return Column(field.carrier, array, None, column.dtype, column.missing)
    return Column(field.carrier, array, nulls, column.dtype, column.missing)


def _values(field: Field, column: Column, generator: np.random.Generator) -> list[Any]:
    if field.enforce or (field.kind is Kind.STRING and not field.unseen):
        return []
    limit = np.inf if field.limit is None else field.limit
    if field.carrier is Kind.FLOAT and field.unseen:
        floats = [value for value in FLOATS if abs(value) <= limit]
        return _single(floats) if field.dtype == "float32" else floats
    if field.kind is Kind.INT and field.unseen:
        low, high = _range(field.dtype)
        return [value for value in INTS if low <= value <= high and abs(value) <= limit]
    if field.kind is Kind.BOOL:
        return [True, False]
    if field.kind is Kind.TIMESTAMP:
        return [_microseconds(f"{day} {CLOCK[place % len(CLOCK)]}") for place, day in enumerate(DAYS)]
    if field.kind is Kind.DATE:
        return [int(np.datetime64(day, "D").astype(np.int64)) for day in DAYS]
    if field.kind is Kind.STRING:
        return [*TEXT, *_bent(column, generator)]
    return []


def _single(values: list[float]) -> list[float]:
    with np.errstate(over="ignore"):
        return [float(np.float32(value)) for value in values]


def _range(dtype: str | None) -> tuple[int, int]:
    """What a whole number of this dtype can be."""
    try:
        bounds = np.iinfo((dtype or "int64").lower())
    except (TypeError, ValueError):
        return -(2**63), 2**63 - 1
    return int(bounds.min), min(int(bounds.max), 2**63 - 1)


def _microseconds(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)


def _bent(column: Column, generator: np.random.Generator) -> list[str]:
    """Texts of the sample in another case, padded, doubled, cut and with an accent; days that exist in leap years only."""
    present = column.values[~column.null_mask()]
    if not len(present):
        return []
    texts = [str(present[place]) for place in generator.integers(0, len(present), 2)]
    bent = []
    for text in texts:
        bent += [
            text.upper(),
            text.lower(),
            text.title(),
            f" {text} ",
            text + text,
            text[:1],
            text[:-1],
            f"{text}\u0301",
        ]
    if all(_is_day(text) for text in texts):
        bent += ["2024-02-29" + text[10:] for text in texts] + ["1900-03-01" + text[10:] for text in texts]
    return bent


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
