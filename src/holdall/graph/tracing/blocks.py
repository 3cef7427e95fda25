"""A step inside a model, traced: the blocks of its graph as the table or array that the step is given, and its answer as
blocks again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.conversion import Conversion
from holdall.graph.tracing.array import Cell, TracedArray, of_frame
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.rebinding import Bindings
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.tracing import FORMS
from holdall.graph.tracing.untraceable import Untraceable, where_raised
from holdall.graph.tracing.vector import Form, Vector, filled, form_of, numbers
from holdall.graph.value import Block, Table, constant, select, to_single, width
from holdall.spec.schema import Kind

KINDS = {form: kind for kind, form in FORMS.items()}
NUMBERS = (Kind.FLOAT, Kind.INT, Kind.BOOL)


class Step:
    """One step under trace."""

    def __init__(self, table: Table, given: Any, conversion: Conversion, label: str) -> None:
        """table: what reaches the step, in the graph. given: the same for some rows of the sample, as the live step is
        given it: a data frame or an array. label: what refusals call it. Raises Untraceable."""
        if not table:
            raise Untraceable("a table without columns")
        rows = op.shape(table[0].values, start=0, end=1)
        self.trace = Trace(conversion, label, rows, shown=len(given))
        self._whence: list[tuple[Vector, Table, int]] = []
        self.given = self.columns(table, given, barring=True)

    def columns(self, table: Table, given: Any, *, barring: bool = False) -> TracedFrame | TracedArray:
        """A table of the graph as the step sees it. given: the same for some rows of the sample. barring: columns that no
        graph holds are told where they are used, not here. Raises Untraceable."""
        if isinstance(given, pandas.DataFrame):
            names = list(given.columns)
            lives = [given.iloc[:, place].reset_index(drop=True) for place in range(given.shape[1])]
        elif isinstance(given, np.ndarray) and given.ndim == 2:
            names, lives = None, [pandas.Series(given[:, place]) for place in range(given.shape[1])]
        else:
            raise Untraceable(f"a step that is given a {type(given).__name__}", "give it a data frame or a matrix")
        if len(lives) != width(table):
            raise Untraceable(f"a step that is given {len(lives)} columns where the graph has {width(table)}")
        columns: dict[Any, Vector] = {}
        barred: dict[Any, Untraceable] = {}
        for place, live in enumerate(lives):
            name = place if names is None else names[place]
            if name in columns or name in barred:
                raise Untraceable(f"a table with two columns {name!r}")
            try:
                columns[name] = self._vector(table, place, live)
            except Untraceable as error:
                if names is None or not barring:
                    raise
                barred[name] = error
        if barring:
            self.trace.barred = barred
        if names is None:
            return TracedArray(self.trace, [Cell(vector) for vector in columns.values()])
        return TracedFrame(self.trace, columns)

    def _vector(self, table: Table, place: int, live: Any) -> Vector:
        (block,) = select(table, [place])
        axis = constant([1], np.int64)
        nulls = None if block.nulls is None else op.squeeze(block.nulls, axis)
        vector = vector_of(block.kind, op.squeeze(block.values, axis), nulls, live)
        self._whence.append((vector, table, place))
        return vector

    def run(self, call: Callable[[Any, Bindings], Any], bindings: Callable[[Trace], Bindings] = Bindings) -> Any:
        """What the call makes of the given table. Raises Untraceable, also for whatever it raises."""
        self.trace.bindings = bindings(self.trace)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return call(self.given, self.trace.bindings)
        except Exception as error:
            # The step runs on tables, so what it raises here is a library's, which was given what is none.
            raised = Untraceable(f"what raised {type(error).__name__}: {error}"[:300], "the graph cannot follow it")
            raised.line = where_raised(error)
            raise raised from error

    def blocks(self, answer: Any, live: Any) -> Table:
        """The answer as blocks. live: what the live step gave for the rows of the sample. Raises Untraceable."""
        if isinstance(answer, TracedFrame) and isinstance(live, np.ndarray):
            answer = of_frame(answer)
        if isinstance(answer, TracedFrame):
            vectors = list(answer._columns.values())
        elif isinstance(answer, TracedArray) and not answer._flat:
            vectors = answer._vectors
        elif isinstance(answer, TracedSeries | TracedArray):
            raise Untraceable("a step that gives one column without a table around it", "return a table: .to_frame()")
        else:
            raise Untraceable(f"a result that is a {type(answer).__name__}", "return a data frame or an array")
        if isinstance(live, pandas.DataFrame):
            lives = [live.iloc[:, place] for place in range(live.shape[1])]
            names = [str(name) for name in live.columns]
        elif isinstance(live, np.ndarray) and live.ndim == 2:
            lives = [pandas.Series(live[:, place]) for place in range(live.shape[1])]
            names = [f"x{place}" for place in range(live.shape[1])]
        else:
            raise Untraceable(f"a step that gives a {type(live).__name__}", "return a data frame or an array")
        if len(vectors) != len(lives):
            raise Untraceable(f"a step that gives {len(vectors)} columns here and {len(lives)} there")
        if isinstance(answer, TracedFrame) and isinstance(live, pandas.DataFrame):
            given = [str(name) for name in answer._columns]
            if given != names and sorted(given) == sorted(names):
                raise Untraceable("columns in an order that depends on the rows")
        made = []
        for vector, one, name in zip(vectors, lives, names, strict=True):
            made.append(self._block(vector, one, name))
        return _joined(made)

    def _block(self, vector: Vector, live: Any, name: str) -> Block:
        whence = next(((table, place) for known, table, place in self._whence if known is vector), None)
        if whence is not None:
            (block,) = select(whence[0], [whence[1]])
            return replace(block, names=(name,), base=None, places=())
        if vector.form not in KINDS:
            raise Untraceable(f"the column {name!r} as a column of {vector.form}s", "use .dt.total_seconds()")
        axis = constant([1], np.int64)
        values = op.unsqueeze(self.trace.spread(vector.values), axis)
        nulls = None if vector.nulls is None else op.unsqueeze(self.trace.spread(vector.nulls), axis)
        single = vector.form is Form.FLOAT and vector.live.dtype == np.float32
        return Block(KINDS[vector.form], values, (name,), nulls, single=single, dtypes=(str(live.dtype),))


def vector_of(kind: Kind, values: Any, nulls: Any, live: Any) -> Vector:
    """A column of a block [N] as the step sees it. live: the same column of some rows, as pandas or NumPy has it.

    Raises Untraceable.
    """
    if kind not in FORMS:
        raise Untraceable(f"a column of {kind}s")
    dtype = live.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        # Whose categories they are is not known here: those of whatever rows came together, to be safe.
        return Vector(FORMS[kind], values, live, nulls, open=True)
    if kind not in NUMBERS:
        if form_of(live) is not FORMS[kind]:
            raise Untraceable(f"a column of {kind}s with the dtype {dtype}")
        return Vector(FORMS[kind], values, live, nulls)
    if not isinstance(dtype, np.dtype):
        if kind is Kind.FLOAT:
            raise Untraceable(f"a column with the dtype {dtype}", "convert it to float64 before")
        return Vector(FORMS[kind], values, live, nulls)
    if dtype == np.float16:
        raise Untraceable("a column of float16", "convert it to float64 before")
    if dtype.kind == "f":
        doubles = _doubles(kind, values, nulls)
        return Vector(Form.FLOAT, to_single(doubles) if dtype == np.float32 else doubles, live)
    if dtype.kind in "iu" and kind is not Kind.BOOL:
        if kind is Kind.FLOAT or nulls is not None:
            return numbers(_doubles(kind, values, nulls), live.astype(np.float64), loose=True)
        return Vector(Form.INT, values, live)
    if dtype.kind in "iu":
        return Vector(Form.INT, op.cast(values, to=np.int64), live)
    return Vector(FORMS[kind], values, live, nulls)


def _doubles(kind: Kind, values: Any, nulls: Any) -> Any:
    if kind is Kind.FLOAT:
        return values
    return filled(Form.FLOAT, op.cast(values, to=np.float64), nulls)


def _joined(blocks: Sequence[Block]) -> Table:
    """Neighbours of one kind as one block, so that what comes after works on them together."""
    runs: list[list[Block]] = []
    for block in blocks:
        last = runs[-1][-1] if runs else None
        alike = last is not None and last.kind is block.kind and last.single == block.single
        if alike and (last.nulls is None) == (block.nulls is None):  # type: ignore[union-attr] # it is alike
            runs[-1].append(block)
        else:
            runs.append([block])
    return tuple(_side_by_side(run) for run in runs)


def _side_by_side(run: Sequence[Block]) -> Block:
    if len(run) == 1:
        return run[0]
    masks = [block.nulls for block in run if block.nulls is not None]
    return Block(
        run[0].kind,
        op.concat([block.values for block in run], axis=1),
        tuple(name for block in run for name in block.names),
        op.concat(masks, axis=1) if masks else None,
        tuple(origin for block in run for origin in block.origins),
        run[0].single,
        tuple(dtype for block in run for dtype in block.dtypes),
    )
