"""Columns side by side: what `pandas.concat(axis=1)` makes, and `.str.split(expand=True)`, whose columns the rows decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdall.graph.tracing.accessors import Pieces
from holdall.graph.tracing.frame import Again, TracedFrame
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Vector


class SplitFrame:
    """What `.str.split(expand=True)` gives. How many columns there are depends on the rows, until the function names them."""

    def __init__(self, pieces: Pieces, dtype: Any = None) -> None:
        object.__setattr__(self, "_pieces", pieces)
        object.__setattr__(self, "_dtype", dtype)
        object.__setattr__(self, "_named", None)

    _pieces: Pieces
    _dtype: Any
    _named: TracedFrame | None

    def __getitem__(self, key: Any) -> Any:
        if self._named is not None:
            return self._named[key]
        if not isinstance(key, int):
            raise Untraceable(
                "several columns of str.split(expand=True) at once", "take them one by one: split[0], split[1]"
            )
        piece = self._pieces.get(key)
        return piece if self._dtype is None else piece.astype(self._dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._frame()[key] = value

    def __iter__(self) -> Any:
        return iter(self._frame())

    def astype(self, dtype: Any) -> Any:
        return SplitFrame(self._pieces, dtype) if self._named is None else self._named.astype(dtype)

    def rename(self, columns: Any = None, **options: Any) -> Any:
        if self._named is not None:
            return self._named.rename(columns=columns, **options)
        if options or not isinstance(columns, Mapping) or sorted(columns) != list(range(len(columns))):
            raise self._unknown("rename")
        made = SplitFrame(self._pieces, self._dtype)
        made.columns = [columns[place] for place in range(len(columns))]
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._frame(name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "columns":
            setattr(self._frame(name), name, value)
            return
        if self._named is not None:
            self._named.columns = value
            return
        names = list(value)
        made = joined_columns(self._pieces.trace, [self[place].rename(one) for place, one in enumerate(names)])
        # With more pieces in a row pandas has more columns than names.
        self._pieces.at_most(len(names))
        object.__setattr__(self, "_named", made)

    def _frame(self, name: str = "columns") -> TracedFrame:
        if self._named is None:
            raise self._unknown(name)
        return self._named

    def _unknown(self, name: str) -> Untraceable:
        return Untraceable(f"str.split(expand=True).{name}", "how many columns there are depends on the rows")


def joined_columns(trace: Trace, parts: Iterable[Any]) -> TracedFrame:
    """pandas.concat(axis=1)."""
    columns: dict[Any, Vector] = {}
    for part in parts:
        if isinstance(part, TracedFrame | SplitFrame):
            frame = part._frame("join") if isinstance(part, SplitFrame) else part
            given = list(frame._columns.items())
        elif isinstance(part, TracedSeries):
            given = [(part.name if part.name is not None else len(columns), part._vector)]
        else:
            raise Untraceable(f"pandas.concat with a {type(part).__name__}")
        for name, vector in given:
            columns[Again(name, len(columns)) if name in columns else name] = vector
    return TracedFrame(trace, columns)
