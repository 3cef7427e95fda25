"""What becomes of one estimator: fitted on each of its tables, packed, and asked about rows that it never saw.

A portable package answers rows from around the fitted ones, rows on the model's thresholds (and one step to either side),
rows without values where the model takes those, and extremes; the live model is asked the same. A native package holds
the live model itself, so comparing it here would prove nothing: its answers are recorded, and a fresh process opens the
sealed file and is compared with the record.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import estimators, tables
from benchmarks.coverage.comparing import EXTREMES, beside, record, replayed
from benchmarks.coverage.estimators import Case
from benchmarks.coverage.trial import RELATIVE
from holdall import api
from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch
from holdall.columns.tables import from_table
from holdall.engines.engine import InMemory
from holdall.errors import Error, NotPortable
from holdall.frameworks.find import find
from holdall.packing import drawing
from holdall.packing.packing import Draft, Options, draft
from holdall.scoring.fit import fit
from holdall.scoring.scorer import Scorer

PORTABLE, NATIVE, REFUSED = "portable", "native", "refused"


@dataclass(frozen=True)
class Measured:
    """One estimator on one table, or on all of them (`together`).

    state: portable, native or refused. rows: compared; flips, ties: labels that differ; refused: rows that the live
    model and the package both refuse; relative: the largest relative error. passed: of what was compared. cause: why it
    is not portable, or what differs.
    """

    name: str
    kind: str
    task: str
    state: str
    rows: int = 0
    flips: int = 0
    ties: int = 0
    refused: int = 0
    relative: float = 0.0
    passed: bool = False
    cause: str = ""


def measure(case: Case, rows: int, *, first: bool = False, fresh: bool = True) -> list[Measured]:
    """On every table of the case (first: on the first only), about `rows` unseen rows each.

    fresh: whether a native package is opened in a process of its own; else it is only packed.
    """
    found = tables.tables(case.kind, nulls=not first and _takes_nulls(case))
    return [_measure(case, table, rows, fresh) for table in found[: 1 if first else None]]


def together(found: list[Measured]) -> Measured:
    """The worst of all tables: portable only where all are, with the sum of rows."""
    order = (PORTABLE, NATIVE, REFUSED)
    worst = max(found, key=lambda one: (order.index(one.state), not one.passed, one.flips, one.relative))
    return replace(
        worst,
        rows=sum(one.rows for one in found),
        flips=sum(one.flips for one in found),
        ties=sum(one.ties for one in found),
        refused=sum(one.refused for one in found),
        relative=max(one.relative for one in found),
        passed=all(one.passed for one in found),
    )


def fitted(case: Case, table: tables.Table) -> Any:
    """The estimator, fitted on the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is deprecated, and of what has not converged
        model = estimators.make(case, table.X, table.y)
        if case.name in ("LabelBinarizer", "LabelEncoder"):
            return model.fit(table.X["label"])
        if case.name == "MultiLabelBinarizer":
            return model.fit(table.X)
        if case.kind == "dictionaries":
            return model.fit(table.X.to_dict("records"))
        if case.kind == "images":
            return model.fit(table.X.to_numpy().reshape(-1, 2, 4))
        return model.fit(table.X, table.y)


def _takes_nulls(case: Case) -> bool:
    if case.name == "FrozenEstimator" or case.kind not in ("classes", "regression", "rows"):
        return False
    if case.name.endswith(("SearchCV", "RFECV")) or case.name.startswith("RFE"):
        return False
    from sklearn.utils import get_tags

    X = tables.tables(case.kind, nulls=False)[0]
    try:
        return bool(get_tags(estimators.make(case, X.X, X.y)).input_tags.allow_nan)
    except Exception:  # noqa: BLE001 — an estimator whose tags cannot be told is measured without
        return False


def _measure(case: Case, table: tables.Table, rows: int, fresh: bool) -> Measured:
    base = Measured(case.name, table.name, "", REFUSED)
    try:
        model = fitted(case, table)
    except Exception as error:  # noqa: BLE001 — the list is wrong, which must be seen
        return replace(base, cause=f"it cannot be fitted on this table: {type(error).__name__}: {error}")
    sample, _ = from_table(_sample(table.X))
    try:
        made = draft(model, sample, Options())
    except Error as error:
        return replace(base, cause=str(error))
    manifest = made.manifest
    cause = "; ".join(f"{blocker.step}: {blocker.cause}" for blocker in manifest.blockers)
    base = replace(base, task=manifest.task, cause=cause, state=PORTABLE if manifest.portable else NATIVE)
    if not made.parity.passed:
        return replace(base, cause="; ".join((cause, *made.differences)))
    if not manifest.portable and not fresh:
        return replace(base, passed=True)
    asked = _asked(model, made, table, rows)
    if manifest.portable:
        scorer = Scorer(manifest, InMemory(made.files), threads=0)
        comparison = beside(find(model).live(model, manifest.schema), scorer.score, asked, manifest)
    else:
        comparison = _replayed(model, made, sample, asked)
    good = comparison.label_flips == 0 and comparison.outside == 0 and comparison.max_rel_error <= RELATIVE
    return replace(
        base,
        rows=comparison.rows,
        flips=comparison.label_flips,
        ties=comparison.ties,
        refused=comparison.refused,
        relative=float(min(comparison.max_rel_error, 1e300)),
        passed=good,
        cause="; ".join((cause, *comparison.differences)).strip("; "),
    )


def _sample(X: Any) -> Any:
    import pandas as pd

    return pd.DataFrame({"text": X}) if isinstance(X, list) else X


def _asked(model: Any, made: Draft, table: tables.Table, rows: int) -> Mapping[str, Batch]:
    """The unseen rows by what they are."""
    schema = made.manifest.schema
    unseen = fit(from_table(_sample(table.unseen(np.random.default_rng(71), rows)))[0], schema)
    found = {"unseen rows": unseen, "drawn rows": drawing.draw(schema, rows // 10, seed=72, strange=0.1)}
    typical = unseen.take(np.array([0]))
    extremes = drawing.extremes(schema, typical)
    if extremes is not None:
        found[EXTREMES] = extremes
    if made.manifest.portable:
        try:
            boundaries = find(model).portable(model, schema).boundaries
        except NotPortable:
            boundaries = {}
        thresholds = drawing.on_boundaries(schema, boundaries, unseen, rows // 2)
        if thresholds is not None:
            found["thresholds"] = thresholds
    return found


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """A store of its own while something is packed."""
    before = os.environ.get("HOLDALL_HOME")
    os.environ["HOLDALL_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["HOLDALL_HOME"]
        if before is not None:
            os.environ["HOLDALL_HOME"] = before


def _replayed(model: Any, made: Draft, sample: Batch, asked: Mapping[str, Batch]) -> Comparison:
    """The native package, sealed to a file and opened in a fresh process, beside the answers recorded here."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        record(find(model).live(model, made.manifest.schema), asked, home)
        with _home(home / "store"):
            api.pack(model, name="measured", sample=sample, output=home / "measured.holdall")
        return replayed(home)


def one(task: tuple[Case, int, bool]) -> tuple[str, float, list[dict[str, Any]], dict[str, Any]]:
    """A case measured: its name, seconds, each table, and all together. task: case, rows, whether on the first table only."""
    case, rows, first = task
    began = time.monotonic()
    found = measure(case, rows, first=first)
    return case.name, time.monotonic() - began, [asdict(each) for each in found], asdict(together(found))
