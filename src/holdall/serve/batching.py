"""Requests in flight are scored together; a lone request never waits.

There is no timer. What arrived in one turn of the event loop goes into one run; while a run goes on in a thread, what
arrives meanwhile goes into the next. Which rows share a run changes nothing for any of them: only packages that were proved
row-wise are batched, and where a run is refused each request is scored by itself, so that its errors are its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from holdall.serve.limits import Limits, Overloaded

Rows = Sequence[Mapping[str, Any]]
Scored = list[dict[str, Any]]
Score = Callable[[Rows], Scored]
Done = Callable[[Any, Exception | None], None]

LONG = 0.004
"""Seconds that a run may take on the event loop; longer ones go to a thread, so that health checks are answered."""

REMEMBERED = 0.1
"""The share of the newest run in the running mean of what a request costs."""


class Expired(Exception):
    """The request waited longer than its deadline."""


@dataclass(slots=True)
class _Waiting:
    """One request. work: what it asks to be done by itself, where it is not a list of records to be batched."""

    rows: Rows
    done: Done
    gone: Callable[[], bool]
    work: Callable[[], Any] | None
    since: float = field(default_factory=monotonic)


class Lane:
    """The requests that wait for one model, and the one run that goes on.

    score: answers records by records. All methods belong to the event loop's thread.
    """

    def __init__(self, score: Score, limits: Limits, *, together: bool, quick: bool) -> None:
        """together: the package is row-wise. quick: a run is expected to be short; measured times correct that."""
        self.runs = 0
        self.scored_rows = 0
        self.expired = 0
        self._score = score
        self._limits = limits
        self._together = together
        self._seconds = 0.0 if quick else 2 * LONG
        self._cost = 0.0
        self._waiting: deque[_Waiting] = deque()
        self._scheduled = False
        self._busy = False
        self._inside = 0
        self._thread = ThreadPoolExecutor(1, "scoring")

    @property
    def depth(self) -> int:
        """How many requests wait or are being scored."""
        return len(self._waiting) + self._inside

    def submit(
        self, rows: Rows, done: Done, gone: Callable[[], bool] = lambda: False, work: Callable[[], Any] | None = None
    ) -> None:
        """Score these rows; `done(answer, error)` is called once, later. gone: whether the client left.

        work: a function to be called alone and in the thread instead, for what is large or no list of records.
        Raises Overloaded where it would wait too long.
        """
        self.admit()
        self._waiting.append(_Waiting(rows, done, gone, work))
        self._schedule()

    def admit(self) -> None:
        """Raises Overloaded where one more request would wait too long."""
        depth = self.depth
        if depth >= self._limits.queue or (depth and depth * self._cost > self._limits.patience):
            raise Overloaded(max(1, round(depth * self._cost)))

    def _schedule(self) -> None:
        if not self._scheduled and not self._busy and self._waiting:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        batch = self._take()
        if not batch:
            return
        self._inside = len(batch)
        work = batch[0].work
        if work is None and self._seconds < LONG:
            began = monotonic()
            answers = self._answers(batch)
            self._finish(batch, answers, monotonic() - began)
            return
        self._busy = True
        began = monotonic()

        def call() -> list[tuple[Any, Exception | None]]:
            return self._answers(batch) if work is None else [_tried(work)]

        running = asyncio.get_running_loop().run_in_executor(self._thread, call)

        def finished(future: asyncio.Future[list[tuple[Any, Exception | None]]]) -> None:
            self._finish(batch, future.result(), monotonic() - began)

        running.add_done_callback(finished)

    def _take(self) -> list[_Waiting]:
        """The next requests to be scored in one run; those that nobody waits for any more are left out."""
        batch: list[_Waiting] = []
        rows = 0
        oldest = monotonic() - self._limits.deadline
        while self._waiting:
            entry = self._waiting[0]
            if entry.gone() or entry.since < oldest:
                self._waiting.popleft()
                self.expired += 1
                entry.done(None, Expired())
                continue
            alone = entry.work is not None or not self._together
            if batch and (alone or rows + len(entry.rows) > self._limits.batch):
                break
            batch.append(self._waiting.popleft())
            rows += len(entry.rows)
            if alone:
                break
        return batch

    def _answers(self, batch: Sequence[_Waiting]) -> list[tuple[Any, Exception | None]]:
        if len(batch) == 1:
            return [_tried(partial(self._score, batch[0].rows))]
        together: list[Mapping[str, Any]] = []
        for entry in batch:
            together += entry.rows
        try:
            scored = self._score(together)
        except Exception:  # noqa: BLE001 — whoever is at fault is told so when each is scored by itself
            return [_tried(partial(self._score, entry.rows)) for entry in batch]
        answers: list[tuple[Any, Exception | None]] = []
        start = 0
        for entry in batch:
            end = start + len(entry.rows)
            answers.append((scored[start:end], None))
            start = end
        return answers

    def _finish(self, batch: Sequence[_Waiting], answers: Sequence[tuple[Any, Exception | None]], took: float) -> None:
        self._busy = False
        self._inside = 0
        self.runs += 1
        self.scored_rows += sum(len(entry.rows) for entry in batch)
        self._cost += REMEMBERED * (took / len(batch) - self._cost)
        if batch[0].work is None:
            self._seconds += REMEMBERED * (took - self._seconds)
        for entry, (answer, error) in zip(batch, answers, strict=True):
            entry.done(answer, error)
        self._schedule()


def _tried(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001 — handed on to the request that it belongs to
        return None, error
