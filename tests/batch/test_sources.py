"""Text that is read by pieces holds the values that it holds where it is read at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.batch.sources import JsonPiece, TextPiece
from holdall.columns.batch import Batch
from holdall.columns.csv import to_csv
from holdall.columns.files import read_bytes
from holdall.columns.records import from_records
from holdall.errors import SchemaMismatch
from holdall.scoring.fit import fit
from holdall.spec.schema import Field, Kind, Schema

SCHEMA = Schema(
    inputs=(
        Field(name="number", kind=Kind.FLOAT, dtype="float64", nullable=True),
        Field(name="whole", kind=Kind.INT, dtype="int64", nullable=True),
        Field(name="truth", kind=Kind.BOOL, dtype="bool", nullable=True),
        Field(name="text", kind=Kind.STRING, dtype="object", nullable=True),
    ),
    outputs=(),
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "NA", "7", " 7", "1e3", "1_0", "true", "٣", "Rome"]),
)


def values(kind: Any) -> Any:
    """Mostly what the column is made of, as tables are; now and then something else."""
    return st.one_of(kind, kind, kind, SCALARS)


RECORDS = st.one_of(
    [
        st.lists(
            st.fixed_dictionaries(
                {
                    "number": wrap(st.floats(allow_nan=False, allow_infinity=False)),
                    "whole": wrap(st.integers(-(2**63), 2**63 - 1)),
                    "truth": wrap(st.booleans()),
                    "text": wrap(st.sampled_from(["Rome", "Oslo, north", "naïve"])),
                }
            ),
            min_size=1,
            max_size=6,
        )
        for wrap in (values, lambda kind: kind)
    ]
)


def outcome(read: Any) -> Any:
    """What the model would be given, or what was told of."""
    try:
        batch: Batch = fit(read(), SCHEMA)
    except SchemaMismatch as error:
        return error.facts["total"], sorted(error.facts["problems"], key=lambda problem: problem["path"])
    return [
        (c.kind, c.values.dtype, c.values.tolist(), c.null_mask().tolist(), c.missing)
        for c in map(batch.__getitem__, batch)
    ]


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # NaN is itself here


@given(RECORDS)
def test_json_lines_by_pieces_are_what_they_are_at_once(records: list[dict[str, Any]]) -> None:
    lines = [msgspec.json.encode(record) for record in records]
    piece = JsonPiece("in.jsonl", lines, 0, 1.0)
    whole = outcome(lambda: read_bytes(b"\n".join(lines), SCHEMA, "in.jsonl"))
    assert same(outcome(lambda: piece.columns(SCHEMA)), whole)


@given(RECORDS)
def test_csv_by_pieces_is_what_it_is_at_once(records: list[dict[str, Any]]) -> None:
    rows = [["" if value is None else str(value) for value in record.values()] for record in records]
    header = list(records[0])
    piece = TextPiece("in.csv", header, rows, 0, 1.0)
    texts = from_records([dict(zip(header, row, strict=True)) for row in rows])
    whole = outcome(lambda: read_bytes(to_csv(texts), SCHEMA, "in.csv"))
    assert same(outcome(lambda: piece.columns(SCHEMA)), whole)


@pytest.mark.parametrize("values", [[1.5, 2.5], [1.5, None], [1, 2.5], [2**60, 1.0], [True, 1.0]])
def test_numbers_of_json_are_told_apart_as_they_are_at_once(values: list[Any]) -> None:
    records = [{"number": value, "whole": 1, "truth": True, "text": "x"} for value in values]
    lines = [msgspec.json.encode(record) for record in records]
    piece = JsonPiece("in.jsonl", lines, 0, 1.0)
    whole = outcome(lambda: read_bytes(b"\n".join(lines), SCHEMA, "in.jsonl"))
    assert same(outcome(lambda: piece.columns(SCHEMA)), whole)
