"""CSV: as pandas reads it without a schema, as the fields say with one, and back."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.columns.batch import Batch, Column, ragged
from holdall.columns.csv import NULLS, from_csv, to_csv
from holdall.columns.pandas import from_pandas
from holdall.errors import InputError, SchemaMismatch, UnreadableTable
from holdall.spec.schema import Field, Kind, Missing, Observed, Schema
from tests.columns.batches import assert_same, batches, schema_of

CELLS = {
    "int": ["1", "-7", "+5", "007", " 1", "2 ", "0", "9007199254740993"],
    "float": ["1.5", "1e5", ".5", "1.", "-2E-3", "1", "inf", "-inf", "Infinity"],
    "bool": ["True", "FALSE", "true", "False"],
    "text": [
        "x",
        "ü",
        "a,b",
        'say "hi"',
        "two\nlines",
        "1_000",
        "0x10",
        "2020-01-01",
        "True ",
        "e",
        "+",
        "1 2",
        "1e",
        "¼",
        "٣",
    ],
}
POOLS = [*CELLS.values(), CELLS["int"] + CELLS["float"], CELLS["bool"] + CELLS["int"], CELLS["float"] + CELLS["text"]]


def schema(**kinds: Kind) -> Schema:
    return Schema(inputs=tuple(Field(name=n, kind=k, nullable=True) for n, k in kinds.items()), outputs=())


def csv_of(columns: dict[str, list[str]]) -> bytes:
    text = io.StringIO()
    pd.DataFrame(columns).to_csv(text, index=False)
    return text.getvalue().encode()


@pytest.mark.parametrize("pool", POOLS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_without_a_schema_columns_are_what_pandas_makes_of_them(pool: list[str], data: st.DataObject) -> None:
    cells = st.sampled_from([*pool, *data.draw(st.sampled_from([[], ["NA", "null"], ["nan"]]))])
    rows = data.draw(st.integers(1, 6))
    columns = {name: data.draw(st.lists(cells, min_size=rows, max_size=rows)) for name in "ab"}
    document = csv_of(columns)
    ours = from_csv(document)
    theirs = from_pandas(pd.read_csv(io.BytesIO(document)))
    assert_same(ours, theirs)
    for name in ours:
        assert (ours[name].dtype, ours[name].missing) == (theirs[name].dtype, theirs[name].missing)


def test_the_words_for_null_are_those_of_pandas() -> None:
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(STR_NA_VALUES) == NULLS


def test_an_integer_beyond_64_bits_stays_text() -> None:
    assert from_csv(b"a\n1\n9223372036854775808\n")["a"].to_list() == ["1", "9223372036854775808"]


def test_byte_order_mark_line_ends_and_blank_lines_do_not_matter() -> None:
    batch = from_csv('\ufeffa,b\r\n1,"x\r\ny"\r\n\r\n2,z'.encode())
    assert batch["a"].to_list() == [1, 2]
    assert batch["b"].to_list() == ["x\r\ny", "z"]


def test_a_header_alone_is_an_empty_batch() -> None:
    batch = from_csv(b"a,b\n")
    assert (list(batch), batch.rows) == (["a", "b"], 0)
    typed = from_csv(b"a,b\n", schema(a=Kind.STRING, b=Kind.TIMESTAMP))
    assert [typed[name].kind for name in typed] == [Kind.STRING, Kind.TIMESTAMP]


def test_a_column_without_a_name_is_called_as_pandas_calls_it() -> None:
    assert list(from_csv(b",a\n0,1\n")) == ["Unnamed: 0", "a"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a\n\xff\n", "not UTF-8: byte 2 is 0xff"),
        (b"a\n\x00\n", "NUL"),
        (b"a,b\n1,2\n3\n", "line 3: 1 cells where the header has 2"),
        (b"a,b\n1,2,3\n", "line 2: 3 cells where the header has 2"),
        (b'a\n"x"y\n', "line 2"),
        (b'a\n"x\n', "unexpected end of data"),
    ],
)
def test_what_is_no_csv_is_refused_by_line(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableTable, match=words):
        from_csv(data, path="t.csv")


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="2 columns are named 'a'"):
        from_csv(b"a,b,a\n1,2,3\n")


def test_with_a_schema_each_cell_is_read_as_its_field_says() -> None:
    fields = schema(
        zip=Kind.STRING,
        n=Kind.INT,
        x=Kind.FLOAT,
        ok=Kind.BOOL,
        at=Kind.TIMESTAMP,
        day=Kind.DATE,
        raw=Kind.BINARY,
        v=Kind.LIST,
    )
    data = (
        b"zip,n,x,ok,at,day,raw,v,other\n"
        b'01234,9007199254740993,1,1,1970-01-01T00:00:01Z,1970-01-02,YWI=,"[1,2]",7\n'
        b"NA,3.0,,False,,NA,,,8\n"
    )
    batch = from_csv(data, fields)
    assert {name: batch[name].kind for name in batch if name != "other"} == {f.name: f.kind for f in fields.inputs}
    assert batch["zip"].to_list() == ["01234", None]
    assert batch["n"].to_list() == [9007199254740993, 3]
    assert batch["x"].to_list() == [1.0, None]
    assert batch["ok"].to_list() == [True, False]
    assert batch["at"].to_list() == [1_000_000, None]
    assert batch["day"].to_list() == [1, None]
    assert batch["raw"].to_list() == [b"ab", None]
    assert batch["v"].values[0].tolist() == [1, 2]
    assert batch["other"].to_list() == [7, 8]
    assert batch["zip"].missing is Missing.NAN


def test_with_a_schema_all_cells_that_cannot_be_are_named() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        from_csv(b"n,x,at\n1.5,abc,soon\n1,1_0,2020-01-01\n", schema(n=Kind.INT, x=Kind.FLOAT, at=Kind.TIMESTAMP))
    told = [(entry["path"], entry["got"]) for entry in caught.value.facts["problems"]]
    assert told == [("rows[0].n", "1.5"), ("rows[0].x", "'abc'"), ("rows[0].at", "'soon'"), ("rows[1].x", "'1_0'")]


def test_a_known_category_that_looks_like_a_null_is_kept() -> None:
    country = Field(name="c", kind=Kind.STRING, nullable=True, observed=Observed(categories=("NA", "DE")))
    batch = from_csv(b"c\nNA\nnull\n", Schema(inputs=(country,), outputs=()))
    assert batch["c"].to_list() == ["NA", None]


@settings(max_examples=150, deadline=None)
@given(batch=batches())
def test_what_is_written_is_read_back_with_the_schema(batch: Batch) -> None:
    assert_same(from_csv(to_csv(batch), schema_of(batch)), batch)


def test_infinities_nulls_and_arrays_are_written_so_that_they_are_read_again() -> None:
    batch = Batch(
        {
            "x": Column(Kind.FLOAT, np.array([np.inf, -np.inf, np.nan])),
            "v": Column(
                Kind.LIST, ragged([np.array([1.5]), np.array([]), np.array([])]), np.array([False, False, True])
            ),
        },
        3,
    )
    data = to_csv(batch)
    assert data == b"x,v\ninf,[1.5]\n-inf,[]\n,\n"
    again = from_csv(data, schema(x=Kind.FLOAT, v=Kind.LIST))
    assert again["x"].values.tolist()[:2] == [np.inf, -np.inf]
    assert again["v"].null_mask().tolist() == [False, False, True]


def test_base64_that_looks_like_a_null_is_bytes() -> None:
    assert from_csv(b"raw\nnull\n", schema(raw=Kind.BINARY))["raw"].to_list() == [b"\x9e\xe9e"]


def test_a_null_in_an_only_column_is_no_blank_line() -> None:
    batch = Batch({"x": Column(Kind.FLOAT, np.array([1.0, np.nan]))}, 2)
    assert from_csv(to_csv(batch)).rows == 2
