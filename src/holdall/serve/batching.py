"""Requests in flight are scored together; a lone request never waits.

There is no timer. What arrived in one turn of the event loop goes into one run; while a run goes on in a thread, what
arrives meanwhile goes into the next. Which rows share a run changes nothing for any of them: only packages that were proved
row-wise are batched, and where a run is refused each request is scored by itself, so that its errors are its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, thread_time
from typing import Any

from holdall.serve.limits import Limits, Overloaded
from holdall.serve.metrics import Figures

Rows = Sequence[Any]
"""Records, or whatever else the function that scores them takes."""

Scored = list[dict[str, Any]]
Score = Callable[[Rows], Scored]
Done = Callable[[Any, Exception | None], None]

LONG = 0.004
"""Seconds of work that a run may be on the event loop; longer ones go to a thread, so that health checks are answered."""

REMEMBERED = 0.1
"""The share of the newest run in the running mean of what a request costs."""


class Expired(Exception):
    """The request waited longer than its deadline."""


@dataclass(slots=True)
class _Waiting:
    """One request. score: answers its rows, also together with those of others that have the same function. again: answers
    it by itself where that failed. work: what it asks to be done in the thread instead."""

    rows: Rows
    done: Done
    gone: Callable[[], bool]
    score: Score
    again: Callable[[], Any] | None
    work: Callable[[], Any] | None
    since: float = field(default_factory=monotonic)


class Lane:
    """The requests that wait for one model, and the one run that goes on. All methods belong to the event loop's thread."""

    def __init__(self, limits: Limits, figures: Figures, *, together: bool, quick: bool) -> None:
        """figures: where runs are counted. together: the package is row-wise. quick: a run is expected to be
        short, unless measured times say otherwise; else all go to the thread."""
        self._figures = figures
        self._limits = limits
        self._together = together
        self._quick = quick
        self._work = 0.0
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
        self, rows: Rows, score: Score, done: Done, gone: Callable[[], bool], again: Callable[[], Any] | None = None
    ) -> None:
        """Score these rows; `done(answer, error)` is called once, later. gone: whether the client left.

        again: what to do where `score` raises, for an answer or an error of the request's own. `admit` is asked before.
        """
        self._waiting.append(_Waiting(rows, done, gone, score, again, None))
        self._schedule()

    def submit_work(self, work: Callable[[], Any], done: Done, gone: Callable[[], bool]) -> None:
        """The same for what is large or no list of rows: `work` is called alone, in the thread."""
        self._waiting.append(_Waiting((), done, gone, list, None, work))
        self._schedule()

    def admit(self) -> None:
        """Raises Overloaded where one more request would wait too long."""
        if self.is_full():
            raise Overloaded(max(1, round(self.depth * self._cost)))

    def is_full(self) -> bool:
        """Whether one more request would wait too long."""
        depth, limits = self.depth, self._limits
        patience = limits.patience_of_few if depth < limits.few else limits.patience
        return depth >= limits.queue or (depth > 0 and depth * self._cost > patience)

    def expect(self, seconds: float) -> None:
        """What a request was seen to cost, before the first one comes."""
        self._cost = seconds

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
        began = monotonic()
        if work is None and self._quick and self._work < LONG:
            answers = self._timed(batch)
            self._finish(batch, answers, monotonic() - began)
            return
        self._busy = True

        def call() -> list[tuple[Any, Exception | None]]:
            return self._timed(batch) if work is None else [_tried(work)]

        running = asyncio.get_running_loop().run_in_executor(self._thread, call)

        def finished(future: asyncio.Future[list[tuple[Any, Exception | None]]]) -> None:
            self._finish(batch, future.result(), monotonic() - began)

        running.add_done_callback(finished)

    def _timed(self, batch: Sequence[_Waiting]) -> list[tuple[Any, Exception | None]]:
        """The answers. What is measured is this thread's own work: a busy machine makes no run a long one."""
        began = thread_time()
        answers = _answers(batch)
        self._work += REMEMBERED * (thread_time() - began - self._work)
        return answers

    def _take(self) -> list[_Waiting]:
        """The next requests to be scored in one run; those that nobody waits for any more are left out."""
        batch: list[_Waiting] = []
        rows = 0
        oldest = monotonic() - self._limits.deadline
        while self._waiting:
            entry = self._waiting[0]
            if entry.gone() or entry.since < oldest:
                self._waiting.popleft()
                entry.done(None, Expired())
                continue
            alone = entry.work is not None or not self._together
            if batch and (alone or entry.score != batch[0].score or rows + len(entry.rows) > self._limits.batch):
                break
            batch.append(self._waiting.popleft())
            rows += len(entry.rows)
            if alone:
                break
        return batch

    def _finish(self, batch: Sequence[_Waiting], answers: Sequence[tuple[Any, Exception | None]], took: float) -> None:
        self._busy = False
        self._inside = 0
        self._figures.runs += 1
        cost = took / len(batch)
        self._cost = cost if not self._cost else self._cost + REMEMBERED * (cost - self._cost)
        for entry, (answer, error) in zip(batch, answers, strict=True):
            entry.done(answer, error)
        self._schedule()


def _answers(batch: Sequence[_Waiting]) -> list[tuple[Any, Exception | None]]:
    if len(batch) == 1:
        return [_by_itself(batch[0])]
    together: list[Any] = []
    for entry in batch:
        together += entry.rows
    try:
        scored = batch[0].score(together)
    except Exception:  # noqa: BLE001 — whoever is at fault is told so when each is scored by itself
        return [_by_itself(entry) for entry in batch]
    answers: list[tuple[Any, Exception | None]] = []
    start = 0
    for entry in batch:
        end = start + len(entry.rows)
        answers.append((scored[start:end], None))
        start = end
    return answers


def _by_itself(entry: _Waiting) -> tuple[Any, Exception | None]:
    answer, error = _tried(partial(entry.score, entry.rows))
    return (answer, error) if error is None or entry.again is None else _tried(entry.again)


def _tried(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001 — handed on to the request that it belongs to
        return None, error
