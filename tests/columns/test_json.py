"""JSON documents and JSON lines."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings

from holdall.columns.batch import Batch, Column, ragged
from holdall.columns.json import from_json, from_jsonl, to_json, to_jsonl
from holdall.errors import InputError, SchemaMismatch, UnreadableTable
from holdall.spec.schema import Field, Kind, Schema
from tests.columns.batches import assert_same, batches, schema_of


@settings(max_examples=150, deadline=None)
@given(batch=batches())
def test_what_is_written_is_read_back_with_the_schema(batch: Batch) -> None:
    assert_same(from_json(to_json(batch), schema_of(batch)), batch)
    assert_same(from_jsonl(to_jsonl(batch), schema_of(batch)), batch)


@pytest.mark.parametrize(
    "data",
    [
        b'[{"a": 1}]',
        b'{"rows": [{"a": 1}]}',
        b'{"rows": [{"a": 1}], "id": "x"}',
        b'{"a": 1}',
        b'\xef\xbb\xbf [{"a":1}]',
    ],
)
def test_a_list_an_envelope_and_one_record_are_tables(data: bytes) -> None:
    batch = from_json(data)
    assert batch["a"].to_list() == [1]
    assert batch.rows == 1


def test_rows_is_a_column_where_the_schema_says_so_or_it_holds_no_objects() -> None:
    assert from_json(b'{"rows": [1, 2]}')["rows"].kind is Kind.TENSOR
    assert from_json(b'{"rows": 3}')["rows"].to_list() == [3]
    named = Schema(inputs=(Field(name="rows", kind=Kind.LIST),), outputs=())
    with pytest.raises(SchemaMismatch, match=r"rows\[0\]\.rows"):
        from_json(b'{"rows": [{"a": 1}]}', named)


def test_integers_are_exact_however_large() -> None:
    assert from_json(b'[{"a": 9007199254740993}, {"a": -9223372036854775808}]')["a"].to_list() == [2**53 + 1, -(2**63)]
    assert to_json(Batch({"a": Column(Kind.INT, np.array([2**53 + 1]))}, 1)) == b'[{"a":9007199254740993}]'
    with pytest.raises(InputError, match="64 bits"):
        from_json(b'[{"a": 9223372036854775808}]')
    number = Schema(inputs=(Field(name="a", kind=Kind.FLOAT),), outputs=())
    assert from_json(b'[{"a": 123456789012345678901234567890}]', number)["a"].to_list() == [1.2345678901234568e29]


def test_what_json_cannot_say_is_null_and_the_rest_is_text() -> None:
    batch = Batch(
        {
            "x": Column(Kind.FLOAT, np.array([np.nan, np.inf, -np.inf])),
            "at": Column(Kind.TIMESTAMP, np.array([0, 1, 1_500_000])),
            "day": Column(Kind.DATE, np.array([0, 1, 2]), np.array([True, False, False])),
            "raw": Column(Kind.BINARY, np.array([b"ab", b"", b"c"], object)),
            "v": Column(Kind.LIST, ragged([np.array([1]), np.array([]), np.array([np.nan])])),
        },
        3,
    )
    assert json.loads(to_json(batch)) == [
        {"x": None, "at": "1970-01-01T00:00:00Z", "day": None, "raw": "YWI=", "v": [1]},
        {"x": None, "at": "1970-01-01T00:00:00.000001Z", "day": "1970-01-02", "raw": "", "v": []},
        {"x": None, "at": "1970-01-01T00:00:01.500000Z", "day": "1970-01-03", "raw": "Yw==", "v": [None]},
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[",
        b'[{"a": NaN}]',
        b'[{"a": Infinity}]',
        b"[{'a': 1}]",
        b'[{"a": 1},]',
        b"\xff",
        b'{"a": 1e400}',
        b"[" * 99999,
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableTable, match=r"t\.json is no JSON"):
        from_json(data, path="t.json")


@pytest.mark.parametrize("data", [b"1", b'"x"', b"null", b"[1]", b"[[1]]", b'[{"a": {}}]', b'[{"a": ["x"]}]'])
def test_json_that_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        from_json(data)


def test_lines_are_numbered_in_errors_and_blank_ones_are_skipped() -> None:
    assert from_jsonl(b'{"a": 1}\n\n{"a": 2}\r\n')["a"].to_list() == [1, 2]
    with pytest.raises(UnreadableTable, match=r"t\.jsonl, line 3"):
        from_jsonl(b'{"a": 1}\n\n{"a": \n', path="t.jsonl")


def test_no_rows_are_an_empty_document() -> None:
    assert to_json(Batch({}, 0)) == b"[]"
    assert to_jsonl(Batch({}, 0)) == b""
    assert from_json(b"[]").rows == 0
