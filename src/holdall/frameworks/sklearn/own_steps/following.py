"""The code of a step of the user's own, run on what records: its answer as blocks of the graph."""

from __future__ import annotations

import copy
import functools
import sys
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.finiteness import refuse_broken
from holdall.frameworks.sklearn.tables import as_array, fitted_names
from holdall.graph import value
from holdall.graph.conversion import Conversion, Witness
from holdall.graph.value import Table

if TYPE_CHECKING:
    from holdall.graph.tracing.rebinding import Bindings

STATE = (list, dict, set, bytearray, np.ndarray)


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
        inner, options = _plain(model.func)
        return bindings.function(inner)(given, **{**options, **(model.kw_args or {})})

    return _followed(model, table, conversion, path, call, witness)


def _installed(model: Any) -> str | None:
    """What is told of a class of an installed library, of which no line is the user's to rewrite; None for other steps."""
    from holdall.graph.tracing.untraceable import is_own

    kind, file = type(model), getattr(sys.modules.get(type(model).__module__), "__file__", None)
    if kind.__name__ == "FunctionTransformer" or file is None or is_own(file):
        return None
    return f"{kind.__module__}.{kind.__qualname__} is not a scikit-learn class; its code is not known"


def _plain(function: Any) -> tuple[Any, dict[str, Any]]:
    """The function behind partials that hold named arguments only, and these."""
    options: dict[str, Any] = {}
    while isinstance(function, functools.partial) and not function.args:
        options = {**function.keywords, **options}
        function = function.func
    return function, options


def _followed(
    model: Any,
    table: Table,
    conversion: Conversion,
    path: str,
    call: Callable[[Any, Bindings], Any],
    witness: Witness | None = None,
) -> Table:
    try:
        from holdall.frameworks.sklearn.own_steps import faces
        from holdall.graph.tracing.blocks import Step
        from holdall.graph.tracing.untraceable import Untraceable, told
    except ModuleNotFoundError as error:
        raise NotPortable(path, f"its code can only be followed with {error.name}, which is not installed") from None
    witness = witness or conversion.witnesses[id(model)]
    try:
        step = Step(table, witness.given, conversion, path)
        made = step.blocks(step.run(call, lambda trace: faces.bindings(step, path, trace)), witness.answer)
    except Untraceable as error:
        raise NotPortable(path, _installed(model) or told(error)) from None
    if hasattr(witness.answer, "columns"):
        return made
    return value.rename(made, fitted_names(model, table, value.width(made)))


# Transformers


def _transformed(model: Any, given: Any, bindings: Bindings) -> Any:
    standing, before = _standing_in(model, bindings)
    answer = standing.transform(given)
    _check_unchanged(standing, before, _own(type(model).transform).__code__)
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


def _check_unchanged(standing: Any, before: Mapping[str, Any], code: types.CodeType) -> None:
    """Raises Untraceable where transform, whose code this is, wrote to the transformer itself."""
    from holdall.graph.tracing.untraceable import Line, Untraceable

    now = {name: _shape(each) for name, each in vars(standing).items()}
    for name in {**now, **before}:
        if now.get(name) != before.get(name):
            raised = Untraceable(
                f"self.{name}, which transform sets",
                "its answer then depends on the calls before; keep what is learnt in fit, and let transform only read it",
            )
            raised.line = Line(code.co_filename, code.co_firstlineno)
            raise raised
