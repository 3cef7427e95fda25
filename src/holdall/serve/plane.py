"""The data plane: models by id, each followed as its alias moves. No HTTP in it.

What a model answers to one request is made by one version: a request holds on to the version that it came to, and a
version that was replaced ends when its last request does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.columns.batch import Batch
from holdall.columns.json import json_records
from holdall.columns.records import read_records
from holdall.errors import Error
from holdall.scoring.package import Package
from holdall.scoring.scorer import Scorer
from holdall.serve.batching import Lane, Rows, Scored
from holdall.serve.limits import Limits
from holdall.serve.names import follows, named
from holdall.spec.schema import Kind, Schema

FEW = 64
"""Up to so many records go straight to the engine's matrices; beyond, columns are built first."""

_AS_TEXT = (Kind.TIMESTAMP, Kind.DATE, Kind.BINARY)


@dataclass(frozen=True)
class Source:
    """Where packages come from. open: the package that a reference names, once it may be loaded; current: the digest that
    the reference means now, cheaply. Both raise holdall.Error."""

    open: Callable[[str], Package]
    current: Callable[[str], str]


class Served:
    """One version of a model, loaded."""

    def __init__(self, id: str, reference: str, package: Package, limits: Limits) -> None:  # noqa: A002
        manifest = package.manifest
        self.id = id
        self.reference = reference
        self.model = manifest.release.name
        self.version = manifest.release.version
        self.digest = package.digest
        self.task = manifest.task
        self.package = package
        self._scorer = Scorer(manifest, package.content)
        self._as_text = any(field.kind in _AS_TEXT for field in self.schema.outputs)
        self.lane = Lane(self.score_rows, limits, together=manifest.row_wise, quick=manifest.portable)

    @property
    def schema(self) -> Schema:
        return self._scorer.schema

    def score_rows(self, rows: Rows) -> Scored:
        """The answers to these records, of nothing but what JSON has. Raises SchemaMismatch, RowsRefused, InputError."""
        if self._as_text or len(rows) > FEW or not rows:
            return self.score_batch(read_records(rows, self.schema))
        return self._scorer.score_records(rows)

    def score_batch(self, batch: Batch) -> Scored:
        """The answers to these columns, in the same form."""
        return json_records(self._scorer.score(batch))


class Plane:
    """The models of one server by id. `get` belongs to any thread; `follow` to one at a time."""

    def __init__(self, source: Source, references: Sequence[str], limits: Limits) -> None:
        """references: REF or ID=REF. Raises UsageError where two have one id, and all that opening raises."""
        self._source = source
        self._limits = limits
        self._lock = threading.Lock()
        self.failures = 0
        self.models: dict[str, Served] = {}
        for id, reference in named(references).items():  # noqa: A001
            self.models[id] = self._load(id, reference)

    def _load(self, id: str, reference: str) -> Served:  # noqa: A002
        served = Served(id, reference, self._source.open(reference), self._limits)
        _warm(served)
        return served

    @property
    def only(self) -> Served | None:
        """The one model, where there is one."""
        return next(iter(self.models.values())) if len(self.models) == 1 else None

    def follow(self, say: Callable[[dict[str, Any]], None]) -> None:
        """Look where the aliases point now, and load and swap in what they moved to.

        Where that fails the version before stays. say: is told of each move and each failure.
        """
        for id, served in list(self.models.items()):  # noqa: A001
            if not follows(served.reference):
                continue
            try:
                if self._source.current(served.reference) == served.digest:
                    continue
                loaded = self._load(id, served.reference)
            except Error as error:
                self.failures += 1
                say({"event": "follow_failed", "model": id, "error": error.to_json()})
                continue
            with self._lock:
                self.models = {**self.models, id: loaded}
            say({"event": "moved", "model": id, "from": served.version, "to": loaded.version, "digest": loaded.digest})


def _warm(served: Served) -> None:
    """The first call of an engine is slow; it is made before anybody waits for it. What it answers does not matter."""
    samples = served.package.samples
    if samples is not None and len(samples[0]):
        try:
            served.score_batch(samples[0].take(slice(0, 1)))
            served.score_rows(json_records(samples[0].take(slice(0, 1))))
        except Error:
            return
