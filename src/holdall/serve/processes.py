"""The processes of a server: one, or several that share a port. Signals, readiness, figures of all workers.

Workers are forked before anything heavy is imported, and each loads the models itself: an engine's threads don't survive a
fork. They all accept from one socket, so none that dies takes waiting connections along.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import mmap
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from holdall.errors import StorageFailed, Unavailable, UsageError
from holdall.serve.access import Access
from holdall.serve.limits import Limits
from holdall.serve.metrics import Snapshot, add

if TYPE_CHECKING:
    from holdall.serve.plane import Plane

Say = Callable[[dict[str, Any]], None]
_PAGE = 256 * 1024
"""Bytes of shared memory for one worker's figures."""

_RESTART = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Settings:
    """How to serve. make: opens the models, in the process that will serve them."""

    host: str
    port: int
    workers: int
    access: Access
    limits: Limits
    make: Callable[[], Plane]


class Board:
    """Shared memory in which each worker leaves its figures, so that any of them can tell those of all."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._memory = mmap.mmap(-1, workers * _PAGE)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Snapshot)

    def leave(self, worker: int, snapshot: Snapshot) -> None:
        """Puts down what this worker counted. A reader that comes meanwhile finds nothing rather than half of it."""
        data = self._encoder.encode(snapshot)
        if len(data) > _PAGE - 4:
            return
        start = worker * _PAGE
        self._memory[start : start + 4] = struct.pack("<I", 0)
        self._memory[start + 4 : start + 4 + len(data)] = data
        self._memory[start : start + 4] = struct.pack("<I", len(data))

    def gather(self, worker: int, mine: Snapshot) -> Snapshot:
        """The sum of all, with this worker's own figures as they are now."""
        found = [mine]
        for other in range(self._workers):
            start = other * _PAGE
            (size,) = struct.unpack("<I", self._memory[start : start + 4])
            if other != worker and 0 < size <= _PAGE - 4:
                try:
                    found.append(self._decoder.decode(self._memory[start + 4 : start + 4 + size]))
                except msgspec.MsgspecError:
                    continue
        return add(found)


def run(settings: Settings, say: Say) -> None:
    """Serve until SIGTERM or SIGINT. say: is told {"event": "ready", "url": …} and all that happens after.

    Raises UsageError where the address cannot be had, Unavailable where workers do not start, and what `make` raises.
    """
    if settings.workers > 1 and not hasattr(os, "fork"):
        raise UsageError("--workers needs a system that can fork", hint="start one server for each port")
    listener = listen(settings.host, settings.port)
    with listener:
        url = url_of(listener, settings.host)
        if settings.workers == 1:
            _work(settings, listener, say, lambda: say({"event": "ready", "url": url}), None, None)
        else:
            _supervise(settings, listener, say, url)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="--port 0 takes any free port",
            host=host,
            port=port,
        ) from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    """Where the server is found."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _work(
    settings: Settings,
    listener: socket.socket,
    say: Say,
    ready: Callable[[], None],
    board: tuple[Board, int] | None,
    parent: int | None,
) -> None:
    """One process that serves. parent: a pipe that ends when the parent does."""
    from holdall.serve import http
    from holdall.serve.routes import Routes

    plane = settings.make()
    everywhere = (lambda mine: board[0].gather(board[1], mine)) if board is not None else (lambda mine: mine)
    routes = Routes(plane, settings.access, settings.limits, say, everywhere)
    # What was loaded until now stays; looking through it for garbage would hold up requests for many milliseconds.
    gc.collect()
    gc.freeze()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        following: asyncio.Future[None] | None = None

        def interrupted() -> None:
            if stop.is_set():
                os._exit(1)
            stop.set()

        def every_second() -> None:
            nonlocal following
            if board is not None:
                board[0].leave(board[1], routes.snapshot())
            if following is None or following.done():
                following = loop.run_in_executor(None, plane.follow, say)

        _on_signals(loop, interrupted)
        if parent is not None:
            loop.add_reader(parent, stop.set)
        await http.serve(listener, routes, settings.limits, stop=stop, every_second=every_second, ready=ready)
        if following is not None:
            await following

    with asyncio.Runner(loop_factory=http.new_loop) as runner:
        runner.run(main())


def _on_signals(loop: asyncio.AbstractEventLoop, interrupted: Callable[[], None]) -> None:
    """Call `interrupted` on the loop for each signal that ends a server; Windows' loops know no signals."""
    for number in _SIGNALS:
        try:
            loop.add_signal_handler(number, interrupted)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(interrupted))


def _supervise(settings: Settings, listener: socket.socket, say: Say, url: str) -> None:
    """Keep the workers running until a signal comes; say that all is ready once every one of them is."""
    board = Board(settings.workers)
    alive, lifeline = os.pipe()
    ready, told = os.pipe()
    os.set_blocking(ready, False)
    stopping = False
    workers: dict[int, int] = {}

    def interrupted(number: int, frame: Any) -> None:  # noqa: ARG001
        nonlocal stopping
        stopping = True
        _signal(workers, number)

    def start(worker: int) -> None:
        process = os.fork()
        if process == 0:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.close(lifeline)
            _child(settings, listener, say, lambda: _tell(told), (board, worker), alive)
        workers[process] = worker

    for number in _SIGNALS:
        signal.signal(number, interrupted)
    for worker in range(settings.workers):
        start(worker)
    running = 0
    while workers:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if process:
            worker = workers.pop(process)
            if not stopping and running < settings.workers:
                stopping = True
                _signal(workers, signal.SIGTERM)
                for other in list(workers):
                    os.waitpid(other, 0)
                raise Unavailable(
                    "a worker did not start", hint="--workers 1 shows why", code=os.waitstatus_to_exitcode(status)
                )
            if not stopping:
                say({"event": "worker_died", "worker": worker, "code": os.waitstatus_to_exitcode(status)})
                time.sleep(_RESTART)
                start(worker)
            continue
        if running < settings.workers:
            with contextlib.suppress(BlockingIOError):
                running += len(os.read(ready, 64))
            if running >= settings.workers:
                say({"event": "ready", "url": url})
        time.sleep(0.01 if running < settings.workers else 0.1)


def _child(
    settings: Settings,
    listener: socket.socket,
    say: Say,
    ready: Callable[[], None],
    board: tuple[Board, int],
    parent: int,
) -> None:
    """A worker's whole life; it never returns."""
    code = 1
    try:
        _work(settings, listener, say, ready, board, parent)
        code = 0
    except Exception as error:  # noqa: BLE001 — the parent is told by the exit code, people by this line
        say({"event": "worker_failed", "error": f"{type(error).__name__}: {error}"})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _tell(pipe: int) -> None:
    try:
        os.write(pipe, b".")
    except OSError as error:
        raise StorageFailed("the parent's pipe", str(error)) from None


def _signal(workers: Sequence[int] | dict[int, int], number: int) -> None:
    for process in list(workers):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue
