"""More columns out of numbers: products of powers, and B-splines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.search import count_at_most
from holdall.frameworks.sklearn.tables import fitted_names, numbers, rounded
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table, constant

Doubles = npt.NDArray[np.float64]


def _ones_like_rows(values: Var) -> Var:
    """double [N, 1] of ones."""
    rows = op.shape(values, start=0, end=1)
    return op.expand(constant([[1.0]]), op.concat([rows, constant([1], np.int64)], axis=0))


@transformer("PolynomialFeatures")
def polynomial_features(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each degree's products are the last one's times one more column, as scikit-learn multiplies them."""
    block = numbers(table, path)
    if block.width != model.n_features_in_:
        raise NotPortable(path, f"it was fitted on {model.n_features_in_} columns and is given {block.width} here")
    parts: list[Var] = [_ones_like_rows(block.values)] if model.include_bias else []
    terms = block.values
    last: list[tuple[int, ...]] = [(column,) for column in range(block.width)]
    if model._max_degree >= 1 >= model._min_degree:
        parts.append(terms)
    for degree in range(2, model._max_degree + 1):
        products = _next_terms(last, block.width, model.interaction_only)
        if not products:
            break
        before, more = zip(*products, strict=True)
        product = op.mul(_gathered(terms, before), _gathered(block.values, more))
        terms = rounded(product, block.single)
        last = [(column, *last[place]) for place, column in products]
        if degree >= model._min_degree:
            parts.append(terms)
    values = parts[0] if len(parts) == 1 else op.concat(parts, axis=1)
    names = fitted_names(model, table, model.n_output_features_)
    return value.matrix(values, names, single=block.single)


def _next_terms(last: Sequence[tuple[int, ...]], columns: int, distinct: bool) -> list[tuple[int, int]]:
    """(place of a term of the last degree, column to multiply it with), in scikit-learn's order.

    Terms are kept as their columns in rising order, so a column multiplies those whose first one does not come before it.
    """
    return [
        (place, column)
        for column in range(columns)
        for place, term in enumerate(last)
        if term[0] > column or (term[0] == column and not distinct)
    ]


def _gathered(values: Var, columns: Sequence[int]) -> Var:
    return op.gather(values, constant(columns, np.int64), axis=1)


@dataclass(frozen=True)
class _Splines:
    """All columns' splines. knots: [columns, knots]; degree; count: basis functions of a column before wrapping."""

    knots: Doubles
    degree: int

    @property
    def columns(self) -> int:
        return len(self.knots)

    @property
    def count(self) -> int:
        return int(self.knots.shape[1]) - self.degree - 1


@transformer("SplineTransformer")
def spline_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """de Boor's recursion over all columns at once, in SciPy's order of operations."""
    block = numbers(table, path)
    if block.width != len(model.bsplines_):
        raise NotPortable(path, f"it was fitted on {len(model.bsplines_)} columns and is given {block.width} here")
    if model.degree == 0:
        raise NotPortable(path, "splines of degree 0 fail in scikit-learn itself beyond the last knot")
    splines = _Splines(np.stack([np.asarray(spline.t, np.float64) for spline in model.bsplines_]), int(model.degree))
    result = _extrapolated(model, block, splines, conversion, path)
    width = int(model.bsplines_[0].c.shape[1])
    if getattr(model, "handle_missing", "error") == "zeros":
        missing = op.unsqueeze(op.isnan(block.values), constant([2], np.int64))
        result = op.where(missing, constant(0.0), result)
    if not model.include_bias:
        result = op.gather(result, constant(range(width - 1), np.int64), axis=2)
    values = rounded(op.flatten(result, axis=1), block.single)
    names = fitted_names(model, table, block.width * (width - (not model.include_bias)))
    return value.matrix(values, names, single=block.single)


def _extrapolated(model: Any, block: Block, splines: _Splines, conversion: Conversion, path: str) -> Var:
    """double [N, columns, basis functions]: the splines at each number, beyond the knots as the model was told."""
    degree, knots, values = splines.degree, splines.knots, block.values
    first, last = knots[:, degree], knots[:, -degree - 1]
    if model.extrapolation == "continue":
        return _basis(values, splines, splines.count)
    if model.extrapolation == "periodic":
        return _basis(_wrapped(values, first, last), splines, splines.count - degree)
    if model.extrapolation == "error":
        beyond = op.or_(op.less(values, constant(first)), op.greater(values, constant(last)))
        at_fault = [None if origin is None else origin.column for origin in block.origins]
        conversion.refuse(beyond, path, "a number beyond the knots that the model was fitted on", at_fault)
    if model.extrapolation != "linear":
        return _basis(_held_between(values, first, last), splines, splines.count)
    return _linear(model, values, splines)


def _held_between(values: Var, first: Doubles, last: Doubles) -> Var:
    low, high = constant(first), constant(last)
    return op.where(op.less(values, low), low, op.where(op.greater(values, high), high, values))


def _wrapped(values: Var, first: Doubles, last: Doubles) -> Var:
    """The numbers brought into the first period, as NumPy's remainder does."""
    period = last - first
    flat = period <= 0
    safe = constant(np.where(flat, 1.0, period))
    rest = op.mod(op.sub(values, constant(first)), safe, fmod=1)
    rest = op.where(op.less(rest, constant(0.0)), op.add(rest, safe), rest)
    inside = op.add(constant(first), rest)
    return op.where(constant(flat, np.bool_), constant(0.0), inside) if flat.any() else inside


def _linear(model: Any, values: Var, splines: _Splines) -> Var:
    """Straight on beyond the first and last knot."""
    shape = (splines.columns, splines.count)
    low, low_slope, high, high_slope = (np.zeros(shape) for _ in range(4))
    first, last = np.empty(splines.columns), np.empty(splines.columns)
    degree = splines.degree
    for column, spline in enumerate(model.bsplines_):
        first[column], last[column] = spline.t[degree], spline.t[-degree - 1]
        # scikit-learn raises the degree inside its loop over the columns, so the later columns see the raised one.
        at_ends = degree = degree + 1 if degree <= 1 else degree
        low[column, :at_ends] = spline(first[column])[:at_ends]
        low_slope[column, :at_ends] = spline(first[column], nu=1)[:at_ends]
        high[column, -at_ends:] = spline(last[column])[-at_ends:]
        high_slope[column, -at_ends:] = spline(last[column], nu=1)[-at_ends:]
    inside = _basis(_held_between(values, first, last), splines, splines.count)
    below, above = op.less(values, constant(first)), op.greater(values, constant(last))

    def line(level: Doubles, slope: Doubles, end: Doubles) -> Var:
        distance = _deeper(op.sub(values, constant(end)))
        return op.add(constant(level), op.mul(distance, constant(slope)))

    beyond = op.where(_deeper(above), line(high, high_slope, last), inside)
    return op.where(_deeper(below), line(low, low_slope, first), beyond)


def _deeper(values: Var) -> Var:
    return op.unsqueeze(values, constant([2], np.int64))


def _basis(values: Var, splines: _Splines, count: int) -> Var:
    """double [N, columns, count]: each basis function at each number; those past `count` wrap around."""
    degree, knots = splines.degree, splines.knots
    interval = op.add(count_at_most(values, list(knots[:, degree + 1 : splines.count])), constant(degree, np.int64))
    starts = constant(np.arange(splines.columns) * knots.shape[1], np.int64)
    flat, base = constant(knots.ravel()), op.add(interval, starts)
    around = {
        offset: op.gather(flat, op.add(base, constant(offset, np.int64)), axis=0)
        for offset in range(1 - degree, degree + 1)
    }
    heights = _de_boor(values, around, degree)
    places = constant(np.arange(count), np.int64)
    result = constant(0.0)
    for offset, height in enumerate(heights):
        place = op.add(interval, constant(offset - degree, np.int64))
        if count < splines.count:
            place = op.mod(place, constant(count, np.int64))
        here = op.equal(_deeper(place), places)
        result = op.add(result, op.where(here, _deeper(height), constant(0.0)))
    # A number that is none has no place among the knots; every basis function is NaN there.
    return op.where(_deeper(op.isnan(values)), constant(np.nan), result)


def _de_boor(values: Var, around: dict[int, Var], degree: int) -> list[Var]:
    """The degree + 1 basis functions that are not zero in a number's interval. around: knots by offset from it."""
    heights: list[Var] = [constant(1.0)]
    for order in range(1, degree + 1):
        before, heights = heights, [constant(0.0)]
        for step in range(1, order + 1):
            right, left = around[step], around[step - order]
            width = op.sub(right, left)
            empty = op.equal(right, left)
            weight = op.where(empty, constant(0.0), op.div(before[step - 1], op.where(empty, constant(1.0), width)))
            heights[step - 1] = op.add(heights[step - 1], op.mul(weight, op.sub(right, values)))
            heights.append(op.mul(weight, op.sub(values, left)))
    return heights
