"""Many files in, a folder out, models that see all rows at once, and what a run may take."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.preprocessing import FunctionTransformer

import holdall
from holdall import api
from holdall.batch import local, sinks
from holdall.batch.plan import find_sources, make_plan
from holdall.cli.main import main
from holdall.errors import InputError, SchemaMismatch, UsageError
from tests.batch.tables import ROWS, read, save, table


def test_the_files_of_a_folder_and_of_a_glob_are_read_by_path_whatever_their_formats(
    package: str, tmp_path: Path
) -> None:
    frame, folder = table(), tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    (folder / "_temporary").mkdir()
    save(frame[:200], folder / "a.parquet")
    save(frame[200:200], folder / "b" / "1.csv")
    save(frame[200:290], folder / "b" / "2.jsonl")
    save(frame[290:], folder / "c.arrows")
    save(frame, folder / "_temporary" / "z.csv")
    save(frame, folder / ".hidden.csv")
    expected = api.load(package).predict(frame)
    files = [str(path.relative_to(folder)) for path in find_sources(str(folder))]
    assert files == ["a.parquet", "b/1.csv", "b/2.jsonl", "c.arrows"]
    assert [path.name for path in find_sources(f"{folder}/b/*")] == ["1.csv", "2.jsonl"]
    assert [path.name for path in find_sources(f"{folder}/**/[a-c].*")] == ["a.parquet", "c.arrows"]
    report = holdall.batch(package, folder, tmp_path / "out.parquet", keep=["id"])
    got = read(tmp_path / "out.parquet")
    assert report["rows"] == len(got) == ROWS
    assert got["id"].tolist() == frame["id"].tolist()
    for name in expected:
        assert got[name].tolist() == expected[name].tolist()


def test_rejects_name_the_file_and_the_row_in_it(package: str, tmp_path: Path) -> None:
    frame, folder = table(), tmp_path / "in"
    folder.mkdir()
    frame.loc[[3, 150], "city"] = "Atlantis"
    save(frame[:100], folder / "a.csv")
    save(frame[100:], folder / "b.parquet")
    report = api.batch(package, str(folder), str(tmp_path / "out.csv"), rejects=str(tmp_path / "bad.jsonl"))
    assert report["rejected"] == 2
    lines = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(line["file"], line["row"]) for line in lines] == [
        (str(folder / "a.csv"), 3),
        (str(folder / "b.parquet"), 50),
    ]


def test_lines_that_are_no_records_are_set_aside_as_they_are(package: str, tmp_path: Path) -> None:
    lines = ['{"age": 41, "city": "Rome"}', "", "{age: 1}", "[1]", '{"city": "Rome"}', '{"age": 1, "city": "Rome"}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    out, bad = tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    report = api.batch(package, str(tmp_path / "in.jsonl"), str(out), rejects=str(bad))
    assert (report["rows"], report["rejected"]) == (5, 3)
    told = [json.loads(line) for line in bad.read_text().splitlines()]
    assert [(line["row"], line["path"], line["values"]) for line in told] == [
        (1, "rows[1]", "{age: 1}"),
        (2, "rows[2]", [1]),
        (3, "rows[3].age", {"city": "Rome"}),
    ]
    with pytest.raises(SchemaMismatch, match=r"rows\[1\]: expected a JSON object"):
        api.batch(package, str(tmp_path / "in.jsonl"), str(out))


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "arrow", "stream"])
def test_a_folder_is_written_as_parts_that_a_manifest_lists(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(sinks, "PART", 200)
    out = tmp_path / "out"
    source = save(table(), tmp_path / "in.csv")
    report = api.batch(package, source, f"{out}/", keep=["id"], format=form)
    manifest = json.loads((out / "_manifest.json").read_text())
    paths = [part["path"] for part in manifest["parts"]]
    assert report["parts"] == len(paths) == 2
    assert sorted(path.name for path in out.iterdir()) == ["_manifest.json", *paths]
    assert (manifest["digest"], manifest["rows"]) == (report["digest"], ROWS)
    for part in manifest["parts"]:
        data = (out / part["path"]).read_bytes()
        assert (part["size"], part["digest"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    rows = pd.concat([read(out / path) for path in paths])
    assert rows["id"].astype(int).tolist() == list(range(ROWS))
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out"}
    with pytest.raises(UsageError, match="not empty"):
        api.batch(package, source, str(out))


def test_kept_columns_of_json_have_the_type_of_the_first_records(package: str, tmp_path: Path) -> None:
    records = [{"age": 41, "city": "Rome", "id": row, "tags": [row], "note": None} for row in range(100)]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(map(json.dumps, records)))
    api.batch(package, str(source), str(tmp_path / "out.parquet"), keep=["id", "tags", "note"])
    schema = parquet.read_schema(tmp_path / "out.parquet")
    assert [schema.field(name).type for name in ("id", "tags", "note")] == [pa.int64(), pa.string(), pa.string()]
    records[90]["id"] = "ninety"
    source.write_text("\n".join(map(json.dumps, records)))
    with pytest.raises(InputError, match=r"'id' is int64 at first, and something else in rows 64 to 99"):
        api.batch(package, str(source), str(tmp_path / "other.parquet"), keep=["id"])
    with pytest.raises(SchemaMismatch, match="nothing"):
        api.batch(package, str(source), str(tmp_path / "other.parquet"), keep=["idd"])


def test_files_that_differ_in_a_kept_column_are_told_of(package: str, tmp_path: Path) -> None:
    folder, frame = tmp_path / "in", table()
    folder.mkdir()
    save(frame, folder / "a.parquet")
    save(frame.assign(id=[f"x{row}" for row in range(ROWS)]), folder / "b.parquet")
    with pytest.raises(InputError, match=r"'id' is int64 at first, and .*string later"):
        api.batch(package, str(folder), str(tmp_path / "out.parquet"), keep=["id"])


def centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)


@pytest.fixture
def whole(home: Path) -> str:
    """A package whose answer for a row depends on the others."""
    frame = pd.DataFrame({"x": np.arange(200.0)})
    model = FunctionTransformer(centred).fit(frame)
    return api.pack(model, name="centred", sample=frame, allow_pickle=True).reference


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_model_that_sees_all_rows_at_once_gets_them(whole: str, tmp_path: Path, suffix: str) -> None:
    assert not api.open(whole).manifest.row_wise
    frame = pd.DataFrame({"x": np.arange(300.0), "id": np.arange(300)})
    source, out = save(frame, tmp_path / f"in.{suffix}"), tmp_path / "out.parquet"
    report = api.batch(whole, source, str(out), keep=["id"], trust="pickle")
    got = read(out)
    assert report["rows"] == len(got) == 300
    assert got.iloc[:, 1].tolist() == (frame["x"] - frame["x"].mean()).tolist()
    assert [int(row) for row in got["id"]] == list(range(300))
    assert {path.name for path in tmp_path.iterdir()} == {f"in.{suffix}", "out.parquet"}


def test_rows_that_do_not_fit_never_reach_a_model_that_sees_all(whole: str, tmp_path: Path) -> None:
    lines = [json.dumps({"x": float(row)}) for row in range(100)]
    lines[70] = '{"x": "seventy"}'
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    out, bad = tmp_path / "out.csv", tmp_path / "bad.jsonl"
    report = api.batch(whole, str(tmp_path / "in.jsonl"), str(out), rejects=str(bad), trust="pickle")
    assert (report["rows"], report["rejected"]) == (100, 1)
    assert json.loads(bad.read_text())["row"] == 70
    rest = np.delete(np.arange(100.0), 70)
    assert np.allclose(read(out).iloc[:, 0], rest - rest.mean())


def test_a_model_that_sees_all_rows_is_refused_more_of_them_than_memory_holds(whole: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(100_000.0)})
    with pytest.raises(UsageError, match="depends on the other rows") as told:
        api.batch(whole, save(frame, tmp_path / "in.parquet"), str(tmp_path / "o.csv"), memory=2**20, trust="pickle")
    assert "--memory" in str(told.value.hint)


def test_pieces_are_smaller_where_rows_are_wide_or_memory_is_short(package: str, tmp_path: Path) -> None:
    save(table(), tmp_path / "in.parquet")
    manifest, rows = api.open(package).manifest, {}
    for memory in (2**20, 2**24, 2**40):
        plan = make_plan(manifest, str(tmp_path / "in.parquet"), str(tmp_path / "o.csv"), memory=memory, workers=2)
        rows[memory] = local.piece_rows(plan, manifest.schema)
    assert 1 <= rows[2**20] <= 64 == rows[2**40]
    report = api.batch(package, str(tmp_path / "in.parquet"), str(tmp_path / "o.csv"), memory=2**20)
    assert report["rows"] == ROWS


def test_the_command_tells_how_far_it_is_and_takes_sizes_in_words(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("holdall.cli.output.PATIENCE", 0.0)
    source = save(table(), tmp_path / "in.parquet")
    words = ["batch", package, source, f"{tmp_path}/out/", "--format", "jsonl", "--memory", "1.5 GiB", "--resume"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "500 rows scored, written to" in told.out
    assert main([*words[:4], "--memory", "much"]) == 2
    assert "no number of bytes" in capsys.readouterr().err


def test_shares_only_grow_and_end_at_one(package: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for place, suffix in enumerate(("csv", "jsonl", "parquet", "csv")):
        save(table(), folder / f"{place}.{suffix}")
    told: list[tuple[int, float]] = []
    api.batch(package, folder, tmp_path / "o.csv", progress=lambda rows, share: told.append((rows, share)))
    assert told == sorted(told)
    assert told[-1] == (4 * ROWS, pytest.approx(1.0))
