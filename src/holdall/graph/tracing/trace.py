"""One trace under way: what was done so far, which rows are refused, and under which condition the code runs just now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.conversion import Conversion
from holdall.graph.tracing.lineage import Lineage
from holdall.graph.tracing.untraceable import Line, Untraceable, asking
from holdall.graph.value import constant


@dataclass(frozen=True)
class Operation:
    """Something that went into the graph: in pandas' words, and the line that asked for it."""

    name: str
    line: Line | None


@dataclass
class Trace:
    """The state of a trace. conversion: the graph that is being made; label: the function's name, as refusals tell it.

    rows: int64 [1], how many rows the table has. shown: how many rows of the sample stand beside it. bindings: the functions
    and modules that stand in for the user's.
    barred: raw columns that cannot be in a graph, each with what is raised where one is used. raising: raises, on the way
    on which it does, what the function catches itself; None where nothing is caught. fold: while the parts of rows are gone
    over, rows of which a part is refused.
    """

    conversion: Conversion
    label: str
    rows: Var
    shown: int
    bindings: Any = None
    barred: Mapping[str, Untraceable] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    lineage: Lineage = field(default_factory=Lineage)
    raising: Callable[[Var, Exception], None] | None = None
    fold: Callable[[Var], Var] | None = None
    _conditions: list[Var] = field(default_factory=list)

    def note(self, name: str) -> None:
        """An operation that went into the graph."""
        self.operations.append(Operation(name, asking()))

    def made(self, *values: Var | None) -> None:
        """What a column lies in: where it is new, the operation noted last made it."""
        if self.operations:
            self.lineage.made(len(self.operations) - 1, values)

    def refuse(self, where: Var, reason: str, error: type[Exception] = ValueError, *, narrower: bool = False) -> None:
        """Rows for which the function raises. where: bool [N] or []; error: what Python raises there, which the function's
        own `except` may catch; narrower: the function may take some of them, see `Guard`."""
        if self.raising is not None:
            self.raising(where, error(reason))
            return
        for condition in self._conditions:
            where = op.and_(where, condition)
        if self.fold is not None:
            where = self.fold(where)
        column = op.unsqueeze(self.spread(where), constant([1], np.int64))
        self.conversion.refuse(column, self.label, reason, [None], narrower=narrower)

    def spread(self, values: Var) -> Var:
        """[N] of what is [N] or []."""
        shape = getattr(values.type, "shape", None)
        return values if shape is not None and len(shape) == 1 else op.expand(values, self.rows)

    @contextmanager
    def under(self, conditions: list[Var]) -> Iterator[None]:
        """What is refused meanwhile is refused only where these hold. The list may grow meanwhile."""
        before = self._conditions
        self._conditions = conditions
        try:
            yield
        finally:
            self._conditions = before
