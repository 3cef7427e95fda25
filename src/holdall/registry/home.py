"""Where the local store is: the nearest answer wins, and nothing is created by asking."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from holdall.errors import UsageError

FOLDER = ".holdall-store"


def find_home(environ: Mapping[str, str], cwd: Path) -> Path:
    """The folder of the local store, whether or not it exists yet.

    `$HOLDALL_HOME` if it is set and not empty (relative to `cwd`), else the nearest `.holdall-store` folder from `cwd`
    upward, else `holdall` in the user's data folder: `$XDG_DATA_HOME` or `~/.local/share`, on macOS
    `~/Library/Application Support`, on Windows `%LOCALAPPDATA%`. Raises UsageError for the `~` of an unknown user.
    """
    named = environ.get("HOLDALL_HOME")
    if named:
        try:
            return cwd / Path(named).expanduser()
        except RuntimeError:
            raise UsageError(f"HOLDALL_HOME is {named!r}, and there is no such user", hint="write a path") from None
    for folder in (cwd, *cwd.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    return _data_folder(environ, sys.platform) / "holdall"


def _data_folder(environ: Mapping[str, str], platform: str) -> Path:
    home = Path(environ.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if platform == "darwin":
        return home / "Library" / "Application Support"
    chosen = Path(environ.get("XDG_DATA_HOME") or "")
    # The XDG rules say that a relative path there is to be ignored.
    return chosen if chosen.is_absolute() else home / ".local" / "share"
