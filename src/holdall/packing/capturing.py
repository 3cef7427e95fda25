"""What the user gives as a step → what travels: names of functions, the source that they need, the requirements.

A function of an importable module travels as that module, whole, with every local module that it imports. What has no
module to be imported from (a notebook's cell, a script, a lambda, a closure, a method of a plain object) is written down
as source of its own by `extracting`. Whatever can be neither is a UsageError that says what to do.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdall.engines import source
from holdall.environments.requirements import distributions_of
from holdall.errors import UsageError
from holdall.packing.closure import Closure, importable
from holdall.packing.extracting import Extraction, described
from holdall.packing.opening import import_object

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Captured:
    """The functions of a package, ready to travel.

    preprocess, postprocess: the live functions; *_names: what each is called in the sealed source, 'module:name'.
    code: `code.tar`, None where every function is of an installed distribution. requires: exact requirements.
    """

    preprocess: tuple[Function, ...] = ()
    postprocess: tuple[Function, ...] = ()
    preprocess_names: tuple[str, ...] = ()
    postprocess_names: tuple[str, ...] = ()
    code: bytes | None = None
    requires: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.preprocess_names, *self.postprocess_names)


def capture(preprocess: Any, postprocess: Any, include: Sequence[str]) -> Captured:
    """preprocess, postprocess: a function or text `module:name`, or several. include: globs of files that they read.

    Raises UsageError and its kin for what cannot travel.
    """
    before, after = functions(preprocess), functions(postprocess)
    if not before and not after:
        return Captured(files=included(include, ())) if include else Captured()
    closure, extraction = Closure(), Extraction()
    names = [_named(function, closure, extraction) for function in (*before, *after)]
    extraction.write(closure)
    files = dict(closure.sources)
    for path, data in included(include, closure.roots).items():
        if files.setdefault(path, data) != data:
            raise UsageError(f"the included file {path} would replace a module of the functions", path=path)
    top = {name for name in closure.imports if name.partition(".")[0] not in sys.stdlib_module_names}
    if any(name.partition(".")[0] == "holdall" for name in top):
        raise UsageError(
            "the functions' module imports holdall, which is not there where they run",
            hint="move the functions into a module of their own, for instance features.py",
        )
    return Captured(
        preprocess=before,
        postprocess=after,
        preprocess_names=tuple(names[: len(before)]),
        postprocess_names=tuple(names[len(before) :]),
        code=source.pack(files) if files else None,
        requires=distributions_of({"numpy", *top}),
        files=files,
    )


def functions(given: Any) -> tuple[Function, ...]:
    """One function or several, live or as `module:name`, as a tuple of live ones. Raises UsageError."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    found = []
    for one in several:
        live = import_object(one) if isinstance(one, str) else one
        if not callable(live):
            raise UsageError(
                f"{described(live)} is not a function",
                hint="a step is a function that takes a table and gives one, or its MODULE:NAME",
            )
        found.append(live)
    return tuple(found)


def takes_inputs(function: Function) -> bool:
    """Whether a function takes two tables: after a model, the answers and the rows that they are of."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len([one for one in parameters if one.kind in places and one.default is inspect.Parameter.empty]) == 2


def _named(function: Function, closure: Closure, extraction: Extraction) -> str:
    """What the function is called in the sealed source."""
    where = importable(function)
    if where is None:
        return extraction.add(function)
    closure.add(where[0])
    return ":".join(where)


def included(globs: Iterable[str], roots: Iterable[Path]) -> dict[str, bytes]:
    """The files of these globs by the path that they have from the current folder.

    One that lies beside local modules that were imported from elsewhere (`src`) is put there too. Raises UsageError.
    """
    here = Path.cwd().resolve()
    files: dict[str, bytes] = {}
    for glob in globs:
        if Path(glob).is_absolute() or ".." in Path(glob).parts:
            raise UsageError(
                f"{glob!r} leads out of this folder, and a package holds files by their path from here",
                hint="run it in a folder that holds the files, or copy them here",
                include=glob,
            )
        matched = [Path(glob)] if Path(glob).is_dir() else sorted(Path().glob(glob))
        found = [path for one in matched for path in (sorted(one.rglob("*")) if one.is_dir() else [one])]
        kept = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
        if not kept:
            raise UsageError(
                f"no file here matches {glob!r}", hint="give paths or globs from this folder", include=glob
            )
        for path in kept:
            data = path.read_bytes()
            files[path.as_posix()] = data
            for root in roots:
                if root != here and path.resolve().is_relative_to(root):
                    files[path.resolve().relative_to(root).as_posix()] = data
    return files
