"""Everything that a live model holds, with the way to it: what must be looked at before it is sealed or run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_LEAVES = (
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    bool,
    type(None),
    type,
    ModuleType,
    FunctionType,
    BuiltinFunctionType,
)


def reachable(root: Any, name: str = "model") -> Iterator[tuple[str, Any]]:
    """(path, object) for `root` and all that it holds, each object once; a path reads 'model.steps[0][1].func'.

    Goes through attributes, slots, mappings, sequences, sets, object arrays, partials and bound methods. It calls no
    code of the objects beyond reading their attributes. Plain text and numbers are left out.
    """
    seen: dict[int, Any] = {}
    pending: list[tuple[str, Any]] = [(name, root)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, (str, bytes, bytearray, int, float, complex, type(None))) or id(value) in seen:
            continue
        seen[id(value)] = value
        yield path, value
        pending += reversed([(path + way, child) for way, child in _children(value)])


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, np.ma.MaskedArray):
        return [(".data", value.data)]
    if isinstance(value, np.ndarray):
        return [(f"[{i}]", item) for i, item in enumerate(value.ravel().tolist())] if value.dtype == object else []
    if isinstance(value, partial):
        return [(".func", value.func), (".args", value.args), (".keywords", value.keywords)]
    if isinstance(value, MethodType):
        return [(".__self__", value.__self__)]
    if isinstance(value, _LEAVES):
        return []
    found: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        found += [(f"[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        found += [(f"[{i}]", item) for i, item in enumerate(value)]
    elif isinstance(value, (set, frozenset)):
        found += [("{}", item) for item in value]
    found += [(f".{key}", item) for key, item in getattr(value, "__dict__", {}).items()]
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if isinstance(slot, str) and slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                found.append((f".{slot}", getattr(value, slot)))
    return found
