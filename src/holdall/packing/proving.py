"""The proof: the sealed artefact's answers against the live model's, on every kind of row that has ever gone wrong.

The user's sample, rows drawn from the schema with nulls, unseen and non-ASCII text, extremes, and rows on every threshold
of the model. Rows that the live model refuses must be refused by the artefact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch, concatenate
from holdall.errors import InputError, RowsRefused
from holdall.frameworks.framework import Artefact, Live
from holdall.packing import drawing
from holdall.packing.rounding import settle
from holdall.scoring.scorer import Scorer
from holdall.scoring.stages import find_refused
from holdall.spec.manifest import Manifest, Tolerance
from holdall.spec.schema import Kind

WHOLE = 4096
"""So many rows of the sample are compared in every output; the rest in the model's main one (see Framework.live)."""

CHUNK = 8192
SAMPLE, EXTREMES = "the sample", "extremes"
DRAWN = 512
BOUNDARY_ROWS = 20_000
TRIED_REFUSALS = 16
NUMBERS = 4_000_000
"""Of arrays, no more numbers than this are compared at once, and no more are drawn, whatever the rows come to."""
FEWEST = 16


@dataclass(frozen=True)
class Proof:
    """What the comparison gave, and whether a row's answer depends on its neighbours."""

    comparison: Comparison
    row_wise: bool


class Prover:
    """Proves one artefact of one live model.

    live: every answer of the model; brief: only its main one, for the bulk of a large sample.
    sample: the user's, fitted to the schema; typical: one row of it that the model accepts.
    """

    def __init__(
        self,
        manifest: Manifest,
        scorer: Scorer,
        live: Live,
        brief: Live,
        progress: Callable[[str], None],
    ) -> None:
        self._manifest = manifest
        self._scorer = scorer
        self._live = live
        self._brief = brief
        self._progress = progress
        self._tolerance: Tolerance = manifest.tolerance
        self._comparison = Comparison()

    def prove(self, artefact: Artefact, sample: Batch, typical: Batch) -> Proof:
        """Compare everything. Stops early once the artefact has clearly failed."""
        schema = self._manifest.schema
        base = drawing.draw(schema, min(DRAWN, max(FEWEST, _at_once(sample))), seed=2, strange=0.15)
        sets: list[tuple[str, Batch | None]] = [
            ("rows drawn from the schema", base),
            (EXTREMES, drawing.extremes(schema, typical)),
            (
                "rows on every threshold",
                drawing.on_boundaries(schema, artefact.boundaries, _around(base, sample), BOUNDARY_ROWS),
            ),
        ]
        whole = sample.take(slice(0, WHOLE))
        step = _at_once(sample)
        for start in range(0, whole.rows, step):
            if not self._lost():
                self._compare(whole.take(slice(start, min(start + step, WHOLE))), self._live, SAMPLE)
        row_wise = self._row_wise(_around(base, sample))
        for name, batch in sets:
            if batch is not None and not self._lost():
                self._compare(batch, self._live, name, overflows=name == EXTREMES)
        chunk = min(CHUNK, step)
        for start in range(WHOLE, sample.rows, chunk):
            if self._lost():
                break
            self._progress(f"comparing answers: {start:,} of {sample.rows:,} rows of the sample")
            self._compare(sample.take(slice(start, start + chunk)), self._brief, SAMPLE)
        return Proof(self._comparison, row_wise)

    def _lost(self) -> bool:
        return self._comparison.outside > 1000 or self._comparison.label_flips > 1000

    def _compare(self, batch: Batch, live: Live, name: str, *, overflows: bool = False) -> None:
        if not batch.rows:
            return
        self._progress(f"comparing answers: {name}")
        try:
            expected = live(batch)
        except Exception as error:  # noqa: BLE001 — whatever the live model raises is its refusal
            refused = find_refused(live, batch, True, 2048)
            if not refused:
                self._comparison.differ(f"{name}: the live model fails on the rows together, not one by one: {error}")
                return
            self._refusals(batch, sorted(refused), name)
            accepted = np.setdiff1d(np.arange(batch.rows), sorted(refused))
            if len(accepted):
                self._compare(batch.take(accepted), live, name, overflows=overflows)
            return
        try:
            actual = self._scorer.score(batch)
        except InputError as error:
            narrower = self._narrower(batch) if name != SAMPLE else []
            if not narrower:
                self._comparison.differ(f"{name}: the artefact refuses what the live model answers: {error.message}")
                return
            self._compare(batch.take(np.setdiff1d(np.arange(batch.rows), narrower)), live, name, overflows=overflows)
            return
        task = self._manifest.task
        actual, ties = settle(live, batch, expected, actual, self._tolerance, task, extreme=overflows)
        self._comparison.ties += ties
        self._comparison.add(expected, actual, self._tolerance, task, overflows=overflows)

    def _narrower(self, batch: Batch) -> list[int]:
        """The rows that the artefact refuses only for reasons that are stated to be narrower than the user's function."""
        stated = {
            (guard.reason, guard.step) for step in self._manifest.steps for guard in step.guards if guard.narrower
        }
        if not stated:
            return []
        rows = []
        for row in find_refused(self._scorer.score, batch, True, 4096):
            try:
                self._scorer.score(batch.take(np.array([row])))
            except RowsRefused as error:
                if all((problem["reason"], problem["step"]) in stated for problem in error.facts["problems"]):
                    rows.append(row)
        return rows

    def _refusals(self, batch: Batch, rows: list[int], name: str) -> None:
        """Rows that the live model refuses, one by one: the artefact must refuse each."""
        for row in rows[:TRIED_REFUSALS]:
            one = batch.take(np.array([row]))
            try:
                self._scorer.score(one)
            except InputError:
                self._comparison.refused += 1
            else:
                self._comparison.differ(f"{name}: the artefact answers row {row}, which the live model refuses")

    def _row_wise(self, batch: Batch) -> bool:
        """Whether shuffled and split rows get the same answers as they did together."""
        try:
            together = self._scorer.score(batch)
        except InputError:
            batch = self._accepted(batch)
            if batch.rows < 2:
                return False
            together = self._scorer.score(batch)
        order = np.random.default_rng(3).permutation(batch.rows)
        try:
            shuffled = self._scorer.score(batch.take(order))
            cuts = [0, *range(1, min(17, batch.rows)), batch.rows]
            parts = [self._scorer.score(batch.take(slice(a, b))) for a, b in itertools.pairwise(cuts) if a < b]
        except InputError:
            return False
        check = Comparison()
        check.add(together.take(order), shuffled, self._tolerance, self._manifest.task)
        check.add(together, concatenate(parts), self._tolerance, self._manifest.task)
        return check.passed

    def _accepted(self, batch: Batch) -> Batch:
        refused = find_refused(self._scorer.score, batch, True, 512)
        return batch.take(np.setdiff1d(np.arange(batch.rows), sorted(refused)))


def _at_once(sample: Batch) -> int:
    """How many rows are compared at once: all, but of arrays no more than a memory holds beside what a network makes of
    them."""
    numbers = sum(int(np.prod(sample[name].values.shape[1:])) for name in sample if sample[name].kind is Kind.TENSOR)
    return max(1, NUMBERS // numbers) if numbers else max(WHOLE, CHUNK)


def _around(drawn: Batch, sample: Batch) -> Batch:
    """Some rows of both: real rows reach leaves that independent columns never do."""
    real = sample.take(slice(0, drawn.rows)).select(list(drawn))
    if not real.rows:
        return drawn
    return concatenate([real, drawn.take(slice(0, DRAWN // 4))])
