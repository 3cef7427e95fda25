"""Tables read by pieces: only the columns that are needed, and never more than a piece or a page of each column at a time.

Where the pieces begin depends on the file and on `rows` alone, so that a run that is resumed makes the same ones. A piece
stays as it was read until a worker turns it into columns: that is work for every core.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from holdall.batch.plan import Source
from holdall.columns.arrow import from_arrow
from holdall.columns.batch import DTYPES, Array, Batch, Column
from holdall.columns.csv import read_cells
from holdall.columns.json import MARK
from holdall.columns.names import unique
from holdall.columns.problems import LISTED, Problems, show
from holdall.columns.records import lacking_hint, read_records, to_records
from holdall.errors import InputError, SchemaMismatch, UnreadableTable
from holdall.spec.schema import Field, Kind, Schema

ROWS = 8192
"""Rows of a piece where they are not wide: few enough for a core's cache, enough to make what a piece costs disappear."""

PAGE = 131072
"""Bytes of a Parquet column that are read ahead: without it a whole row group is, however large."""


class Piece(Protocol):
    """Rows that follow each other in a file. first: the number of the first one, from 0; share: of the file, done after it."""

    @property
    def file(self) -> str: ...

    @property
    def first(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def share(self) -> float: ...

    def take(self, start: int, stop: int) -> Piece: ...

    def columns(self, schema: Schema) -> Batch:
        """What the model takes. Raises SchemaMismatch, InputError."""

    def kept(self, names: Sequence[str]) -> Any:
        """These columns as an Arrow table, their types as they are in the file."""

    def record(self) -> Any:
        """The values of the first row, by column, as they are in the file."""


@dataclass(frozen=True, slots=True)
class ArrowPiece:
    file: str
    table: Any
    first: int
    share: float

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def take(self, start: int, stop: int) -> ArrowPiece:
        return ArrowPiece(self.file, self.table.slice(start, stop - start), self.first + start, self.share)

    def columns(self, schema: Schema) -> Batch:
        return from_arrow(self.table.select([field.name for field in schema.inputs]))

    def kept(self, names: Sequence[str]) -> Any:
        return self.table.select(list(names))

    def record(self) -> dict[str, Any]:
        return to_records(from_arrow(self.table.slice(0, 1)))[0]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """header: every column of the file; cells: one list a row."""

    file: str
    header: Sequence[str]
    cells: Sequence[Sequence[str]]
    first: int
    share: float

    @property
    def rows(self) -> int:
        return len(self.cells)

    def take(self, start: int, stop: int) -> TextPiece:
        return TextPiece(self.file, self.header, self.cells[start:stop], self.first + start, self.share)

    def columns(self, schema: Schema) -> Batch:
        problems = Problems()
        columns = {
            field.name: read_cells(field.name, self._column(field.name), field, problems) for field in schema.inputs
        }
        problems.check()
        return Batch(columns, self.rows)

    def kept(self, names: Sequence[str]) -> Any:
        import pyarrow

        return pyarrow.table({name: pyarrow.array(self._column(name), pyarrow.string()) for name in names})

    def record(self) -> dict[str, Any]:
        return dict(zip(self.header, self.cells[0], strict=True))

    def _column(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [row[place] for row in self.cells]


@dataclass(frozen=True)
class JsonPiece:
    """lines: one record each, as they were read; types: the Arrow types of the kept columns."""

    file: str
    lines: Sequence[bytes]
    first: int
    share: float
    types: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.lines)

    def take(self, start: int, stop: int) -> JsonPiece:
        return JsonPiece(self.file, self.lines[start:stop], self.first + start, self.share, self.types)

    def columns(self, schema: Schema) -> Batch:
        problems = [
            {
                "path": f"rows[{row}]",
                "expected": "a JSON object",
                "got": record.why if isinstance(record, NoJson) else show(record),
            }
            for row, record in enumerate(self.records)
            if not isinstance(record, dict)
        ]
        if problems:
            raise SchemaMismatch(problems[:LISTED], len(problems))
        columns = {field.name: _regular(self.records, field) for field in schema.inputs}
        regular = {name: column for name, column in columns.items() if column is not None}
        # What is not as most records are takes the long way, which knows of everything and tells of all that is wrong.
        return Batch(regular, self.rows) if len(regular) == len(columns) else read_records(self.records, schema)

    def kept(self, names: Sequence[str]) -> Any:
        import pyarrow

        return pyarrow.table({name: self._array(name) for name in names})

    def record(self) -> Any:
        (record,) = self.records[:1]
        return self.lines[0].decode("utf-8", "replace") if isinstance(record, NoJson) else record

    @cached_property
    def records(self) -> list[Any]:
        return [_decode(line) for line in self.lines]

    def _array(self, name: str) -> Any:
        import pyarrow

        values = [record.get(name) for record in self.records]
        wanted = self.types[name]
        if pyarrow.types.is_string(wanted):
            values = [v if v is None or isinstance(v, str) else msgspec.json.encode(v).decode() for v in values]
        try:
            return pyarrow.array(values, wanted)
        except (pyarrow.ArrowException, TypeError, OverflowError):
            raise InputError(
                f"{self.file}: the kept column {name!r} is {wanted} at first, and something else in rows "
                f"{self.first} to {self.first + self.rows - 1}",
                hint="make it text, or do not keep it",
                path=name,
            ) from None


@dataclass(frozen=True, slots=True)
class NoJson:
    """A line that is no JSON, and why."""

    why: str


def _regular(records: Sequence[dict[str, Any]], field: Field) -> Column | None:
    """As `read_records` has the column, where every record has a value and all are of the one type that it is made of."""
    made_of = _REGULAR.get(field.carrier)
    if made_of is None or not records:
        return None
    try:
        values = [record[field.name] for record in records]
    except KeyError:
        return None
    if set(map(type, values)) != {made_of}:
        return None
    if made_of is str:
        texts: Array = np.empty(len(values), object)
        texts[:] = values
        return Column(Kind.STRING, texts)
    try:
        return Column(field.carrier, np.array(values, DTYPES[field.carrier]))
    except OverflowError:
        return None


_REGULAR = {Kind.FLOAT: float, Kind.INT: int, Kind.BOOL: bool, Kind.STRING: str}


def _decode(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return NoJson(f"no JSON: {error}")


def read_pieces(source: Source, schema: Schema, keep: Sequence[str], rows: int, done: int = 0) -> Iterator[Piece]:
    """The file's rows in order, the first `done` pieces left out. The first piece has no rows: it is there for the types.

    Raises UnreadableTable, SchemaMismatch for columns that are not there, InputError.
    """
    wanted = wanted_columns(schema, keep)
    pieces: Callable[..., Iterator[Piece]] = {"csv": _csv, "jsonl": _jsonl}.get(source.form, _arrow)
    with reading(source.path):
        yield from pieces(source, wanted, schema, keep, rows, done)


def wanted_columns(schema: Schema, keep: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*(field.name for field in schema.inputs), *keep]))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what a library says of a damaged file into UnreadableTable."""
    import pyarrow

    try:
        yield
    except UnicodeDecodeError:
        raise UnreadableTable(f"{path} is not UTF-8", hint="save it as UTF-8", path=str(path)) from None
    except (pyarrow.ArrowException, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnreadableTable(
            f"cannot read {path}: {why}", hint="write or fetch the file again", path=str(path)
        ) from None


def row_bytes(source: Source, schema: Schema, keep: Sequence[str]) -> float:
    """About how many bytes a row takes where it is read. Raises what `read_pieces` does."""
    from pyarrow import parquet

    wanted = wanted_columns(schema, keep)
    with reading(source.path):
        if source.form == "parquet":
            with parquet.ParquetFile(source.path, pre_buffer=False) as file:
                named, total = set(wanted), 0
                groups = [file.metadata.row_group(place) for place in range(min(file.metadata.num_row_groups, 16))]
                for group in groups:
                    columns = (group.column(place) for place in range(group.num_columns))
                    total += sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] in named)
                return float(max(total / max(sum(group.num_rows for group in groups), 1), 8 * len(wanted)))
        if source.form in ("csv", "jsonl"):
            with source.path.open("rb") as stream:
                head = stream.read(1 << 20)
            # Each cell becomes a Python object, also of the columns that nobody wants.
            return max(4 * len(head) / max(head.count(b"\n"), 1), 8.0 * len(wanted))
        with _ipc(source) as (there, batches):
            _check_names(there.names, wanted, schema)
            first = next((table for table in batches if table.num_rows), None)
            return 8.0 if first is None else float(max(first.select(wanted).nbytes / first.num_rows, 8 * len(wanted)))


def _check_names(there: Sequence[str], wanted: Sequence[str], schema: Schema) -> None:
    lacking = [name for name in wanted if name not in there]
    known = [field.name for field in schema.inputs]
    if lacking:
        problems = [{"path": name, "expected": "a column", "got": "nothing"} for name in lacking]
        raise SchemaMismatch(problems, hint=lacking_hint(lacking, there, known))
    doubled = [name for name in wanted if list(there).count(name) > 1]
    if doubled:
        raise InputError(f"two columns are named {doubled[0]!r}", hint="give every column a name of its own")


def _arrow(
    source: Source, wanted: list[str], schema: Schema, keep: Sequence[str], rows: int, done: int
) -> Iterator[Piece]:
    del keep
    from pyarrow import parquet

    file = str(source.path)
    if source.form != "parquet":
        with _ipc(source) as (there, batches):
            _check_names(there.names, wanted, schema)
            tables = (table.select(wanted) for table in batches)
            yield from _numbered(file, there.empty_table().select(wanted), cut(tables, rows), None, done)
        return
    with parquet.ParquetFile(source.path, pre_buffer=False, buffer_size=PAGE) as data:
        there, total = data.schema_arrow, data.metadata.num_rows
        _check_names(there.names, wanted, schema)
        yield from _numbered(
            file, there.empty_table().select(wanted), cut(_parquet(data, wanted, rows), rows), total, done
        )


def _parquet(data: Any, wanted: list[str], rows: int) -> Iterator[Any]:
    import pyarrow

    for batch in data.iter_batches(rows, columns=wanted):
        # Parquet gives the columns in the file's order.
        yield pyarrow.Table.from_batches([batch]).select(wanted)


@contextmanager
def _ipc(source: Source) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema and the record batches of an Arrow file or stream."""
    import pyarrow
    import pyarrow.ipc

    def checked(batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            # Offsets that point elsewhere would be followed.
            batch.validate(full=True)
            yield pyarrow.Table.from_batches([batch])

    with pyarrow.memory_map(str(source.path)) as data:
        if source.form == "stream":
            with pyarrow.ipc.open_stream(data) as reader:
                yield reader.schema, checked(reader)
        else:
            with pyarrow.ipc.open_file(data) as reader:
                yield reader.schema, checked(map(reader.get_batch, range(reader.num_record_batches)))


def _numbered(file: str, empty: Any, tables: Iterator[Any], total: int | None, done: int) -> Iterator[Piece]:
    """total: rows of the file, where they are known."""
    first = 0
    for place, table in enumerate(_after(empty, tables)):
        last = first + table.num_rows
        if place >= done:
            yield ArrowPiece(file, table, first, min(last / total, 1.0) if total else 0.0)
        first = last


def _after(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def cut(tables: Iterable[Any], rows: int) -> Iterator[Any]:
    """The same rows by tables of `rows` each, the last one of fewer."""
    import pyarrow

    held: list[Any] = []
    count = 0
    for table in tables:
        start = 0
        while table.num_rows - start >= rows - count:
            piece = table.slice(start, rows - count)
            yield pyarrow.concat_tables([*held, piece]) if held else piece
            start, held, count = start + rows - count, [], 0
        if start < table.num_rows:
            held.append(table.slice(start))
            count += table.num_rows - start
    if held:
        yield pyarrow.concat_tables(held)


def _csv(
    source: Source, wanted: list[str], schema: Schema, keep: Sequence[str], rows: int, done: int
) -> Iterator[Piece]:
    del keep
    file, first, place = str(source.path), 0, 0
    cells: list[list[str]] = []
    header: list[str] | None = None
    with source.path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(_plain(stream), strict=True)
        try:
            for row in reader:
                if not row:
                    continue
                if header is None:
                    header = list(unique([name or f"Unnamed: {place}" for place, name in enumerate(row)]))
                    _check_names(header, wanted, schema)
                    if done == 0:
                        yield TextPiece(file, header, [], 0, 0.0)
                    continue
                if len(row) != len(header):
                    raise csv.Error(f"{len(row)} cells where the header has {len(header)}")
                cells.append(row)
                if len(cells) == rows:
                    place += 1
                    if place >= done:
                        yield TextPiece(file, header, cells, first, raw.tell() / max(source.size, 1))
                    first, cells = first + rows, []
        except csv.Error as error:
            raise UnreadableTable(
                f"{file}, line {reader.line_num}: {error}",
                hint="quote cells that hold a comma or a quote, and give every row a cell for each column",
                path=file,
                line=reader.line_num,
            ) from None
    if header is None:
        raise UnreadableTable(f"{file} is empty", hint="the first line of a CSV file names its columns", path=file)
    if cells and place + 1 >= done:
        yield TextPiece(file, header, cells, first, 1.0)


def _plain(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\x00" in line:
            raise csv.Error("it holds a NUL character")
        yield line


def _jsonl(
    source: Source, wanted: list[str], schema: Schema, keep: Sequence[str], rows: int, done: int
) -> Iterator[Piece]:
    del wanted, schema
    file, first = str(source.path), 0
    types: dict[str, Any] = {}
    for place, (lines, read) in enumerate(_lines(source.path, rows)):
        if place == 0:
            types = _kept_types(file, [_decode(line) for line in lines], keep) if keep else {}
            if done == 0:
                yield JsonPiece(file, [], 0, 0.0, types)
        if lines and place + 1 >= done:
            yield JsonPiece(file, lines, first, read / max(source.size, 1), types)
        first += len(lines)


def _lines(path: Path, rows: int) -> Iterator[tuple[list[bytes], int]]:
    """Lines that are not blank, by `rows` of them, and how many bytes were read up to there; at least once."""
    with path.open("rb") as stream:
        if stream.read(len(MARK)) != MARK:
            stream.seek(0)
        held: list[bytes] = []
        told = False
        for chunk in stream:
            for line in chunk.splitlines():
                if line.strip():
                    held.append(line)
                if len(held) == rows:
                    yield held, stream.tell()
                    told, held = True, []
        if held or not told:
            yield held, os.fstat(stream.fileno()).st_size


def _kept_types(file: str, records: Sequence[Any], keep: Sequence[str]) -> dict[str, Any]:
    """The types of the kept columns, by the first records: whole numbers, numbers, truth values or text.

    Everything else (mixed values, lists, objects) is kept as JSON text. Raises SchemaMismatch for a column that none has.
    """
    import pyarrow

    objects = [record for record in records if isinstance(record, dict)]
    there = {name for record in objects for name in record}
    lacking = [name for name in keep if name not in there]
    if lacking and objects:
        problems = [{"path": name, "expected": "a column", "got": "nothing"} for name in lacking]
        raise SchemaMismatch(problems, hint=f"none of the first {len(objects):,} records of {file} has it")
    types = {}
    for name in keep:
        seen = {type(record.get(name)) for record in objects} - {type(None)}
        if seen and seen <= {int, float}:
            types[name] = pyarrow.float64() if float in seen else pyarrow.int64()
        else:
            types[name] = pyarrow.bool_() if seen == {bool} else pyarrow.string()
    return types
