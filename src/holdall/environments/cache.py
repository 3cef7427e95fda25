"""Where locks and environments are kept between runs: what can be made again does not belong into the store."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from holdall.spec import digest as digests


def find_cache(environ: Mapping[str, str]) -> Path:
    """The folder for what can be made again, whether or not it exists yet.

    `$HOLDALL_CACHE` if it is set and not empty, else `holdall` in the user's cache folder: `$XDG_CACHE_HOME` or `~/.cache`,
    on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
    """
    named = environ.get("HOLDALL_CACHE")
    if named:
        return Path(named).absolute()
    return _cache_folder(environ, sys.platform) / "holdall"


def locks(cache: Path) -> Path:
    """The folder of locks."""
    return cache / "locks"


def environment(cache: Path, lock: bytes) -> Path:
    """The folder of the environment of this lock."""
    return cache / "environments" / digests.of(lock).partition(":")[2]


def _cache_folder(environ: Mapping[str, str], platform: str) -> Path:
    home = Path(environ.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches"
    chosen = Path(environ.get("XDG_CACHE_HOME") or "")
    # The XDG rules say that a relative path there is to be ignored.
    return chosen if chosen.is_absolute() else home / ".cache"
