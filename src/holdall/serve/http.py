"""HTTP/1.1 on sockets: the parser is llhttp (httptools), the loop libuv (uvloop). The only module that knows how bytes travel.

One request of a connection is worked on at a time; others that were sent ahead wait their turn. What is wrong with a head
is said before the body is read. A connection that says nothing for long, or sends slowly, is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

import httptools

from holdall.serve.limits import Limits
from holdall.serve.routes import JSON_TYPE, Answer, Request, Routes, failure

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_NO_SNIFFING = b"\r\nx-content-type-options: nosniff\r\ncontent-length: "
_SPECIAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
_ONCE = frozenset({b"host", b"content-length", b"authorization", b"content-type"})
_HEADS = 256
"""Heads that are remembered. Clients on one connection send the same few again and again."""

_HEAD = 2048
"""Bytes of the longest head that is."""

_SMALL = 64 * 2**10
"""Bytes of a body that is read and forgotten where the head was refused, so that the connection can be kept."""

_TICK = 1.0
_LINGER = 2.0
_HALF_OPEN = 0.1
"""Seconds for which a request is worked on whose client has ended its side of the connection."""


class Head(NamedTuple):
    """A head that was read before, of a prediction whose body has this length and whose connection stays."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    length: int


class Server:
    """What all connections of one process share. heads: by their bytes; one that comes again is not parsed again."""

    def __init__(self, routes: Routes, limits: Limits) -> None:
        self.routes = routes
        self.limits = limits
        self.connections: set[Connection] = set()
        self.draining = False
        self.heads: dict[bytes, Head] = {}
        self.date = b""
        self.usual = b""
        self.tick()

    def remember(self, head: bytes, parsed: Head) -> None:
        """Keep a head that was found good."""
        if len(self.heads) >= _HEADS:
            self.heads.clear()
        self.heads[head] = parsed

    def tick(self) -> None:
        """Once a second: the date for the answers, and connections that were silent or slow for too long."""
        self.date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        self.usual = _LINES[200] + self.date + b"content-type: %b%b" % (JSON_TYPE, _NO_SNIFFING)
        self.routes.connections = len(self.connections)
        if self.connections:
            now = asyncio.get_running_loop().time()
            for connection in list(self.connections):
                connection.close_if_late(now)

    def drain(self) -> None:
        """Idle connections end now, the others after their answer."""
        self.draining = self.routes.draining = True
        for connection in list(self.connections):
            connection.close_if_idle()


class Connection(asyncio.Protocol):
    """One connection. The methods `on_…` are called by the parser."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._routes = server.routes
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[Request | Answer, bool, bool]] = deque()
        self._refused: Answer | None = None
        self._busy = False
        self._pumping = False
        self._keep = True
        self._head_only = False
        self._receiving = False
        self._between = True
        self._head = b""
        self._complete = 0
        self._deaf = False
        self._since = self._loop.time()
        self._paused = False
        self._ended = False
        self._lingers = False

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a stream's transport
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        self._waiting.clear()
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        end = data.find(b"\r\n\r\n", 0, _HEAD) + 4 if self._between else 0
        if end > 4:
            head = self._server.heads.get(data[:end])
            if head is not None and len(data) - end == head.length and self._routes.asks_for_prediction(head.path):
                self._take(head, data[end:])
                return
        complete = self._complete
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing but HTTP/1.1 is spoken here; the request itself was answered.
            self._deaf = True
        except httptools.HttpParserError:
            self._end(self._wrong(400, "malformed", "this is no HTTP request", "send HTTP/1.1"))
        if end > 4 and self._between and self._complete == complete + 1:
            self._learn(data, end)
        self._pump()

    def _take(self, head: Head, body: bytes) -> None:
        """A whole request in one piece, whose head is known."""
        self._since = self._loop.time()
        self._waiting.append((Request(head.method, head.path, head.headers, body, self.gone), True, False))
        self._pump()

    def _learn(self, data: bytes, end: int) -> None:
        """Remember the head of the one request that `data` was, if it is one whose end its head tells.

        Only one that this connection sent twice running: heads with a number of their own would push out all others.
        """
        known, self._head = self._head, data[:end]
        if known != self._head:
            return
        headers = self._headers
        length = headers.get(b"content-length", b"")
        if (
            self._method == "POST"
            and self._refused is None
            and length.isdigit()
            and len(data) - end == int(length[:20])
            and not _SPECIAL & headers.keys()
            and self._routes.asks_for_prediction(self._path)
        ):
            self._server.remember(self._head, Head(self._method, self._path, headers, len(data) - end))

    def eof_received(self) -> bool:
        self._ended = self._deaf = True
        return self._busy or bool(self._waiting)

    def gone(self) -> bool:
        """Whether the client left. One that only ended its own side looks the same; it gets what can be answered at once."""
        return self._is_lost() or (self._ended and self._loop.time() - self._since > _HALF_OPEN)

    def _is_lost(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    # The parser

    def on_message_begin(self) -> None:
        self._receiving = True
        self._between = False
        self._refused = None
        self._since = self._loop.time()
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._twice = False
        self._parts: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._grow(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value) + 4)
        name = name.lower()
        if name in self._headers:
            self._twice |= name in _ONCE
        self._headers[name] = value

    def _grow(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._limits.head and not self._deaf:
            self._end(
                self._wrong(431, "head_too_large", f"a head has at most {self._limits.head:,} bytes", "send less")
            )

    def on_headers_complete(self) -> None:
        if self._deaf:
            return
        self._method = self._parser.get_method().decode("latin-1")
        headers = self._headers
        try:
            url = httptools.parse_url(self._url)
            path = url.path.decode("ascii")
            self._path = unquote(path) if "%" in path else path
        except (httptools.HttpParserError, UnicodeDecodeError, AttributeError):
            self._end(self._wrong(400, "malformed", "the request's path is no path", "send a path such as /predict"))
            return
        if self._twice:
            self._end(self._wrong(400, "malformed", "a header that may come once came twice", "send it once"))
            return
        refused = self._routes.refuse(self._method, self._path, headers)
        length = headers.get(b"content-length", b"0")
        body_follows = length != b"0" or b"transfer-encoding" in headers
        if refused is None and length.isdigit() and int(length[:20]) > self._limits.body:
            refused = self._too_large()
        if refused is not None:
            if body_follows and (b"transfer-encoding" in headers or not length.isdigit() or int(length[:20]) > _SMALL):
                self._end(refused)
            else:
                self._refused = refused
            return
        self._refused = None
        if body_follows and headers.get(b"expect", b"").lower() == b"100-continue" and not self._busy:
            self._write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self._deaf:
            return
        if self._refused is not None:
            return
        self._size += len(body)
        if self._size > self._limits.body:
            self._end(self._too_large())
            return
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        self._receiving = False
        self._complete += 1
        keep = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._between = keep
        work: Request | Answer
        if self._refused is not None:
            work = self._refused
        else:
            parts = self._parts
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            work = Request(self._method, self._path, self._headers, body, self.gone)
        self._waiting.append((work, keep, self._method == "HEAD"))

    def _too_large(self) -> Answer:
        return self._wrong(
            413, "too_large", f"a body has at most {self._limits.body:,} bytes", "send the rows in parts"
        )

    def _wrong(self, status: int, code: str, message: str, hint: str) -> Answer:
        self._routes.count(status)
        return failure(status, code, message, hint)

    def _end(self, answer: Answer) -> None:
        """Say what is wrong, and hear no more of this connection."""
        self._deaf = True
        self._receiving = False
        self._waiting.append((answer, False, False))

    # Work

    def _pump(self) -> None:
        """Work on what waits, one at a time. A loop, for a client may send a thousand requests in one packet."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._waiting and not self._busy and not self._is_lost():
                work, keep, self._head_only = self._waiting.popleft()
                self._busy = True
                self._keep = keep and not self._server.draining
                if isinstance(work, Answer):
                    self._reply(work)
                else:
                    self._handle(work)
        finally:
            self._pumping = False
        self._throttle()

    def _handle(self, request: Request) -> None:
        try:
            self._routes.handle(request, self._reply)
        except Exception as error:  # noqa: BLE001 — a mistake of ours must not leave the client waiting
            self._reply(self._routes.failed(error))

    def _throttle(self) -> None:
        """While requests that were sent ahead wait, no more are read."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._waiting and not self._paused:
            self._paused = True
            transport.pause_reading()
        elif self._paused and not self._waiting:
            self._paused = False
            transport.resume_reading()

    def _reply(self, answer: Answer) -> None:
        self._busy = False
        self._since = self._loop.time()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        body = answer.body
        if answer.status == 200 and answer.type is JSON_TYPE and not answer.headers:
            head = b"%b%d\r\n" % (self._server.usual, len(body))
        else:
            head = b"%b%bcontent-type: %b%b%d\r\n" % (
                _LINES[answer.status],
                self._server.date,
                answer.type,
                _NO_SNIFFING,
                len(body),
            )
            for name, value in answer.headers:
                head += name + b": " + value + b"\r\n"
        keep = self._keep and not self._server.draining and not (self._ended and not self._waiting)
        head += b"\r\n" if keep else b"connection: close\r\n\r\n"
        self._write(head if self._head_only else head + body)
        if not keep:
            self._part()
        elif self._waiting:
            self._pump()

    def _part(self) -> None:
        """The last answer was given. A client that is still sending reads it only if what it sends is taken until it stops."""
        transport = self._transport
        if transport is None:
            return
        self._waiting.clear()
        if self._deaf and not self._ended and transport.can_write_eof():
            self._lingers = True
            transport.write_eof()
        else:
            self._deaf = True
            transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # Time

    def close_if_late(self, now: float) -> None:
        """Close a connection that has been silent between two requests, or within one, for too long."""
        if self._busy or self._waiting:
            return
        patience = _LINGER if self._lingers else self._limits.sending if self._receiving else self._limits.idle
        if now - self._since > patience and self._transport is not None:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Close a connection that nothing is worked on for."""
        if not self._busy and not self._waiting and self._transport is not None:
            self._transport.close()


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop to serve on: libuv's where there is one."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def serve(
    listener: socket.socket,
    routes: Routes,
    limits: Limits,
    *,
    stop: asyncio.Event,
    every_second: Callable[[], Any],
    ready: Callable[[], None],
) -> None:
    """Serve until `stop` is set, then let what is in flight end. ready: called once requests are taken."""
    loop = asyncio.get_running_loop()
    server = Server(routes, limits)
    listening = await loop.create_server(lambda: Connection(server), sock=listener, backlog=2048)
    ready()
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _TICK)
        except TimeoutError:
            server.tick()
            every_second()
    listening.close()
    server.drain()
    until = loop.time() + limits.drain
    while server.connections and loop.time() < until:
        server.drain()
        await asyncio.sleep(0.02)
