"""pandas' DataFrame, as far as the graph goes: names and the columns under them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas

from holdall.graph.tracing.across import AcrossRow
from holdall.graph.tracing.arithmetic import as_vector
from holdall.graph.tracing.by_place import ByPlace
from holdall.graph.tracing.places import Places
from holdall.graph.tracing.series import INDEX, OVER_ROWS, Index, TracedSeries, only, ufunc
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Vector

Word = str
"""Text: `str` is a name of pandas here."""


@dataclass(frozen=True)
class Again:
    """The name of a column that another has before it: the table must be given other names before it is asked for them."""

    name: Any
    place: int


class TracedFrame(AcrossRow):
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
        from holdall.graph.tracing.joining import joined_columns

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
        names = named_columns(labels, columns, axis, options)
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


def named_columns(labels: Any, columns: Any, axis: Any, options: Mapping[Word, Any]) -> Any:
    """The names that `DataFrame.reindex` is given. Raises Untraceable for those of rows."""
    only("DataFrame.reindex", options)
    names = columns if columns is not None else labels if axis in (1, "columns") else None
    if names is None:
        raise over_rows("DataFrame.reindex of rows")
    return names


def _is_array(value: Any) -> bool:
    from holdall.graph.tracing.array import TracedArray

    return isinstance(value, TracedArray)


def _side_by_side(value: Any, width: int) -> Iterable[Any]:
    """What stands for each of so many columns when all of them are assigned at once."""
    if isinstance(value, TracedFrame):
        return [column for _, column in value.items()]
    from holdall.graph.tracing.joining import SplitFrame

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


class _Rows:
    """The number of rows, which a graph does not know beforehand."""

    def __getattr__(self, name: Word) -> Any:
        raise over_rows("the number of rows")

    def __index__(self, *_: Any) -> int:
        raise over_rows("the number of rows")

    __int__ = __float__ = __bool__ = __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __index__
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __lt__ = __le__ = __gt__ = __ge__ = __index__
