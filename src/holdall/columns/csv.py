"""CSV as RFC 4180 has it, in strict UTF-8 (a byte order mark is accepted). Standard library only.

Without a schema a column is what `pandas.read_csv` makes of ordinary data: int64, float64, bool or text, by its cells. With
one a cell is read as its field says, and a cell that cannot be is named.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch, Column, Mask
from holdall.columns.names import unique
from holdall.columns.objects import read_objects, spread
from holdall.columns.problems import EXPECTED, Problems, show
from holdall.columns.text import as_text
from holdall.errors import UnreadableTable
from holdall.spec.schema import Field, Kind, Missing, Schema

# fmt: off
NULLS = frozenset([
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
])
# fmt: on
"""The cells that are nulls, as pandas has them; a text column whose known categories hold one keeps it."""

BOOLEANS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
INTEGER = frozenset("0123456789+- \t")
NUMBER = INTEGER | frozenset(".eEinftyINFTY")
"""The characters that integers and other numbers are made of. Python's own parsers take more: underscores, other scripts."""

_NUMBER_BYTES = "".join(sorted(NUMBER)).encode()


def from_csv(data: bytes, schema: Schema | None = None, path: str = "the table") -> Batch:
    """The columns of a CSV file with a header line. Blank lines are skipped.

    path: what messages call the file. Raises UnreadableTable for what is no such file (not UTF-8, bad quotes, a row that
    is longer or shorter than the header), InputError where two columns share a name, and with a schema SchemaMismatch.
    """
    header, rows = _rows(data, path)
    columns: dict[str, Column] = {}
    fields = {} if schema is None else {field.name: field for field in schema.inputs}
    problems = Problems()
    cells = zip(*rows, strict=True) if rows else ((),) * len(header)
    for name, column in zip(header, cells, strict=True):
        field = fields.get(name)
        columns[name] = infer(column) if field is None else read_cells(name, column, field, problems)
    problems.check()
    return Batch(columns, len(rows))


def _rows(data: bytes, path: str) -> tuple[Sequence[str], list[list[str]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableTable(
            f"{path} is not UTF-8: byte {error.start} is {data[error.start]:#04x}", hint="save it as UTF-8", path=path
        ) from None
    if "\x00" in text:
        raise UnreadableTable(f"{path} holds a NUL character: it is no CSV file", hint="give a CSV file", path=path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    header: Sequence[str] | None = None
    try:
        for row in reader:
            if not row:
                continue
            if header is None:
                header = unique([name or f"Unnamed: {place}" for place, name in enumerate(row)])
            elif len(row) != len(header):
                raise UnreadableTable(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}",
                    hint="quote cells that hold a comma, and give every row a cell for each column",
                    path=path,
                    line=reader.line_num,
                )
            else:
                rows.append(row)
    except csv.Error as error:
        raise UnreadableTable(
            f"{path}, line {reader.line_num}: {error}",
            hint='a quote within a quoted cell is written twice: "say ""hello"""',
            path=path,
            line=reader.line_num,
        ) from None
    if header is None:
        raise UnreadableTable(f"{path} is empty", hint="the first line of a CSV file names its columns", path=path)
    return header, rows


def infer(cells: Sequence[str]) -> Column:
    """The column that pandas would make of these cells. Integers beyond 64 bits stay text; nothing becomes a date."""
    nulls = np.array([cell in NULLS for cell in cells], np.bool_)
    present = [cell for cell in cells if cell not in NULLS] if nulls.any() else cells
    marker = Missing.NAN if nulls.any() else None
    if not cells:
        return Column(Kind.FLOAT, np.empty(0), None, "object")
    if not present:
        return Column(Kind.FLOAT, np.full(len(cells), np.nan), None, "float64", marker)
    rows = np.flatnonzero(~nulls)
    characters = set().union(*present) if len(present) < len(cells) else set("".join(cells))
    integers = _parse(present, int, np.int64) if characters <= INTEGER else None
    if integers is not None and marker is None:
        return Column(Kind.INT, integers, None, "int64")
    # An integer that int64 cannot hold is no number either: its last digits would be lost without a word.
    if characters <= NUMBER and (integers is not None or not characters <= INTEGER):
        numbers = _parse(present, float, np.float64)
        if numbers is not None:
            return spread(Column(Kind.FLOAT, numbers, None, "float64", marker), rows, len(cells))
    if all(cell in BOOLEANS for cell in present):
        values = np.array([BOOLEANS[cell] for cell in present], np.bool_)
        return spread(Column(Kind.BOOL, values, None, "object" if marker else "bool", marker), rows, len(cells))
    return spread(Column(Kind.STRING, _texts(present), None, "str", marker), rows, len(cells))


def _parse(cells: Sequence[str], number: Callable[[str], Any], dtype: Any) -> Array | None:
    try:
        return np.array([number(cell) for cell in cells], dtype)
    except (ValueError, OverflowError):
        return None


def _texts(cells: Sequence[str]) -> Array:
    values = np.empty(len(cells), object)
    values[:] = cells
    return values


def read_cells(name: str, cells: Sequence[str], field: Field, problems: Problems) -> Column:
    """The column that these cells are as the field's carrier has it; those that cannot be are problems."""
    nulls = _nulls(cells, field)
    kind = field.carrier
    if kind is Kind.STRING:
        values = _texts(cells)
        values[nulls] = ""
        return Column(kind, values, nulls if nulls.any() else None, None, Missing.NAN if nulls.any() else None)
    # Bytes are looked through a hundred times as fast as a text's characters.
    if kind is Kind.FLOAT and not nulls.any() and not "".join(cells).encode().translate(None, _NUMBER_BYTES):
        numbers = _parse(cells, float, np.float64)
        if numbers is not None:
            return Column(kind, numbers)
    parse = _PARSERS.get(kind)
    values_of: list[Any] = []
    for row, (cell, gone) in enumerate(zip(cells, nulls.tolist(), strict=True)):
        value = None
        if not gone:
            try:
                value = cell if parse is None else parse(cell)
            except ValueError:
                problems.cell(row, name, EXPECTED[kind], show(cell))
        values_of.append(value)
    column = read_objects(name, values_of, field, problems)
    return Column(column.kind, column.values, column.nulls, None, Missing.NAN if nulls.any() else None)


def _nulls(cells: Sequence[str], field: Field) -> Mask:
    words: frozenset[Any] = NULLS
    if field.kind is Kind.BINARY:
        # "null" and "None" are base64 of some three bytes.
        words = frozenset([""])
    elif field.kind is Kind.STRING and field.observed is not None and field.observed.categories is not None:
        words = NULLS.difference(field.observed.categories)
    if words.isdisjoint(cells):
        return np.zeros(len(cells), np.bool_)
    return np.array([cell in words for cell in cells], np.bool_)


def _number(cell: str) -> int | float:
    if not set(cell) <= NUMBER:
        raise ValueError(cell)
    return int(cell) if set(cell) <= INTEGER else float(cell)


def _boolean(cell: str) -> bool | int | float:
    return BOOLEANS[cell] if cell in BOOLEANS else _number(cell)


def _array(cell: str) -> Any:
    value = json.loads(cell)
    if not isinstance(value, list):
        raise ValueError(cell)
    return value


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    Kind.BOOL: _boolean,
    Kind.INT: _number,
    Kind.FLOAT: _number,
    Kind.TENSOR: _array,
    Kind.LIST: _array,
}
"""How a cell is read before its field's kind is looked at; times, dates and bytes are text there too."""


def to_csv(batch: Batch) -> bytes:
    """The batch as CSV: UTF-8, a header line, lines ended by a line feed, quotes where they are needed.

    A null is an empty cell; floats are the shortest text that reads back to the same double; booleans True and False;
    times 2024-05-01T12:00:00Z; bytes base64; arrays JSON. So an empty text reads back as a null.
    """
    lines: list[str] = []
    # The writer quotes what its own line ends are made of, so a lone carriage return is quoted only if they hold one.
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    writer.writerow(list(batch))
    writer.writerows(zip(*(_cells(batch[name]) for name in batch), strict=True))
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines).encode("utf-8")


def _cells(column: Column) -> list[Any]:
    values = as_text(column)
    if column.kind in (Kind.TENSOR, Kind.LIST):
        values = [None if value is None else json.dumps(value) for value in values]
    return ["" if value is None else value for value in values]
