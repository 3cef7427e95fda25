"""A graph is handed the columns that its functions use, and no others."""

from __future__ import annotations

import pandas as pd

from holdall.columns.pandas import from_pandas
from holdall.engines.frames import frame
from holdall.graph.tracing.tracing import trace
from holdall.packing import inferring
from holdall.spec.schema import Schema

TABLE = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "town": ["x", "y"], "street": ["p", None], "year": [1, 2]})


def inputs(function) -> dict[str, tuple[str, ...]]:
    sample = from_pandas(TABLE)
    fields = tuple(inferring.infer(sample, {}))
    shown = frame(sample, Schema(inputs=fields, outputs=()), "pandas")
    graph, _ = trace([function], fields, shown, "function").by_itself()
    return {group.name: group.columns for group in graph.inputs}


def test_other_columns_are_not_handed_over():
    assert inputs(lambda df: df[["b"]] * 2) == {"float": ("b",)}
    assert inputs(lambda df: pd.DataFrame({"t": df["town"] == "x", "s": df["a"] + df["b"]})) == {
        "float": ("a", "b"),
        "string": ("town",),
    }


def test_what_is_the_same_in_every_row_takes_a_column_of_numbers_to_count_them():
    (columns,) = inputs(lambda df: df.assign(one=1)[["one"]]).values()
    assert len(columns) == 1
    assert columns[0] not in ("town", "street")
