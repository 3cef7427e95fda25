"""The data plane: models by id, each followed as its alias moves. No HTTP in it.

What a model answers to one request is made by one version: a request holds on to the version that it came to, and a
version that was replaced ends when its last request does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from holdall.columns.batch import Batch
from holdall.columns.json import json_records
from holdall.columns.records import read_records
from holdall.errors import Error
from holdall.scoring.package import Package
from holdall.scoring.scorer import Scorer
from holdall.serve.batching import Lane, Rows, Scored
from holdall.serve.limits import Limits
from holdall.serve.metrics import Figures, key_of
from holdall.serve.names import follows, named
from holdall.serve.rows import typed_rows
from holdall.spec.schema import Kind, Schema

FEW = 64
"""Up to so many records go straight to the engine's matrices; beyond, columns are built first."""

REMEMBERED = 16
"""Replaced versions whose figures are still told: a counter that vanishes at once would be lost between two scrapes."""

_AS_TEXT = (Kind.TIMESTAMP, Kind.DATE, Kind.BINARY)


@dataclass(frozen=True)
class Source:
    """Where packages come from. open: the package that a reference names, once it may be loaded; current: the digest that
    the reference means now, cheaply. Both raise holdall.Error."""

    open: Callable[[str], Package]
    current: Callable[[str], str]


class Served:
    """One version of a model, loaded."""

    def __init__(
        self,
        id: str,  # noqa: A002
        reference: str,
        package: Package,
        limits: Limits,
        figures_key: str,
        figures: Figures,
    ) -> None:
        manifest = package.manifest
        self.id = id
        self.reference = reference
        self.model = manifest.release.name
        self.version = manifest.release.version
        self.digest = package.digest
        self.task = manifest.task
        self.package = package
        self._scorer = Scorer(manifest, package.content, patience=limits.functions)
        self._as_text = any(field.kind in _AS_TEXT for field in self.schema.outputs)
        self.typed = None if self._as_text else typed_rows(self.schema, self._scorer.takes)
        self.figures_key = figures_key
        self.figures = figures
        self.lane = Lane(limits, figures, together=manifest.row_wise, quick=manifest.portable)

    @property
    def schema(self) -> Schema:
        return self._scorer.schema

    def score_rows(self, rows: Rows) -> Scored:
        """The answers to these records, of nothing but what JSON has. Raises SchemaMismatch, RowsRefused, InputError."""
        if self._as_text or len(rows) > FEW or not rows:
            return self.score_batch(read_records(rows, self.schema))
        return self._scorer.score_records(rows)

    def score_typed(self, rows: Rows) -> Scored:
        """The answers to rows that `typed` read. Whatever it raises says that they are to be read as records."""
        return self._scorer.score_feeds(self.typed.feeds(rows), len(rows))  # type: ignore[union-attr] # it read them

    def score_batch(self, batch: Batch) -> Scored:
        """The answers to these columns, in the same form."""
        return json_records(self._scorer.score(batch))

    def close(self) -> None:
        """End what runs for this version alone."""
        self._scorer.close()


class Plane:
    """The models of one server by id. `get` belongs to any thread; `follow` to one at a time."""

    def __init__(self, source: Source, references: Sequence[str], limits: Limits) -> None:
        """references: REF or ID=REF. Raises UsageError where two have one id, and all that opening raises."""
        self._source = source
        self._limits = limits
        self._lock = threading.Lock()
        self.failures = 0
        self.figures: dict[str, Figures] = {}
        self.leaving: tuple[Served, ...] = ()
        self.models: dict[str, Served] = {}
        for id, reference in named(references).items():  # noqa: A001
            self.models[id] = self._load(id, reference)

    def _load(self, id: str, reference: str) -> Served:  # noqa: A002
        package = self._source.open(reference)
        release = package.manifest.release
        key = key_of((release.name, release.version, package.digest))
        served = Served(id, reference, package, self._limits, key, self.figures.get(key) or Figures())
        _warm(served)
        self.figures[key] = served.figures
        return served

    @property
    def only(self) -> Served | None:
        """The one model, where there is one."""
        return next(iter(self.models.values())) if len(self.models) == 1 else None

    def follow(self, say: Callable[[dict[str, Any]], None]) -> None:
        """Look where the aliases point now, and load and swap in what they moved to.

        Where that fails the version before stays. A version that was replaced is closed once nobody waits for it any
        more. say: is told of each move and each failure.
        """
        self._close_replaced()
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
                self.leaving = (*self.leaving, served)
            say({"event": "moved", "model": id, "from": served.version, "to": loaded.version, "digest": loaded.digest})

    def _close_replaced(self) -> None:
        """Close what left before the last look, so that a request that came just then has reached its lane."""
        done = [served for served in self.leaving if not served.lane.depth]
        with self._lock:
            self.leaving = tuple(served for served in self.leaving if served not in done)
            named = {served.figures_key for served in (*self.models.values(), *self.leaving)}
            old = [key for key in self.figures if key not in named]
            self.figures = {key: value for key, value in self.figures.items() if key not in old[:-REMEMBERED]}
        for served in done:
            served.close()


def _warm(served: Served) -> None:
    """The first call of an engine is slow; it is made before anybody waits for it. What it answers does not matter, but the
    second one tells how long a request takes."""
    samples = served.package.samples
    if samples is not None and len(samples[0]):
        try:
            served.score_batch(samples[0].take(slice(0, 1)))
            records = json_records(samples[0].take(slice(0, 1)))
            began = monotonic()
            served.score_rows(records)
            served.lane.expect(monotonic() - began)
        except Error:
            return
