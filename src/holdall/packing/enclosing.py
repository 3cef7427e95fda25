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
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np

from holdall.checks.scan_pickle import KNOWN, Walk, verdict
from holdall.columns.batch import Batch, Column
from holdall.engines import compression, skops
from holdall.engines.python import FunctionRaised, Worker
from holdall.engines.recognise import Format, recognise
from holdall.engines.worker import pipe
from holdall.errors import CheckFailed, Error, InputError, TrustRequired, UnreadableFile
from holdall.packing import inferring, kerases, torches
from holdall.packing.chain import Chain
from holdall.packing.composing import differing
from holdall.packing.opening import import_object, open_bytes, read_file
from holdall.packing.packing import Progress
from holdall.packing.proving import WHOLE
from holdall.packing.returned import received
from holdall.packing.sealing import Drafted, Request
from holdall.spec import manifest as manifests

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


def named(data: bytes, path: str) -> frozenset[str]:
    """Every class and function that the file names, as far as it could be read. Raises UnreadableFile."""
    form = recognise(data)
    if form is Format.SKOPS:
        return frozenset(skops.audit(data, path).outside)
    if form not in (Format.PICKLE, Format.JOBLIB):
        return frozenset()
    return frozenset(Walk(compression.unpack(data, path) if compression.method(data) else data).file().names)


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
    """As `sealing.drafted`, for the model in this file. Raises what that does, TrustRequired, UnreadableFile.

    Functions before and after it are run from their sealed source in there, and compared with the live ones here.
    """
    data = read_file(path)
    if not request.allow_pickle:
        look(data, str(path))
    if sample is not None and request.functions.preprocess:
        _check_functions(request, sample)
    # Live functions stay here: what goes over is their source.
    asked = replace(request, functions=replace(request.functions, preprocess=(), postprocess=()))
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder, tempfile.TemporaryFile() as said:
        process = _started(folder, said, request.allow_pickle)
        threading.Thread(target=_followed, args=(process.pid,), daemon=True).start()
        try:
            message = _asked(process, (data, str(path), sample, truth, asked), progress)
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
    return received(message, str(path), request, lambda: named(data, str(path)))


def _check_functions(request: Request, sample: Batch) -> None:
    """Raises UsageError where the functions cannot take the sample, CheckFailed where by their source they answer otherwise."""
    functions = request.functions
    chain = Chain(functions.preprocess, functions.preprocess_names, request.table)
    fields, some = inferring.infer(sample, {}), sample.take(slice(0, WHOLE))
    expected = chain.first(some, fields, some.rows)
    worker = Worker(functions.code, functions.preprocess_names)
    try:
        given = worker.call(functions.preprocess_names, some, fields, chain.table)
    except (FunctionRaised, InputError):
        return  # it is told in there, with what to do about it
    finally:
        worker.close()
    differ = differing(given, expected)
    if differ:
        raise CheckFailed(
            f"{chain.shown} gives another {differ[0]!r} by itself than it does here",
            hint="it may depend on what does not travel: a module changed since it was imported (restart, and pack then), "
            "random numbers, the time, an environment variable, a global that another cell sets",
            columns=differ,
        )


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
        request = _with_functions(request)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = open_bytes(data, path, allow_pickle=request.allow_pickle, enclosed=True)
        made = sealing.drafted(model, sample, truth, request, progress)
        notes = (*_versions(caught), *made.draft.notes)
        answer(out, replace(made, draft=replace(made.draft, notes=notes)), missing)
    except Error as error:
        writer = pipe.Writer()
        facts = json.loads(json.dumps(error.facts, default=str))
        kind = type(error).__name__
        writer.send(out, {"error": {"class": kind, "message": error.message, "hint": error.hint, "facts": facts}})
    out.flush()
    os._exit(0)  # no code of the model's own on the way out


def _versions(caught: list[warnings.WarningMessage]) -> list[str]:
    """A note for each other version of scikit-learn that a part of the model was written with; no other warning says
    anything of its answers."""
    found = {}
    for one in caught:
        written, here = (getattr(one.message, f"{which}_sklearn_version", None) for which in ("original", "current"))
        if written is not None:
            found[written] = (
                f"the file was written with scikit-learn {written} and is opened with {here}: its answers may be others "
                "than they were"
            )
    return list(found.values())


def _with_functions(request: Any) -> Any:
    """The request with its functions live again, from their source in a folder of its own. Raises UnreadableFile."""
    functions = request.functions
    if not functions.names:
        return request
    folder = Path.cwd() / "functions"
    for name, content in functions.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    live = [import_object(name) for name in functions.names]
    before = len(functions.preprocess_names)
    return replace(
        request, functions=replace(functions, preprocess=tuple(live[:before]), postprocess=tuple(live[before:]))
    )


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
