"""What the user's own code calls while it is traced, watched: the clock, chance, files, the network have no place in a graph.

Names of modules are rebound (`rebinding`), but methods of objects, tables of functions and the like reach the real ones.
What a library calls by itself is its own matter.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from holdall.graph.tracing.rebinding import CLOCK, FILE, IMPURE, NOW, impure
from holdall.graph.tracing.untraceable import Untraceable, is_own


@contextmanager
def watched() -> Iterator[None]:
    """Raises Untraceable where the user's own code calls what depends on more than what it is given."""
    before = sys.getprofile()
    sys.setprofile(_watch)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def unwatched() -> Iterator[None]:
    """For what is to run as it is. After it the watch goes on, also where it ended by what it found."""
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(_watch)


def _watch(frame: FrameType, event: str, argument: Any) -> None:
    if event == "c_call":
        if is_own(frame.f_code.co_filename):
            _check_builtin(argument)
    elif event == "call":
        home = frame.f_globals.get("__name__", "").partition(".")[0]
        caller = frame.f_back
        if home in IMPURE and caller is not None and is_own(caller.f_code.co_filename):
            raise Untraceable(f"{home}.{frame.f_code.co_name}", IMPURE[home])


def _check_builtin(function: Any) -> None:
    of, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if name in NOW and isinstance(of, type) and issubclass(of, datetime.date):
        raise Untraceable(f"{of.__name__}.{name}", CLOCK)
    if name == "open" and getattr(function, "__module__", None) in ("io", "_io"):
        raise Untraceable("a file", FILE)
    why = impure(function)
    if why is not None:
        raise Untraceable(f"{getattr(function, '__module__', None) or type(of).__module__}.{name}", why)
