"""The schema tells what a column looks like and gives no person away."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdall.columns.batch import Batch, Column
from holdall.packing.inferring import MANY, RARE, infer, observe
from holdall.spec.schema import Kind, Missing


def text(values: list[str | None]) -> Column:
    nulls = np.array([value is None for value in values])
    return Column(
        Kind.STRING, np.array(["" if v is None else v for v in values], object), nulls if nulls.any() else None
    )


def test_a_category_seen_fewer_than_five_times_stays_out_of_the_schema() -> None:
    observed = observe(text(["common"] * RARE + ["rare"] * (RARE - 1)))
    assert observed is not None
    assert observed.categories == ("common",)
    assert observed.other


def test_a_column_of_many_values_shows_none_of_them() -> None:
    observed = observe(text([f"person {i}" for i in range(MANY + 1)] * RARE))
    assert observed is not None
    assert observed.categories is None
    assert observed.other


def test_categories_come_most_frequent_first_whatever_the_order_of_rows() -> None:
    values = ["b"] * 9 + ["a"] * 7 + ["c"] * 7
    assert observe(text(values)) == observe(text(values[::-1]))
    assert observe(text(values)).categories == ("b", "a", "c")  # type: ignore[union-attr]


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=50))
def test_no_exact_extreme_enters_the_schema_unless_it_is_common(values: list[float]) -> None:
    observed = observe(Column(Kind.FLOAT, np.array(values)))
    assert observed is not None
    assert observed.minimum is not None
    assert observed.maximum is not None
    assert observed.minimum <= min(values)
    assert observed.maximum >= max(values)
    for bound, extreme in ((observed.minimum, min(values)), (observed.maximum, max(values))):
        if extreme != 0 and values.count(extreme) < RARE:
            assert bound != extreme


def test_an_extreme_that_many_rows_share_is_told_exactly() -> None:
    observed = observe(Column(Kind.INT, np.array([0, 1] * RARE, np.int64)))
    assert observed is not None
    assert (observed.minimum, observed.maximum) == (0.0, 1.0)


def test_an_all_null_column_has_no_range() -> None:
    observed = observe(Column(Kind.FLOAT, np.full(3, np.nan)))
    assert observed is not None
    assert observed.minimum is None
    assert observed.nulls == 1.0


def test_an_infinite_value_is_no_range() -> None:
    observed = observe(Column(Kind.FLOAT, np.array([1.0, np.inf, -np.inf] * RARE)))
    assert observed is not None
    assert (observed.minimum, observed.maximum) == (1.0, 1.0)


def test_the_encoders_marker_wins_over_the_samples() -> None:
    column = Column(Kind.STRING, np.array(["", "a"], object), np.array([True, False]), "object", Missing.NAN)
    fields = infer(Batch({"c": column}, 2), {"c": Missing.NONE})
    assert fields[0].missing is Missing.NONE
