"""The parts of one row's text, its characters or its words, while a comprehension goes over them.

All parts of all rows lie in one column, on which the comprehension's own expression is followed as a function of one value is.
What came of it is counted, added, joined, or asked for by place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import scalar as scalars
from holdall.graph.tracing import text
from holdall.graph.tracing.arithmetic import quietly
from holdall.graph.tracing.characters import characters, joined, positions, present
from holdall.graph.tracing.matching import Matches, compiled
from holdall.graph.tracing.scalar import Scalar
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, filled, to_float, to_int
from holdall.graph.value import constant

_SHOWN = 300
"""So many parts of the sample tell what becomes of one."""


@dataclass(frozen=True, eq=False)
class Elements:
    """Parts of each row.

    vector: one column of all of them, row after row. there: bool [N + 1, K], which of them are parts of the row; the last
    row is nobody's, so that no dimension is ever 0. shown: some of the sample's.
    """

    trace: Trace
    vector: Vector
    there: Var
    shown: Sequence[Any]

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the parts of a text", "write it as a comprehension, or with .str of the column")

    def __bool__(self) -> bool:
        return bool(self.count() > 0)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice) and key.step in (None, 1):
            return replace_there(self, op.and_(self.there, self._between(key.start, key.stop)))
        if not isinstance(key, int):
            raise Untraceable("some of the parts of a text")
        kept = op.cast(self.there, to=np.int64)
        if key >= 0:
            place = op.cumsum(kept, constant(1, np.int64))
            hit = op.and_(self.there, op.equal(place, constant(key + 1, np.int64)))
        else:
            place = op.cumsum(kept, constant(1, np.int64), reverse=1)
            hit = op.and_(self.there, op.equal(place, constant(-key, np.int64)))
        flags = op.cast(hit, to=np.int64)
        where = op.arg_max(flags, axis=1, keepdims=1)
        found = self._of_rows(op.squeeze(op.gather_elements(flags, where, axis=1), constant([1], np.int64)))
        self.trace.refuse(op.equal(found, constant(0, np.int64)), "a list that is too short", IndexError)
        values = op.gather_elements(self._matrix(self.vector.values), where, axis=1)
        return Scalar(
            self.trace,
            replace(self.vector, values=self._of_rows(op.squeeze(values, constant([1], np.int64))), nulls=None),
        )

    def _between(self, start: int | None, stop: int | None) -> Var:
        kept = op.cast(self.there, to=np.int64)
        place = op.sub(op.cumsum(kept, constant(1, np.int64)), constant(1, np.int64))
        count = op.reduce_sum(kept, constant([1], np.int64), keepdims=1)

        def edge(one: int) -> Var:
            return constant(one, np.int64) if one >= 0 else op.add(count, constant(one, np.int64))

        inside = op.greater_or_equal(place, edge(start or 0))
        return inside if stop is None else op.and_(inside, op.less(place, edge(stop)))

    def _matrix(self, flat: Var) -> Var:
        """[N + 1, K] of what lies in one column, or is the same everywhere."""
        shape = op.shape(self.there)
        return op.reshape(op.expand(flat, op.reduce_prod(shape, keepdims=1)), shape)

    def _of_rows(self, values: Var) -> Var:
        """[N + 1, …] → [N, …]."""
        return op.slice(values, constant([0], np.int64), constant([-1], np.int64), constant([0], np.int64))

    def _across(self, values: Var, how: Callable[..., Var]) -> Var:
        return self._of_rows(how(values, constant([1], np.int64), keepdims=0))

    def count(self) -> Scalar:
        """How many there are."""
        number = self._across(op.cast(self.there, to=np.int64), op.reduce_sum)
        return Scalar(self.trace, Vector(Form.INT, number, pandas.Series([0])))

    def distinct(self) -> Scalar:
        """How many different ones there are."""
        if self.vector.form is not Form.STRING:
            raise Untraceable("a set of the parts of a text that are no texts")
        cells = self._matrix(self.vector.values)
        columns = constant([1], np.int64), constant([2], np.int64)
        same = op.equal(op.unsqueeze(cells, columns[1]), op.unsqueeze(cells, columns[0]))
        both = op.and_(same, op.unsqueeze(self.there, columns[0]))
        width = op.gather(op.shape(self.there), constant(1, np.int64))
        order = op.range(constant(0, np.int64), width, constant(1, np.int64))
        earlier = op.less(op.unsqueeze(order, constant([0], np.int64)), op.unsqueeze(order, constant([1], np.int64)))
        before = op.reduce_max(op.cast(op.and_(both, earlier), to=np.int64), columns[1], keepdims=0)
        first = op.and_(self.there, op.equal(before, constant(0, np.int64)))
        number = self._across(op.cast(first, to=np.int64), op.reduce_sum)
        return Scalar(self.trace, Vector(Form.INT, number, pandas.Series([0])))

    def total(self) -> Scalar:
        """Their sum."""
        if self.vector.form in (Form.INT, Form.BOOL):
            numbers = op.where(self.there, self._matrix(to_int(self.vector)), constant(0, np.int64))
            return Scalar(self.trace, Vector(Form.INT, self._across(numbers, op.reduce_sum), pandas.Series([0])))
        numbers = op.where(self.there, self._matrix(to_float(self.vector)), constant(0.0))
        return Scalar(self.trace, Vector(Form.FLOAT, self._across(numbers, op.reduce_sum), pandas.Series([0.0])))

    def mean(self) -> Scalar:
        """Their mean, NaN where there are none."""
        total = to_float(self.total()._vector)
        return Scalar(
            self.trace, Vector(Form.FLOAT, op.div(total, to_float(self.count()._vector)), pandas.Series([0.0]))
        )

    def extreme(self, name: str) -> Scalar:
        """The greatest or the least number."""
        if self.vector.form is not Form.INT:
            raise Untraceable(f"{name}() of the parts of a text that are no whole numbers")
        none = op.equal(self.count()._vector.values, constant(0, np.int64))
        self.trace.refuse(none, f"{name}() of nothing")
        far = -(2**63) if name == "max" else 2**63 - 1
        numbers = op.where(self.there, self._matrix(to_int(self.vector)), constant(far, np.int64))
        how = op.reduce_max if name == "max" else op.reduce_min
        return Scalar(self.trace, Vector(Form.INT, self._across(numbers, how), pandas.Series([0])))

    def some(self) -> Scalar:
        """Whether one is true."""
        return self._truth(op.and_(self.there, self._matrix(self._truths())), op.reduce_max)

    def every(self) -> Scalar:
        """Whether all are true."""
        return self._truth(op.or_(op.not_(self.there), self._matrix(self._truths())), op.reduce_min)

    def _truths(self) -> Var:
        if self.vector.form is not Form.BOOL:
            raise Untraceable("any() or all() of what is no truth value", "compare in the comprehension")
        return self.vector.values

    def _truth(self, flags: Var, how: Callable[..., Var]) -> Scalar:
        found = self._across(op.cast(flags, to=np.int64), how)
        return Scalar(self.trace, Vector(Form.BOOL, op.cast(found, to=np.bool_), pandas.Series([True])))

    def holds(self, value: Any) -> Scalar:
        """Whether one of them is this value."""
        if self.vector.form is not Form.STRING:
            raise Untraceable("'in' the parts of a text")
        if isinstance(value, Scalar):
            return self._holds_of_row(value._vector)
        if not isinstance(value, str):
            raise Untraceable("'in' the parts of a text")
        equal = op.equal(self._matrix(self.vector.values), constant(value, np.str_))
        return self._truth(op.and_(self.there, equal), op.reduce_max)

    def _holds_of_row(self, value: Vector) -> Scalar:
        """Whether one of them is the text that the row has elsewhere."""
        if value.form is not Form.STRING:
            raise Untraceable("'in' the parts of a text")
        rows = op.concat([self.trace.spread(value.values), constant([""], np.str_)], axis=0)
        equal = op.equal(self._matrix(self.vector.values), op.unsqueeze(rows, constant([1], np.int64)))
        found = self._truth(op.and_(self.there, equal), op.reduce_max)
        if value.nulls is None:
            return found
        known = op.and_(found._vector.values, op.not_(value.nulls))
        return Scalar(self.trace, Vector(Form.BOOL, known, found._vector.live))

    def joined(self, separator: str) -> Scalar:
        """One text of them."""
        if self.vector.form is not Form.STRING or self.vector.nulls is not None:
            raise Untraceable("join() of what are no texts")
        number = op.cumsum(op.cast(self.there, to=np.int64), constant(1, np.int64))
        first = op.equal(number, constant(1, np.int64))
        nothing = constant("", np.str_)
        glue = op.where(op.or_(first, op.not_(self.there)), nothing, constant(separator, np.str_))
        words = op.where(self.there, self._matrix(self.vector.values), nothing)
        values = self._of_rows(joined(op.string_concat(glue, words)))
        return Scalar(self.trace, Vector(Form.STRING, values, pandas.Series(["x"], dtype=object)))

    def each(self, function: Callable[..., Any], condition: Callable[..., Any] | None) -> Elements:
        """What a comprehension makes of them."""
        shown = [one for one in self.shown if condition is None or condition(one)]
        made = [quietly(function, one) for one in shown]
        if not made:
            raise Untraceable("a comprehension that gives nothing for the whole sample")
        there = self.there
        if condition is not None:
            test = condition
            kept = self._followed(lambda one: bool(test(one)), pandas.Series([True, False]), there)
            if kept.form is not Form.BOOL:
                raise Untraceable("a condition in a comprehension")
            there = op.and_(there, self._matrix(kept.values))
        vector = self._followed(function, pandas.Series(made), there)
        if vector.nulls is not None:
            raise Untraceable("a comprehension over parts of which some become missing")
        return Elements(self.trace, vector, there, made)

    def _followed(self, function: Callable[..., Any], live: Any, there: Var) -> Vector:
        def fold(where: Var) -> Var:
            hit = op.and_(self._matrix(where), there)
            flags = op.reduce_max(op.cast(hit, to=np.int64), constant([1], np.int64), keepdims=0)
            return self._of_rows(op.cast(flags, to=np.bool_))

        with scalars.inside(self.trace, op.shape(self.trace.spread(self.vector.values)), fold):
            return scalars.explored(self.trace, lambda: function(Scalar(self.trace, self.vector)), live)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        if function in (np.mean, np.average) and len(arguments) == 1 and not options:
            return self.mean()
        if function is np.sum and len(arguments) == 1 and not options:
            return self.total()
        raise Untraceable(f"numpy.{function.__name__} of the parts of a text")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Untraceable("the parts of a text as an array")


def replace_there(elements: Elements, there: Var) -> Elements:
    """The same parts, fewer of which are there."""
    return replace(elements, there=there)


@dataclass(frozen=True, eq=False)
class Distinct:
    """A set of parts, as far as how many there are."""

    elements: Elements

    def __bool__(self) -> bool:
        return bool(self.elements)

    def __iter__(self) -> Any:
        raise Untraceable("a set of the parts of a text", "the graph only counts them")


def of_characters(value: Scalar) -> Elements:
    """The characters of a text."""
    value._refuse_missing_text(value._vector)
    vector = value._vector
    if vector.form is not Form.STRING:
        raise Untraceable("a loop over a value")
    cells = characters(filled(Form.STRING, vector.values, vector.nulls))
    shown = [one for word in _texts(vector) for one in word][:_SHOWN]
    return _made(value._trace, cells, present(cells), shown)


def of_pieces(value: Scalar, separator: str | None) -> Elements:
    """What `text.split(…)` gives."""
    vector = value._vector
    values = filled(Form.STRING, vector.values, vector.nulls)
    rows = op.concat([values, constant(["x"], np.str_)], axis=0)
    if separator is None:
        spaced = Matches(rows, compiled(r"\s+")).replaced(" ")
        rows = text.stripped(Vector(Form.STRING, spaced, vector.live), None, "lr", vector.live).values
    parts, counts = text.pieces(rows, " " if separator is None else separator, 1)
    there = op.less(positions(parts), op.unsqueeze(counts, constant([1], np.int64)))
    if separator is None:
        there = op.and_(there, op.not_(op.equal(parts, constant("", np.str_))))
    shown = [one for word in _texts(vector) for one in word.split(separator)][:_SHOWN]
    return _made(value._trace, parts, there, shown)


def _texts(vector: Vector) -> list[str]:
    return [one for one in vector.live.tolist() if isinstance(one, str)]


def _made(trace: Trace, cells: Var, there: Var, shown: Sequence[str]) -> Elements:
    flat = op.reshape(cells, constant([-1], np.int64))
    live = pandas.Series(list(shown) or ["x"], dtype=object)
    return Elements(trace, Vector(Form.STRING, flat, live), there, list(shown))
