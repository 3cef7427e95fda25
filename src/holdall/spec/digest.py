"""Digests: the only names that bytes have.

A digest is the text `sha256:` and 64 lower-case hexadecimal digits, as OCI writes it. Nothing else is accepted, and
nothing that failed `parse` ever reaches a file system or an address.
"""

from __future__ import annotations

import hashlib
import re
from typing import NewType

from holdall.errors import InvalidReference

Digest = NewType("Digest", str)

PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def parse(text: str) -> Digest:
    """The digest that `text` is. Raises InvalidReference."""
    if not PATTERN.fullmatch(text):
        raise InvalidReference(text, "a digest is 'sha256:' and 64 lower-case hexadecimal digits")
    return Digest(text)


def of(data: bytes | bytearray | memoryview) -> Digest:
    """The digest of these bytes."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def hexadecimal(digest: Digest) -> str:
    """The 64 digits without the algorithm's name."""
    return digest[7:]
