"""skops: the native artefact that is no pickle. Read as text first, then judged, then built; never the other way round.

`audit` parses the file by itself and imports nothing of it, nor skops, nor scikit-learn: what it finds decides the trust
level. Only then `load` lets skops build the model, with exactly the names that were audited; skops audits once more.
There is no fallback to another loader.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

from holdall.engines import booster_nodes, pandas_nodes
from holdall.engines.engine import Files
from holdall.engines.native import Native
from holdall.engines.reachable import reachable
from holdall.engines.types import ALLOWED
from holdall.errors import MissingDependency, PackageDamaged
from holdall.spec.report import Entry
from holdall.spec.schema import Schema
from holdall.spec.steps import Step

PROTOCOL = 2
SCHEMA = "schema.json"
MEMBERS = 1_000_000
BYTES = 1 << 36

# The nodes whose type is named in full by their module and class. A node that reaches something else (a method, an
# operator) is named by what it reaches, which is on no list.
_PLAIN_NODES = frozenset(
    f"{name}Node"
    for name in (
        *("Bytes", "Bytearray", "Dict", "DefaultDict", "List", "Set", "Slice", "Tuple"),
        *("ConstructorFromReduce", "Function", "Object", "Partial", "Type"),
        *("DType", "MaskedArray", "NdArray", "RandomState", "SparseMatrix"),
        *("Loss", "Tree"),
    )
)
_OWN_NODES = {booster_nodes.LOADER: booster_nodes.NAMES, pandas_nodes.LOADER: pandas_nodes.NAMES}
"""holdall's own nodes, and what only such a node may build."""
_READS_FILES = frozenset(
    f"sklearn.feature_extraction.text.{name}" for name in ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")
)


@dataclass(frozen=True)
class Audit:
    """types: every qualified name in the file, sorted. outside: those that are not on holdall's own list."""

    types: tuple[str, ...]
    outside: tuple[str, ...]


def audit(data: bytes, path: str = "model.skops") -> Audit:
    """The names in a skops file, read without building or importing anything. Raises PackageDamaged if it is not one."""
    tree = _schema(data, path)
    found: set[str] = set()
    outside: set[str] = set()
    pending: list[Any] = [tree]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                name, special = _named(value, path)
                found |= name
                outside |= special
            pending += value.values()
    if tree.get("protocol") != PROTOCOL:
        outside.add(f"skops protocol {tree.get('protocol')}")
    return Audit(tuple(sorted(found)), tuple(sorted(outside | (found - ALLOWED))))


def types_in(data: bytes, path: str = "model.skops") -> list[str]:
    """The names in a skops file that are not on holdall's own list: empty means level `types`. Raises PackageDamaged."""
    return list(audit(data, path).outside)


def load(data: bytes, path: str = "model.skops", allowed: tuple[str, ...] = ()) -> tuple[Any, tuple[Entry, ...]]:
    """The live model and what is worth knowing about it. Raises PackageDamaged, MissingDependency.

    allowed: names beyond holdall's own list that the caller, who decides about trust, lets in.
    """
    seen = audit(data, path)
    unknown = sorted(set(seen.outside) - set(allowed))
    if unknown:
        raise PackageDamaged(f"{path} names types that were not let in: {', '.join(unknown)}", path=path, types=unknown)
    try:
        import skops.io
    except ModuleNotFoundError as error:
        raise MissingDependency(error.name or "skops", "holdall[sklearn]", "a native scikit-learn model") from None
    booster_nodes.register()
    pandas_nodes.register()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = skops.io.loads(data, trusted=list(seen.types))
        except ModuleNotFoundError as error:
            raise _missing(error.name or "a module", path) from None
        except (MissingDependency, PackageDamaged):
            raise
        except Exception as error:  # a damaged file makes skops raise whatever it stumbles over
            raise PackageDamaged(
                f"{path} cannot be built: {type(error).__name__}: {error}",
                hint="`holdall env REF --check` compares the versions here with those that it was sealed with",
                path=path,
            ) from error
    if not seen.outside:
        _no_reader_of_files(model, path)
    return model, findings(caught, path)


def _missing(module: str, path: str) -> MissingDependency:
    """What the file names is not here; nothing is wrong with the file."""
    missing = MissingDependency(module, module.partition(".")[0], f"the model in {path}")
    missing.hint = (
        f"install what {module!r} is part of: `holdall env REF` lists what the package was sealed with; "
        "a module of your own must be importable where the package is loaded"
    )
    return missing


def findings(caught: list[warnings.WarningMessage], path: str) -> tuple[Entry, ...]:
    """What loading warned of, as lines of a report; a scikit-learn other than the sealed one among them. No line twice."""
    entries: dict[str, Entry] = {}
    for warning in caught:
        sealed = getattr(warning.message, "original_sklearn_version", None)
        if sealed is not None:
            here = getattr(warning.message, "current_sklearn_version", "another version")
            text = f"the model was sealed with scikit-learn {sealed} and is run with {here}; its answers may differ"
            entries[text] = Entry(check="environment", code="version_differs", message=text, path=path)
        else:
            text = " ".join(str(warning.message).split())
            entries[text] = Entry(check="environment", code="warning", message=text, path=path)
    return tuple(entries.values())


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> Native:  # noqa: ARG001 — the engine's seam
    """Open a native model. The trust ceiling was checked by the caller, with `holdall.scoring.trust`, on these bytes.

    Raises PackageDamaged, MissingDependency. What is worth knowing (another scikit-learn than the sealed one) is in the
    result's `findings` and is warned of.
    """
    from holdall.engines.soundness import check

    path = step.files[0]
    data = files.read(path)
    model, entries = load(data, path, allowed=audit(data, path).outside)
    check(model, path)
    for entry in entries:
        warnings.warn(entry.message, stacklevel=2)
    return Native(model, step, schema, entries)


def _no_reader_of_files(model: Any, path: str) -> None:
    """The audit saw none; a file that refers to one value by another's number could still have built one."""
    for place, value in reachable(model):
        if f"{type(value).__module__}.{type(value).__name__}" in _READS_FILES and value.input != "content":
            raise PackageDamaged(f"{path} is not what it says: {place} reads files", path=path, place=place)


def _schema(data: bytes, path: str) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(names) > MEMBERS or len(set(names)) != len(names):
                raise PackageDamaged(f"{path} is damaged: it has too many members, or one twice", path=path)
            if sum(member.file_size for member in members) > min(BYTES, 64 * len(data) + (1 << 28)):
                raise PackageDamaged(f"{path} is damaged: it unpacks to far more than it is", path=path)
            tree = json.loads(archive.read(SCHEMA))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError, EOFError, OSError) as error:
        raise PackageDamaged(f"{path} is not a skops file: {error}", path=path) from None
    except RuntimeError as error:  # an encrypted member
        raise PackageDamaged(f"{path} is not a skops file: {error}", path=path) from None
    if not isinstance(tree, dict):
        raise PackageDamaged(f"{path} is not a skops file: its {SCHEMA} is no object", path=path)
    return tree


def _named(node: dict[str, Any], path: str) -> tuple[set[str], set[str]]:
    """What a node reaches by name; and that part of it which is outside the list whatever its name."""
    module, name, loader = node.get("__module__"), node.get("__class__"), node["__loader__"]
    if loader == "JsonNode":
        return set(), set()
    if not isinstance(module, str) or not isinstance(name, str):
        raise PackageDamaged(f"{path} is damaged: a {loader} in it has no type", path=path)
    qualified = f"{module}.{name}"
    if loader == "RandomGeneratorNode":
        return {qualified, f"numpy.random.{_bit_generator(node)}"}, set()
    if loader == "MethodNode":
        content = node.get("content")
        method = f"{qualified}.{content.get('func') if isinstance(content, dict) else '?'}"
        return {qualified, method}, {method}
    for own, names in _OWN_NODES.items():
        if (loader == own) != (qualified in names):
            # By any other node one of these would be given the state of a pickle.
            return {qualified}, {f"{qualified} as a {loader}"}
    if loader not in _OWN_NODES and loader not in _PLAIN_NODES:
        return {qualified}, {qualified}
    if qualified in _READS_FILES and _attribute(node, "input") != "content":
        return {qualified}, {f"{qualified} with an input other than 'content', which reads files"}
    return {qualified}, set()


def _bit_generator(node: dict[str, Any]) -> str:
    try:
        return str(json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"]))
    except (KeyError, TypeError, ValueError):
        return "?"


def _attribute(node: dict[str, Any], name: str) -> Any:
    """A plain attribute of an object's node; None where it is not a plain value."""
    try:
        return json.loads(node["content"]["content"][name]["content"])
    except (KeyError, TypeError, ValueError):
        return None
