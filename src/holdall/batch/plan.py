"""What is read and what is written, settled before the first row: a wrong word must not cost an hour."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holdall.errors import MissingDependency, NotFound, UsageError
from holdall.spec.manifest import Manifest

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".arrow": "arrow", ".feather": "arrow"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: from `source` to `output`; bad rows go to `rejects`, or stop the run where that is None."""

    source: Path
    source_format: str
    output: Path
    output_format: str
    keep: tuple[str, ...]
    rejects: Path | None
    workers: int


def make_plan(
    manifest: Manifest,
    source: str,
    output: str,
    *,
    keep: Sequence[str] = (),
    rejects: str | None = None,
    workers: int | None = None,
    engine: str = "local",
) -> Plan:
    """Raises UsageError for what cannot be, NotFound, MissingDependency."""
    if engine != "local":
        raise UsageError(f"this holdall has no engine {engine!r} yet", hint="leave --engine out")
    if not manifest.row_wise:
        raise UsageError(
            "the model's answer for a row depends on the other rows, so a table cannot be scored by pieces",
            hint="`holdall predict` scores a table in one piece",
        )
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot score anything", hint="use 1 or more")
    _check_keep(manifest, keep)
    source_format, output_format = _format(source), _format(output)
    _check_paths(source, output, rejects)
    try:
        import pyarrow  # noqa: F401 — asked for here so that nothing is begun without it
    except ModuleNotFoundError:
        raise MissingDependency("pyarrow", "holdall[batch]", "batch") from None
    return Plan(
        Path(source),
        source_format,
        Path(output),
        output_format,
        tuple(keep),
        None if rejects is None else Path(rejects),
        workers or os.cpu_count() or 1,
    )


def _check_keep(manifest: Manifest, keep: Sequence[str]) -> None:
    if len(set(keep)) < len(keep):
        raise UsageError("a column is kept twice", hint="name each column to keep once")
    both = set(keep).intersection(field.name for field in manifest.schema.outputs)
    if both:
        raise UsageError(
            f"the model answers with a column {min(both)!r} too, so it cannot be kept",
            hint="rename the column in the input",
        )


def _check_paths(source: str, output: str, rejects: str | None) -> None:
    if not Path(source).is_file():
        if Path(source).is_dir() or any(sign in source for sign in "*?["):
            raise UsageError("this holdall reads one file at a time", hint="run it once for each file", path=source)
        raise NotFound(f"there is no file {source}", hint="give a parquet, csv or arrow file", path=source)
    targets = [Path(output)] if rejects is None else [Path(output), Path(rejects)]
    for target in targets:
        if target.is_dir() or not target.absolute().parent.is_dir():
            raise UsageError(
                f"{target} cannot be a file: its folder is missing, or it is one", hint="name a file in a folder"
            )
    if len({path.resolve() for path in (Path(source), *targets)}) <= len(targets):
        raise UsageError("input, output and rejects must be different files", hint="name another file")


def _format(path: str) -> str:
    if "://" in path:
        raise UsageError(
            f"{path}: this holdall reads and writes local files only", hint="copy it here first", path=path
        )
    named = FORMATS.get(Path(path).suffix.lower())
    if named is None:
        raise UsageError(
            f"{path}: its suffix names no format that batch knows", hint=f"use one of {', '.join(FORMATS)}", path=path
        )
    return named
