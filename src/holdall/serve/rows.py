"""Rows of JSON read into objects whose type was made from the schema: no dict, no look at any type twice.

A body is regular if each row holds just the schema's columns, each value in its own JSON type. All others (a column more, a
fraction among integers, one bare record, whatever is wrong) are left to the records, which give the same answer, or say
what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from holdall.columns.json import ROWS
from holdall.scoring.records import Feeds, compile_typed, typed_values
from holdall.spec.schema import Schema
from holdall.spec.steps import GraphInput

LONGEST_ID = 256
_SPACE = b" \t\r\n"


class TypedRows:
    """Reads regular bodies. feeds: from rows to what the engine takes; raises Irregular, TypeError or OverflowError for
    rows that the records must judge."""

    def __init__(self, row: type, envelope: type[Any] | None, feeds: Callable[[Sequence[Any]], Feeds]) -> None:
        self.feeds = feeds
        self._bare = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type] # made from the schema
        self._envelope: Callable[[bytes], Any] | None = None
        if envelope is not None:
            self._envelope = msgspec.json.Decoder(envelope).decode

    def read(self, body: bytes) -> tuple[list[Any], str | None] | None:
        """The rows of a regular body and its id, where it has one; None for any other body, and for one without rows."""
        first = body[:1]
        if first in _SPACE:
            first = body.lstrip(_SPACE)[:1]
        try:
            if first == b"[":
                rows, identity = self._bare(body), None
            elif first == b"{" and self._envelope is not None:
                found = self._envelope(body)
                rows, identity = found.rows, found.id
                if identity is not None and len(identity) > LONGEST_ID:
                    return None
            else:
                return None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return (rows, identity) if rows else None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What may stand around the rows, in every schema's own class."""

    rows: list[Any]
    id: str | None = None
    key: str | int | float | bool | None = None


def typed_rows(schema: Schema, inputs: Sequence[GraphInput]) -> TypedRows | None:
    """The reader of a package that is fed these matrices; None where its columns have no regular form in JSON."""
    types = typed_values(schema)
    if types is None or not inputs or not types:
        return None
    attributes = {name: f"value_{place}" for place, name in enumerate(types)}
    feeds = compile_typed(schema, inputs, attributes)
    if feeds is None:
        return None
    row = msgspec.defstruct(
        "Row",
        [(attributes[name], kind) for name, kind in types.items()],
        rename={attribute: name for name, attribute in attributes.items()},
        forbid_unknown_fields=True,
        gc=False,
    )
    envelope = None
    if ROWS not in types:
        envelope = msgspec.defstruct(
            "Envelope",
            [("rows", list[row])],  # type: ignore[valid-type] # made from the schema
            bases=(_Envelope,),
            forbid_unknown_fields=True,
            gc=False,
        )
    return TypedRows(row, envelope, feeds)
