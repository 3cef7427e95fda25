"""`python -m benchmarks.features [NAME …]`: each function traced, held to itself, and timed on one row and on many.

A line a function: traced or the reason; then the ratio of pandas' time to the graph's for one row and for ROWS rows.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.features.measuring import UNSEEN, Feature, InGraph, Untraceable, differences, features, traced
from holdall.columns.pandas import from_pandas
from holdall.engines.frames import frame

ROWS = 200_000


def main(names: Sequence[str]) -> int:
    wrong = python = 0
    ratios: list[tuple[float, float]] = []
    chosen = [feature for feature in features() if not names or feature.function.__name__ in names]
    for feature in chosen:
        start = time.perf_counter()
        try:
            made = traced(feature)
        except Untraceable as error:
            python += 1
            line = "" if error.line is None else f"line {error.line.number}: "
            print(f"{feature.name:34} stays Python  {line}{error.operation}", flush=True)
            continue
        seconds = time.perf_counter() - start
        differing = differences(feature, made, feature.table(UNSEEN, 7))
        wrong += bool(differing)
        one, many = ratio(feature, made, 1), ratio(feature, made, ROWS)
        ratios.append((one, many))
        verdict = f"WRONG {differing}" if differing else "equal"
        print(
            f"{feature.name:34} {seconds * 1e3:5.0f} ms  one row {one:6.0f}x  {ROWS:,} rows {many:5.1f}x  {verdict}",
            flush=True,
        )
    share = len(ratios) / len(chosen)
    print(f"{len(ratios)} of {len(chosen)} traced ({share:.0%}), {python} stay Python, {wrong} wrong")
    if ratios:
        ones, manys = zip(*ratios, strict=True)
        print(f"one row: median {statistics.median(ones):.0f}x, least {min(ones):.0f}x")
        print(f"{ROWS:,} rows: median {statistics.median(manys):.1f}x, least {min(manys):.1f}x")
    return 1 if wrong else 0


def ratio(feature: Feature, made: InGraph, rows: int) -> float:
    """pandas' time by the graph's, the columns being there for both."""
    batch = from_pandas(feature.table(max(rows, 2), 3)).take(slice(0, rows))
    feeds = made.feeds(batch)
    table = frame(batch, made.schema, "pandas")

    def pandas_run() -> Any:
        return feature.function(table.copy())

    return seconds(pandas_run, rows) / seconds(lambda: made.session.run(None, feeds), rows)


def seconds(run: Callable[[], Any], rows: int) -> float:
    """The quickest of several runs."""
    best = float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(30 if rows == 1 else 3):
            start = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
