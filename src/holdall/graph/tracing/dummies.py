"""`pandas.get_dummies`: a column of truth for each category.

Which categories a table of text holds depends on its rows; such columns are only made when they are asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas

from holdall.graph.tracing.frame import TracedFrame, named_columns
from holdall.graph.tracing.lookup import member_of
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector

ADVICE = "name the columns that you mean: .reindex(columns=[…], fill_value=0)"


@dataclass(frozen=True)
class Known:
    """Columns that are there whatever the rows hold."""

    columns: Mapping[Any, Vector]


@dataclass(frozen=True)
class Open:
    """The columns of one column of text: as many as it holds different ones. before: what stands before each name."""

    vector: Vector
    before: str | None
    dtype: Any


class OpenDummies:
    """A table of which nobody knows the columns yet."""

    def __init__(self, trace: Trace, parts: Sequence[Known | Open], raised: Untraceable) -> None:
        """raised: what ends the trace where all the columns are wanted."""
        self._trace = trace
        self._parts = parts
        self.raised = raised

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.raised

    def __getitem__(self, key: Any) -> Any:
        for part in self._parts:
            if isinstance(part, Known) and isinstance(key, str) and key in part.columns:
                return TracedSeries(self._trace, part.columns[key], key)
        raise self.raised

    def __iter__(self) -> Any:
        raise self.raised

    def beside(self, before: Sequence[TracedFrame], after: Sequence[TracedFrame]) -> OpenDummies:
        """With other columns at the left and the right of these."""
        left, right = ([Known(frame._columns) for frame in frames] for frames in (before, after))
        return OpenDummies(self._trace, [*left, *self._parts, *right], self.raised)

    def add_prefix(self, prefix: str) -> OpenDummies:
        parts = [
            Known({f"{prefix}{name}": vector for name, vector in part.columns.items()})
            if isinstance(part, Known)
            else Open(part.vector, prefix + (part.before or ""), part.dtype)
            for part in self._parts
        ]
        return OpenDummies(self._trace, parts, self.raised)

    def astype(self, dtype: Any) -> OpenDummies:
        if any(isinstance(part, Known) for part in self._parts):
            raise self.raised
        return OpenDummies(
            self._trace,
            [Open(part.vector, part.before, dtype) for part in self._parts if isinstance(part, Open)],
            self.raised,
        )

    def reindex(
        self, labels: Any = None, columns: Any = None, axis: Any = 0, fill_value: Any = np.nan, **options: Any
    ) -> TracedFrame:
        """The columns of these names: those of categories are true where the value is that one, and nowhere if none is."""
        names = named_columns(labels, columns, axis, options)
        if not isinstance(fill_value, int | np.integer | np.bool_) or fill_value != 0:
            raise Untraceable(
                "DataFrame.reindex of what pandas.get_dummies gives", "add fill_value=0: else a row alone has NaN there"
            )
        self._trace.note("pandas.get_dummies")
        made = TracedFrame(self._trace, {})
        for part in self._parts:
            if isinstance(part, Known):
                made = TracedFrame(self._trace, {**made._columns, **part.columns})
        given = {}
        for name in names:
            if name in made._columns:
                given[name] = made._columns[name]
                continue
            given[name] = self._of_category(name)
        return TracedFrame(self._trace, given)

    def _of_category(self, name: Any) -> Vector:
        """True where one of the columns of text has the category of this name."""
        hits = []
        for part in self._parts:
            if isinstance(part, Known):
                continue
            if part.before is None:
                category = name
            elif isinstance(name, str) and name.startswith(part.before):
                category = name[len(part.before) :]
            else:
                continue
            hits.append((part, category))
        if len(hits) > 1:
            raise Untraceable(f"the column {name!r}, which several columns may give", "give each a prefix of its own")
        if not hits:
            first = next(part.vector for part in self._parts if isinstance(part, Open))
            hits = [(Open(first, None, None), object())]
        part, category = hits[0]
        vector = part.vector
        if vector.form is Form.INT and isinstance(category, str):
            # A whole number's column is named after how it is written.
            whole = category.removeprefix("-").isdecimal() and str(int(category)) == category
            category = int(category) if whole else object()
        found = member_of(vector, [category] if isinstance(category, str | int) else [])
        series = TracedSeries(self._trace, Vector(Form.BOOL, found, vector.live == category))
        return series._vector if part.dtype is None else series.astype(part.dtype)._vector


def get_dummies(
    trace: Trace, data: Any, prefix: Any = None, prefix_sep: str = "_", columns: Any = None, dtype: Any = None,
    drop_first: bool = False, dummy_na: bool = False,
) -> Any:  # fmt: skip
    """pandas.get_dummies."""
    if dummy_na:
        raise Untraceable("pandas.get_dummies(dummy_na=True)", "add a column: df['x'].isna()")
    if isinstance(data, TracedSeries):
        before = None if prefix is None else f"{prefix}{prefix_sep}"
        parts = [_part(trace, data._vector, before, dtype, drop_first)]
    else:
        names = [name for name, one in data._columns.items() if _is_text(one)] if columns is None else list(columns)
        prefixes = dict(zip(names, prefix, strict=True)) if isinstance(prefix, list) else prefix
        if not isinstance(prefixes, Mapping):
            prefixes = dict.fromkeys(names, prefixes)
        parts = [Known({name: vector for name, vector in data._columns.items() if name not in names})]
        for name in names:
            before = f"{prefixes.get(name) or name}{prefix_sep}"
            parts.append(_part(trace, data._columns[name], before, dtype, drop_first))
    if any(isinstance(part, Open) for part in parts):
        raised = over_rows("pandas.get_dummies of whatever values the table holds")
        raised.instead = f"{raised.instead}; {ADVICE}"
        return OpenDummies(trace, parts, raised)
    return TracedFrame(
        trace, {name: one for part in parts if isinstance(part, Known) for name, one in part.columns.items()}
    )


def _is_text(vector: Vector) -> bool:
    return vector.form is Form.STRING or isinstance(vector.live.dtype, pandas.CategoricalDtype)


def _part(trace: Trace, vector: Vector, before: str | None, dtype: Any, drop_first: bool) -> Known | Open:
    if vector.open or not isinstance(vector.live.dtype, pandas.CategoricalDtype):
        if drop_first or vector.form not in (Form.STRING, Form.INT) or (vector.form is Form.INT and vector.loose):
            raise over_rows("pandas.get_dummies of whatever values the table holds")
        return Open(vector, before, dtype)
    trace.note("pandas.get_dummies")
    made: dict[Any, Vector] = {}
    for category in list(vector.live.dtype.categories)[1 if drop_first else 0 :]:
        name = category if before is None else f"{before}{category}"
        hit = Vector(Form.BOOL, member_of(vector, [category]), vector.live == category)
        series = TracedSeries(trace, hit)
        made[name] = (series if dtype is None else series.astype(dtype))._vector
    return Known(made)
