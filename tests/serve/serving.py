"""A server in a thread of this process, so that a test may choose its limits; and a client that speaks raw HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from holdall import api
from holdall.serve import http as door
from holdall.serve.access import Access
from holdall.serve.limits import Limits
from holdall.serve.plane import Plane, Source
from holdall.serve.processes import listen
from holdall.serve.routes import Routes

JSON = {"content-type": "application/json"}


@dataclass
class Running:
    """One server. events: what it said."""

    port: int
    plane: Plane
    routes: Routes
    loop: asyncio.AbstractEventLoop
    stopping: asyncio.Event
    thread: threading.Thread
    events: list[dict[str, Any]] = field(default_factory=list)

    def stop(self) -> None:
        """Begin to drain, as SIGTERM does."""
        self.loop.call_soon_threadsafe(self.stopping.set)

    def ask(
        self, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        return ask(self.port, path, body, headers)


@contextmanager
def serving(references: Sequence[str], limits: Limits | None = None, access: Access | None = None) -> Iterator[Running]:
    limits = limits or Limits()
    events: list[dict[str, Any]] = []
    plane = Plane(Source(api.open, lambda reference: api.open(reference).digest), references, limits)
    routes = Routes(plane, access or Access([]), limits, events.append)
    listener = listen("127.0.0.1", 0)
    ready = threading.Event()
    given: list[Any] = []

    async def main() -> None:
        stopping = asyncio.Event()
        given.extend((asyncio.get_running_loop(), stopping))
        await door.serve(listener, routes, limits, stop=stopping, every_second=lambda: None, ready=ready.set)

    def run() -> None:
        with asyncio.Runner(loop_factory=door.new_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(20)
    running = Running(listener.getsockname()[1], plane, routes, given[0], given[1], thread, events)
    try:
        yield running
    finally:
        if thread.is_alive():
            running.stop()
        thread.join(20)
        listener.close()
        for served in plane.models.values():
            served.close()


def ask(
    port: int,
    path: str,
    body: bytes | str | None = None,
    headers: dict[str, str] | None = None,
    method: str | None = None,
) -> tuple[int, Any, dict[str, str]]:
    """(status, the body as JSON where it is, headers by lower-case name) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method or ("GET" if body is None else "POST"), path, body, headers or (JSON if body else {}))
    response = connection.getresponse()
    data = response.read()
    given = {name.lower(): value for name, value in response.getheaders()}
    connection.close()
    return response.status, json.loads(data) if data and "json" in given["content-type"] else data, given


def request_of(body: bytes, path: str = "/predict", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def read_all(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def read_answer(client: socket.socket) -> tuple[int, bytes]:
    """(status, body) of the next answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        assert part, f"closed after {data!r}"
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += client.recv(65536)
    return int(head[9:12]), body
