"""A run that was killed or stopped goes on where it ended, and writes what it would have written."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest

from holdall import api
from holdall.batch import journal, local, sources
from holdall.batch.workspace import Workspace
from holdall.errors import Conflict, RowsRefused, StorageFailed, UsageError
from tests.batch import killing
from tests.batch.tables import save, table


@pytest.mark.slow
def test_runs_killed_at_random_moments_and_resumed_write_the_same_bytes(tmp_path: Path) -> None:
    killing.prepare(tmp_path)
    chance = random.Random()
    for source, target in chance.sample(killing.CASES, 2):
        assert killing.kill(tmp_path, source, target, 4, chance).kills == 4


def test_what_is_in_the_journal_is_not_scored_again(
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = table()
    source, out, other = save(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet", tmp_path / "other.parquet"
    api.batch(package, source, str(other))
    scored: list[int] = []
    score = local._score

    def counting(plan: object, scorer: object, item: local.Numbered) -> journal.Frame:
        if len(scored) == 5:
            raise StorageFailed("the disk", "it is gone")
        scored.append(item.piece.first)
        return score(plan, scorer, item)  # type: ignore[arg-type]

    monkeypatch.setattr(local, "_score", counting)
    with pytest.raises(StorageFailed, match="gone") as told:
        api.batch(package, source, str(out), workers=1)
    assert "--resume" in str(told.value.hint)
    assert not out.exists()
    done = list(scored)
    monkeypatch.setattr(local, "_score", lambda *words: (scored.append(words[2].piece.first), score(*words))[1])
    report = api.batch(package, source, str(out), resume=True)
    assert report["rows"] == len(frame)
    assert not set(scored[len(done) :]).intersection(done[1:])
    assert out.read_bytes() == other.read_bytes()


def test_a_bad_row_found_late_is_set_aside_by_resuming_with_rejects(package: str, tmp_path: Path) -> None:
    frame = table()
    frame.loc[400, "city"] = "Atlantis"
    source, out = save(frame, tmp_path / "in.csv"), tmp_path / "out.csv"
    with pytest.raises(RowsRefused, match="400"):
        api.batch(package, source, str(out))
    report = api.batch(package, source, str(out), rejects=str(tmp_path / "bad.jsonl"), resume=True)
    assert (report["rows"], report["rejected"]) == (len(frame), 1)
    assert json.loads((tmp_path / "bad.jsonl").read_text())["row"] == 400


def test_a_run_of_something_else_is_not_resumed(package: str, tmp_path: Path) -> None:
    frame = table()
    frame.loc[400, "city"] = "Atlantis"
    source, out = save(frame, tmp_path / "in.csv"), tmp_path / "out.csv"
    with pytest.raises(RowsRefused):
        api.batch(package, source, str(out))
    with pytest.raises(UsageError, match="keep"):
        api.batch(package, source, str(out), keep=["id"], resume=True)
    save(table(), tmp_path / "in.csv")
    os.utime(source, ns=(1, 1))
    with pytest.raises(UsageError, match="sources"):
        api.batch(package, source, str(out), resume=True)
    assert api.batch(package, source, str(out))["rows"] == len(frame)
    assert not (tmp_path / ".out.csv.holdall-run").exists()


def test_resuming_what_was_never_begun_begins_it(package: str, tmp_path: Path) -> None:
    report = api.batch(package, save(table(), tmp_path / "in.csv"), str(tmp_path / "out.csv"), resume=True)
    assert report["rows"] == len(table())


def test_two_runs_do_not_write_one_output(package: str, tmp_path: Path) -> None:
    held = Workspace(tmp_path / "out.csv")
    with pytest.raises(Conflict, match="another run"):
        api.batch(package, save(table(), tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    held.journal.close()
    api.batch(package, save(table(), tmp_path / "in.csv"), str(tmp_path / "out.csv"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer"])
def test_the_first_frame_that_is_not_whole_ends_the_journal(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "journal"
    frames = [journal.encode(0, 3, 0.5, [b"{}\n"], pa.table({"x": [place, 2, 3]})) for place in range(4)]
    whole = journal.Journal(path)
    whole.begin({"rows": 3})
    for frame in frames[:2]:
        whole.append(frame)
    whole.close()
    size = path.stat().st_size
    whole = journal.Journal(path)
    assert whole.header() == {"rows": 3}
    assert [frame.payload for frame in whole.replay()] == [frame.payload for frame in frames[:2]]
    for frame in frames[2:]:
        whole.append(frame)
    whole.close()
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: size + 20]
    elif damage == "flipped":
        data[size + 30] ^= 1
    else:
        data[size : size + 8] = (1 << 60).to_bytes(8, "little")
    path.write_bytes(data)
    left = journal.Journal(path)
    left.header()
    assert [frame.table for frame in left.replay()] == [frame.table for frame in frames[:2]]
    left.append(frames[3])
    left.close()
    again = journal.Journal(path)
    again.header()
    assert [frame.lines for frame in again.replay()] == [b"{}\n"] * 3
    again.close()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "arrow", "arrows"])
def test_pieces_do_not_depend_on_where_one_goes_on(package: str, tmp_path: Path, suffix: str) -> None:
    from holdall.batch.plan import _source, find_sources

    schema = api.open(package).schema
    source = _source(find_sources(save(table(), tmp_path / f"in.{suffix}"))[0])
    pieces = [(p.first, p.rows, p.record() if p.rows else None) for p in sources.read_pieces(source, schema, [], 64)]
    assert [rows for _, rows, _ in pieces] == [0, *[64] * 7, 52]
    for done in range(len(pieces) + 1):
        rest = list(sources.read_pieces(source, schema, [], 64, done))
        assert [(p.first, p.rows, p.record() if p.rows else None) for p in rest] == pieces[done:]


def test_tables_are_cut_into_equal_pieces_wherever_their_batches_end() -> None:
    whole = pa.table({"x": list(range(1000))})
    cut = list(sources.cut((whole.slice(start, 70) for start in range(0, 1000, 70)), 256))
    assert [part.num_rows for part in cut] == [256, 256, 256, 232]
    assert pa.concat_tables(cut).combine_chunks() == whole
