"""What came back from the process that opened a model file, checked as if a stranger had sent it.

It may be sealed only where it is what packing would have written: the files that its manifest names, no higher trust than
was asked for, no requirement that is not installed here. Code is let through only where it is not the file's own: the
functions that the user gave, and modules of the user's, byte for byte as they lie here. What the state of a model may name
is what holdall knows, and what the file itself names, which the user was told and allowed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from holdall import errors
from holdall.checks.scan_pickle import DANGEROUS, KNOWN, verdict
from holdall.engines import skops, source
from holdall.engines.recognise import Format, recognise
from holdall.engines.worker import pipe
from holdall.engines.worker.state import NAMES
from holdall.errors import Error, UnreadableFile, UsageError
from holdall.packing.packing import Draft
from holdall.packing.sealing import Drafted, Request
from holdall.scoring.trust import Level, level_of
from holdall.spec import digest as digests
from holdall.spec import manifest as manifests
from holdall.spec.report import Parity
from holdall.spec.steps import PYTHON, Role

_LIVE = "give the live object, holdall.pack(model, …), or MODULE:OBJECT of the program that makes it"
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def received(message: pipe.Message, path: str, request: Request, named: Callable[[], Collection[str]]) -> Drafted:
    """The draft that `enclosing.answer` wrote, or the error that it told. named: every class and function that the file names.

    Raises UnreadableFile for what could not have come of packing, UsageError for code that cannot be told from the file's own.
    """
    header = message.header
    if "error" in header:
        raise _error(header["error"])
    try:
        files = {str(name): _bytes(message, index) for name, index in header["files"].items()}
        manifest = manifests.decode(_bytes(message, header["manifest"]))
        examples = None if header["examples"] is None else _bytes(message, header["examples"])
        made = Draft(
            manifest=manifest,
            files=files,
            examples=examples,
            parity=msgspec.convert(header["parity"], Parity),
            differences=_texts(header["differences"]),
            ignored=_texts(header["ignored"]),
            notes=_texts(header["notes"]),
        )
        evaluation = {str(name): float(value) for name, value in header["evaluation"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, msgspec.ValidationError, Error) as error:
        raise UnreadableFile(f"{path} made the process that opened it answer nonsense: {error}", path=path) from None
    if not _is_sound(made, request):
        raise UnreadableFile(f"{path} made the process that opened it answer with other files than it names", path=path)
    _check_types(made, path, request, named)
    _check_code(made, path, request, named)
    missing = _texts(header.get("missing", ()))
    if missing:
        note = f"the file was opened without {', '.join(missing)}: this system does not allow a whole sandbox"
        made = replace(made, notes=(*made.notes, note))
    return Drafted(made, evaluation)


def _bytes(message: pipe.Message, described: Any) -> bytes:
    return message.array(described).tobytes()


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _is_sound(made: Draft, request: Request) -> bool:
    """Whether the files are those that the manifest names, and hold no more than what was asked for."""
    manifest = made.manifest
    named = {file.path: file for file in manifest.files}
    if named.keys() != made.files.keys():
        return False
    level, _ = level_of(manifest, made.files.__getitem__)
    highest = Level.PICKLE if request.allow_pickle else Level.CODE if request.functions.names else Level.TYPES
    run = {name for step in manifest.steps if _runs(step) for name in step.functions}
    return (
        all(digests.of(made.files[name]) == file.digest for name, file in named.items())
        and level <= highest
        and all(file.path == source.PATH for file in named.values() if file.role == "code")
        and run <= set(request.functions.names)
        and all(_is_here(line, request) for line in manifest.environment.requires)
        and (
            made.examples is None
            if manifest.examples is None
            else made.examples is not None and digests.of(made.examples) == manifest.examples.digest
        )
    )


def _runs(step: Any) -> bool:
    return bool(step.engine == PYTHON and step.role is not Role.MODEL)


def _is_here(line: str, request: Request) -> bool:
    """Whether a requirement is the user's own, or one that this interpreter meets."""
    if line in request.requirements:
        return True
    try:
        wanted = Requirement(line)
        return wanted.url is None and wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except (InvalidRequirement, metadata.PackageNotFoundError):
        return False


def _check_types(made: Draft, path: str, request: Request, named: Callable[[], Collection[str]]) -> None:
    """A native model may be built of what holdall knows, and of what the file itself names."""
    for name, data in made.files.items():
        outside = skops.audit(data, name).outside if recognise(data) is Format.SKOPS else ()
        known = set(named()) if outside and request.allow_pickle else set()
        unheard = [one for one in outside if not _is_allowed(one, known)]
        if unheard:
            raise _unheard(unheard, path)


def _unheard(names: Sequence[str], path: str) -> UsageError:
    return UsageError(
        f"{path} makes a model whose state needs {', '.join(names)[:500]}, which the file itself does not name",
        hint=_LIVE,
        path=path,
    )


def _check_code(made: Draft, path: str, request: Request, named: Callable[[], Collection[str]]) -> None:
    if source.PATH not in made.files:
        return
    files = dict(source.unpack(made.files[source.PATH]))
    names = files.pop(f"{NAMES}.py", None)
    given = request.functions.files
    for name, data in files.items():
        if given.get(name) != data and not (request.allow_pickle and _lies_here(name, data)):
            raise UsageError(
                f"{path} makes a model whose source would be {name}, and no file here holds that", hint=_LIVE, path=path
            )
    if names is None:
        return
    if not request.allow_pickle:
        raise UnreadableFile(f"{path} made the process that opened it answer with code", path=path)
    known = set(named())
    unheard = sorted(name for name in _listed(names, path) if not _is_allowed(name, known))
    if unheard:
        raise _unheard(unheard, path)


def _lies_here(name: str, data: bytes) -> bool:
    """Whether a module of the user's is this very file."""
    for place in {str(Path.cwd()), *sys.path}:
        file = Path(place or ".", name)
        try:
            if file.stat().st_size == len(data) and file.read_bytes() == data:
                return True
        except OSError:
            continue
    return False


def _listed(text: bytes, path: str) -> list[str]:
    """The names in the module of names, which holds nothing else. Raises UnreadableFile."""
    try:
        tree = ast.parse(text)
        _, *imports, assignment = tree.body
        imported = {alias.name: alias.asname for line in imports for alias in _aliases(line)}
        values: Any = assignment.value  # type: ignore[attr-defined] # looked at above
        entries = {key.value: ast.unparse(value) for key, value in zip(values.keys, values.values, strict=True)}
        modules = {key: key.partition(":")[0] for key in entries}
        sound = (
            isinstance(tree.body[0], ast.Expr)
            and isinstance(tree.body[0].value, ast.Constant)
            and ast.unparse(assignment).startswith("NAMES = {")
            and all(_IDENTIFIER.fullmatch(key) for key in entries)
            and all(asname == f"_{module.replace('.', '_')}" for module, asname in imported.items())
            and set(imported) == set(modules.values())
            and all(entries[key] == f"{imported[modules[key]]}.{key.partition(':')[2]}" for key in entries)
        )
    except (SyntaxError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        sound, entries = False, {}
    if not sound:
        raise UnreadableFile(f"{path} made the process that opened it answer with code", path=path)
    return [key.replace(":", ".") for key in entries]


def _aliases(line: ast.stmt) -> list[ast.alias]:
    if not isinstance(line, ast.Import):
        raise TypeError("the module of names holds more than imports and names")
    return line.names


def _is_allowed(name: str, told: Collection[str]) -> bool:
    judged = verdict(name)
    return judged == KNOWN or (judged != DANGEROUS and name in told)


def _error(given: Mapping[str, Any]) -> Error:
    """The error as it was raised in there; only errors of holdall's own have a class here."""
    kind = getattr(errors, str(given["class"]), Error)
    kind = kind if isinstance(kind, type) and issubclass(kind, Error) else Error
    made: Error = kind.__new__(kind)
    facts = {str(key): value for key, value in given["facts"].items() if key not in ("message", "hint")}
    hint = None if given["hint"] is None else str(given["hint"])
    Error.__init__(made, str(given["message"]), hint=hint, **facts)
    for name in ("step", "cause"):
        if name in facts:
            setattr(made, name, facts[name])
    return made
