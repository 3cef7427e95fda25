"""Lists of records."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from holdall.columns.batch import Batch, Column
from holdall.columns.records import from_records, read_records, to_records
from holdall.errors import InputError, SchemaMismatch
from holdall.spec.schema import Field, Kind, Missing, Schema

SCHEMA = Schema(
    inputs=(
        Field(name="age", kind=Kind.FLOAT),
        Field(name="city", kind=Kind.STRING, nullable=True),
        Field(name="since", kind=Kind.TIMESTAMP, nullable=True),
    ),
    outputs=(),
)
GOOD = {"age": 1, "city": "Rome", "since": "1970-01-01"}


def problems(records: object) -> list[tuple[str, str, str]]:
    with pytest.raises(SchemaMismatch) as caught:
        read_records(records, SCHEMA)  # type: ignore[arg-type]
    return [(entry["path"], entry["expected"], entry["got"]) for entry in caught.value.facts["problems"]]


def test_without_a_schema_a_name_that_a_record_lacks_is_a_null() -> None:
    batch = from_records([{"a": 1}, {"b": "x"}, {"a": None, "b": None}])
    assert list(batch) == ["a", "b"]
    assert batch["a"].to_list() == [1, None, None]
    assert batch["a"].missing is Missing.NONE
    assert batch["b"].to_list() == [None, "x", None]


def test_with_a_schema_every_record_has_every_column() -> None:
    assert problems([GOOD, {"age": 2}]) == [
        ("rows[1].city", "text or null", "nothing"),
        ("rows[1].since", "a time such as '2024-05-01T12:00:00Z' or null", "nothing"),
    ]
    assert problems([{"city": None, "since": None}]) == [("age", "a column", "nothing")]


def test_columns_that_no_record_has_are_all_listed_with_what_was_meant() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        read_records([{"Age": 1, "town": "Rome"}], SCHEMA)
    hint = str(caught.value.hint)
    assert "missing: 'age', 'city', 'since'" in hint
    assert "'Age' looks like 'age'" in hint
    assert caught.value.facts["total"] == 3


def test_all_cells_that_do_not_fit_are_named_by_row_and_column() -> None:
    rows = [{**GOOD, "age": "old"}, GOOD, {**GOOD, "city": 7, "since": "soon", "age": True}]
    assert problems(rows) == [
        ("rows[0].age", "a number", "'old'"),
        ("rows[2].age", "a number", "true"),
        ("rows[2].city", "text", "7"),
        ("rows[2].since", "a time such as '2024-05-01T12:00:00Z'", "'soon'"),
    ]


def test_twenty_problems_are_listed_and_all_are_counted() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        read_records([{**GOOD, "age": "old"}] * 50, SCHEMA)
    assert len(caught.value.facts["problems"]) == 20
    assert caught.value.facts["total"] == 50


def test_mixed_types_that_all_fit_are_one_column() -> None:
    moments = ["1970-01-01T00:00:01Z", datetime.datetime(1970, 1, 1, 0, 0, 2), datetime.date(1970, 1, 2), None]
    batch = read_records([{**GOOD, "since": moment} for moment in moments], SCHEMA)
    assert batch["since"].to_list() == [1_000_000, 2_000_000, 86_400_000_000, None]


def test_columns_beside_the_schema_are_kept_where_they_are_columns() -> None:
    batch = from_records([{**GOOD, "id": 7, "odd": {}}], SCHEMA)
    assert list(batch) == ["age", "city", "since", "id"]
    assert batch["id"].to_list() == [7]
    assert list(read_records([{**GOOD, "id": 7}], SCHEMA)) == ["age", "city", "since"]


def test_no_records_are_an_empty_batch_of_the_schemas_columns() -> None:
    batch = from_records([], SCHEMA)
    assert batch.rows == 0
    assert [batch[name].kind for name in batch] == [Kind.FLOAT, Kind.STRING, Kind.TIMESTAMP]
    assert from_records([]).rows == 0


def test_what_is_no_record_is_refused_by_row() -> None:
    with pytest.raises(InputError, match=r"rows\[1\] is list, not a record"):
        from_records([{"a": 1}, [1]])  # type: ignore[list-item]
    with pytest.raises(InputError, match="names are text, not int"):
        from_records([{1: 1}])  # type: ignore[dict-item]


def test_times_are_python_times_with_a_zone_only_where_the_column_had_one() -> None:
    values, mask = np.array([1_000_000, 0]), np.array([False, True])
    batch = Batch(
        {
            "plain": Column(Kind.TIMESTAMP, values, mask),
            "zoned": Column(Kind.TIMESTAMP, values, mask, "datetime64[us, UTC]"),
            "day": Column(Kind.DATE, np.array([1, 0]), mask),
        },
        2,
    )
    second = datetime.datetime(1970, 1, 1, 0, 0, 1)
    assert to_records(batch) == [
        {"plain": second, "zoned": second.replace(tzinfo=datetime.UTC), "day": datetime.date(1970, 1, 2)},
        {"plain": None, "zoned": None, "day": None},
    ]
    assert to_records(Batch({}, 2)) == [{}, {}]
