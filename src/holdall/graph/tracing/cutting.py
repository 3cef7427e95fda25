"""A text cut in two at its first or last separator: `.str.split(sep, n=1)`, `.str.rsplit(sep, n=1)`, `.str.partition(sep)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import text
from holdall.graph.tracing.characters import joined, positions, without_sentinel
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, filled
from holdall.graph.value import constant


class Cut:
    """The two parts. Where there is no separator the whole text is the one part."""

    def __init__(self, series: TracedSeries, separator: str, *, last: bool) -> None:
        self._series = series
        self._separator = separator
        self._last = last
        vector = series._vector
        rows = op.concat([filled(Form.STRING, vector.values, vector.nulls), constant(["x"], np.str_)], axis=0)
        parts, counts = text.pieces(rows, separator, 2)
        place = positions(parts)
        count = op.unsqueeze(counts, constant([1], np.int64))
        edge = op.sub(count, constant(1, np.int64)) if last else constant(1, np.int64)
        self.head = self._joined(parts, op.less(place, edge), constant(0, np.int64), place)
        inside = op.and_(op.greater_or_equal(place, edge), op.less(place, count))
        self.tail = self._joined(parts, inside, edge, place)
        self.whole = vector.values
        self.found = without_sentinel(op.greater(counts, constant(1, np.int64)))

    def _joined(self, parts: Var, inside: Var, first: Var, place: Var) -> Var:
        nothing = constant("", np.str_)
        glue = op.where(op.equal(place, first), nothing, constant(self._separator, np.str_))
        return without_sentinel(joined(op.where(inside, op.string_concat(glue, parts), nothing)))

    def _text(self, values: Var, live: Any, name: str, nulls: Var | None = None) -> TracedSeries:
        vector = self._series._vector
        made = live.astype("str") if vector.text_dtype else live
        return self._series._new(text.text_of(values, vector, made, nulls), name)

    def partition(self, live: Any) -> Any:
        """Before, the separator and after."""
        from holdall.graph.tracing.joining import joined_columns

        nothing, between = constant("", np.str_), constant(self._separator, np.str_)
        head = op.where(self.found, self.head, nothing if self._last else self.whole)
        tail = op.where(self.found, self.tail, self.whole if self._last else nothing)
        middle = op.where(self.found, between, nothing)
        columns = [
            self._text(values, live[place], "str.partition").rename(place)
            for place, values in enumerate((head, middle, tail))
        ]
        return joined_columns(self._series._trace, columns)


class Halves:
    """What `.str.split(sep, n=1)` gives: one piece or two."""

    def __init__(self, series: TracedSeries, separator: str, live: Any, *, last: bool) -> None:
        self._cut = Cut(series, separator, last=last)
        self._live = live
        self._last = last

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"Series.str.split(n=1).{name}", "take a piece with .str[0]")

    @property
    def str(self) -> Halves:
        return self

    def get(self, i: int) -> TracedSeries:
        cut, made = self._cut, self._live.str.get(i)
        first = op.where(cut.found, cut.head, cut.whole)
        second = op.where(cut.found, cut.tail, cut.whole)
        missing = op.not_(cut.found)
        choices: dict[int, Callable[[], TracedSeries]] = {
            0: lambda: cut._text(first, made, "str.split"),
            1: lambda: cut._text(cut.tail, made, "str.split", missing),
            -1: lambda: cut._text(second, made, "str.split"),
            -2: lambda: cut._text(cut.head, made, "str.split", missing),
        }
        if i not in choices:
            raise Untraceable(f"piece {i} of str.split(n=1)")
        return choices[i]()

    def __getitem__(self, key: Any) -> TracedSeries:
        return self.get(key)


class HalvesFrame:
    """The same with expand=True."""

    def __init__(self, halves: Halves) -> None:
        self._halves = halves

    def __getitem__(self, key: Any) -> TracedSeries:
        if key not in (0, 1):
            raise Untraceable(
                "several columns of str.split(expand=True) at once", "take them one by one: split[0], split[1]"
            )
        return self._halves.get(key)

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"str.split(n=1, expand=True).{name}", "take a column: split[0]")
