"""What is read and what is written, settled before the first row: a wrong word must not cost an hour."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holdall.columns.files import find_format
from holdall.errors import MissingDependency, NotFound, StorageFailed, UnreadableTable, UsageError
from holdall.spec.manifest import Manifest

INPUTS = (".parquet", ".pq", ".csv", ".jsonl", ".ndjson", ".arrow", ".feather", ".ipc", ".arrows")
"""The suffixes of the files that are read of a folder."""

OUTPUTS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "stream",
}
SUFFIXES = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "arrow": ".arrow", "stream": ".arrows"}
"""By format: what `--format` takes, and the suffix of a folder's parts."""

MEMORY = 512 * 1024**2
"""Bytes that the rows under way may take where nothing is said."""

LEAST_MEMORY = 1024**2
HEAD = 65536
"""Bytes of a file that tell its format."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the input."""

    path: Path
    form: str
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: from `sources`, in order, to `output`; bad rows go to `rejects`, or stop the run where that is None.

    folder: whether the output is a folder of parts. whole: the model's answer for a row depends on the others, so all
    rows are scored in one piece. memory: bytes that the rows under way may take.
    """

    sources: tuple[Source, ...]
    output: Path
    form: str
    folder: bool
    keep: tuple[str, ...]
    rejects: Path | None
    workers: int
    memory: int
    resume: bool
    whole: bool


def make_plan(
    manifest: Manifest,
    source: str,
    output: str,
    *,
    keep: Sequence[str] = (),
    rejects: str | None = None,
    workers: int | None = None,
    engine: str = "local",
    form: str | None = None,
    memory: int | None = None,
    resume: bool = False,
) -> Plan:
    """Raises UsageError for what cannot be, NotFound, UnreadableTable, MissingDependency."""
    if engine != "local":
        raise UsageError(f"this holdall has no engine {engine!r} yet", hint="leave --engine out")
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot score anything", hint="use 1 or more")
    if memory is not None and memory < LEAST_MEMORY:
        raise UsageError(f"{memory} bytes of memory are too few", hint=f"use {LEAST_MEMORY} (1 MiB) or more")
    if form is not None and form not in SUFFIXES:
        raise UsageError(f"batch does not write {form!r}", hint=f"use one of {', '.join(SUFFIXES)}")
    _check_keep(manifest, keep)
    for path in (source, output, *([] if rejects is None else [rejects])):
        if "://" in path:
            raise UsageError(
                f"{path}: this holdall reads and writes local files only", hint="copy it here first", path=path
            )
    folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    form = _output_format(output, form, folder)
    paths = find_sources(source)
    _check_paths(source, paths, Path(output), folder, None if rejects is None else Path(rejects))
    sources = tuple(_source(path) for path in paths)
    try:
        import pyarrow  # noqa: F401 — asked for here so that nothing is begun without it
    except ModuleNotFoundError:
        raise MissingDependency("pyarrow", "holdall[batch]", "batch") from None
    return Plan(
        sources=sources,
        output=Path(output),
        form=form,
        folder=folder,
        keep=tuple(keep),
        rejects=None if rejects is None else Path(rejects),
        workers=workers or os.cpu_count() or 1,
        memory=memory or MEMORY,
        resume=resume,
        whole=not manifest.row_wise,
    )


def find_sources(source: str) -> list[Path]:
    """The files that a path, a folder or a glob names, sorted by path; hidden ones and those that begin with _ are none.

    Raises NotFound where there is none, UsageError for a folder's file whose suffix names no format.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        inside = (entry.relative_to(path) for entry in path.rglob("*") if entry.is_file())
        found = sorted(path / entry for entry in inside if not any(part[0] in "._" for part in entry.parts))
        for entry in found:
            if entry.suffix.lower() not in INPUTS:
                raise UsageError(
                    f"{entry}: its suffix names no format that batch reads",
                    hint=f"take it out of the folder, or name the files with a glob such as {path / '*.parquet'}",
                    path=str(entry),
                )
    elif any(sign in source for sign in "*?["):
        found = sorted(Path(entry) for entry in glob.glob(source, recursive=True) if Path(entry).is_file())
    else:
        raise NotFound(f"there is no file {source}", hint=f"give a table: {', '.join(SUFFIXES)}", path=source)
    if not found:
        raise NotFound(f"{source} names no file", hint=f"give files of {', '.join(SUFFIXES)}", path=source)
    return found


def _source(path: Path) -> Source:
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        status = path.stat()
    except OSError as error:
        raise UnreadableTable(
            f"cannot read {path}: {error.strerror}", hint="mend the permissions or leave the file out", path=str(path)
        ) from None
    form = find_format(head, str(path))
    if form == "json":
        raise UnreadableTable(
            f"{path} is one JSON document, which cannot be read by pieces",
            hint="write it as JSON lines, one record a line; `holdall predict` reads a small one",
            path=str(path),
        )
    return Source(path, form, status.st_size, status.st_mtime_ns)


def _output_format(output: str, form: str | None, folder: bool) -> str:
    if form is not None:
        return form
    if folder:
        return "parquet"
    named = OUTPUTS.get(Path(output).suffix.lower())
    if named is None:
        raise UsageError(
            f"{output}: its suffix names no format that batch writes",
            hint=f"use one of {', '.join(OUTPUTS)}, or --format; a name that ends with / is a folder of parts",
            path=output,
        )
    return named


def _check_keep(manifest: Manifest, keep: Sequence[str]) -> None:
    if len(set(keep)) < len(keep):
        raise UsageError("a column is kept twice", hint="name each column to keep once")
    both = set(keep).intersection(field.name for field in manifest.schema.outputs)
    if both:
        raise UsageError(
            f"the model answers with a column {min(both)!r} too, so it cannot be kept",
            hint="rename the column in the input",
        )


def _check_paths(source: str, paths: Sequence[Path], output: Path, folder: bool, rejects: Path | None) -> None:
    for target in [output] if rejects is None else [output, rejects]:
        if not target.absolute().parent.is_dir():
            raise UsageError(f"{target} cannot be written: its folder is missing", hint="name one in a folder that is")
        if target.is_dir() and not (folder and target is output):
            raise UsageError(f"{target} cannot be a file: it is a folder", hint="name a file in a folder")
    try:
        if folder and output.is_dir() and any(output.iterdir()):
            raise UsageError(
                f"the folder {output} is not empty, so it cannot be there whole or not at all",
                hint="name a new folder, or remove what is in this one",
            )
        if folder and output.exists() and not output.is_dir():
            raise UsageError(f"{output} is a file, not a folder", hint="leave the / at its end out, or name another")
    except OSError as error:
        raise StorageFailed(str(output), error.strerror or str(error)) from None
    targets = [output.resolve()] if rejects is None else [output.resolve(), rejects.resolve()]
    if len(set(targets)) < len(targets) or not {path.resolve() for path in paths}.isdisjoint(targets):
        raise UsageError("input, output and rejects must be different files", hint="name another file")
    if Path(source).is_dir() and any(Path(source).resolve() in (target, *target.parents) for target in targets):
        raise UsageError(
            "the output lies in the folder that is read, so a second run would read it", hint="write it elsewhere"
        )
    if folder and rejects is not None and targets[0] in targets[1].parents:
        raise UsageError("the rejects lie in the folder of the output", hint="write them beside it")
