"""Functions in a process of their own: what goes in comes out, nothing of the project is there, it ends with its parent."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.columns.batch import Batch
from holdall.columns.pandas import from_pandas
from holdall.engines import source
from holdall.engines.python import FunctionRaised, Worker
from holdall.errors import NotCanonical, UsageError, WorkerDied, WorkerTooSlow
from holdall.packing.inferring import infer
from holdall.spec.schema import Field

SOURCE = b"""
import os, sys, time, numpy as np, pandas as pd
print("imported")

def same(df): return df
def environment(df): return df.assign(names=[" ".join(sorted(os.environ))] * len(df), path=[" ".join(sys.path)] * len(df))
def fails(df):
    if (df.a == 3).any():
        raise ValueError("three is refused")
    return df
def crashes(df): os._exit(7)
def leaves(df): sys.exit(1)
def sleeps(df): time.sleep(60)
def naps(df): time.sleep(1.5); return df.assign(pid=os.getpid())
def forks(df):
    import multiprocessing
    context = multiprocessing.get_context("fork")
    there = context.Event()
    child = context.Process(target=lambda: (there.set(), time.sleep(30)))
    child.start()
    there.wait()
    child.terminate()
    child.join()
    return df.assign(status=child.exitcode)
def prints(df): print("noise", flush=True); os.write(1, b"more noise"); sys.stdin.read(); return df
def nothing(df): pass
def fewer(df): return df[1:]
def turned(df): return df.sort_values("a", ascending=False)
def forbidden(df): return df.assign(a=[object()] * len(df))
def process(df): return df.assign(pid=os.getpid(), folder=os.getcwd())
def beside(df): return df.assign(a=float(open(os.path.join(os.path.dirname(__file__), "none.txt")).read()))
def spans(df): return df.assign(k=pd.Timedelta(days=1))
def complexes(df): return df.assign(k=df.a * 1j)
def words(df): return np.array([["a"], ["\xc3\xa9"], [""]])
def raw(df): return df.assign(k=[b"a", b"b", b"c"])
def matrix(values): return values * 2
def reads(df): return df.assign(a=float(open("factor.txt").read()))
"""
NAMES = [f"steps:{line.split()[1].split(b'(')[0].decode()}" for line in SOURCE.splitlines() if line.startswith(b"def ")]
CODE = source.pack({"steps.py": SOURCE, "factor.txt": b"2.5"})


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    opened = Worker(CODE, NAMES)
    yield opened
    opened.close()


def fields_of(batch: Batch) -> tuple[Field, ...]:
    return infer(batch, {})


def call(worker: Worker, name: str, frame: Any, table: str = "pandas") -> Batch:
    batch = from_pandas(frame)
    return worker.call([f"steps:{name}"], batch, fields_of(batch), table)


def small() -> pd.DataFrame:
    return pd.DataFrame({"a": [1.0, 2.0, 3.0]})


FRAMES = {
    "numbers": pd.DataFrame({"f": [1.5, np.nan, np.inf], "i": [1, -(2**62), 3], "b": [True, False, True]}),
    "small types": pd.DataFrame({"f": np.array([1, 2], np.float32), "i": np.array([1, 2], np.uint8)}),
    "text": pd.DataFrame({"t": ["a", "Ünïcödé 漢字 🐧", ""]}),
    "text with nulls": pd.DataFrame({"t": ["a", None, "c"]}),
    "objects": pd.DataFrame(
        {"t": pd.Series(["a", None, "b"], dtype=object), "n": pd.Series([1, None, 2], dtype=object)}
    ),
    "nullable": pd.DataFrame({"i": pd.array([1, None, 3], "Int64"), "b": pd.array([True, None, False], "boolean")}),
    "categories": pd.DataFrame({"c": pd.Categorical(["x", None, "y"]), "n": pd.Categorical([3, 1, 3])}),
    "times": pd.DataFrame(
        {"t": pd.to_datetime(["2024-01-01 12:30", None]), "z": pd.date_range("2024", periods=2, tz="UTC")}
    ),
    "dates": pd.DataFrame({"d": pd.Series([pd.Timestamp("2024-02-29").date()] * 2, dtype=object)}),
    "bytes": pd.DataFrame({"b": pd.Series([b"\x00\xff", b""], dtype=object)}),
    "arrays": pd.DataFrame({"v": pd.Series([[1.0, np.nan], [3.0, 4.0]], dtype=object)}),
    "one row": pd.DataFrame({"a": [1], "b": ["x"]}),
    "no row": pd.DataFrame({"a": np.empty(0), "b": np.empty(0, np.int64)}),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_table_that_a_function_gives_back_is_the_one_that_it_got(worker: Worker, frame: pd.DataFrame) -> None:
    given, came = from_pandas(frame), call(worker, "same", frame)
    assert list(came) == list(given)
    for name in given:
        assert came[name].kind is given[name].kind
        assert came[name].dtype == given[name].dtype
        np.testing.assert_array_equal(came[name].null_mask(), given[name].null_mask())
        np.testing.assert_array_equal(came[name].values, given[name].values)


def test_a_matrix_goes_and_comes_as_a_matrix(worker: Worker) -> None:
    came = call(worker, "matrix", small(), "numpy")
    assert came["x0"].values.tolist() == [2.0, 4.0, 6.0]


def test_nothing_of_the_parents_project_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    worker = Worker(CODE, NAMES)
    came = call(worker, "environment", small())
    worker.close()
    assert "SECRET" not in came["names"].values[0]
    assert "PYTHONPATH" not in came["names"].values[0]
    places = came["path"].values[0].split()
    assert str(tmp_path) not in places
    assert os.getcwd() not in places
    assert not any(place.endswith("src") for place in places), "an editable install is a project too"


def test_what_a_function_raises_comes_with_its_place(worker: Worker) -> None:
    with pytest.raises(FunctionRaised, match=r"ValueError: three is refused \(steps.py:9\)"):
        call(worker, "fails", small())
    assert call(worker, "same", small()).rows == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "it has no return"),
        ("fewer", "2 rows for 3"),
        ("turned", "another order"),
        ("forbidden", "type object is none"),
        ("leaves", "SystemExit"),
    ],
)
def test_an_answer_that_is_none_is_told(worker: Worker, name: str, words: str) -> None:
    with pytest.raises(FunctionRaised, match=words):
        call(worker, name, small())


def test_a_process_that_dies_is_one_clear_error_and_the_next_call_has_another() -> None:
    worker = Worker(CODE, NAMES)
    with pytest.raises(WorkerDied, match="status 7"):
        call(worker, "crashes", small())
    assert call(worker, "same", small()).rows == 3
    worker.close()


@pytest.mark.parametrize("name", ["spans", "complexes"])
def test_a_column_of_numbers_that_none_can_hold_is_told_by_its_name(worker: Worker, name: str) -> None:
    with pytest.raises(FunctionRaised, match=r"the column 'k': an array of (timedelta64|complex128)"):
        call(worker, name, small())
    assert call(worker, "same", small()).rows == 3


def test_a_matrix_of_text_and_of_bytes_comes_as_such(worker: Worker) -> None:
    came = call(worker, "words", small())
    assert came["x0"].to_list() == ["a", "é", ""]
    assert call(worker, "raw", small())["k"].to_list() == [b"a", b"b", b"c"]


def test_what_a_function_prints_does_not_meddle(worker: Worker) -> None:
    assert call(worker, "prints", small()).rows == 3


def test_a_file_beside_the_source_is_read_by_its_relative_path(worker: Worker) -> None:
    assert call(worker, "reads", small())["a"].values.tolist() == [2.5] * 3


def test_a_file_that_is_lacking_beside_the_source_has_the_name_that_the_user_knows() -> None:
    worker = Worker(CODE, NAMES, watch=True)
    try:
        with pytest.raises(FunctionRaised) as caught:
            call(worker, "beside", small())
        assert caught.value.file == "none.txt"
        assert worker.opened == ("none.txt",)
    finally:
        worker.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_the_process_ends_with_its_worker_and_leaves_no_folder(how: str) -> None:
    worker = Worker(CODE, NAMES)
    came = call(worker, "process", small())
    pid, folder = int(came["pid"].values[0]), Path(came["folder"].values[0])
    assert folder.is_dir()
    if how == "closed":
        worker.close()
    else:
        del worker
        gc.collect()
    assert gone(pid)
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_the_process_ends_with_a_parent_that_was_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    program = (
        "import sys, threading; from tests.engines.test_python import *\n"
        "worker = Worker(CODE, NAMES); came = call(worker, 'process', small())\n"
        "threading.Thread(target=call, args=(worker, 'sleeps', small()), daemon=True).start()\n"
        "print(int(came['pid'].values[0]), flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.3)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(pid)


@pytest.mark.skipif(os.name == "nt", reason="a signal there ends a process whatever it wants")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_reaches_the_whole_group_of_processes_leaves_the_call_alone(
    capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    worker = Worker(CODE, NAMES)
    pid = int(call(worker, "process", small())["pid"].values[0])
    try:
        timer = threading.Timer(0.5, os.kill, (pid, number))
        timer.start()
        assert int(call(worker, "naps", small())["pid"].values[0]) == pid
        timer.join()
        assert int(call(worker, "forks", small())["status"].values[0]) == -signal.SIGTERM
    finally:
        worker.close()
    assert gone(pid)
    assert "Traceback" not in capfd.readouterr().err


def test_a_call_that_takes_too_long_is_ended_and_the_next_one_is_answered() -> None:
    worker = Worker(CODE, NAMES, patience=5)
    try:
        worker.ready()
        with pytest.raises(WorkerTooSlow, match=r"steps:sleeps.* within 5 s"):
            call(worker, "sleeps", small())
        assert call(worker, "same", small()).rows == 3
    finally:
        worker.close()


def test_closing_does_not_wait_for_a_call() -> None:
    worker = Worker(CODE, NAMES)
    worker.ready()
    raised: list[type[Exception]] = []

    def ask() -> None:
        try:
            call(worker, "sleeps", small())
        except WorkerDied as error:
            raised.append(type(error))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    began = time.monotonic()
    worker.close()
    asking.join()
    assert raised == [WorkerDied]
    assert time.monotonic() - began < 30


def test_a_tar_of_source_has_one_spelling() -> None:
    files = {"b/c.py": b"x", "a.py": b"", "data/a b.json": b"{}"}
    packed = source.pack(files)
    assert source.unpack(packed) == files
    assert source.pack(dict(reversed(files.items()))) == packed
    with pytest.raises(NotCanonical):
        source.unpack(packed + b"\0" * 512)
    with pytest.raises(NotCanonical):
        source.unpack(packed[:1000])


@pytest.mark.parametrize("path", ["../a.py", "/a.py", "a//b", "a\\b", "", "./a"])
def test_a_path_that_leads_out_of_the_tar_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        source.pack({path: b""})
