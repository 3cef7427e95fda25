"""Every kind of table: read, answered in kind, and the same values on both ways."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings

from holdall.columns.batch import Batch, Column
from holdall.columns.tables import Form, find_form, from_table, to_table
from holdall.errors import InputError, SchemaMismatch
from holdall.spec.schema import Field, Kind, Schema
from tests.columns.batches import assert_same, batches

OBJECTS = [Form.PANDAS, Form.POLARS, Form.ARROW, Form.COLUMNS, Form.RECORDS]


@pytest.mark.parametrize("form", OBJECTS)
@settings(max_examples=60, deadline=None)
@given(batch=batches())
def test_what_is_written_to_a_table_is_read_back(form: Form, batch: Batch) -> None:
    again, found = from_table(to_table(batch, form))
    assert found is form
    assert_same(again, batch)


@pytest.mark.parametrize("form", [Form.NUMPY, Form.ARRAYS])
@settings(max_examples=60, deadline=None)
@given(batch=batches((Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.TIMESTAMP, Kind.DATE, Kind.BINARY), nulls=False))
def test_numpy_reads_back_what_it_has_types_for(form: Form, batch: Batch) -> None:
    again, found = from_table(to_table(batch, form))
    assert found is form
    assert_same(again, batch)


@pytest.mark.parametrize("form", list(Form))
def test_every_form_answers_an_empty_batch_of_columns_but_a_record_which_has_a_row(form: Form) -> None:
    rows = 1 if form is Form.RECORD else 0
    batch = Batch(
        {"a": Column(Kind.FLOAT, np.zeros(rows)), "b": Column(Kind.STRING, np.array([""] * rows, object))}, rows
    )
    answer = to_table(batch, form)
    assert find_form(answer) in (form, Form.COLUMNS)
    if form not in (Form.RECORD, Form.RECORDS):
        read, _ = from_table(answer)
        assert list(read) == ["a", "b"]
        assert read.rows == 0


def test_a_pandas_answer_keeps_the_callers_index() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    batch, form = from_table(frame)
    assert to_table(batch, form, index=frame.index).index.tolist() == ["x", "y"]


def test_a_dict_is_columns_unless_it_holds_a_single_value() -> None:
    assert find_form({"a": [1], "b": np.array([2])}) is Form.COLUMNS
    assert find_form({"a": np.array([1]), "b": np.array([2])}) is Form.ARRAYS
    assert find_form({"a": [1, 2], "b": "x"}) is Form.RECORD
    assert find_form({"a": pd.Series([1]), "b": pl.Series([1])}) is Form.COLUMNS
    assert find_form({}) is Form.COLUMNS


def test_one_record_is_answered_by_one_record() -> None:
    batch, form = from_table({"a": 1, "b": "x"})
    assert to_table(batch, form) == {"a": 1, "b": "x"}


def test_a_dict_of_columns_takes_columns_of_every_library() -> None:
    batch, _ = from_table(
        {"a": pd.Series([1, 2]), "b": pl.Series(["x", None]), "c": pa.array([True, False]), "d": (1.5, None)}
    )
    assert [batch[name].kind for name in batch] == [Kind.INT, Kind.STRING, Kind.BOOL, Kind.FLOAT]
    assert batch["b"].to_list() == ["x", None]


def test_columns_of_different_lengths_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="'b' has 1 values and column 'a' has 2"):
        from_table({"a": [1, 2], "b": [1]})


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        (pl.LazyFrame({"a": [1]}), "collect"),
        ([[1, 2], [3, 4]], "numpy.array"),
        ("table.csv", "pandas, polars"),
        (None, "pandas, polars"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(table: object, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        from_table(table)
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_a_series_and_a_list_of_texts_are_the_one_column_of_the_schema() -> None:
    schema = Schema(inputs=(Field(name="review", kind=Kind.STRING),), outputs=())
    for table, form in ((pd.Series(["good", "bad"], name="x"), Form.PANDAS), (["good", "bad"], Form.RECORDS)):
        batch, found = from_table(table, schema=schema)
        assert found is form
        assert batch["review"].to_list() == ["good", "bad"]
    assert list(from_table(pd.Series([1], name="x"))[0]) == ["x"]


def test_a_matrix_takes_its_names_from_the_schema_or_counts_them() -> None:
    matrix = np.array([[1.0, 2.0]])
    schema = Schema(inputs=(Field(name="p", kind=Kind.FLOAT), Field(name="q", kind=Kind.FLOAT)), outputs=())
    assert list(from_table(matrix)[0]) == ["x0", "x1"]
    assert list(from_table(matrix, ["u", "v"])[0]) == ["u", "v"]
    assert list(from_table(matrix, schema=schema)[0]) == ["p", "q"]
    with pytest.raises(InputError, match="2 columns, expected were 3"):
        from_table(matrix, ["a", "b", "c"])


def test_a_schema_names_each_cell_of_a_mixed_column_that_does_not_fit() -> None:
    schema = Schema(inputs=(Field(name="age", kind=Kind.FLOAT),), outputs=())
    for table in ({"age": ["old", 1, "new"]}, [{"age": "old"}, {"age": 1}, {"age": "new"}]):
        with pytest.raises(SchemaMismatch) as caught:
            from_table(table, schema=schema)
        assert [problem["path"] for problem in caught.value.facts["problems"]] == ["rows[0].age", "rows[2].age"]


def test_reading_tables_loads_no_library_that_the_table_is_not_of() -> None:
    code = """
import sys
from holdall.columns.tables import Form, from_table, to_table
from holdall.columns.files import read_bytes, to_bytes
import numpy as np
for table in (np.ones((2, 2)), {"a": [1]}, [{"a": "x"}]):
    batch, form = from_table(table)
    to_table(batch, form)
for name in ("t.csv", "t.json", "t.jsonl"):
    read_bytes(to_bytes(batch, name), None, name)
print([name for name in ("pandas", "polars", "pyarrow", "sklearn", "onnxruntime") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_columns_of_one_name_are_refused_by_every_form_that_can_hold_them() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    for twice in (frame, table, pd.DataFrame([[1, 2]], columns=[1, "1"])):
        with pytest.raises(InputError, match="2 columns are named"):
            from_table(twice)


def test_arrays_without_names_are_the_inputs_in_order() -> None:
    images, ids = np.zeros((5, 3, 4, 4)), np.arange(10).reshape(5, 2)
    batch, _ = from_table(images)
    assert {name: batch[name].kind for name in batch} == {"x0": Kind.TENSOR}
    batch, _ = from_table((images, ids))
    assert [batch[name].values.shape for name in batch] == [(5, 3, 4, 4), (5, 2)]
    schema = Schema(inputs=(Field(name="ids", kind=Kind.TENSOR, shape=(2,)),), outputs=())
    batch, _ = from_table(ids, schema=schema)
    assert batch["ids"].values.shape == (5, 2)


def test_a_dict_of_one_row_of_arrays_is_a_record_where_the_schema_says_how_deep_they_are() -> None:
    schema = Schema(inputs=(Field(name="ids", kind=Kind.TENSOR, shape=(3,)),), outputs=())
    for one in ({"ids": [1, 2, 3]}, {"ids": np.array([1, 2, 3])}):
        batch, form = from_table(one, schema=schema)
        assert form is Form.RECORD
        assert batch["ids"].values.tolist() == [[1, 2, 3]]
    batch, form = from_table({"ids": [[1, 2, 3], [4, 5, 6]]}, schema=schema)
    assert form is Form.COLUMNS
    assert batch.rows == 2
