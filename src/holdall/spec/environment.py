"""The environment a package needs to run, in summary; the lock itself is a file of the package."""

from __future__ import annotations

import msgspec


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """python: a version specifier. requires: PEP 508 requirements, sorted. locked: the package holds a `pylock.toml`."""

    python: str
    requires: tuple[str, ...]
    locked: bool = False
