"""Batches and their columns."""

from __future__ import annotations

import numpy as np
import pytest

from holdall.columns.batch import Batch, Column, all_null, concatenate, ragged
from holdall.spec.schema import Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_a_column_of_nulls_is_null_in_every_row(kind: Kind) -> None:
    column = all_null(kind, 3, (2,) if kind is Kind.TENSOR else ())
    assert len(column) == 3
    assert column.null_mask().all()
    assert column.to_list() == [None] * 3
    assert len(all_null(kind, 0)) == 0


def test_rows_that_are_arrays_of_one_length_stay_rows() -> None:
    rows = ragged([np.array([1, 2]), np.array([3, 4])])
    assert rows.shape == (2,)
    assert rows[1].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("dtype", "zoned"),
    [
        (None, False),
        ("datetime64[ns]", False),
        ("datetime64[us, UTC]", True),
        ("datetime64[ns, Europe/Berlin]", True),
        ("timestamp[us]", False),
        ("timestamp[us, tz=UTC]", True),
        ("Datetime(time_unit='us', time_zone=None)", False),
        ("Datetime(time_unit='us', time_zone='UTC')", True),
        ("object", False),
    ],
)
def test_the_dtypes_text_tells_whether_times_have_a_zone(dtype: str | None, zoned: bool) -> None:
    assert Column(Kind.TIMESTAMP, np.zeros(1, np.int64), None, dtype).zoned is zoned


def test_taking_rows_and_putting_them_together_again_changes_nothing() -> None:
    batch = Batch({"a": Column(Kind.INT, np.arange(4), np.array([False, True, False, False]))}, 4)
    again = concatenate([batch.take(slice(0, 1)), batch.take(np.array([1, 2, 3]))])
    assert again.rows == 4
    assert again["a"].to_list() == [0, None, 2, 3]
