"""polars: every dtype that a column may have."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdall.columns.batch import Batch, Column, ragged
from holdall.columns.polars import from_polars, to_polars
from holdall.errors import InputError
from holdall.spec.schema import Kind, Missing

DAY = datetime.date(1970, 1, 2)
TIME = datetime.datetime(1970, 1, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("values", "dtype", "kind", "plain"),
    [
        ([1, None], pl.Int8, Kind.INT, [1, None]),
        ([2**63 - 1, None], pl.UInt64, Kind.INT, [2**63 - 1, None]),
        ([2**62, None], pl.Int128, Kind.INT, [2**62, None]),
        ([0.5, None, float("nan")], pl.Float32, Kind.FLOAT, [0.5, None, None]),
        ([Decimal("1.5"), None], pl.Decimal(10, 2), Kind.FLOAT, [1.5, None]),
        ([True, None], pl.Boolean, Kind.BOOL, [True, None]),
        (["x", None], pl.String, Kind.STRING, ["x", None]),
        (["x", None], pl.Categorical, Kind.STRING, ["x", None]),
        (["x", None], pl.Enum(["x", "y"]), Kind.STRING, ["x", None]),
        ([DAY, None], pl.Date, Kind.DATE, [1, None]),
        ([TIME, None], pl.Datetime("ms"), Kind.TIMESTAMP, [1_000_000, None]),
        ([TIME, None], pl.Datetime("ns"), Kind.TIMESTAMP, [1_000_000, None]),
        ([b"x", None], pl.Binary, Kind.BINARY, [b"x", None]),
        ([None, None], pl.Null, Kind.FLOAT, [None, None]),
    ],
)
def test_every_dtype_has_its_kind_and_text(values: list[Any], dtype: Any, kind: Kind, plain: list[Any]) -> None:
    series = pl.Series("a", values, dtype)
    column = from_polars(series.to_frame())["a"]
    assert (column.kind, column.dtype, column.missing) == (kind, str(series.dtype), Missing.NONE)
    assert column.to_list() == plain


def test_a_zone_is_turned_to_utc_and_kept() -> None:
    series = pl.Series("a", [TIME, None]).dt.replace_time_zone("Europe/Berlin")
    column = from_polars(series.to_frame())["a"]
    assert column.to_list() == [1_000_000 - 3_600_000_000, None]
    assert to_polars(Batch({"a": column}, 2))["a"].dtype == pl.Datetime("us", "UTC")


def test_a_time_before_1970_is_cut_toward_the_past() -> None:
    series = pl.Series("a", [-1], pl.Int64).cast(pl.Datetime("ns"))
    assert from_polars(series.to_frame())["a"].values.tolist() == [-1]


def test_nan_is_told_from_null() -> None:
    assert from_polars(pl.DataFrame({"a": [1.0, float("nan")]}))["a"].missing is Missing.NAN


def test_lists_and_arrays_are_read_and_written() -> None:
    frame = pl.DataFrame(
        {
            "ragged": [[1, 2], [], None],
            "fixed": pl.Series([[1.0, 2.0], None, [3.0, 4.0]], dtype=pl.Array(pl.Float64, 2)),
        }
    )
    batch = from_polars(frame)
    assert (batch["ragged"].kind, batch["fixed"].kind) == (Kind.LIST, Kind.TENSOR)
    assert batch["fixed"].null_mask().tolist() == [False, True, False]
    again = to_polars(batch)
    assert again["ragged"].to_list() == [[1, 2], [], None]
    assert again["fixed"].to_list() == [[1.0, 2.0], None, [3.0, 4.0]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([datetime.timedelta(1)], pl.Duration),
        ([datetime.time(1)], pl.Time),
        ([{"x": 1}], pl.Struct({"x": pl.Int64})),
        ([[["x"]]], pl.List(pl.List(pl.String))),
        ([2**64 - 1], pl.UInt64),
    ],
)
def test_what_has_no_kind_is_refused_by_name(values: list[Any], dtype: Any) -> None:
    with pytest.raises(InputError, match="long"):
        from_polars(pl.DataFrame({"long": pl.Series(values, dtype=dtype)}))


def test_empty_lists_of_every_kind_are_written() -> None:
    batch = Batch({"a": Column(Kind.LIST, ragged([])), "b": Column(Kind.TENSOR, np.empty((0, 2)))}, 0)
    assert to_polars(batch).shape == (0, 2)
