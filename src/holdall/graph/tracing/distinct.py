"""What is made of a text is made once for each text that there is, and handed to the rows that hold it.

Columns of text repeat themselves: a million rows have seven grades and forty thousand towns. To know which texts there are
costs less than one operator over all of them, where they do repeat; a thousand of the rows tell whether they do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.vector import Form, Vector, any_null, filled
from holdall.graph.value import constant

FEW = 256
"""Fewer rows than these are taken one by one."""

SHOWN = 1000
"""So many rows tell whether a column repeats itself: whether they hold half as many texts, or fewer."""

P = ParamSpec("P")
Made = TypeVar("Made", Var, Vector, tuple[Var, ...])


@dataclass(frozen=True)
class Distinct:
    """Texts [U], and for each row of the table which of them it holds, int64 [N]; None where they are the rows' own."""

    texts: Var
    rows: Var | None

    def spread(self, made: Var) -> Var:
        """[U] → [N]; remembered, so that what is made of it goes on from [U]."""
        if self.rows is None:
            return made
        values = op.gather(made, self.rows)
        _KNOWN[values] = Distinct(made, self.rows)
        return values


_KNOWN: WeakKeyDictionary[Var, Distinct] = WeakKeyDictionary()
_INSIDE: ContextVar[bool] = ContextVar("inside", default=False)


def of(text: Var) -> Distinct:
    """The distinct texts of a column [N]; where it does not repeat itself, all of them."""
    if _INSIDE.get() or getattr(text.type, "shape", None) == ():
        return Distinct(text, None)
    if text not in _KNOWN:
        size = op.size(text)

        def all_of_them() -> Sequence[Var]:
            return [op.identity(text), op.range(constant(0, np.int64), size, constant(1, np.int64))]

        def those_there_are() -> Sequence[Var]:
            texts, _, rows, _ = op.unique(text, sorted=0)
            return [texts, rows]

        def by_some_of_them() -> Sequence[Var]:
            every = op.unsqueeze(op.div(size, constant(SHOWN, np.int64)), constant([0], np.int64))
            step = op.max([every, constant([1], np.int64)])
            end = op.unsqueeze(size, constant([0], np.int64))
            some = op.slice(text, constant([0], np.int64), end, constant([0], np.int64), step)
            kinds = op.size(op.unique(some, sorted=0)[0])
            repeats = op.less_or_equal(op.mul(kinds, constant(2, np.int64)), op.size(some))
            return op.if_(repeats, then_branch=those_there_are, else_branch=all_of_them)

        many = op.greater_or_equal(size, constant(FEW, np.int64))
        texts, rows = op.if_(many, then_branch=by_some_of_them, else_branch=all_of_them)
        flat = constant([-1], np.int64)
        _KNOWN[text] = Distinct(op.reshape(texts, flat), op.reshape(rows, flat))
    return _KNOWN[text]


def once(
    *, keeps_nothing: bool = False, cheap: bool = False
) -> Callable[[Callable[Concatenate[Vector, P], Made]], Callable[Concatenate[Vector, P], Made]]:
    """A function of a column of text, each row by itself, that is made to run over its distinct texts.

    keeps_nothing: of '' it makes '', which is what stands below a missing value. cheap: it costs no more than to find the
    distinct texts, so it only uses them where they are known already.
    """

    def wrap(function: Callable[Concatenate[Vector, P], Made]) -> Callable[Concatenate[Vector, P], Made]:
        @functools.wraps(function)
        def over_texts(vector: Vector, /, *arguments: P.args, **options: P.kwargs) -> Made:
            if cheap and vector.values not in _KNOWN:
                return function(vector, *arguments, **options)
            distinct = of(vector.values)
            if distinct.rows is None:
                return function(vector, *arguments, **options)
            before = _INSIDE.set(True)
            try:
                made: Any = function(replace(vector, values=distinct.texts, nulls=None), *arguments, **options)
            finally:
                _INSIDE.reset(before)
            return _spread(distinct, vector, made, keeps_nothing)  # type: ignore[no-any-return] # as the function's own

        return over_texts

    return wrap


def _spread(distinct: Distinct, vector: Vector, made: Any, keeps_nothing: bool) -> Any:
    if isinstance(made, Var):
        return distinct.spread(made)
    if isinstance(made, tuple):
        return tuple(distinct.spread(one) for one in made)
    if made.values is distinct.texts:
        return vector.with_live(made.live)
    values = distinct.spread(made.values)
    if not keeps_nothing and vector.nulls is not None:
        values = filled(Form.STRING, values, vector.nulls)
    own = None if made.nulls is None else distinct.spread(made.nulls)
    return replace(made, values=values, nulls=any_null(vector.nulls, own))
