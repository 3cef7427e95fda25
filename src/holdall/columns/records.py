"""Records: a list of dicts, one a row. Where a table is small and comes from Python or JSON."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from holdall.columns.batch import UNITS, Batch, Column, all_null
from holdall.columns.names import close
from holdall.columns.objects import dimensions, from_objects, read_objects
from holdall.columns.problems import EXPECTED, Problems, listing
from holdall.errors import InputError
from holdall.spec.schema import Field, Kind, Schema


def from_records(records: Sequence[Mapping[str, Any]], schema: Schema | None = None) -> Batch:
    """The columns of the records, in the order in which their names first come.

    Without a schema a name that a record lacks is a null. With one, its columns come first, as `read_records` has them.
    Raises InputError; SchemaMismatch only with a schema.
    """
    names = _names(records)
    if schema is None:
        return Batch({name: from_objects(name, _gather(records, name)) for name in names}, len(records))
    batch = read_records(records, schema)
    others = [name for name in names if name not in batch.columns]
    return Batch({**batch.columns, **_beside(records, others)}, batch.rows)


def read_records(records: Sequence[Mapping[str, Any]], schema: Schema) -> Batch:
    """The schema's input columns in their carriers, and no others.

    Each record must have every one of them: a record's fate does not depend on its neighbours. Raises SchemaMismatch with
    all that does not fit, or InputError where a record is none. Nulls and limits are not looked at here.
    """
    names = _names(records)
    there = set(names)
    problems = Problems()
    lacking: list[str] = []
    columns: dict[str, Column] = {}
    for field in schema.inputs:
        if field.name in there:
            _check_present(records, field, problems)
            columns[field.name] = read_objects(field.name, _gather(records, field.name), field, problems)
        elif records:
            lacking.append(field.name)
            problems.column(field.name, "a column", "nothing")
        else:
            columns[field.name] = all_null(field.carrier, 0, dimensions(field))
    if problems:
        problems.check(hint=lacking_hint(lacking, names, [field.name for field in schema.inputs]))
    return Batch(columns, len(records))


def _names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise InputError(
                f"rows[{row}] is {type(record).__name__}, not a record",
                hint='a record is an object such as {"age": 41, "city": "Rome"}',
                path=f"rows[{row}]",
            )
    names = list(dict.fromkeys(chain.from_iterable(records)))
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"a record's names are text, not {type(name).__name__}", hint="name the columns with text")
    return names


def _check_present(records: Sequence[Mapping[str, Any]], field: Field, problems: Problems) -> None:
    for row, record in enumerate(records):
        if field.name not in record:
            expected = EXPECTED[field.carrier]
            problems.cell(row, field.name, f"{expected} or null" if field.nullable else expected, "nothing")


def lacking_hint(lacking: Sequence[str], there: Iterable[str], known: Iterable[str]) -> str | None:
    """The hint for missing columns: which they are, and what was probably meant by what is there instead."""
    if not lacking:
        return None
    others = set(there).difference(known)
    meant = [f"{found!r} looks like {name!r}" for name in lacking if (found := close(name, others)) is not None]
    return "; ".join([f"missing: {listing(lacking)}", *meant[:3], "`holdall show REF` prints the schema"])


def _beside(records: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Column]:
    """Columns that the schema does not know, as far as they are columns at all; they are no one's problem."""
    read = {}
    for name in names:
        with contextlib.suppress(InputError):
            read[name] = from_objects(name, _gather(records, name))
    return read


def _gather(records: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [record.get(name) for record in records]


def to_records(batch: Batch) -> list[dict[str, Any]]:
    """One dict a row of plain Python values: None for a null (NaN is one), `datetime` and `date` for times and dates,
    lists for arrays. A time is UTC, and has its zone only where the column's dtype has one."""
    names = list(batch)
    if not names:
        return [{} for _ in range(batch.rows)]
    return [dict(zip(names, row, strict=True)) for row in zip(*(plain(batch[name]) for name in names), strict=True)]


def plain(column: Column) -> list[Any]:
    """A column's values as `to_records` has them."""
    if column.kind in (Kind.TIMESTAMP, Kind.DATE):
        values: list[Any] = column.values.astype(UNITS[column.kind]).tolist()
        if column.kind is Kind.TIMESTAMP and column.zoned:
            values = [value.replace(tzinfo=datetime.UTC) for value in values]
    elif column.kind is Kind.LIST:
        values = [row.tolist() for row in column.values]
    else:
        return column.to_list()
    for row in np.flatnonzero(column.null_mask()).tolist():
        values[row] = None
    return values
