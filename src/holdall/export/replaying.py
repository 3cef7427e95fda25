"""Rows scored by an exported page's own module, in a real browser: what the page will answer, before anybody sees it.

The folder is served on loopback, with two pages of the replay under a path that nobody else knows. The browser opens the
first, which takes the rows piece by piece and sends the answers back: no debugging protocol, so any browser can be asked.
"""

from __future__ import annotations

import http.server
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from holdall.columns.batch import Batch, concatenate
from holdall.columns.json import json_records
from holdall.columns.records import read_records
from holdall.errors import CheckFailed
from holdall.export.chromium import BrowserFailed, opened
from holdall.spec.schema import Field, Kind, Schema

PIECE = 4096
"""So many rows travel to the browser at once."""

SAFE = 2**53 - 1
"""The largest whole number that JavaScript reads exactly."""

STARTING, SILENT = 120.0, 300.0
"""Seconds that the browser has to ask for the page, and for each piece."""

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}
_PAGES = ("replay.html", "replay.mjs")


class ReplayFailed(CheckFailed):
    """The page does not answer rows that the package answers."""

    code = "replay_failed"


@dataclass(frozen=True)
class Replayed:
    """answers: a batch of the schema's outputs. browser: what it calls itself. latency: milliseconds and rates."""

    answers: Batch
    browser: str
    latency: dict[str, float]


@dataclass
class _Exchange:
    """What the browser is given and what came back. Both sides hold `changed`."""

    pieces: Sequence[bytes]
    answers: dict[int, Any] = field(default_factory=dict)
    end: dict[str, Any] | None = None
    asked: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self) -> None:
        with self.changed:
            self.asked += 1
            self.changed.notify_all()

    def answered(self, piece: int, value: Any) -> None:
        with self.changed:
            self.answers[piece] = value
            self.changed.notify_all()

    def ended(self, value: dict[str, Any]) -> None:
        with self.changed:
            self.end = value
            self.changed.notify_all()


def replay(folder: Path, schema: Schema, inputs: Batch, program: str) -> Replayed:
    """The answers of the exported folder to these rows, which fit the schema.

    Raises BrowserFailed, and ReplayFailed with the page's own words where it cannot answer.
    """
    exchange = _Exchange(_pieces(inputs))
    with _serving(folder, exchange) as address, opened(program, address) as browser:
        seen, since = 0, time.monotonic()
        while True:
            with exchange.changed:
                exchange.changed.wait(0.2)
                if exchange.end is not None:
                    break
                if exchange.asked != seen:
                    seen, since = exchange.asked, time.monotonic()
            browser.check()
            if time.monotonic() - since > (SILENT if seen else STARTING):
                raise BrowserFailed(program, f"has not answered for {SILENT if seen else STARTING:g} seconds")
    end = exchange.end
    if end["error"] is not None:
        raise ReplayFailed(
            f"the page cannot answer: {end['error']}",
            hint="`holdall verify` tells whether the package itself still answers; "
            "a graph with operators that onnxruntime-web lacks cannot run in a browser",
        )
    answers = [_batch(exchange.answers[piece], schema.outputs) for piece in range(len(exchange.pieces))]
    return Replayed(
        concatenate(answers), str(end["browser"]), {name: float(value) for name, value in end["latency"].items()}
    )


def _pieces(inputs: Batch) -> list[bytes]:
    pieces = [inputs.take(slice(start, start + PIECE)) for start in range(0, inputs.rows, PIECE)]
    encode = msgspec.json.encode
    return [encode({"rows": json_records(piece), "exact": _exact(piece)}) for piece in pieces]


def _exact(batch: Batch) -> list[tuple[int, str, Any]]:
    """(row, column, text) of the values that JSON, as a browser reads it, would change."""
    found: list[tuple[int, str, Any]] = []
    for name in batch:
        kind, values = batch[name].kind, batch[name].values
        if kind is Kind.FLOAT:
            found += [(row, name, repr(values[row].item())) for row in np.flatnonzero(np.isinf(values)).tolist()]
        elif kind is Kind.INT:
            beyond = np.flatnonzero((values > SAFE) | (values < -SAFE))
            found += [(row, name, str(values[row])) for row in beyond.tolist()]
        elif kind is Kind.TENSOR:
            odd = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
            found += [(row, name, _texts(values[row].tolist())) for row in np.flatnonzero(odd).tolist()]
    return found


def _texts(value: Any) -> Any:
    return [_texts(part) for part in value] if isinstance(value, list) else repr(value)


def _batch(records: list[dict[str, Any]], outputs: Sequence[Field]) -> Batch:
    """The answers of one piece as columns."""
    numbers: dict[str, Callable[[Any], Any]] = {}
    for item in outputs:
        if item.kind in (Kind.FLOAT, Kind.TENSOR, Kind.INT):
            numbers[item.name] = int if item.kind is Kind.INT else float
    for record in records:
        for name, cast in numbers.items():
            record[name] = _revived(record[name], cast)
    return read_records(records, Schema(inputs=tuple(outputs), outputs=()))


def _revived(value: Any, cast: Callable[[Any], Any]) -> Any:
    """What the page sent: numbers that JSON does not have come as text."""
    if isinstance(value, list):
        return [_revived(part, cast) for part in value]
    return cast(value) if isinstance(value, str) else value


@contextmanager
def _serving(folder: Path, exchange: _Exchange) -> Iterator[str]:
    """The address of the replay's page, while the folder is served beside it."""
    secret = secrets.token_urlsafe(24)
    handler = type("Handler", (_Handler,), {"exchange": exchange, "folder": folder, "secret": secret})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{secret}/replay.html"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    """exchange, folder, secret: set for each server."""

    exchange: _Exchange
    folder: Path
    secret: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A file of the folder, a page of the replay, or a piece of rows."""
        self.exchange.note()
        first, _, rest = self.path.split("?")[0].removeprefix("/").partition("/")
        if first == self.secret:
            kind, _, number = rest.partition("/")
            if rest in _PAGES:
                self._send(200, files("holdall.export.pages").joinpath(rest).read_bytes(), rest)
            elif kind == "rows" and number.isdigit():
                pieces = self.exchange.pieces
                place = int(number)
                self._send(200, pieces[place] if place < len(pieces) else b"null", "rows.json")
            else:
                self._send(404, b"", "")
            return
        path = (self.folder / self.path.removeprefix("/")).resolve()
        if self.folder.resolve() in path.parents and path.is_file():
            self._send(200, path.read_bytes(), path.name)
        else:
            self._send(404, b"", "")

    def do_POST(self) -> None:
        """Answers to a piece of rows, or the end."""
        self.exchange.note()
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        first, _, rest = self.path.removeprefix("/").partition("/")
        kind, _, number = rest.partition("/")
        if first != self.secret:
            self._send(404, b"", "")
        elif kind == "answers":
            self.exchange.answered(int(number), msgspec.json.decode(body))
            self._send(204, b"", "")
        else:
            self._send(204, b"", "")
            self.exchange.ended(msgspec.json.decode(body))

    def _send(self, status: int, body: bytes, name: str) -> None:
        self.send_response(status)
        self.send_header("content-type", _TYPES.get(Path(name).suffix, "application/octet-stream"))
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 — the name of the library
        """Nothing is said of requests."""
