"""The compressed files that joblib writes, unpacked within bounds."""

from __future__ import annotations

import bz2
import lzma
import zlib
from importlib import import_module
from typing import Protocol

from holdall.errors import MissingDependency, UnreadableFile

MAGIC: dict[str, bytes] = {
    "gzip": b"\x1f\x8b",
    "bz2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "lzma": b"\x5d\x00",
    "lz4": b"\x04\x22\x4d\x18",
    "zlib": b"\x78",
}
RATIO = 64
FLOOR = 1 << 28
"""A file may unpack to FLOOR bytes or RATIO times its own size, whichever is more."""
_MEMORY = 1 << 28
_CHUNK = 1 << 20


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def method(data: bytes) -> str | None:
    """How the bytes are compressed, by their first ones; None where they are not."""
    for name, magic in MAGIC.items():
        if data.startswith(magic) and (name != "zlib" or _is_zlib(data)):
            return name
    return None


def head(data: bytes, length: int = 1 << 16) -> bytes:
    """The first bytes of what is inside; b'' where they cannot be unpacked, or lz4 is not installed."""
    name = method(data)
    if name is None:
        return b""
    try:
        return _open(name).decompress(data[: 1 << 20], length)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, MissingDependency, RuntimeError):
        return b""


def unpack(data: bytes, path: str) -> bytes:
    """All that is inside. Raises UnreadableFile where it is damaged, or unpacks to more than the bound allows."""
    name = method(data)
    if name is None:
        raise UnreadableFile(f"{path} is not compressed in a way that is known", path=path)
    limit = max(FLOOR, RATIO * len(data))
    unpacker = _open(name)
    parts: list[bytes] = []
    total = 0
    try:
        piece = unpacker.decompress(data, _CHUNK)
        while True:
            parts.append(piece)
            total += len(piece)
            if total > limit:
                raise UnreadableFile(
                    f"{path} unpacks to more than {limit:,} bytes, {RATIO} times its own size", path=path, limit=limit
                )
            if unpacker.eof:
                return b"".join(parts)
            rest = getattr(unpacker, "unconsumed_tail", b"")
            piece = unpacker.decompress(rest, _CHUNK)
            if not piece and not unpacker.eof and not rest:
                raise UnreadableFile(f"{path} is cut off inside its {name} data", path=path)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, RuntimeError) as error:
        raise UnreadableFile(f"{path} is damaged inside its {name} data: {error}", path=path) from None


def _is_zlib(data: bytes) -> bool:
    return len(data) > 1 and data[1] in (0x01, 0x5E, 0x9C, 0xDA)


def _open(name: str) -> _Decompressor:
    if name == "zlib":
        return zlib.decompressobj()
    if name == "gzip":
        return zlib.decompressobj(wbits=31)
    if name == "bz2":
        return bz2.BZ2Decompressor()
    if name in ("xz", "lzma"):
        return lzma.LZMADecompressor(memlimit=_MEMORY)
    try:
        frame = import_module("lz4.frame")
    except ModuleNotFoundError:
        raise MissingDependency("lz4", "lz4", "a file that joblib compressed with lz4") from None
    unpacker: _Decompressor = frame.LZ4FrameDecompressor()
    return unpacker
