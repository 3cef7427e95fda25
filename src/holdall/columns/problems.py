"""What does not fit, as a list: each with a path into the input, what was expected there and what came."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import UNITS, Array, Column
from holdall.errors import SchemaMismatch
from holdall.spec.schema import Kind

LISTED = 20
"""How many problems an error lists; it always tells how many there are."""

LONGEST = 60
"""Of a value that did not fit, so many characters are shown."""

EXPECTED: dict[Kind, str] = {
    Kind.BOOL: "true or false",
    Kind.INT: "a whole number",
    Kind.FLOAT: "a number",
    Kind.STRING: "text",
    Kind.TIMESTAMP: "a time such as '2024-05-01T12:00:00Z'",
    Kind.DATE: "a date such as '2024-05-01'",
    Kind.BINARY: "bytes (base64 where the input is text)",
    Kind.TENSOR: "an array of numbers",
    Kind.LIST: "a list of numbers",
}


class Problems:
    """The problems found so far. Whole columns come first, then cells by row, then in the order in which they were told."""

    def __init__(self) -> None:
        self.total = 0
        self._found: list[tuple[int, dict[str, str]]] = []

    def __bool__(self) -> bool:
        return self.total > 0

    def column(self, name: str, expected: str, got: str) -> None:
        """One problem of a whole column."""
        self._add(-1, name, expected, got)

    def cell(self, row: int, name: str, expected: str, got: str) -> None:
        """One problem of one cell."""
        self._add(row, f"rows[{row}].{name}", expected, got)

    def cells(self, name: str, rows: Array, expected: str, column: Column, numbers: Array | None = None) -> None:
        """The same problem in many cells. rows: indices into `column`; numbers: what they are called, where otherwise."""
        shown = rows[:LISTED]
        for row, value in zip(shown.tolist(), cells(column, shown), strict=True):
            self.cell(row if numbers is None else int(numbers[row]), name, expected, show(value))
        self.total += len(rows) - len(shown)

    def _add(self, row: int, path: str, expected: str, got: str) -> None:
        self.total += 1
        self._found.append((row, {"path": path, "expected": expected, "got": got}))

    def check(self, hint: str | None = None) -> None:
        """Raises SchemaMismatch if there is any problem; it lists the first LISTED."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0])
            raise SchemaMismatch([problem for _, problem in ordered[:LISTED]], self.total, hint=hint)


def cells(column: Column, rows: Array) -> list[Any]:
    """The values of these rows, None for a null; times and dates as such, arrays as arrays."""
    taken = column.take(rows)
    if column.kind in UNITS:
        values: list[Any] = list(taken.values.astype(UNITS[column.kind]))
    elif column.kind in (Kind.TENSOR, Kind.LIST):
        values = list(taken.values)
    else:
        values = taken.to_list()
    return [None if gone else value for value, gone in zip(values, taken.null_mask().tolist(), strict=True)]


def show(value: Any) -> str:
    """A value as a message shows it: JSON's words for what JSON has, Python's otherwise, cut to LONGEST characters."""
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, np.ndarray):
        return f"an array of shape {list(value.shape)}"
    if isinstance(value, np.datetime64 | datetime.date):
        return str(value)
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def listing(names: Sequence[Any], most: int = LISTED) -> str:
    """Names or values for a sentence: 'a', 'b' and 3 more."""
    quoted = ", ".join(show(name) for name in names[:most])
    return quoted if len(names) <= most else f"{quoted} and {len(names) - most} more"
