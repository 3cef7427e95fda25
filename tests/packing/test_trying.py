"""Rows that traced functions are tried on: all of them fit the schema, and every hard value is among them."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

import holdall
from holdall.columns.batch import Batch
from holdall.columns.pandas import from_pandas
from holdall.packing import inferring
from holdall.packing.trying import FLOATS, TEXT, trials
from holdall.scoring.fit import fit
from holdall.spec.schema import Schema

TABLE = pd.DataFrame(
    {
        "float": [1.5, 2.5, np.nan, 4.0] * 10,
        "single": np.arange(40, dtype=np.float32),
        "whole": np.arange(40),
        "byte": np.arange(40, dtype=np.int8),
        "flag": [True, False] * 20,
        "word": ["Köln", "Ulm", "Bonn", "Ulm"] * 10,
        "day": ["2024-01-31", "2023-05-06"] * 20,
        "moment": pd.Timestamp("2024-02-28") + pd.to_timedelta(np.arange(40), unit="h"),
    }
)


def schema_of(sample: Batch, **changes: object) -> Schema:
    fields = inferring.infer(sample, {})
    return Schema(inputs=tuple(msgspec.structs.replace(field, **changes) for field in fields), outputs=())


def test_all_rows_fit_the_schema_and_are_the_same_each_time() -> None:
    sample = from_pandas(TABLE)
    for changes in ({"nullable": True}, {"unseen": False}, {"limit": 1e6}):
        schema = schema_of(sample, **changes)
        nullable = tuple(msgspec.structs.replace(field, nullable=True) for field in schema.inputs[:1])
        schema = Schema(inputs=(*nullable, *schema.inputs[1:]), outputs=())
        fitted = fit(sample, schema)
        first, again = list(trials(schema, fitted)), list(trials(schema, fitted))
        for rows, same in zip(first, again, strict=True):
            fit(rows.batch, schema)
            for name in rows.batch:
                assert rows.batch[name].to_list() == same.batch[name].to_list()


def test_hard_values_stand_alone_in_rows_of_the_sample_and_then_mixed() -> None:
    sample = from_pandas(TABLE)
    schema = schema_of(sample, nullable=True)
    by_name = {rows.name: rows.batch for rows in trials(schema, fit(sample, schema))}
    assert by_name["a table without rows"].rows == 0
    assert by_name["a row alone"].rows == 1
    alone = by_name["rows with one hard value"]
    assert set(FLOATS) <= set(alone["float"].values.tolist())
    assert set(TEXT) <= set(alone["word"].values.tolist())
    assert {"2024-02-29", "ULM", " Ulm "} & set(alone["day"].values.tolist() + alone["word"].values.tolist())
    leap = pd.Timestamp("2024-02-29").value // 1000
    assert any(leap <= value < leap + 86_400_000_000 for value in alone["moment"].values.tolist())
    assert np.abs(alone["byte"].values).max() <= 128, "what the column cannot hold is no row of it"
    strange = np.array([value in TEXT for value in alone["word"].values])
    assert np.isin(alone["float"].values[strange], TABLE["float"].to_numpy()).sum() > 0
    assert all(alone[name].null_mask().any() for name in alone)
    mixed = by_name["rows of mixed values"]
    assert all(mixed[name].null_mask().any() for name in mixed)


def test_a_column_whose_missing_values_differ_is_held_to_the_sample_and_that_is_told() -> None:
    def elapsed(df: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"seconds": df.moment.astype("int64") // 10**9, "whole": df.whole + 1})

    told = holdall.trace(elapsed, sample=TABLE[["moment", "whole"]])
    assert told.passed
    assert [reason.partition(" is ")[0] for reason in told.refuses] == ["moment"]


def test_whole_numbers_that_are_floats_beside_a_fraction_are_held_to_the_sample() -> None:
    def keyed(df: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"key": df.word + "_" + df.whole.astype(str), "byte": df.byte * 2})

    told = holdall.trace(keyed, sample=TABLE[["word", "whole", "byte"]])
    assert told.passed
    assert [reason.partition(" is ")[0] for reason in told.refuses] == ["whole"]
