"""A package beside its live model: in this process where it is a graph, and by recorded answers in a fresh one where it
holds the live model itself, which cannot vouch for itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from holdall.checks.parity import Comparison
from holdall.columns import recorded
from holdall.columns.batch import Batch
from holdall.errors import InputError
from holdall.frameworks.framework import Live
from holdall.packing.rounding import settle
from holdall.scoring.stages import find_refused
from holdall.spec.manifest import Manifest

EXTREMES = "extremes"
"""What rows with the largest numbers are called: there an overflow equals an overflow."""
REFUSED = 16
"""So many of the rows that the live model refuses are asked of the package, one by one."""


def answered(live: Live, batch: Batch) -> tuple[Batch, Batch | None, list[int]]:
    """The rows that the live model answers, its answers, and the numbers of those that it refuses."""
    try:
        return batch, live(batch), []
    except Exception:  # noqa: BLE001 — whatever the live model raises is its refusal
        refused = sorted(find_refused(live, batch, True, 2048))
        rest = batch.take(np.setdiff1d(np.arange(batch.rows), refused))
        return rest, live(rest) if rest.rows else None, refused


def beside(live: Live, score: Callable[[Batch], Batch], asked: Mapping[str, Batch], manifest: Manifest) -> Comparison:
    """What the package gives for the rows, by what these are called, beside what the live model gives."""
    comparison = Comparison()
    for what, batch in asked.items():
        rows, answers, refused = answered(live, batch)
        for row in refused[:REFUSED]:
            try:
                score(batch.take(np.array([row])))
            except InputError:
                comparison.refused += 1
            else:
                comparison.differ(f"{what}: the package answers what the live model refuses")
        if answers is None:
            continue
        try:
            given = score(rows)
        except InputError as error:
            comparison.differ(f"{what}: the package refuses what the live model answers: {error.message}")
            continue
        extreme = what == EXTREMES
        given, ties = settle(live, rows, answers, given, manifest.tolerance, manifest.task, extreme=extreme)
        comparison.ties += ties
        comparison.add(answers, given, manifest.tolerance, manifest.task, overflows=extreme)
    return comparison


def record(live: Live, asked: Mapping[str, Batch], folder: Path) -> None:
    """Write the live model's answers into the folder, for `replayed`."""
    for what, batch in asked.items():
        rows, answers, refused = answered(live, batch)
        if answers is not None:
            (folder / f"{what}.answers").write_bytes(recorded.encode(rows, answers))
        if refused:
            bad = batch.take(np.array(refused[:REFUSED]))
            (folder / f"{what}.refused").write_bytes(recorded.encode(bad, Batch({}, bad.rows)))


def replayed(folder: Path) -> Comparison:
    """`measured.holdall` in the folder, opened in a fresh process, beside the answers that were recorded there."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.coverage.replaying", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOLDALL_HOME": str(folder / "elsewhere")},
    )
    comparison = Comparison()
    if ran.returncode:
        comparison.differ(f"the fresh process failed: {ran.stderr.strip().splitlines()[-1:]}")
        return comparison
    for key, value in json.loads(ran.stdout.splitlines()[-1]).items():
        setattr(comparison, key, value)
    return comparison
