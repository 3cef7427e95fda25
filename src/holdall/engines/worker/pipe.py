"""Messages over a pipe: a JSON header and raw buffers. Nothing is pickled in either direction.

    length of the header (8 bytes, little endian) · header · buffers, one after the other

The header's `buffers` holds their lengths. Values that are neither numbers nor text travel as JSON, the ones that JSON does
not have as an object of one key: {"f": "nan"}, {"m": "na"}, {"t": a time}, {"d": a date}, {"b": base64}, {"n": a decimal},
{"a": [dtype, numbers]}.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class NAType:
    """Stands for pandas.NA where there is no pandas. It is known by its name."""


class NaTType:
    """Stands for pandas.NaT where there is no pandas. It is known by its name."""


NA, NAT = NAType(), NaTType()


class Writer:
    """One message that is being put together."""

    def __init__(self) -> None:
        self._buffers: list[bytes | memoryview] = []

    def array(self, values: Array) -> dict[str, Any]:
        """The description of an array of numbers, booleans or moments, or of bytes, text and other objects."""
        if values.dtype.kind in "OSTU":
            return self.objects(values.tolist())
        if values.dtype.kind not in "biufM":
            raise TypeError(f"an array of {values.dtype} is none that a column can hold")
        plain = np.ascontiguousarray(values)
        if plain.dtype.kind == "M":
            plain = plain.view(np.int64)
        raw = plain.reshape(-1).view(np.uint8).data if plain.size else b""
        return {"dtype": values.dtype.str, "shape": list(values.shape), "buffer": self._add(raw)}

    def objects(self, values: Sequence[Any]) -> dict[str, Any]:
        """The description of any values. Raises TypeError for one that no column can hold."""
        if set(map(type, values)) == {str}:
            parts = [value.encode("utf-8", "surrogatepass") for value in values]
            lengths = np.array([len(part) for part in parts], np.int64)
            return {"text": self._add(b"".join(parts)), "lengths": self._add(lengths.tobytes())}
        return {"objects": self._add(json.dumps([plain(value) for value in values]).encode("ascii"))}

    def _add(self, data: bytes | memoryview) -> int:
        self._buffers.append(data)
        return len(self._buffers) - 1

    def message(self) -> Message:
        """What the other side would receive, without a header."""
        return Message({}, [bytes(data) for data in self._buffers])

    def send(self, stream: BinaryIO, header: dict[str, Any]) -> None:
        """Write it. Raises OSError where the other side is gone."""
        text = json.dumps({**header, "buffers": [len(data) for data in self._buffers]}).encode("ascii")
        stream.write(len(text).to_bytes(8, "little") + text)
        for data in self._buffers:
            stream.write(data)
        stream.flush()


class Message:
    """One message that came."""

    def __init__(self, header: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.header = header
        self._buffers = buffers

    def array(self, described: dict[str, Any]) -> Array:
        """The array that `Writer.array` described. Raises KeyError, ValueError."""
        if "dtype" not in described:
            values = self.objects(described)
            made = np.empty(len(values), object)
            for row, value in enumerate(values):
                made[row] = value
            return made
        dtype = np.dtype(described["dtype"])
        if dtype.kind not in "biufM":
            raise ValueError(f"an array of {dtype} does not travel")
        stored = np.dtype(np.int64) if dtype.kind == "M" else dtype
        array = np.frombuffer(self._buffers[described["buffer"]], stored).reshape(described["shape"])
        return array.view(dtype) if dtype.kind == "M" else array

    def objects(self, described: dict[str, Any]) -> list[Any]:
        """The values that `Writer.objects` described."""
        if "text" not in described:
            return [revived(value) for value in json.loads(self._buffers[described["objects"]])]
        data, place, values = self._buffers[described["text"]], 0, []
        for length in np.frombuffer(self._buffers[described["lengths"]], np.int64).tolist():
            values.append(data[place : place + length].decode("utf-8", "surrogatepass"))
            place += length
        return values


def receive(stream: BinaryIO) -> Message:
    """The next message. Raises EOFError where the other side is gone."""
    length = int.from_bytes(_exactly(stream, 8), "little")
    header = json.loads(_exactly(stream, length))
    return Message(header, [_exactly(stream, size) for size in header["buffers"]])


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) < size:
        raise EOFError("the other side is gone")
    return data


def plain(value: Any) -> Any:
    """A value of a column as JSON has it. Raises TypeError."""
    if value is None or isinstance(value, bool | int | str):
        return value if type(value) in _JSON else _JSON_OF[_base(value)](value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"f": repr(number)}
    if type(value).__name__ in ("NAType", "NaTType"):
        return {"m": "na" if type(value).__name__ == "NAType" else "nat"}
    if isinstance(value, np.datetime64):
        return {"m": "nat"} if np.isnat(value) else {"t": str(value.astype("datetime64[us]"))}
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, datetime.datetime):
        return {"t": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"d": value.isoformat()}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"b": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, decimal.Decimal):
        return {"n": str(value)}
    if isinstance(value, list | tuple | np.ndarray):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            return {"a": [array.dtype.str, [plain(each) for each in array.reshape(-1).tolist()], list(array.shape)]}
    raise TypeError(f"a value of type {type(value).__name__} is none that a column can hold")


_JSON = frozenset({type(None), bool, int, str})
_JSON_OF: dict[type, Callable[[Any], Any]] = {bool: bool, int: int, str: str.__str__}


def _base(value: Any) -> type:
    return next(cls for cls in (bool, int, str) if isinstance(value, cls))


def revived(value: Any) -> Any:
    """The value that `plain` wrote. Raises KeyError for what it cannot have written."""
    if not isinstance(value, dict):
        return value
    ((key, inner),) = value.items()
    return _REVIVE[key](inner)


def _revive_array(inner: Any) -> Array:
    dtype, values, shape = inner
    return np.array([revived(each) for each in values], np.dtype(dtype)).reshape(shape)


_REVIVE: dict[str, Callable[[Any], Any]] = {
    "f": float,
    "m": lambda word: NA if word == "na" else NAT,
    "t": datetime.datetime.fromisoformat,
    "d": datetime.date.fromisoformat,
    "b": base64.b64decode,
    "n": decimal.Decimal,
    "a": _revive_array,
}
