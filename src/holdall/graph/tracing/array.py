"""NumPy's arrays of rows, as far as the graph goes: [N] or [N, k], each column a vector.

Columns lie in cells, which views share as NumPy's views share memory: what is written through one is seen in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing.arithmetic import as_vector, chosen, converted, quietly
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.series import TracedSeries, only, ufunc
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, numbers, to_float
from holdall.graph.value import constant

OVER_ROWS = frozenset(
    ["cumprod", "cumsum", "item", "nonzero", "partition", "repeat", "sort", "take", "tolist", "trace"]
)
UPRIGHT = object()
NUMERIC = "biuf"
"""The kinds of NumPy's dtypes that mix by its rules of promotion."""


@dataclass(eq=False)
class Cell:
    """A column's place in an array."""

    vector: Vector


class Height:
    """The number of rows: a graph does not know it beforehand, but an array of as many rows can be made."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __index__(self, *_: Any) -> int:
        raise over_rows("the number of rows")

    __int__ = __float__ = __bool__ = __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __index__
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __lt__ = __le__ = __gt__ = __ge__ = __index__


class TracedArray:
    """An array of rows that records."""

    __array_priority__ = 4000
    __hash__ = None  # type: ignore[assignment] # as NumPy has it

    def __init__(self, trace: Trace, cells: Sequence[Cell], *, flat: bool = False) -> None:
        """flat: [N] of one cell; else [N, k]."""
        self._trace = trace
        self._cells = list(cells)
        self._flat = flat

    @property
    def _vectors(self) -> list[Vector]:
        return [cell.vector for cell in self._cells]

    def _series(self) -> list[TracedSeries]:
        return [TracedSeries(self._trace, vector) for vector in self._vectors]

    def _new(self, vectors: Iterable[Vector], *, flat: bool | None = None) -> TracedArray:
        """A new array of these columns, in one dtype."""
        return TracedArray(
            self._trace,
            [Cell(vector) for vector in unified(list(vectors))],
            flat=self._flat if flat is None else flat,
        )

    # What it is

    @property
    def dtype(self) -> Any:
        return dtype_of(self._vectors)

    @property
    def ndim(self) -> int:
        return 1 if self._flat else 2

    @property
    def shape(self) -> Any:
        rows = Height(self._trace)
        return (rows,) if self._flat else (rows, len(self._cells))

    @property
    def size(self) -> NoReturn:
        raise over_rows("the number of values")

    @property
    def T(self) -> Any:  # noqa: N802 — NumPy's name
        return self if self._flat else Lying(self._trace, self._cells)

    def __len__(self) -> int:
        raise over_rows("len() of an array")

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the rows", "write it for whole columns: X[:, 0] / X[:, 1]")

    def __bool__(self) -> bool:
        raise Untraceable("a branch on a whole array", "use np.where, or combine conditions with & and |")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        if name in OVER_ROWS:
            raise over_rows(f"ndarray.{name}")
        raise Untraceable(f"ndarray.{name}")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Untraceable("the values of an array", "use NumPy's own functions of whole columns")

    # Columns

    def __getitem__(self, key: Any) -> Any:
        rows, columns = self._key(key)
        if rows is not None:
            raise over_rows("rows of an array, chosen by X[…]")
        if columns is None:
            return TracedArray(self._trace, self._cells, flat=self._flat)
        if columns is UPRIGHT:
            return TracedArray(self._trace, self._cells)
        if isinstance(columns, int | np.integer):
            return TracedArray(self._trace, [self._cells[columns]], flat=True)
        if isinstance(columns, slice):
            return TracedArray(self._trace, self._cells[columns])
        return TracedArray(
            self._trace, [Cell(self._cells[place].vector) for place in _places(columns, len(self._cells))]
        )

    def _key(self, key: Any) -> tuple[Any, Any]:
        """The rows that are meant, None for all; and the columns, None for all, UPRIGHT for [N] as [N, 1]."""
        parts = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in [part for part in parts if not isinstance(part, TracedArray | np.ndarray | list)]:
            place = next(index for index, part in enumerate(parts) if part is Ellipsis)
            missing = self.ndim - sum(part is not None for part in parts) + 1
            parts[place : place + 1] = [slice(None)] * missing
        whole = isinstance(parts[0], slice) and parts[0] == slice(None)
        rows = None if whole else parts[0]
        if len(parts) == 1 and parts[0] is not None:
            return rows, None
        if len(parts) != 2 or parts[0] is None or (parts[1] is None and not self._flat):
            raise Untraceable("an array of three dimensions")
        if self._flat:
            if parts[1] is None:
                return rows, UPRIGHT
            raise IndexError("too many indices for array: array is 1-dimensional")
        if isinstance(parts[1], TracedArray | TracedSeries):
            raise Untraceable("columns chosen by the values of rows", "use np.where")
        return rows, parts[1]

    def __setitem__(self, key: Any, value: Any) -> None:
        rows, columns = self._key(key)
        if columns is None or columns is UPRIGHT:
            cells, upright = self._cells, not self._flat
        elif isinstance(columns, int | np.integer):
            cells, upright = [self._cells[columns]], False
        elif isinstance(columns, slice):
            cells, upright = self._cells[columns], True
        else:
            cells, upright = [self._cells[place] for place in _places(columns, len(self._cells))], True
        conditions: list[Vector | None] = [None] * len(cells)
        if rows is not None:
            if isinstance(rows, TracedSeries):
                rows = TracedArray(self._trace, [Cell(rows._vector)], flat=True)
            if not isinstance(rows, TracedArray) or any(vector.form is not Form.BOOL for vector in rows._vectors):
                raise over_rows("rows of an array, chosen by their place")
            if not rows._flat and len(rows._cells) not in (1, len(cells)):
                raise Untraceable("values written where a condition of another width holds")
            conditions = [*(rows._vectors * (len(cells) if len(rows._cells) == 1 else 1))]
        given = TracedArray(self._trace, cells, flat=not upright)._beside(value)
        dtype = self.dtype
        for cell, one, condition in zip(cells, given, conditions, strict=True):
            cell.vector = _written(cell.vector, one, condition, dtype)
        self._trace.note("X[…] =")

    def _beside(self, value: Any) -> list[Any]:
        """What stands against each of the columns: a vector or a constant."""
        width = len(self._cells)
        if isinstance(value, TracedSeries):
            value = TracedArray(self._trace, [Cell(value._vector)], flat=True)
        if isinstance(value, TracedFrame):
            value = of_frame(value)
        if isinstance(value, TracedArray):
            if value._flat and not self._flat and width != 1:
                raise Untraceable("an array [N] beside an array [N, k]", "make a column of it: x[:, None]")
            if not value._flat and self._flat:
                raise Untraceable("an array [N, k] beside an array [N]", "take its column: X[:, 0]")
            if len(value._cells) not in (1, width):
                raise ValueError("operands could not be broadcast together")
            return [*(value._vectors * (width if len(value._cells) == 1 else 1))]
        if isinstance(value, Lying):
            raise Untraceable("an array beside one that is turned")
        array = np.asarray(value)
        if array.dtype == object and array.ndim == 0:
            return [value] * width
        if array.size == 1:
            return [array.ravel()[0]] * width
        if self._flat or array.ndim > 2 or array.shape != (*(1,) * (array.ndim - 1), width):
            raise Untraceable("an array beside values that are not its own rows'", "give one value for each column")
        return list(array.ravel())

    def _with(self, other: Any, function: Callable[[Any, Any], Any]) -> TracedArray:
        """The function of each pair of columns, as NumPy spreads them."""
        if isinstance(other, TracedSeries):
            other = TracedArray(self._trace, [Cell(other._vector)], flat=True)
        if isinstance(other, TracedFrame):
            other = of_frame(other)
        mine: TracedArray = self
        if len(self._cells) == 1 and not self._flat:
            wide = len(other._cells) if isinstance(other, TracedArray) and not other._flat else 0
            if not isinstance(other, TracedArray | Lying):
                shape = np.shape(other)
                wide = shape[-1] if shape and len(shape) <= 2 and np.size(other) == shape[-1] else 0
            if isinstance(other, TracedArray) and other._flat:
                raise Untraceable("an array [N] beside an array [N, k]", "make a column of it: x[:, None]")
            if wide > 1:
                mine = TracedArray(self._trace, self._cells * wide)
        given = mine._beside(other)
        made = []
        for one, against in zip(mine._series(), given, strict=True):
            right = TracedSeries(self._trace, against) if isinstance(against, Vector) else against
            made.append(function(one, right)._vector)
        return mine._new(made)

    def _each(self, function: Callable[[TracedSeries], TracedSeries]) -> TracedArray:
        return self._new([function(one)._vector for one in self._series()])

    # NumPy

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise Untraceable(f"numpy.{function.__name__}.{method}")
        if function is np.matmul:
            left, right = inputs
            return left @ right if isinstance(left, TracedArray) else NotImplemented
        if len(inputs) == 1:
            return self._each(lambda one: ufunc(self._trace, function, (one,)))
        left, right = inputs
        if isinstance(left, TracedArray):
            return left._with(right, lambda a, b: ufunc(self._trace, function, (a, b)))
        return self._with(left, lambda a, b: ufunc(self._trace, function, (b, a)))

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        from holdall.graph.tracing.array_functions import array_function

        return array_function(self._trace, function, arguments, options)

    def __matmul__(self, other: Any) -> Any:
        weights = np.asarray(other)
        if weights.dtype.kind not in NUMERIC or weights.ndim not in (1, 2) or self._flat:
            raise Untraceable("@ of what is no matrix of constants")
        if len(weights) != len(self._cells):
            raise ValueError("matmul: the inner dimensions differ")
        live = quietly(np.matmul, self._live(), weights)
        if live.dtype != np.float64:
            raise Untraceable(f"@ in {live.dtype}", "convert with .astype(float) before")
        matrix = op.concat([self._upright(vector) for vector in self._vectors], axis=1)
        product = op.matmul(matrix, constant(weights.reshape(len(weights), -1)))
        columns = live.reshape(len(live), -1)
        made = [
            numbers(op.gather(product, constant(place, np.int64), axis=1), pandas.Series(columns[:, place]))
            for place in range(columns.shape[1])
        ]
        self._trace.note("@")
        return self._new(made, flat=weights.ndim == 1)

    def dot(self, other: Any) -> Any:
        return self @ other

    def _upright(self, vector: Vector) -> Any:
        return op.unsqueeze(self._trace.spread(to_float(vector)), constant([1], np.int64))

    def _live(self) -> Any:
        rows = max(len(vector.live) for vector in self._vectors)
        columns = [np.resize(np.asarray(vector.live), rows) for vector in self._vectors]
        return columns[0] if self._flat else np.column_stack(columns)

    def __eq__(self, other: object) -> Any:
        return self._with(other, lambda a, b: a == b)

    def __ne__(self, other: object) -> Any:
        return self._with(other, lambda a, b: a != b)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __invert__(self) -> TracedArray:
        return self._each(lambda one: ~one)

    def __neg__(self) -> TracedArray:
        return self._each(lambda one: -one)

    def __pos__(self) -> TracedArray:
        return self.copy()

    def __abs__(self) -> TracedArray:
        return self._each(abs)

    # Methods

    def copy(self, *_: Any, **__: Any) -> TracedArray:
        return self._new(self._vectors)

    def astype(self, dtype: Any, **options: Any) -> TracedArray:
        only("ndarray.astype", {key: value for key, value in options.items() if key not in ("copy", "order")})
        return self._each(lambda one: one.astype(dtype))

    def round(self, decimals: int = 0) -> TracedArray:
        return self._each(lambda one: one.round(decimals))

    def clip(self, min: Any = None, max: Any = None, **options: Any) -> TracedArray:
        only("ndarray.clip", options)
        result = self
        for bound, function in ((min, np.maximum), (max, np.minimum)):
            if bound is not None:
                result = function(result, bound)
        return result

    def ravel(self, *_: Any) -> TracedArray:
        if len(self._cells) != 1:
            raise Untraceable("a matrix made flat", "take its columns: X[:, 0]")
        return TracedArray(self._trace, self._cells, flat=True)

    def squeeze(self, axis: Any = None) -> TracedArray:
        return self.ravel() if len(self._cells) == 1 and axis in (None, 1, -1) else self

    def flatten(self, *_: Any) -> TracedArray:
        return self.ravel().copy()

    def reshape(self, *shape: Any, **options: Any) -> TracedArray:
        only("ndarray.reshape", options)
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        first, *rest = wanted
        if not (isinstance(first, Height) or first == -1) or len(rest) > 1:
            raise Untraceable("ndarray.reshape to other rows", "use reshape(-1, 1) or reshape(-1)")
        if not rest:
            return self.ravel()
        if rest[0] not in (len(self._cells), -1) or (first == -1 and rest[0] == -1):
            raise Untraceable("ndarray.reshape to other rows", "use reshape(-1, 1) or reshape(-1)")
        return TracedArray(self._trace, self._cells)

    def fill(self, value: Any) -> None:
        self[:] = value

    def sum(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("sum", axis, options)

    def mean(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("mean", axis, options)

    def max(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("max", axis, options)

    def min(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("min", axis, options)

    def argmax(self, axis: Any = None, **options: Any) -> TracedArray:
        return self._place_of("argmax", axis, options)

    def argmin(self, axis: Any = None, **options: Any) -> TracedArray:
        return self._place_of("argmin", axis, options)

    def _place_of(self, name: str, axis: Any, options: Mapping[str, Any]) -> TracedArray:
        """The column of each row's greatest or least value, the first of several; of the first NaN where there is one."""
        only(f"numpy.{name}", options)
        if self._flat or axis not in (1, -1):
            raise over_rows(f"numpy.{name}")
        matrix = op.concat([self._upright(vector) for vector in self._vectors], axis=1)
        missing = op.cast(op.isnan(matrix), to=np.int64)
        some = op.cast(op.reduce_max(missing, constant([1], np.int64), keepdims=0), to=np.bool_)
        best = op.arg_max(matrix, axis=1, keepdims=0) if name == "argmax" else op.arg_min(matrix, axis=1, keepdims=0)
        place = op.where(some, op.arg_max(missing, axis=1, keepdims=0), best)
        live = pandas.Series(getattr(np, name)(np.asarray(self._live(), float), axis=1))
        self._trace.note(f"numpy.{name}")
        return self._new([Vector(Form.INT, place, live)], flat=True)

    def any(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("any", axis, options)

    def all(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("all", axis, options)

    def prod(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("prod", axis, options)

    def std(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("std", axis, options)

    def var(self, axis: Any = None, **options: Any) -> Any:
        return self._reduced("var", axis, options)

    def argsort(self, axis: Any = -1, **options: Any) -> Any:
        return np.argsort(self, axis=axis, **options)  # NumPy hands it back to us

    def _reduced(self, name: str, axis: Any, options: Mapping[str, Any], *, skip: bool = False) -> TracedArray:
        """Across each row. skip: leave NaN out."""
        if self._flat or axis not in (1, -1, (1,)):
            raise over_rows(f"numpy.{name}")
        keep, ddof = bool(options.get("keepdims", False)), options.get("ddof", 0)
        only(f"numpy.{name}", {key: value for key, value in options.items() if key not in ("keepdims", "ddof")})
        frame = TracedFrame(self._trace, dict(enumerate(self._vectors)))
        if name in ("any", "all"):
            truths = self if self.dtype == np.bool_ else self != 0
            frame = TracedFrame(self._trace, dict(enumerate(truths._vectors)))
            made = getattr(frame, name)(axis=1)
        elif name in ("std", "var"):
            made = self._spread_of(name, ddof, skip)
        elif name == "prod":
            made = self._series()[0]
            for one in self._series()[1:]:
                made = made * one
        else:
            made = getattr(frame, name)(axis=1, skipna=skip)
        return self._new([made._vector], flat=not keep)

    def _spread_of(self, name: str, ddof: int, skip: bool) -> TracedSeries:
        if skip or self.dtype != np.float64:
            raise Untraceable(f"numpy.{name} of what may be missing, or of no doubles", "convert with .astype(float)")
        centred = self - self.mean(axis=1, keepdims=True)
        squares = (centred * centred).sum(axis=1) / (len(self._cells) - ddof)
        made = np.sqrt(squares) if name == "std" else squares
        return TracedSeries(self._trace, made._vectors[0])


class Lying:
    """An array whose rows are the table's columns, [k, N]: to be turned by `.T`."""

    def __init__(self, trace: Trace, cells: Sequence[Cell]) -> None:
        self._trace = trace
        self._cells = cells

    @property
    def T(self) -> TracedArray:  # noqa: N802 — NumPy's name
        return TracedArray(self._trace, self._cells)

    def transpose(self) -> TracedArray:
        return self.T

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Untraceable(f"{name} of an array with a column for each row", "turn it first: .T")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Untraceable("an array with a column for each row", "turn it first: .T")


def dtype_of(vectors: Sequence[Vector]) -> np.dtype[Any]:
    """The dtype of the one array that NumPy makes of these columns."""
    dtypes = [vector.live.dtype for vector in vectors]
    if any(not isinstance(dtype, np.dtype) for dtype in dtypes):
        return np.dtype(object)
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


def unified(vectors: Sequence[Vector]) -> list[Vector]:
    """The columns in the one dtype of their array. Raises Untraceable where text and numbers meet."""
    forms = {vector.form for vector in vectors}
    if len(forms) > 1 and not forms <= {Form.FLOAT, Form.INT, Form.BOOL}:
        if (
            all(vector.live.dtype == object for vector in vectors if vector.form is Form.STRING)
            and Form.STRING in forms
        ):
            return list(vectors)
        raise Untraceable("an array of text and numbers", "keep them in a data frame")
    dtype = dtype_of(vectors)
    if dtype.kind not in NUMERIC:
        return list(vectors)
    if dtype.kind == "f" or any(vector.loose for vector in vectors):
        held = dtype if dtype.kind == "f" else np.dtype(np.float64)
        return [_as_float(vector, held) for vector in vectors]
    form = Form.BOOL if dtype.kind == "b" else Form.INT
    return [converted(vector, form).with_live(vector.live.astype(dtype)) for vector in vectors]


def _as_float(vector: Vector, dtype: Any) -> Vector:
    if vector.form is Form.FLOAT and vector.live.dtype == dtype:
        return vector
    return numbers(to_float(vector), vector.live.astype(dtype), loose=vector.loose)


def of_frame(frame: TracedFrame) -> TracedArray:
    """The table as an array: of Python's objects where text stands beside numbers."""
    vectors = list(frame._columns.values())
    forms = {vector.form for vector in vectors}
    if Form.STRING in forms and len(forms) > 1:
        vectors = [vector.with_live(vector.live.astype(object)) for vector in vectors]
    return TracedArray(frame._trace, [Cell(vector) for vector in unified(vectors)])


def filled_array(height: Height, width: int | None, value: Any, dtype: Any = None) -> TracedArray:
    """An array of one value. width: None for [N]."""
    live = pandas.Series(np.full(height.trace.shown, value, dtype))
    plain = as_vector(live.iloc[0] if len(live) else np.asarray(value, dtype).item())
    vector = Vector(plain.form, plain.values, live, plain.nulls)
    if live.dtype.kind == "f" and vector.form is Form.INT:
        vector = numbers(to_float(vector), live)
    return TracedArray(height.trace, [Cell(vector) for _ in range(1 if width is None else width)], flat=width is None)


def _places(columns: Any, width: int) -> list[int]:
    listed = np.asarray(columns)
    if listed.dtype == np.bool_:
        if len(listed) != width:
            raise IndexError("boolean index did not match the array along axis 1")
        return [int(place) for place in np.flatnonzero(listed)]
    return [int(place) for place in listed.ravel()]


def _written(old: Vector, value: Any, condition: Vector | None, dtype: np.dtype[Any]) -> Vector:
    """A column after a value was written into it: the array's dtype stays."""
    new = value if isinstance(value, Vector) else as_vector(value, old.form)
    if dtype.kind in NUMERIC:
        if new.form not in (Form.FLOAT, Form.INT, Form.BOOL):
            raise Untraceable(f"a {new.form} written into an array of numbers")
        if dtype.kind != "f" and (
            new.form is Form.FLOAT or new.loose or (dtype.kind == "b") != (new.form is Form.BOOL)
        ):
            raise Untraceable(
                f"a number written into an array of {dtype}", "convert the array with .astype(float) before"
            )
        if dtype.itemsize < 8 and dtype.kind != "b":
            raise Untraceable(f"a number written into an array of {dtype}", "use float64 or int64")
    elif new.form is not old.form:
        raise Untraceable(f"a {new.form} written into an array of {old.form}s")
    rows = len(old.live)
    live = pandas.Series(np.resize(np.asarray(new.live), rows))
    if condition is not None:
        live = live.where(np.resize(np.asarray(condition.live), rows), old.live)
    if dtype.kind in NUMERIC:
        live = live.astype(dtype)
    whole = converted(new, old.form) if dtype.kind in NUMERIC else new
    if condition is None:
        return Vector(old.form, whole.values, live, whole.nulls)
    return chosen(condition, whole, old, live)


def _operator(name: str) -> Callable[[Any, Any], Any]:
    def forwards(self: TracedArray, other: Any) -> Any:
        return self._with(other, lambda a, b: getattr(a, name)(b))

    return forwards


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def forwards(self: TracedArray, other: Any) -> Any:
        made = getattr(self, name)(other)
        self[:] = made
        return self

    return forwards


_ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"]
for _name in [*_ARITHMETIC, *(f"r{name}" for name in _ARITHMETIC[:-1]), "lt", "le", "gt", "ge"]:
    setattr(TracedArray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in _ARITHMETIC:
    setattr(TracedArray, f"__i{_name}__", _in_place(f"__{_name}__"))
