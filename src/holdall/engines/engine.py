"""What an engine is: it opens a step's files once and then only runs.

A step with graph inputs is fed matrices, one per kind (`columns.groups` makes them); any other step is given the batch.
Engines are found by the name in `Step.engine`; each is imported when a package needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from holdall.columns.batch import Array, Batch
from holdall.errors import ManifestInvalid
from holdall.spec.manifest import PATH
from holdall.spec.schema import Schema
from holdall.spec.steps import Step


class Files(Protocol):
    """The verified files of one package."""

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises DigestMismatch, BlobMissing."""
        ...

    def file(self, path: str) -> Path | None:
        """Where the file lies, verified, if it lies in a file system; else None."""
        ...


class GraphRunning(Protocol):
    """An opened graph."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Graph output name → array, `refused` and the masks of outputs included."""
        ...


class TableRunning(Protocol):
    """An opened native artefact."""

    def run(self, batch: Batch) -> dict[str, Array]:
        """StepOutput name → vector [rows] or matrix [rows, k]. Raises what the model raises for rows it refuses."""
        ...


class FunctionRunning(Protocol):
    """Opened functions of the package's own source."""

    def run(self, batch: Batch) -> Batch:
        """The columns that the functions give for these. Raises FunctionRaised for rows that they refuse, WorkerDied."""
        ...


class Engine(Protocol):
    """One artefact format. A module of this folder is one: its function `open_step` is the engine."""

    def open_step(self, step: Step, schema: Schema, files: Files, threads: int) -> GraphRunning | TableRunning:
        """threads: how many the engine may use for one call; 0 lets it choose."""
        ...


ENGINES = {
    "catboost": "holdall.engines.catboost",
    "lightgbm": "holdall.engines.lightgbm",
    "onnx": "holdall.engines.onnx",
    "pickle": "holdall.engines.pickle",
    "skops": "holdall.engines.skops",
    "text": "holdall.engines.text",
    "xgboost": "holdall.engines.xgboost",
}


def engine(name: str) -> Engine:
    """The engine of that name. Raises ManifestInvalid for one that this holdall does not have."""
    if name not in ENGINES:
        raise ManifestInvalid(PATH, f"the engine {name!r} is not known to this holdall")
    return cast("Engine", import_module(ENGINES[name]))


class InMemory:
    """Files that are not in a package yet: the ones being packed."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read(self, path: str) -> bytes:
        return self._files[path]

    def file(self, path: str) -> Path | None:  # noqa: ARG002 — nothing lies in a file system
        return None
