"""The worker itself: `python main.py PATHS` in the folder of code, asked and answering over its standard input and output.

    {"open": {"functions", "watch", "model"}}                 → {"ready": true}
    {"run": ["module:name", …], "table", "rows", "columns"}   → {"rows", "columns"}
    {"ask": ["predict", …], "table", "rows", "columns"}       → {"rows", "answers": [columns of each]}
    whatever a function raises                                → {"error": {"type", "message", "where", …}}

What the functions print goes to standard error. It ends with its parent, and takes the folder of code with it.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import types
import warnings
from typing import Any, BinaryIO

if __name__ == "__main__":  # run by its path, on a search path that does not hold this folder
    _package = types.ModuleType("_holdall_worker")
    _package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules["_holdall_worker"] = _package
    __package__ = "_holdall_worker"

CHECKED = 1.0
"""Seconds between two looks whether the parent is still there."""


class Column:
    """A column as `tables.build` wants it."""

    def __init__(self, kind: str, values: Any, nulls: Any) -> None:
        self.kind = kind
        self.values = values
        self._nulls = nulls

    def __len__(self) -> int:
        return len(self.values)

    def null_mask(self) -> Any:
        import numpy

        if self.kind == "float":
            return numpy.isnan(self.values)
        return numpy.zeros(len(self.values), bool) if self._nulls is None else self._nulls


class Field:
    """A field as `tables.build` wants it."""

    def __init__(self, name: str, kind: str, dtype: str | None, missing: str) -> None:
        self.name = name
        self.kind = kind
        self.dtype = dtype
        self.missing = missing


class Watch:
    """Which files the functions open that did not travel with them. An audit hook cannot be taken off again."""

    def __init__(self, code: str, own: list[str]) -> None:
        self._code = os.path.realpath(code)
        system = ["/proc", "/sys", "/dev", "/etc", "/usr/share/zoneinfo", sys.prefix, sys.base_prefix, *own]
        self._known = tuple(os.path.join(os.path.realpath(path), "") for path in system)
        self.opened: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes):
            return
        path = os.fsdecode(arguments[0]).removeprefix(os.path.join(self._code, ""))
        full = os.path.join(self._code, path)
        if os.path.realpath(full).startswith(self._known) or path in self.opened:
            return
        inside = os.path.realpath(full).startswith(os.path.join(self._code, ""))
        if not (inside and os.path.exists(full)) and not path.endswith((".pyc", ".py", ".so")):
            self.opened.append(path)


class Worker:
    """Serves one parent until it goes."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, code: str, paths: list[str]) -> None:
        """code: the folder of the package's own source; paths: where its distributions are installed."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._code = code
        self._paths = paths
        self._functions: dict[str, Any] = {}
        self._watch: Watch | None = None
        self._model: Any = None

    def serve(self) -> None:
        from .pipe import Writer, receive

        while True:
            try:
                message = receive(self._incoming)
            except EOFError:
                return
            writer = Writer()
            try:
                answer = self._answer(message, writer)
            except (Exception, SystemExit) as error:  # noqa: BLE001 — a function raises what it likes; the parent is told
                writer, answer = Writer(), {"error": self._told(error)}
            if self._watch is not None:
                answer["opened"] = self._watch.opened
            writer.send(self._outgoing, answer)

    def _answer(self, message: Any, writer: Any) -> dict[str, Any]:
        if "open" in message.header:
            return self._open(message.header["open"])
        return self._ask(message, writer) if "ask" in message.header else self._run(message, writer)

    def _open(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["watch"]:
            self._watch = Watch(self._code, self._paths)
        if wanted.get("model"):
            from . import state

            self._model, held = state.load(os.path.join(self._code, state.FOLDER))
            state.place(held)
        for name in wanted["functions"]:
            module, _, path = name.partition(":")
            found: Any = importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
            self._functions[name] = found
        return {"ready": True}

    def _run(self, message: Any, writer: Any) -> dict[str, Any]:
        from .answers import describe
        from .tables import build

        columns, fields = self._given(message)
        header, rows = message.header, message.header["rows"]
        table = build(columns, fields, rows, header["table"])
        for name in header["run"]:
            table = self._functions[name](table)
        return describe(table, rows, writer, header["wanted"])

    def _ask(self, message: Any, writer: Any) -> dict[str, Any]:
        from .asking import ask

        columns, fields = self._given(message)
        header, rows = message.header, message.header["rows"]
        answers = ask(self._model, header["ask"], columns, fields, rows, header["table"], writer)
        return {"rows": rows, "answers": answers}

    @staticmethod
    def _given(message: Any) -> tuple[dict[str, Any], list[Field]]:
        header = message.header
        columns, fields = {}, []
        for entry in header["columns"]:
            values = message.array(entry["values"])
            nulls = message.array(entry["nulls"]) if "nulls" in entry else None
            columns[entry["name"]] = Column(entry["kind"], values, nulls)
            fields.append(Field(entry["name"], entry["declared"], entry["dtype"], entry["missing"]))
        return columns, fields

    def _told(self, error: BaseException) -> dict[str, Any]:
        """What the parent says of an error, and where in the package's own source it came up."""
        own = os.path.join(self._code, "")
        frames = traceback.extract_tb(error.__traceback__)
        places = [frame for frame in frames if frame.filename.startswith(own)]
        where = f"{os.path.relpath(places[-1].filename, self._code)}:{places[-1].lineno}" if places else None
        file = error.filename if isinstance(error, OSError) and isinstance(error.filename, str) else None
        return {
            "type": type(error).__name__,
            "message": " ".join(str(error).split())[:500],
            "where": where,
            "file": file.removeprefix(own) if file is not None else None,
            "module": error.name if isinstance(error, ModuleNotFoundError) else None,
        }


def _end_with(parent: int, code: str) -> None:
    """Ends this process once its parent is gone, whatever a function is doing."""
    while os.getppid() == parent:
        time.sleep(CHECKED)
    shutil.rmtree(code, ignore_errors=True)
    os._exit(0)


def _outlast_interrupts() -> None:
    """A terminal's Ctrl-C and a supervisor's SIGTERM reach this process too; when to end is for the parent to say, which may
    want the answers to what it has taken. The functions' own children are ended by them as ever."""
    own = os.getpid()

    def stay(number: int, _frame: Any) -> None:
        if os.getpid() != own:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGINT, stay)
    signal.signal(signal.SIGTERM, stay)


def main() -> None:
    """Takes the pipes for itself, so that a function's own reading and printing cannot meddle."""
    _outlast_interrupts()
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")
    code, paths = os.getcwd(), json.loads(sys.argv[1])
    # The search path was the standard library alone: no .pth file of a user's project was read.
    sys.path[:] = [code, *sys.path, *paths]
    threading.Thread(target=_end_with, args=(os.getppid(), code), daemon=True).start()
    try:
        Worker(incoming, outgoing, code, paths).serve()
    except OSError:
        pass  # the parent is gone in the middle of an answer
    finally:
        shutil.rmtree(code, ignore_errors=True)


if __name__ == "__main__":
    main()
