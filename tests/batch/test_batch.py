"""A large table is what `predict` makes of it, by pieces; bad rows are set aside; the output is whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pytest
from pyarrow import parquet

from holdall import api
from holdall.cli.main import main
from holdall.errors import MissingDependency, NotFound, SchemaMismatch, StorageFailed, UnreadableTable, UsageError
from tests.batch.tables import ROWS, read, save, table


@pytest.mark.parametrize("source", ["in.csv", "in.jsonl", "in.parquet", "in.arrow", "in.arrows"])
@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet", "out.arrow", "out.arrows"])
def test_every_pair_of_formats_gives_what_predict_gives(package: str, tmp_path: Path, source: str, target: str) -> None:
    frame, out = table(), tmp_path / target
    report = api.batch(package, save(frame, tmp_path / source), str(out), keep=["id"], workers=2)
    expected = pd.DataFrame(api.predict(package, str(tmp_path / source)))
    got = read(out)
    assert list(got) == ["id", *expected]
    assert got["id"].astype(int).tolist() == list(range(ROWS))
    for name in expected:
        assert got[name].tolist() == expected[name].tolist()
    assert (report["rows"], report["rejected"], report["parts"]) == (ROWS, 0, 1)
    assert report["digest"] == api.open(package).digest
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source, target])


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow"])
def test_the_output_says_which_package_made_it(package: str, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    api.batch(package, save(table(), tmp_path / "in.parquet"), str(out))
    schema = parquet.read_schema(out) if name == "out.parquet" else pa.ipc.open_file(out).schema
    assert schema.metadata[b"holdall.digest"].decode() == api.open(package).digest
    assert schema.metadata[b"holdall.name"] == b"ages"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "arrow", "arrows"])
def test_bad_rows_are_set_aside_with_their_reason_and_values(package: str, tmp_path: Path, suffix: str) -> None:
    frame = table()
    bad = [0, 63, 64, 300, 499]
    # JSON has no infinity; a text is no number either.
    frame["age"] = frame["age"].astype(object) if suffix == "jsonl" else frame["age"]
    frame.loc[bad, "age"] = "old" if suffix == "jsonl" else np.inf
    frame.loc[70, "city"] = "Atlantis"
    out, rejects = tmp_path / f"out.{suffix}", tmp_path / "bad.jsonl"
    report = api.batch(
        package, save(frame, tmp_path / f"in.{suffix}"), str(out), keep=["id"], rejects=str(rejects), workers=2
    )
    lines = [json.loads(line) for line in rejects.read_text().splitlines()]
    wrong = sorted([*bad, 70])
    assert [line["row"] for line in lines] == wrong
    assert report["rejected"] == len(wrong)
    assert lines[1]["path"] == "rows[63].age"
    assert {"file", "expected", "got", "values"} <= set(lines[1])
    assert lines[3]["path"] == "rows[70].city"
    assert lines[3]["values"]["city"] == "Atlantis"
    assert {line["file"] for line in lines} == {str(tmp_path / f"in.{suffix}")}
    good = frame.drop(index=wrong).astype({"age": float})
    got = read(out)
    assert got["id"].astype(int).tolist() == good["id"].tolist()
    expected = api.load(package).predict(good)
    for name in expected:
        assert np.allclose(got[name], expected[name], rtol=1e-12, atol=0)


def test_without_rejects_a_bad_row_stops_the_run_and_nothing_is_written(
    package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table()
    frame["age"] = frame["age"].astype(object)
    frame.loc[200, "age"] = "old"
    source, out = save(frame, tmp_path / "in.csv"), tmp_path / "out.csv"
    out.write_text("before")
    assert main(["batch", package, source, str(out), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["path"] == "rows[200].age"
    assert "--rejects" in error["hint"]
    assert "--resume goes on after the 192 rows" in error["hint"]
    assert out.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"in.csv", "out.csv"}


def test_a_disk_that_is_full_at_the_end_leaves_nothing(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    source = save(table(), tmp_path / "in.parquet")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFailed, match="No space"):
        api.batch(package, source, str(tmp_path / "out.parquet"))
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"in.parquet"}
    assert os.listdir(tmp_path / ".out.parquet.holdall-run") == ["journal"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow", "arrows"])
def test_a_table_without_rows_has_the_columns_all_the_same(package: str, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    report = api.batch(package, save(table().head(0), tmp_path / f"in.{suffix}"), str(out))
    assert report["rows"] == 0
    assert list(read(out)) == [field.name for field in api.open(package).schema.outputs]


def test_kept_columns_have_the_types_and_digits_that_they_had(package: str, tmp_path: Path) -> None:
    frame = table()
    frame["id"] = frame["id"].astype("int32")
    api.batch(package, save(frame, tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), keep=["id"])
    assert parquet.read_schema(tmp_path / "out.parquet").field("id").type == pa.int32()
    frame["id"] = [f"{row:05}" for row in range(ROWS)]
    api.batch(package, save(frame, tmp_path / "in.csv"), str(tmp_path / "out.csv"), keep=["id"])
    assert (tmp_path / "out.csv").read_text().splitlines()[2].startswith("00001,")


@pytest.mark.parametrize(
    ("source", "target", "options", "error"),
    [
        ("s3://bucket/in.csv", "out.csv", {}, UsageError),
        ("in.csv", "out.xlsx", {}, UsageError),
        ("*.tsv", "out.csv", {}, NotFound),
        ("*.csv", "in.csv", {}, UsageError),
        ("in.json", "out.csv", {}, UnreadableTable),
        ("empty", "out.csv", {}, NotFound),
        ("mixed", "out.csv", {}, UsageError),
        ("mixed", "mixed/out.csv", {}, UsageError),
        ("in.csv", "mixed/", {}, UsageError),
        ("in.csv", "in.csv/", {}, UsageError),
        ("in.csv", "out", {}, UsageError),
        ("in.csv", "out", {"format": "xlsx"}, UsageError),
        ("in.csv", "out.csv", {"memory": 1000}, UsageError),
        ("missing.csv", "out.csv", {}, NotFound),
        ("in.csv", "in.csv", {}, UsageError),
        ("in.csv", "out.csv", {"rejects": "out.csv"}, UsageError),
        ("in.csv", "nowhere/out.csv", {}, UsageError),
        ("in.csv", "out.csv", {"engine": "spark"}, UsageError),
        ("in.csv", "out.csv", {"workers": 0}, UsageError),
        ("in.csv", "out.csv", {"keep": ["id", "id"]}, UsageError),
        ("in.csv", "out.csv", {"keep": ["nothing"]}, SchemaMismatch),
        ("ragged.csv", "out.csv", {}, UnreadableTable),
        ("damaged.parquet", "out.csv", {}, UnreadableTable),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    target: str,
    options: dict[str, object],
    error: type[Exception],
) -> None:
    monkeypatch.chdir(tmp_path)
    save(table(), tmp_path / "in.csv")
    (tmp_path / "ragged.csv").write_text("age,city\n1\n")
    (tmp_path / "in.json").write_text('[{"age": 41, "city": "Rome"}]')
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "notes.txt").write_text("age,city")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and no more")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error):
        api.batch(package, source, target, **options)  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_without_pyarrow_the_install_line_is_told(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(table(), tmp_path / "in.csv")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingDependency) as told:
        api.batch(package, source, str(tmp_path / "out.csv"))
    assert "holdall[batch]" in str(told.value.hint)
