"""The schema tells what a column looks like and gives no person away."""

from __future__ import annotations

import datetime
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdall.columns.batch import Batch, Column
from holdall.packing.drawing import draw
from holdall.packing.inferring import MANY, RARE, infer, observe
from holdall.spec.schema import Field, Kind, Missing, Observed, Schema, Times


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


def test_text_of_many_values_tells_the_format_of_its_times_and_only_their_decades() -> None:
    days = [f"{1987 + i // 300}-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(4000)]
    for values, form in ((days, "%Y-%m-%d"), ([f"{day}T09:30:00" for day in days], "%Y-%m-%dT%H:%M:%S")):
        observed = observe(text([*values, None]))
        assert observed is not None
        assert observed.times == Times(format=form, since=1980, until=2009)
        assert observed.forms == ()
        drawn = draw(Schema(inputs=(field_of(observed),), outputs=()), 50)["a"].values
        assert len(set(drawn)) == 50
        assert all(1980 <= datetime.datetime.strptime(value, form).year <= 2009 for value in drawn)


def test_other_text_of_many_values_tells_its_forms_and_no_rare_one() -> None:
    values = [f"QX-{i:04}" for i in range(500)] + [f"Zoë {i}" for i in range(100, 104)]
    observed = observe(text(values))
    assert observed is not None
    assert observed.times is None
    assert observed.forms == ("AA-0000",)
    drawn = draw(Schema(inputs=(field_of(observed),), outputs=()), 50)["a"].values
    assert all(re.fullmatch("[A-Z]{2}-[0-9]{4}", value) for value in drawn)


@given(st.lists(st.text(max_size=12), min_size=MANY + 1, max_size=300, unique=True))
def test_no_letter_or_digit_of_a_text_is_in_its_forms(values: list[str]) -> None:
    observed = observe(text(values))
    assert observed is not None
    assert not set("".join(observed.forms)) & {
        one for value in values for one in value if one.isalnum() and one not in "0aA"
    }


def field_of(observed: Observed) -> Field:
    return Field(name="a", kind=Kind.STRING, unseen=True, observed=observed)


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


def test_a_least_number_of_nought_has_no_sign() -> None:
    observed = observe(Column(Kind.FLOAT, np.array([0.0] * RARE + [3.0])))
    assert observed is not None
    assert str(observed.minimum) == "0.0"
