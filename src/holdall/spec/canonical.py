"""Canonical JSON: one value, one spelling, so that a digest over it means something.

Keys sorted by code point, no white space, UTF-8 unescaped beyond what JSON requires, integers plain, floats in the
shortest form that reads back to the same double (Python's `repr`), no NaN and no infinity. `decode` accepts nothing else:
a reader that re-encodes what it read finds every other spelling, duplicate keys included.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from holdall.errors import ManifestInvalid


def encode(value: Any) -> bytes:
    """The one spelling of a JSON value or msgspec struct. Raises ValueError for NaN and infinity."""
    plain = msgspec.to_builtins(value, str_keys=True)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def decode(data: bytes, path: str) -> Any:
    """The JSON value in `data`, refused (ManifestInvalid, naming `path`) unless it is spelled canonically."""
    try:
        value = json.loads(data)
        again = encode(value)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid(path, f"not canonical JSON: {error}") from None
    if again != data:
        raise ManifestInvalid(path, "not canonical JSON: its bytes differ from what its own value is written as")
    return value
