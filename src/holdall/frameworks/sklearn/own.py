"""Functions and transformers of the user's own inside a pipeline: run once on what records, and so written into the graph.

A step of its own says nothing of itself, so it is watched first: what the live pipeline gives it for some rows of the sample,
and what it answers. That tells the kind of its table and pandas' dtypes; that the graph then answers the same is proved with
the whole model, as ever.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from holdall.columns.batch import Batch
from holdall.engines.reachable import reachable
from holdall.errors import NotPortable
from holdall.frameworks.framework import Live
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.finiteness import refuse_broken
from holdall.frameworks.sklearn.functions import find
from holdall.frameworks.sklearn.tables import as_array, fitted_names
from holdall.graph import value
from holdall.graph.conversion import Conversion, Witness
from holdall.graph.value import Table

if TYPE_CHECKING:
    from holdall.graph.tracing.rebinding import Bindings

SHOWN = 64
"""So many rows of the sample are watched on their way."""

STATE = (list, dict, set, bytearray, np.ndarray)


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


@contextmanager
def _watching(steps: list[Any], found: dict[int, Witness]) -> Iterator[None]:
    """Meanwhile each step writes down what it is given and what it answers."""

    def watching(step: Any) -> Callable[..., Any]:
        transform = step.transform

        @functools.wraps(transform)
        def call(X: Any, *arguments: Any, **options: Any) -> Any:
            given = X.copy() if hasattr(X, "copy") else X
            answer = transform(X, *arguments, **options)
            found.setdefault(id(step), Witness(given, answer))
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


def transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """What a transformer of the user's own gives. Raises NotPortable with the line that stopped it."""
    return _followed(model, table, conversion, path, lambda given, bindings: _transformed(model, given, bindings))


def function(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """What a FunctionTransformer gives. Raises NotPortable with the line that stopped it."""
    witness = conversion.witnesses[id(model)]
    if model.validate:
        from sklearn.utils import check_array

        table = as_array(table)
        refuse_broken(table, conversion, path)
        witness = Witness(check_array(witness.given, accept_sparse=model.accept_sparse), witness.answer)

    def call(given: Any, bindings: Bindings) -> Any:
        inner, arguments, options = _plain(model.func)
        return bindings.function(inner)(given, *arguments, **options, **(model.kw_args or {}))

    return _followed(model, table, conversion, path, call, witness)


def _plain(function: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The function behind partials, with what they hold. Arguments before the table are not told apart here."""
    options: dict[str, Any] = {}
    while isinstance(function, functools.partial) and not function.args:
        options = {**function.keywords, **options}
        function = function.func
    return function, (), options


def _followed(
    model: Any,
    table: Table,
    conversion: Conversion,
    path: str,
    call: Callable[[Any, Bindings], Any],
    witness: Witness | None = None,
) -> Table:
    try:
        from holdall.graph.tracing.blocks import Step
        from holdall.graph.tracing.untraceable import Untraceable, told
    except ModuleNotFoundError as error:
        raise NotPortable(path, f"its code can only be followed with {error.name}, which is not installed") from None
    witness = witness or conversion.witnesses[id(model)]
    try:
        step = Step(table, witness.given, conversion, path)
        made = step.blocks(step.run(call), witness.answer)
    except Untraceable as error:
        raise NotPortable(path, told(error)) from None
    if hasattr(witness.answer, "columns"):
        return made
    return value.rename(made, fitted_names(model, table, value.width(made)))


# Transformers


def _transformed(model: Any, given: Any, bindings: Bindings) -> Any:
    standing, before = _standing_in(model, bindings)
    answer = standing.transform(given)
    _check_unchanged(standing, before)
    return answer


def _standing_in(model: Any, bindings: Bindings) -> tuple[Any, dict[str, Any]]:
    """An object of the model's class whose methods are traced, with the model's state; and that state as it is now."""
    kind = type(model)
    traced = types.new_class(kind.__name__, (kind,), {}, lambda body: body.update({"__init_subclass__": _nothing}))
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] in ("builtins", "sklearn"):
            continue
        for name, member in vars(base).items():
            rebound = _rebound(member, bindings)
            if rebound is not None and name not in ("__init__", "__new__", "__init_subclass__", "__setattr__"):
                setattr(traced, name, rebound)
    standing: Any = object.__new__(traced)
    state = {name: _copied(bindings.value(each)) for name, each in vars(model).items()}
    vars(standing).update(state)
    return standing, {name: _shape(each) for name, each in state.items()}


@classmethod  # type: ignore[misc] # put into the body of a class
def _nothing(cls: Any, **_: Any) -> None:
    """scikit-learn wraps the methods of subclasses; the stand-in's are to stay as they are."""


def _rebound(member: Any, bindings: Bindings) -> Any:
    """A method over tracing modules; None for what is no method."""
    if isinstance(member, staticmethod):
        return staticmethod(bindings.function(member.__func__))
    if isinstance(member, classmethod):
        return classmethod(bindings.function(member.__func__))
    if isinstance(member, property):
        return None if member.fget is None else property(bindings.function(member.fget))
    if isinstance(member, types.FunctionType):
        return bindings.function(_own(member))
    return None


def _own(method: types.FunctionType) -> types.FunctionType:
    """The user's own method below scikit-learn's wrapper that puts its answer into a data frame."""
    inner = getattr(method, "__wrapped__", None)
    if isinstance(inner, types.FunctionType) and method.__globals__.get("__name__", "").startswith("sklearn."):
        return _own(inner)
    return method


def _copied(state: Any) -> Any:
    """State that could be written to, so that a trace never writes to the model's."""
    return copy.deepcopy(state) if isinstance(state, STATE) else state


def _shape(state: Any) -> Any:
    """What says whether state was written to."""
    if isinstance(state, np.ndarray):
        return (id(state), state.shape, state.tobytes() if state.dtype != object else tuple(map(id, state.ravel())))
    if isinstance(state, dict):
        return (id(state), tuple((id(key), id(each)) for key, each in state.items()))
    if isinstance(state, list | set):
        return (id(state), tuple(sorted(map(id, state))))
    return id(state)


def _check_unchanged(standing: Any, before: Mapping[str, Any]) -> None:
    """Raises Untraceable where transform wrote to the transformer itself."""
    from holdall.graph.tracing.untraceable import Untraceable

    now = {name: _shape(each) for name, each in vars(standing).items()}
    for name in {**now, **before}:
        if now.get(name) != before.get(name):
            raise Untraceable(
                f"self.{name}, which transform sets",
                "its answer then depends on the calls before; keep what is learnt in fit, and let transform only read it",
            )
