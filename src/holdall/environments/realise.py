"""A lock becomes an environment that runs: complete, or not there at all.

It is made beside its place under another name and renamed when it is whole. Files are fetched by name, version and hash
from the consumer's own index, or taken from the wheels that the package brought; a file of another hash is refused.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from holdall.environments import pylock, uv
from holdall.environments.pylock import Lock, Locked
from holdall.errors import MissingDependency, StorageFailed, UsageError
from holdall.spec import digest as digests

MARK = "holdall-lock"
"""The file in an environment that says which lock it was made from."""
_SECONDS = 1800.0
_READ_TIMEOUT = 30
_PURPOSE = "making the environment"


def realise(lock: bytes, folder: Path, wheels: Path | None = None) -> Path:
    """The python of the environment of this lock in `folder`, made now unless it is there already.

    wheels: a folder of the lock's own wheels; no index is asked then. Several processes may ask for the same at once.
    Raises UsageError where `folder` holds something else, or no python for the lock is installed here; ManifestInvalid
    for what is no lock; MissingDependency where there is neither uv nor a pip that does; ResolverFailed; StorageFailed.
    """
    parsed = pylock.decode(lock)
    digest = digests.of(lock)
    if _made_from(folder, digest):
        return python_of(folder)
    _check_free(folder)
    with _beside(folder) as pending:
        _make(parsed, pending, wheels)
        _settle(pending, folder)
        (pending / MARK).write_text(digest + "\n", "utf-8")
        _place(pending, folder, digest)
    return python_of(folder)


def python_of(folder: Path) -> Path:
    """The python of the environment in `folder`, as an absolute path that is not resolved any further."""
    inside = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
    return folder.absolute() / inside  # not resolved: python's own link leads out of the environment


def _made_from(folder: Path, digest: str) -> bool:
    try:
        return (folder / MARK).read_text("utf-8").strip() == digest
    except OSError:
        return False


def _check_free(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise UsageError(
            f"{folder} is there already and is not this environment", hint="name a folder that is not there"
        )


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    pending = folder.absolute().parent / f".{folder.name}-{secrets.token_hex(8)}.part"
    try:
        pending.parent.mkdir(parents=True, exist_ok=True)
        yield pending
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or str(error)) from error
    finally:
        shutil.rmtree(pending, ignore_errors=True)


def _place(pending: Path, folder: Path, digest: str) -> None:
    try:
        pending.replace(folder)
    except OSError:
        if not _made_from(folder, digest):  # else another process was first, with the same
            raise


def _make(lock: Lock, folder: Path, wheels: Path | None) -> None:
    found = uv.find()
    tool = [found, "pip"] if found is not None else [*_own_pip(lock), "--python", str(python_of(folder))]
    if found is not None:
        _run(found, "venv", "--quiet", "--no-project", "--python", _base(lock), str(folder))
        target = ["--python", str(python_of(folder))]
    else:
        _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
        target = []
    if not lock.packages:
        return
    listed = folder / f"{MARK}.txt"
    listed.write_text("".join(_line(package) for package in lock.packages), "utf-8")
    source = [] if wheels is None else ["--no-index", "--find-links", str(wheels.absolute())]
    # Building runs a stranger's code: only what has no wheel at all is built.
    builds = [word for package in lock.packages if package.sdist is None for word in ("--only-binary", package.name)]
    _run(*tool, "install", "--quiet", "--no-deps", "--require-hashes", *builds, *source, *target, "-r", str(listed))


def _own_pip(lock: Lock) -> list[str]:
    """The present Python's own pip, where there is no uv. Raises MissingDependency where it cannot stand in for it."""
    present = ".".join(map(str, sys.version_info[:3]))
    if find_spec("pip") is None or not lock.takes(present):
        raise MissingDependency("uv", "uv", _PURPOSE)
    return [sys.executable, "-m", "pip"]


def _settle(pending: Path, folder: Path) -> None:
    """What was written with the folder's other name (the scripts) is written with its own."""
    for script in (pending / "pyvenv.cfg", *python_of(pending).parent.iterdir()):
        if script.is_file() and not script.is_symlink():
            content = script.read_bytes()
            settled = content.replace(os.fsencode(pending.name), os.fsencode(folder.name))
            if settled != content:
                script.write_bytes(settled)


def _base(lock: Lock) -> str:
    """The python to make it with: the present one where the lock takes it, else whichever uv finds here."""
    present = ".".join(map(str, sys.version_info[:3]))
    return sys.executable if lock.takes(present) else lock.python


def _line(package: Locked) -> str:
    archives = [*package.wheels, *([package.sdist] if package.sdist is not None else [])]
    marker = f" ; {package.marker}" if package.marker is not None else ""
    hashes = "".join(f" --hash=sha256:{archive.sha256}" for archive in archives)
    return f"{package.name}=={package.version}{marker}{hashes}\n"


def _run(*command: str) -> None:
    uv.program(command, seconds=_SECONDS, read_timeout=_READ_TIMEOUT, purpose=_PURPOSE)
