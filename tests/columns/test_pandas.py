"""pandas: every dtype that a column may have."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from holdall.columns.batch import Batch, Column, ragged
from holdall.columns.pandas import from_pandas, from_series, to_pandas
from holdall.errors import InputError
from holdall.spec.schema import Kind, Missing


def column(values: Any, dtype: Any = None) -> Column:
    return from_pandas(pd.DataFrame({"a": pd.Series(values, dtype=dtype)}))["a"]


@pytest.mark.parametrize(
    ("values", "dtype", "kind", "text", "missing", "plain"),
    [
        ([1, 2], "int64", Kind.INT, "int64", None, [1, 2]),
        ([1, 2], "int8", Kind.INT, "int8", None, [1, 2]),
        ([1, 2], "uint64", Kind.INT, "uint64", None, [1, 2]),
        ([1.5, None], "float64", Kind.FLOAT, "float64", Missing.NAN, [1.5, None]),
        ([1.5, 2.5], "float32", Kind.FLOAT, "float32", None, [1.5, 2.5]),
        ([True, False], "bool", Kind.BOOL, "bool", None, [True, False]),
        (["x", None], "str", Kind.STRING, "str", Missing.NAN, ["x", None]),
        (["x", None], "string", Kind.STRING, "string", Missing.NA, ["x", None]),
        (["x", None], "string[python]", Kind.STRING, "string", Missing.NA, ["x", None]),
        (["x", None], object, Kind.STRING, "object", Missing.NONE, ["x", None]),
        (["x", np.nan], object, Kind.STRING, "object", Missing.NAN, ["x", None]),
        (["x", pd.NA], object, Kind.STRING, "object", Missing.NA, ["x", None]),
        ([True, None], object, Kind.BOOL, "object", Missing.NONE, [True, None]),
        ([1, None], object, Kind.INT, "object", Missing.NONE, [1, None]),
        ([Decimal("1.5"), None], object, Kind.FLOAT, "object", Missing.NONE, [1.5, None]),
        ([None, None], object, Kind.FLOAT, "object", Missing.NONE, [None, None]),
        (["x", None], "category", Kind.STRING, "category", Missing.NAN, ["x", None]),
        ([3, None, 1], "category", Kind.INT, "category", Missing.NAN, [3, None, 1]),
        ([True, False], "category", Kind.BOOL, "category", None, [True, False]),
        ([None, None], "category", Kind.FLOAT, "category", Missing.NAN, [None, None]),
        ([1, None], "Int64", Kind.INT, "Int64", Missing.NA, [1, None]),
        ([1, None], "UInt8", Kind.INT, "UInt8", Missing.NA, [1, None]),
        ([1.5, None], "Float64", Kind.FLOAT, "Float64", Missing.NA, [1.5, None]),
        ([1.5, None], "Float32", Kind.FLOAT, "Float32", Missing.NA, [1.5, None]),
        ([True, None], "boolean", Kind.BOOL, "boolean", Missing.NA, [True, None]),
        (
            ["2020-01-02", None],
            "datetime64[ns]",
            Kind.TIMESTAMP,
            "datetime64[ns]",
            Missing.NAT,
            [1577923200000000, None],
        ),
        (["2020-01-02", None], "datetime64[s]", Kind.TIMESTAMP, "datetime64[s]", Missing.NAT, [1577923200000000, None]),
        ([datetime.date(1970, 1, 3), None], object, Kind.DATE, "object", Missing.NONE, [2, None]),
        ([b"x", None], object, Kind.BINARY, "object", Missing.NONE, [b"x", None]),
        ([1, None], "int64[pyarrow]", Kind.INT, "int64[pyarrow]", Missing.NA, [1, None]),
        (["x", None], pd.ArrowDtype(pa.string()), Kind.STRING, "string[pyarrow]", Missing.NA, ["x", None]),
        ([0.0, 1.0], "Sparse[float64]", Kind.FLOAT, "Sparse[float64, nan]", None, [0.0, 1.0]),
    ],
)
def test_every_dtype_has_its_kind_its_text_and_its_marker(
    values: Any, dtype: Any, kind: Kind, text: str, missing: Missing | None, plain: list[Any]
) -> None:
    read = column(values, dtype)
    assert (read.kind, read.dtype, read.missing) == (kind, text, missing)
    assert read.to_list() == plain


def test_a_zone_is_turned_to_utc_and_kept_in_the_dtype() -> None:
    times = pd.Series(pd.to_datetime(["2020-06-01 12:00", None])).dt.tz_localize("Europe/Berlin")
    read = column(times)
    assert read.to_list() == [int(pd.Timestamp("2020-06-01 10:00").timestamp() * 1e6), None]
    assert read.zoned
    assert str(read.dtype).endswith("Europe/Berlin]")
    assert str(to_pandas(Batch({"a": read}, 2))["a"].dtype) == "datetime64[us, UTC]"


def test_nanoseconds_are_cut_toward_the_past_on_both_sides_of_1970_with_and_without_a_zone() -> None:
    times = pd.Series(np.array([-1, 1_999], "datetime64[ns]"))
    assert column(times).values.tolist() == [-1, 1]
    assert column(times.dt.tz_localize("UTC")).values.tolist() == [-1, 1]


def test_doubles_are_shared_and_not_copied() -> None:
    values = np.arange(5.0)
    assert np.shares_memory(from_pandas(pd.DataFrame({"a": values}, copy=False))["a"].values, values)


def test_text_that_repeats_itself_reads_as_text_that_does_not() -> None:
    words = ["a", "b", None, "ü"] * 1000
    read = column(words, "str")
    assert read.to_list() == words
    assert read.missing is Missing.NAN
    several = [str(number) for number in range(3000)]
    assert column(several, "str").to_list() == several
    late = ["a"] * 2000 + several
    assert column(late, "str").to_list() == late


@pytest.mark.parametrize(
    "values",
    [
        pd.to_timedelta([1, 2]),
        pd.period_range("2020", periods=2, freq="D"),
        pd.interval_range(0, 2),
        pd.Series([1 + 2j, 0j]),
        pd.Series([{}, {}]),
    ],
)
def test_a_dtype_without_a_kind_is_refused_by_the_columns_name(values: Any) -> None:
    with pytest.raises(InputError, match="duration"):
        from_pandas(pd.DataFrame({"duration": values}))


def test_an_unsigned_integer_beyond_int64_is_refused_by_row() -> None:
    for dtype in ("uint64", "UInt64", "uint64[pyarrow]"):
        with pytest.raises(InputError, match=r"rows\[1\]\.a: the integer 18446744073709551615"):
            column([1, 2**64 - 1], dtype)


def test_a_mix_of_text_and_numbers_is_refused_by_row() -> None:
    with pytest.raises(InputError, match=r"rows\[2\]\.a: .*'x' is text where 1"):
        column([1, None, "x"], object)


def test_columns_are_read_the_same_where_pandas_lacks_its_own_iterator() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])})
    fast = from_pandas(frame)
    for name, series in frame.items():
        slow = from_series(str(name), series.array)
        assert (slow.kind, slow.dtype, slow.to_list()) == (
            fast[str(name)].kind,
            fast[str(name)].dtype,
            fast[str(name)].to_list(),
        )


def test_answers_have_the_plainest_dtype_that_holds_them() -> None:
    mask = np.array([False, True])
    batch = Batch(
        {
            "int": Column(Kind.INT, np.array([1, 2])),
            "int_null": Column(Kind.INT, np.array([2**60 + 1, 0]), mask),
            "bool": Column(Kind.BOOL, np.array([True, False])),
            "bool_null": Column(Kind.BOOL, np.array([True, False]), mask),
            "float": Column(Kind.FLOAT, np.array([1.5, np.nan])),
            "text": Column(Kind.STRING, np.array(["x", ""], object), mask),
            "time": Column(Kind.TIMESTAMP, np.array([1, 0]), mask),
            "list": Column(Kind.LIST, ragged([np.array([1.0]), np.array([])])),
            "tensor": Column(Kind.TENSOR, np.ones((2, 2, 2))),
        },
        2,
    )
    frame = to_pandas(batch)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "int": "int64",
        "int_null": "Int64",
        "bool": "bool",
        "bool_null": "boolean",
        "float": "float64",
        "text": str(pd.Series(["x"]).dtype),
        "time": "datetime64[us]",
        "list": "object",
        "tensor": "object",
    }
    assert frame["int_null"].tolist() == [2**60 + 1, pd.NA]
    assert frame["tensor"][1].shape == (2, 2)
