"""Where an answer is nothing but rounding, no other arithmetic can come to the same: what is told apart there from an error.

Two questions are put to the live model itself, and only for cells that differ. Does it answer a row the same alone as among
others? A sum of large numbers that cancel is added in another order for one row than for many. And for rows beyond all
measure: does its answer stay when each number moves by one unit in the last place? Where it does not, a difference of up
to ten times what the live model differs from itself is no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from holdall.checks.parity import CLEAR, is_label
from holdall.columns.batch import Batch, Column, concatenate
from holdall.frameworks.framework import Live
from holdall.spec.manifest import Tolerance
from holdall.spec.schema import Kind

ROWS = 256
"""So many differing rows are asked about; more is no matter of rounding."""

NUDGES = 8
TIMES = 10.0
RELATIVE = 1e-6
"""Beyond this relative error a number is wrong, whatever the live model does; rows beyond all measure excepted."""

SINGLE = 1e-5
"""The tolerance of a model that computes in float32 is beyond this. Beside the largest of a row's answers one that cancels to
next to nothing holds no digits: a difference of RELATIVE of that largest is what float32 comes to in a sum."""
HUGE = 1e30
"""Where such a model is given numbers of this size, it hangs on the order of its sums whether one of them runs over."""

Places = npt.NDArray[np.intp]


def settle(
    live: Live, batch: Batch, expected: Batch, actual: Batch, tolerance: Tolerance, task: str, *, extreme: bool
) -> tuple[Batch, int]:
    """`actual` with the expected answer in every cell that differs by rounding alone, and how many labels were so.

    expected: live(batch). extreme: rows beyond all measure. Tensors and lists are left as they are.
    """
    asked = [name for name in expected if expected[name].kind not in (Kind.TENSOR, Kind.LIST)]
    differing = {name: _differing(name, expected, actual, tolerance, task) for name in asked}
    rows = np.flatnonzero(np.logical_or.reduce(list(differing.values()))) if differing else np.empty(0, np.intp)
    if not 0 < len(rows) <= ROWS:
        return actual, 0
    single = tolerance.relative >= SINGLE
    others = _others(live, batch, rows, nudged=extreme or single, single=single)
    columns, labels = dict(actual.columns), 0
    for name, wrong in differing.items():
        if not wrong.any() or not others:
            continue
        again = [other[name] for other in others]
        if is_label(name, expected[name], task):
            settled = (
                _equally_near(expected.take(rows), tolerance) if task == "clustering" else np.zeros(len(rows), bool)
            )
            if extreme:
                settled = settled | _moved(expected[name].values[rows], again)
            settled &= wrong[rows]
            labels += int(settled.sum())
        else:
            a, b = actual[name].values[rows], expected[name].values[rows]
            settled = _within(a, b, again)
            if not extreme:
                settled &= _little(a, b, _largest(expected, task)[rows] if single else np.abs(b), tolerance)
            if extreme and single:
                settled |= _runs_over(batch.take(rows)) & (np.isfinite(a) != np.isfinite(b))
        columns[name] = _taken(actual[name], expected[name], rows[settled])
    return Batch(columns, actual.rows), labels


def _runs_over(batch: Batch) -> npt.NDArray[np.bool_]:
    """Rows that hold a number near the end of float32."""
    found = np.zeros(batch.rows, np.bool_)
    for name in batch:
        if batch[name].kind is Kind.FLOAT:
            found |= np.abs(batch[name].values) >= HUGE
    return found


def _differing(name: str, expected: Batch, actual: Batch, tolerance: Tolerance, task: str) -> npt.NDArray[np.bool_]:
    a, b = actual[name].values, expected[name].values
    if is_label(name, expected[name], task):
        differs: npt.NDArray[np.bool_] = np.asarray(a != b, np.bool_)
        return differs
    with np.errstate(invalid="ignore", over="ignore"):
        close = np.abs(a - b) <= tolerance.absolute + tolerance.relative * np.abs(b)
    same: npt.NDArray[np.bool_] = close | (a == b) | (np.isnan(a) & np.isnan(b))
    return ~same


def _others(live: Live, batch: Batch, rows: Places, *, nudged: bool, single: bool) -> list[Batch]:
    """The live model's answers to these rows in other company, and nudged."""
    found = []
    chosen = batch.take(rows)
    try:
        found.append(concatenate([live(batch.take(np.array([row]))) for row in rows]))
        if nudged:
            generator = np.random.default_rng(4)
            found += [live(_nudged(chosen, generator, single=single)) for _ in range(NUDGES)]
    except Exception:  # noqa: BLE001 — whatever the live model raises: then nothing is known of its rounding
        return found
    return found


def _nudged(batch: Batch, generator: np.random.Generator, *, single: bool) -> Batch:
    """Each number one unit in the last place up or down: of float32 where the model, or the column, is of that."""
    columns = {}
    for name in batch:
        column = batch[name]
        fractions = column.kind is Kind.TENSOR and (column.dtype or "float").startswith("float")
        if column.kind is Kind.FLOAT or fractions:
            element = np.float32 if single or column.dtype == "float32" else np.float64
            towards = np.where(generator.random(column.values.shape) < 0.5, -np.inf, np.inf).astype(element)
            with np.errstate(over="ignore"):
                moved = np.nextafter(column.values.astype(element), towards).astype(np.float64)
            column = replace(column, values=moved)
        columns[name] = column
    return Batch(columns, batch.rows)


def _moved(own: npt.NDArray[np.generic], again: Sequence[Column]) -> npt.NDArray[np.bool_]:
    """Labels that the live model itself gives otherwise."""
    moved = np.zeros(len(own), np.bool_)
    for other in again:
        moved |= np.asarray(other.values != own, np.bool_)
    return moved


def _equally_near(expected: Batch, tolerance: Tolerance) -> npt.NDArray[np.bool_]:
    """Rows between two clusters, as far as the model's distances to them, its other answer, can tell."""
    distances = [expected[name].values for name in expected if expected[name].kind is Kind.FLOAT]
    if len(distances) < 2:
        return np.zeros(expected.rows, np.bool_)
    nearest, second = np.sort(np.column_stack(distances), axis=1)[:, :2].T
    near: npt.NDArray[np.bool_] = second - nearest <= CLEAR * (tolerance.absolute + tolerance.relative * second)
    return near


def _within(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], again: Sequence[Column]) -> npt.NDArray[np.bool_]:
    """What differs by no more than some times what the live model differs from itself."""
    with np.errstate(invalid="ignore", over="ignore"):
        spread = np.max([np.nan_to_num(np.abs(other.values - b)) for other in again], axis=0)
        settled: npt.NDArray[np.bool_] = np.abs(a - b) <= TIMES * spread
    return settled


def _little(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], largest: npt.NDArray[np.float64], tolerance: Tolerance
) -> npt.NDArray[np.bool_]:
    """What is no more than rounding of the largest number in the row, or for float32 a few times the tolerance."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(a - b)
        little: npt.NDArray[np.bool_] = error <= RELATIVE * largest
        if tolerance.relative >= SINGLE:
            little |= error <= CLEAR * (tolerance.absolute + tolerance.relative * np.abs(b))
    return little


def _largest(expected: Batch, task: str) -> npt.NDArray[np.float64]:
    """The largest of each row's numbers."""
    numbers = [
        np.abs(np.nan_to_num(expected[name].values))
        for name in expected
        if expected[name].kind is Kind.FLOAT and not is_label(name, expected[name], task)
    ]
    found: npt.NDArray[np.float64] = np.max(numbers, axis=0)
    return found


def _taken(actual: Column, expected: Column, rows: Places) -> Column:
    values = actual.values.copy()
    values[rows] = expected.values[rows]
    return replace(actual, values=values)
