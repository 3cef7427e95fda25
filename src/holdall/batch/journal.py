"""What was scored so far, on the disk: whoever is killed goes on from here, and writes the same bytes.

    MAGIC · frame · frame · …        frame = length (8 bytes) · CRC-32 (4 bytes) · payload

The first frame's payload is the header, JSON; every other one's is a piece's answers. A kill leaves at most one frame half
written, and a power cut some that never arrived: the first one that is not whole ends the journal.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from holdall.content.durable import storing
from holdall.errors import Conflict

MAGIC = b"holdall batch journal 1\n"
_HEAD = struct.Struct("<QI")
_TOLD = struct.Struct("<I")


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What a frame tells of a piece. source: the number of its file; rows: read, the rejected ones too; share: of the file,
    done after it; bytes: of the table in the frame."""

    source: int
    rows: int
    rejected: int
    share: float
    lines: int
    bytes: int


class Frame(NamedTuple):
    """A piece's answers as they lie in the journal. payload: all of it; told, lines and table: its parts."""

    payload: bytes
    told: Told
    lines: bytes
    table: Any


def encode(source: int, rows: int, share: float, lines: Sequence[bytes], table: Any) -> Frame:
    """The frame, its table read back from its own bytes: what is written is the same whether or not a run was resumed."""
    import pyarrow
    import pyarrow.ipc

    stream = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    data = stream.getvalue()
    rejected = b"".join(lines)
    told = msgspec.json.encode(Told(source, rows, len(lines), share, len(rejected), data.size))
    return decode(b"".join([_TOLD.pack(len(told)), told, rejected, data]))


def decode(payload: bytes) -> Frame:
    """encode(…) == decode(encode(…).payload)."""
    import pyarrow
    import pyarrow.ipc

    start = _TOLD.size
    (length,) = _TOLD.unpack_from(payload)
    told = msgspec.json.decode(payload[start : start + length], type=Told)
    start += length
    lines = payload[start : start + told.lines]
    with pyarrow.ipc.open_stream(pyarrow.py_buffer(payload)[start + told.lines :]) as reader:
        return Frame(payload, told, lines, reader.read_all())


class Journal:
    """The journal of one output, held by one process. Raises StorageFailed, and Conflict where another run holds it."""

    def __init__(self, path: Path) -> None:
        with storing(path):
            self._file = _hold(path)
        self.path = path
        self.frames = 0
        self._used = False

    def header(self) -> dict[str, Any] | None:
        """The header that is there, if one is."""
        with storing(self.path):
            self._file.seek(0)
            payload = self._read() if self._file.read(len(MAGIC)) == MAGIC else None
        return None if payload is None else msgspec.json.decode(payload)

    def begin(self, header: dict[str, Any]) -> None:
        """Forgets what is there."""
        self._used = True
        with storing(self.path):
            self._file.seek(0)
            self._file.truncate()
            self._file.write(MAGIC)
        self._write(msgspec.json.encode(header))

    def replay(self) -> Iterator[Frame]:
        """The frames that are whole; after the last one the journal is cut, and goes on there. Comes after `header`."""
        self._used = True
        while True:
            with storing(self.path):
                place = self._file.tell()
                payload = self._read()
                if payload is None:
                    self._file.seek(place)
                    self._file.truncate()
                    return
            self.frames += 1
            yield decode(payload)

    def append(self, frame: Frame) -> None:
        self._write(frame.payload)
        self.frames += 1

    def worth_keeping(self) -> bool:
        """Whether a run that ends now has something to go on with: more than a first frame, which has no rows."""
        if self._used:
            return self.frames > 1
        return os.fstat(self._file.fileno()).st_size > 0

    def close(self) -> None:
        self._file.close()

    def _write(self, payload: bytes) -> None:
        with storing(self.path):
            self._file.write(_HEAD.pack(len(payload), zlib.crc32(payload)))
            self._file.write(payload)
            self._file.flush()

    def _read(self) -> bytes | None:
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        length, checksum = _HEAD.unpack(head)
        if length > os.fstat(self._file.fileno()).st_size:
            return None
        payload: bytes = self._file.read(length)
        return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def _hold(path: Path) -> Any:
    """The file, opened and locked; it is made where it is missing."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise Conflict(
                "another run writes the same output now", hint="wait for it, or name another output", path=str(path)
            ) from None
        try:
            same = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except FileNotFoundError:
            same = False
        if same:
            return file
        # Whoever held it was done in this very moment and took it away.
        file.close()
