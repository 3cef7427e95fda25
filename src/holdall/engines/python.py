"""Python functions that travel as source: run in a process of their own, never in this one.

One process a package, so that two versions of `features.py` never meet. It is started on the standard library, the
installed distributions of its interpreter and the package's own unpacked source: no current folder, no `.pth` file, no
environment variable of the user's project leads anywhere. Values travel as arrays and JSON, never as a pickle.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from holdall.columns.arrays import from_array, to_int64
from holdall.columns.batch import Batch, Column
from holdall.columns.names import unique
from holdall.columns.objects import from_objects, spread
from holdall.engines import source
from holdall.engines.worker import asking, pipe
from holdall.engines.worker.asking import KINDS
from holdall.engines.worker.state import FOLDER
from holdall.errors import Error, InputError, ManifestInvalid, WorkerDied, WorkerTooSlow
from holdall.spec.manifest import PATH
from holdall.spec.schema import Field, Kind, Missing
from holdall.spec.steps import Step, StepOutput

MAIN = Path(__file__).with_name("worker") / "main.py"
KEPT = (
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)
"""Environment variables that the process is given; all others stay behind."""

_FIND_PATHS = """
import json, os, sys
def installed(path):
    if os.path.basename(path) in ("site-packages", "dist-packages"):
        return True
    return os.path.isdir(path) and any(name.endswith(".dist-info") for name in os.listdir(path))
print(json.dumps([path for path in sys.path if path and installed(path)]))
"""


class FunctionRaised(Exception):
    """A function of the package raised. The message reads `ValueError: … (features.py:12)`."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        where = f" ({told['where']})" if told.get("where") else ""
        message = f": {told['message']}" if told.get("message") else ""
        super().__init__(f"{told.get('type')}{message}{where}")
        self.file: str | None = told.get("file")
        self.module: str | None = told.get("module")
        self.where: str | None = told.get("where")


class Worker:
    """The process of one package's functions. Calls from several threads wait for each other."""

    def __init__(
        self,
        code: bytes | None,
        functions: Sequence[str],
        *,
        interpreter: str | None = None,
        watch: bool = False,
        patience: float | None = None,
        state: bytes | None = None,
    ) -> None:
        """Starts the process and does not wait for it: `ready` does.

        state: `state.tar` of a model that is source too.
        code: `code.tar`, None where all functions are of installed distributions. interpreter: the Python to run; None:
        this one. watch: note which files the functions open that did not travel. patience: seconds that an answer may take;
        None: for ever. Raises NotCanonical.
        """
        self._files = {} if code is None else source.unpack(code)
        self._model = state is not None
        if state is not None:
            kept = source.unpack(state, "state.tar")
            self._files |= {f"{FOLDER}/{name}": data for name, data in kept.items()}
        self._functions = tuple(functions)
        self._interpreter = interpreter or sys.executable
        self._watch = watch
        self._patience = patience
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self.opened: tuple[str, ...] = ()
        with self._lock:
            self._start()

    def ready(self) -> None:
        """Returns once every function is imported. Raises FunctionRaised where one cannot be, WorkerDied."""
        with self._lock:
            self._current()

    def call(
        self, functions: Sequence[str], batch: Batch, fields: Sequence[Field], table: str, wanted: Sequence[str] = ()
    ) -> Batch:
        """What these functions, one after the other, give for the fields' columns as this kind of table.

        wanted: the columns that matter; where all of them are there, others are left out.

        Raises FunctionRaised, WorkerDied, InputError for a column that they give and that has no kind.
        """
        writer = pipe.Writer()
        columns = [_column(batch[field.name], field, writer) for field in fields]
        request: dict[str, Any] = {"run": list(functions), "table": table, "rows": batch.rows, "columns": columns}
        request["wanted"] = list(wanted)
        with self._lock:
            process = self._current()
            answer = self._asked(process, writer, request)
        given = [(entry["name"], entry) for entry in answer.header["columns"]]
        unique([name for name, _ in given])
        return Batch({name: _read(name, entry, answer) for name, entry in given}, answer.header["rows"])

    def ask(self, outputs: Sequence[StepOutput], batch: Batch, fields: Sequence[Field], table: str) -> Batch:
        """What the model gives for the fields' columns as this kind of table: the columns of these outputs.

        Raises as `call`, and InputError where it gives other columns.
        """
        writer = pipe.Writer()
        columns = [_column(batch[field.name], field, writer) for field in fields]
        methods = [output.name for output in outputs]
        request = {"ask": methods, "table": table, "rows": batch.rows, "columns": columns}
        with self._lock:
            process = self._current()
            answer = self._asked(process, writer, request)
        return named(outputs, read_answers(answer.header["answers"], answer), batch.rows)

    def close(self) -> None:
        """Ends the process, whatever it is doing. A call that comes after it starts another."""
        process = self._process
        if process is not None:
            process.kill()  # and so the call that waits for it, which holds the lock
        with self._lock:
            if self._process is not None:
                self._process.end()
                self._process = None

    def _start(self) -> _Process:
        self._process = _Process(self._files, self._interpreter)
        weakref.finalize(self, self._process.end)
        return self._process

    def _current(self) -> _Process:
        """The process, opened. One that died, or that belongs to the process that this one was forked from, is replaced."""
        process = self._process
        if process is None or not process.alive:
            process = self._start()
        if not process.opened:
            self._asked(
                process,
                pipe.Writer(),
                {"open": {"functions": list(self._functions), "watch": self._watch, "model": self._model}},
            )
            process.opened = True
        return process

    def _asked(self, process: _Process, writer: pipe.Writer, header: dict[str, Any]) -> pipe.Message:
        too_slow = threading.Event()
        try:
            with _ending(process, self._patience, too_slow):
                answer = process.ask(writer, header)
        except (OSError, EOFError):
            status = process.end()
            self._process = None
            if too_slow.is_set():
                raise WorkerTooSlow(self._functions, self._patience or 0) from None
            raise WorkerDied(self._functions, status) from None
        except BaseException:
            # An answer that was only half read (Ctrl-C) must not be taken for the next one.
            process.end()
            self._process = None
            raise
        self.opened = tuple(answer.header.get("opened", ()))
        if "error" in answer.header:
            raise FunctionRaised(answer.header["error"])
        return answer


@contextmanager
def _ending(process: _Process, seconds: float | None, ended: threading.Event) -> Iterator[None]:
    """Kills the process and says so by `ended` if the block takes more than so many seconds."""
    if seconds is None:
        yield
        return

    def end() -> None:
        ended.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Process:
    """One started process and its private folder."""

    def __init__(self, files: Mapping[str, bytes], interpreter: str) -> None:
        self._owner = os.getpid()
        self.opened = False
        self._folder = tempfile.mkdtemp(prefix="holdall-")
        for name, content in files.items():
            path = Path(self._folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._popen = subprocess.Popen(
            # -s -P -S: no user site, no current folder, no .pth; -B: nothing is written beside holdall's own files.
            [interpreter, "-s", "-P", "-S", "-B", "-X", "utf8", str(MAIN), json.dumps(_paths(interpreter))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._folder,
            # Sets of text come in the same order in every run.
            # The system's own commands can be found: libraries ask them how many cores there are.
            env={**environment, "PYTHONHASHSEED": "0", "PATH": os.defpath},
        )

    @property
    def alive(self) -> bool:
        return self._owner == os.getpid() and self._popen.poll() is None

    def ask(self, writer: pipe.Writer, header: dict[str, Any]) -> pipe.Message:
        """Its answer. Raises OSError or EOFError where it is gone."""
        writer.send(cast("BinaryIO", self._popen.stdin), header)
        return pipe.receive(cast("BinaryIO", self._popen.stdout))

    def kill(self) -> None:
        """Only that: whoever waits for it hears that it is gone. Does nothing in a process that was forked from its parent."""
        if self.alive:
            self._kill()

    def _kill(self) -> None:
        # In the process that opens model files nothing can be signalled: there it ends as its input does.
        with suppress(PermissionError):
            self._popen.kill()

    def end(self) -> int | None:
        """Kill it and remove its folder; its exit status. Does nothing in a process that was forked from its parent."""
        if self._owner != os.getpid():
            return None
        status = self._popen.poll()
        if status is None:
            self._kill()
        for stream in (self._popen.stdin, self._popen.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass  # a request that nobody will read any more
        ended = self._popen.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        return ended if status is None else status


class Functions:
    """The functions of one step, in the package's worker."""

    def __init__(self, worker: Worker, step: Step, fields: Sequence[Field]) -> None:
        """fields: of the columns that the step takes. Raises ManifestInvalid where it names no function or no table."""
        if not step.functions or step.table not in ("pandas", "numpy"):
            raise ManifestInvalid(PATH, "a step of Python names no function, or a kind of table that there is not")
        self._worker = worker
        self._step = step
        self._fields = tuple(fields)
        self._table: str = step.table

    def run(self, batch: Batch) -> Batch:
        """Raises as `Worker.call`."""
        wanted = [name for output in self._step.outputs for name in output.columns]
        return self._worker.call(self._step.functions, batch, self._fields, self._table, wanted)


class Asked:
    """The model of a package, where it is source, in the package's worker."""

    def __init__(self, worker: Worker, step: Step, fields: Sequence[Field]) -> None:
        """fields: of the columns that the step takes. Raises ManifestInvalid where it names no table that there is."""
        if step.table not in KINDS:
            raise ManifestInvalid(PATH, "a model of Python names no kind of table that there is")
        self._worker, self._step, self._fields, self._table = worker, step, tuple(fields), step.table

    def run(self, batch: Batch) -> Batch:
        """Raises as `Worker.ask`."""
        return self._worker.ask(self._step.outputs, batch, self._fields, self._table)


def ask_live(
    model: Any, methods: Sequence[str], batch: Batch, fields: Sequence[Field], table: str
) -> list[list[tuple[str, Column]]]:
    """What a live model gives in this process, read as if it had come from a worker. Raises what the model raises."""
    writer = pipe.Writer()
    told = asking.ask(model, methods, batch.columns, fields, batch.rows, table, writer)
    return read_answers(told, writer.message())


def read_answers(told: Sequence[Any], message: pipe.Message) -> list[list[tuple[str, Column]]]:
    """The columns of each answer. Raises InputError for one that has no kind."""
    return [
        [(entry["name"], _read(entry["name"] or "the answer", entry, message)) for entry in answer] for answer in told
    ]


def named(outputs: Sequence[StepOutput], answers: Sequence[list[tuple[str, Column]]], rows: int) -> Batch:
    """The outputs' columns: by name where the answer has these names, else by place. Raises InputError."""
    columns: dict[str, Column] = {}
    for output, answer in zip(outputs, answers, strict=True):
        by_name = dict(answer)
        if set(output.columns) <= set(by_name):
            columns |= {name: by_name[name] for name in output.columns}
        elif len(answer) == len(output.columns):
            columns |= {name: column for name, (_, column) in zip(output.columns, answer, strict=True)}
        else:
            raise InputError(f"{output.name} gave {len(answer)} columns, where it gave {len(output.columns)} before")
    return Batch(columns, rows)


@lru_cache(maxsize=16)
def _paths(interpreter: str) -> list[str]:
    """Where the interpreter's distributions are installed."""
    if interpreter == sys.executable:
        return [path for path in sys.path if path and _installed(path)]
    told = subprocess.run([interpreter, "-I", "-c", _FIND_PATHS], capture_output=True, check=False)
    if told.returncode:
        raise Error(f"the Python {interpreter} does not run: {told.stderr.decode(errors='replace').strip()[:200]}")
    found: list[str] = json.loads(told.stdout)
    return found


def _installed(path: str) -> bool:
    folder = Path(path)
    if folder.name in ("site-packages", "dist-packages"):
        return True
    return folder.is_dir() and any(name.endswith(".dist-info") for name in os.listdir(folder))


def _column(column: Column, field: Field, writer: pipe.Writer) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": field.name,
        "kind": column.kind.value,
        "declared": field.kind.value,
        "dtype": field.dtype,
        "missing": field.missing.value,
        "values": writer.array(column.values),
    }
    if column.nulls is not None:
        described["nulls"] = writer.array(column.nulls)
    return described


def _read(name: str, entry: Mapping[str, Any], message: pipe.Message) -> Column:
    """A column as `columns.pandas` would have read it in this process. The forms are told in `worker.answers`."""
    form, dtype = entry["form"], entry.get("dtype")
    if form == "objects":
        return from_objects(name, message.objects(entry["values"]), dtype)
    values = message.array(entry["values"])
    nulls = message.array(entry["nulls"]) if "nulls" in entry else None
    if form == "array":
        return from_array(name, values, dtype)
    if form == "text":
        return Column(Kind.STRING, values, nulls, dtype, None if nulls is None else Missing(entry["marker"]))
    if form == "category":
        return _category(_read(name, entry["categories"], message), values)
    marker = None if nulls is None else Missing.NA
    if values.dtype.kind == "f":
        numbers = values.astype(np.float64)
        if nulls is not None:
            numbers[nulls] = np.nan
        return Column(Kind.FLOAT, numbers, None, dtype, marker)
    if values.dtype.kind == "b":
        return Column(Kind.BOOL, values, nulls, dtype, marker)
    return Column(Kind.INT, to_int64(name, values), nulls, dtype, marker)


def _category(categories: Column, codes: Any) -> Column:
    present = codes >= 0
    if present.all():
        return Column(categories.kind, categories.values[codes], None, "category")
    chosen = np.flatnonzero(present)
    column = spread(Column(categories.kind, categories.values[codes[chosen]]), chosen, len(codes))
    return Column(column.kind, column.values, column.nulls, "category", Missing.NAN)
