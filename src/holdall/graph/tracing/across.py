"""What pandas' DataFrame gives for each row from all of its columns: sums, extremes, the middle, truth, with `axis=1`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing.arithmetic import converted, quietly
from holdall.graph.tracing.series import TracedSeries, only, ufunc
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, numbers, to_float
from holdall.graph.value import constant

if TYPE_CHECKING:
    from holdall.graph.tracing.frame import TracedFrame


class AcrossRow:
    """The part of a frame that goes across its columns."""

    _trace: Trace
    _columns: dict[Any, Vector]

    if TYPE_CHECKING:

        def _live(self) -> Any: ...
        def _series(self, vector: Vector, name: Any = None) -> TracedSeries: ...
        def notna(self) -> TracedFrame: ...

    def sum(self, axis: Any = 0, skipna: bool = True, min_count: int = 0, **options: Any) -> TracedSeries:
        self._across("sum", axis, options)
        if min_count:
            raise Untraceable("DataFrame.sum(min_count=…)")
        live = self._live().sum(axis=1, skipna=skipna)
        vectors = list(self._columns.values())
        if live.dtype.kind in "iu" and not any(vector.form is Form.FLOAT for vector in vectors):
            total = converted(vectors[0], Form.INT).values
            for vector in vectors[1:]:
                total = op.add(total, converted(vector, Form.INT).values)
            return self._reduced(Vector(Form.INT, total, live), "sum")
        values = [to_float(vector) for vector in vectors]
        if skipna:
            values = [op.where(op.isnan(one), constant(0.0), one) for one in values]
        total = values[0]
        for one in values[1:]:
            total = op.add(total, one)
        return self._reduced(numbers(total, live, nullable=any(vector.loose for vector in vectors)), "sum")

    def mean(self, axis: Any = 0, skipna: bool = True, **options: Any) -> TracedSeries:
        self._across("mean", axis, options)
        live = self._live().mean(axis=1, skipna=skipna)
        values = [to_float(vector) for vector in self._columns.values()]
        zero, one = constant(0.0), constant(1.0)
        total = count = None
        for value in values:
            there = op.where(op.isnan(value), zero, one)
            part = op.where(op.isnan(value), zero, value) if skipna else value
            total = part if total is None else op.add(total, part)
            count = there if count is None else op.add(count, there)
        assert total is not None and count is not None  # noqa: S101, PT018 — a frame without columns has no mean
        if not skipna:
            count = constant(float(len(values)))
        return self._reduced(numbers(op.div(total, count), live), "mean")

    def max(self, axis: Any = 0, skipna: bool = True, **options: Any) -> TracedSeries:
        return self._extreme("max", axis, skipna, options)

    def min(self, axis: Any = 0, skipna: bool = True, **options: Any) -> TracedSeries:
        return self._extreme("min", axis, skipna, options)

    def _extreme(self, name: str, axis: Any, skipna: bool, options: Mapping[str, Any]) -> TracedSeries:
        self._across(name, axis, options)
        live = getattr(self._live(), name)(axis=1, skipna=skipna)
        ufunc_name = (
            (np.fmax if name == "max" else np.fmin) if skipna else (np.maximum if name == "max" else np.minimum)
        )
        series = [self._series(vector) for vector in self._columns.values()]
        result = series[0]
        for one in series[1:]:
            result = ufunc(self._trace, ufunc_name, (result, one))
        vector = result._vector
        whole = vector.form is Form.FLOAT and live.dtype.kind in "iu"
        return self._reduced(vector.with_live(live.astype(float) if whole else live), name)

    def prod(self, axis: Any = 0, skipna: bool = True, **options: Any) -> TracedSeries:
        self._across("prod", axis, options)
        series = [self._series(vector) for vector in self._columns.values()]
        if skipna:
            series = [one.fillna(1) if one._vector.form is Form.FLOAT else one for one in series]
        result = series[0]
        for one in series[1:]:
            result = result * one
        return self._reduced(result._vector.with_live(self._live().prod(axis=1, skipna=skipna)), "prod")

    product = prod

    def var(self, axis: Any = 0, skipna: bool = True, ddof: int = 1, **options: Any) -> TracedSeries:
        return self._spread("var", axis, skipna, ddof, options)

    def std(self, axis: Any = 0, skipna: bool = True, ddof: int = 1, **options: Any) -> TracedSeries:
        return self._spread("std", axis, skipna, ddof, options)

    def _spread(self, name: str, axis: Any, skipna: bool, ddof: int, options: Mapping[str, Any]) -> TracedSeries:
        self._across(name, axis, options)
        live = quietly(getattr(self._live(), name), axis=1, skipna=skipna, ddof=ddof)
        if live.dtype != np.float64:
            raise Untraceable(f"DataFrame.{name}(axis=1) in {live.dtype}", "convert with .astype(float) before")
        values = [to_float(vector) for vector in self._columns.values()]
        there = [op.not_(op.isnan(value)) for value in values]
        mean = to_float(self.mean(axis=1, skipna=skipna)._vector)
        zero = constant(0.0)
        count = _total([op.cast(one, to=np.float64) for one in there])
        squares = _total(
            [
                op.where(known, op.mul(op.sub(value, mean), op.sub(value, mean)), zero if skipna else value)
                for value, known in zip(values, there, strict=True)
            ]
        )
        freedom = op.sub(count, constant(float(ddof)))
        result = op.where(op.greater(freedom, zero), op.div(squares, freedom), constant(np.nan))
        return self._reduced(numbers(op.sqrt(result) if name == "std" else result, live), name)

    def median(self, axis: Any = 0, skipna: bool = True, **options: Any) -> TracedSeries:
        self._across("median", axis, options)
        live = quietly(self._live().median, axis=1, skipna=skipna)
        values = [
            op.unsqueeze(self._trace.spread(to_float(one)), constant([1], np.int64)) for one in self._columns.values()
        ]
        matrix = op.concat(values, axis=1) if len(values) > 1 else values[0]
        missing = op.isnan(matrix)
        # What is missing goes to the end; infinity among the values stays before it.
        width = constant(len(values), np.int64)
        count = op.reduce_sum(op.cast(op.not_(missing), to=np.int64), constant([1], np.int64), keepdims=1)
        ranked = _sorted_rows(matrix, missing, len(values))
        one = constant(1, np.int64)
        last = op.sub(width, one)
        lower = op.min([op.max([op.div(op.sub(count, one), constant(2, np.int64)), constant(0, np.int64)]), last])
        upper = op.min([op.div(count, constant(2, np.int64)), last])
        low, high = (op.gather_elements(ranked, place, axis=1) for place in (lower, upper))
        middle = op.where(op.equal(lower, upper), low, op.div(op.add(low, high), constant(2.0)))
        gone = op.equal(count, constant(0, np.int64))
        if not skipna:
            gone = op.less(count, width)
        made = op.squeeze(op.where(gone, constant(np.nan), middle), constant([1], np.int64))
        return self._reduced(numbers(made, live), "median")

    def idxmax(self, axis: Any = 0, **options: Any) -> TracedSeries:
        return self._place("idxmax", axis, options)

    def idxmin(self, axis: Any = 0, **options: Any) -> TracedSeries:
        return self._place("idxmin", axis, options)

    def _place(self, name: str, axis: Any, options: Mapping[str, Any]) -> TracedSeries:
        """The name of the column with the greatest or least value, the first of several."""
        self._across(name, axis, options)
        if not all(isinstance(one, str) for one in self._columns):
            raise Untraceable(f"DataFrame.{name} of columns without text as names")
        live = quietly(getattr(self._live(), name), axis=1)
        names = list(self._columns)
        values = [to_float(vector) for vector in self._columns.values()]
        best = op.where(op.isnan(values[0]), constant(-np.inf if name == "idxmax" else np.inf), values[0])
        place = constant(0, np.int64)
        known = op.not_(op.isnan(values[0]))
        for index, value in enumerate(values[1:], 1):
            there = op.not_(op.isnan(value))
            better = op.greater(value, best) if name == "idxmax" else op.less(value, best)
            better = op.or_(better, op.and_(there, op.not_(known)))
            place = op.where(better, constant(index, np.int64), place)
            best = op.where(better, value, best)
            known = op.or_(known, there)
        self._trace.refuse(op.not_(known), "no value to compare in a row")
        chosen_name = op.gather(constant(names, np.str_), self._trace.spread(place))
        return self._reduced(Vector(Form.STRING, chosen_name, live), name)

    def any(self, axis: Any = 0, **options: Any) -> TracedSeries:
        return self._truths("any", axis, options)

    def all(self, axis: Any = 0, **options: Any) -> TracedSeries:
        return self._truths("all", axis, options)

    def _truths(self, name: str, axis: Any, options: Mapping[str, Any]) -> TracedSeries:
        self._across(name, axis, options)
        live = getattr(self._live(), name)(axis=1)
        vectors = list(self._columns.values())
        if any(vector.form not in (Form.BOOL, Form.INT) or vector.nulls is not None for vector in vectors):
            raise Untraceable(f"DataFrame.{name} of what is no truth value", "compare first")
        truths = [op.cast(vector.values, to=np.bool_) for vector in vectors]
        result = truths[0]
        for truth in truths[1:]:
            result = op.or_(result, truth) if name == "any" else op.and_(result, truth)
        return self._reduced(Vector(Form.BOOL, result, live), name)

    def count(self, axis: Any = 0, **options: Any) -> TracedSeries:
        self._across("count", axis, options)
        return self.notna().sum(axis=1)

    def _across(self, name: str, axis: Any, options: Mapping[str, Any]) -> None:
        if axis not in (1, "columns"):
            raise over_rows(f"DataFrame.{name}")
        only(f"DataFrame.{name}", {key: value for key, value in options.items() if key != "numeric_only"})
        if not self._columns:
            raise Untraceable(f"DataFrame.{name} of no column")

    def _reduced(self, vector: Vector, name: str) -> TracedSeries:
        self._trace.note(f"DataFrame.{name}(axis=1)")
        return self._series(vector)


def _total(values: Iterable[Any]) -> Any:
    first, *rest = values
    for one in rest:
        first = op.add(first, one)
    return first


def _sorted_rows(matrix: Any, missing: Any, width: int) -> Any:
    """[N, width], each row in ascending order, what is missing last."""
    keyed = op.where(missing, constant(np.inf), matrix)
    return op.top_k(keyed, constant([width], np.int64), axis=1, largest=0, sorted=1)[0]
