"""The page about columns tells the truth: its example runs, and its tables are what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from holdall.columns.arrow import to_arrow
from holdall.columns.batch import Batch, Column
from holdall.columns.numpy import to_numpy
from holdall.columns.pandas import to_pandas
from holdall.columns.polars import to_polars
from holdall.spec.schema import Kind

PAGE = (Path(__file__).parents[2] / "docs" / "concepts" / "columns.md").read_text("utf-8")
KINDS = [Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.STRING, Kind.TIMESTAMP, Kind.DATE, Kind.BINARY]
VALUES = {Kind.STRING: "x", Kind.BINARY: b"x"}


def test_its_example_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "columns.md", "exec"), {})  # noqa: S102 — the page is ours


def written(library: str) -> list[str]:
    """The cells of the row 'written' that follows a library's row 'read'."""
    lines = PAGE.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"| **{library}") and " read |" in line)
    cells = [cell.strip() for cell in lines[place + 1].strip("|").split("|")]
    assert cells[0] == "written"
    return cells[1:]


def dtypes(library: str, *, nulls: bool) -> list[str]:
    columns = {}
    for kind in KINDS:
        values = np.array([VALUES.get(kind, 1), VALUES.get(kind, 1)], object if kind in VALUES else None)
        values = values.astype({Kind.BOOL: np.bool_, Kind.FLOAT: np.float64}.get(kind, values.dtype))
        mask = np.array([False, True]) if nulls and kind is not Kind.FLOAT else None
        columns[kind.value] = Column(kind, values, mask)
    batch = Batch(columns, 2)
    if library == "pandas":
        return [str(dtype) for dtype in to_pandas(batch).dtypes]
    if library == "polars":
        return [
            str(dtype).replace("time_unit=", "").replace(", time_zone=None", "") for dtype in to_polars(batch).dtypes
        ]
    if library == "Arrow":
        return [str(field.type).removesuffix("[day]") for field in to_arrow(batch).schema]
    return [to_numpy(batch).dtype[name].name for name in columns]


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("library", ["pandas", "polars", "Arrow", "NumPy"])
def test_what_it_says_is_written_is_written(library: str, nulls: bool) -> None:
    for said, dtype in zip(written(library), dtypes(library, nulls=nulls), strict=False):
        words = dtype.replace("str32", "U")
        assert words in said or (words == "object" and "objects" in said), (said, dtype)


def test_every_pair_of_read_and_written_has_a_cell_for_every_kind() -> None:
    table = PAGE.split("## The one table")[1].split("¹ Only")[0]
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert widths == {10}
