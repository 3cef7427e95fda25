"""Steps of the user's own, watched: what the live pipeline gives them for some rows of the sample, and what they answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from holdall.columns.batch import Batch
from holdall.engines.reachable import reachable
from holdall.frameworks.framework import Live
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.functions import find
from holdall.graph.conversion import Witness

SHOWN = 64
"""So many rows of the sample are watched on their way."""


def is_own(step: Any) -> bool:
    """Whether a step can only be followed by running it: a function of the user's, or a transformer whose code is not
    known."""
    if isinstance(step, type) or not callable(getattr(step, "transform", None)):
        return False
    if type(step).__name__ == "FunctionTransformer" and registry.is_sklearn(step):
        return step.func is not None and (find(step.func) is None or bool(step.kw_args))
    return callable(getattr(step, "fit", None)) and not registry.is_known(step)


def watched(model: Any, live: Live, sample: Batch) -> Mapping[int, Witness]:
    """What the model's own steps are given and answer for the first rows of the sample that the model takes.

    live: the model's answers. Empty where it has no such steps.
    """
    steps = [one for _, one in reachable(model) if is_own(one)]
    if not steps or not sample.rows:
        return {}
    some = sample.take(slice(0, SHOWN))
    try:
        return _seen(steps, live, some)
    except Exception:  # noqa: BLE001 — whatever the live model raises is its refusal
        good = [row for row in range(some.rows) if _takes(live, some.take(np.array([row])))]
        return _seen(steps, live, some.take(np.array(good))) if good else {}


def _takes(live: Live, one: Batch) -> bool:
    try:
        live(one)
    except Exception:  # noqa: BLE001 — as above
        return False
    return True


def _seen(steps: list[Any], live: Live, some: Batch) -> Mapping[int, Witness]:
    found: dict[int, Witness] = {}
    with _watching(steps, found):
        live(some)
    return found


def _differs(before: Any, after: Any) -> bool:
    if hasattr(before, "equals"):
        return not before.equals(after)
    return isinstance(before, np.ndarray) and before.tobytes() != np.ascontiguousarray(after).tobytes()


@contextmanager
def _watching(steps: list[Any], found: dict[int, Witness]) -> Iterator[None]:
    """Meanwhile each step writes down what it is given and what it answers."""

    def watching(step: Any) -> Callable[..., Any]:
        transform = step.transform

        @functools.wraps(transform)
        def call(X: Any, *arguments: Any, **options: Any) -> Any:
            given = X.copy() if hasattr(X, "copy") else X
            answer = transform(X, *arguments, **options)
            found.setdefault(id(step), Witness(given, answer, _differs(given, X)))
            return answer

        return call

    set_on = [step for step in steps if hasattr(step, "__dict__") and "transform" not in vars(step)]
    try:
        for step in set_on:
            vars(step)["transform"] = watching(step)
        yield
    finally:
        for step in set_on:
            vars(step).pop("transform", None)
