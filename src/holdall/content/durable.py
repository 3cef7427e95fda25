"""Files that are there whole or not at all, and stay there once they were acknowledged.

A file is written under a temporary name that nobody else has, in the folder's own file system, flushed to the disk,
renamed, and the folder flushed. Whoever is killed in between leaves at most a temporary file, never half of a real one.
After a failed flush nothing is tried again: what the kernel then says about the pages is not to be trusted.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from holdall.errors import StorageFailed

_PREFIX, _SUFFIX = ".holdall-", ".part"
_STALE_AFTER = 24 * 60 * 60.0


@contextmanager
def storing(path: Path | str) -> Iterator[None]:
    """Turns what the operating system refuses inside into StorageFailed, naming `path`."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(str(path), error.strerror or str(error)) from error


class PendingFile:
    """A file being written in `folder`; `publish` makes it real, `discard` unmakes it. Raises StorageFailed."""

    def __init__(self, folder: Path, mode: int) -> None:
        self._folder = folder
        self._temporary = folder / f"{_PREFIX}{secrets.token_hex(16)}{_SUFFIX}"
        self._published = False
        self._descriptor: int | None = None
        with storing(folder):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._temporary, flags, mode)

    def write(self, data: bytes | memoryview) -> None:
        """Writes all of `data`; the system may take it in several parts."""
        rest = memoryview(data)
        with storing(self._folder):
            while rest:
                rest = rest[os.write(self._open(), rest) :]

    def publish(self, name: str, *parts: str) -> None:
        """Gives the file its real name in the folder `parts` below, replacing what bore it.

        When this returns, a power cut loses nothing.
        """
        with storing(self._folder / Path(*parts, name)), opened_folder(self._folder, *parts) as folder:
            os.fsync(self._open())
            self._close()
            os.replace(self._temporary, name, dst_dir_fd=folder)
            self._published = True
            os.fsync(folder)

    def discard(self) -> None:
        """Removes the file, unless it was published."""
        with suppress(OSError):
            self._close()
        if not self._published:
            with suppress(OSError):
                os.unlink(self._temporary)

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self._temporary} is closed")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


@contextmanager
def pending(folder: Path, mode: int) -> Iterator[PendingFile]:
    """A file to write in `folder`, with `mode` less the umask; gone at the end unless it was published."""
    file = PendingFile(folder, mode)
    try:
        yield file
    finally:
        file.discard()


@contextmanager
def opened_folder(root: Path, *parts: str) -> Iterator[int]:
    """A descriptor of the folder `parts` below `root`. Raises OSError, also for a link among `parts`; `root` may be one."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for part in parts:
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def replace_file(folder: Path, name: str, data: bytes, mode: int) -> None:
    """Makes `data` the content of `name` in `folder`, all at once. Raises StorageFailed."""
    with pending(folder, mode) as file:
        file.write(data)
        file.publish(name)


def make_folder(folder: Path, mode: int) -> None:
    """Makes `folder` and those above it where they are missing, each flushed into the one above. Raises StorageFailed."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    with storing(folder):
        with suppress(FileExistsError):
            os.mkdir(folder, mode)
        with opened_folder(folder.parent) as descriptor:
            os.fsync(descriptor)


def remove_stale(folder: Path) -> None:
    """Removes temporary files that a killed process left in `folder` a day ago or earlier. Never fails."""
    oldest = time.time() - _STALE_AFTER
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(entry.path)
