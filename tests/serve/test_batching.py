"""What waits for a model: scored together where it may be, turned away early where it would wait too long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from holdall.serve.batching import Expired, Lane
from holdall.serve.limits import Limits, Overloaded
from holdall.serve.metrics import Figures

Scored = list[dict[str, Any]]


class Model:
    """Answers each row by itself; remembers which rows came together, and in which thread."""

    def __init__(self, seconds: float = 0.0, bad: Any = None) -> None:
        self.runs: list[list[Any]] = []
        self.threads: set[str] = set()
        self.seconds = seconds
        self.bad = bad

    def score(self, rows: Sequence[Any]) -> Scored:
        self.runs.append(list(rows))
        self.threads.add(threading.current_thread().name)
        time.sleep(self.seconds)
        if self.bad in rows:
            raise ValueError(f"{self.bad} does not fit")
        return [{"value": row} for row in rows]


class Waiter:
    """Gathers what the lane answers."""

    def __init__(self) -> None:
        self.answers: dict[Any, tuple[Any, Exception | None]] = {}

    def done(self, name: Any) -> Callable[[Any, Exception | None], None]:
        def told(answer: Any, error: Exception | None) -> None:
            assert name not in self.answers, "told twice"
            self.answers[name] = (answer, error)

        return told

    async def all(self, count: int) -> None:
        until = time.monotonic() + 10
        while len(self.answers) < count and time.monotonic() < until:
            await asyncio.sleep(0.001)
        assert len(self.answers) == count


def stays() -> bool:
    return False


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def lane(limits: Limits | None = None, *, together: bool = True, quick: bool = True) -> Lane:
    return Lane(limits or Limits(), Figures(), together=together, quick=quick)


def test_what_arrives_in_one_turn_goes_into_one_run_and_each_gets_its_own() -> None:
    async def check() -> None:
        model, waiter, waits = Model(), Waiter(), lane()
        for number in range(10):
            waits.submit([number, -number], model.score, waiter.done(number), stays)
        await waiter.all(10)
        assert len(model.runs) == 1
        assert model.threads == {"MainThread"}
        for number in range(10):
            assert waiter.answers[number] == ([{"value": number}, {"value": -number}], None)

    run(check())


def test_no_run_has_more_rows_than_a_batch_but_a_request_stays_whole() -> None:
    async def check() -> None:
        model, waiter, waits = Model(), Waiter(), lane(Limits(batch=4))
        for number in range(5):
            waits.submit([number] * 3, model.score, waiter.done(number), stays)
        waits.submit([9] * 7, model.score, waiter.done(9), stays)
        await waiter.all(6)
        assert [len(rows) for rows in model.runs] == [3, 3, 3, 3, 3, 7]

    run(check())


def test_rows_of_a_model_that_is_not_row_wise_never_meet() -> None:
    async def check() -> None:
        model, waiter, waits = Model(), Waiter(), lane(together=False)
        for number in range(6):
            waits.submit([number, number], model.score, waiter.done(number), stays)
        await waiter.all(6)
        assert model.runs == [[number, number] for number in range(6)]

    run(check())


def test_rows_that_are_read_in_different_ways_are_scored_apart() -> None:
    async def check() -> None:
        typed, plain, waiter, waits = Model(), Model(), Waiter(), lane()
        for number, model in enumerate((typed, typed, plain, typed)):
            waits.submit([number], model.score, waiter.done(number), stays)
        await waiter.all(4)
        assert typed.runs == [[0, 1], [3]]
        assert plain.runs == [[2]]

    run(check())


def test_an_error_belongs_to_the_request_that_caused_it() -> None:
    async def check() -> None:
        model, waiter, waits = Model(bad=2), Waiter(), lane()
        for number in range(4):
            waits.submit([number], model.score, waiter.done(number), stays)
        await waiter.all(4)
        assert [number for number, (_, error) in waiter.answers.items() if error is not None] == [2]
        assert "2 does not fit" in str(waiter.answers[2][1])

    run(check())


def test_what_a_request_does_when_its_score_fails_is_its_own() -> None:
    async def check() -> None:
        model, waiter, waits = Model(bad=1), Waiter(), lane()
        waits.submit([0], model.score, waiter.done(0), stays, lambda: "zero")
        waits.submit([1], model.score, waiter.done(1), stays, lambda: "one")
        await waiter.all(2)
        assert waiter.answers == {0: ([{"value": 0}], None), 1: ("one", None)}

    run(check())


def test_a_slow_model_runs_in_a_thread_and_what_came_meanwhile_runs_together() -> None:
    async def check() -> None:
        model, waiter, waits = Model(seconds=0.02), Waiter(), lane(quick=False)
        waits.submit([0], model.score, waiter.done(0), stays)
        await asyncio.sleep(0.005)
        for number in range(1, 6):
            waits.submit([number], model.score, waiter.done(number), stays)
        await waiter.all(6)
        assert model.runs == [[0], [1, 2, 3, 4, 5]]
        assert "MainThread" not in model.threads

    run(check())


def test_nobody_is_let_in_beyond_the_queue() -> None:
    async def check() -> None:
        model, waiter, waits = Model(), Waiter(), lane(Limits(queue=3))
        for number in range(3):
            waits.submit([number], model.score, waiter.done(number), stays)
        with pytest.raises(Overloaded) as caught:
            waits.admit()
        assert caught.value.seconds >= 1
        await waiter.all(3)
        waits.submit([4], model.score, waiter.done(4), stays)
        await waiter.all(4)

    run(check())


def test_nobody_is_let_in_who_would_wait_beyond_patience() -> None:
    async def check() -> None:
        model, waiter = Model(seconds=0.05), Waiter()
        waits = lane(Limits(patience_of_few=0.22), together=False, quick=False)
        for number in range(3):
            waits.submit([number], model.score, waiter.done(number), stays)
        await waiter.all(1)
        sent = 3
        while not waits.is_full():
            waits.submit([sent], model.score, waiter.done(sent), stays)
            sent += 1
        with pytest.raises(Overloaded):
            waits.admit()
        assert 3 < sent < 9
        await waiter.all(sent)

    run(check())


def test_a_crowd_may_wait_less_long_than_a_few() -> None:
    async def check() -> None:
        model, waiter = Model(), Waiter()
        waits = lane(Limits(patience=0.1, few=8, patience_of_few=1.0))
        waits.expect(0.1)
        for number in range(8):
            waits.submit([number], model.score, waiter.done(number), stays)
        assert waits.is_full()
        waits.expect(0.001)
        for number in range(8, 100):
            waits.submit([number], model.score, waiter.done(number), stays)
        waits.expect(0.0011)
        assert waits.is_full()
        await waiter.all(100)

    run(check())


def test_what_waited_beyond_its_deadline_is_not_scored() -> None:
    async def check() -> None:
        model, waiter = Model(seconds=0.1), Waiter()
        waits = lane(Limits(deadline=0.05), together=False, quick=False)
        for number in range(3):
            waits.submit([number], model.score, waiter.done(number), stays)
        await waiter.all(3)
        assert model.runs == [[0]]
        assert all(isinstance(waiter.answers[number][1], Expired) for number in (1, 2))

    run(check())


def test_what_nobody_waits_for_any_more_is_not_scored() -> None:
    async def check() -> None:
        model, waiter, waits = Model(), Waiter(), lane()
        waits.submit([0], model.score, waiter.done(0), lambda: True)
        waits.submit([1], model.score, waiter.done(1), stays)
        await waiter.all(2)
        assert model.runs == [[1]]

    run(check())


def test_work_of_its_own_goes_alone_and_in_order() -> None:
    async def check() -> None:
        model, waiter, waits = Model(), Waiter(), lane()
        waits.submit([0], model.score, waiter.done(0), stays)
        waits.submit_work(lambda: threading.current_thread().name, waiter.done("work"), stays)
        waits.submit([1], model.score, waiter.done(1), stays)
        await waiter.all(3)
        assert waiter.answers["work"][0].startswith("scoring")
        assert list(waiter.answers) == [0, "work", 1]

    run(check())
