"""What one client may ask of a server, and when the server says that it has enough to do.

Nobody is helped by an answer that comes after the client gave up: work that would wait too long is turned away at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdall.errors import InputError

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = b"[]{}"
_OTHERS = bytes(sorted(set(range(256)).difference(_BRACKETS)))


@dataclass(frozen=True, slots=True)
class Limits:
    """body: bytes of a request; rows: in one request; depth: of nested JSON; head: bytes of a request's head.

    batch: rows that are scored together. queue: requests that may wait for one model; patience: seconds that they may
    be expected to wait, and patience_of_few where they are no more than `few`: a slow model may have some callers, a crowd
    leaves no queue behind. deadline: a request that has waited so many seconds is not scored any more.
    functions: seconds that the package's own functions may take for one run.
    idle: seconds that a connection may be silent between requests; sending: seconds that a request may take to arrive.
    drain: seconds that a stopping server gives the requests in flight.
    """

    body: int = 8 * 2**20
    rows: int = 10_000
    depth: int = 32
    head: int = 32 * 2**10
    batch: int = 64
    queue: int = 1024
    patience: float = 0.1
    few: int = 64
    patience_of_few: float = 1.0
    deadline: float = 10.0
    functions: float = 20.0
    idle: float = 75.0
    sending: float = 20.0
    drain: float = 30.0


class TooLarge(InputError):
    """More than one request may hold."""

    code = "too_large"

    def __init__(self, what: str, most: int) -> None:
        super().__init__(
            f"a request may hold at most {most:,} {what}",
            hint="send it in parts, or score the table with `holdall batch`",
            limit=most,
        )


class Overloaded(Exception):
    """The model has more to do than it can do in time. `seconds`: when to try again."""

    def __init__(self, seconds: int = 1) -> None:
        super().__init__("overloaded")
        self.seconds = seconds


def depth_of(body: bytes) -> int:
    """How deep the brackets of a JSON text nest; brackets within texts do not count."""
    level = deepest = 0
    for bracket in _TEXT.sub(b"", body).translate(None, _OTHERS):
        if bracket in b"[{":
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest
