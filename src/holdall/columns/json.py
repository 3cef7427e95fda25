"""JSON: a list of records, `{"rows": [record, …]}`, or one record; and JSON lines, one record a line.

Integers are read and written exactly, however large. NaN and infinity have no JSON and become null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from holdall.columns.batch import Batch
from holdall.columns.records import from_records
from holdall.columns.text import as_text
from holdall.errors import InputError, UnreadableTable
from holdall.spec.schema import Schema

ROWS = "rows"
MARK = b"\xef\xbb\xbf"
_HINT = 'give a list of records ([{"age": 41}, …]), {"rows": [record, …]}, one record, or one record a line'


def from_json(data: bytes, schema: Schema | None = None, path: str = "the table") -> Batch:
    """The columns of a JSON document. path: what messages call it.

    Raises UnreadableTable for what is no JSON, InputError for JSON that is no table, and with a schema SchemaMismatch.
    """
    return from_records(records_in(decode(data, path), path, schema), schema)


def from_jsonl(data: bytes, schema: Schema | None = None, path: str = "the table") -> Batch:
    """The columns of JSON lines; blank lines are skipped. Errors as `from_json`, naming the line."""
    records = []
    for number, line in enumerate(data.removeprefix(MARK).splitlines(), 1):
        if line.strip():
            records.append(decode(line, f"{path}, line {number}"))
    return from_records(records, schema)


def decode(data: bytes, path: str) -> Any:
    """The JSON value in `data`. Raises UnreadableTable."""
    try:
        return msgspec.json.decode(data.removeprefix(MARK))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableTable(f"{path} is no JSON: {error}", hint=_HINT, path=path) from None


def records_in(value: Any, path: str = "the table", schema: Schema | None = None) -> Sequence[Mapping[str, Any]]:
    """The records that a decoded document holds.

    An object is an envelope only if its `rows` is a list of objects and no column of the schema is called so; else it is
    one record. Raises InputError for everything else.
    """
    if isinstance(value, dict):
        rows = value.get(ROWS)
        named = schema is not None and any(field.name == ROWS for field in schema.inputs)
        if isinstance(rows, list) and not named and all(isinstance(row, dict) for row in rows):
            return rows
        return [value]
    if isinstance(value, list):
        return value
    raise InputError(f"{path} is a JSON {type(value).__name__}, not a table", hint=_HINT)


def to_json(batch: Batch) -> bytes:
    """The batch as a list of records. Times are 2024-05-01T12:00:00Z, dates 2024-05-01, bytes base64 text."""
    return msgspec.json.encode(json_records(batch))


def to_jsonl(batch: Batch) -> bytes:
    """The batch as JSON lines, each ended by a line feed."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in json_records(batch))


def json_records(batch: Batch) -> list[dict[str, Any]]:
    """The records of the batch with nothing in them but what JSON has; NaN and infinity are left to the encoder."""
    names = list(batch)
    if not names:
        return [{} for _ in range(batch.rows)]
    return [dict(zip(names, row, strict=True)) for row in zip(*(as_text(batch[name]) for name in names), strict=True)]
