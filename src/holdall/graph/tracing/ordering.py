"""The columns of a row in order, and constants taken by what comes of it: the best of several answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.array import Cell, TracedArray
from holdall.graph.tracing.series import TracedSeries, only
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import ELEMENT, Form, Vector, form_of, numbers, to_float, to_int
from holdall.graph.value import constant


def in_order(array: TracedArray, axis: Any = -1, **options: Any) -> TracedArray:
    """numpy.sort of each row."""
    only(
        "numpy.sort", {key: value for key, value in options.items() if key not in ("kind", "kth") and value is not None}
    )
    values, order = _ordered(array, axis, "sort")
    made = op.gather_elements(values, order, axis=1)
    array._trace.note("numpy.sort(axis=1)")
    return _columns(array, made, np.sort(array._live(), axis=1))


def order_of(array: TracedArray, axis: Any = -1, **options: Any) -> TracedArray:
    """numpy.argsort of each row. Columns that are equal keep their order."""
    only(
        "numpy.argsort",
        {key: value for key, value in options.items() if key not in ("kind", "stable") and value is not None},
    )
    _, order = _ordered(array, axis, "argsort")
    array._trace.note("numpy.argsort(axis=1)")
    return _columns(array, order, np.argsort(array._live(), axis=1, kind="stable"))


def _matrix(array: TracedArray, axis: Any, name: str) -> tuple[Var, Var]:
    """The rows as a matrix [N, k], and by what they are ordered: NaN comes after all."""
    if array._flat or axis not in (1, -1):
        raise over_rows(f"numpy.{name}")
    floats = any(vector.form is Form.FLOAT for vector in array._vectors)
    if any(vector.form not in (Form.FLOAT, Form.INT, Form.BOOL) for vector in array._vectors):
        raise Untraceable(f"numpy.{name} of what is no number")
    given = [array._trace.spread(to_float(one) if floats else to_int(one)) for one in array._vectors]
    values = op.concat([op.unsqueeze(one, constant([1], np.int64)) for one in given], axis=1)
    return values, op.where(op.isnan(values), constant(np.inf), values) if floats else values


def _ordered(array: TracedArray, axis: Any, name: str) -> tuple[Var, Var]:
    values, key = _matrix(array, axis, name)
    _, order = op.top_k(key, constant([len(array._cells)], np.int64), axis=1, largest=0, sorted=1)
    return values, order


def _columns(array: TracedArray, matrix: Var, live: Any) -> TracedArray:
    """A matrix [N, k] as an array of as many columns."""
    made = []
    for place in range(len(array._cells)):
        values = op.gather(matrix, constant(place, np.int64), axis=1)
        shown = pandas.Series(live[:, place])
        made.append(numbers(values, shown) if shown.dtype.kind == "f" else Vector(Form.INT, values, shown))
    return array._new(made, flat=False)


class Lookup(np.ndarray):
    """An array of constants, which the values of rows may index too."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, TracedArray | TracedSeries):
            return taken(key._trace, self, key)
        return super().__getitem__(key)


def taken(trace: Trace, table: Any, indices: Any, axis: Any = None, **options: Any) -> Any:
    """The constants at these places, as NumPy takes them: negative ones from the end; others are refused."""
    only("numpy.take", options)
    constants = np.asarray(table)
    if isinstance(table, TracedArray | TracedSeries) or constants.ndim != 1 or axis not in (None, 0, -1):
        raise over_rows("rows chosen by their place")
    array = indices if isinstance(indices, TracedArray) else TracedArray(trace, [Cell(indices._vector)], flat=True)
    made = [_taken(trace, constants, vector) for vector in array._vectors]
    trace.note("numpy.take")
    return TracedArray(trace, [Cell(vector) for vector in made], flat=array._flat)


def _taken(trace: Trace, constants: Any, vector: Vector) -> Vector:
    if vector.form is not Form.INT or vector.nulls is not None:
        raise Untraceable(f"places that are {vector.form}s", "places are whole numbers that are never missing")
    live = pandas.Series(constants[np.asarray(vector.live, np.int64)])
    form = form_of(live)
    count = constant(len(constants), np.int64)
    wrapped = op.where(op.less(vector.values, constant(0, np.int64)), op.add(vector.values, count), vector.values)
    outside = op.or_(op.less(wrapped, constant(0, np.int64)), op.greater_or_equal(wrapped, count))
    trace.refuse(outside, "a place outside the constants", IndexError)
    usable = op.where(outside, constant(0, np.int64), wrapped)
    values = op.gather(constant(constants.astype(ELEMENT[form]), ELEMENT[form]), usable)
    return numbers(values, live) if form is Form.FLOAT else Vector(form, values, live)
