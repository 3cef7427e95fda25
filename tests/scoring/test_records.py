"""Records straight to feeds: the same feeds and the same errors as by way of columns, faster."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.columns.records import read_records
from holdall.errors import InputError
from holdall.scoring import records as module
from holdall.scoring.fit import fit
from holdall.scoring.records import Feeds, compile_groups, group
from holdall.spec.schema import Field, Kind, Missing, Observed, Schema
from holdall.spec.steps import GraphInput

FINITE = float(np.finfo(np.float64).max)

FIELDS = st.builds(
    Field,
    name=st.just(""),
    kind=st.sampled_from([*module.GROUPED, *module.GROUPED, Kind.BINARY, Kind.LIST]),
    nullable=st.booleans(),
    fractions=st.booleans(),
    limit=st.sampled_from([None, FINITE, 2.0**53, 10.0]),
    missing=st.sampled_from(Missing),
    enforce=st.sampled_from([False, False, False, True]),
    observed=st.sampled_from([None, Observed(minimum=-5.0, maximum=5.0), Observed(categories=("x", "y"))]),
)
REGULAR: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.FLOAT: st.floats() | st.integers(-20, 20) | st.sampled_from([10.0, math.nextafter(10.0, 11.0), 10, FINITE]),
    Kind.INT: st.integers(-20, 20) | st.integers(-(2**63), 2**63 - 1),
    Kind.BOOL: st.booleans(),
    Kind.STRING: st.sampled_from(["x", "y", "", "ü"]),
    Kind.TIMESTAMP: st.sampled_from(["2020-01-01T12:00:00Z", "2020-01-01", "1969-12-31T23:59:59.999999"]),
    Kind.DATE: st.sampled_from(["2020-01-01", "2020-01-01T00:00Z"]),
    Kind.BINARY: st.just("YQ=="),
    Kind.LIST: st.lists(st.integers(0, 3), max_size=2),
}
PYTHON = [None, math.nan, True, 1, 3.0, 0.5, 2**70, 10**400, "x", "2020-01-01", "soon", b"x", [], {}]
LIBRARY = [
    np.float64(1),
    np.int8(1),
    np.str_("x"),
    np.bool_(True),
    datetime.datetime(2020, 1, 1),
    datetime.date(2020, 1, 1),
]
IRREGULAR = st.sampled_from([*PYTHON, *LIBRARY])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schema, tuple[GraphInput, ...], list[dict[str, Any]]]:
    drawn = draw(st.lists(FIELDS, min_size=1, max_size=6))
    fields = [Field(**{**_plain(field), "name": f"c{place}"}) for place, field in enumerate(drawn)]
    fed = [field for field in fields if field.carrier in module.GROUPED and draw(st.sampled_from([True, True, False]))]
    inputs = []
    for kind in module.GROUPED:
        names = tuple(field.name for field in fed if field.carrier is kind)
        if names:
            mask = f"{kind}_null" if kind is not Kind.FLOAT and draw(st.booleans()) else None
            inputs.append(GraphInput(name=kind.value, kind=kind, columns=names, mask=mask))
    rows = []
    odd = draw(st.sampled_from([0, 0, 1, 3]))
    for _ in range(draw(st.integers(0, 4))):
        row = {field.name: draw(REGULAR[field.carrier]) for field in fields}
        for field in draw(st.lists(st.sampled_from(fields), max_size=odd)):
            row[field.name] = draw(IRREGULAR)
        if draw(st.integers(0, 20)) == 20:
            del row[draw(st.sampled_from(sorted(row)))]
        rows.append({**row, "extra": 1})
    return Schema(inputs=tuple(fields), outputs=()), tuple(inputs), rows


def _plain(field: Field) -> dict[str, Any]:
    return {name: getattr(field, name) for name in field.__struct_fields__}


def _outcome(call: Callable[[], Feeds]) -> tuple[Feeds, dict[str, Any] | None]:
    try:
        return call(), None
    except InputError as error:
        return {}, error.to_json()


@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_both_ways_give_the_same_feeds_or_the_same_error(
    case: tuple[Schema, tuple[GraphInput, ...], list[dict[str, Any]]],
) -> None:
    schema, inputs, rows = case
    expected, failure = _outcome(lambda: group(fit(read_records(rows, schema), schema), inputs))
    feeds, other = _outcome(lambda: compile_groups(schema, inputs)(rows))
    assert other == failure
    assert feeds.keys() == expected.keys()
    for name, matrix in expected.items():
        assert feeds[name].dtype == matrix.dtype
        assert feeds[name].shape == matrix.shape
        if matrix.dtype == np.float64:
            np.testing.assert_array_equal(feeds[name], matrix)
        else:
            assert feeds[name].tolist() == matrix.tolist()


@settings(max_examples=200, deadline=None)
@given(case=cases())
def test_a_row_fares_alike_alone_and_among_others(
    case: tuple[Schema, tuple[GraphInput, ...], list[dict[str, Any]]],
) -> None:
    schema, inputs, rows = case
    read = compile_groups(schema, inputs)
    try:
        together = read(rows)
    except InputError:
        with pytest.raises(InputError):
            [read([row]) for row in rows]
        return
    for place, row in enumerate(rows):
        for name, matrix in read([row]).items():
            assert str(matrix[0].tolist()) == str(together[name][place].tolist())


SCHEMA = Schema(
    inputs=(
        Field(name="x", kind=Kind.FLOAT, limit=FINITE, nullable=True),
        Field(name="s", kind=Kind.STRING, nullable=True),
        Field(name="y", kind=Kind.FLOAT, limit=FINITE),
        Field(name="n", kind=Kind.INT),
        Field(name="b", kind=Kind.BOOL),
        Field(name="t", kind=Kind.TIMESTAMP, nullable=True),
    ),
    outputs=(),
)
INPUTS = (
    GraphInput(name="float", kind=Kind.FLOAT, columns=("x", "y")),
    GraphInput(name="string", kind=Kind.STRING, columns=("s",), mask="string_null"),
    GraphInput(name="int", kind=Kind.INT, columns=("n",)),
    GraphInput(name="bool", kind=Kind.BOOL, columns=("b",)),
    GraphInput(name="timestamp", kind=Kind.TIMESTAMP, columns=("t",), mask="timestamp_null"),
)
GOOD = {"x": 1.5, "s": "a", "y": 2, "n": 2**53 + 1, "b": True, "t": "1970-01-01T00:00:01Z"}


@pytest.mark.parametrize("change", [{}, {"x": None}, {"x": math.nan}, {"s": None, "t": None}, {"y": 2.0}])
def test_regular_records_and_nulls_never_take_the_long_way(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("the long way was taken")

    read = compile_groups(SCHEMA, INPUTS)
    expected = group(fit(read_records([{**GOOD, **change}], SCHEMA), SCHEMA), INPUTS)
    monkeypatch.setattr(module, "read_records", never)
    feeds = read([{**GOOD, **change}])
    assert {name: str(matrix.tolist()) for name, matrix in feeds.items()} == {
        name: str(matrix.tolist()) for name, matrix in expected.items()
    }


def test_the_feeds_are_one_matrix_a_kind_with_a_mask_where_there_is_one() -> None:
    feeds = compile_groups(SCHEMA, INPUTS)([GOOD, {**GOOD, "x": None, "s": None, "t": None}])
    assert feeds["float"][0].tolist() == [1.5, 2.0]
    assert np.isnan(feeds["float"][1, 0])
    assert feeds["string"].tolist() == [["a"], [""]]
    assert feeds["string_null"].tolist() == [[False], [True]]
    assert feeds["int"].tolist() == [[2**53 + 1], [2**53 + 1]]
    assert feeds["timestamp"].tolist() == [[1_000_000], [0]]
    assert feeds["timestamp_null"].tolist() == [[False], [True]]
    assert set(feeds) == {"float", "string", "string_null", "int", "bool", "timestamp", "timestamp_null"}


def test_a_column_that_no_input_takes_is_checked_and_not_fed() -> None:
    read = compile_groups(SCHEMA, INPUTS[:1])
    assert set(read([GOOD])) == {"float"}
    with pytest.raises(InputError, match=r"rows\[0\]\.n: expected a whole number, got 'x'"):
        read([{**GOOD, "n": "x"}])


def test_errors_of_all_kinds_of_columns_come_together() -> None:
    with pytest.raises(InputError) as caught:
        compile_groups(SCHEMA, INPUTS)([{**GOOD, "y": "x", "n": "x"}, GOOD, {**GOOD, "s": 1}])
    assert [entry["path"] for entry in caught.value.facts["problems"]] == ["rows[0].y", "rows[0].n", "rows[2].s"]


@pytest.mark.parametrize("records", [[[1, 2]], ["abc"], [None], [GOOD, 7]])
def test_what_is_no_record_is_refused(records: list[Any]) -> None:
    with pytest.raises(InputError, match="not a record"):
        compile_groups(SCHEMA, INPUTS)(records)


def test_many_rows_are_stacked_across_blocks() -> None:
    rows = module.BLOCK + 3
    columns = [np.arange(rows, dtype=np.float64), -np.arange(rows, dtype=np.float64)]
    assert np.array_equal(module.stack(columns, rows, np.float64), np.column_stack(columns))
