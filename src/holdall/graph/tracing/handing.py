"""What the names of `rewriting` do: Python's own for everything that is not traced, else what the graph has for it."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing import rewriting
from holdall.graph.tracing import scalar as scalars
from holdall.graph.tracing.arithmetic import as_vector, chosen, is_null
from holdall.graph.tracing.array import Cell, TracedArray
from holdall.graph.tracing.elements import Distinct, Elements, of_characters
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.lookup import looked_up, member_of
from holdall.graph.tracing.scalar import Face, Scalar, _Split
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.to_times import Moments
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, null_mask
from holdall.graph.value import constant


class Column(TracedArray):
    """The list that a comprehension over a column gives: a column, but no list that could be added to another."""

    def _no_list(self, *_: Any) -> Any:
        raise Untraceable("a list with a value for each row", "assign it to a column")

    __add__ = __radd__ = __mul__ = __rmul__ = append = extend = index = _no_list


class Zipped:
    """`zip` of columns."""

    def __init__(self, columns: Sequence[Any]) -> None:
        self.columns = columns

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the rows", "write it as a comprehension, or for the whole column")


def hooks(trace: Trace) -> Mapping[str, Callable[..., Any]]:
    """By name, for this trace."""
    return {
        rewriting.COLLECT: lambda *given: _comprehended(trace, list, *given),
        rewriting.GENERATE: lambda *given: _comprehended(trace, iter, *given),
        rewriting.CONTAINS: contains,
        rewriting.ITEM: lambda of, key: item(trace, of, key),
        rewriting.GET: lambda of, *given: get(trace, of, *given),
        rewriting.IS_NONE: is_none,
        rewriting.FORMATTED: formatted,
        rewriting.JOIN: join,
        rewriting.UNPACK: unpacked,
    }


def _comprehended(
    trace: Trace, kind: Callable[..., Any], values: Any, function: Any, condition: Any, several: bool
) -> Any:
    if isinstance(values, Moments):
        values = values._series
    if isinstance(values, TracedSeries | Zipped) or (isinstance(values, TracedArray) and values._flat):
        if condition is not None:
            raise over_rows("a comprehension that leaves rows out")
        columns = list(values.columns) if isinstance(values, Zipped) else [values]
        if several != isinstance(values, Zipped):
            raise Untraceable("a comprehension that takes a value apart", "give each part a column of its own")
        vectors = [scalars.vector_of(one) for one in columns]
        if kind is iter:
            raise over_rows("a generator over the rows")
        made = scalars.over_several(trace, vectors, function)
        trace.note("a comprehension over a column")
        return Column(trace, [Cell(made)], flat=True)
    if isinstance(values, _Split):
        values = values.elements()
    elif isinstance(values, Scalar):
        values = of_characters(values)
    elif isinstance(values, Distinct):
        raise Untraceable("a comprehension over a set of the parts of a text")
    if isinstance(values, Elements):
        if several:
            raise Untraceable("a comprehension that takes a part of a text apart")
        return values.each(function, condition)
    call = (lambda one: function(*one)) if several else function
    test = (lambda one: condition(*one)) if several and condition is not None else condition
    return kind(call(one) for one in values if test is None or test(one))


def contains(value: Any, among: Any, negated: bool) -> Any:
    """`value in among`."""
    found = _contains(value, among)
    if isinstance(found, Scalar):
        return Scalar(found._trace, _not(found._vector)) if negated else found
    return not found if negated else found


def _contains(value: Any, among: Any) -> Any:
    if isinstance(among, _Split):
        among = among.elements()
    if isinstance(among, Elements):
        return among.holds(value)
    if isinstance(among, Scalar):
        if isinstance(value, Scalar):
            raise Untraceable("'in' one text, of another")
        among._refuse_missing_text(among._vector)
        if not isinstance(value, str) or among._vector.form is not Form.STRING:
            raise Untraceable("'in' one value")
        return among._of(among._series.str.contains(value, regex=False))
    if not isinstance(value, Scalar):
        return value in among
    if isinstance(among, str):
        value._refuse_missing_text(value._vector)
        if len(among) > 64:
            raise Untraceable("'in' a long text")
        pieces = {among[start:stop] for start in range(len(among) + 1) for stop in range(start, len(among) + 1)}
        return _truth(value, member_of(value._vector, sorted(pieces)))
    if isinstance(among, pandas.Series | TracedSeries | TracedFrame):
        raise Untraceable(f"'in' a {type(among).__name__}")
    listed = list(among)
    if any(isinstance(one, Scalar) for one in listed):
        result = value == listed[0]
        for one in listed[1:]:
            result = result | (value == one)
        return result
    if any(is_null(one) for one in listed):
        raise Untraceable("'in' what holds a missing value", "use pandas.isna")
    return _truth(value, member_of(value._vector, listed))


def _truth(of: Scalar, flags: Any) -> Scalar:
    return Scalar(of._trace, Vector(Form.BOOL, flags, pandas.Series([True, False])))


def _not(vector: Vector) -> Vector:
    return Vector(Form.BOOL, op.not_(vector.values), vector.live)


def item(trace: Trace, of: Any, key: Any) -> Any:
    """`of[key]`."""
    if not isinstance(key, Scalar):
        return of[key]
    if isinstance(of, Mapping):
        default = getattr(of, "default_factory", None)
        if default is not None:
            return get(trace, of, key, default())
        vector, unknown = _entries(trace, of, key)
        key._trace_refuse(unknown, "a key that the dict does not have", KeyError)
        return Scalar(trace, vector)
    if isinstance(of, list | tuple | str | np.ndarray):
        return _placed(trace, list(of), key)
    return of[key]


def _placed(trace: Trace, values: Sequence[Any], key: Scalar) -> Scalar:
    """One of several constants, by its place."""
    place = key._vector
    if place.form not in (Form.INT, Form.BOOL) or place.loose or not values:
        raise Untraceable("an item of a list by what is no whole number")
    number = op.cast(place.values, to=np.int64)
    count = constant(len(values), np.int64)
    zero = constant(0, np.int64)
    number = op.where(op.less(number, zero), op.add(number, count), number)
    outside = op.or_(op.less(number, zero), op.greater_or_equal(number, count))
    key._trace_refuse(outside, "a place beyond the list", IndexError)
    table = {index: one.item() if isinstance(one, np.generic) else one for index, one in enumerate(values)}
    usable = Vector(Form.INT, op.where(outside, zero, number), pandas.Series([0]))
    vector, _ = _entries(trace, table, Scalar(trace, usable))
    return Scalar(trace, vector)


def get(trace: Trace, of: Any, key: Any, *default: Any) -> Any:
    """`of.get(key, default)`."""
    if not isinstance(key, Scalar) or not isinstance(of, Mapping):
        return of.get(key, *default)
    vector, unknown = _entries(trace, of, key)
    other = default[0] if default else None
    given = other._vector if isinstance(other, Scalar) else as_vector(other, vector.form)
    if is_null(other) and vector.form is Form.INT:
        vector = Vector(Form.FLOAT, op.cast(vector.values, to=np.float64), vector.live.astype(float))
        given = as_vector(np.nan)
    live = pandas.Series([*vector.live.tolist()[:1], *given.live.tolist()[:1]])
    if Form.STRING in (vector.form, given.form):
        live = live.astype(object)
    return Scalar(trace, chosen(Vector(Form.BOOL, unknown, live), given, vector, live))


def _entries(trace: Trace, table: Mapping[Any, Any], key: Scalar) -> tuple[Vector, Any]:
    """What a dict has for a value, and where it has nothing; there, whatever."""
    values = [value.item() if isinstance(value, np.generic) else value for value in table.values()]
    if any(is_null(value) for value in values):
        raise Untraceable("an item of a dict that holds missing values")
    found = looked_up(trace, key._vector, table, "map")
    unknown = null_mask(found)
    if unknown is None:
        unknown = op.not_(op.equal(found.values, found.values))
    if found.form is Form.FLOAT and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        whole = op.cast(op.where(unknown, constant(0.0), found.values), to=np.int64)
        return Vector(Form.INT, whole, pandas.Series(values)), unknown
    live = pandas.Series(values, dtype=object if found.form is Form.STRING else None)
    if found.form is Form.FLOAT:
        return Vector(Form.FLOAT, found.values, live.astype(float)), unknown
    return Vector(found.form, found.values, live), unknown


def is_none(value: Any, negated: bool) -> bool:
    """`value is None`."""
    if not isinstance(value, Scalar):
        return (value is None) is not negated
    vector = value._vector
    if vector.form not in (Form.STRING, Form.BOOL) or vector.nulls is None or scalars.marker(vector) is not None:
        return negated
    return scalars.decide(vector.nulls) is not negated


def formatted(*parts: Any) -> Any:
    """An f-string of these parts."""
    if any(isinstance(part, TracedSeries | TracedArray | TracedFrame) for part in parts):
        raise Untraceable("a whole column in an f-string", "add the texts with +")
    if not any(isinstance(part, Scalar) for part in parts):
        return "".join(map(format, parts))
    text = scalars.FACES["str"]
    first, *rest = [text(part) if isinstance(part, Scalar) else format(part) for part in parts]
    for one in rest:
        first = first + one
    return first


def unpacked(value: Any, count: int) -> Any:
    """`a, b = value`."""
    if not isinstance(value, _Split):
        return value
    there = value.count()
    wrong = op.not_(op.equal(there._vector.values, constant(count, np.int64)))
    there._trace_refuse(wrong, f"another number of pieces than {count}")
    return [value[place] for place in range(count)]


def join(of: Any, parts: Any) -> Any:
    """`of.join(parts)`."""
    if isinstance(of, str):
        if isinstance(parts, _Split):
            parts = parts.elements()
        if isinstance(parts, Elements):
            return parts.joined(of)
        if isinstance(parts, list | tuple) and any(isinstance(one, Scalar) for one in parts):
            first, *rest = parts
            for one in rest:
                first = first + of + one if of else first + one
            return first
    return of.join(parts)


# Python's own functions of what can be gone over


def _elements(value: Any) -> Any:
    return value.elements() if isinstance(value, _Split) else value


def _sum(values: Iterable[Any], *start: Any) -> Any:
    values = _elements(values)
    if isinstance(values, Elements) and not start:
        return values.total()
    return sum(values, *start)


def _any(values: Any) -> Any:
    return values.some() if isinstance(values, Elements) else any(values)


def _all(values: Any) -> Any:
    return values.every() if isinstance(values, Elements) else all(values)


def _list(*values: Any) -> Any:
    if values and isinstance(values[0], Scalar):
        return of_characters(values[0])
    return _elements(values[0]) if values and isinstance(values[0], Elements | _Split) else list(*values)


def _tuple(*values: Any) -> Any:
    return _elements(values[0]) if values and isinstance(values[0], Elements | _Split) else tuple(*values)


def _set(*values: Any) -> Any:
    if values and isinstance(values[0], Scalar):
        return Distinct(of_characters(values[0]))
    if values and isinstance(values[0], Elements | _Split):
        return Distinct(_elements(values[0]))
    return set(*values)


def _zip(*values: Any, **options: Any) -> Any:
    columns = [one._series if isinstance(one, Moments) else one for one in values]
    if columns and all(
        isinstance(one, TracedSeries) or (isinstance(one, TracedArray) and one._flat) for one in columns
    ):
        return Zipped(columns)
    return zip(*values, **options)  # noqa: B905 — as it was written


def _map(function: Any, *values: Any) -> Any:
    if len(values) == 1 and isinstance(values[0], Elements | _Split | Scalar):
        parts = of_characters(values[0]) if isinstance(values[0], Scalar) else _elements(values[0])
        return parts.each(function, None)
    return map(function, *values)


def _sorted(values: Any, **options: Any) -> Any:
    if isinstance(values, Elements | _Split | Distinct | Scalar):
        raise Untraceable("sorted() of the parts of a text")
    return sorted(values, **options)


def _len(value: Any) -> Any:
    if isinstance(value, Elements):
        return value.count()
    return value.elements.distinct() if isinstance(value, Distinct) else scalars.FACES["len"](value)


def _extreme(name: str) -> Callable[..., Any]:
    def call(*values: Any, **options: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], Elements) and not options:
            return values[0].extreme(name)
        return scalars.FACES[name](*values, **options)

    return call


_CALLS: dict[str, Callable[..., Any]] = {
    "sum": _sum, "any": _any, "all": _all, "list": _list, "tuple": _tuple, "set": _set, "zip": _zip, "map": _map,
    "sorted": _sorted, "len": _len, "max": _extreme("max"), "min": _extreme("min"),
}  # fmt: skip
FACES = {name: Face(getattr(builtins, name), call) for name, call in _CALLS.items()}
"""What stands in for Python's own, beside `scalar.FACES`."""
