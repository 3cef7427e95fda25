"""A table that went through a batch is, to the model, the table that it was."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from holdall.columns.batch import Batch, Column
from holdall.columns.pandas import from_pandas
from holdall.engines.frames import frame
from holdall.spec.schema import Field, Kind, Missing, Schema

WORDS = ["a", "bé", "", "nan", "None", "日本"]


def schema_of(batch: Batch) -> Schema:
    fields = [
        Field(name=name, kind=column.kind, dtype=column.dtype, missing=column.missing or Missing.NAN)
        for name, column in batch.columns.items()
    ]
    return Schema(inputs=tuple(fields), outputs=())


def again(table: pd.DataFrame) -> pd.DataFrame:
    batch = from_pandas(table)
    return frame(batch, schema_of(batch), "pandas")


SERIES = {
    "int64": pd.Series([1, -2, 2**53 + 1]),
    "int8": pd.Series([1, -2, 3], dtype="int8"),
    "uint32": pd.Series([1, 2, 2**32 - 1], dtype="uint32"),
    "float64": pd.Series([1.5, np.nan, -np.inf]),
    "float32": pd.Series([0.1, np.nan, 3], dtype="float32"),
    "bool": pd.Series([True, False, True]),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "Int64": pd.Series([2**53 + 1, None, 3], dtype="Int64"),
    "UInt8": pd.Series([255, None, 3], dtype="UInt8"),
    "Float64": pd.Series([1.5, None, 3], dtype="Float64"),
    "str": pd.Series(["a", None, "é"], dtype="str"),
    "string": pd.Series(["a", None, "é"], dtype="string"),
    "object of text and None": pd.Series(["a", None, "é"], dtype=object),
    "object of text and NaN": pd.Series(["a", np.nan, "é"], dtype=object),
    "object of text and NA": pd.Series(["a", pd.NA, "é"], dtype=object),
    "object of booleans and None": pd.Series([True, None, False], dtype=object),
    "category": pd.Series(["b", "a", None], dtype="category"),
    "category of integers": pd.Series([3, 1, None], dtype=pd.CategoricalDtype([1, 3])),
    "datetime64[us]": pd.Series(np.array(["2020-01-01", "NaT", "1969-12-31T23:59:59.999999"], "datetime64[us]")),
    "datetime64[ns]": pd.Series(pd.to_datetime(["2020-01-01", None, "2021-06-01"])).astype("datetime64[ns]"),
    "datetime64[s]": pd.Series(pd.to_datetime(["2020-01-01", "2021-06-01"])).astype("datetime64[s]"),
    "a zone": pd.Series(pd.to_datetime(["2020-07-01", "2021-01-01"]).tz_localize("Europe/Berlin")),
    "a zone with a null": pd.Series(pd.to_datetime(["2020-07-01", None])).dt.tz_localize("UTC"),
    "dates": pd.Series([datetime.date(2020, 2, 29), None, datetime.date(1, 1, 1)], dtype=object),
}


@pytest.mark.parametrize("kind", SERIES)
def test_a_column_comes_back_with_its_dtype_and_its_missing_marker(kind):
    table = SERIES[kind].to_frame("column")
    result = again(table)
    assert_frame_equal(result, table)
    if table["column"].dtype == object:
        markers = [type(value) for value in table["column"]]
        assert [type(value) for value in result["column"]] == markers


def test_columns_stand_in_the_order_of_the_schema_not_of_the_batch():
    batch = from_pandas(pd.DataFrame({"b": [1, 2], "a": [3, 4]}))
    schema = Schema(
        inputs=(Field(name="a", kind=Kind.INT, dtype="int64"), Field(name="b", kind=Kind.INT, dtype="int64")),
        outputs=(),
    )
    assert list(frame(batch, schema, "pandas")) == ["a", "b"]
    assert frame(batch, schema, "numpy").tolist() == [[3, 1], [4, 2]]


def test_an_integer_column_with_a_null_or_a_fraction_becomes_what_pandas_makes_of_it():
    schema = Schema(inputs=(Field(name="n", kind=Kind.INT, dtype="int64", fractions=True, nullable=True),), outputs=())
    null = Batch({"n": Column(Kind.INT, np.array([1, 0]), np.array([False, True]))}, 2)
    assert_frame_equal(frame(null, schema, "pandas"), pd.DataFrame({"n": [1.0, np.nan]}))
    fraction = Batch({"n": Column(Kind.FLOAT, np.array([1.5, 2.0]))}, 2)
    assert_frame_equal(frame(fraction, schema, "pandas"), pd.DataFrame({"n": [1.5, 2.0]}))
    whole = Batch({"n": Column(Kind.FLOAT, np.array([1.0, 2.0]))}, 2)
    assert_frame_equal(frame(whole, schema, "pandas"), pd.DataFrame({"n": [1, 2]}))


def test_a_number_beyond_its_small_dtype_is_widened_not_wrapped():
    schema = Schema(inputs=(Field(name="n", kind=Kind.INT, dtype="int8"),), outputs=())
    batch = Batch({"n": Column(Kind.INT, np.array([1, 300]))}, 2)
    assert frame(batch, schema, "pandas")["n"].tolist() == [1, 300]


def test_an_array_keeps_the_dtype_that_its_columns_share():
    def matrix(dtypes, columns):
        fields = tuple(
            Field(name=str(i), kind=c.kind, dtype=d) for i, (d, c) in enumerate(zip(dtypes, columns, strict=True))
        )
        batch = Batch({str(i): c for i, c in enumerate(columns)}, 2)
        return frame(batch, Schema(inputs=fields, outputs=()), "numpy")

    floats, integers = Column(Kind.FLOAT, np.array([0.5, np.nan])), Column(Kind.INT, np.array([1, 2]))
    text = Column(Kind.STRING, np.array(["a", ""], object), np.array([False, True]))
    assert matrix(["float32", "float32"], [floats, floats]).dtype == np.float32
    assert matrix(["int64", "int64"], [integers, integers]).dtype == np.int64
    assert matrix(["int64", "float64"], [integers, floats]).dtype == np.float64
    mixed = matrix(["object", "object"], [integers, text])
    assert mixed.dtype == object
    assert mixed[0].tolist() == [1, "a"]


def test_an_empty_table_has_its_dtypes():
    table = pd.DataFrame(
        {name: series.iloc[:0] for name, series in SERIES.items() if series.dtype != object and "category" not in name}
    )
    result = again(table)
    assert len(result) == 0
    assert_frame_equal(result, table)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=True, allow_infinity=True),
            st.sampled_from([*WORDS, None]),
            st.booleans(),
            st.sampled_from([None, 0, 1, 2**40]),
        ),
        max_size=8,
    )
)
def test_any_table_is_the_same_after_a_round_trip(rows):
    integers, floats, words, flags, maybe = zip(*rows, strict=True) if rows else ((),) * 5
    table = pd.DataFrame(
        {
            "integer": pd.Series(integers, dtype="int64"),
            "float": pd.Series(floats, dtype="float64"),
            "word": pd.Series(words, dtype="str"),
            "flag": pd.Series(flags, dtype="bool"),
            "maybe": pd.Series(maybe, dtype="Int64"),
        }
    )
    assert_frame_equal(again(table), table)
