"""Reading files that somebody else may have put there, or may change meanwhile.

A file is opened once, refused if it is anything but a regular file, and read through that one descriptor. Reads state
their place, so that threads and forked processes share a descriptor without moving each other.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdall.content.durable import opened_folder, storing
from holdall.errors import NotCanonical, NotFound

CHUNK = 2**20
"""How many bytes are held at once while something streams."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe in a file's place must not hang the reader


def open_regular(path: Path) -> tuple[int, int]:
    """A descriptor of the file, which the caller closes, and its size. The path is the caller's word: links are followed.

    Raises NotFound, NotCanonical for what is not a regular file, StorageFailed.
    """
    with storing(path):
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            raise _not_found(path) from None
        return descriptor, _size_of_regular(descriptor, str(path))


@contextmanager
def opened_below(root: Path, *parts: str) -> Iterator[tuple[int, int]]:
    """A descriptor of the file `parts` below `root`, and its size; no link among `parts` is followed.

    Raises as `open_regular`.
    """
    path = root.joinpath(*parts)
    with storing(path):
        try:
            with opened_folder(root, *parts[:-1]) as folder:
                descriptor = os.open(parts[-1], _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            raise _not_found(path) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise NotCanonical(str(path), "it is a link, or lies below one") from None
            raise
        size = _size_of_regular(descriptor, str(path))
    try:
        yield descriptor, size
    finally:
        os.close(descriptor)


def read_at(descriptor: int, offset: int, size: int) -> bytes:
    """`size` bytes from `offset` on, or as many as there are. One read where the system allows. Raises OSError."""
    data = os.pread(descriptor, size, offset)
    if len(data) == size:
        return data
    return data + b"".join(chunks_at(descriptor, offset + len(data), size - len(data)))


def chunks_at(descriptor: int, offset: int, size: int) -> Iterator[bytes]:
    """As `read_at`, in chunks."""
    end = offset + size
    while offset < end:
        chunk = os.pread(descriptor, min(CHUNK, end - offset), offset)
        if not chunk:
            return
        yield chunk
        offset += len(chunk)


def _size_of_regular(descriptor: int, name: str) -> int:
    """The open file's size. Closes it where it is not a regular file."""
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise NotCanonical(name, "it is not a regular file")
    return state.st_size


def _not_found(path: Path) -> NotFound:
    return NotFound(f"there is no file {path}", path=str(path))
