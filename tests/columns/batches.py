"""Batches drawn at random, and what it means that two hold the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from holdall.columns.batch import DTYPES, FILL, Batch, Column
from holdall.columns.csv import NULLS
from holdall.spec.schema import Field, Kind, Schema

YEAR_1, YEAR_9999 = -62_135_596_800_000_000, 253_402_300_799_999_999
DAY_1, DAY_9999 = -719_162, 2_932_896

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=8).filter(
    lambda text: text not in NULLS
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOL: st.booleans(),
    Kind.INT: st.integers(-(2**63), 2**63 - 1),
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    Kind.STRING: TEXT,
    Kind.TIMESTAMP: st.integers(YEAR_1, YEAR_9999),
    Kind.DATE: st.integers(DAY_1, DAY_9999),
    Kind.BINARY: st.binary(min_size=1, max_size=6),
}


@st.composite
def columns(draw: st.DrawFn, kind: Kind, rows: int, *, nulls: bool = True) -> Column:
    """A column of `rows` values, at least one of which is there (a column of nulls tells no kind)."""
    values = draw(st.lists(VALUES[kind], min_size=rows, max_size=rows))
    missing = draw(st.lists(st.booleans(), min_size=rows, max_size=rows)) if nulls else [False] * rows
    missing[draw(st.integers(0, rows - 1))] = False
    mask = np.array(missing, np.bool_)
    array = np.empty(rows, DTYPES[kind])
    array[:] = [FILL.get(kind, 0) if gone else value for value, gone in zip(values, missing, strict=True)]
    return Column(kind, array, mask if mask.any() and kind is not Kind.FLOAT else None)


@st.composite
def batches(draw: st.DrawFn, kinds: tuple[Kind, ...] = tuple(VALUES), *, nulls: bool = True) -> Batch:
    rows = draw(st.integers(1, 6))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5))
    return Batch({f"c{i}": draw(columns(kind, rows, nulls=nulls)) for i, kind in enumerate(chosen)}, rows)


def schema_of(batch: Batch) -> Schema:
    fields = tuple(Field(name=name, kind=batch[name].kind, nullable=True) for name in batch)
    return Schema(inputs=fields, outputs=())


def assert_same(left: Batch, right: Batch) -> None:
    """The same names, kinds, nulls and values, to the bit."""
    assert left.rows == right.rows
    assert list(left) == list(right)
    for name in left:
        assert_same_column(left[name], right[name])


def assert_same_column(left: Column, right: Column) -> None:
    assert left.kind is right.kind
    assert left.values.dtype == right.values.dtype
    assert left.null_mask().tolist() == right.null_mask().tolist()
    if left.kind is Kind.FLOAT:
        np.testing.assert_array_equal(left.values, right.values)
        there = ~left.null_mask()
        assert (np.signbit(left.values[there]) == np.signbit(right.values[there])).all()
    elif left.kind is Kind.LIST:
        assert [row.tolist() for row in left.values] == [row.tolist() for row in right.values]
    else:
        assert left.values.tolist() == right.values.tolist()
