"""The native artefact of a scikit-learn model: skops, written so that the same model has the same bytes everywhere.

skops itself numbers objects by their address in memory, names a bytes value by a random number, stamps its zip with the
time and writes sets in the order of the hash seed. All of that is taken out here, and the result is proved: it is read
back, written again, and must give the same bytes.
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from types import FunctionType
from typing import Any

import numpy as np

from holdall.engines import booster_nodes, pandas_nodes
from holdall.engines import skops as engine
from holdall.engines.reachable import reachable
from holdall.errors import Error, MissingDependency, NotPortable

PICKLE_PROTOCOL = 5
_DATE = (1980, 1, 1, 0, 0, 0)
_NO_IDENTITY = frozenset({"JsonNode", "TypeNode", "FunctionNode", "SliceNode"})
"""Nodes of values that cannot change: which of them are one object in memory is an accident of the process."""


def canonical_skops(model: Any) -> bytes:
    """The model as a skops file: the same bytes in every process. Raises NotPortable, naming the place, MissingDependency.

    Law: loads(canonical_skops(m)) written again gives canonical_skops(m).
    """
    try:
        import skops.io
    except ModuleNotFoundError:
        raise MissingDependency("skops", "holdall[pack]", "sealing a model in its native form") from None
    booster_nodes.register()
    pandas_nodes.register()
    _check_importable(model)
    root = f"model ({type(model).__name__})"
    try:
        data = canonical(skops.io.dumps(model))
    except Exception as error:  # skops has no exception of its own for most of what it cannot write
        raise NotPortable(root, f"skops cannot write it: {type(error).__name__}: {error}") from error
    try:
        again, _ = engine.load(data, allowed=engine.audit(data).outside)
        same = canonical(skops.io.dumps(again)) == data
    except Error as error:
        raise NotPortable(root, f"what skops writes of it cannot be read back: {error.message}") from error
    if not same:
        raise NotPortable(root, "what skops writes of it does not read back as it was")
    return data


def pickled(model: Any) -> bytes:
    """The model as a pickle: the last resort, for a user who asked for it. Raises NotPortable where not even that holds it."""
    try:
        return pickle.dumps(model, protocol=PICKLE_PROTOCOL)
    except Exception as error:  # a model's own code decides how it is pickled
        raise NotPortable(
            f"model ({type(model).__name__})", f"it cannot even be pickled: {type(error).__name__}: {error}"
        ) from error


def native_types(data: bytes) -> tuple[str, ...]:
    """The qualified names of all types and functions in a skops file, sorted."""
    return engine.audit(data).types


def canonical(data: bytes) -> bytes:
    """A skops file with everything that is an accident of the process taken out. canonical(canonical(x)) == canonical(x).

    Identities are numbered by first visit, members named by first use with equal ones kept once, the zip is stored,
    sorted and dated 1980.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        tree = json.loads(archive.read(engine.SCHEMA))
        contents = {name: archive.read(name) for name in archive.namelist() if name != engine.SCHEMA}
    _sort_sets(tree)
    numbers: dict[Any, int] = {}
    names: dict[bytes, str] = {}
    for node in _nodes(tree):
        if node.get("__loader__") in _NO_IDENTITY:
            node.pop("__id__", None)
        elif "__id__" in node:
            # Not from 0: skops takes a number that is false for none.
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(node.get("file"), str):
            suffix = node["file"].rpartition(".")[2]
            content = _member(contents[node["file"]], suffix)
            node["file"] = names.setdefault(content, f"{len(names) + 1}.{suffix}")
    members = {name: content for content, name in names.items()}
    text = json.dumps(tree, ensure_ascii=False, sort_keys=False, separators=(",", ":"))
    return _store({engine.SCHEMA: text.encode("utf-8"), **members})


def _nodes(tree: Any) -> list[dict[str, Any]]:
    """The nodes in the order in which skops visits them when it reads the text."""
    found = []
    pending = [tree]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                found.append(value)
            pending += reversed(value.values())
        elif isinstance(value, list):
            pending += reversed(value)
    return found


def _sort_sets(tree: Any) -> None:
    """A set's members in the order of their own text, inner sets first."""
    for node in reversed(_nodes(tree)):
        if node["__loader__"] == "SetNode":
            node["content"] = sorted(node["content"], key=_text)


def _text(node: Any) -> str:
    """The text of a node without the numbers of identities."""
    if isinstance(node, dict):
        plain = {key: _text(value) for key, value in node.items() if key not in ("__id__", "file")}
        return json.dumps(plain, sort_keys=True)
    if isinstance(node, list):
        return json.dumps([_text(item) for item in node])
    return json.dumps(node)


def _member(data: bytes, suffix: str) -> bytes:
    """A member without what is an accident: a sparse matrix's compression, and the bytes between a record's fields.

    The nodes of a tree are records with seven bytes of whatever lay in memory behind each.
    """
    if suffix == "npz":
        # Compressed, its bytes would follow the version of zlib.
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _store({name: archive.read(name) for name in archive.namelist()})
    if suffix != "npy":
        return data
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _store(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def _check_importable(model: Any) -> None:
    """Every function and class in the model can be found by its module and name: skops stores nothing else of them."""
    for path, value in reachable(model):
        named = value if isinstance(value, (FunctionType, type)) else type(value)
        if isinstance(value, np.ufunc) or named.__module__.partition(".")[0] in (
            "builtins",
            "numpy",
            "pandas",
            "scipy",
            "sklearn",
        ):
            continue
        place = f"{path} ({named.__name__})"
        if named.__name__ == "<lambda>":
            raise NotPortable(place, "a lambda has no name by which it could be found again; write it as a function")
        if "<locals>" in named.__qualname__:
            raise NotPortable(
                place, f"{named.__qualname__} is defined inside a function; move it to a module's top level"
            )
        if named.__module__ == "__main__":
            raise NotPortable(
                place, f"{named.__name__} is defined in the program itself; move it to a module of its own"
            )
        if getattr(sys.modules.get(named.__module__), named.__name__, None) is not named:
            raise NotPortable(place, f"{named.__module__} has no {named.__name__}, or another one, at its top level")
