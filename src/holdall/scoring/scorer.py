"""The call: a batch in, a batch out. Every door (predict, serve, batch, replay) ends here.

Synchronous, thread-safe, without any global state. `score(fit(batch))` runs the steps one after the other and turns what
the live model would have refused into RowsRefused, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from holdall.columns.batch import DTYPES, Array, Batch, Column, Mask, text_column
from holdall.columns.records import read_records, to_records
from holdall.engines.engine import Files, GraphRunning, TableRunning, engine
from holdall.errors import Error, RowsRefused
from holdall.scoring.answering import Answering, compile_records
from holdall.scoring.fit import fit
from holdall.scoring.records import compile_groups, group
from holdall.spec.manifest import Manifest
from holdall.spec.report import Entry
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import Guard, Step

REFUSED = "refused"
LISTED = 20
"""How many refused rows an error lists; it always tells how many there are."""

Feeds = Mapping[str, Array]


class Scorer:
    """An opened package, ready to score.

    manifest, schema: the package's. The trust ceiling was checked by whoever opened it.
    """

    def __init__(self, manifest: Manifest, files: Files, *, threads: int = 1) -> None:
        """threads: for one call; 0 lets the engine choose. Raises ManifestInvalid, PackageDamaged, DigestMismatch."""
        self.manifest = manifest
        self.schema = manifest.schema
        self._kinds = {field.name: field for field in manifest.schema.outputs}
        (self._step,) = manifest.steps
        self._running = engine(self._step.engine).open_step(self._step, manifest.schema, files, threads)
        self._feeds: Callable[[Sequence[Mapping[str, Any]]], dict[str, Array]] | None = None
        self._records: Answering | None = None
        if self._step.inputs:
            self._feeds = compile_groups(manifest.schema, self._step.inputs)
            self._records = compile_records(self._step.outputs, self._kinds)

    @property
    def findings(self) -> tuple[Entry, ...]:
        """What was worth knowing when the artefact was opened: another version of a library, for instance."""
        found: tuple[Entry, ...] = getattr(self._running, "findings", ())
        return found

    def fit(self, batch: Batch) -> Batch:
        """The batch as the schema has it. Raises SchemaMismatch."""
        return fit(batch, self.schema)

    def score(self, batch: Batch) -> Batch:
        """The package's answers, in the schema's output order. Raises SchemaMismatch, RowsRefused."""
        fitted = self.fit(batch)
        if self._step.inputs:
            return self._answer(cast("GraphRunning", self._running).run(group(fitted, self._step.inputs)), fitted.rows)
        return self._answer(self._native(fitted), fitted.rows)

    def score_records(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """`score` for a few rows that come as records and are answered by records: nothing between values and engine."""
        if self._feeds is None:
            return to_records(self.score(read_records(records, self.schema)))
        results = cast("GraphRunning", self._running).run(self._feeds(records))
        refused = results.get(REFUSED)
        if self._records is None or (refused is not None and refused.any()):
            return to_records(self._answer(results, len(records)))
        return self._records(results)

    def _native(self, batch: Batch) -> dict[str, Array]:
        running = cast("TableRunning", self._running)
        try:
            return running.run(batch)
        except Error:
            raise
        except Exception as error:
            refused = find_refused(running.run, batch, self.manifest.row_wise) if batch.rows else {}
            if not refused:
                raise RowsRefused([{"path": "rows", "reason": _words(error), "step": self._step.engine}]) from error
            problems = [
                {"path": f"rows[{row}]", "reason": reason, "step": self._step.engine}
                for row, reason in list(refused.items())[:LISTED]
            ]
            raise RowsRefused(problems, len(refused)) from error

    def _answer(self, results: Mapping[str, Array], rows: int) -> Batch:
        refused = results.get(REFUSED)
        if refused is not None and refused.any():
            raise _refusal(refused, self._step.guards)
        return answer(self._step, self._kinds, results, rows)


def answer(step: Step, fields: Mapping[str, Field], results: Mapping[str, Array], rows: int) -> Batch:
    """The output columns that `results` hold, each in the array of its kind. Raises KeyError for a missing result."""
    columns: dict[str, Column] = {}
    native = not step.inputs
    for output in step.outputs:
        values = results[output.name]
        nulls = results[output.mask] if output.mask is not None else None
        if values.ndim == 1:
            name = output.columns[0]
            columns[name] = _column(fields[name], values, nulls, native)
        else:
            for index, name in enumerate(output.columns):
                mask = None if nulls is None else nulls[:, index]
                columns[name] = _column(fields[name], values[:, index], mask, native)
    return Batch(columns, rows)


def _column(field: Field, values: Array, nulls: Mask | None, native: bool) -> Column:
    kind = field.kind
    if kind is Kind.STRING and native:
        return text_column(values)
    dtype = DTYPES.get(kind)
    if dtype is not None and values.dtype != dtype:
        values = values.astype(dtype)
    if nulls is not None and not nulls.any():
        nulls = None
    return Column(kind, values, None if kind is Kind.FLOAT else nulls)


def _refusal(refused: Array, guards: Sequence[Guard]) -> RowsRefused:
    rows, reasons = np.nonzero(refused)
    problems = []
    for row, reason in zip(rows[:LISTED].tolist(), reasons[:LISTED].tolist(), strict=True):
        guard = guards[reason]
        path = f"rows[{row}]" if guard.column is None else f"rows[{row}].{guard.column}"
        problems.append({"path": path, "reason": guard.reason, "step": guard.step})
    return RowsRefused(problems, len(rows))


def find_refused(run: Callable[[Batch], Any], batch: Batch, row_wise: bool, limit: int = 4096) -> dict[int, str]:
    """Which rows a model that raises for a whole batch refuses: row → the model's own words.

    Halves the batch until single rows are left; at most `limit` calls, so a batch in which nearly every row is refused
    is listed only in part. Empty where the model is not row-wise: then no single row is at fault.
    """
    found: dict[int, str] = {}
    if not row_wise:
        return found
    calls = 0
    pending = [np.arange(batch.rows)]
    while pending and calls < limit:
        rows = pending.pop()
        calls += 1
        try:
            run(batch.take(rows))
        except Exception as error:  # noqa: BLE001 — whatever the live model raises is its refusal
            if len(rows) == 1:
                found[int(rows[0])] = _words(error)
            else:
                middle = len(rows) // 2
                pending += [rows[middle:], rows[:middle]]
    return found


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:300] or type(error).__name__
