"""Tables in files, told apart by their bytes and then by their names."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from holdall.columns.batch import Batch, Column
from holdall.columns.files import find_format, read_bytes, read_table, to_bytes, write_table
from holdall.errors import MissingDependency, NotFound, StorageFailed, UnreadableTable
from holdall.spec.schema import Field, Kind, Schema
from tests.columns.batches import assert_same

BATCH = Batch(
    {
        "n": Column(Kind.INT, np.array([1, 2**53 + 1])),
        "x": Column(Kind.FLOAT, np.array([0.5, np.nan])),
        "s": Column(Kind.STRING, np.array(["ü", "a,b"], object)),
    },
    2,
)
SUFFIXES = ["csv", "json", "jsonl", "ndjson", "parquet", "pq", "arrow", "feather", "arrows"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_to_a_file_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    write_table(BATCH, path)
    assert_same(read_table(path), BATCH)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_standard_input_is_known_by_its_bytes(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    data = to_bytes(BATCH, f"t.{suffix}")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert_same(read_table("-"), BATCH)


def test_the_bytes_decide_before_the_name() -> None:
    assert find_format(to_bytes(BATCH, "t.parquet"), "t.csv") == "parquet"
    assert find_format(b"[1,2\n", "t.csv") == "csv"
    assert find_format(b'{"a": 1}\n{"a": 2}\n', "t.json") == "jsonl"
    assert find_format(b'{\n"a": {"b": 1}\n}\n', "t.json") == "json"
    assert find_format(b'\xef\xbb\xbf[{"a": 1}]', "-") == "json"
    assert find_format(b"a,b\n1,2\n", "-") == "csv"
    with pytest.raises(UnreadableTable, match="named as parquet"):
        find_format(b"a,b\n", "t.parquet")


def test_the_schema_reaches_the_cells() -> None:
    schema = Schema(inputs=(Field(name="n", kind=Kind.STRING),), outputs=())
    assert read_bytes(b"n\n007\n", schema, "t.csv")["n"].to_list() == ["007"]


def test_parquet_of_pandas_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"c": pd.Categorical(["u", None]), "d": pd.to_datetime(["2020-01-01", None]), "b": [True, False]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    batch = read_table(tmp_path / "t.parquet")
    assert [batch[name].kind for name in "cdb"] == [Kind.STRING, Kind.TIMESTAMP, Kind.BOOL]
    assert batch["c"].to_list() == ["u", None]


def test_a_file_that_is_not_there_or_cannot_be_read_is_an_error_with_words(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UnreadableTable, match="cannot read"):
        read_table(tmp_path)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "arrows"])
def test_a_damaged_file_is_refused_wherever_it_is_cut(suffix: str) -> None:
    data = to_bytes(BATCH, f"t.{suffix}")
    for length in range(8, len(data) - 1, 7):
        with pytest.raises(UnreadableTable):
            read_bytes(data[:length], None, f"t.{suffix}")


def test_a_suffix_that_names_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTable, match="suffix"):
        write_table(BATCH, tmp_path / "t.xlsx")


def test_a_file_that_cannot_be_written_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        write_table(BATCH, tmp_path / "nowhere" / "t.csv")
    taken = tmp_path / "t.csv"
    taken.write_text("before")
    blocker = tmp_path / f".holdall-{os.getpid()}"
    blocker.mkdir()
    with pytest.raises(StorageFailed):
        write_table(BATCH, taken)
    assert taken.read_text() == "before"


def test_without_pyarrow_parquet_is_refused_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(BATCH, "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependency) as caught:
        read_bytes(data)
    assert "holdall[batch]" in str(caught.value.hint)
    assert_same(read_bytes(to_bytes(BATCH, "t.csv")), BATCH)
