"""A file that can run code, packed in a process that cannot do anything with it: what comes back is data.

The file is looked at first, operation by operation. Then a process of its own gives up the network, other processes and the
user's files (`sandbox`), opens it, and does the whole of packing: conversion, probing, parity, recording. It hands back the
draft: the graph or the native artefact as bytes, the manifest as JSON, figures. No object comes back and nothing is
unpickled here; what did come is checked as if a stranger had sent it.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np

from holdall import errors
from holdall.checks.scan_pickle import KNOWN, Walk, verdict
from holdall.columns.batch import Batch, Column
from holdall.engines import compression
from holdall.engines.recognise import Format, recognise
from holdall.engines.worker import pipe
from holdall.errors import Error, TrustRequired, UnreadableFile
from holdall.packing import kerases, torches
from holdall.packing.opening import open_bytes, read_file
from holdall.packing.packing import Draft, Progress
from holdall.packing.sealing import Drafted, Request
from holdall.scoring.trust import Level, level_of
from holdall.spec import digest as digests
from holdall.spec import manifest as manifests
from holdall.spec.report import Parity

HINT = "if you know who made it, add --allow-pickle, or give MODULE:OBJECT of the program that trains it"
_KEPT = ("LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "KERAS_BACKEND")
"""What the process needs to know of this one's surroundings. Everything else may be a secret."""
_START = """\
import json, sys
given = json.loads(sys.argv[1])
sys.path[:] = given["path"]
from holdall.packing.sandbox import enter
missing = enter(given["readable"], given["writable"])
from holdall.packing.enclosing import serve
serve(missing)
"""
_TOLD = 600


def is_code(path: Path) -> bool:
    """Whether the file is of a format that can run code or build objects of any class. Raises UnreadableFile."""
    return recognise(read_file(path)) in (
        Format.PICKLE,
        Format.JOBLIB,
        Format.SKOPS,
        *torches.FORMATS,
        *kerases.FORMATS,
    )


def look(data: bytes, path: str) -> None:
    """Raises TrustRequired, naming each class and function at stake, where a pickle names what is not on holdall's list."""
    form = recognise(data)
    if form in torches.FORMATS or torches.is_legacy(data):
        torches.look(data, path, form)
        return
    if form is Format.KERAS:
        kerases.look(data, path)
    if form not in (Format.PICKLE, Format.JOBLIB):
        return
    plain = compression.unpack(data, path) if compression.method(data) else data
    walk = Walk(plain).file()
    names = [name for name in walk.names if verdict(name) != KNOWN]
    if names:
        more = "; it could not be read to its end, so there may be more" if walk.problems else ""
        why = f"as a pickle it runs what it names: {', '.join(names)}{more}"
        raise TrustRequired("pickle", "types", [path], [why], hint=HINT)


def drafted(path: Path, sample: Batch | None, truth: Column | None, request: Request, progress: Progress) -> Drafted:
    """As `sealing.drafted`, for the model in this file. Raises what that does, TrustRequired, UnreadableFile."""
    data = read_file(path)
    if not request.allow_pickle:
        look(data, str(path))
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder, tempfile.TemporaryFile() as said:
        process = _started(folder, said, request.allow_pickle)
        threading.Thread(target=_followed, args=(process.pid,), daemon=True).start()
        try:
            message = _asked(process, (data, str(path), sample, truth, request), progress)
        finally:
            _end(process.pid)
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):
                    cast("BinaryIO", stream).close()
            process.wait()
        if message is None:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _TOLD))
            last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UnreadableFile(
                f"{path} ended the process that opened it" + (f": {last[0]}" if last else ""),
                hint="it is damaged or hostile; nothing of it ran outside that process",
                path=str(path),
            )
    return received(message, str(path), request)


def _started(folder: str, said: Any, allow_pickle: bool) -> subprocess.Popen[bytes]:
    here = str(Path.cwd())
    # The user's own modules are the user's files: only a pickle that may name them gets to see them.
    places = [place or here for place in sys.path]
    others = [place for place in places if place != here]
    places = [here, *others] if allow_pickle else others
    given = {
        "path": places,
        "readable": [sys.prefix, sys.base_prefix, *places],
        "writable": folder,
    }
    surroundings = {name: os.environ[name] for name in _KEPT if name in os.environ}
    surroundings |= {"HOME": folder, "TMPDIR": folder, "PATH": os.defpath, "JOBLIB_MULTIPROCESSING": "0"}
    return subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", "-W", "ignore", "-c", _START, json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        cwd=folder,
        env=surroundings,
        start_new_session=True,
    )


def _end(group: int) -> None:
    """End the process and all that it started, none of which can have left its group."""
    with suppress(OSError):  # they have ended
        os.killpg(group, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(group, signal.SIGTERM)


def _followed(group: int) -> None:
    """What it started ends with it: else they would hold the pipe open that is listened to here."""
    if hasattr(os, "waitid"):
        with suppress(OSError):
            # It is left to be waited for, so that no other process can have its number yet.
            os.waitid(os.P_PID, group, os.WEXITED | os.WNOWAIT)
            _end(group)


def _asked(process: subprocess.Popen[bytes], question: Any, progress: Progress) -> pipe.Message | None:
    """The last message that came; None where the process ended without one."""
    asking, answering = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
    try:
        pickle.dump(question, asking, protocol=5)
        asking.close()
        while True:
            message = pipe.receive(answering)
            if "progress" not in message.header:
                return message
            progress(str(message.header["progress"])[:200])
    except (OSError, EOFError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None


# What came back, checked.


def received(message: pipe.Message, path: str, request: Request) -> Drafted:
    """The draft that `answer` wrote, or the error. Raises UnreadableFile for what could not have come of packing."""
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
    _check(made, path, request)
    missing = _texts(header.get("missing", ()))
    if missing:
        note = f"the file was opened without {', '.join(missing)}: this system does not allow a whole sandbox"
        made = replace(made, notes=(*made.notes, note))
    return Drafted(made, evaluation)


def _bytes(message: pipe.Message, described: Any) -> bytes:
    return message.array(described).tobytes()


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _check(made: Draft, path: str, request: Request) -> None:
    """The files are those that the manifest names, and hold no more than what was asked for."""
    named = {file.path: file for file in made.manifest.files}
    level, _ = level_of(made.manifest, made.files.__getitem__) if named.keys() == made.files.keys() else (None, {})
    sound = (
        level is not None
        and all(digests.of(made.files[name]) == file.digest for name, file in named.items())
        and (request.allow_pickle or level <= Level.TYPES)
        and not any(file.role == "code" for file in named.values())
        and (
            made.examples is None
            if made.manifest.examples is None
            else made.examples is not None and digests.of(made.examples) == made.manifest.examples.digest
        )
    )
    if not sound:
        raise UnreadableFile(f"{path} made the process that opened it answer with other files than it names", path=path)


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


# In the enclosed process.


def _raw(writer: pipe.Writer, content: bytes) -> dict[str, Any]:
    return writer.array(np.frombuffer(content, np.uint8) if content else np.empty(0, np.uint8))


def serve(missing: list[str]) -> None:
    """Answer the one question that stands on standard input."""
    from holdall.packing import sealing

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the model's code prints is no answer
    data, path, sample, truth, request = pickle.load(sys.stdin.buffer)  # noqa: S301 — written by the process that trusts it

    def progress(words: str) -> None:
        pipe.Writer().send(out, {"progress": words})

    if missing:
        progress(f"opening it without {', '.join(missing)}")
    try:
        model = open_bytes(data, path, allow_pickle=request.allow_pickle, enclosed=True)
        answer(out, sealing.drafted(model, sample, truth, request, progress), missing)
    except Error as error:
        writer = pipe.Writer()
        facts = json.loads(json.dumps(error.facts, default=str))
        kind = type(error).__name__
        writer.send(out, {"error": {"class": kind, "message": error.message, "hint": error.hint, "facts": facts}})
    out.flush()
    os._exit(0)  # no code of the model's own on the way out


def answer(out: BinaryIO, made: Drafted, missing: list[str]) -> None:
    """Write the draft as data. missing: what the sandbox could not give up."""
    draft, writer = made.draft, pipe.Writer()
    header: dict[str, Any] = {
        "files": {name: _raw(writer, content) for name, content in draft.files.items()},
        "manifest": _raw(writer, manifests.encode(draft.manifest)),
        "examples": None if draft.examples is None else _raw(writer, draft.examples),
        "parity": msgspec.to_builtins(draft.parity),
        "differences": list(draft.differences),
        "ignored": list(draft.ignored),
        "notes": list(draft.notes),
        "evaluation": dict(made.evaluation),
        "missing": missing,
    }
    writer.send(out, header)
