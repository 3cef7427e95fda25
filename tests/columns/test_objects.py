"""Columns of Python objects."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.columns.objects import from_objects, read_objects
from holdall.columns.problems import Problems
from holdall.errors import InputError, SchemaMismatch
from holdall.spec.schema import Field, Kind, Missing

UTC = datetime.UTC
NOON = datetime.datetime(2020, 1, 1, 12)


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("values", "kind", "plain"),
    [
        ([True, np.bool_(False)], Kind.BOOL, [True, False]),
        ([1, np.int8(2), 2**63 - 1], Kind.INT, [1, 2, 2**63 - 1]),
        ([1, 2.5, np.float32(0.5), Decimal("1.25")], Kind.FLOAT, [1.0, 2.5, 0.5, 1.25]),
        ([Decimal(2)], Kind.FLOAT, [2.0]),
        (["x", np.str_("y"), Colour.RED], Kind.STRING, ["x", "y", "red"]),
        ([b"x", bytearray(b"y"), memoryview(b"z")], Kind.BINARY, [b"x", b"y", b"z"]),
        ([datetime.date(1970, 1, 2)], Kind.DATE, [1]),
        ([datetime.datetime(1970, 1, 1, 0, 0, 1), pd.Timestamp(0)], Kind.TIMESTAMP, [1_000_000, 0]),
        ([datetime.datetime(1970, 1, 2), datetime.date(1970, 1, 2)], Kind.TIMESTAMP, [86_400_000_000] * 2),
        ([np.datetime64("1970-01-01T00:00:01")], Kind.TIMESTAMP, [1_000_000]),
        ([pd.Timestamp("1970-01-01 01:00", tz="Europe/Berlin")], Kind.TIMESTAMP, [0]),
        ([[1, 2], (3, 4), np.array([5, 6])], Kind.TENSOR, [[1, 2], [3, 4], [5, 6]]),
    ],
)
def test_the_values_decide_the_kind(values: list[Any], kind: Kind, plain: list[Any]) -> None:
    column = from_objects("a", values)
    assert column.kind is kind
    assert column.nulls is None
    assert column.to_list() == plain
    assert all(type(value) is str for value in column.values.tolist()) or kind is not Kind.STRING


def test_lists_of_several_lengths_are_ragged() -> None:
    column = from_objects("a", [[1, 2], [], None, [0.5]])
    assert column.kind is Kind.LIST
    assert [row.tolist() for row in column.values] == [[1.0, 2.0], [], [], [0.5]]
    assert column.null_mask().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("null", "marker"),
    [
        (None, Missing.NONE),
        (math.nan, Missing.NAN),
        (np.float64("nan"), Missing.NAN),
        (Decimal("nan"), Missing.NAN),
        (pd.NA, Missing.NA),
        (pd.NaT, Missing.NAT),
        (np.datetime64("NaT"), Missing.NAT),
    ],
)
@pytest.mark.parametrize("value", [True, 1, 1.5, "x", b"x", NOON, datetime.date(2020, 1, 1), [1, 2]])
def test_every_marker_is_a_null_in_every_kind_of_column(null: Any, marker: Missing, value: Any) -> None:
    alone = from_objects("a", [value])
    column = from_objects("a", [null, value, null])
    assert column.kind is alone.kind
    assert column.missing is marker
    assert column.null_mask().tolist() == [True, False, True]
    assert np.array_equal(column.values[1], alone.values[0])


def test_of_two_markers_the_first_is_kept() -> None:
    assert from_objects("a", ["x", math.nan, None]).missing is Missing.NAN
    assert from_objects("a", ["x", None, math.nan]).missing is Missing.NONE


def test_nothing_but_nulls_is_a_column_of_floats() -> None:
    column = from_objects("a", [None, None])
    assert (column.kind, column.missing) == (Kind.FLOAT, Missing.NONE)
    assert np.isnan(column.values).all()
    assert from_objects("a", []).kind is Kind.FLOAT


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, None, "x"], r"rows\[2\]\.a: .*'x' is text where 1"),
        ([True, 1], r"rows\[1\]\.a: .*1 is an integer where true"),
        (["x", NOON], r"rows\[1\]\.a"),
        ([1, 2**63], r"rows\[1\]\.a: the integer 9223372036854775808 does not fit"),
        ([1.5, 10**400], r"rows\[1\]\.a: the number is too large"),
        ([None, {}], r"rows\[1\]\.a: a value of type dict"),
        ([[1], ["x"]], r"rows\[1\]\.a: a list holds numbers only"),
        ([[1], [None]], r"rows\[1\]\.a: a list holds numbers only"),
        ([[[1], [1, 2]]], r"rows\[0\]\.a: a list whose inner lists differ"),
        ([[[1]], [[1], [2]]], r"rows\[1\]\.a: arrays of more than one dimension"),
    ],
)
def test_what_makes_no_column_is_refused_by_row(values: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        from_objects("a", values)


MIXED = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(2**62, 2**65),
    st.floats(),
    st.sampled_from(["", "x", "2020-01-01", "2020-01-01T12:00Z", "1.5", "YQ=="]),
    st.sampled_from([NOON, NOON.replace(tzinfo=UTC), datetime.date(2020, 1, 1), Decimal("0.5"), b"a"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from([{}, object(), [[1]], [[1, 2], [3, 4]], ["x"]]),
)


@pytest.mark.parametrize("kind", list(Kind))
@given(values=st.lists(MIXED, min_size=1, max_size=6))
def test_a_cell_fares_alike_alone_and_among_others(kind: Kind, values: list[Any]) -> None:
    field = Field(name="a", kind=kind, shape=(2,) if kind is Kind.TENSOR else ())

    def read(some: list[Any]) -> tuple[list[str], Any]:
        problems = Problems()
        column = read_objects("a", some, field, problems)
        try:
            problems.check()
        except SchemaMismatch as error:
            return [f"{entry['path']} {entry['got']}" for entry in error.facts["problems"]], column
        return [], column

    told, together = read(values)
    assert together.kind is kind
    assert len(together) == len(values)
    bad = set()
    for row, value in enumerate(values):
        alone, column = read([value])
        if alone:
            bad.add(row)
        elif not told:
            assert column.null_mask()[0] == together.null_mask()[row]
            assert np.array_equal(column.values[0], together.values[row], equal_nan=kind is Kind.FLOAT)
    assert {int(path.partition("[")[2].partition("]")[0]) for path in told} == bad
