"""Two batches of answers side by side: the live model's and the sealed artefact's, or recorded ones and fresh ones.

Values a and b agree where |a - b| <= absolute + relative * |b| (`numpy.isclose`), b being the expected one. A label that
differs is a *flip* where the expected top two scores differ by more than ten times the tolerance, else a *tie*: then
either label is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from holdall.columns.batch import Batch, Column
from holdall.spec.manifest import Tolerance
from holdall.spec.report import Parity
from holdall.spec.schema import Kind
from holdall.spec.steps import Compute

CLEAR = 10.0
"""How many times the tolerance the top two scores differ by where a label is clear."""

LARGEST = float(np.finfo(np.float64).max)
LISTED = 5

TOLERANCES = {
    Compute.FLOAT64: Tolerance(relative=1e-9, absolute=1e-12),
    Compute.FLOAT32: Tolerance(relative=1e-4, absolute=1e-6),
}


@dataclass
class Comparison:
    """What has been compared so far. differences: the first few that are outside the tolerance, in words."""

    rows: int = 0
    label_flips: int = 0
    ties: int = 0
    refused: int = 0
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    outside: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.label_flips == 0 and self.outside == 0

    def parity(self) -> Parity:
        """The figures as a report has them."""
        return Parity(
            rows=self.rows,
            label_flips=self.label_flips,
            ties=self.ties,
            refused=self.refused,
            max_abs_error=min(self.max_abs_error, LARGEST),
            max_rel_error=min(self.max_rel_error, LARGEST),
            passed=self.passed,
        )

    def differ(self, what: str) -> None:
        """Note a difference that no figure holds; the comparison has failed."""
        self.outside += 1
        self._list(what)

    def _list(self, what: str) -> None:
        if len(self.differences) < LISTED:
            self.differences.append(what)

    def add(self, expected: Batch, actual: Batch, tolerance: Tolerance, task: str, *, overflows: bool = False) -> None:
        """Compare these rows too. Only the columns that `expected` has are looked at.

        overflows: rows chosen to be beyond all measure, where an answer that is not finite only says that the sums ran
        over, and whether they ran to infinity or to NaN hangs on their order. Raises KeyError for a column that `actual`
        lacks.
        """
        self.rows += expected.rows
        if not expected.rows:
            return
        scores = {name: expected[name].values for name in expected if expected[name].kind is Kind.FLOAT}
        labelled = False
        for name in expected:
            column = expected[name]
            if column.kind is Kind.LIST:
                self._lists(name, column, actual[name], tolerance, overflows)
            elif is_label(name, column, task):
                labelled = True
                self._labels(name, column, actual[name], margin(name, scores), tolerance)
            elif column.kind in (Kind.FLOAT, Kind.TENSOR):
                self._numbers(name, column, actual[name], tolerance, overflows)
            else:
                self._labels(name, column, actual[name], None, tolerance)
        if task == "classification" and not labelled:
            self._argmax(expected, actual, tolerance)

    def _numbers(self, name: str, expected: Column, actual: Column, tolerance: Tolerance, overflows: bool) -> None:
        a, b = actual.values, expected.values
        if a.shape != b.shape:
            self.differ(f"{name} has the shape {a.shape[1:]} where the live model gives {b.shape[1:]}")
            return
        a, b = a.ravel(), b.ravel()
        if not a.size:
            return
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            if overflows:
                same |= ~np.isfinite(a) & ~np.isfinite(b)
            error = np.where(same, 0.0, np.abs(a - b))
            error = np.where(np.isnan(error), np.inf, error)
            outside = error > tolerance.absolute + tolerance.relative * np.abs(b)
            outside |= np.isinf(error) & ~same
            relative = np.where(error > tolerance.absolute, error / np.abs(b), 0.0)
        if not overflows:
            # Beside numbers of 1e300 an absolute error says nothing; the relative one is counted.
            self.max_abs_error = max(self.max_abs_error, float(error.max()))
        self.max_rel_error = max(self.max_rel_error, float(np.nan_to_num(relative, nan=np.inf, posinf=np.inf).max()))
        if outside.any():
            self.outside += int(outside.sum())
            row = int(np.flatnonzero(outside)[0])
            self._list(f"{name} is {a[row]!r} where the live model says {b[row]!r}")

    def _lists(self, name: str, expected: Column, actual: Column, tolerance: Tolerance, overflows: bool) -> None:
        """Ragged rows: as many entries in each, text and whole numbers the same, other numbers within the tolerance."""
        wanted, given = [np.asarray(row) for row in expected.values], [np.asarray(row) for row in actual.values]
        for row, (a, b) in enumerate(zip(given, wanted, strict=True)):
            if a.shape != b.shape or (b.size and b.dtype.kind != "f" and (a != b).any()):
                self.label_flips += 1
                self.differ(f"{name} is {a.tolist()!r} in row {row} where the live model says {b.tolist()!r}")
                return
        # A row without entries says nothing of what they would be.
        numbered = [place for place, row in enumerate(wanted) if row.size and row.dtype.kind == "f"]
        if numbered:
            flat = [
                Column(Kind.FLOAT, np.concatenate([rows[place].ravel() for place in numbered]))
                for rows in (wanted, given)
            ]
            self._numbers(name, flat[0], flat[1], tolerance, overflows)

    def _labels(
        self,
        name: str,
        expected: Column,
        actual: Column,
        clear: npt.NDArray[np.float64] | None,
        tolerance: Tolerance,
    ) -> None:
        null = expected.null_mask() | actual.null_mask()
        differ = (expected.values != actual.values) & ~null | (expected.null_mask() != actual.null_mask())
        if not differ.any():
            return
        rows = np.flatnonzero(differ)
        ties = np.zeros(len(rows), np.bool_)
        if clear is not None:
            ties = clear[rows] <= CLEAR * (tolerance.absolute + tolerance.relative)
        self._count(name, rows, ties, expected, actual)

    def _count(
        self, name: str, rows: npt.NDArray[np.intp], ties: npt.NDArray[np.bool_], expected: Column, actual: Column
    ) -> None:
        self.ties += int(ties.sum())
        flips = rows[~ties]
        self.label_flips += len(flips)
        if len(flips):
            row = int(flips[0])
            self._list(f"{name} is {actual.values[row]!r} where the live model says {expected.values[row]!r}")

    def _argmax(self, expected: Batch, actual: Batch, tolerance: Tolerance) -> None:
        """Labels that were not asked for: the largest probability, or the sign of a lone decision."""
        names = [name for name in expected if name.startswith(("probability_", "decision"))]
        if not names:
            return
        a, b = _matrix(actual, names), _matrix(expected, names)
        differ = np.flatnonzero(a.argmax(1) != b.argmax(1))
        ordered = np.sort(b[differ], axis=1)
        gap = ordered[:, -1] - ordered[:, -2]
        ties = gap <= CLEAR * (tolerance.absolute + tolerance.relative * np.abs(ordered[:, -1]))
        self.ties += int(ties.sum())
        self.label_flips += int((~ties).sum())


def is_label(name: str, column: Column, task: str) -> bool:
    """Whether an output column is a label (compared by equality) rather than a number (compared by tolerance)."""
    if column.kind not in (Kind.FLOAT, Kind.TENSOR):
        return True
    single = name.removeprefix("target_")
    return task == "classification" and (name == "prediction" or (name != single and single.isdigit()))


def margin(name: str, scores: dict[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64] | None:
    """By how much the best label was ahead: [rows], relative to the best score's size above one; None if nothing tells."""
    prefix = "" if name == "prediction" else f"{name}_"
    for kind in ("probability_", "decision_"):
        names = [other for other in scores if other.startswith(prefix + kind)]
        if len(names) > 1:
            ordered = np.sort(np.column_stack([scores[other] for other in names]), axis=1)
            return _ahead(ordered[:, -1] - ordered[:, -2], np.abs(ordered[:, -1]))
    if not prefix and "decision" in scores:
        return _ahead(np.abs(scores["decision"]), np.abs(scores["decision"]))
    return None


def _ahead(gap: npt.NDArray[np.float64], size: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return gap / np.maximum(1.0, size)


def _matrix(batch: Batch, names: Sequence[str]) -> npt.NDArray[np.float64]:
    columns: Iterable[npt.NDArray[np.float64]] = (batch[name].values for name in names)
    stacked = np.column_stack(list(columns))
    return np.column_stack([-stacked[:, 0], stacked[:, 0]]) if len(names) == 1 else stacked
