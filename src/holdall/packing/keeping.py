"""A live object → its state as data, for `engines.worker.state` to make it again where its class is source of the package.

Plain values become JSON, arrays .npy, boosters their own formats; every other object what it gives to `copy.copy`: its
class, by name, and what it holds. No pickle is written. All that the state names stands in one generated module, so that
who reads the source sees every class and function that the state can reach.
"""

from __future__ import annotations

import base64
import copyreg
import io
import json
import pathlib
import sys
import zoneinfo
from collections.abc import Callable, Mapping
from enum import Enum
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from holdall.engines import source
from holdall.engines.worker.state import NAMES, TREE
from holdall.errors import UsageError
from holdall.packing.closure import Closure, find_spec, importable
from holdall.packing.extracting import Extraction, described

PATH = "model/state.tar"
DEEPEST = 300
_REFUSED = {
    **dict.fromkeys(("pickle", "_pickle", "marshal", "cloudpickle", "dill", "joblib"), "it is kept as a pickle"),
    **dict.fromkeys(
        ("os", "posix", "nt", "subprocess", "shutil", "socket", "_socket", "ctypes"), "it is of this machine"
    ),
}
"""Modules whose functions no object is made with."""
_HINT = (
    "leave it out: delete it in the class's __getstate__ and make it anew in __setstate__, or when it is first used; "
    "--allow-pickle would not help, since no pickle holds it either"
)


class Keeping:
    """The state of one model."""

    def __init__(self, closure: Closure, extraction: Extraction) -> None:
        self._closure = closure
        self._extraction = extraction
        self._names: dict[str, str] = {}
        self._imports: set[str] = set()
        self._files: dict[str, bytes] = {}
        self._known: dict[bytes, str] = {}
        self._nodes: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._ids = 0
        self._globals: list[tuple[str, Any, str]] = []

    def state(self, root: Any, path: str = "model") -> bytes:
        """`state.tar` of this object; the closure then holds the module of names. Raises UsageError, naming the path of
        what cannot be written."""
        with _deep():
            tree: dict[str, Any] = {"globals": [], "root": self._node(root, path, 0)}
            while self._globals:
                place, value, way = self._globals.pop(0)
                tree["globals"].append([place, self._node(value, way, 0)])
            self._extraction.write(self._closure)
            text = json.dumps(tree, ensure_ascii=True, separators=(",", ":"))
        self._closure.add_source(f"{NAMES}.py", self._text())
        return source.pack({**self._files, TREE: text.encode("ascii")})

    def hold(self, place: str, value: Any, path: str) -> None:
        """Beside the model: what a function's module holds under 'module:name'."""
        self._globals.append((place, value, path))

    def _text(self) -> str:
        lines = [f"import {name} as _{name.replace('.', '_')}" for name in sorted(self._imports)]
        entries = [f"    {key!r}: {text}," for key, text in sorted(self._names.items())]
        return "\n".join(
            (
                '"""What the state of the model may name: its classes and functions."""\n',
                *lines,
                "",
                "NAMES = {",
                *entries,
                "}\n",
            )
        )

    # ---- nodes

    def _node(self, value: Any, path: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise UsageError(
                f"{path[:200]}… is nested too deeply to be written as data",
                hint="keep it flat: lists of numbers in place of nodes that hold nodes",
            )
        plain = _plain(value)
        if plain is not _NOTHING:
            return plain
        seen = self._nodes.get(id(value))
        if seen is not None:
            known = seen[1]
            if "id" not in known:
                self._ids += 1
                known["id"] = self._ids
            return {"again": known["id"]}
        kind = type(value)
        if kind in (tuple, frozenset):
            inner = [self._node(each, f"{path}[{i}]", depth + 1) for i, each in enumerate(value)]
            return {kind.__name__: inner if kind is tuple else sorted(inner, key=json.dumps)}
        if isinstance(value, np.generic) and kind.__module__ == "numpy":
            return {"scalar": self._array(np.asarray(value), path)}
        if isinstance(value, np.dtype) and (kind.__module__.startswith("numpy")) and value.kind != "T":
            return {"dtype": np.lib.format.dtype_to_descr(value)}
        if isinstance(value, Enum):
            return {"member": self._name(kind, path), "of": value.name}
        if isinstance(value, type | FunctionType | ModuleType | np.ufunc) or _is_function(value):
            return {"name": self._name(value, path)}
        if isinstance(value, MethodType | BuiltinMethodType):
            if isinstance(value.__self__, type) and importable(value) is not None:
                return {"name": self._name(value, path)}
            return {"method": self._node(value.__self__, f"{path}.__self__", depth + 1), "of": value.__name__}
        node: dict[str, Any] = {}
        self._nodes[id(value)] = (value, node)
        self._fill(node, value, path, depth + 1)
        return node

    def _fill(self, node: dict[str, Any], value: Any, path: str, depth: int) -> None:
        kind = type(value)
        if kind is list:
            node["list"] = written = []
            for i, each in enumerate(value):
                written.append(self._node(each, f"{path}[{i}]", depth))
        elif kind is dict:
            self._dict(node, value, path, depth)
        elif kind is set:
            node["set"] = sorted((self._node(each, f"{path}{{}}", depth) for each in value), key=json.dumps)
        elif kind is bytearray:
            node["bytearray"] = base64.b64encode(value).decode("ascii")
        elif kind is np.ndarray:
            node.update(self._array(value, path, depth))
        elif kind is np.ma.MaskedArray:
            parts = (value.data, np.ma.getmaskarray(value), value.fill_value)
            node["masked"] = [self._node(each, f"{path}.data", depth) for each in parts]
        elif isinstance(value, np.ndarray) and kind.__module__.startswith("numpy"):
            node["view"] = self._name(kind, path)
            node["of"] = self._array(np.asarray(value), path, depth)
        else:
            special = next((_SPECIAL[name] for name in _lineage(kind) if name in _SPECIAL), None)
            if special is not None and special(self, node, value, path, depth):
                return
            self._reduced(node, value, path, depth)

    def _dict(self, node: dict[str, Any], value: Mapping[Any, Any], path: str, depth: int) -> None:
        if all(type(key) is str for key in value):
            node["dict"] = written = {}
            for key, each in value.items():
                written[key] = self._node(each, f"{path}[{key!r}]", depth)
        else:
            node["pairs"] = pairs = []
            for key, each in value.items():
                pairs.append([self._node(key, f"{path} (a key)", depth), self._node(each, f"{path}[{key!r}]", depth)])

    def _array(self, array: Any, path: str, depth: int = 0) -> dict[str, Any]:
        if array.dtype.kind in "OT":
            flat = [self._node(each, f"{path}[{i}]", depth + 1) for i, each in enumerate(array.ravel().tolist())]
            return {"objects": flat, "shape": list(array.shape)}
        if array.dtype.names is not None:
            clean = np.zeros(array.shape, array.dtype)  # the bytes between fields are whatever lay in memory
            for name in array.dtype.names:
                clean[name] = array[name]
            array = clean
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        return {"array": self._file(buffer.getvalue(), "npy")}

    def _file(self, data: bytes, suffix: str) -> str:
        name = self._known.setdefault(data, f"{len(self._known) + 1}.{suffix}")
        self._files[name] = data
        return name

    def _reduced(self, node: dict[str, Any], value: Any, path: str, depth: int) -> None:
        kind = type(value)
        try:
            reducer = copyreg.dispatch_table.get(kind)
            reduced: Any = reducer(value) if reducer is not None else value.__reduce_ex__(4)
        except Exception as error:  # an object decides itself how it is copied
            raise _cannot(value, path, str(error)) from error
        if isinstance(reduced, str):
            node["name"] = self._global(value, reduced, path)
            return
        if not isinstance(reduced, tuple) or len(reduced) > 5 or len(reduced) < 2:
            raise _cannot(value, path, "how it is copied cannot be written")
        parts: list[Any] = [*reduced, *[None] * (5 - len(reduced))]
        make, arguments, state, items, entries = parts
        if make in (copyreg.__newobj__, getattr(copyreg, "__newobj_ex__", None)):  # type: ignore[attr-defined]
            node["new"] = self._name(arguments[0], path)
            given, keywords = arguments[1:], {}
            if make is not copyreg.__newobj__:  # type: ignore[attr-defined]
                given, keywords = arguments[1], arguments[2]
        elif make is copyreg._reconstructor:  # type: ignore[attr-defined]
            raise _cannot(value, path, "it is copied in a form of old")
        else:
            self._check(make, value, path)
            node["call"] = self._name(make, path)
            given, keywords = arguments, {}
        if given:
            node["args"] = [self._node(each, f"{path}.__reduce__", depth) for each in given]
        if keywords:
            node["keywords"] = {key: self._node(each, f"{path}.{key}", depth) for key, each in keywords.items()}
        if state is not None:
            node["state"] = self._state(state, path, depth)
        if items is not None:
            node["items"] = [self._node(each, f"{path}[{i}]", depth) for i, each in enumerate(items)]
        if entries is not None:
            node["entries"] = [
                [self._node(key, f"{path} (a key)", depth), self._node(each, f"{path}[{key!r}]", depth)]
                for key, each in entries
            ]

    def _state(self, state: Any, path: str, depth: int) -> Any:
        """As any node, but attributes are called so in messages."""
        if type(state) is dict and all(type(key) is str for key in state) and id(state) not in self._nodes:
            node: dict[str, Any] = {}
            self._nodes[id(state)] = (state, node)
            node["dict"] = written = {}
            for key, each in state.items():
                written[key] = self._node(each, f"{path}.{key}", depth)
            return node
        if type(state) is tuple and len(state) == 2 and isinstance(state[1], dict):
            return {"tuple": [self._state(each, path, depth) for each in state]}
        return self._node(state, path, depth)

    # ---- names

    def _check(self, make: Any, value: Any, path: str) -> None:
        top = str(getattr(make, "__module__", "")).partition(".")[0]
        name = getattr(make, "__name__", "")
        if top in _REFUSED:
            raise _cannot(value, path, _REFUSED[top])
        if top == "builtins" and (not isinstance(make, type) and name not in ("iter", "reversed")):
            raise _cannot(value, path, f"it is copied with {name}")

    def _global(self, value: Any, name: str, path: str) -> str:
        module = getattr(value, "__module__", None) or type(value).__module__
        for holder in (module, module.partition(".")[0]):
            if getattr(sys.modules.get(holder), name, None) is value:
                return self._listed(holder, name)
        return self._name(value, path)

    def _name(self, value: Any, path: str) -> str:
        if isinstance(value, ModuleType):
            self._imports.add(value.__name__)
            self._names[value.__name__] = f"_{value.__name__.replace('.', '_')}"
            return value.__name__
        where = _ufunc(value) or importable(value)
        if where is not None and find_spec(where[0]) is not None:
            return self._listed(*where)
        if isinstance(value, type):
            module = self._extraction.module(_namespace(value))
            name = module.bind(module.fresh(value.__name__, value), value, f"{path}, a {described(value)},")
            return self._listed(module.name, name)
        module_name, _, name = self._extraction.add(value).partition(":")
        return self._listed(module_name, name)

    def _listed(self, module: str, name: str) -> str:
        key = f"{module}:{name}"
        self._imports.add(module)
        self._names[key] = f"_{module.replace('.', '_')}.{name}"
        return key


_NOTHING: Any = object()


def _plain(value: Any) -> Any:
    """A value as JSON, or a node of one value; _NOTHING where it is neither."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if np.isfinite(value) else {"float": repr(value)}
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, pathlib.PurePath):
        return {"path": value.as_posix()}
    if kind is zoneinfo.ZoneInfo and value.key is not None:
        return {"zone": value.key}
    if value is ... or value is NotImplemented:
        return {"word": repr(value)}
    return _NOTHING


def _namespace(cls: type) -> Mapping[str, Any]:
    """The names among which a class was written: those of its methods, else its module's."""
    for value in vars(cls).values():
        inner = getattr(value, "__func__", getattr(value, "fget", value))
        if not isinstance(inner, FunctionType) or not inner.__qualname__.startswith(f"{cls.__qualname__}."):
            continue
        if inner.__globals__.get("__name__") == cls.__module__:  # what makes a named tuple has globals of its own
            return inner.__globals__
    return vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}


def _ufunc(value: Any) -> tuple[str, str] | None:
    if isinstance(value, np.ufunc):
        name = str(getattr(value, "__name__", ""))
        for module in ("numpy", "scipy.special"):
            if getattr(sys.modules.get(module), name, None) is value:
                return module, name
    return None


def _is_function(value: Any) -> bool:
    """A built-in function of a module, or one that a decorator wraps."""
    if isinstance(value, BuiltinMethodType):
        return isinstance(value.__self__, ModuleType) or value.__self__ is None
    return callable(value) and isinstance(getattr(value, "__wrapped__", None), FunctionType)


def _lineage(kind: type) -> list[str]:
    return [f"{base.__module__.partition('.')[0]}:{base.__name__}" for base in kind.__mro__]


def _cannot(value: Any, path: str, why: str) -> UsageError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    words = " ".join(why.split())[:200]
    return UsageError(f"{path} is a {kind}, which cannot be written as data: {words}", hint=_HINT, path=path, type=kind)


class _deep:  # noqa: N801 - a context, used as one
    """Room for what is nested deeply."""

    def __enter__(self) -> None:
        self._before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self._before, 5_000))

    def __exit__(self, *_: object) -> None:
        sys.setrecursionlimit(self._before)


def _xgboost(keeping: Keeping, node: dict[str, Any], value: Any, path: str, depth: int) -> bool:  # noqa: ARG001
    node["xgboost"] = keeping._file(bytes(value.save_raw("ubj")), "ubj")
    return True


def _lightgbm(keeping: Keeping, node: dict[str, Any], value: Any, path: str, depth: int) -> bool:  # noqa: ARG001
    text = value.model_to_string(num_iteration=-1).encode("utf-8")
    node["lightgbm"], node["best"] = keeping._file(text, "txt"), int(value.best_iteration)
    return True


def _catboost(keeping: Keeping, node: dict[str, Any], value: Any, path: str, depth: int) -> bool:  # noqa: ARG001
    import tempfile

    with tempfile.TemporaryDirectory(prefix="holdall-") as folder:
        file = pathlib.Path(folder, "model.cbm")
        value.save_model(str(file), format="cbm")
        node["catboost"] = keeping._file(file.read_bytes(), "cbm")
    node["class"] = keeping._name(type(value), path)
    return True


def _tensor(keeping: Keeping, node: dict[str, Any], value: Any, path: str, depth: int) -> bool:
    try:
        array = value.detach().cpu().numpy()
    except (TypeError, RuntimeError) as error:
        raise _cannot(value, path, str(error)) from error
    node["tensor"], node["grad"] = keeping._array(array, path, depth), bool(value.requires_grad)
    if type(value).__name__ == "Parameter":
        node["parameter"] = True
    return True


_SPECIAL: dict[str, Callable[[Keeping, dict[str, Any], Any, str, int], bool]] = {
    "xgboost:Booster": _xgboost,
    "lightgbm:Booster": _lightgbm,
    "catboost:CatBoost": _catboost,
    "torch:Tensor": _tensor,
}
