"""A function of the user's, with other modules under the names that it uses: `pd` and `np` are the tracing ones.

Nothing of the user's own module is changed: the same code runs with a dictionary of globals of its own. Functions that it
calls are rebound in turn, those of local modules too; what is of an installed library stays as it is.
"""

from __future__ import annotations

import builtins
import datetime
import functools
import math
import re
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from holdall.graph.tracing import instrumenting
from holdall.graph.tracing.ordering import Lookup
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable

_REAL = "__traced_of__"
CHANCE = "its answer is another each time, so no two doors would agree"
CLOCK = "the clock says something else at each call; pass the time as a column"
NETWORK = "a graph cannot ask the network; ask before, and pass the answer as a column"
FILE = "what it reads does not travel in a graph; read it once, at the top of the module, and use what it holds as a constant"
MACHINE = "a graph knows nothing of the machine that it runs on; pass what it says as a column"
IMPURE = {
    **dict.fromkeys(("random", "secrets", "uuid"), CHANCE),
    "time": CLOCK,
    **dict.fromkeys(
        (
            "socket",
            "requests",
            "urllib",
            "urllib3",
            "http",
            "httpx",
            "aiohttp",
            "boto3",
            "redis",
            "psycopg",
            "psycopg2",
        ),
        NETWORK,
    ),
    **dict.fromkeys(
        ("sqlite3", "sqlalchemy"), "a graph cannot ask a database; look it up before, and pass it as a column"
    ),
    **dict.fromkeys(("joblib", "shelve", "glob", "shutil", "tempfile", "pathlib"), FILE),
    **dict.fromkeys(("os", "subprocess", "platform", "getpass"), MACHINE),
}
"""Modules whose answers depend on more than what they are given, and why that stays out of a graph."""

NOW = {"now", "today", "utcnow"}


class Bindings:
    """The rebound functions and modules of one trace."""

    def __init__(self, trace: Trace) -> None:
        from holdall.graph.tracing import modules

        self._trace = trace
        self._functions: dict[int, Any] = {}
        self._kept: list[Any] = []
        self._globals: dict[int, dict[str, Any]] = {}
        self.pandas = modules.pandas_module(trace)
        self.numpy = modules.numpy_module(trace)
        self.builtins = {**vars(builtins), **_python(trace), "__import__": self._import, "open": _open, "input": _open}

    def function(self, function: Any) -> Any:
        """The same function over tracing modules; what is no plain function of Python stays as it is."""
        if isinstance(function, types.MethodType):
            return types.MethodType(self.function(function.__func__), function.__self__)
        if isinstance(function, functools.partial):
            return functools.partial(self.function(function.func), *function.args, **function.keywords)
        if isinstance(function, functools._lru_cache_wrapper):
            return self.function(function.__wrapped__)
        if _is_callable_object(function):
            return types.MethodType(self.function(type(function).__call__), function)
        if not isinstance(function, types.FunctionType) or hasattr(function, _REAL) or _installed(function):
            return function
        if isinstance(function.__globals__, _Globals):
            # It was written inside one that was rebound.
            return function
        known = self._functions.get(id(function))
        if known is not None:
            return known
        made = types.FunctionType(
            self.code(function),
            self._globals_of(function),
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        made.__kwdefaults__ = function.__kwdefaults__
        self._functions[id(function)] = made
        self._kept.append(function)
        setattr(made, _REAL, function)
        if function.__closure__:
            cells = tuple(
                types.CellType(self.value(cell.cell_contents)) if _full(cell) else cell for cell in function.__closure__
            )
            again = types.FunctionType(made.__code__, made.__globals__, made.__name__, made.__defaults__, cells)
            again.__kwdefaults__ = made.__kwdefaults__
            setattr(again, _REAL, function)
            self._functions[id(function)] = again
            return again
        return made

    def code(self, function: types.FunctionType) -> types.CodeType:
        """The code that the function is run with."""
        return instrumenting.rewritten(function)

    def value(self, value: Any) -> Any:
        """What a name of the user's module stands for while it is traced."""
        if isinstance(value, types.ModuleType):
            return self.module(value)
        if isinstance(value, re.Pattern):
            from holdall.graph.tracing.regular import Compiled

            return Compiled(value)
        why = impure(value)
        if why is not None:
            return Barred(value, why)
        if value is datetime.datetime or value is datetime.date:
            return _forbidding_class(value, NOW, CLOCK)
        if isinstance(value, types.FunctionType | functools.partial | functools._lru_cache_wrapper):
            return self.function(value)
        if type(value) is np.ndarray:
            return value.view(Lookup)
        return _named(self, value)

    def module(self, module: types.ModuleType) -> Any:
        name = module.__name__
        if name in ("pandas", "numpy"):
            return self.pandas if name == "pandas" else self.numpy
        if name == "math":
            return _Math(self._trace)
        if name == "re":
            from holdall.graph.tracing.regular import Regular

            return Regular()
        if name == "datetime":
            return _Forbidding(module, NOW, CLOCK)
        if name.partition(".")[0] in IMPURE:
            return _Forbidding(module, None, IMPURE[name.partition(".")[0]])
        file = getattr(module, "__file__", None)
        if file and "site-packages" not in file and "lib/python" not in file:
            return _Local(self, module)
        return module

    def _globals_of(self, function: types.FunctionType) -> dict[str, Any]:
        real = function.__globals__
        known = self._globals.get(id(real))
        if known is None:
            known = _Globals(self, real)
            self._globals[id(real)] = known
        return known

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        found = builtins.__import__(name, globals, locals, fromlist, level)
        return self.module(found) if isinstance(found, types.ModuleType) else found


class _Globals(dict[str, Any]):
    """The globals of the user's module, each rebound. Filled at once, since CPython looks past `__missing__`."""

    def __init__(self, bindings: Bindings, real: Mapping[str, Any]) -> None:
        super().__init__()
        self["__builtins__"] = bindings.builtins
        bindings._globals[id(real)] = self
        for name, value in list(real.items()):
            if name != "__builtins__":
                self[name] = bindings.value(value)


def impure(value: Any) -> str | None:
    """Why a name that was imported from a module of chance, of the clock or of the machine stays out; None for all others."""
    if isinstance(value, types.BuiltinFunctionType | types.MethodType) and not isinstance(
        value.__self__, types.ModuleType
    ):
        home = type(value.__self__).__module__  # random.random is a method
    elif isinstance(value, type) or callable(value):
        home = getattr(value, "__module__", None) or ""
    else:
        home = type(value).__module__  # a generator of random numbers, the environment
    if home.startswith("numpy.random"):
        return CHANCE
    return IMPURE.get("os" if home in ("posix", "nt") else home.partition(".")[0].lstrip("_"))


class Barred:
    """What ends the trace wherever it is used."""

    def __init__(self, real: Any, why: str) -> None:
        name = getattr(real, "__qualname__", type(real).__qualname__)
        home = getattr(real, "__module__", None) or type(getattr(real, "__self__", real)).__module__
        self.__dict__.update(_real=real, _name=f"{home}.{name.rpartition('.')[2]}", _why=why)

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"{self._name}.{name}", self._why)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable(self._name, self._why)

    def __getitem__(self, _: Any) -> Any:
        raise Untraceable(self._name, self._why)


def _is_callable_object(value: Any) -> bool:
    """An object of a class of the user's own that is called as a function."""
    call = getattr(type(value), "__call__", None)  # noqa: B004 — it is asked which function it is
    return isinstance(call, types.FunctionType) and not isinstance(value, type) and not _installed(call)


def _full(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _installed(function: types.FunctionType) -> bool:
    file = function.__code__.co_filename
    return "site-packages" in file or "lib/python" in file or file.startswith("<frozen")


def _named(bindings: Bindings, value: Any) -> Any:
    """`from pandas import DataFrame`, `from numpy import where`: the traced one of the same name."""
    name = getattr(value, "__name__", None)
    module = (getattr(value, "__module__", None) or "").partition(".")[0]
    if isinstance(name, str) and module == "pandas" and (isinstance(value, type) or callable(value)):
        try:
            return getattr(bindings.pandas, name)
        except (AttributeError, Untraceable):
            return value
    return value


class _Forbidding(types.ModuleType):
    """A module some of whose names end the trace; all of them where none is named."""

    def __init__(self, real: types.ModuleType, names: set[str] | None, why: str) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _names=names, _why=why)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            return getattr(self._real, name)
        if self._names is None:
            raise Untraceable(f"{self.__name__}.{name}", self._why)
        value = getattr(self._real, name)
        if isinstance(value, type) and any(hasattr(value, one) for one in self._names):
            return _forbidding_class(value, self._names, self._why)
        return value


def _forbidding_class(real: type, names: set[str], why: str) -> Any:
    class Meta(type):
        def __call__(cls, *arguments: Any, **options: Any) -> Any:
            return real(*arguments, **options)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, real)

        def __getattr__(cls, name: str) -> Any:
            if name in names:
                raise Untraceable(f"{real.__name__}.{name}", why)
            return getattr(real, name)

    return Meta(real.__name__, (), {"_real": real})


class _Math(types.ModuleType):
    """The module math, whose functions also take a value of a row."""

    def __init__(self, trace: Trace) -> None:
        super().__init__("math")
        self.__dict__["_trace"] = trace

    def __getattr__(self, name: str) -> Any:
        from holdall.graph.tracing.scalar import math_function

        value = getattr(math, name)
        return math_function(name, value, self._trace) if callable(value) else value


class _Local(types.ModuleType):
    """A module of the user's own, each of whose functions is rebound when it is asked for."""

    def __init__(self, bindings: Bindings, real: types.ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_bindings=bindings, _real=real)

    def __getattr__(self, name: str) -> Any:
        return self._bindings.value(getattr(self._real, name))


def _open(*_: Any, **__: Any) -> Any:
    raise Untraceable("a file", FILE)


def _python(trace: Trace) -> Mapping[str, Any]:
    from holdall.graph.tracing import handing, scalar

    return {**scalar.FACES, **handing.FACES, **handing.hooks(trace)}


def rebound(function: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    """The function over tracing modules, within the bindings of this trace."""
    bindings: Bindings = trace.bindings
    return bindings.function(function)  # type: ignore[no-any-return] # operators of columns give columns


def original(function: Callable[..., Any]) -> Callable[..., Any]:
    """The user's own function that was rebound, to run on the sample."""
    if isinstance(function, types.MethodType):
        return types.MethodType(original(function.__func__), function.__self__)
    return getattr(function, _REAL, function)
