"""What was acknowledged stays: with several processes at once, killed at any moment, and with a damaged file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdall.errors import NotFound, NothingEarlier, StorageFailed, StoreUnreadable, VersionExists
from holdall.registry.local import FILE, LocalRegistry
from holdall.spec.digest import Digest
from holdall.spec.reference import PackageReference
from tests.registry.records import record

ROOT = Path(__file__).parents[2]


def start(home: Path, who: str, count: int, *before: str) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "tests.registry.worker", str(home), who, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_acknowledged(home: Path, lines: list[str]) -> None:
    """Opens the store anew and looks for everything that a worker said it had done."""
    with LocalRegistry(home) as registry:
        moves = {
            (move.action, move.from_version, move.to_version, move.actor)
            for move in (registry.history("churn") if registry.newest("churn") else [])
        }
        for kind, *words in (line.split() for line in lines):
            if kind == "add":
                assert registry.resolve(PackageReference("churn", words[0])).digest == words[1]
            elif kind == "attach":
                assert words[1] in registry.referrers(Digest(words[0]))
            else:
                action, before, after, actor = words
                assert (action, None if before == "None" else before, after, actor) in moves


def check_sound(home: Path) -> None:
    """The laws that hold for any store, whoever wrote it: each move starts where the one before it ended."""
    with LocalRegistry(home) as registry:
        live = None
        for move in registry.history("churn") if registry.newest("churn") else []:
            assert move.from_version == live
            live = move.to_version
        assert registry.aliases("churn") == ({} if live is None else {"production": live})
        assert registry._database.rows("PRAGMA integrity_check") == [("ok",)]
        assert registry._database.rows("PRAGMA foreign_key_check") == []
        registry.add_next("churn", lambda version: record(version=version, content="after"))


def test_processes_at_once_lose_nothing_and_never_take_the_same_version(tmp_path: Path) -> None:
    home = tmp_path / "home"
    workers = [start(home, who, 20) for who in ("ada", "grace", "alan")]
    answers = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], answers
    lines = [line for out, _ in answers for line in out.splitlines()]
    versions = [line.split()[1] for line in lines if line.startswith("add")]
    assert len(versions) == len(set(versions)) == 60
    check_acknowledged(home, lines)
    check_sound(home)


def test_many_processes_may_make_the_same_store_at_the_same_moment(tmp_path: Path) -> None:
    for attempt in range(3):
        workers = [start(tmp_path / str(attempt), who, 1) for who in ("a", "b", "c", "d")]
        answers = [worker.communicate(timeout=60) for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0, 0, 0], answers


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("call", ["write", "pwrite64", "fdatasync", "fsync", "ftruncate", "unlink"])
def test_killed_at_any_call_nothing_acknowledged_is_lost(tmp_path: Path, call: str) -> None:
    """The n-th call is where the process dies; n grows until a run survives (the last steps are taken wider)."""
    step, number, died = 1, 1, 0
    while True:
        home = tmp_path / str(number)
        inject = f"--inject={call}:signal=KILL:when={number}"
        worker = start(home, "ada", 3, "strace", "-f", "-qq", "-o", "/dev/null", f"--trace={call}", inject)
        out, errors = worker.communicate(timeout=60)
        lines = out.splitlines()
        if home.exists():
            check_acknowledged(home, [line for line in lines if line])
            check_sound(home)
        if worker.returncode == 0:
            assert len(lines) == 10
            break
        assert worker.returncode in (-9, 137), errors
        died += 1
        step = 1 if number < 12 else 4
        number += step
    assert died, f"{call} was never called"


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    home = tmp_path_factory.mktemp("healthy")
    with LocalRegistry(home) as registry:
        for patch in range(3):
            registry.add(record(version=f"1.0.{patch}"))
            registry.promote(PackageReference("churn", f"1.0.{patch}"), "production", reason="better")
    return (home / FILE).read_bytes()


# Most of the file is empty: flips aim at the header and at the start and end of pages, where the cells are.
PLACES = st.integers(0, 120) | st.integers(3300, 4095)
FLIPS = st.lists(st.tuples(st.integers(0, 8), PLACES, st.integers(0, 7)), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=FLIPS, cut=st.none() | st.integers(0, 36863))
def test_a_damaged_file_gives_an_answer_or_a_named_error_and_nothing_else(
    tmp_path: Path, healthy: bytes, flips: list[tuple[int, int, int]], cut: int | None
) -> None:
    content = bytearray(healthy)
    assert len(content) == 9 * 4096
    for page, place, bit in flips if cut is None else []:
        content[page * 4096 + place] ^= 1 << bit
    content = content[:cut]
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / FILE).write_bytes(content)
    # Any other exception than a named error, and any that a healthy store could not give, fails the test.
    with suppress(StoreUnreadable, StorageFailed, NotFound, NothingEarlier, VersionExists):
        work_on(tmp_path)


def work_on(home: Path) -> None:
    with LocalRegistry(home) as registry:
        registry.versions()
        registry.resolve(PackageReference("churn"))
        registry.history("churn", "production")
        registry.aliases_of(record().digest)
        registry.promote(PackageReference("churn", "1.0.0"), "production")
        registry.rollback("churn", "production")
        registry.add_next("churn", lambda version: record(version=version, content="after"))


def test_a_store_that_was_not_damaged_does_all_that(tmp_path: Path, healthy: bytes) -> None:
    (tmp_path / FILE).write_bytes(healthy)
    work_on(tmp_path)
