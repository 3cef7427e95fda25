"""UBJSON read with every length held to the bytes that are there, for XGBoost's own reader believes a cut-off file.

The format: https://ubjson.org, draft 12. Of its types those that XGBoost writes: objects and arrays, arrays of one type with
a count, whole and floating numbers, text, and the constants.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

DEEPEST = 64
_WHOLE = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8"}
_NUMBERS = {**_WHOLE, b"d": ">f4", b"D": ">f8"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def decode(data: bytes) -> Any:
    """The value that the whole of `data` is: objects as dict, text as str, arrays of one number type as NumPy arrays.

    Raises ValueError where it is cut off, longer, nested deeper than 64, or something that XGBoost does not write.
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.place != len(data):
        raise ValueError(f"it goes on after its end, at byte {reader.place}")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def take(self, size: int) -> bytes:
        part = self._data[self.place : self.place + size]
        if size < 0 or len(part) != size:
            raise ValueError(f"it is cut off at byte {len(self._data)}")
        self.place += size
        return part

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST}")
        if kind == b"{":
            return self._object(depth)
        if kind == b"[":
            return self._array(depth)
        if kind == b"S":
            return self._text()
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind not in _NUMBERS:
            raise ValueError(f"its byte {self.place - 1} is no type")
        return struct.unpack(_format(kind), self.take(np.dtype(_NUMBERS[kind]).itemsize))[0]

    def _count(self) -> int:
        kind = self.take(1)
        if kind not in _WHOLE:
            raise ValueError(f"its byte {self.place - 1} is no type of a length")
        return int(self.value(kind, 0))

    def _text(self) -> str:
        return self.take(self._count()).decode()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (kind := self.take(1)) != b"}":
            self.place -= len(kind)
            name = self._text()
            if name in found:
                raise ValueError(f"it has {name!r} twice")
            found[name] = self.value(self.take(1), depth + 1)
        return found

    def _array(self, depth: int) -> Any:
        kind = self.take(1)
        if kind == b"$":
            return self._typed()
        if kind == b"#":
            return [self.value(self.take(1), depth + 1) for _ in range(self._count())]
        found = []
        while kind != b"]":
            found.append(self.value(kind, depth + 1))
            kind = self.take(1)
        return found

    def _typed(self) -> Any:
        kind = self.take(1)
        if kind not in _NUMBERS or self.take(1) != b"#":
            raise ValueError(f"its byte {self.place - 1} is no type of an array")
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self.take(self._count() * dtype.itemsize), dtype)


def _format(kind: bytes) -> str:
    return {b"i": "b", b"U": "B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}[kind]
