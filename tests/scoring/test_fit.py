"""Fitting a batch to the schema: what is taken, what is shared, and how what does not fit is named."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from holdall.columns.batch import Batch, Column
from holdall.columns.files import FORMATS, read_bytes, to_bytes
from holdall.columns.tables import from_table
from holdall.errors import SchemaMismatch
from holdall.scoring.fit import fit
from holdall.spec.schema import Field, Kind, Missing, Observed, Schema

FINITE = float(np.finfo(np.float64).max)
DAY = 86_400_000_000


def schema(**facts: Any) -> Schema:
    return Schema(inputs=(Field(name="a", **facts),), outputs=())


def fitted(values: Any, **facts: Any) -> Column:
    return fit(from_table({"a": values})[0], schema(**facts))["a"]


def refused(values: Any, **facts: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(SchemaMismatch) as caught:
        fitted(values, **facts)
    return [(entry["path"], entry["expected"], entry["got"]) for entry in caught.value.facts["problems"]]


@pytest.mark.parametrize(
    ("values", "kind", "carrier", "plain"),
    [
        ([1, 2], "float", Kind.FLOAT, [1.0, 2.0]),
        ([1.0, 3.0], "int", Kind.INT, [1, 3]),
        ([1, 0], "bool", Kind.BOOL, [True, False]),
        ([1.0, 0.0], "bool", Kind.BOOL, [True, False]),
        (["x"], "string", Kind.STRING, ["x"]),
        (["1970-01-02"], "timestamp", Kind.TIMESTAMP, [DAY]),
        ([datetime.date(1970, 1, 2)], "timestamp", Kind.TIMESTAMP, [DAY]),
        (["1970-01-02"], "date", Kind.DATE, [1]),
        ([datetime.datetime(1970, 1, 2)], "date", Kind.DATE, [1]),
        (["YQ=="], "binary", Kind.BINARY, [b"a"]),
    ],
)
def test_values_arrive_in_the_fields_carrier(values: Any, kind: str, carrier: Kind, plain: list[Any]) -> None:
    column = fitted(values, kind=Kind(kind))
    assert column.kind is carrier
    assert column.nulls is None
    assert column.to_list() == plain


@pytest.mark.parametrize(
    ("values", "kind", "expected", "got"),
    [
        (["abc"], Kind.FLOAT, "a number", "'abc'"),
        ([True], Kind.FLOAT, "a number", "true"),
        ([3.5], Kind.INT, "a whole number", "3.5"),
        ([math.inf], Kind.INT, "a whole number", "inf"),
        ([1e19], Kind.INT, "a whole number", "1e+19"),
        ([True], Kind.INT, "a whole number", "true"),
        ([2], Kind.BOOL, "true or false", "2"),
        (["true"], Kind.BOOL, "true or false", "'true'"),
        ([5], Kind.STRING, "text", "5"),
        ([5], Kind.TIMESTAMP, "a time such as '2024-05-01T12:00:00Z'", "5"),
        (["soon"], Kind.TIMESTAMP, "a time such as '2024-05-01T12:00:00Z'", "'soon'"),
        ([datetime.datetime(1970, 1, 2, 3)], Kind.DATE, "a date such as '2024-05-01'", "1970-01-02T03:00:00.000000"),
        (["x" * 99], Kind.FLOAT, "a number", "'" + "x" * 58 + "…"),
    ],
)
def test_what_does_not_fit_is_named_by_row_and_column(values: Any, kind: Kind, expected: str, got: str) -> None:
    assert refused(values, kind=kind) == [("rows[0].a", expected, got)]


def test_an_integer_column_that_accepts_fractions_is_carried_as_floats() -> None:
    column = fitted([1, 2], kind=Kind.INT, fractions=True)
    assert (column.kind, column.values.tolist()) == (Kind.FLOAT, [1.0, 2.0])
    assert fitted([0.5], kind=Kind.INT, fractions=True).values.tolist() == [0.5]


def test_a_fitted_column_has_the_dtype_and_the_marker_of_its_field() -> None:
    column = fitted([None, "x"], kind=Kind.STRING, nullable=True, dtype="category", missing=Missing.NA)
    assert (column.dtype, column.missing) == ("category", Missing.NA)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, math.nan], Kind.FLOAT),
        ([1, None], Kind.INT),
        ([1.0, math.nan], Kind.INT),
        (["x", None], Kind.STRING),
        ([True, None], Kind.BOOL),
        (["2020-01-01", None], Kind.TIMESTAMP),
        ([[1.0], None], Kind.TENSOR),
    ],
)
def test_nulls_are_taken_where_the_model_takes_them_and_named_where_not(values: Any, kind: Kind) -> None:
    shape = (1,) if kind is Kind.TENSOR else ()
    assert fitted(values, kind=kind, nullable=True, shape=shape).null_mask().tolist() == [False, True]
    assert refused(values, kind=kind, shape=shape) == [("rows[1].a", "a value", "null")]


NOTHING = [
    pd.Series([None, None], dtype=object),
    pd.Series([np.nan, np.nan]),
    pd.Series([None, None], dtype="Int64"),
    pd.Series([None, None], dtype="str"),
    pd.Series([pd.NaT, pd.NaT]),
    pd.Series([None, None], dtype="category"),
    pl.Series([None, None]),
    pl.Series([None, None], dtype=pl.String),
    pa.nulls(2),
    pa.nulls(2, pa.int32()),
    [None, None],
    np.array([None, None]),
]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "values", NOTHING, ids=lambda values: f"{type(values).__module__}-{getattr(values, 'dtype', '')}"
)
def test_a_column_of_nulls_of_any_kind_fits_every_nullable_field(values: Any, kind: Kind) -> None:
    column = fitted(values, kind=kind, nullable=True, shape=(2,) if kind is Kind.TENSOR else ())
    assert column.kind is kind
    assert column.null_mask().tolist() == [True, True]


def test_a_cell_that_is_bad_is_not_told_to_be_null_as_well() -> None:
    assert refused([0.5, math.nan], kind=Kind.INT) == [
        ("rows[0].a", "a whole number", "0.5"),
        ("rows[1].a", "a value", "null"),
    ]
    assert refused(["x"], kind=Kind.FLOAT) == [("rows[0].a", "a number", "'x'")]


def test_a_limit_refuses_what_is_beyond_it_and_infinity() -> None:
    single = float(np.finfo(np.float32).max)
    beyond = math.nextafter(single, math.inf)
    assert fitted([single, -single], kind=Kind.FLOAT, limit=single).values.tolist() == [single, -single]
    assert [path for path, _, _ in refused([0.0, beyond, -math.inf], kind=Kind.FLOAT, limit=single)] == [
        "rows[1].a",
        "rows[2].a",
    ]
    assert refused([math.inf], kind=Kind.FLOAT, limit=FINITE) == [("rows[0].a", "a finite number", "inf")]
    assert refused([math.nan, -math.inf], kind=Kind.FLOAT, limit=FINITE, nullable=True)[0][0] == "rows[1].a"
    assert fitted([math.inf], kind=Kind.FLOAT).values.tolist() == [math.inf]
    assert refused([2**60], kind=Kind.INT, limit=1e6) == [
        ("rows[0].a", "a number of magnitude at most 1e+06", "1152921504606846976")
    ]


def test_what_was_observed_is_the_rule_only_with_enforce() -> None:
    ages = Observed(minimum=0.0, maximum=99.0)
    assert fitted([120.0], kind=Kind.FLOAT, observed=ages).values.tolist() == [120.0]
    assert refused([120.0, math.nan, 5.0], kind=Kind.FLOAT, observed=ages, enforce=True, nullable=True) == [
        ("rows[0].a", "from 0 to 99", "120.0")
    ]
    cities = Observed(categories=("Rome", "Oslo"))
    assert fitted(["Bonn"], kind=Kind.STRING, observed=cities, unseen=False).to_list() == ["Bonn"]
    assert refused(["Rome", "Bonn", None], kind=Kind.STRING, observed=cities, enforce=True, nullable=True) == [
        ("rows[1].a", "one of 'Rome', 'Oslo'", "'Bonn'")
    ]
    partial = Observed(categories=("Rome",), other=True)
    assert fitted(["Bonn"], kind=Kind.STRING, observed=partial, enforce=True).to_list() == ["Bonn"]
    times = Observed(minimum=0.0, maximum=float(DAY))
    assert refused(["1971-01-01"], kind=Kind.TIMESTAMP, observed=times, enforce=True)[0][1] == (
        "from 1970-01-01T00:00:00.000000 to 1970-01-02T00:00:00.000000"
    )


def test_shapes_are_checked_and_a_name_stands_for_any_length() -> None:
    image = np.ones((2, 4, 4))
    assert fitted(image, kind=Kind.TENSOR, shape=(4, "n")).values.shape == (2, 4, 4)
    assert refused(image, kind=Kind.TENSOR, shape=(3, "n"))[0] == (
        "rows[0].a",
        "an array of shape [3, n]",
        "an array of shape [4, 4]",
    )


def test_all_missing_columns_are_listed_with_what_was_probably_meant() -> None:
    wanted = Schema(
        inputs=tuple(Field(name=name, kind=Kind.FLOAT, nullable=True) for name in ("age", "income", "x")), outputs=()
    )
    with pytest.raises(SchemaMismatch) as caught:
        fit(from_table({"Age": [1.0], "x": ["bad"]})[0], wanted)
    assert [entry["path"] for entry in caught.value.facts["problems"]] == ["age", "income", "rows[0].x"]
    hint = str(caught.value.hint)
    assert "missing: 'age', 'income'" in hint
    assert "'Age' looks like 'age'" in hint


def test_other_columns_are_left_out_and_the_order_is_the_schemas() -> None:
    wanted = Schema(inputs=(Field(name="b", kind=Kind.FLOAT), Field(name="a", kind=Kind.FLOAT)), outputs=())
    assert list(fit(from_table({"a": [1.0], "z": ["?"], "b": [2.0]})[0], wanted)) == ["b", "a"]


def test_problems_come_by_row_and_twenty_are_listed_of_all() -> None:
    wanted = Schema(inputs=(Field(name="a", kind=Kind.FLOAT), Field(name="b", kind=Kind.FLOAT)), outputs=())
    table = pd.DataFrame({"a": ["x"] * 1000, "b": [1.0, math.nan] * 500})
    with pytest.raises(SchemaMismatch) as caught:
        fit(from_table(table)[0], wanted)
    facts = caught.value.facts
    assert [entry["path"] for entry in facts["problems"]][:3] == ["rows[0].a", "rows[1].a", "rows[1].b"]
    assert (len(facts["problems"]), facts["total"]) == (20, 1500)
    assert str(caught.value) == "rows[0].a: expected a number, got 'x' (and 1499 more)"


def test_what_is_right_already_is_shared() -> None:
    values = {Kind.FLOAT: np.arange(3.0), Kind.INT: np.arange(3), Kind.STRING: np.array(["a", "b", "c"], object)}
    for kind, array in values.items():
        column = fit(Batch({"a": Column(kind, array)}, 3), schema(kind=kind, limit=FINITE))["a"]
        assert np.shares_memory(column.values, array)


@pytest.mark.parametrize("kind", list(Kind))
def test_no_rows_fit_every_schema(kind: Kind) -> None:
    wanted = schema(kind=kind, limit=1.0, enforce=True, observed=Observed(minimum=0.0, categories=("x",)))
    for batch in (Batch({}, 0), from_table({"a": []})[0], from_table(pd.DataFrame({"a": []}, dtype=object))[0]):
        column = fit(batch, wanted)["a"]
        assert (column.kind, len(column)) == (kind, 0)


def test_one_table_fits_alike_through_every_door() -> None:
    moments = pd.to_datetime(["2020-01-01 00:00", "2020-06-01 12:00", None]).tz_localize("Europe/Berlin")
    frame = pd.DataFrame(
        {"n": [1, 2**53 + 1, 3], "x": [0.1, None, 5.0], "s": ["x", None, "ü"], "b": [True, False, True], "t": moments}
    )
    kinds = {"n": Kind.INT, "x": Kind.FLOAT, "s": Kind.STRING, "b": Kind.BOOL, "t": Kind.TIMESTAMP}
    wanted = Schema(inputs=tuple(Field(name=n, kind=k, nullable=True) for n, k in kinds.items()), outputs=())
    batch = from_table(frame)[0]
    doors = {
        "polars": from_table(pl.from_pandas(frame))[0],
        "arrow": from_table(pa.Table.from_pandas(frame))[0],
        "columns": from_table({name: frame[name].tolist() for name in frame}, schema=wanted)[0],
        "series": from_table({name: frame[name] for name in frame})[0],
        "records": from_table(frame.to_dict("records"), schema=wanted)[0],
        "csv of pandas": read_bytes(frame.to_csv(index=False).encode(), wanted, "t.csv"),
        "json of pandas": read_bytes(frame.to_json(orient="records", date_format="iso").encode(), wanted, "t.json"),
        **{suffix: read_bytes(to_bytes(batch, f"t.{suffix}"), wanted, f"t.{suffix}") for suffix in FORMATS.split(", ")},
    }
    expected = fit(batch, wanted)
    for door, read in doors.items():
        assert {name: fit(read, wanted)[name].to_list() for name in kinds} == {
            name: expected[name].to_list() for name in kinds
        }, door
