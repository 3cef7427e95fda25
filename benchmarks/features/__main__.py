"""`python -m benchmarks.features [--rows N] [NAME …]`: each function traced, held to itself, and timed on one row and on many.

A line a function: traced or the reason; then pandas' time by the graph's, for one row and for many. Both work on one thread,
the columns being there for both: a data frame for pandas, arrays for the engine that packages run on. Twice for each: for the
whole call of the engine; and, in brackets, for what the function adds to the call that the model behind it needs anyway,
which is the call less that of a graph that does nothing with the same inputs. It is the processor's time, so that what else
runs on the machine is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from benchmarks.features import KINDS
from benchmarks.features.measuring import UNSEEN, Feature, InGraph, Untraceable, differences, features, table_of, traced
from holdall.columns.batch import Batch
from holdall.columns.pandas import from_pandas
from holdall.engines.frames import frame
from holdall.spec.schema import Schema

ROWS = 1_000_000
ONE_ROW, MANY_ROWS = 100, 1
"""What is aimed at: so many times faster than pandas."""


@dataclass(frozen=True)
class Ratio:
    """pandas' time by the engine's. whole: of a call; added: of what the function adds to it."""

    whole: float
    added: float

    def __str__(self) -> str:
        return f"{self.whole:6.1f}x ({self.added:.1f}x)"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=int, default=ROWS)
    chosen = parser.parse_args(arguments)
    wrong, tried = 0, 0
    ratios: list[tuple[str, Ratio, Ratio]] = []
    for feature in features():
        if chosen.names and feature.function.__name__ not in chosen.names:
            continue
        tried += 1
        start = time.process_time()
        try:
            made = traced(feature)
        except Untraceable as error:
            line = "" if error.line is None else f"line {error.line.number}: "
            print(f"{feature.name:34} stays Python  {line}{error.operation}", flush=True)
            continue
        took = time.process_time() - start
        differing = differences(feature, made, feature.table(UNSEEN, 7))
        wrong += bool(differing)
        one, many = ratio(feature, made, 1), ratio(feature, made, chosen.rows)
        ratios.append((feature.kind, one, many))
        verdict = f"WRONG {differing}" if differing else "equal"
        print(f"{feature.name:34} {took * 1e3:5.0f} ms  one row {one}  {chosen.rows:,} {many}  {verdict}", flush=True)
    print(f"{len(ratios)} of {tried} traced, {tried - len(ratios)} stay Python, {wrong} wrong")
    if not ratios:
        return 1 if wrong else 0
    for kind in (*KINDS, None):
        mine = [(one, many) for of, one, many in ratios if kind in (of, None)]
        if mine:
            ones, manys = zip(*mine, strict=True)
            print(f"{kind or 'all':10} {len(mine):3} functions")
            print(f"           one row        {_summary(ones, ONE_ROW)}")
            print(f"           {chosen.rows:9,} rows {_summary(manys, MANY_ROWS)}")
    return 1 if wrong else 0


def _summary(ratios: Sequence[Ratio], aim: float) -> str:
    told = []
    for values in ([ratio.whole for ratio in ratios], [ratio.added for ratio in ratios]):
        reached = sum(value >= aim for value in values)
        told.append(
            f"median {statistics.median(values):.1f}x, least {min(values):.1f}x, {reached} of {len(values)} ≥ {aim}x"
        )
    return f"{told[0]} ({told[1]})"


def ratio(feature: Feature, made: InGraph, rows: int) -> Ratio:
    """The function on so many rows, in pandas and in the graph."""
    batch, table = given(feature.kind, rows, made.schema)
    feeds = made.feeds(batch)

    def pandas_run() -> Any:
        return feature.function(table.copy())

    # A call of microseconds is timed many at a time.
    times, repeats = (20, 30) if rows == 1 else (1, 3)
    by_pandas = seconds(pandas_run, 3 if rows == 1 else 1, repeats)
    whole = seconds(lambda: made.session.run(feeds), times, repeats)
    idle = seconds(lambda: made.idle.run(feeds), times, repeats)
    return Ratio(by_pandas / whole, by_pandas / max(whole - idle, whole / 100))


@lru_cache(maxsize=2)
def given(kind: str, rows: int, schema: Schema) -> tuple[Batch, Any]:
    """So many rows of a kind's table, as columns and as a data frame; functions of one kind share both."""
    batch = from_pandas(table_of(kind, max(rows, 2), 3)).take(slice(0, rows))
    return batch, frame(batch, schema, "pandas")


def seconds(run: Callable[[], Any], times: int, repeats: int) -> float:
    """Of the processor, for one run, in the quickest of several repeats."""
    best = float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(repeats):
            start = time.process_time()
            for _ in range(times):
                run()
            best = min(best, (time.process_time() - start) / times)
    return best


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
