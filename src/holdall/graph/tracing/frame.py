"""pandas' DataFrame, as far as the graph goes: names and the columns under them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing.accessors import Pieces
from holdall.graph.tracing.arithmetic import as_vector, converted, quietly
from holdall.graph.tracing.by_place import ByPlace
from holdall.graph.tracing.series import INDEX, OVER_ROWS, Index, TracedSeries, assigned, only, ufunc
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, numbers, to_float
from holdall.graph.value import constant

Word = str
"""Text: `str` is a name of pandas here."""


class TracedFrame:
    """A table that records. Its columns are values: what is assigned to one frame is never seen in another."""

    __array_priority__ = 3000
    __hash__ = None  # type: ignore[assignment] # as pandas has it

    def __init__(self, trace: Trace, columns: Mapping[Any, Vector]) -> None:
        object.__setattr__(self, "_trace", trace)
        object.__setattr__(self, "_columns", dict(columns))

    _trace: Trace
    _columns: dict[Any, Vector]

    # What it is

    @property
    def columns(self) -> Any:
        return pandas.Index([name.name if isinstance(name, Again) else name for name in self._columns])

    @columns.setter
    def columns(self, names: Iterable[Any]) -> None:
        renamed = list(names)
        if len(renamed) != len(self._columns):
            raise ValueError(
                f"Length mismatch: Expected axis has {len(self._columns)} elements, new values have {len(renamed)} elements"
            )
        object.__setattr__(self, "_columns", dict(zip(renamed, self._columns.values(), strict=True)))

    @property
    def dtypes(self) -> Any:
        return self._live().dtypes

    @property
    def index(self) -> Any:
        return INDEX

    @property
    def empty(self) -> NoReturn:
        raise over_rows("DataFrame.empty")

    @property
    def shape(self) -> Any:
        return (_Rows(), len(self._columns))

    @property
    def values(self) -> Any:
        return self.to_numpy()

    @property
    def iloc(self) -> ByPlace:
        return ByPlace(self)

    @property
    def loc(self) -> Places:
        return Places(self)

    @property
    def str(self) -> NoReturn:
        raise AttributeError("'DataFrame' object has no attribute 'str'")

    def __len__(self) -> int:
        raise over_rows("len(DataFrame)")

    def __iter__(self) -> Any:
        return iter(self._columns)

    def __contains__(self, name: Any) -> bool:
        return name in self._columns

    def keys(self) -> Any:
        return self.columns

    def items(self) -> Any:
        return [(name, self[name]) for name in self._columns]

    def __bool__(self) -> bool:
        raise Untraceable("a branch on a whole table", "use np.where")

    def __getattr__(self, name: Word) -> Any:
        if name in self._columns:
            return self[name]
        if name.startswith("__"):
            raise AttributeError(name)
        if name in OVER_ROWS or name in ("iterrows", "itertuples", "merge", "join", "pivot_table", "melt"):
            raise over_rows(f"DataFrame.{name}")
        if name in self._trace.barred:
            raise Untraceable(self._trace.barred[name].operation, self._trace.barred[name].instead)
        if not hasattr(pandas.DataFrame, name):
            raise AttributeError(f"'DataFrame' object has no attribute {name!r}")
        raise Untraceable(f"DataFrame.{name}")

    def __setattr__(self, name: Word, value: Any) -> None:
        if name in self._columns:
            self[name] = value
            return
        if name == "index":
            if not isinstance(value, Index):
                raise Untraceable("DataFrame.index = …", "the graph has no index")
            return
        object.__setattr__(self, name, value)

    def _live(self) -> Any:
        made = {name: vector.live for name, vector in self._columns.items()}
        rows = max((len(live) for live in made.values()), default=0)
        return pandas.DataFrame(
            {name: live if len(live) == rows else pandas.Series([live.iloc[0]] * rows) for name, live in made.items()}
        )

    def _frame(self, columns: Mapping[Any, Vector], operation: Word | None = None) -> TracedFrame:
        if operation is not None:
            self._trace.note(operation)
        return TracedFrame(self._trace, columns)

    def _series(self, vector: Vector, name: Any = None) -> TracedSeries:
        return TracedSeries(self._trace, vector, name)

    # Columns

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, TracedSeries):
            raise over_rows("rows chosen by a condition")
        if isinstance(key, TracedFrame):
            raise Untraceable("DataFrame[DataFrame]", "use DataFrame.where")
        if isinstance(key, tuple) and len(key) == 2 and key[0] == slice(None):
            names = list(self._columns)
            chosen_names = names[key[1]]
            return self[chosen_names]
        if isinstance(key, slice):
            raise over_rows("rows chosen by their place")
        if isinstance(key, list | pandas.Index | np.ndarray):
            names = list(key)
            if names and all(isinstance(one, bool | np.bool_) for one in names):
                names = [name for name, kept in zip(self._columns, names, strict=True) if kept]
            missing = [name for name in names if name not in self._columns]
            for name in missing:
                self[name]
            if missing:
                raise KeyError(f"{missing} not in index")
            return self._frame({name: self._columns[name] for name in names})
        if any(isinstance(name, Again) and name.name == key for name in self._columns):
            raise Untraceable(f"several columns named {key!r}", "give each a name of its own")
        if key not in self._columns:
            if key in self._trace.barred:
                raise Untraceable(self._trace.barred[key].operation, self._trace.barred[key].instead)
            raise KeyError(key)
        return self._series(self._columns[key], key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, list | pandas.Index | np.ndarray):
            for name, one in zip(key, _side_by_side(value, len(key)), strict=True):
                self[name] = one
            return
        if isinstance(key, TracedSeries | TracedFrame):
            raise Untraceable(
                "rows assigned by a condition over the whole table", "name the column: df.loc[condition, 'x'] = …"
            )
        self._columns[key] = self._value(value)

    def _value(self, value: Any) -> Vector:
        """A column of what was assigned."""
        if isinstance(value, TracedSeries):
            return value._vector
        if isinstance(value, TracedFrame) and len(value._columns) == 1:
            return next(iter(value._columns.values()))
        if _is_array(value) and len(value._cells) == 1:
            made: Vector = value._vectors[0]
            return made
        if isinstance(value, list | np.ndarray | pandas.Series | tuple):
            raise Untraceable(
                "a column assigned from values that are not the table's", "assign a number, a text or a column"
            )
        vector = as_vector(value)
        rows = max((len(one.live) for one in self._columns.values()), default=1)
        live = pandas.DataFrame({"value": value}, index=range(rows))["value"]
        return Vector(vector.form, vector.values, live, vector.nulls)

    def __delitem__(self, key: Any) -> None:
        del self._columns[key]

    def pop(self, name: Any) -> TracedSeries:
        return self._series(self._columns.pop(name), name)

    def insert(self, loc: int, column: Any, value: Any) -> None:
        items = [*self._columns.items()]
        items.insert(loc, (column, self._value(value)))
        object.__setattr__(self, "_columns", dict(items))

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self._columns else default

    def copy(self, deep: bool = True) -> TracedFrame:
        return self._frame(self._columns)

    def assign(self, **columns: Any) -> TracedFrame:
        result = self.copy()
        for name, value in columns.items():
            result[name] = value(result) if callable(value) and not isinstance(value, TracedSeries) else value
        return result

    def drop(
        self,
        labels: Any = None,
        axis: Any = 0,
        columns: Any = None,
        inplace: bool = False,
        errors: Word = "raise",
        **options: Any,
    ) -> Any:
        only("DataFrame.drop", options)
        if columns is None and axis in (1, "columns"):
            columns = labels
        if columns is None:
            raise over_rows("rows dropped by DataFrame.drop")
        names = list(columns) if isinstance(columns, list | tuple | pandas.Index | np.ndarray | set) else [columns]
        missing = [name for name in names if name not in self._columns]
        if missing and errors == "raise":
            raise KeyError(f"{missing} not found in axis")
        kept = {name: vector for name, vector in self._columns.items() if name not in names}
        return self._changed(kept, inplace)

    def set_index(self, keys: Any, **options: Any) -> Any:
        if not isinstance(keys, Index):
            raise Untraceable("DataFrame.set_index", "leave the column where it is")
        return self._changed(self._columns, bool(options.get("inplace", False)))

    def join(self, other: Any, **options: Any) -> TracedFrame:
        only("DataFrame.join", options)
        parts = list(other) if isinstance(other, list) else [other]
        names = [name for part in parts for name in ([part.name] if isinstance(part, TracedSeries) else part.columns)]
        if len({*names, *self._columns}) != len(names) + len(self._columns):
            raise ValueError("columns overlap but no suffix specified")
        return joined_columns(self._trace, [self, *parts])

    def _changed(self, columns: Mapping[Any, Vector], inplace: bool) -> Any:
        if inplace:
            object.__setattr__(self, "_columns", dict(columns))
            return None
        return self._frame(columns)

    def rename(
        self, mapper: Any = None, columns: Any = None, axis: Any = 0, inplace: bool = False, **options: Any
    ) -> Any:
        only("DataFrame.rename", options)
        names = columns if columns is not None else mapper if axis in (1, "columns") else None
        if names is None:
            raise Untraceable("DataFrame.rename of rows")
        new = names if callable(names) else lambda name: names.get(name, name)
        return self._changed({new(name): vector for name, vector in self._columns.items()}, inplace)

    def add_prefix(self, prefix: Word) -> TracedFrame:
        return self._frame({f"{prefix}{name}": vector for name, vector in self._columns.items()})

    def add_suffix(self, suffix: Word) -> TracedFrame:
        return self._frame({f"{name}{suffix}": vector for name, vector in self._columns.items()})

    def reindex(
        self, labels: Any = None, columns: Any = None, axis: Any = 0, fill_value: Any = np.nan, **options: Any
    ) -> TracedFrame:
        only("DataFrame.reindex", options)
        names = columns if columns is not None else labels if axis in (1, "columns") else None
        if names is None:
            raise over_rows("DataFrame.reindex of rows")
        return self._frame(
            {name: self._columns[name] if name in self._columns else self._value(fill_value) for name in names}
        )

    def filter(
        self, items: Any = None, like: Word | None = None, regex: Word | None = None, axis: Any = None
    ) -> TracedFrame:
        if axis not in (None, 1, "columns"):
            raise over_rows("DataFrame.filter of rows")
        kept = pandas.DataFrame(columns=list(self._columns)).filter(items=items, like=like, regex=regex)
        return self[list(kept.columns)]  # type: ignore[no-any-return] # by its key it is one

    def select_dtypes(self, include: Any = None, exclude: Any = None) -> TracedFrame:
        if any(vector.loose for vector in self._columns.values()):
            loose = [name for name, vector in self._columns.items() if vector.loose]
            as_floats = self._live().astype(dict.fromkeys(loose, float)).select_dtypes(include, exclude)
            as_ints = (
                self._live()
                .astype(dict.fromkeys(loose, float))
                .astype(dict.fromkeys(loose, "Int64"), errors="ignore")
                .select_dtypes(include, exclude)
            )
            if list(as_floats.columns) != list(as_ints.columns):
                raise Untraceable("select_dtypes where a column's dtype depends on the rows", "name the columns")
            return self[list(as_floats.columns)]  # type: ignore[no-any-return] # by its key it is one
        return self[list(self._live().select_dtypes(include, exclude).columns)]  # type: ignore[no-any-return] # by its key it is one

    def reset_index(self, drop: bool = False, **options: Any) -> Any:
        inplace = options.pop("inplace", False)
        only("DataFrame.reset_index", options)
        if not drop:
            raise Untraceable("DataFrame.reset_index()", "add drop=True")
        return self._changed(self._columns, inplace)

    def set_axis(self, labels: Any, axis: Any = 0) -> TracedFrame:
        if axis not in (1, "columns"):
            raise over_rows("DataFrame.set_axis of rows")
        return self._frame(dict(zip(labels, self._columns.values(), strict=True)))

    def pipe(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return function(self, *arguments, **options)

    def to_numpy(self, dtype: Any = None, **options: Any) -> Any:
        only("DataFrame.to_numpy", {key: value for key, value in options.items() if key != "copy"})
        from holdall.graph.tracing.array import of_frame

        return of_frame(self if dtype is None else self.astype(dtype))

    # Every column

    def _each(self, function: Callable[[TracedSeries], TracedSeries]) -> TracedFrame:
        return self._frame(
            {name: function(self._series(vector, name))._vector for name, vector in self._columns.items()}
        )

    def isna(self) -> TracedFrame:
        return self._each(TracedSeries.isna)

    isnull = isna

    def notna(self) -> TracedFrame:
        return self._each(TracedSeries.notna)

    notnull = notna

    def fillna(self, value: Any = None, **options: Any) -> Any:
        inplace = options.pop("inplace", False)
        if isinstance(value, Mapping | pandas.Series):
            filled = {
                name: self._series(vector).fillna(value[name], **options)._vector if name in value else vector
                for name, vector in self._columns.items()
            }
        else:
            filled = {
                name: self._series(vector).fillna(value, **options)._vector for name, vector in self._columns.items()
            }
        return self._changed(filled, inplace)

    def astype(self, dtype: Any, **options: Any) -> TracedFrame:
        if isinstance(dtype, Mapping):
            return self._frame(
                {
                    name: self._series(vector).astype(dtype[name], **options)._vector if name in dtype else vector
                    for name, vector in self._columns.items()
                }
            )
        return self._each(lambda series: series.astype(dtype, **options))

    def clip(self, lower: Any = None, upper: Any = None, axis: Any = None, **options: Any) -> TracedFrame:
        bounds = [_bound_of(bound, list(self._columns), axis) for bound in (lower, upper)]
        return self._each(lambda series: series.clip(*(bound(series.name) for bound in bounds), **options))

    def round(self, decimals: Any = 0) -> TracedFrame:
        if isinstance(decimals, Mapping):
            return self._frame(
                {
                    name: self._series(vector).round(decimals[name])._vector if name in decimals else vector
                    for name, vector in self._columns.items()
                }
            )
        return self._each(lambda series: series.round(decimals))

    def abs(self) -> TracedFrame:
        return self._each(TracedSeries.abs)

    def replace(self, to_replace: Any = None, value: Any = None, **options: Any) -> Any:
        inplace = options.pop("inplace", False)
        made = self._replaced(to_replace, value, options)
        return self._changed(made._columns, inplace)

    def _replaced(self, to_replace: Any, value: Any, options: Mapping[Word, Any]) -> TracedFrame:
        if isinstance(to_replace, Mapping) and any(isinstance(inner, Mapping) for inner in to_replace.values()):
            return self._frame(
                {
                    name: self._series(vector).replace(to_replace[name], **options)._vector
                    if name in to_replace
                    else vector
                    for name, vector in self._columns.items()
                }
            )
        return self._each(lambda series: series.replace(to_replace, value, **options))

    def where(self, condition: Any, other: Any = np.nan) -> TracedFrame:
        return self._frame(
            {
                name: self._series(vector)
                .where(condition[name] if isinstance(condition, TracedFrame) else condition, other)
                ._vector
                for name, vector in self._columns.items()
            }
        )

    def mask(self, condition: Any, other: Any = np.nan) -> TracedFrame:
        return self._frame(
            {
                name: self._series(vector)
                .mask(condition[name] if isinstance(condition, TracedFrame) else condition, other)
                ._vector
                for name, vector in self._columns.items()
            }
        )

    def map(self, function: Callable[[Any], Any]) -> TracedFrame:
        return self._each(lambda series: series.map(function))

    def apply(self, function: Any, axis: Any = 0, args: tuple[Any, ...] = (), **options: Any) -> Any:
        if axis in (0, "index"):
            return self._each(lambda series: function(series, *args, **options))
        from holdall.graph.tracing.scalar import over_rows_of

        made = over_rows_of(self._trace, self._columns, self._live(), function, args, options)
        self._trace.note("DataFrame.apply")
        return self._series(made)

    def eval(self, expression: Word, inplace: bool = False, **options: Any) -> Any:
        only("DataFrame.eval", options)
        from holdall.graph.tracing.expressions import evaluated

        made = evaluated(self, expression)
        if isinstance(made, TracedFrame):
            return self._changed(made._columns, inplace)
        return made

    def query(self, expression: Word, **options: Any) -> NoReturn:
        raise over_rows("DataFrame.query")

    def dot(self, other: Any) -> Any:
        made = self.to_numpy() @ (other.reindex(list(self._columns)) if isinstance(other, pandas.Series) else other)
        return self._series(made._vectors[0]) if made._flat else made

    __matmul__ = dot

    # Across a row

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

    def _extreme(self, name: Word, axis: Any, skipna: bool, options: Mapping[Word, Any]) -> TracedSeries:
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

    def _spread(self, name: Word, axis: Any, skipna: bool, ddof: int, options: Mapping[Word, Any]) -> TracedSeries:
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

    def _place(self, name: Word, axis: Any, options: Mapping[Word, Any]) -> TracedSeries:
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

    def _truths(self, name: Word, axis: Any, options: Mapping[Word, Any]) -> TracedSeries:
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

    def _across(self, name: Word, axis: Any, options: Mapping[Word, Any]) -> None:
        if axis not in (1, "columns"):
            raise over_rows(f"DataFrame.{name}")
        only(f"DataFrame.{name}", {key: value for key, value in options.items() if key != "numeric_only"})
        if not self._columns:
            raise Untraceable(f"DataFrame.{name} of no column")

    def _reduced(self, vector: Vector, name: Word) -> TracedSeries:
        self._trace.note(f"DataFrame.{name}(axis=1)")
        return self._series(vector)

    # Arithmetic

    def _binary(self, other: Any, function: Callable[[Any, Any], Any], *, upright: bool = False) -> Any:
        if upright and not isinstance(other, TracedSeries):
            raise Untraceable("arithmetic with axis=0 of what is no column", "leave axis out")
        if upright:
            pairs: Any = dict.fromkeys(self._columns, other)
        elif isinstance(other, TracedFrame):
            if list(other._columns) != list(self._columns):
                raise Untraceable("arithmetic of tables with different columns")
            pairs = {name: other[name] for name in other}
        elif isinstance(other, TracedSeries):
            raise Untraceable("arithmetic of a table and a column", "name each column")
        elif isinstance(other, pandas.Series | Mapping):
            pairs = {name: other[name] for name in self._columns}
        elif isinstance(other, np.ndarray | list | tuple):
            if len(other) != len(self._columns):
                raise Untraceable("arithmetic of a table and an array of another width")
            pairs = dict(zip(self._columns, other, strict=True))
        else:
            pairs = dict.fromkeys(self._columns, other)
        return self._frame({name: function(self[name], pairs[name])._vector for name in self._columns})

    def __array_ufunc__(self, function: Any, method: Word, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise Untraceable(f"numpy.{function.__name__}.{method}")
        if len(inputs) == 1:
            return self._each(lambda series: ufunc(self._trace, function, (series,)))
        left, right = inputs
        if isinstance(left, TracedFrame):
            return left._binary(right, lambda a, b: ufunc(self._trace, function, (a, b)))
        return right._binary(left, lambda a, b: ufunc(self._trace, function, (b, a)))

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        from holdall.graph.tracing.modules import array_function

        return array_function(self._trace, function, arguments, options)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Untraceable(
            "the values of a table as an array", "use the functions of pandas, or those of NumPy on columns"
        )

    def __invert__(self) -> TracedFrame:
        return self._each(lambda series: ~series)

    def __neg__(self) -> TracedFrame:
        return self._each(lambda series: -series)


def _bound_of(bound: Any, names: list[Any], axis: Any) -> Callable[[Any], Any]:
    """A bound for each column, by its name."""
    if isinstance(bound, pandas.Series | Mapping):
        if isinstance(bound, pandas.Series) and axis not in (1, "columns"):
            raise over_rows("DataFrame.clip with a bound for each row")
        return bound.get
    if isinstance(bound, np.ndarray | list | tuple):
        by_name = dict(zip(names, bound, strict=True))
        return lambda name: by_name[name]
    return lambda name: bound


def _is_array(value: Any) -> bool:
    from holdall.graph.tracing.array import TracedArray

    return isinstance(value, TracedArray)


def _side_by_side(value: Any, width: int) -> Iterable[Any]:
    """What stands for each of so many columns when all of them are assigned at once."""
    if isinstance(value, TracedFrame):
        return [column for _, column in value.items()]
    if isinstance(value, SplitFrame):
        return [value[place] for place in range(width)]
    if _is_array(value) and not value._flat:
        return [value[:, place] for place in range(width)]
    if isinstance(value, list | tuple) and len(value) == width:
        return value
    return [value] * width


def _operator(name: Word) -> Callable[..., Any]:
    def forwards(self: TracedFrame, other: Any, axis: Any = "columns") -> Any:
        return self._binary(other, lambda a, b: getattr(a, name)(b), upright=axis in (0, "index"))

    return forwards


for _name in [
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "truediv",
    "rtruediv",
    "floordiv",
    "rfloordiv",
    "mod",
    "rmod",
    "pow",
    "rpow",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "rand",
    "or",
    "ror",
    "xor",
]:
    setattr(TracedFrame, f"__{_name}__", _operator(f"__{_name}__"))
for _name, _same in {
    "add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "subtract": "sub", "multiply": "mul", "divide": "truediv",
    "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "mod": "mod", "floordiv": "floordiv",
    "truediv": "truediv", "pow": "pow", "radd": "radd", "rsub": "rsub", "rmul": "rmul", "rdiv": "rtruediv",
}.items():  # fmt: skip
    setattr(TracedFrame, _name, _operator(f"__{_same}__"))


def _total(values: Iterable[Any]) -> Any:
    first, *rest = values
    for one in rest:
        first = op.add(first, one)
    return first


def _sorted_rows(matrix: Any, missing: Any, width: int) -> Any:
    """[N, width], each row in ascending order, what is missing last."""
    keyed = op.where(missing, constant(np.inf), matrix)
    return op.top_k(keyed, constant([width], np.int64), axis=1, largest=0, sorted=1)[0]


class _Rows:
    """The number of rows, which a graph does not know beforehand."""

    def __getattr__(self, name: Word) -> Any:
        raise over_rows("the number of rows")

    def __index__(self, *_: Any) -> int:
        raise over_rows("the number of rows")

    __int__ = __float__ = __bool__ = __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __index__
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __lt__ = __le__ = __gt__ = __ge__ = __index__


class Places:
    """`.loc`: rows by a condition, columns by name."""

    def __init__(self, frame: TracedFrame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or not (isinstance(key[0], slice) and key[0] == slice(None)):
            raise over_rows("rows chosen by DataFrame.loc")
        if isinstance(key[1], slice):
            names = list(self._frame._columns)
            first = 0 if key[1].start is None else names.index(key[1].start)
            last = len(names) if key[1].stop is None else names.index(key[1].stop) + 1
            return self._frame[names[first:last]]
        return self._frame[key[1]]

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, tuple) or len(key) != 2:
            raise Untraceable("DataFrame.loc[rows] = …", "name the column: df.loc[condition, 'x'] = …")
        rows, names = key
        for name in names if isinstance(names, list) else [names]:
            self._set(rows, name, value)

    def _set(self, rows: Any, name: Any, value: Any) -> None:
        frame = self._frame
        if isinstance(rows, slice) and rows == slice(None):
            frame[name] = value
            return
        if callable(rows) and not isinstance(rows, TracedSeries):
            rows = rows(frame)
        if not isinstance(rows, TracedSeries):
            raise over_rows("rows chosen by DataFrame.loc")
        if name not in frame._columns:
            given = value._vector if isinstance(value, TracedSeries) else as_vector(value)
            empty = as_vector(None, given.form if given.form is not Form.INT else Form.FLOAT)
            live = quietly(
                _placed,
                frame._live(),
                rows._vector.live,
                name,
                given.live if isinstance(value, TracedSeries) else value,
            )
            from holdall.graph.tracing.arithmetic import chosen

            frame._columns[name] = chosen(rows._vector, given, empty, live)
            return
        frame._columns[name] = assigned(frame._columns[name], rows._vector, value)
        frame._trace.note("DataFrame.loc[…] =")


def _placed(frame: Any, rows: Any, name: Any, value: Any) -> Any:
    frame.loc[rows, name] = value[rows] if isinstance(value, pandas.Series) else value
    return frame[name]


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

    def __getattr__(self, name: Word) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._frame(name), name)

    def __setattr__(self, name: Word, value: Any) -> None:
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

    def _frame(self, name: Word = "columns") -> TracedFrame:
        if self._named is None:
            raise self._unknown(name)
        return self._named

    def _unknown(self, name: Word) -> Untraceable:
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


@dataclass(frozen=True)
class Again:
    """The name of a column that another has before it: the table must be given other names before it is asked for them."""

    name: Any
    place: int
