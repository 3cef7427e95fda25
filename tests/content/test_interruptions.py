"""A full disk, a failing disk, a killed process: nothing half-written, and what was acknowledged is there.

Most of it replaces the system calls from inside, so that each one in turn fails or is the last of its process. A few
runs do it from outside: strace kills or fails at the n-th call, a file size limit and a tiny file system fill up.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from holdall.content.archive import open_archive, write_archive
from holdall.content.layout import open_layout, write_layout
from holdall.content.package import Content, from_store, keep
from holdall.content.store import FolderStore
from holdall.errors import Error, StorageFailed
from holdall.spec.digest import Digest

from .samples import archived, attached, everything, sealed, stored, tiny, tree

CALLS = ("open", "write", "fsync", "replace", "mkdir", "close")
STRIDE = 3
"""Where a run is dear, every third call stands for all."""
ROOT = Path(__file__).parents[2]


def newer() -> Content:
    package = sealed(version="2.0.0", files={"README.md": b"# newer\n", "notes.md": b"more\n"})
    return stored(package, attached(package, b"newer figures"))


@contextmanager
def at_call(number: int, act: Callable[[str], None], calls: tuple[str, ...] = CALLS) -> Iterator[list[str]]:
    """Counts the system calls that change or open files; `act` is run in place of the one of that number."""
    made: list[str] = []
    real = {name: getattr(os, name) for name in calls}

    def standing_in(name: str) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            made.append(name)
            if len(made) == number:
                act(name)
            return real[name](*words, **more)

        return call

    for name in calls:
        setattr(os, name, standing_in(name))
    try:
        yield made
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def fail(code: int) -> Callable[[str], None]:
    def act(name: str) -> None:
        if name != "close":  # what close says is not what loses data: the flush came before
            raise OSError(code, os.strerror(code))

    return act


def die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def counted(work: Callable[[], object]) -> int:
    with at_call(0, die) as made:
        work()
    return len(made)


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Whether a process of its own that does `work` was killed at that call; False: it was through before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside the threads of a test runner
        child = os.fork()
    if child == 0:
        try:
            with at_call(number, die):
                work()
            os._exit(0)
        finally:
            os._exit(99)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def outcome(folder: Path, digest: Digest | None = None) -> str:
    """'whole', or the code of the error with which the layout does not open. Any failure inside it is an error here."""
    try:
        content = open_layout(folder, digest)
    except Error as error:
        return error.code
    assert content.verify() == ()
    assert len(content.referrers()) == 1
    return "whole"


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of runs, each of which flushes every file, are slow on a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(".holdall-*.part"))


# --- the archive


@pytest.mark.parametrize("existing", [True, False], ids=["over an older one", "new"])
def test_an_archive_is_old_or_new_whenever_its_writer_is_killed(quick: Path, existing: bool) -> None:
    target = quick / "it.holdall"
    old = archived(tiny(), quick, "old.holdall").read_bytes()
    new = archived(newer(), quick, "new.holdall").read_bytes()
    number, seen = 0, set()
    while True:
        number += 1
        target.unlink(missing_ok=True)
        if existing:
            target.write_bytes(old)
        died = killed_at(number, lambda: write_archive(newer(), target))
        state = target.read_bytes() if target.exists() else b""
        assert state in ((old, new) if existing else (b"", new))
        seen.add(state)
        if not died:
            break
    assert state == new
    assert seen == ({old, new} if existing else {b"", new})
    assert number > 20


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS], ids=errno.errorcode.get)
def test_an_archive_is_old_or_new_whatever_call_fails_and_nothing_lies_beside_it(quick: Path, code: int) -> None:
    target = quick / "it.holdall"
    old = archived(tiny(), quick).read_bytes()
    content = newer()
    new = archived(content, quick).read_bytes()
    failed, hints, unsaid = 0, set(), False
    for number in range(1, counted(lambda: write_archive(content, quick / "spare")) + 1):
        target.write_bytes(old)
        with at_call(number, fail(code)) as made:
            try:
                write_archive(content, target)
            except StorageFailed as error:
                failed += 1
                hints.add(error.hint)
                unsaid |= target.read_bytes() != old and made[number - 1] != "fsync"
            else:
                assert target.read_bytes() == new
        assert target.read_bytes() in (old, new)
        assert leftovers(quick) == []
    assert failed > 10
    assert not unsaid, "a call other than the last flush failed, and the older file was gone"
    assert all(hints)


def test_what_a_killed_writer_left_is_removed_a_day_later(tmp_path: Path) -> None:
    target = tmp_path / "it.holdall"
    assert killed_at(5, lambda: write_archive(tiny(), target))
    (left,) = leftovers(tmp_path)
    write_archive(tiny(), target)
    assert left.exists()
    yesterday = time.time() - 25 * 60 * 60
    os.utime(left, (yesterday, yesterday))
    write_archive(tiny(), target)
    assert leftovers(tmp_path) == []


# --- the store


def test_what_a_store_acknowledged_is_there_whenever_its_process_is_killed(quick: Path) -> None:
    number, content = 0, tiny()
    blobs = dict(content.blobs())
    while True:
        number += 1
        root = quick / str(number)
        said, say = os.pipe()

        def work(root: Path = root, say: int = say) -> None:
            store = FolderStore(root)
            for data in blobs.values():
                digest = store.put(data)
                _acknowledge(say, digest)

        died = killed_at(number, work)
        os.close(say)
        acknowledged = set(_lines(said))
        present = everything(FolderStore(root))
        assert acknowledged <= present.keys()
        assert present.items() <= blobs.items()
        for data in blobs.values():
            FolderStore(root).put(data)
        assert everything(FolderStore(root)) == blobs
        if not died:
            break
    assert acknowledged == blobs.keys()
    assert number > 40


_real_write = os.write


def _acknowledge(pipe: int, digest: str) -> None:
    _real_write(pipe, digest.encode() + b"\n")


def _lines(pipe: int) -> list[str]:
    with os.fdopen(pipe) as file:
        return file.read().split()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE], ids=errno.errorcode.get)
def test_a_store_whose_disk_fails_says_so_keeps_nothing_by_halves_and_works_again(quick: Path, code: int) -> None:
    blobs = dict(tiny().blobs())

    def put_all(root: Path) -> None:
        store = FolderStore(root)
        for data in blobs.values():
            store.put(data)

    failed = 0
    for number in range(1, counted(lambda: put_all(quick / "spare")) + 1):
        root = quick / str(number)
        with at_call(number, fail(code)):
            try:
                put_all(root)
            except StorageFailed:
                failed += 1
        if root.exists():
            assert everything(FolderStore(root)).items() <= blobs.items()
        assert leftovers(quick) == []
        put_all(root)
        assert everything(FolderStore(root)) == blobs
        shutil.rmtree(root)
    assert failed > 20


def test_a_blob_is_flushed_before_it_gets_its_name_and_its_name_before_the_answer(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(b"first")
    with at_call(0, die, ("write", "fsync", "replace")) as made:
        store.put(b"second")
    assert made == ["write", "fsync", "replace", "fsync"]
    with at_call(0, die, ("write", "fsync", "replace")) as made:
        store.put(b"second")
    assert made == ["fsync", "fsync"]


# --- the layout


def test_a_layout_lists_only_whole_packages_whenever_its_writer_is_killed(quick: Path) -> None:
    number = 0
    content = newer()
    while True:
        number += STRIDE
        folder = quick / str(number)
        write_layout(tiny(), folder)
        died = killed_at(number, lambda folder=folder: write_layout(content, folder))
        assert outcome(folder, sealed().digest) == "whole"
        assert outcome(folder, content.digest) in (("whole", "not_found") if died else ("whole",))
        write_layout(content, folder)
        assert outcome(folder, content.digest) == "whole"
        shutil.rmtree(folder)
        if not died:
            break
    assert number > 40


def test_a_new_layout_is_there_whole_or_not_at_all_whenever_its_writer_is_killed(quick: Path) -> None:
    number = 0
    while True:
        number += STRIDE
        folder = quick / str(number)
        died = killed_at(number, lambda folder=folder: write_layout(tiny(), folder))
        assert outcome(folder) in (("whole", "not_found", "manifest_invalid") if died else ("whole",))
        write_layout(tiny(), folder)
        assert outcome(folder) == "whole"
        shutil.rmtree(folder)
        if not died:
            break
    assert number > 40


# --- from outside

PROGRAM = """
import sys, pathlib
from tests.content import samples
from holdall.content.archive import write_archive
from holdall.content.package import keep
from holdall.content.store import FolderStore
folder = pathlib.Path(sys.argv[1])
content = samples.tiny()
print("begin", flush=True)
keep(content, FolderStore(folder / "store"))
print("kept", flush=True)
write_archive(content, folder / "it.holdall")
print("written", flush=True)
"""


def run(folder: Path, before: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-B", "-c", PROGRAM, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, **more)


def check_after(folder: Path, said: list[str]) -> None:
    """Whatever happened: each blob that is there is whole, and what was said to be done is done."""
    blobs = dict(tiny().blobs())
    assert everything(FolderStore(folder / "store")).items() <= blobs.items()
    if "kept" in said:
        assert from_store(FolderStore(folder / "store"), sealed().digest).verify() == ()
    if "written" in said or (folder / "it.holdall").exists():
        assert open_archive(folder / "it.holdall").digest == sealed().digest


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("fault", ["signal=KILL", "error=ENOSPC", "error=EIO"])
@pytest.mark.parametrize("call", ["fsync", "/^rename"])
def test_strace_stops_or_fails_the_nth_call_and_nothing_is_half_written(tmp_path: Path, call: str, fault: str) -> None:
    outcomes = set()
    for number in (1, 2, 5, 9, 10, 11, 12, 25, 26):
        folder = tmp_path / str(number)
        folder.mkdir()
        inject = f"inject={call}:{fault}:when={number}"
        done = run(folder, ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject])
        if "begin" not in done.stdout:
            pytest.skip(f"strace cannot trace here: {done.stderr[:200]}")
        said = done.stdout.split()
        check_after(folder, said)
        outcomes.add(said[-1])
        if "error" in fault and said[-1] != "written":
            assert "StorageFailed" in done.stderr
            assert leftovers(folder) == []
    assert {"begin", "kept"} <= outcomes or {"begin", "written"} <= outcomes


@pytest.mark.parametrize("limit", [0, 1, 100, 1000, 4096, 10_000])
def test_a_limit_on_the_size_of_files_leaves_nothing_half_written(tmp_path: Path, limit: int) -> None:
    import resource

    done = run(tmp_path, [], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    said = done.stdout.split()
    assert said[0] == "begin"
    assert "written" not in said
    assert "StorageFailed" in done.stderr
    check_after(tmp_path, said)
    assert leftovers(tmp_path) == []


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize("options", ["size=4k", "size=16k", "size=32k", "nr_inodes=3", "nr_inodes=9", "size=4m"])
def test_a_full_file_system_leaves_nothing_half_written(tmp_path: Path, options: str) -> None:
    """The check runs inside too, since the file system is gone with the process."""
    script = tmp_path / "inside.py"
    script.write_text(
        PROGRAM.replace(
            "import sys, pathlib", "import sys, pathlib\nfrom tests.content import test_interruptions as here"
        )
        + "print('room', flush=True)\n"
    )
    checking = tmp_path / "check.py"
    checking.write_text(
        "import sys, pathlib\nfrom tests.content import test_interruptions as here\n"
        "folder = pathlib.Path(sys.argv[1])\nhere.check_after(folder, sys.argv[2:])\n"
        "assert here.leftovers(folder) == []\nprint('checked')\n"
    )
    mount = tmp_path / "mount"
    mount.mkdir()
    shell = (
        f"mount -t tmpfs -o {options} tmpfs {mount} || exit 77; "
        f"said=$({sys.executable} -B {script} {mount} 2>{tmp_path}/errors); "
        f"{sys.executable} -B {checking} {mount} $said; echo $said"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert "checked" in done.stdout, done.stderr
    if options == "size=4m":
        assert "written" in done.stdout
    else:
        assert "written" not in done.stdout
        assert "StorageFailed" in (tmp_path / "errors").read_text()


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    keep(tiny(), FolderStore(tmp_path / "store"))
    with at_call(1, fail(errno.EROFS), ("open",)), pytest.raises(StorageFailed):
        write_archive(tiny(), tmp_path / "it.holdall")
    assert tree(tmp_path).keys() == {f"store/{name}" for name in tree(tmp_path / "store")}
