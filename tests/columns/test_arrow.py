"""Arrow: every type that a column may have."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from holdall.columns.arrow import from_arrow, from_chunked, to_arrow
from holdall.columns.batch import Batch, Column, ragged
from holdall.errors import InputError
from holdall.spec.schema import Kind, Missing

TIME = datetime.datetime(1970, 1, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("values", "dtype", "kind", "plain"),
    [
        ([1, None], pa.int8(), Kind.INT, [1, None]),
        ([2**63 - 1, None], pa.uint64(), Kind.INT, [2**63 - 1, None]),
        ([np.float16(0.5), None], pa.float16(), Kind.FLOAT, [0.5, None]),
        ([0.5, None, float("nan")], pa.float64(), Kind.FLOAT, [0.5, None, None]),
        ([Decimal("1.50"), None], pa.decimal128(5, 2), Kind.FLOAT, [1.5, None]),
        ([True, None], pa.bool_(), Kind.BOOL, [True, None]),
        (["x", None], pa.string(), Kind.STRING, ["x", None]),
        (["x", None], pa.large_string(), Kind.STRING, ["x", None]),
        (["x", None], pa.string_view(), Kind.STRING, ["x", None]),
        (["x", None], pa.dictionary(pa.int8(), pa.string()), Kind.STRING, ["x", None]),
        ([7, None], pa.dictionary(pa.uint8(), pa.int64()), Kind.INT, [7, None]),
        ([datetime.date(1970, 1, 2), None], pa.date32(), Kind.DATE, [1, None]),
        ([datetime.date(1970, 1, 2), None], pa.date64(), Kind.DATE, [1, None]),
        ([TIME, None], pa.timestamp("s"), Kind.TIMESTAMP, [1_000_000, None]),
        ([TIME, None], pa.timestamp("ns", "UTC"), Kind.TIMESTAMP, [1_000_000, None]),
        ([b"x", None], pa.binary(), Kind.BINARY, [b"x", None]),
        ([b"x", None], pa.binary(1), Kind.BINARY, [b"x", None]),
        ([None, None], pa.null(), Kind.FLOAT, [None, None]),
    ],
)
def test_every_type_has_its_kind_and_text(values: list[Any], dtype: Any, kind: Kind, plain: list[Any]) -> None:
    array = pa.array(values, dtype)
    for column in (from_chunked("a", array), from_chunked("a", pa.chunked_array([array[:1], array[1:]]))):
        assert (column.kind, column.dtype, column.missing) == (kind, str(dtype), Missing.NONE)
        assert column.to_list() == plain


def test_a_slice_reads_only_its_own_rows() -> None:
    array = pa.array([True, None, False, True])[1:3]
    assert from_chunked("a", array).to_list() == [None, False]


def test_text_that_repeats_itself_reads_as_it_is() -> None:
    words = ["a", None, "ü"] * 1000
    assert from_chunked("a", pa.array(words)).to_list() == words


def test_record_batches_are_read_too() -> None:
    assert from_arrow(pa.record_batch({"a": [1]}))["a"].to_list() == [1]


def test_nan_is_told_from_null() -> None:
    assert from_chunked("a", pa.array([float("nan")])).missing is Missing.NAN


def test_a_time_before_1970_is_cut_toward_the_past() -> None:
    assert from_chunked("a", pa.array([-1], pa.timestamp("ns"))).values.tolist() == [-1]


def test_lists_and_tensors_are_read_and_written() -> None:
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(8.0).reshape(2, 2, 2))
    table = pa.table(
        {
            "ragged": pa.array([[1, 2], None], pa.list_(pa.int64())),
            "fixed": pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)),
            "tensor": tensor,
        }
    )
    batch = from_arrow(table)
    assert [batch[name].kind for name in batch] == [Kind.TENSOR, Kind.TENSOR, Kind.TENSOR]
    assert batch["tensor"].values.tolist() == np.arange(8.0).reshape(2, 2, 2).tolist()
    again = to_arrow(batch)
    assert again["fixed"].to_pylist() == [[1.0, 2.0], None]
    assert again["tensor"].to_pylist()[1] == [[4.0, 5.0], [6.0, 7.0]]
    several = from_chunked("a", pa.array([[1, 2], [], None]))
    assert several.kind is Kind.LIST
    assert to_arrow(Batch({"a": several}, 3))["a"].to_pylist() == [[1, 2], [], None]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1], pa.duration("s")),
        pa.array([1], pa.time32("s")),
        pa.array([{"x": 1}]),
        pa.array([["x"]]),
        pa.array([2**64 - 1], pa.uint64()),
    ],
)
def test_what_has_no_kind_is_refused(array: Any) -> None:
    with pytest.raises(InputError):
        from_chunked("a", array)


def test_tables_without_rows_or_columns_are_written() -> None:
    assert to_arrow(Batch({}, 3)).num_rows == 3
    empty = Batch({"a": Column(Kind.LIST, ragged([])), "b": Column(Kind.STRING, np.empty(0, object))}, 0)
    assert to_arrow(empty).num_rows == 0
