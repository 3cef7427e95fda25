"""One package behind `holdall serve` against constants, prototypes, FastAPI by hand and the peers, asked in turn.

All servers run at once, idle but for the one that is asked, and each figure is the median of rounds in which they take
turns. Before a server's turn, the ones before it have finished what nobody waits for any more.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import asking, servers
from benchmarks.bodies import bodies, first
from benchmarks.servers import Server
from benchmarks.setting import WORK, Row
from benchmarks.yardsticks import models, yardsticks

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS_EACH", "2"))
CELLS = ((1, 1), (1, 8), (1, 64), (32, 8))
"""Rows of a body, connections."""

Figures = dict[str, dict[tuple[int, int], dict[str, float]]]


def figures() -> Iterator[Row]:
    yardsticks()
    mine = servers.ours(packed())
    constants, prototypes, by_hand = servers.constants(), servers.prototypes(), servers.by_hand()
    peers = servers.peers()
    everyone = [mine, *constants, *prototypes, *by_hand, *peers]
    starts = {server.name: _started(server) for server in everyone}
    try:
        _same_answers(mine, by_hand[1])
        measured = measure(everyone, CELLS)
        memory = {server.name: server.memory() for server in everyone}
        loops = {
            server.name: _open_loop(server, measured[server.name][1, 64]["rate"])
            for server in (mine, *constants, by_hand[0])
        }
    finally:
        for server in everyone:
            server.stop()
    _table(measured, starts, memory)
    yield from _rows(mine, measured, (1, 64), constants, "constant", "of it")
    yield from _rows(mine, measured, (1, 64), [by_hand[0]], "FastAPI + onnxruntime", "times")
    yield from _rows(mine, measured, (1, 64), [by_hand[1]], "FastAPI + joblib", "times")
    for peer in peers:
        yield from _rows(mine, measured, (1, 64), [peer], peer.name, "times")
    ours, bare = (min(measured[s.name][1, 1]["median"] for s in group) for group in ([mine], prototypes))
    yield (
        "one connection, median",
        f"{ours * 1e6:.0f} µs",
        f"bare prototype {bare * 1e6:.0f} µs",
        f"{ours / bare:.2f} of it",
    )
    tail = {
        name: f"{loop['p99'] * 1e3:.1f} ms, {loop['p99'] / loop['median']:.1f} x median" for name, loop in loops.items()
    }
    for server in (*constants, by_hand[0]):
        yield (
            "open loop at 70 % load, p99",
            tail[mine.name],
            f"{server.name} {tail[server.name]}",
            f"{loops[mine.name]['p99'] / loops[server.name]['p99']:.2f} of it",
        )
    fastest = min((s for s in (*by_hand, *peers)), key=lambda s: starts[s.name])
    yield (
        "command to first answer",
        f"{starts[mine.name]:.2f} s",
        f"{fastest.name} {starts[fastest.name]:.2f} s, MLflow {starts['MLflow']:.1f} s",
        f"{starts[fastest.name] / starts[mine.name]:.1f} times faster",
    )
    least = min(peers, key=lambda s: memory[s.name])
    yield (
        "memory (PSS) after it",
        f"{memory[mine.name] >> 20} MB",
        f"{least.name} {memory[least.name] >> 20} MB",
        f"{memory[least.name] / memory[mine.name]:.1f} times less",
    )
    yield from _wide()
    yield from _with_function()


def measure(asked: list[Server], cells: tuple[tuple[int, int], ...]) -> Figures:
    """The median of each figure over the rounds, by server and cell."""
    taken: dict[tuple[str, tuple[int, int]], list[dict[str, float]]] = {}
    for round_ in range(ROUNDS):
        for cell in cells:
            print(f"round {round_ + 1} of {ROUNDS}: {cell[0]} rows, {cell[1]} connections", file=sys.stderr)
            for server in asked:
                rows, connections = cell
                figures = asking.closed(server, bodies(server.dialect, rows), connections, SECONDS)
                assert not figures["refused"], f"{server.name} refused {figures['refused']} requests"
                server.settle()
                taken.setdefault((server.name, cell), []).append(figures)
    found: Figures = {}
    for (name, cell), runs in taken.items():
        found.setdefault(name, {})[cell] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return found


def _started(server: Server) -> float:
    """The median of three starts; the last one stays."""
    body = first(bodies(server.dialect, 1))
    times = [server.start(body)]
    for _ in range(2):
        server.stop()
        times.append(server.start(body))
    return statistics.median(times)


def _same_answers(mine: Server, pipeline: Server) -> None:
    """What is compared answers the same."""
    body = first(bodies("records", 32))
    answers = [json.loads(server.ask(body) or b"{}")["predictions"] for server in (mine, pipeline)]
    ours = [[row["probability_0"], row["probability_1"]] for row in answers[0]]
    assert np.allclose(ours, answers[1], rtol=1e-9, atol=1e-12)


def _open_loop(server: Server, rate: float) -> dict[str, float]:
    runs = []
    for _ in range(3):
        server.settle()
        runs.append(asking.opened(server, bodies(server.dialect, 1), 0.7 * rate, 2 * SECONDS))
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _rows(
    mine: Server, measured: Figures, cell: tuple[int, int], others: list[Server], name: str, unit: str
) -> Iterator[Row]:
    ours = measured[mine.name][cell]["rate"]
    best = max(others, key=lambda server: measured[server.name][cell]["rate"])
    other = measured[best.name][cell]["rate"]
    named = f"{name} ({best.name.partition(' ')[0]})" if len(others) > 1 else name
    ratio = ours / other
    yield (
        f"requests per second, {cell[1]} connections",
        f"{ours:,.0f}",
        f"{named} {other:,.0f}",
        f"{ratio:.2f} {unit}" if ratio < 10 else f"{ratio:.0f} {unit}",
    )


def _wide() -> Iterator[Row]:
    """A model of 200 columns against the constants, which read the same bodies."""
    path = WORK / "bodies-wide-1.jsonl"
    medians = _rates([servers.ours(_wide_packed(path)), *servers.constants()], path)
    ours, *constants = medians
    best = max(constants)
    yield (
        "200 columns, requests per second, 64 connections",
        f"{ours:,.0f}",
        f"constant ({('granian', 'uvicorn')[constants.index(best)]}) {best:,.0f}",
        f"{ours / best:.2f} of it",
    )


def _with_function() -> Iterator[Row]:
    """A package with a preprocessing function, in the graph where it can be, against the same by hand."""
    ours, other = _rates([servers.ours(_packed_with_function()), servers.by_hand_with_function()], bodies("records", 1))
    yield (
        "with a preprocessing function, requests per second, 64 connections",
        f"{ours:,.0f}",
        f"FastAPI + the function + joblib {other:,.0f}",
        f"{ours / other:.1f} times",
    )


def _rates(asked: list[Server], path: Path) -> list[float]:
    """The median requests per second of each at 64 connections, asked in turn."""
    rates: list[list[float]] = [[] for _ in asked]
    try:
        for server in asked:
            server.start(first(path))
        for _ in range(ROUNDS):
            for server, found in zip(asked, rates, strict=True):
                found.append(asking.closed(server, path, 64, SECONDS)["rate"])
                server.settle()
    finally:
        for server in asked:
            server.stop()
    return [statistics.median(found) for found in rates]


@cache
def packed() -> str:
    """The rulers' own fitted pipeline, packed: every server answers with the same model."""
    import joblib

    import holdall
    from benchmarks.setting import workload

    _, unseen = workload()
    pipeline: Any = joblib.load(models() / "pipe.joblib")
    holdall.pack(pipeline, name="served", sample=unseen.head(2_000))
    return "served"


@cache
def _packed_with_function() -> str:
    import joblib

    import holdall
    from benchmarks.peers.features import prepare
    from benchmarks.setting import workload

    _, unseen = workload()
    pipeline: Any = joblib.load(models() / "pipe.joblib")
    holdall.pack(pipeline, name="prepared", sample=unseen.head(2_000), preprocess=prepare)
    return "prepared"


@cache
def _wide_packed(path: Path) -> str:
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import holdall

    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(12_000, 200)), columns=[f"column_{at}" for at in range(200)])
    truth = (table["column_0"] + table["column_1"] > 0).astype(int)
    holdall.pack(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(table, truth), name="wide", sample=table[:1000]
    )
    if not path.exists():
        records = table[-10_000:].round(6).to_dict("records")
        path.write_text("".join(json.dumps({"rows": [record]}) + "\n" for record in records))
    return "wide"


def _table(measured: Figures, starts: dict[str, float], memory: dict[str, int]) -> None:
    """The whole grid, to standard error: `make bench` prints ratios, this is where they come from."""
    cells = " | ".join(f"{rows} rows, {connections} connections" for rows, connections in CELLS)
    print(f"\n| server | start s | PSS MB | {cells} |\n|{' --- |' * (3 + len(CELLS))}", file=sys.stderr)
    for name, found in measured.items():
        figures = " | ".join(
            f"{found[cell]['rate']:,.0f}/s · {found[cell]['median'] * 1e3:.2f} / {found[cell]['p99'] * 1e3:.1f} ms"
            for cell in CELLS
        )
        print(f"| {name} | {starts[name]:.2f} | {memory[name] >> 20} | {figures} |", file=sys.stderr)
