"""Tables read by pieces: only the columns that are needed, and never more than a piece or a row group at a time.

A piece stays as it was read until a worker turns it into columns: that is work for every core.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from holdall.columns.arrow import from_arrow
from holdall.columns.batch import Batch
from holdall.columns.csv import read_cells
from holdall.columns.names import unique
from holdall.columns.problems import Problems
from holdall.columns.records import lacking_hint, to_records
from holdall.errors import InputError, SchemaMismatch, UnreadableTable
from holdall.spec.schema import Schema

ROWS = 16384
"""Rows of a piece: few enough for several to be in memory, enough to make what a piece costs disappear."""


class Piece(Protocol):
    """Rows that follow each other in a file. first: the number of the first one, from 0."""

    @property
    def first(self) -> int: ...

    @property
    def rows(self) -> int: ...

    def take(self, start: int, stop: int) -> Piece: ...

    def columns(self, schema: Schema) -> Batch:
        """What the model takes. Raises SchemaMismatch, InputError."""

    def kept(self, names: Sequence[str]) -> Any:
        """These columns as an Arrow table, their types as they are in the file."""

    def record(self) -> dict[str, Any]:
        """The values of the first row, by column, as they are in the file."""


@dataclass(frozen=True, slots=True)
class ArrowPiece:
    table: Any
    first: int

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def take(self, start: int, stop: int) -> ArrowPiece:
        return ArrowPiece(self.table.slice(start, stop - start), self.first + start)

    def columns(self, schema: Schema) -> Batch:
        return from_arrow(self.table.select([field.name for field in schema.inputs]))

    def kept(self, names: Sequence[str]) -> Any:
        return self.table.select(list(names))

    def record(self) -> dict[str, Any]:
        return to_records(from_arrow(self.table.slice(0, 1)))[0]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """header: every column of the file; cells: one list a row."""

    header: Sequence[str]
    cells: Sequence[Sequence[str]]
    first: int

    @property
    def rows(self) -> int:
        return len(self.cells)

    def take(self, start: int, stop: int) -> TextPiece:
        return TextPiece(self.header, self.cells[start:stop], self.first + start)

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


def read_pieces(path: Path, form: str, schema: Schema, keep: Sequence[str]) -> Iterator[Piece]:
    """The file's rows in order; at least one piece, which may be empty. Raises UnreadableTable, SchemaMismatch."""
    import pyarrow

    wanted = list(dict.fromkeys([*(field.name for field in schema.inputs), *keep]))
    try:
        if form == "csv":
            yield from _csv(path, wanted, schema)
        else:
            yield from _arrow(path, form, wanted, schema)
    except UnicodeDecodeError:
        raise UnreadableTable(f"{path} is not UTF-8", hint="save it as UTF-8", path=str(path)) from None
    except (pyarrow.ArrowException, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnreadableTable(
            f"cannot read {path}: {why}", hint="write or fetch the file again", path=str(path)
        ) from None


def _check_names(there: Sequence[str], wanted: Sequence[str], schema: Schema) -> None:
    lacking = [name for name in wanted if name not in there]
    known = [field.name for field in schema.inputs]
    if lacking:
        problems = [{"path": name, "expected": "a column", "got": "nothing"} for name in lacking]
        raise SchemaMismatch(problems, hint=lacking_hint(lacking, there, known))
    doubled = [name for name in wanted if list(there).count(name) > 1]
    if doubled:
        raise InputError(f"two columns are named {doubled[0]!r}", hint="give every column a name of its own")


def _arrow(path: Path, form: str, wanted: list[str], schema: Schema) -> Iterator[Piece]:
    import pyarrow
    import pyarrow.ipc
    from pyarrow import parquet

    def batches() -> Iterator[Any]:
        if form == "parquet":
            with parquet.ParquetFile(path) as file:
                _check_names(file.schema_arrow.names, wanted, schema)
                yield file.schema_arrow.empty_table().select(wanted)
                for batch in file.iter_batches(ROWS, columns=wanted):
                    # Parquet gives the columns in the file's order.
                    yield pyarrow.Table.from_batches([batch]).select(wanted)
        else:
            with pyarrow.memory_map(str(path)) as data, pyarrow.ipc.open_file(data) as file:
                _check_names(file.schema.names, wanted, schema)
                yield file.schema.empty_table().select(wanted)
                for place in range(file.num_record_batches):
                    whole = pyarrow.Table.from_batches([file.get_batch(place)]).select(wanted)
                    for start in range(0, whole.num_rows, ROWS):
                        yield whole.slice(start, ROWS)

    first = 0
    for table in batches():
        yield ArrowPiece(table, first)
        first += table.num_rows


def _csv(path: Path, wanted: list[str], schema: Schema) -> Iterator[Piece]:
    first, cells = 0, []
    header: list[str] | None = None
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            for row in reader:
                if not row:
                    continue
                if any("\x00" in cell for cell in row):
                    raise csv.Error("it holds a NUL character")
                if header is None:
                    header = list(unique([name or f"Unnamed: {place}" for place, name in enumerate(row)]))
                    _check_names(header, wanted, schema)
                    yield TextPiece(header, [], 0)
                    continue
                if len(row) != len(header):
                    raise csv.Error(f"{len(row)} cells where the header has {len(header)}")
                cells.append(row)
                if len(cells) == ROWS:
                    yield TextPiece(header, cells, first)
                    first, cells = first + ROWS, []
        except csv.Error as error:
            raise UnreadableTable(
                f"{path}, line {reader.line_num}: {error}",
                hint="quote cells that hold a comma or a quote, and give every row a cell for each column",
                path=str(path),
                line=reader.line_num,
            ) from None
    if header is None:
        raise UnreadableTable(f"{path} is empty", hint="the first line of a CSV file names its columns", path=str(path))
    if cells:
        yield TextPiece(header, cells, first)
