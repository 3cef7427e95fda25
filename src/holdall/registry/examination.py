"""The doctor: what is here, what is missing, and the line that gets it."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from holdall.errors import Error
from holdall.registry.local import LocalRegistry

NEEDED = ("numpy", "onnxruntime", "msgspec", "click")
PARTS = (
    ("packing", ("onnx", "spox", "skl2onnx", "skops"), "holdall[pack]"),
    ("locked environments", ("uv", "packaging"), "holdall[pack]"),
    ("Parquet and Arrow files", ("pyarrow",), "holdall[batch]"),
    ("polars tables", ("polars",), "holdall[batch]"),
    ("scikit-learn models", ("sklearn", "pandas"), "holdall[sklearn]"),
)
DISTRIBUTIONS = {"sklearn": "scikit-learn"}
ROOM = 2**30

Check = dict[str, Any]


def examine(home: Path) -> list[Check]:
    """One row {name, ok, required, detail, hint} for each thing looked at; without what is required nothing works.

    Changes nothing, not even by making the store.
    """
    return [
        _python(),
        *(_needed(name) for name in NEEDED),
        *(_part(*part) for part in PARTS),
        _store(home),
        _room(home),
    ]


def _row(name: str, ok: bool, detail: str, hint: str | None = None, *, required: bool = True) -> Check:
    return {"name": name, "ok": ok, "required": required, "detail": detail, "hint": hint}


def _python() -> Check:
    fits = (3, 11) <= sys.version_info < (3, 14)
    return _row("python", fits, platform.python_version(), None if fits else "holdall runs on Python 3.11 to 3.13")


def _installed(module: str) -> str | None:
    if find_spec(module) is None:
        return None
    try:
        return version(DISTRIBUTIONS.get(module, module))
    except PackageNotFoundError:
        return "present"


def _needed(module: str) -> Check:
    found = _installed(module)
    return _row(module, found is not None, found or "missing", None if found else "pip install holdall")


def _part(name: str, modules: tuple[str, ...], install: str) -> Check:
    found = {module: _installed(module) for module in modules}
    missing = [module for module, there in found.items() if there is None]
    detail = ", ".join(f"{module} {there}" for module, there in found.items() if there)
    if missing:
        return _row(name, False, f"missing: {', '.join(missing)}", f"pip install '{install}'", required=False)
    return _row(name, True, detail, required=False)


def _store(home: Path) -> Check:
    if home.exists() and not home.is_dir():
        return _row("local store", False, f"{home} is not a folder", "set HOLDALL_HOME to a folder")
    if not home.is_dir():
        return _row("local store", True, f"{home}: empty, made by the first pack")
    try:
        with LocalRegistry(home) as registry:
            count = len(registry.versions())
    except (Error, sqlite3.Error, OSError) as error:
        return _row("local store", False, f"{home}: {error}", getattr(error, "hint", None) or "is it yours to write?")
    return _row("local store", True, f"{home}: {count} versions")


def _room(home: Path) -> Check:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return _row("disk", False, f"{place}: {error}", "is the disk there?")
    writable = os.access(place, os.W_OK)
    if not writable:
        return _row("disk", False, f"{place} cannot be written", "set HOLDALL_HOME to a folder of yours")
    hint = None if free > ROOM else "free some room"
    return _row("disk", free > ROOM, f"{free / 2**30:.1f} GiB free", hint, required=False)
