"""The modules that a module needs: the local ones as source, transitively, the others by name.

Local is what is not a file of an installed, non-editable distribution. Imports are read from the source, also those inside
functions and conditions; nothing is imported to find them.
"""

from __future__ import annotations

import ast
import json
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from holdall.errors import UsageError

_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()


@dataclass
class Closure:
    """What travels. sources: path in the tar → bytes; roots: the folders that these modules were found under.

    imports: dotted names of what is installed and of the standard library.
    """

    sources: dict[str, bytes] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    roots: set[Path] = field(default_factory=set)
    _visited: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        """The module of this dotted name and all that it imports. Raises UsageError for a local one that is no source."""
        pending = [name]
        while pending:
            for dotted in _lineage(pending.pop()):
                if dotted in self._visited:
                    continue
                self._visited.add(dotted)
                spec = find_spec(dotted)
                if spec is None:
                    continue  # a name in a module, or a module that is not here: then the live function did without it
                if _is_shared(spec):
                    continue  # of a namespace each module is judged by itself: some may be installed, others local
                if not is_local(spec):
                    self.imports.add(dotted)
                    break
                pending += self._take(spec)

    def add_source(self, path: str, text: str, package: str = "") -> None:
        """Source that was made here, and all that it imports. Raises UsageError."""
        self.sources[path] = text.encode("utf-8")
        for name in imported(ast.parse(text), package):
            self.add(name)

    def _take(self, spec: ModuleSpec) -> list[str]:
        """Put a local module in; the names that it imports."""
        if spec.origin is None or spec.origin == "namespace":
            return []
        path = Path(spec.origin)
        if path.suffix != ".py":
            raise UsageError(
                f"the local module {spec.name} is compiled ({path.name}), and only source travels",
                hint="build it as a distribution, install it, and import it from there",
                module=spec.name,
            )
        data = path.read_bytes()
        parts = spec.name.split(".")
        is_package = spec.submodule_search_locations is not None
        self.sources["/".join(parts) + ("/__init__.py" if is_package else ".py")] = data
        self.roots.add(path.resolve().parents[len(parts) - (0 if is_package else 1)])
        return sorted(imported(ast.parse(data), spec.name if is_package else spec.name.rpartition(".")[0]))


def imported(tree: ast.AST, package: str) -> set[str]:
    """The dotted names that a module of this package imports. `from a import b` may mean a.b: both are named."""
    names: set[str] = set()
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
    names.discard("")
    return names


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but what stands under `if TYPE_CHECKING` or `if __name__ == "__main__"`."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.If) and _never(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def _never(test: ast.expr) -> bool:
    text = ast.unparse(test)
    return text in ("TYPE_CHECKING", "typing.TYPE_CHECKING") or text in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
    )


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def _lineage(name: str) -> list[str]:
    """a.b.c → a, a.b, a.b.c: importing the last runs all of them."""
    parts = name.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


def find_spec(name: str) -> ModuleSpec | None:
    """Where a module lies, without importing it or its parents; None where there is none."""
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    if isinstance(loaded, ModuleSpec):
        return loaded
    parent, _, _ = name.rpartition(".")
    places: Sequence[str] | None = None
    if parent:
        above = find_spec(parent)
        if above is None or above.submodule_search_locations is None:
            return None
        places = list(above.submodule_search_locations)
    for finder in sys.meta_path:
        found = finder.find_spec(name, places)
        if found is not None:
            return found
    return None


def is_local(spec: ModuleSpec) -> bool:
    """Whether the module is the user's own."""
    if spec.name.partition(".")[0] == "holdall":
        return False
    origin = spec.origin if spec.has_location else None
    if origin is None:
        places = list(spec.submodule_search_locations or ())
        if not places:
            return False  # built in
        origin = places[0]
    path = Path(origin).resolve()
    top = spec.name.partition(".")[0]
    if any(path.is_relative_to(root) for root in _installed(top)):
        return False
    outside_library = not path.is_relative_to(_LIBRARY) or {"site-packages", "dist-packages"} & set(path.parts)
    return bool(outside_library)


def _is_shared(spec: ModuleSpec) -> bool:
    return not spec.has_location and spec.submodule_search_locations is not None


@cache
def _holders() -> dict[str, list[str]]:
    return {name: list(found) for name, found in metadata.packages_distributions().items()}


@cache
def _installed(top: str) -> tuple[Path, ...]:
    """The folders of the non-editable distributions that hold this top-level name."""
    roots = []
    for name in _holders().get(top, ()):
        distribution = metadata.distribution(name)
        told = distribution.read_text("direct_url.json")
        if told is None or not json.loads(told).get("dir_info", {}).get("editable"):
            roots.append(Path(str(distribution.locate_file(""))).resolve())
    return tuple(roots)


def is_script(origin: str | None) -> bool:
    """Whether a local module packs as it is imported: such a program is not run again to get at one function of it."""
    if origin is None or not origin.endswith(".py"):
        return False
    tree = ast.parse(Path(origin).read_bytes())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return any(name.partition(".")[0] == "holdall" for node in top for name in imported(node, ""))


def importable(value: Any) -> tuple[str, str] | None:
    """(module, name) where the value is what importing that gives; None for a notebook's, a lambda without a name …

    None also for a program that packs as it is imported: it is not run again to get at one function of it.
    """
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or module == "__main__" or module not in sys.modules:
        return None
    loaded = sys.modules[module]
    spec = find_spec(module)
    if spec is None or (is_local(spec) and is_script(spec.origin)):
        return None
    path = getattr(value, "__qualname__", "")
    found: Any = loaded
    for part in path.split("."):
        found = getattr(found, part, None)
    if path and found is not None and (found is value or _same_method(found, value)):
        return module, path
    return next(((module, name) for name, other in vars(loaded).items() if other is value), None)


def _same_method(found: Any, value: Any) -> bool:
    """A class method is made anew each time that it is looked up."""
    return isinstance(getattr(value, "__self__", None), type) and bool(found == value)
