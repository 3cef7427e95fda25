"""Scan: what the files of a model could do to whoever opens them, found without opening any of them.

Three lists: failures (it can act, or nothing says that it cannot), findings (worth knowing), skipped (not looked at). A file
passes only if it was looked into wholly and names nothing but what is on holdall's list: *not looked at* is never *clean*.
Formats are told by their bytes. Nothing here can import what a file names, nor load a model.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from holdall.checks import scan_archive
from holdall.checks.scan_keras import keras_code
from holdall.checks.scan_pickle import DANGEROUS, KNOWN, UNKNOWN, Walk, verdict
from holdall.engines import compression, wire
from holdall.engines.recognise import Format, recognise
from holdall.errors import Error, MissingDependency
from holdall.spec.report import Entry, Global, Scan

Audit = Callable[[bytes, str], tuple[str, ...]]
"""The types in a skops file that are not on holdall's list. Raises a holdall error where it cannot be looked into."""

LARGEST = 1 << 34
"""Bytes of one file that are looked at."""
MOST_FILES = 100_000
_DEEPEST = 4
_MOST_NAMED = 12
_DATA = {
    Format.XGBOOST_UBJ: "an XGBoost model: data only",
    Format.XGBOOST_JSON: "an XGBoost model: data only",
    Format.LIGHTGBM: "a LightGBM model: data only",
    Format.CATBOOST: "a CatBoost model: data only",
    Format.SAFETENSORS: "safetensors: data only",
    Format.TOKENIZER: "a tokenizer: vocabulary and rules, data only",
    Format.TEXT: "what stands between a tokenizer and its graph: data only",
}
_STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.training"})
_OPSETS = 8
_TEXT = re.compile(rb"[^\x00-\x08\x0e-\x1f\x7f]*")


class Scanner:
    """Gathers the report over any number of files. audit: looks into skops files; None leaves them out."""

    def __init__(self, audit: Audit | None = None) -> None:
        self._audit = audit
        self._findings: list[Entry] = []
        self._failures: list[Entry] = []
        self._skipped: list[Entry] = []
        self._globals: dict[tuple[str, str], Global] = {}
        self._unseen = False
        self._read = 0

    def report(self) -> Scan:
        """passed: nothing failed, and everything was looked at."""
        if not self._read and not self._failures and not self._skipped:
            self.skip("there is nothing to look at", None)
        return Scan(
            passed=not self._failures and not self._unseen,
            findings=tuple(self._findings),
            failures=tuple(self._failures),
            skipped=tuple(self._skipped),
            globals=tuple(self._globals.values()),
        )

    def find(self, message: str, path: str | None) -> None:
        self._findings.append(Entry(check="scan", message=message, path=path))

    def fail(self, message: str, path: str | None, code: str) -> None:
        """code: 'dangerous', 'unknown', 'malformed', 'encrypted' …"""
        self._failures.append(Entry(check="scan", message=message, path=path, code=code))

    def skip(self, message: str, path: str | None, *, needed: bool = True) -> None:
        """needed: whether what was not looked at keeps the report from passing."""
        self._skipped.append(Entry(check="scan", message=message, path=path))
        self._unseen = self._unseen or needed

    def file(self, data: bytes, path: str, depth: int = 0, *, among_others: bool = False) -> None:
        """Look at one file. among_others: it lies in a folder or archive, where text is nothing to open."""
        self._read += 1
        if depth > _DEEPEST:
            self.fail("archives lie inside archives too deeply", path, "malformed")
            return
        if compression.method(data) is not None:
            self._compressed(data, path, depth)
            return
        form = recognise(data)
        if form in (Format.PICKLE, Format.JOBLIB):
            self._walked(Walk(data).file(), path)
        elif form is Format.ONNX:
            self._onnx(data, path)
        elif form is Format.NPY:
            self._npy(data, path)
        elif form is Format.TAR:
            self._archive(scan_archive.open_tar, data, path, depth, form)
        elif form in _ZIPS or (form is Format.UNKNOWN and data.startswith(_ZIP_MAGIC)):
            self._archive(scan_archive.open_zip, data, path, depth, form)
        elif form in _DATA:
            self.find(_DATA[form], path)
            self._raw(data, path)
        elif form is Format.HDF5:
            self.skip("HDF5 can hold code of Keras, and is not looked into", path)
        else:
            self._other(data, path, among_others)

    def _other(self, data: bytes, path: str, among_others: bool) -> None:
        """What is of no known format may still be a pickle that is broken on purpose: readers act before they stumble."""
        walk = Walk(data).file()
        named = {name for name in walk.names if verdict(name) != KNOWN}
        if named or (walk.streams and not _is_text(data)):
            self._walked(walk, path)
        elif among_others and _is_text(data):
            if path.endswith(".py"):
                self._source(data, path)
        else:
            self.skip("its format is not known, so it is not looked into", path)

    def _compressed(self, data: bytes, path: str, depth: int) -> None:
        try:
            inside = compression.unpack(data, path)
        except MissingDependency as error:
            self.skip(f"{error.message}; {error.hint}", path)
            return
        except Error as error:
            self.fail(error.message, path, "malformed")
            return
        self.file(inside, path, depth + 1)

    def _walked(self, walk: Walk, path: str) -> None:
        found: dict[str, list[str]] = {DANGEROUS: [], UNKNOWN: [], KNOWN: []}
        for name in walk.names:
            found[verdict(name)].append(name)
            self._globals.setdefault((name, path), Global(name=name, verdict=verdict(name), path=path))
        if found[DANGEROUS]:
            self.fail(f"as a pickle it runs {_listed(found[DANGEROUS])}", path, DANGEROUS)
        if found[UNKNOWN]:
            self.fail(f"as a pickle it names {_listed(found[UNKNOWN])}, which holdall does not know", path, UNKNOWN)
        for problem in walk.problems:
            self.fail(f"as a pickle it is not as pickle writes one: {problem}", path, "malformed")
        if not found[DANGEROUS] and not found[UNKNOWN] and not walk.problems:
            count = len(found[KNOWN])
            self.find(f"a pickle that names {count} classes and functions, all on holdall's list", path)

    def _onnx(self, data: bytes, path: str) -> None:
        try:
            external = wire.has_external_tensors(data)
            domains = sorted(set(_domains(data)) - _STANDARD_DOMAINS)
        except (ValueError, RecursionError) as error:
            self.fail(f"the graph cannot be looked into: {error}", path, "malformed")
            return
        if external:
            self.fail("the graph reads other files, which it names by path", path, "external")
            return
        self.find("an ONNX graph: data only", path)
        self._raw(data, path)
        if domains:
            self.find(f"it declares operators of {', '.join(domains)}", path)

    def _npy(self, data: bytes, path: str) -> None:
        stream = io.BytesIO(data)
        try:
            version = np.lib.format.read_magic(stream)
            read: Any = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            dtype = read(stream)[2]
        except Exception as error:  # noqa: BLE001 — a hostile header raises whatever it can
            self.fail(f"the array's header cannot be read: {' '.join(str(error).split())[:100]}", path, "malformed")
            return
        if dtype.hasobject:
            walk = Walk(data, stream.tell()).file()
            self._walked(walk, path)
        else:
            self.find("an array of numbers or text: data only", path)

    def _archive(
        self, open_archive: Callable[[bytes], scan_archive.Opened], data: bytes, path: str, depth: int, form: Format
    ) -> None:
        try:
            opened = open_archive(data)
        except scan_archive.Unreadable as error:
            self.fail(str(error), path, "malformed")
            return
        for problem in opened.problems:
            self.fail(problem, path, "encrypted" if "encrypted" in problem else "archive")
        if form is Format.SKOPS:
            self._skops(data, path)
        for name, member in opened.members.items():
            inside = f"{path}!{name}"
            if form in _TORCHES and (name == "data.pkl" or name.endswith("/data.pkl")):
                self._walked(Walk(member, persistent=True).file(), inside)
            elif form in _TORCHES and re.fullmatch(r"(.+/)?(data/\d+|byteorder|version|\.\w+/\w+)", name):
                self._raw(member, inside)
            elif form is Format.KERAS and name == "config.json":
                self._keras(member, inside)
            elif form is Format.KERAS and name.endswith(".weights.h5"):
                self.find("weights of Keras: numbers only", inside)
            elif form is not Format.SKOPS or not name.endswith((".json", ".npy", ".npz")):
                self.file(member, inside, depth + 1, among_others=True)
            elif name != "schema.json" and not name.endswith(".json"):
                self.file(member, inside, depth + 1)

    def _raw(self, member: bytes, path: str) -> None:
        """What is read as numbers only; should a reader of pickles take it for one that acts, that is told."""
        walk = Walk(member).stream()
        if any(verdict(name) == DANGEROUS for name in walk.names):
            self._walked(walk, path)

    def _skops(self, data: bytes, path: str) -> None:
        if self._audit is None:
            self.skip("a skops file, which is not looked into here", path)
            return
        try:
            outside = self._audit(data, path)
        except MissingDependency as error:
            self.skip(f"{error.message}; {error.hint}", path)
        except Error as error:
            self.fail(error.message, path, "malformed")
        else:
            for name in outside:
                self._globals.setdefault((name, path), Global(name=name, verdict=verdict(name), path=path))
            if outside:
                worst = DANGEROUS if any(verdict(name) == DANGEROUS for name in outside) else UNKNOWN
                self.fail(f"it names {_listed(outside)}, which are not on holdall's list", path, worst)
            else:
                self.find("a skops file whose types are all on holdall's list", path)

    def _keras(self, data: bytes, path: str) -> None:
        try:
            found = sorted(set(keras_code(json.loads(data))))
        except (ValueError, RecursionError) as error:
            self.fail(f"the configuration of the model cannot be read: {error}", path, "malformed")
            return
        if found:
            self.fail(f"the model is built with {_listed(found)}", path, DANGEROUS)
        else:
            self.find("a Keras model of Keras' own layers", path)

    def _source(self, data: bytes, path: str) -> None:
        """Source runs when it is imported; which modules it uses is told, what it does with them is not judged."""
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.skip(f"source that cannot be parsed: {error}", path, needed=False)
            return
        modules = sorted(set(_imports(tree)))
        uses = f", it imports {_listed(modules)}" if modules else ""
        self.find(f"Python source, which runs when it is imported{uses}", path)


_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_TORCHES = (Format.TORCH, Format.TORCH_SCRIPT, Format.TORCH_EXPORT)
_ZIPS = {Format.ZIP, Format.NPZ, *_TORCHES, Format.KERAS, Format.SKOPS}


def scan_package(files: Mapping[str, str], read: Callable[[str], bytes], audit: Audit | None = None) -> Scan:
    """The report on a package's files. files: path → role; read: the verified bytes of a file. Raises what it raises."""
    scanner = Scanner(audit)
    for path, role in files.items():
        if path.startswith("wheels/"):
            scanner.skip("a wheel, which its hash in the lock pins", path, needed=False)
        else:
            scanner.file(read(path), path, among_others=role != "weight")
    return scanner.report()


def scan_path(path: Path, audit: Audit | None = None) -> Scan:
    """The report on one file, or on every file of a folder. Raises OSError where it cannot be read."""
    scanner = Scanner(audit)
    if not path.is_dir():
        _scan_one(scanner, path, str(path), among_others=False)
        return scanner.report()
    for count, found in enumerate(_walk(scanner, path)):
        if count >= MOST_FILES:
            scanner.skip(f"the folder has more than {MOST_FILES:,} files", str(path))
            break
        _scan_one(scanner, found, found.relative_to(path).as_posix(), among_others=True)
    return scanner.report()


def _scan_one(scanner: Scanner, path: Path, name: str, *, among_others: bool) -> None:
    if path.stat().st_size > LARGEST:
        scanner.skip(f"it is larger than {LARGEST:,} bytes", name)
        return
    scanner.file(path.read_bytes(), name, among_others=among_others)


def _walk(scanner: Scanner, folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in [*folders, *sorted(names)]:
            path = Path(place) / name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                target = path.resolve()
                if not target.is_relative_to(folder.resolve()):
                    scanner.fail("a link that leads out of the folder", path.relative_to(folder).as_posix(), "archive")
            elif stat.S_ISREG(mode):
                yield path
            elif not stat.S_ISDIR(mode):
                scanner.fail("neither a file nor a folder", path.relative_to(folder).as_posix(), "archive")


def _listed(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _is_text(data: bytes) -> bool:
    if not _TEXT.fullmatch(data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _domains(data: bytes) -> Iterator[str]:
    for number, kind, value in wire.fields(memoryview(data)):
        if number == _OPSETS and kind == 2 and isinstance(value, memoryview):
            for inner, _, text in wire.fields(value):
                if inner == 1 and isinstance(text, memoryview):
                    yield bytes(text).decode("utf-8", "replace")


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
