"""What the configuration of a Keras model is built with that is code, or comes from outside Keras.

A configuration names classes and functions; Keras imports them and calls them. Only what Keras keeps its own parts of models
in is taken for data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
_HOMES = (
    "activations",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
)


def keras_code(value: Any) -> Iterator[str]:
    """The names, in no order and some of them twice."""
    pending = [value]
    while pending:
        thing = pending.pop()
        if isinstance(thing, dict):
            yield from _of(thing)
            pending += thing.values()
        elif isinstance(thing, list):
            pending += thing


def _of(thing: dict[str, Any]) -> Iterator[str]:
    module, name, registered = thing.get("module"), thing.get("class_name"), thing.get("registered_name")
    if name in _CODE:
        yield str(name)
    if name == "function" and isinstance(thing.get("config"), str) and not _is_home(module):
        yield f"{module}.{thing['config']}"
    elif isinstance(module, str) and module not in ("", "builtins") and not _is_home(module):
        yield f"{module}.{name}"
    if registered and module is None:
        yield str(registered)
    elif isinstance(name, str) and ">" in name:
        yield name


def _is_home(module: Any) -> bool:
    if module == "keras":
        return True
    if not isinstance(module, str) or not module.startswith("keras."):
        return False
    return module.removeprefix("keras.").removeprefix("src.").partition(".")[0] in _HOMES
