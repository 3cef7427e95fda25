"""One kind as another: nothing is lost, and what would be is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.columns.batch import Column, all_null
from holdall.columns.conversion import convert
from holdall.columns.objects import from_objects
from holdall.spec.schema import Kind

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("values", "kind", "plain", "bad"),
    [
        ([1, None, 2**62], Kind.FLOAT, [1.0, None, 2.0**62], []),
        ([1.0, math.nan, -3.0], Kind.INT, [1, None, -3], []),
        (
            [1.5, 2.0, math.inf, 1e19, -(2.0**63), 2.0**63],
            Kind.INT,
            [None, 2, None, None, -(2**63), None],
            [0, 2, 3, 5],
        ),
        ([0, 1, None], Kind.BOOL, [False, True, None], []),
        ([0.0, 1.0, math.nan, 0.5], Kind.BOOL, [False, True, None, None], [3]),
        ([2, 1], Kind.BOOL, [None, True], [0]),
        ([True], Kind.FLOAT, [None], [0]),
        ([True], Kind.INT, [None], [0]),
        ([1], Kind.STRING, [None], [0]),
        (["1.5"], Kind.FLOAT, [None], [0]),
        (["1970-01-02", None, "no", ""], Kind.TIMESTAMP, [DAY, None, None, None], [2, 3]),
        (["1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00.000001Z"], Kind.TIMESTAMP, [0, 1], []),
        (["1970-01-02", "1970-01-02T00:00Z", "1970-01-02T01:00", None], Kind.DATE, [1, 1, None, None], [2]),
        (["YWI=", "%", None], Kind.BINARY, [b"ab", None, None], [1]),
        ([[1, 2], [1], None], Kind.TENSOR, [[1, 2], None, None], [1]),
    ],
)
def test_what_fits_is_converted_and_what_does_not_is_masked(
    values: list[Any], kind: Kind, plain: list[Any], bad: list[int]
) -> None:
    converted, mask = convert(from_objects("a", values), kind)
    assert converted.kind is kind
    assert converted.to_list() == plain
    assert ([] if mask is None else np.flatnonzero(mask).tolist()) == bad


def test_the_zone_of_the_whole_year_range_is_safe() -> None:
    texts = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01", "9999-12-31"]
    converted, mask = convert(from_objects("a", texts), Kind.TIMESTAMP)
    assert mask is not None
    assert mask.tolist() == [True, True, False, False]
    assert converted.null_mask().tolist() == [True, True, False, False]


def test_dates_become_midnights_and_only_midnights_become_dates() -> None:
    days = Column(Kind.DATE, np.array([-1, 0, 2]), np.array([False, True, False]))
    times, bad = convert(days, Kind.TIMESTAMP)
    assert bad is None
    assert times.to_list() == [-DAY, None, 2 * DAY]
    again, bad = convert(times, Kind.DATE)
    assert bad is None
    assert again.to_list() == [-1, None, 2]
    _, bad = convert(Column(Kind.TIMESTAMP, np.array([DAY, DAY + 1])), Kind.DATE)
    assert bad is not None
    assert bad.tolist() == [False, True]


def test_a_known_shape_decides_which_lists_fit() -> None:
    lists = from_objects("a", [[1], [1, 2]])
    converted, bad = convert(lists, Kind.TENSOR, (2,))
    assert bad is not None
    assert bad.tolist() == [True, False]
    assert converted.values[1].tolist() == [1, 2]


def test_a_tensor_of_one_dimension_is_a_list_and_others_are_not() -> None:
    converted, bad = convert(from_objects("a", [[1, 2], [3, 4]]), Kind.LIST)
    assert bad is None
    assert [row.tolist() for row in converted.values] == [[1, 2], [3, 4]]
    _, bad = convert(Column(Kind.TENSOR, np.ones((1, 2, 2))), Kind.LIST)
    assert bad is not None


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("come", list(Kind))
def test_a_column_without_values_fits_every_kind(come: Kind, kind: Kind) -> None:
    converted, bad = convert(all_null(come, 3), kind)
    assert bad is None
    assert converted.kind is kind
    assert converted.null_mask().all()
    assert len(converted) == 3


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_that_a_double_holds_come_back_from_it(values: list[int]) -> None:
    floats, _ = convert(Column(Kind.INT, np.array(values, np.int64)), Kind.FLOAT)
    back, bad = convert(floats, Kind.INT)
    for row, value in enumerate(values):
        assert float(floats.values[row]) == float(value)
        if bad is None or not bad[row]:
            assert int(back.values[row]) == int(float(value))
        else:
            assert float(value) == 2.0**63
