"""A model's state, read: objects made again from JSON and arrays, without a pickle.

`state.json` is a tree of nodes, arrays lie beside it as .npy, boosters in their own formats. A node is a plain JSON value,
or an object whose first key says what it is. Whatever it calls or makes it names by a key of `NAMES` in the package's own
module `_holdall_names`: nothing else can be reached, and an object is made without its `__init__`, as `copy.copy` makes it.
"""

from __future__ import annotations

import base64
import copyreg
import importlib
import json
import os
import pathlib
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FOLDER = ".holdall-state"
"""Where the files of the state lie, in the folder of code."""

TREE = "state.json"
NAMES = "_holdall_names"


class NotState(ValueError):
    """The tree is not one that `packing.keeping` writes."""


def load(folder: str) -> tuple[Any, dict[str, Any]]:
    """The model, and what its functions' modules hold beside their source: 'module:name' → value. Raises NotState, and what
    the model's own classes raise."""
    with open(os.path.join(folder, TREE), encoding="utf-8") as file:
        tree = json.load(file)
    names = importlib.import_module(NAMES).NAMES
    reader = _Reader(names, lambda name: os.path.join(folder, _plain(name)))
    try:
        held = {place: reader.read(node) for place, node in tree["globals"]}
        return reader.read(tree["root"]), held
    except (KeyError, IndexError, AttributeError) as error:
        raise NotState(f"the state is damaged: {type(error).__name__}: {error}") from error


def place(held: Mapping[str, Any]) -> None:
    """Put what the functions' modules hold into them."""
    for where, value in held.items():
        module, _, name = where.partition(":")
        setattr(importlib.import_module(module), name, value)


def _plain(name: Any) -> str:
    if not isinstance(name, str) or os.path.basename(name) != name or name.startswith("."):
        raise NotState(f"the state names the file {name!r}")
    return name


class _Reader:
    def __init__(self, names: Mapping[str, Any], file: Callable[[str], str]) -> None:
        self._names = names
        self._file = file
        self._made: dict[int, Any] = {}

    def read(self, node: Any) -> Any:
        """The value of a node."""
        if not isinstance(node, dict):
            if isinstance(node, list):
                raise NotState("a list stands where a value is expected")
            return node
        kind = next(iter(node))
        make = _KINDS.get(kind)
        if make is None:
            raise NotState(f"the state has a node {kind!r}, which is none")
        return make(self, node)

    def named(self, key: Any) -> Any:
        if not isinstance(key, str) or key not in self._names:
            raise NotState(f"the state names {key!r}, which the package's source does not list")
        return self._names[key]

    def keep(self, node: Mapping[str, Any], value: Any) -> Any:
        if "id" in node:
            self._made[node["id"]] = value
        return value

    def again(self, node: Mapping[str, Any]) -> Any:
        return self._made[node["again"]]

    def list(self, node: Mapping[str, Any]) -> Any:
        made: list[Any] = []
        self.keep(node, made)
        made += [self.read(each) for each in node["list"]]
        return made

    def dict(self, node: Mapping[str, Any]) -> Any:
        made: dict[Any, Any] = {}
        self.keep(node, made)
        for key, each in node["dict"].items():
            made[key] = self.read(each)
        return made

    def pairs(self, node: Mapping[str, Any]) -> Any:
        made: dict[Any, Any] = {}
        self.keep(node, made)
        for key, each in node["pairs"]:
            made[self.read(key)] = self.read(each)
        return made

    def set(self, node: Mapping[str, Any]) -> Any:
        return self.keep(node, {self.read(each) for each in node["set"]})

    def objects(self, node: Mapping[str, Any]) -> Any:
        made = np.empty(node["shape"], object)
        self.keep(node, made)
        flat = [self.read(each) for each in node["objects"]]
        for place, value in zip(np.ndindex(*node["shape"]), flat, strict=True):
            made[place] = value
        return made

    def array(self, node: Mapping[str, Any]) -> Any:
        return self.keep(node, np.load(self._file(node["array"]), allow_pickle=False))

    def masked(self, node: Mapping[str, Any]) -> Any:
        data, mask, fill = (self.read(each) for each in node["masked"])
        return self.keep(node, np.ma.MaskedArray(data, mask=mask, fill_value=fill))

    def view(self, node: Mapping[str, Any]) -> Any:
        return self.keep(node, self.read(node["of"]).view(self.named(node["view"])))

    def new(self, node: Mapping[str, Any]) -> Any:
        cls = self.named(node["new"])
        if not isinstance(cls, type):
            raise NotState(f"{node['new']} is no class")
        arguments = [self.read(each) for each in node.get("args", ())]
        keywords = {key: self.read(each) for key, each in node.get("keywords", {}).items()}
        made = copyreg.__newobj_ex__(cls, arguments, keywords)  # type: ignore[attr-defined]
        return self.filled(node, made)

    def call(self, node: Mapping[str, Any]) -> Any:
        made = self.named(node["call"])(*[self.read(each) for each in node.get("args", ())])
        return self.filled(node, made)

    def filled(self, node: Mapping[str, Any], made: Any) -> Any:
        """What it holds, in the order in which copying restores it."""
        self.keep(node, made)
        if "state" in node:
            _restore(made, self.read(node["state"]))
        for each in node.get("items", ()):
            made.append(self.read(each))
        for key, each in node.get("entries", ()):
            made[self.read(key)] = self.read(each)
        return made

    def method(self, node: Mapping[str, Any]) -> Any:
        if node["of"].startswith("__"):
            raise NotState(f"the state names the method {node['of']!r}")
        return getattr(self.read(node["method"]), node["of"])

    def xgboost(self, node: Mapping[str, Any]) -> Any:
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(self._file(node["xgboost"]))
        return self.keep(node, booster)

    def lightgbm(self, node: Mapping[str, Any]) -> Any:
        import lightgbm

        booster = lightgbm.Booster(model_file=self._file(node["lightgbm"]))
        booster.best_iteration = node["best"]
        return self.keep(node, booster)

    def catboost(self, node: Mapping[str, Any]) -> Any:
        made = copyreg.__newobj__(self.named(node["class"]))  # type: ignore[attr-defined]
        made.__init__()
        made.load_model(self._file(node["catboost"]), format="cbm")
        return self.keep(node, made)

    def tensor(self, node: Mapping[str, Any]) -> Any:
        import torch

        made: Any = torch.from_numpy(self.read(node["tensor"]))
        if node.get("parameter"):
            made = torch.nn.Parameter(made, requires_grad=False)
        made.requires_grad_(node["grad"])
        return self.keep(node, made)


def _restore(made: Any, state: Any) -> None:
    """As `copy.copy` does it."""
    setter = getattr(made, "__setstate__", None)
    if setter is not None:
        setter(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state is not None:
        made.__dict__.update(state)
    for name, value in (slots or {}).items():
        object.__setattr__(made, name, value)


_KINDS: dict[str, Callable[[_Reader, Mapping[str, Any]], Any]] = {
    "again": _Reader.again,
    "list": _Reader.list,
    "dict": _Reader.dict,
    "pairs": _Reader.pairs,
    "tuple": lambda reader, node: tuple(reader.read(each) for each in node["tuple"]),
    "set": _Reader.set,
    "frozenset": lambda reader, node: frozenset(reader.read(each) for each in node["frozenset"]),
    "float": lambda _, node: float(node["float"]),
    "bytes": lambda _, node: base64.b64decode(node["bytes"]),
    "bytearray": lambda reader, node: reader.keep(node, bytearray(base64.b64decode(node["bytearray"]))),
    "path": lambda _, node: pathlib.Path(node["path"]),
    "zone": lambda _, node: zoneinfo.ZoneInfo(node["zone"]),
    "word": lambda _, node: {"Ellipsis": ..., "NotImplemented": NotImplemented}[node["word"]],
    "name": lambda reader, node: reader.named(node["name"]),
    "member": lambda reader, node: reader.named(node["member"])[node["of"]],
    "method": _Reader.method,
    "dtype": lambda _, node: np.lib.format.descr_to_dtype(_descr(node["dtype"])),
    "scalar": lambda reader, node: reader.read(node["scalar"])[()],
    "array": _Reader.array,
    "objects": _Reader.objects,
    "masked": _Reader.masked,
    "view": _Reader.view,
    "new": _Reader.new,
    "call": _Reader.call,
    "xgboost": _Reader.xgboost,
    "lightgbm": _Reader.lightgbm,
    "catboost": _Reader.catboost,
    "tensor": _Reader.tensor,
}


def _descr(plain: Any) -> Any:
    """A dtype's description, in which JSON made lists of tuples."""
    if isinstance(plain, str):
        return plain
    if len(plain) == 2 and isinstance(plain[0], str) and isinstance(plain[1], list) and _is_shape(plain[1]):
        return (plain[0], tuple(plain[1]))
    return [(name, _descr(kind), *[tuple(each) for each in rest]) for name, kind, *rest in plain]


def _is_shape(value: Any) -> bool:
    return all(isinstance(each, int) for each in value)
