"""Tables in files: CSV, JSON, JSON lines, Parquet and Arrow, told apart by their first bytes and then by their name."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from holdall.columns.batch import Batch
from holdall.columns.csv import from_csv, to_csv
from holdall.columns.json import MARK, from_json, from_jsonl, to_json, to_jsonl
from holdall.errors import MissingDependency, NotFound, StorageFailed, UnreadableTable
from holdall.spec.schema import Schema

STANDARD_INPUT = "-"
PARQUET = b"PAR1"
ARROW_FILE = b"ARROW1\x00\x00"
ARROW_STREAM = b"\xff\xff\xff\xff"

_BY_SUFFIX = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "stream",
}
FORMATS = "csv, json, jsonl, parquet, arrow"


def read_table(path: str | Path, schema: Schema | None = None) -> Batch:
    """The columns of a table in a file, or in standard input where `path` is '-'.

    schema: where it is known, the cells of text formats are read as their fields say. Whether the columns fit is another
    matter: scoring.fit. Raises NotFound, UnreadableTable, InputError, MissingDependency for Parquet and Arrow without
    pyarrow, and with a schema SchemaMismatch.
    """
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    data = sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else _read(Path(path))
    return read_bytes(data, schema, name)


def read_bytes(data: bytes, schema: Schema | None = None, path: str = "the table") -> Batch:
    """The columns of a table that was read already. path: its name, whose suffix counts where the bytes do not tell."""
    form = find_format(data, path)
    if form in ("parquet", "arrow", "stream"):
        return _from_columnar(data, form, path)
    if form == "csv":
        return from_csv(data, schema, path)
    if form == "jsonl":
        return from_jsonl(data, schema, path)
    return from_json(data, schema, path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint=f"give a table: {FORMATS}, or - for standard input") from None
    except OSError as error:
        raise UnreadableTable(
            f"cannot read {path}: {error.strerror}", hint=f"give a table: {FORMATS}", path=str(path)
        ) from None


def find_format(data: bytes, path: str) -> str:
    """'csv', 'json', 'jsonl', 'parquet', 'arrow' (a file) or 'stream' (of Arrow). Raises UnreadableTable."""
    if data[:4] == PARQUET:
        return "parquet"
    if data[:8] == ARROW_FILE:
        return "arrow"
    if data[:4] == ARROW_STREAM:
        return "stream"
    named = _BY_SUFFIX.get(Path(path).suffix.lower())
    if named in ("parquet", "arrow", "stream"):
        raise UnreadableTable(f"{path} is named as {named}, but its bytes are not", hint=f"give {FORMATS}", path=path)
    if named in ("csv", "jsonl"):
        return named
    start = data.removeprefix(MARK).lstrip()[:1]
    if named == "json" or start in (b"[", b"{"):
        return "jsonl" if start == b"{" and _is_lines(data) else "json"
    return "csv"


def _is_lines(data: bytes) -> bool:
    """Whether it is one object a line: the first line is an object that ends where the line does, and another follows."""
    lines = data.removeprefix(MARK).strip().split(b"\n", 1)
    return len(lines) == 2 and lines[0].rstrip().endswith(b"}") and lines[1].lstrip()[:1] == b"{"


def _from_columnar(data: bytes, form: str, path: str) -> Batch:
    pyarrow = _pyarrow(path)
    from holdall.columns.arrow import from_arrow

    try:
        if form == "parquet":
            from pyarrow import parquet

            table = parquet.ParquetFile(io.BytesIO(data)).read()
        else:
            reader = pyarrow.ipc.open_file(data) if form == "arrow" else pyarrow.ipc.open_stream(data)
            table = reader.read_all()
            table.validate(full=True)
    except (pyarrow.ArrowException, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise UnreadableTable(f"{path} is damaged: {first}", hint="write or fetch the file again", path=path) from None
    return from_arrow(table)


def _pyarrow(path: str) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ModuleNotFoundError:
        raise MissingDependency("pyarrow", "holdall[batch]", path) from None
    return pyarrow


def write_table(batch: Batch, path: str | Path) -> None:
    """The batch as a file of the kind that its suffix names: .csv, .json, .jsonl, .parquet, .arrow.

    Raises UnreadableTable for another suffix, StorageFailed where the file cannot be written, MissingDependency.
    """
    data, target = to_bytes(batch, str(path)), Path(path)
    # A pipe or a device is written as it is; a file is whole or not there.
    aside = target.with_name(f".holdall-{os.getpid()}") if target.is_file() or not target.exists() else target
    try:
        aside.write_bytes(data)
        if aside != target:
            aside.replace(target)
    except OSError as error:
        if aside != target:
            with contextlib.suppress(OSError):
                aside.unlink()
        raise StorageFailed(str(path), error.strerror or str(error)) from None


def to_bytes(batch: Batch, path: str) -> bytes:
    """What `write_table` writes."""
    form = _BY_SUFFIX.get(Path(path).suffix.lower())
    if form == "csv":
        return to_csv(batch)
    if form == "json":
        return to_json(batch)
    if form == "jsonl":
        return to_jsonl(batch)
    if form is None:
        raise UnreadableTable(f"{path}: its suffix names no kind of table", hint=f"use one of {FORMATS}", path=path)
    pyarrow = _pyarrow(path)
    from holdall.columns.arrow import to_arrow

    table, sink = to_arrow(batch), io.BytesIO()
    if form == "parquet":
        from pyarrow import parquet

        parquet.write_table(table, sink)
    else:
        new = pyarrow.ipc.new_file if form == "arrow" else pyarrow.ipc.new_stream
        with new(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()
