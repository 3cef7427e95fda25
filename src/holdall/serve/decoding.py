"""Bodies of requests as rows: JSON, CSV or an Arrow stream.

JSON stays a list of records, which the scorer turns straight into the engine's matrices by a reader compiled from the
schema. CSV and Arrow become columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from holdall.columns.batch import Batch
from holdall.columns.csv import from_csv
from holdall.columns.files import find_format, read_bytes
from holdall.columns.json import ROWS, decode, records_in
from holdall.errors import InputError, UnreadableTable
from holdall.serve.limits import Limits, TooLarge, depth_of
from holdall.spec.schema import Schema

JSON = "application/json"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
TYPES = (JSON, CSV, ARROW)

LONGEST_ID = 256
BODY = "the body"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for. id: the client's own name for the request."""

    rows: Sequence[Mapping[str, Any]] | Batch
    id: str | None = None

    def __len__(self) -> int:
        return len(self.rows)


class UnsupportedType(InputError):
    """The body is of a kind that is not read here."""

    code = "unsupported_type"

    def __init__(self, given: str) -> None:
        what = f"{given!r} is not read here" if given else "the request does not say what its body is"
        super().__init__(what, hint=f"send Content-Type: {', '.join(TYPES[:-1])} or {TYPES[-1]}")


def read_body(body: bytes, content_type: str, schema: Schema, limits: Limits) -> Asked:
    """What the body asks for.

    Raises UnsupportedType, TooLarge, MissingDependency (Arrow without pyarrow), UnreadableTable for what is malformed,
    InputError and SchemaMismatch for what does not fit.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        asked = _from_json(body, schema)
        if len(asked) > limits.rows:
            raise TooLarge("rows", limits.rows)
        return asked
    if kind == CSV:
        # Each row has a line of its own at least, so what is far too long is not read at all.
        lines = body.count(b"\n") + body.count(b"\r")
        if lines > 4 * limits.rows + 4:
            raise TooLarge("rows", limits.rows)
        batch = from_csv(body, schema, BODY)
    elif kind == ARROW:
        batch = _from_arrow(body, schema, limits)
    else:
        raise UnsupportedType(kind)
    if batch.rows > limits.rows:
        raise TooLarge("rows", limits.rows)
    return Asked(batch)


def _from_json(body: bytes, schema: Schema) -> Asked:
    value = decode(body, BODY)
    records = records_in(value, BODY, schema)
    identity = None
    if isinstance(value, dict) and records is value.get(ROWS):
        identity = value.get("id")
        if identity is not None and (not isinstance(identity, str) or len(identity) > LONGEST_ID):
            raise InputError(
                f"id is no text of up to {LONGEST_ID} characters", hint="leave it out, or send text", path="id"
            )
    return Asked(records, identity)


def check_depth(body: bytes, content_type: str, limits: Limits) -> None:
    """Raises UnreadableTable for JSON that nests deeper than it may.

    Only what does not fit or is read as columns needs the look: what a compiled reader took is flat.
    """
    if content_type.partition(";")[0].strip().lower() == JSON and depth_of(body) > limits.depth:
        raise UnreadableTable(
            f"{BODY} nests more than {limits.depth} levels deep", hint="send a list of flat records", path=BODY
        )


def _from_arrow(body: bytes, schema: Schema, limits: Limits) -> Batch:
    if not body or find_format(body, BODY) != "stream":
        raise UnreadableTable(f"{BODY} is no Arrow stream", hint="write it with pyarrow.ipc.new_stream", path=BODY)
    _check_stream(body, limits)
    return read_bytes(body, schema, BODY)


def _check_stream(body: bytes, limits: Limits) -> None:
    """The rows that the stream says it has, and that nothing in it is compressed: 8 MB could unfold to as many GB.

    Without pyarrow nothing is checked, and reading fails by name.
    """
    try:
        import pyarrow
        from pyarrow import ipc
    except ModuleNotFoundError:
        return
    rows = 0
    try:
        for message in ipc.MessageReader.open_stream(pyarrow.py_buffer(body)):
            if message.type in ("record batch", "dictionary"):
                header = message.metadata.to_pybytes()
                length, compressed = _record_batch(header, dictionary=message.type == "dictionary")
                if compressed:
                    raise UnreadableTable(
                        f"{BODY} is a compressed Arrow stream", hint="write it without compression", path=BODY
                    )
                rows += length if message.type == "record batch" else 0
                if length > limits.body or rows > limits.rows:
                    raise TooLarge("rows", limits.rows)
    except (pyarrow.ArrowException, OSError, IndexError, ValueError) as error:
        raise UnreadableTable(f"{BODY} is a damaged Arrow stream: {error}", hint="send it again", path=BODY) from None


def _record_batch(metadata: bytes, *, dictionary: bool) -> tuple[int, bool]:
    """(rows, whether its buffers are compressed) of an Arrow message's flatbuffer. Raises IndexError, ValueError."""
    header = _follow(metadata, _slot(metadata, _follow(metadata, 0), 2))
    if dictionary:
        header = _follow(metadata, _slot(metadata, header, 1))
    length_at = _slot(metadata, header, 0)
    length = 0 if length_at is None else _integer(metadata, length_at, 8)
    return length, _slot(metadata, header, 3) is not None


def _follow(data: bytes, at: int | None) -> int:
    if at is None:
        raise ValueError("a header is missing")
    return at + _integer(data, at, 4)


def _slot(data: bytes, table: int, number: int) -> int | None:
    """Where the table's field of that number lies; None where it is left out."""
    vtable = table - _integer(data, table, 4, signed=True)
    place = 4 + 2 * number
    if place >= _integer(data, vtable, 2):
        return None
    offset = _integer(data, vtable + place, 2)
    return table + offset if offset else None


def _integer(data: bytes, at: int, size: int, *, signed: bool = False) -> int:
    if not 0 <= at <= len(data) - size:
        raise IndexError("a header points outside")
    return int.from_bytes(data[at : at + size], "little", signed=signed)


def encode_id(identity: str) -> bytes:
    """The id as JSON."""
    return msgspec.json.encode(identity)
