"""From a request to an answer. It knows what HTTP means, not how it travels: no socket is opened here.

An answer may come later, so `handle` is given a function to call. Nothing that a client sends ends in a 500.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import count
from time import monotonic
from typing import Any, NamedTuple

from holdall import errors
from holdall.serve import metrics
from holdall.serve.access import Access
from holdall.serve.batching import Expired, Scored
from holdall.serve.decoding import JSON, UnsupportedType, check_depth, read_body
from holdall.serve.encoding import Envelope, to_json
from holdall.serve.limits import Limits, Overloaded, TooLarge
from holdall.serve.metrics import Snapshot
from holdall.serve.openapi import describe, example_of
from holdall.serve.plane import FEW, Plane, Served

LARGE = 128 * 2**10
"""Bytes of a body that is read, scored and answered in the thread: so much JSON takes longer than many small requests."""

JSON_TYPE = b"application/json"
_PAGE_TYPES = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
}
_PAGES = {"/": "try.html", "/docs": "docs.html"}
_ASSETS = ("style.css", "fields.js", "try.js", "docs.js")
_POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)
_OPEN = frozenset({"/health/live", "/health/ready", *_PAGES, *(f"/assets/{name}" for name in _ASSETS)})
"""Asked for without a token: what an orchestrator needs, and pages that hold nothing of the models."""

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (TooLarge, 413),
    (UnsupportedType, 415),
    (errors.MissingDependency, 415),
    (errors.UnreadableTable, 400),
    (errors.InputError, 422),
    (errors.WorkerDied, 503),
)
"""The one table for this door."""


class Answer(NamedTuple):
    status: int
    body: bytes
    type: bytes = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class Request:
    """headers: by lower-case name. gone: whether the client left."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes
    gone: Callable[[], bool]


Reply = Callable[[Answer], None]


class Routes:
    """All routes of one server. Every method belongs to the event loop's thread."""

    def __init__(
        self,
        plane: Plane,
        access: Access,
        limits: Limits,
        say: Callable[[dict[str, Any]], None],
        everywhere: Callable[[Snapshot], Snapshot] = lambda mine: mine,
    ) -> None:
        """say: is told of what should not happen. everywhere: from this process's figures to those of all workers."""
        self.plane = plane
        self.draining = False
        self.connections = 0
        self._access = access
        self._limits = limits
        self._say = say
        self._everywhere = everywhere
        self._envelopes: dict[str, Envelope] = {}
        self._others: dict[int, int] = {}
        self._documents: dict[tuple[str, ...], bytes] = {}
        self._begin = secrets.token_hex(6)
        self._numbers = count()

    def refuse(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Answer | None:
        """What is wrong already with the head of a request, before its body is read; None where nothing is. It is counted."""
        if method == "POST":
            served = self._served(path)
            if served is not None and self._admitted(headers):
                try:
                    served.lane.admit()
                except Overloaded as error:
                    served.figures.shed += 1
                    return self._counted(served, overloaded(error))
                return None
        answer = self._refused(method, path, headers)
        if answer is not None:
            self.count(answer.status)
        return answer

    def _admitted(self, headers: Mapping[bytes, bytes]) -> bool:
        return self._access.knows(headers.get(b"host", b"")) and self._access.admits(headers.get(b"authorization", b""))

    def asks_for_prediction(self, path: str) -> bool:
        """Whether a model answers at this path."""
        return self._served(path) is not None

    def _refused(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Answer | None:
        if not self._access.knows(headers.get(b"host", b"")):
            return failure(
                421, "unknown_host", "this server does not answer to that Host name", "start it with --allow-host NAME"
            )
        if path not in _OPEN and not self._access.admits(headers.get(b"authorization", b"")):
            answer = failure(401, "unauthorized", "a token is asked for", "send Authorization: Bearer TOKEN")
            return answer._replace(headers=((b"www-authenticate", b"Bearer"),))
        allowed = self._methods(path)
        if not allowed:
            return failure(
                404, "not_found", f"there is nothing at {path[:200]}", "GET /openapi.json lists what there is"
            )
        if method not in allowed:
            answer = failure(405, "method", f"{method} is not for {path[:200]}", f"use {allowed[0]}")
            return answer._replace(headers=((b"allow", ", ".join(allowed).encode()),))
        return None

    def _methods(self, path: str) -> tuple[str, ...]:
        if self._served(path) is not None:
            return ("POST",)
        if path == "/predict":
            return ()
        known = path in _OPEN or path in ("/metrics", "/openapi.json", "/models") or self._described(path) is not None
        return ("GET", "HEAD") if known else ()

    def _served(self, path: str) -> Served | None:
        """The model that a prediction is asked of at this path."""
        if path == "/predict":
            return self.plane.only
        if path.startswith("/models/") and path.endswith("/predict"):
            return self.plane.models.get(path[8:-8])
        return None

    def _described(self, path: str) -> Served | None:
        return self.plane.models.get(path[8:]) if path.startswith("/models/") else None

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer the request; `reply` is called once, now or later. What `refuse` asks was asked before."""
        served = self._served(request.path)
        if served is not None:
            self._predict(served, request, reply)
            return
        answer = self._get(request.path)
        self.count(answer.status)
        reply(answer)

    def count(self, status: int) -> None:
        """One answer to a request that asked for no prediction, or never got so far."""
        self._others[status] = self._others.get(status, 0) + 1

    def _predict(self, served: Served, request: Request, reply: Reply) -> None:
        asked = _Asked(self, served, request, reply)
        try:
            asked.submit(self._limits)
        except (errors.Error, Overloaded) as error:
            asked.done(None, error)

    def identity(self) -> str:
        """A name for a request that brought none."""
        return f"{self._begin}-{next(self._numbers):x}"

    def failed(self, error: Exception) -> Answer:
        """The answer that tells of an error."""
        if isinstance(error, Overloaded):
            return overloaded(error)
        if isinstance(error, Expired):
            return overloaded(Overloaded())
        if isinstance(error, RecursionError):
            return failure(400, "unreadable_table", "the body nests too deeply", "send a list of flat records")
        for kind, status in _STATUS:
            if isinstance(error, kind) and isinstance(error, errors.Error):
                plain = {key: value for key, value in error.to_json().items() if value is not None}
                later = ((b"retry-after", b"1"),) if status == 503 else ()
                return Answer(status, to_json({"error": plain}), headers=later)
        self._say({"event": "unexpected", "error": f"{type(error).__name__}: {error}"})
        return failure(500, "unexpected", "the server made a mistake", "its log says more")

    def _counted(self, served: Served, answer: Answer, began: float | None = None, rows: int = 0) -> Answer:
        served.figures.observe(answer.status, 0.0 if began is None else monotonic() - began, rows)
        return answer

    def answered(self, served: Served, scored: Scored, identity: str | None, began: float) -> Answer:
        """The answer that tells of predictions."""
        try:
            body = self._envelope(served).encode(scored, identity or self.identity())
        except Exception as broken:  # noqa: BLE001 — an answer must come, whatever the model gave
            return self._counted(served, self.failed(broken), began)
        return self._counted(served, Answer(200, body), began, len(scored))

    def told(self, served: Served, error: Exception, began: float) -> Answer:
        """The answer that tells why there are none."""
        served.figures.shed += isinstance(error, Overloaded | Expired)
        return self._counted(served, self.failed(error), began)

    def _envelope(self, served: Served) -> Envelope:
        found = self._envelopes.get(served.digest)
        if found is None:
            found = self._envelopes[served.digest] = Envelope(served.model, served.version, served.digest)
        return found

    def _get(self, path: str) -> Answer:
        if path == "/health/live":
            return Answer(200, b'{"status":"live"}')
        if path == "/health/ready":
            return Answer(503, b'{"status":"draining"}') if self.draining else Answer(200, b'{"status":"ready"}')
        if path == "/metrics":
            text = metrics.to_text(self._everywhere(self.snapshot()))
            return Answer(200, text.encode(), b"text/plain; version=0.0.4; charset=utf-8")
        if path == "/openapi.json":
            return Answer(200, self._document())
        if path == "/models":
            return Answer(200, to_json({"models": [summary(served) for served in self.plane.models.values()]}))
        served = self._described(path)
        if served is not None:
            return Answer(
                200, to_json({**summary(served), "schema": served.schema, "example": example_of(served.package)})
            )
        return _page(_PAGES.get(path) or path.removeprefix("/assets/"))

    def _document(self) -> bytes:
        served = list(self.plane.models.values())
        key = tuple(model.digest for model in served)
        if key not in self._documents:
            models = {model.id: (model.package, model.reference) for model in served}
            self._documents = {key: to_json(describe(models, self._limits, token=not self._access.open))}
        return self._documents[key]

    def snapshot(self) -> Snapshot:
        """What this process counted."""
        waiting: dict[str, int] = {}
        for served in (*self.plane.models.values(), *self.plane.leaving):
            waiting[served.figures_key] = waiting.get(served.figures_key, 0) + served.lane.depth
        models = dict(self.plane.figures)
        for key, figures in models.items():
            figures.waiting = waiting.get(key, 0)
        return Snapshot(models, dict(self._others), self.connections, self.plane.failures)


class _Asked:
    """One request for predictions, on its way."""

    __slots__ = ("_began", "_identity", "_reply", "_request", "_routes", "_served", "_whole")

    def __init__(self, routes: Routes, served: Served, request: Request, reply: Reply) -> None:
        self._routes = routes
        self._served = served
        self._request = request
        self._reply = reply
        self._identity: str | None = None
        self._whole = False
        self._began = monotonic()

    def submit(self, limits: Limits) -> None:
        """Raises what is wrong with the body, and Overloaded."""
        served, request = self._served, self._request
        served.lane.admit()  # before the body is read: what is turned away must cost little
        body = request.body
        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        if len(body) > LARGE or not content_type.startswith(JSON):
            self._whole = True
            served.lane.submit_work(partial(_whole, served, body, content_type, limits), self.done, request.gone)
            return
        if served.typed is not None and _is_json(content_type):
            typed = served.typed.read(body)
            if typed is not None and len(typed[0]) <= FEW:
                rows, self._identity = typed
                again = partial(_again, served, body, content_type, limits)
                served.lane.submit(rows, served.score_typed, self.done, request.gone, again)
                return
        asked = read_body(body, content_type, served.schema, limits)
        records, self._identity = asked.rows, asked.id
        if body.count(b"[") > 1 or body.count(b"{") > len(records) + 1:
            check_depth(body, content_type, limits)
        if len(records) > FEW:
            served.lane.submit_work(partial(_scored, served, records), self.done, request.gone)
        else:
            served.lane.submit(records, served.score_rows, self.done, request.gone)  # type: ignore[arg-type] # no batch

    def done(self, answered: Any, error: Exception | None) -> None:
        """Tell the client."""
        if error is not None:
            self._reply(self._routes.told(self._served, error, self._began))
            return
        scored, identity = answered if self._whole else (answered, self._identity)
        self._reply(self._routes.answered(self._served, scored, identity, self._began))


def _is_json(content_type: str) -> bool:
    return content_type == JSON or content_type.partition(";")[0].strip().lower() == JSON


def _again(served: Served, body: bytes, content_type: str, limits: Limits) -> Scored:
    """A regular body whose values do not fit, read as records: they tell what does not."""
    return served.score_rows(read_body(body, content_type, served.schema, limits).rows)  # type: ignore[arg-type] # JSON


def _whole(served: Served, body: bytes, content_type: str, limits: Limits) -> tuple[Scored, str | None]:
    """A request from its bytes to its answers, for the thread."""
    if content_type.startswith(JSON):
        check_depth(body, content_type, limits)
    asked = read_body(body, content_type, served.schema, limits)
    if isinstance(asked.rows, list):
        return served.score_rows(asked.rows), asked.id
    return served.score_batch(asked.rows), asked.id  # type: ignore[arg-type] # what is no list of records is a batch


def _scored(served: Served, rows: Any) -> Scored:
    return served.score_rows(rows)


def summary(served: Served) -> dict[str, Any]:
    """What there is to know of a model at a glance."""
    return {
        "id": served.id,
        "reference": served.reference,
        "model": served.model,
        "version": served.version,
        "digest": served.digest,
        "task": served.task,
    }


def failure(status: int, code: str, message: str, hint: str) -> Answer:
    """An answer that tells what is wrong."""
    return Answer(status, to_json({"error": {"code": code, "message": message, "hint": hint}}))


def overloaded(error: Overloaded) -> Answer:
    """The answer to a request that came at a bad time."""
    answer = failure(503, "overloaded", "the model has more to do than it can do in time", "try again a little later")
    return answer._replace(headers=((b"retry-after", str(error.seconds).encode()),))


def _page(name: str) -> Answer:
    data = files("holdall.serve.pages").joinpath(name).read_bytes()
    return Answer(200, data, _PAGE_TYPES[name.rpartition(".")[2]], _PAGE_HEADERS)
