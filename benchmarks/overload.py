"""A thousand connections that ask for twice what the server can answer: `python -m benchmarks.overload [seconds]`.

Requests of 32 rows are sent by the clock, whatever the answers do; a connection sends its next one when it was answered.
What counts: that nothing but answers and clean refusals comes, how long the next request takes afterwards, and memory.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import asking, servers
from benchmarks.bodies import bodies, first
from benchmarks.servers import Server
from benchmarks.serving import packed

CONNECTIONS = 1000
ROWS = 32


class _Load:
    """The clock, the connections that are free, and what came back."""

    def __init__(self, requests: list[bytes], rate: float, seconds: float) -> None:
        self.free: deque[asking.Connection] = deque()
        self.answers: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.broken = 0
        self._requests = requests
        self._rate = rate
        self._seconds = seconds

    async def run(self) -> float:
        """Send for so many seconds; the share of the rate that was really sent."""
        began = time.perf_counter()
        sent = 0
        while (now := time.perf_counter() - began) < self._seconds:
            due = int(now * self._rate)
            while sent < due and self.free:
                one = self.free.popleft()
                if one.transport.is_closing():
                    continue
                one.send(self._requests[sent % len(self._requests)], time.perf_counter())
                sent += 1
            await asyncio.sleep(0.001)
        return sent / (self._rate * self._seconds)

    def answered(self, connection: asking.Connection, status: int, head: bytes) -> None:
        clean = status == 503 and b"retry-after:" in head
        kind = "answered" if status == 200 else "refused" if clean else f"status {status}"
        self.answers[kind] += 1
        self.slowest[kind] = max(self.slowest.get(kind, 0.0), time.perf_counter() - connection.due)
        self.free.append(connection)


async def overload(server: Server, path: Path, rate: float, seconds: float) -> dict[str, Any]:
    """What came back of so many requests a second, and how the server was afterwards."""
    parts = urlsplit(server.url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    lines = path.read_bytes().splitlines()
    load = _Load([f"{head}{len(line)}\r\n\r\n".encode() + line for line in lines], rate, seconds)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: asking.Connection(load), parts.hostname, parts.port)
    memory: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            memory.append(server.memory() >> 20)

    watching = threading.Thread(target=watch)
    watching.start()
    sent = await load.run()
    began = time.perf_counter()
    answer = await loop.run_in_executor(None, server.ask, first(path))
    next_one = time.perf_counter() - began
    await asyncio.sleep(2)
    done.set()
    watching.join()
    return {
        **load.answers,
        "slowest": {kind: round(value, 3) for kind, value in load.slowest.items()},
        "unanswered": CONNECTIONS - len(load.free),
        "lost": load.broken,
        "sent of what was due": round(sent, 2),
        "next request": round(next_one, 3) if answer else None,
        "memory MB": memory,
    }


def main() -> None:
    import os

    import uvloop

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    path = bodies("records", ROWS)
    server = servers.ours(packed())
    try:
        server.start(first(path))
        capacity = asking.closed(server, path, 64, 3)["rate"]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {int(servers.CLIENT_CORE)})
        found = uvloop.run(overload(server, path, 2 * capacity, seconds))
    finally:
        server.stop()
    print(json.dumps({"capacity": round(capacity), **found}))


if __name__ == "__main__":
    main()
