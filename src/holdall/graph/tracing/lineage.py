"""What came of what: which columns went through which operations into which, read off the graph itself.

Nothing of it is told by the functions' own words: an operation's operands are found by walking back from what it made to
what earlier operations made, so that a drawing of it shows what was sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from spox import Var

PLUMBING = frozenset(
    ["Argument", "Constant", "Identity", "Squeeze", "Unsqueeze", "Shape", "Expand", "Slice", "Reshape", "Concat"]
)
"""Operators that only bring values into their place."""


@dataclass
class Origins:
    """Where something came from: raw columns by name, operations by their place, and the operators in between."""

    columns: dict[str, None] = field(default_factory=dict)
    operations: dict[int, None] = field(default_factory=dict)
    operators: dict[str, None] = field(default_factory=dict)


class Lineage:
    """The values of one trace that have a name: raw columns, and what each operation made."""

    def __init__(self) -> None:
        self._named: dict[int, str | int] = {}
        self._kept: list[Var] = []
        self._made: dict[int, list[Any]] = {}
        self._taken: dict[int, list[Any]] = {}

    def raw(self, column: str, values: Iterable[Var | None]) -> None:
        """The values of a raw column."""
        self._name(column, values)

    def made(self, operation: int, values: Iterable[Var | None]) -> None:
        """What an operation made. What has a name already keeps it."""
        for fresh in self._name(operation, values):
            self._made.setdefault(operation, []).append(fresh)

    def took(self, operation: int, values: Iterable[Var | None]) -> None:
        """What an operation took, where its values do not say so themselves."""
        infos = [value._var_info for value in values if value is not None]
        self._taken.setdefault(operation, []).extend(infos)

    def _name(self, name: str | int, values: Iterable[Var | None]) -> list[Any]:
        fresh = []
        for value in values:
            if value is None or id(value._var_info) in self._named:
                continue
            self._named[id(value._var_info)] = name
            self._kept.append(value)
            fresh.append(value._var_info)
        return fresh

    def of_operation(self, operation: int) -> Origins:
        """What an operation took, and the operators that it became."""
        taken = self._origins(self._taken.get(operation, []), inside=False)
        found = self._origins(self._made.get(operation, []), inside=True)
        return Origins({**taken.columns, **found.columns}, {**taken.operations, **found.operations}, found.operators)

    def of_values(self, values: Sequence[Var | None]) -> Origins:
        """What these values came from."""
        return self._origins([value._var_info for value in values if value is not None], inside=False)

    def sources(self, values: Sequence[Var | None]) -> set[str]:
        """The raw columns that these values depend on, through whatever operations."""
        found: set[str] = set()
        seen: set[int] = set()
        pending = [value._var_info for value in values if value is not None]
        while pending:
            info = pending.pop()
            if id(info) in seen:
                continue
            seen.add(id(info))
            name = self._named.get(id(info))
            if isinstance(name, str):
                found.add(name)
            else:
                pending += list(info._op.dependencies)
        return found

    def _origins(self, starts: list[Any], *, inside: bool) -> Origins:
        """inside: the starts themselves have a name, which is not what is asked for."""
        found = Origins()
        seen: set[int] = set()
        pending = [*reversed(starts)]
        own = {id(start) for start in starts} if inside else set()
        while pending:
            info = pending.pop()
            if id(info) in seen:
                continue
            seen.add(id(info))
            name = self._named.get(id(info))
            if name is not None and id(info) not in own:
                if isinstance(name, str):
                    found.columns[name] = None
                else:
                    found.operations[name] = None
                continue
            kind = info._op.op_type.identifier
            if kind not in PLUMBING:
                found.operators[kind] = None
            pending += reversed(list(info._op.dependencies))
        return found
