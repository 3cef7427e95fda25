"""What the benchmarks share: the workload, fitted once and kept in a folder of its own, and medians of interleaved runs."""

from __future__ import annotations

import os
import pickle
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WORK = ROOT / "benchmarks" / ".work"
sys.path.insert(0, str(ROOT))
os.environ["HOLDALL_HOME"] = str(WORK / "store")

Row = tuple[str, str, str, str]


@cache
def workload() -> tuple[Any, Any]:
    """The fitted pipeline (20 numbers, 5 texts, 200 trees on 113 encoded columns) and a table of unseen rows."""
    from tests import workload as described

    WORK.mkdir(exist_ok=True)
    path = WORK / "pipeline.pkl"
    unseen, _ = described.frame(100_000, seed=9)
    if not path.exists():
        table, labels = described.frame(100_000)
        path.write_bytes(pickle.dumps(described.pipeline().fit(table, labels)))
    return pickle.loads(path.read_bytes()), unseen


@cache
def packed() -> str:
    """The workload's reference in the benchmarks' own store."""
    import holdall

    model, unseen = workload()
    holdall.pack(model, name="workload", sample=unseen.head(2_000))
    return "workload"


def interleaved(ours: Callable[[], object], other: Callable[[], object], rounds: int = 7) -> tuple[float, float]:
    """The median seconds of a call of each, taken in turn so that a slow moment of the machine meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for call in (ours, other):
        call()
    for _ in range(rounds):
        for call, taken in zip((ours, other), times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.01 else f"{seconds:.2f} s"
