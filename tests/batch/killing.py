"""Runs that are killed at random moments and resumed must write the bytes of a run that was not.

python -m tests.batch.killing 50
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

PROGRAM = """
import sys
from holdall.batch import sinks, sources
sources.ROWS, sinks.GROUP, sinks.PART = 256, 1000, 5000
from holdall.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
"""The command, by pieces so small that there is much to be killed between."""

ROWS = 40_000
CASES = (
    ("in.parquet", "out.parquet"),
    ("in.csv", "out.csv"),
    ("in.jsonl", "out.jsonl"),
    ("in.arrows", "parts/"),
    ("many", "out.arrow"),
    ("in.arrow", "out.arrows"),
)


class Outcome(NamedTuple):
    """kills: processes that were alive when they were killed; midway: how many of them had scored something, and not all."""

    kills: int
    midway: int


def prepare(folder: Path) -> None:
    """A package in the store of HOLDALL_HOME, and its input in every format; some rows do not fit."""
    import pyarrow as pa
    import pyarrow.ipc
    from pyarrow import parquet
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    import holdall

    generator = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "age": generator.normal(40, 10, ROWS),
            "city": generator.choice(["Rome", "Oslo"], ROWS),
        }
    )
    encode = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"]))
    features = frame[["age", "city"]]
    model = make_pipeline(encode, LogisticRegression()).fit(features, frame["age"] + generator.normal(size=ROWS) > 40)
    holdall.pack(model, name="ages", sample=features.head(1000))
    frame.loc[generator.choice(ROWS, 30, replace=False), "city"] = "Atlantis"
    whole = pa.Table.from_pandas(frame, preserve_index=False)
    parquet.write_table(whole, folder / "in.parquet", row_group_size=3000)
    frame.to_csv(folder / "in.csv", index=False)
    frame.to_json(folder / "in.jsonl", orient="records", lines=True, double_precision=15)
    for name, new in (("in.arrow", pa.ipc.new_file), ("in.arrows", pa.ipc.new_stream)):
        with new(folder / name, whole.schema) as writer:
            writer.write_table(whole, max_chunksize=700)
    (folder / "many").mkdir()
    parquet.write_table(whole.slice(0, 15_000), folder / "many" / "a.parquet")
    parquet.write_table(whole.slice(15_000, 10), folder / "many" / "b.parquet")
    frame.iloc[15_010:].to_csv(folder / "many" / "c.csv", index=False)


def kill(folder: Path, source: str, target: str, kills: int, chance: random.Random) -> Outcome:
    """Kills runs of one case so many times, resumes each, and holds every output against that of a run left alone."""
    size, expected = _finish(folder, source, target, resume=False)
    killed = midway = misses = 0
    while killed < kills:
        process = _start(folder, source, target, resume=chance.random() < 0.5)
        wanted, seen = int(chance.random() * 1.02 * size), 0
        while process.poll() is None:
            now = _journal_size(folder, target)
            if now >= wanted or now < seen:
                break
            seen = now
        time.sleep(chance.random() * 0.005)
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if not alive:
            misses += 1
            assert misses < 20 * kills, "no run lives long enough to be killed"
            _clear(folder, target)
            continue
        killed += 1
        midway += size / 100 < _journal_size(folder, target) < size
        if chance.random() < 0.3:
            continue  # the next one resumes it or begins anew, and is killed too
        _, written = _finish(folder, source, target, resume=True)
        assert written == expected, f"{source} to {target}: other bytes after {killed} kills"
        _clear(folder, target)
    _, written = _finish(folder, source, target, resume=True)
    assert written == expected
    assert not _workspace(folder, target).exists()
    return Outcome(killed, midway)


def _start(folder: Path, source: str, target: str, *, resume: bool) -> subprocess.Popen[bytes]:
    words = ["batch", "ages", source, target, "--keep", "id", "--rejects", f"bad-{target.strip('/')}.jsonl", "--json"]
    command = [sys.executable, "-c", PROGRAM, *words, *(["--resume"] if resume else [])]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _finish(folder: Path, source: str, target: str, *, resume: bool) -> tuple[int, dict[str, bytes]]:
    """How large the journal of a run became that is left alone, and what the run wrote; that is taken away."""
    process, size = _start(folder, source, target, resume=resume), 0
    while process.poll() is None:
        size = max(size, _journal_size(folder, target))
        time.sleep(0.001)
    told, errors = process.communicate()
    assert process.returncode == 0, errors.decode() + told.decode()
    report = json.loads(told)
    assert (report["rows"], report["rejected"]) == (ROWS, 30)
    return size, _clear(folder, target)


def _clear(folder: Path, target: str) -> dict[str, bytes]:
    place = folder / target
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    files.append(folder / f"bad-{target.strip('/')}.jsonl")
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files if path.exists()}
    for path in files:
        path.unlink(missing_ok=True)
    if place.is_dir():
        place.rmdir()
    return found


def _workspace(folder: Path, target: str) -> Path:
    return folder / f".{target.strip('/')}.holdall-run"


def _journal_size(folder: Path, target: str) -> int:
    try:
        return (_workspace(folder, target) / "journal").stat().st_size
    except FileNotFoundError:
        return 0


def main(kills: int) -> None:
    chance = random.Random(kills)
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as name:
        os.environ["HOLDALL_HOME"] = home
        folder = Path(name)
        prepare(folder)
        total = midway = 0
        for place, (source, target) in enumerate(CASES):
            share = kills * (place + 1) // len(CASES) - kills * place // len(CASES)
            outcome = kill(folder, source, target, share, chance)
            total, midway = total + outcome.kills, midway + outcome.midway
            print(f"{source} to {target}: {outcome.kills} kills, {outcome.midway} of them midway, the same bytes")  # noqa: T201
    print(f"{total} kills, {midway} of them between the first row and the last: the same bytes every time")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
