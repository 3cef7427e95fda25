"""The steps of a package, opened: each takes the columns that the one before it gave.

A step that refuses rows says so as RowsRefused, whatever its engine raises, and names the rows where it can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import msgspec
import numpy as np

from holdall.columns.batch import DTYPES, Array, Batch, Column, Mask, all_null, text_column
from holdall.columns.objects import dimensions
from holdall.engines.engine import Files, FunctionRunning, GraphRunning, TableRunning, engine
from holdall.errors import Error, InputError, RowsRefused, SchemaMismatch
from holdall.scoring.fit import fit
from holdall.scoring.records import group
from holdall.spec.report import Entry
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import Guard, Step

REFUSED = "refused"
LISTED = 20
"""How many refused rows an error lists; it always tells how many there are."""

CALLS = 512
"""So many calls of a function are made to find the rows that it refuses."""


class Stage(Protocol):
    """One step, opened."""

    @property
    def findings(self) -> tuple[Entry, ...]:
        """What was worth knowing when it was opened."""
        ...

    def score(self, batch: Batch) -> Batch:
        """The columns that it gives for those that it takes, which fit. Raises RowsRefused."""
        ...


class ModelStage:
    """The model: a graph, or a native artefact."""

    def __init__(self, step: Step, schema: Schema, files: Files, threads: int, row_wise: bool) -> None:
        """schema: what this step takes and gives. Raises ManifestInvalid, PackageDamaged, DigestMismatch."""
        self.step = step
        self._row_wise = row_wise
        self._kinds = {field.name: field for field in schema.outputs}
        self.running = engine(step.engine).open_step(step, schema, files, threads)

    @property
    def findings(self) -> tuple[Entry, ...]:
        """Another version of a library than the one that was sealed, for instance."""
        found: tuple[Entry, ...] = getattr(self.running, "findings", ())
        return found

    def score(self, batch: Batch) -> Batch:
        if self.step.inputs:
            return self.answer(self._graph(batch), batch.rows)
        if not batch.rows:
            fields = self._kinds.values()
            return Batch(
                {field.name: _listed(field, all_null(field.kind, 0, dimensions(field))) for field in fields}, 0
            )
        run = cast("TableRunning", self.running).run
        return self.answer(_naming_rows(run, batch, self._row_wise, self.step.engine), batch.rows)

    def _graph(self, batch: Batch) -> dict[str, Array]:
        def run(rows: Batch) -> dict[str, Array]:
            return cast("GraphRunning", self.running).run(group(rows, self.step.inputs))

        try:
            return run(batch)
        except InputError as error:
            # A graph made elsewhere stops at one row; which one it was takes asking again.
            refused = find_refused(run, batch, self._row_wise)
            found = [(f"rows[{row}]", reason) for row, reason in refused.items()] or [("rows", error.message)]
            problems = [{"path": path, "reason": reason, "step": "model"} for path, reason in found[:LISTED]]
            raise RowsRefused(problems, len(found)) from None

    def answer(self, results: Mapping[str, Array], rows: int) -> Batch:
        """The engine's results as columns. Raises RowsRefused where the graph says that it refuses a row."""
        refused = results.get(REFUSED)
        if refused is not None and refused.any():
            raise _refusal(refused, self.step.guards)
        return answer(self.step, self._kinds, results, rows)


class FunctionStage:
    """Functions of the package's own source, in its worker."""

    findings: tuple[Entry, ...] = ()

    def __init__(self, running: FunctionRunning, step: Step, gives: Sequence[Field], row_wise: bool) -> None:
        """gives: the columns that whatever comes next takes, or the schema's outputs."""
        self._running = running
        self._name = ", ".join(name.partition(":")[2] for name in step.functions)
        self._gives = Schema(inputs=tuple(gives), outputs=())
        self._row_wise = row_wise

    def score(self, batch: Batch) -> Batch:
        if not batch.rows:
            empty = {field.name: all_null(field.carrier, 0, dimensions(field)) for field in self._gives.inputs}
            return Batch(empty, 0)
        given = _naming_rows(self._running.run, batch, self._row_wise, self._name, CALLS)
        try:
            return fit(given, self._gives)
        except SchemaMismatch as error:
            problems = [
                {
                    "path": problem["path"],
                    "reason": f"{self._name} gave {problem['got']} where {problem['expected']} is expected",
                    "step": self._name,
                }
                for problem in error.facts["problems"]
            ]
            raise RowsRefused(problems, error.facts["total"]) from None


def accepting(outputs: Sequence[Field]) -> tuple[Field, ...]:
    """Output fields as what a function's table is held to: any value of the kind, missing ones too."""
    return tuple(msgspec.structs.replace(field, nullable=True) for field in outputs)


def _naming_rows(run: Callable[[Batch], Any], batch: Batch, row_wise: bool, step: str, limit: int = 4096) -> Any:
    """What `run` gives; whatever it raises that is no error of holdall's own becomes RowsRefused, by row."""
    try:
        return run(batch)
    except InputError as error:
        raise RowsRefused([{"path": "rows", "reason": error.message, "step": step}]) from error
    except Error:
        raise
    except Exception as error:  # whatever a model or a function raises is its refusal
        refused = find_refused(run, batch, row_wise, limit) if batch.rows else {}
        if not refused:
            raise RowsRefused([{"path": "rows", "reason": _words(error), "step": step}]) from error
        problems = [
            {"path": f"rows[{row}]", "reason": reason, "step": step} for row, reason in list(refused.items())[:LISTED]
        ]
        raise RowsRefused(problems, len(refused)) from error


def answer(step: Step, fields: Mapping[str, Field], results: Mapping[str, Array], rows: int) -> Batch:
    """The output columns that `results` hold, each in the array of its kind. Raises KeyError for a missing result."""
    columns: dict[str, Column] = {}
    native = not step.inputs
    for output in step.outputs:
        values = results[output.name]
        nulls = results[output.mask] if output.mask is not None else None
        if values.ndim == 1 or fields[output.columns[0]].kind is Kind.TENSOR:
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
    return _listed(field, Column(kind, values, None if kind is Kind.FLOAT else nulls))


def _listed(field: Field, column: Column) -> Column:
    """Lists know what they hold, even where there is none."""
    return replace(column, dtype=field.dtype) if field.kind is Kind.LIST else column


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
