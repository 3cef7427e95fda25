"""Who asks: wrk for closed loops, and a client of our own for the open loop, which wrk does not have.

In a closed loop a connection sends when it was answered, so a slow server is asked less and its waits do not show. In the
open loop requests are sent by the clock and a request's time counts from when it *should* have been sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from benchmarks.servers import CLIENT_CORE, Server
from benchmarks.setting import ROOT
from benchmarks.yardsticks import Absent

SCRIPT = ROOT / "benchmarks" / "wrk.lua"


def closed(server: Server, bodies: Path, connections: int, seconds: float) -> dict[str, float]:
    """rate [1/s], median, p99, slowest [s], requests, refused (no 2xx), timeouts, broken."""
    if shutil.which("wrk") is None:
        raise Absent("serving is measured with wrk: install it, for instance `apt-get install wrk`")
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", SCRIPT, server.url],
        env={**os.environ, "BODIES": str(bodies)},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("JSON "))
    figures: dict[str, float] = json.loads(line[5:])
    return figures


def opened(server: Server, bodies: Path, rate: float, seconds: float, connections: int = 64) -> dict[str, float]:
    """The same for requests sent `rate` times a second whatever the answers do."""
    command = ["taskset", "-c", CLIENT_CORE, sys.executable, "-m", "benchmarks.asking"]
    done = subprocess.run(
        [*command, server.url, str(bodies), str(rate), str(seconds), str(connections)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


class Listening(Protocol):
    """Who sends by the clock. free: the connections that may send."""

    free: deque[Connection]
    broken: int

    def answered(self, connection: Connection, status: int, head: bytes) -> None: ...


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time in flight. due: when that was to be sent."""

    def __init__(self, load: Listening) -> None:
        self._load = load
        self._received = b""
        self.due = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._load.free.append(self)

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) >= length:
            self._received = rest[length:]
            self._load.answered(self, int(head[9:12]), head.lower())

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._load.broken += 1


class _Load:
    def __init__(self, requests: list[bytes], rate: float, seconds: float) -> None:
        self._requests = requests
        self._rate = rate
        self._total = int(rate * seconds)
        self._due: deque[float] = deque()
        self.free: deque[Connection] = deque()
        self.times: list[float] = []
        self.refused = 0
        self.broken = 0
        self._sent = 0

    async def run(self) -> None:
        began = time.perf_counter()
        planned = 0
        while planned < self._total:
            now = time.perf_counter() - began
            upto = min(self._total, int(now * self._rate))
            for number in range(planned, upto):
                self._due.append(began + number / self._rate)
            planned = max(planned, upto)
            self._send()
            await asyncio.sleep(0)
        last = time.perf_counter() + 10
        while len(self.times) < self._total and time.perf_counter() < last:
            await asyncio.sleep(0.01)

    def _send(self) -> None:
        while self._due and self.free:
            self.free.popleft().send(self._requests[self._sent % len(self._requests)], self._due.popleft())
            self._sent += 1

    def answered(self, connection: Connection, status: int, head: bytes) -> None:  # noqa: ARG002 — the seam
        self.times.append(time.perf_counter() - connection.due)
        self.refused += status != 200
        self.free.append(connection)
        self._send()


async def _ask(url: str, bodies: str, rate: float, seconds: float, connections: int) -> dict[str, float]:
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    lines = Path(bodies).read_bytes().splitlines()
    load = _Load([head.encode() + str(len(line)).encode() + b"\r\n\r\n" + line for line in lines], rate, seconds)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(load), parts.hostname, parts.port) for _ in range(connections)
    ]
    await load.run()
    times = sorted(load.times)
    broken = load.broken
    for transport, _ in made:
        transport.close()
    return {
        "rate": len(times) / seconds,
        "median": times[len(times) // 2],
        "p99": times[int(len(times) * 0.99)],
        "slowest": times[-1],
        "requests": len(times),
        "refused": load.refused,
        "broken": broken,
    }


if __name__ == "__main__":
    import gc

    import uvloop

    gc.disable()  # a pause of the one who asks is no wait for an answer

    url, bodies, rate, seconds, connections = sys.argv[1:]
    print(json.dumps(uvloop.run(_ask(url, bodies, float(rate), float(seconds), int(connections)))))
