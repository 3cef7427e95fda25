"""What writing a function into the graph adds to packing: with the function of twenty lines before the workload, a pack that
traces it against a pack of the same model on what the function gives; and how much of that the tracing itself is.

In seconds of the processor, all threads together: the clock on the wall would tell of whatever else runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.peers.notebook import features
from benchmarks.setting import Row, micro

ROUNDS = 5
SAMPLE = 2_000


def figures() -> Iterator[Row]:
    import holdall
    from benchmarks.browser import _fitted
    from holdall.packing import composing

    model, unseen = _fitted()
    sample = unseen.head(SAMPLE)
    given = features(sample)
    inside, spent = composing.inside, [0.0]

    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.process_time()
        try:
            return inside(*arguments, **options)
        finally:
            spent[0] = time.process_time() - start

    composing.inside = timed
    try:
        holdall.pack(model, name="traced", sample=sample, preprocess=features)
        with_function, without, traced = [], [], []
        for _ in range(ROUNDS):
            with_function.append(
                _seconds(lambda: holdall.pack(model, name="traced", sample=sample, preprocess=features))
            )
            traced.append(spent[0])
            without.append(_seconds(lambda: holdall.pack(model, name="untraced", sample=given)))
    finally:
        composing.inside = inside
    whole, alone, own = map(statistics.median, (with_function, without, traced))
    yield (
        f"pack with a function of twenty lines, {SAMPLE:,} rows of sample, of the processor",
        micro(whole),
        f"without it {micro(alone)}",
        f"{whole / alone:.1f} times",
    )
    yield (
        "of it: tracing, fusing and holding the graph to the function",
        micro(own),
        "the bound 1 s",
        f"{own:.2f} of it",
    )


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
