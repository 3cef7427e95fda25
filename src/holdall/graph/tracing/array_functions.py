"""NumPy's functions of arrays of rows: those that find one among their arguments by NumPy's own protocol, and those that
make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing import modules
from holdall.graph.tracing.arithmetic import quietly
from holdall.graph.tracing.array import Cell, Lying, TracedArray, filled_array, of_frame, unified
from holdall.graph.tracing.business_days import busday_count, is_busday
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.ordering import in_order, order_of
from holdall.graph.tracing.series import TracedSeries, only
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, to_float
from holdall.graph.value import constant

OVER_ROWS = frozenset(
    [
        "argsort", "average", "bincount", "corrcoef", "cov", "cumprod", "cumsum", "diff", "flip", "histogram", "median",
        "nanmedian", "nanpercentile", "nanquantile", "nanstd", "nanvar", "percentile", "quantile", "roll", "sort", "unique",
    ]
)  # fmt: skip


def array_function(trace: Trace, function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """A function of NumPy that found an array of rows among its arguments. Raises Untraceable."""
    name = function.__name__
    face = _FUNCTIONS.get(name)
    if face is None:
        if name in OVER_ROWS:
            raise over_rows(f"numpy.{name}")
        raise Untraceable(f"numpy.{name}")
    trace.note(f"numpy.{name}")
    return face(trace, *arguments, **options)


def as_array(value: Any, trace: Trace) -> TracedArray:
    """A traced table, column or array as an array of rows. Raises Untraceable for a constant."""
    if isinstance(value, TracedArray):
        return value
    if isinstance(value, TracedSeries):
        return TracedArray(trace, [Cell(value._vector)], flat=True)
    if isinstance(value, TracedFrame):
        return of_frame(value)
    raise Untraceable(f"a {type(value).__name__} among columns", "give columns of the table")


def made_of(trace: Trace, values: Any, dtype: Any = None, **options: Any) -> Any:
    """numpy.array of what is traced: a copy, or an array with a row for each column that is listed."""
    only("numpy.array", {key: value for key, value in options.items() if key not in ("copy", "order")})
    if isinstance(values, list | tuple):
        listed = [as_array(value, trace) for value in values]
        if not all(one._flat for one in listed):
            raise Untraceable("numpy.array of several arrays", "use np.column_stack")
        vectors = unified([vector for one in listed for vector in one._vectors])
        return Lying(trace, [Cell(vector) for vector in vectors])
    array = as_array(values, trace)
    return array.copy() if dtype is None else array.astype(dtype)


def of_list(trace: Trace, name: str) -> Callable[..., Any]:
    """numpy.sum and its like of a list of columns, taken from column to column."""

    def made(a: Any, axis: Any = None, **options: Any) -> Any:
        if not isinstance(a, list | tuple):
            return getattr(np, name)(a, axis=axis, **options)
        if axis not in (0, (0,)):
            raise over_rows(f"numpy.{name}")
        return _FUNCTIONS[name](trace, made_of(trace, a).T, axis=1, **options)

    return made


def same(trace: Trace, values: Any, dtype: Any = None, **options: Any) -> Any:
    """numpy.asarray: the array itself where nothing has to change."""
    if isinstance(values, TracedArray) and dtype in (None, values.dtype):
        return values
    return made_of(trace, values, dtype, **options)


def of_shape(value: Any) -> Callable[..., TracedArray]:
    """numpy.zeros and its like. value: what they are filled with; None where the second argument says it."""

    def made(shape: Any, *arguments: Any, **options: Any) -> TracedArray:
        fill = value if value is not None else arguments[0]
        dtype = options.pop("dtype", None) if value is None or not arguments else arguments[0]
        only("numpy.full", options)
        first, *rest = shape if isinstance(shape, tuple | list) else (shape,)
        if len(rest) > 1:
            raise Untraceable("an array of three dimensions")
        if dtype is None and value is not None:
            dtype = np.float64
        return filled_array(first, rest[0] if rest else None, fill, dtype)

    return made


def beside(trace: Trace, parts: Sequence[Any]) -> TracedArray:
    """Side by side, as numpy.column_stack and numpy.c_ put them."""
    arrays = [part for part in parts if isinstance(part, TracedArray | TracedSeries | TracedFrame)]
    if len(arrays) < len(parts):
        raise Untraceable("values beside columns that are not the table's", "assign a number to a column of its own")
    vectors = [vector for part in arrays for vector in as_array(part, trace)._vectors]
    return TracedArray(trace, [Cell(vector) for vector in unified(vectors)])


class Beside:
    """numpy.c_."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) == 1 and isinstance(key, list) and key and isinstance(key[0], TracedArray | TracedSeries):
            return made_of(self._trace, key)
        if not any(isinstance(part, TracedArray | TracedSeries | TracedFrame) for part in parts):
            return np.c_[key]
        self._trace.note("numpy.c_")
        return beside(self._trace, parts)


def _stacked(trace: Trace, arrays: Any, axis: Any = 0, **options: Any) -> Any:
    """numpy.concatenate, append and hstack: along the columns."""
    only("numpy.concatenate", options)
    if axis not in (1, -1):
        raise over_rows("numpy.concatenate of rows")
    listed = [as_array(one, trace) for one in arrays]
    if any(one._flat for one in listed):
        raise ValueError("the array at index 0 has 1 dimension(s), zero-dimensional arrays cannot be concatenated")
    return beside(trace, listed)


def _hstack(trace: Trace, tup: Any) -> TracedArray:
    if any(as_array(one, trace)._flat for one in tup):
        raise over_rows("numpy.hstack of [N]")
    return beside(trace, tup)


def _vstack(trace: Trace, tup: Any) -> Lying:
    if not all(as_array(one, trace)._flat for one in tup):
        raise over_rows("numpy.vstack of rows")
    return Lying(trace, beside(trace, tup)._cells)


def _stack(trace: Trace, arrays: Any, axis: int = 0) -> Any:
    if axis not in (1, -1):
        return _vstack(trace, arrays)
    if not all(as_array(one, trace)._flat for one in arrays):
        raise Untraceable("an array of three dimensions")
    return beside(trace, arrays)


def _where(trace: Trace, condition: Any, yes: Any = None, no: Any = None) -> TracedArray:
    if yes is None and no is None:
        raise over_rows("numpy.where with a condition alone")
    mask, first, second = _together(trace, [condition, yes, no])
    made = []
    for one, a, b in zip(mask, first, second, strict=True):
        made.append(modules._where(trace, *(_series(trace, each) for each in (one, a, b)))._vector)
    return TracedArray(trace, [Cell(vector) for vector in unified(made)], flat=_flat(trace, [condition, yes, no]))


def _select(trace: Trace, condlist: Any, choicelist: Any, default: Any = 0) -> TracedArray:
    spread = _together(trace, [*condlist, *choicelist, default])
    count = len(condlist)
    made = []
    for column in zip(*spread, strict=True):
        each = [_series(trace, one) for one in column]
        made.append(modules._select(trace, each[:count], each[count : 2 * count], each[-1])._vector)
    flat = _flat(trace, [*condlist, *choicelist, default])
    return TracedArray(trace, [Cell(vector) for vector in unified(made)], flat=flat)


def _series(trace: Trace, value: Any) -> Any:
    return TracedSeries(trace, value) if isinstance(value, Vector) else value


def _flat(trace: Trace, values: Sequence[Any]) -> bool:
    return all(as_array(value, trace)._flat for value in values if _is_traced(value))


def _is_traced(value: Any) -> bool:
    return isinstance(value, TracedArray | TracedSeries | TracedFrame)


def _together(trace: Trace, values: Sequence[Any]) -> list[list[Any]]:
    """For each value what it has in each column, all of one width."""
    arrays = [as_array(value, trace) for value in values if _is_traced(value)]
    widest = max(arrays, key=lambda array: len(array._cells))
    if any(array._flat for array in arrays) and not all(array._flat for array in arrays):
        raise Untraceable("an array [N] beside an array [N, k]", "make a column of it: x[:, None]")
    return [widest._beside(as_array(value, trace) if _is_traced(value) else value) for value in values]


def _clip(trace: Trace, a: Any, a_min: Any = None, a_max: Any = None, **options: Any) -> TracedArray:
    only("numpy.clip", {key: value for key, value in options.items() if key not in ("min", "max")})
    return as_array(a, trace).clip(options.get("min", a_min), options.get("max", a_max))


def _nan_to_num(trace: Trace, x: Any, copy: bool = True, nan: float = 0.0, **options: Any) -> TracedArray:
    bounds = {"posinf": options.pop("posinf", None), "neginf": options.pop("neginf", None)}
    only("numpy.nan_to_num", options)
    if not copy:
        raise Untraceable("numpy.nan_to_num(copy=False)", "assign what it gives")
    array = as_array(x, trace)
    big = np.finfo(np.float64).max
    array = _where(trace, np.isnan(array), nan, array)
    high = big if bounds["posinf"] is None else bounds["posinf"]
    low = -big if bounds["neginf"] is None else bounds["neginf"]
    array = _where(trace, array == np.inf, high, array)
    return _where(trace, array == -np.inf, low, array)


def _counted(trace: Trace, x: Any, edges: Any, inclusive: bool, live: Callable[[Any], Any]) -> TracedArray:
    """How many of the edges lie below each value, or at it; NaN lies above all."""
    array = as_array(x, trace)
    listed = np.asarray(edges, np.float64)
    if listed.ndim != 1 or not len(listed) or (np.diff(listed) < 0).any():
        raise Untraceable("edges that do not rise")

    def count(vector: Vector) -> Vector:
        values = op.unsqueeze(trace.spread(to_float(vector)), constant([1], np.int64))
        below = op.greater_or_equal if inclusive else op.greater
        counted = op.reduce_sum(
            op.cast(below(values, constant(listed)), to=np.int64), constant([1], np.int64), keepdims=0
        )
        counted = op.where(op.isnan(to_float(vector)), constant(len(listed), np.int64), counted)
        return Vector(Form.INT, counted, pandas.Series(quietly(live, np.asarray(vector.live))))

    return array._new([count(vector) for vector in array._vectors])


def _digitize(trace: Trace, x: Any, bins: Any, right: bool = False) -> TracedArray:
    return _counted(trace, x, bins, not right, lambda values: np.digitize(values, bins, right=right))


def _searchsorted(trace: Trace, a: Any, v: Any, side: str = "left", sorter: Any = None) -> TracedArray:
    if _is_traced(a) or sorter is not None:
        raise over_rows("numpy.searchsorted in a column")
    return _counted(trace, v, a, side == "right", lambda values: np.searchsorted(a, values, side=side))  # type: ignore[call-overload] # side is NumPy's own


def _isin(trace: Trace, element: Any, test_elements: Any, **options: Any) -> TracedArray:
    inverted = options.pop("invert", False)
    only("numpy.isin", options)
    found = as_array(element, trace)._each(lambda one: one.isin(test_elements))
    return ~found if inverted else found


def _like(value: Any) -> Callable[..., TracedArray]:
    """numpy.zeros_like and its like. value: what they are filled with; None where the next argument says it."""

    def made(trace: Trace, a: Any, *arguments: Any, dtype: Any = None, **options: Any) -> TracedArray:
        only("numpy.full_like", options)
        array = as_array(a, trace)
        fill = value if value is not None else arguments[0]
        width = None if array._flat else len(array._cells)
        return filled_array(array.shape[0], width, fill, array.dtype if dtype is None else dtype)

    return made


def _delete(trace: Trace, arr: Any, obj: Any, axis: Any = None) -> TracedArray:
    if axis not in (1, -1):
        raise over_rows("numpy.delete of rows")
    array = as_array(arr, trace)
    kept = np.delete(np.arange(len(array._cells)), obj)
    return array[:, kept].copy()  # type: ignore[no-any-return] # a list of columns gives an array


def _expand_dims(trace: Trace, a: Any, axis: int) -> TracedArray:
    array = as_array(a, trace)
    if not array._flat or axis not in (1, -1):
        raise Untraceable("numpy.expand_dims to other rows", "use x[:, None]")
    return array[:, None]  # type: ignore[no-any-return] # an axis more gives an array


def _norm(trace: Trace, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> TracedArray:
    if ord not in (None, 2, 1):
        raise Untraceable(f"numpy.linalg.norm(ord={ord!r})")
    array = as_array(x, trace)
    parts = abs(array) if ord == 1 else array * array
    total = parts._reduced("sum", axis, {"keepdims": keepdims})
    return total if ord == 1 else np.sqrt(total)  # type: ignore[return-value] # NumPy hands arrays of ours back to us


def _dot(trace: Trace, a: Any, b: Any) -> Any:
    if not isinstance(a, TracedArray | TracedFrame):
        raise over_rows("numpy.dot with the rows on the right")
    return as_array(a, trace) @ b


def _interp(trace: Trace, x: Any, xp: Any, fp: Any, **options: Any) -> TracedArray:
    only("numpy.interp", options)
    array = as_array(x, trace)
    points, heights = np.asarray(xp, np.float64), np.asarray(fp, np.float64)
    slopes = np.concatenate([[0.0], np.diff(heights) / np.diff(points), [0.0]])
    starts, bases = np.concatenate([points[:1], points]), np.concatenate([heights[:1], heights])
    place = _counted(trace, array, points, True, lambda values: np.searchsorted(points, values, side="right"))

    def along(vector: Vector, where: Vector) -> Vector:
        values = to_float(vector)
        start, base, slope = (op.gather(constant(table), where.values) for table in (starts, bases, slopes))
        risen = op.add(op.mul(slope, op.sub(values, start)), base)
        level = op.equal(slope, constant(0.0))
        result = op.where(op.isnan(values), values, op.where(level, base, risen))
        return Vector(
            Form.FLOAT, result, pandas.Series(np.interp(np.asarray(vector.live, np.float64), points, heights))
        )

    return array._new([along(*pair) for pair in zip(array._vectors, place._vectors, strict=True)])


def _reducing(name: str, *, skip: bool = False) -> Callable[..., TracedArray]:
    def face(trace: Trace, a: Any, axis: Any = None, **options: Any) -> TracedArray:
        return as_array(a, trace)._reduced(name, axis, options, skip=skip)

    return face


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "is_busday": is_busday,
    "busday_count": busday_count,
    "argmax": lambda trace, a, axis=None: as_array(a, trace).argmax(axis),
    "argmin": lambda trace, a, axis=None: as_array(a, trace).argmin(axis),
    **{name: _reducing(name) for name in ("sum", "mean", "max", "min", "any", "all", "prod", "std", "var")},
    **{f"nan{name}": _reducing(name, skip=True) for name in ("sum", "mean", "max", "min")},
    "amax": _reducing("max"),
    "amin": _reducing("min"),
    "argsort": lambda trace, a, axis=-1, **options: order_of(as_array(a, trace), axis, **options),
    "partition": lambda trace, a, kth, axis=-1: in_order(as_array(a, trace), axis),
    "sort": lambda trace, a, axis=-1, **options: in_order(as_array(a, trace), axis, **options),
    "append": lambda trace, arr, values, axis=None: _stacked(trace, (arr, values), 0 if axis is None else axis),
    "around": lambda trace, a, decimals=0: as_array(a, trace).round(decimals),
    "clip": _clip,
    "column_stack": beside,
    "concatenate": _stacked,
    "copy": lambda trace, a, **options: as_array(a, trace).copy(),
    "count_nonzero": lambda trace, a, axis=None: (as_array(a, trace) != 0)._reduced("sum", axis, {}),
    "delete": _delete,
    "digitize": _digitize,
    "dot": _dot,
    "empty_like": _like(0),
    "expand_dims": _expand_dims,
    "full_like": _like(None),
    "hstack": _hstack,
    "interp": _interp,
    "isin": _isin,
    "nan_to_num": _nan_to_num,
    "norm": _norm,
    "ones_like": _like(1),
    "ravel": lambda trace, a, **options: as_array(a, trace).ravel(),
    "reshape": lambda trace, a, shape, **options: as_array(a, trace).reshape(shape, **options),
    "round": lambda trace, a, decimals=0: as_array(a, trace).round(decimals),
    "searchsorted": _searchsorted,
    "select": _select,
    "squeeze": lambda trace, a, axis=None: as_array(a, trace).squeeze(axis),
    "stack": _stack,
    "transpose": lambda trace, a, axes=None: as_array(a, trace).T,
    "vstack": _vstack,
    "where": _where,
    "zeros_like": _like(0),
}
AS_THEY_ARE: dict[str, Callable[..., Any]] = dict.fromkeys(("asarray", "asanyarray", "ascontiguousarray"), same)
OF_SHAPE: dict[str, Callable[..., Any]] = {
    "empty": of_shape(0),
    "full": of_shape(None),
    "ones": of_shape(1),
    "zeros": of_shape(0),
}
OF_LIST = (
    "all", "amax", "amin", "any", "max", "mean", "min", "nanmax", "nanmean", "nanmin", "nansum", "prod", "std", "sum", "var",
)  # fmt: skip
"""What takes a list of columns, which NumPy's own protocol does not look into."""
