"""pandas' Series, as far as the graph goes. Each method does what pandas does with the sample's rows, and records it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas
import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import patterns, text, times, unary
from holdall.graph.tracing.arithmetic import as_vector, binary, chosen, is_null, quietly
from holdall.graph.tracing.characters import length
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import (
    Form,
    Vector,
    any_null,
    either,
    filled,
    form_of,
    null_mask,
    numbers,
    to_float,
    to_int,
    wrapped,
)
from holdall.graph.value import constant, to_single

Word = str
"""Text: `str` is a name of pandas here."""

OVER_ROWS = frozenset(
    [
        "mean",
        "median",
        "std",
        "var",
        "min",
        "max",
        "sum",
        "prod",
        "quantile",
        "rank",
        "mode",
        "nunique",
        "unique",
        "value_counts",
        "describe",
        "corr",
        "cov",
        "sem",
        "skew",
        "kurt",
        "cumsum",
        "cumprod",
        "cummax",
        "cummin",
        "shift",
        "diff",
        "pct_change",
        "rolling",
        "expanding",
        "ewm",
        "groupby",
        "sort_values",
        "sort_index",
        "argsort",
        "idxmax",
        "idxmin",
        "nlargest",
        "nsmallest",
        "sample",
        "head",
        "tail",
        "drop_duplicates",
        "duplicated",
        "interpolate",
        "ffill",
        "bfill",
        "factorize",
        "any",
        "all",
        "count",
        "is_unique",
        "hasnans",
        "searchsorted",
        "autocorr",
        "argmax",
        "argmin",
        "dropna",
        "first",
        "last",
        "resample",
        "transform",
        "iloc",
        "iat",
        "loc",
        "at",
        "item",
        "tolist",
        "to_list",
        "to_dict",
        "items",
        "iteritems",
    ]
)


class Index:
    """The table's index: it only says that columns belong together."""


INDEX = Index()


class TracedSeries:
    """A column that records."""

    __array_priority__ = 2000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, vector: Vector, name: Any = None) -> None:
        self._trace = trace
        self._vector = vector
        self.name = name

    # What it is

    @property
    def dtype(self) -> Any:
        return self._vector.live.dtype

    @property
    def index(self) -> Any:
        return INDEX

    @property
    def values(self) -> TracedSeries:
        return self

    @property
    def size(self) -> NoReturn:
        raise over_rows("Series.size")

    @property
    def shape(self) -> NoReturn:
        raise over_rows("Series.shape")

    def __len__(self) -> int:
        raise over_rows("len(Series)")

    def __iter__(self) -> Any:
        raise Untraceable("a loop over the rows", "write it for the whole column: np.where, Series.map, Series.where")

    def __bool__(self) -> bool:
        raise Untraceable("a branch on a whole column", "use np.where, or combine conditions with & and |")

    def __getattr__(self, name: Word) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in OVER_ROWS:
            raise over_rows(f"Series.{name}")
        raise Untraceable(f"Series.{name}")

    def _new(self, vector: Vector, operation: Word) -> TracedSeries:
        self._trace.note(operation)
        return TracedSeries(self._trace, vector, self.name)

    # Arithmetic

    def _binary(self, symbol: Word, other: Any, *, turned: bool = False) -> Any:
        if type(other).__name__ == "TracedFrame":
            return NotImplemented
        value = other._vector if isinstance(other, TracedSeries) else other
        if isinstance(value, pandas.Series | np.ndarray | list | tuple | dict | set):
            raise Untraceable(f"Series {symbol} {type(value).__name__}", "combine columns of the table, or a number")
        a, b = (value, self._vector) if turned else (self._vector, value)
        return self._new(binary(symbol, a, b), symbol)

    def __add__(self, other: Any) -> Any:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Any:
        return self._binary("+", other, turned=True)

    def __sub__(self, other: Any) -> Any:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("-", other, turned=True)

    def __mul__(self, other: Any) -> Any:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("*", other, turned=True)

    def __truediv__(self, other: Any) -> Any:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary("/", other, turned=True)

    def __floordiv__(self, other: Any) -> Any:
        return self._binary("//", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._binary("//", other, turned=True)

    def __mod__(self, other: Any) -> Any:
        return self._binary("%", other)

    def __rmod__(self, other: Any) -> Any:
        return self._binary("%", other, turned=True)

    def __pow__(self, other: Any) -> Any:
        return self._binary("**", other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary("**", other, turned=True)

    def __eq__(self, other: object) -> Any:
        return self._binary("==", other)

    def __ne__(self, other: object) -> Any:
        return self._binary("!=", other)

    def __lt__(self, other: Any) -> Any:
        return self._binary("<", other)

    def __le__(self, other: Any) -> Any:
        return self._binary("<=", other)

    def __gt__(self, other: Any) -> Any:
        return self._binary(">", other)

    def __ge__(self, other: Any) -> Any:
        return self._binary(">=", other)

    def __and__(self, other: Any) -> Any:
        return self._binary("&", other)

    def __rand__(self, other: Any) -> Any:
        return self._binary("&", other, turned=True)

    def __or__(self, other: Any) -> Any:
        return self._binary("|", other)

    def __ror__(self, other: Any) -> Any:
        return self._binary("|", other, turned=True)

    def __xor__(self, other: Any) -> Any:
        return self._binary("^", other)

    def __invert__(self) -> TracedSeries:
        return self._new(unary.inverted(self._vector, ~self._vector.live), "~")

    def __neg__(self) -> TracedSeries:
        return self._new(unary.negative(self._vector, -self._vector.live), "-")

    def __pos__(self) -> TracedSeries:
        return self

    def __abs__(self) -> TracedSeries:
        return self.abs()

    def _named(self, symbol: Word, other: Any, options: Mapping[str, Any], *, turned: bool = False) -> Any:
        _only(f"Series {symbol}", {key: value for key, value in options.items() if value is not None and value != 0})
        return self._binary(symbol, other, turned=turned)

    def add(self, other: Any, **options: Any) -> Any:
        return self._named("+", other, options)

    def sub(self, other: Any, **options: Any) -> Any:
        return self._named("-", other, options)

    def mul(self, other: Any, **options: Any) -> Any:
        return self._named("*", other, options)

    def div(self, other: Any, **options: Any) -> Any:
        return self._named("/", other, options)

    def floordiv(self, other: Any, **options: Any) -> Any:
        return self._named("//", other, options)

    def mod(self, other: Any, **options: Any) -> Any:
        return self._named("%", other, options)

    def pow(self, other: Any, **options: Any) -> Any:
        return self._named("**", other, options)

    def radd(self, other: Any, **options: Any) -> Any:
        return self._named("+", other, options, turned=True)

    def rsub(self, other: Any, **options: Any) -> Any:
        return self._named("-", other, options, turned=True)

    def rdiv(self, other: Any, **options: Any) -> Any:
        return self._named("/", other, options, turned=True)

    def eq(self, other: Any, **options: Any) -> Any:
        return self._named("==", other, options)

    def ne(self, other: Any, **options: Any) -> Any:
        return self._named("!=", other, options)

    def lt(self, other: Any, **options: Any) -> Any:
        return self._named("<", other, options)

    def le(self, other: Any, **options: Any) -> Any:
        return self._named("<=", other, options)

    def gt(self, other: Any, **options: Any) -> Any:
        return self._named(">", other, options)

    def ge(self, other: Any, **options: Any) -> Any:
        return self._named(">=", other, options)

    subtract, multiply, divide, truediv, rmul, rtruediv = sub, mul, div, div, mul, rdiv

    # NumPy

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Untraceable(
            "the values of a column as an array", "use the functions of pandas, or those of NumPy on columns"
        )

    def __array_ufunc__(self, function: Any, method: Word, *inputs: Any, **options: Any) -> Any:
        if any(type(one).__name__ == "TracedFrame" for one in inputs):
            return NotImplemented
        if method != "__call__" or options:
            raise Untraceable(f"numpy.{function.__name__}.{method}")
        return ufunc(self._trace, function, inputs)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        from holdall.graph.tracing.modules import array_function

        return array_function(self._trace, function, arguments, options)

    # Missing values

    def isna(self) -> TracedSeries:
        mask = null_mask(self._vector)
        if mask is None:
            mask = op.not_(_always(self._vector))
        return self._new(Vector(Form.BOOL, mask, self._vector.live.isna()), "isna")

    isnull = isna

    def notna(self) -> TracedSeries:
        missing = self.isna()._vector
        return self._new(Vector(Form.BOOL, op.not_(missing.values), self._vector.live.notna()), "notna")

    notnull = notna

    def fillna(self, value: Any = None, **options: Any) -> Any:
        inplace = options.pop("inplace", False)
        _only("Series.fillna", options)
        vector = self._vector
        given = value._vector if isinstance(value, TracedSeries) else as_vector(value, vector.form)
        live = quietly(vector.live.fillna, given.live if isinstance(value, TracedSeries) else value)
        mask = null_mask(vector)
        result = vector.with_live(live) if mask is None else _filled_in(vector, given, mask, live)
        if inplace:
            self._vector = result
            return None
        return self._new(result, "fillna")

    # Choosing

    def where(self, condition: Any, other: Any = np.nan, **options: Any) -> TracedSeries:
        _only("Series.where", options)
        condition = condition(self) if callable(condition) else condition
        return self._chosen(condition, self, other(self) if callable(other) else other, "where")

    def mask(self, condition: Any, other: Any = np.nan, **options: Any) -> TracedSeries:
        _only("Series.mask", options)
        condition = condition(self) if callable(condition) else condition
        return self._chosen(~condition, self, other(self) if callable(other) else other, "mask")

    def _chosen(self, condition: TracedSeries, yes: TracedSeries, no: Any, name: Word) -> TracedSeries:
        if not isinstance(condition, TracedSeries):
            raise Untraceable(f"Series.{name} by a {type(condition).__name__}")
        other = no._vector if isinstance(no, TracedSeries) else as_vector(no, self._vector.form)
        live = quietly(
            yes._vector.live.where, condition._vector.live, no._vector.live if isinstance(no, TracedSeries) else no
        )
        return self._new(chosen(condition._vector, yes._vector, other, live), name)

    def clip(self, lower: Any = None, upper: Any = None, **options: Any) -> TracedSeries:
        _only("Series.clip", {key: value for key, value in options.items() if value is not None})
        bounds = [bound._vector.live if isinstance(bound, TracedSeries) else bound for bound in (lower, upper)]
        live = quietly(self._vector.live.clip, *bounds)
        vector = self._vector
        for bound, name in ((lower, "maximum"), (upper, "minimum")):
            if bound is None or is_null(bound):
                continue
            other = bound._vector if isinstance(bound, TracedSeries) else as_vector(bound)
            vector = _bounded(vector, other, name, live)
        return self._new(vector.with_live(live) if vector is self._vector else vector, "clip")

    def between(self, left: Any, right: Any, inclusive: Word = "both") -> TracedSeries:
        lower = self >= left if inclusive in ("both", "left") else self > left
        upper = self <= right if inclusive in ("both", "right") else self < right
        return lower & upper  # type: ignore[no-any-return]

    def isin(self, values: Any) -> TracedSeries:
        if isinstance(values, TracedSeries):
            raise over_rows("isin of another column")
        listed = list(values)
        live = quietly(self._vector.live.isin, listed)
        return self._new(Vector(Form.BOOL, _member(self._vector, listed), live), "isin")

    def map(self, function: Any, na_action: Any = None, **options: Any) -> TracedSeries:
        _only("Series.map", options)
        if isinstance(function, pandas.Series):
            function = function.to_dict()
        if isinstance(function, Mapping):
            return self._new(_looked_up(self._trace, self._vector, function, "map"), "map")
        if isinstance(function, TracedSeries):
            raise over_rows("map by another column")
        if na_action is not None:
            raise Untraceable("Series.map(na_action='ignore')")
        return self.apply(function)

    def apply(self, function: Callable[..., Any], args: tuple[Any, ...] = (), **options: Any) -> TracedSeries:
        from holdall.graph.tracing.scalar import over_values

        made = over_values(self._trace, self._vector, function, args, options)
        return self._new(made, "apply")

    def replace(self, to_replace: Any = None, value: Any = None, **options: Any) -> TracedSeries:
        regex = options.pop("regex", False)
        _only("Series.replace", options)
        if regex:
            raise Untraceable("Series.replace(regex=True)", "use Series.str.replace")
        if isinstance(to_replace, Mapping):
            table = dict(to_replace)
        elif isinstance(to_replace, Sequence) and not isinstance(to_replace, str):
            others = value if isinstance(value, Sequence) and not isinstance(value, str) else [value] * len(to_replace)
            table = dict(zip(to_replace, others, strict=True))
        else:
            table = {to_replace: value}
        return self._new(_replaced(self._vector, table), "replace")

    # Kinds

    def astype(self, dtype: Any, **options: Any) -> TracedSeries:
        _only("Series.astype", {key: value for key, value in options.items() if key != "copy"})
        return self._new(_cast(self._trace, self._vector, dtype), "astype")

    def round(self, decimals: int = 0) -> TracedSeries:
        live = self._vector.live.round(decimals)
        if self._vector.form is not Form.FLOAT:
            if decimals >= 0:
                return self._new(self._vector.with_live(live), "round")
            raise Untraceable("Series.round of whole numbers to tens")
        return self._new(numbers(unary.rounded(self._vector.values, decimals), live, loose=self._vector.loose), "round")

    __round__ = round

    def abs(self) -> TracedSeries:
        return self._new(unary.absolute(self._vector, self._vector.live.abs()), "abs")

    def copy(self, deep: bool = True) -> TracedSeries:
        return TracedSeries(self._trace, self._vector, self.name)

    def rename(self, name: Any = None, **_: Any) -> TracedSeries:
        return TracedSeries(self._trace, self._vector, name)

    def reset_index(self, drop: bool = False, **options: Any) -> TracedSeries:
        _only("Series.reset_index", options)
        if not drop:
            raise Untraceable("Series.reset_index()", "add drop=True")
        return self

    def squeeze(self, *_: Any) -> TracedSeries:
        return self

    def to_numpy(self, dtype: Any = None, **options: Any) -> TracedSeries:
        _only("Series.to_numpy", {key: value for key, value in options.items() if key != "copy"})
        return self if dtype is None else self.astype(dtype)

    def to_frame(self, name: Any = None) -> Any:
        from holdall.graph.tracing.frame import TracedFrame

        return TracedFrame(self._trace, {self.name if name is None else name: self._vector})

    def pipe(self, function: Any, *arguments: Any, **options: Any) -> Any:
        return function(self, *arguments, **options)

    def infer_objects(self, **_: Any) -> TracedSeries:
        return self

    def __getitem__(self, key: Any) -> Any:
        raise over_rows("rows of a column, chosen by Series[…]")

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, TracedSeries):
            raise Untraceable("Series[…] = …", "choose rows by a condition")
        self._vector = assigned(self._vector, key._vector, value)

    @property
    def str(self) -> Text:
        if self._vector.form is not Form.STRING:
            raise AttributeError("Can only use .str accessor with string values")
        return Text(self)

    @property
    def dt(self) -> Times:
        if self._vector.form not in (Form.MOMENT, Form.SPAN):
            raise AttributeError("Can only use .dt accessor with datetimelike values")
        return Times(self)

    @property
    def cat(self) -> Categories:
        if not isinstance(self._vector.live.dtype, pandas.CategoricalDtype):
            raise AttributeError("Can only use .cat accessor with a 'category' dtype")
        return Categories(self)


def _only(operation: Word, options: Mapping[str, Any]) -> None:
    """Options that the graph does not know end the trace."""
    if options:
        raise Untraceable(f"{operation}({', '.join(options)}=…)")


def _always(vector: Vector) -> Var:
    """True in every row."""
    if vector.form in (Form.FLOAT, Form.STRING):
        return op.or_(op.equal(vector.values, vector.values), constant(True, np.bool_))
    return op.equal(op.cast(vector.values, to=np.int64), op.cast(vector.values, to=np.int64))


def ufunc(trace: Trace, function: Any, inputs: Sequence[Any]) -> TracedSeries:
    """A NumPy function of columns. Raises Untraceable."""
    name = function.__name__
    name = {"abs": "absolute", "true_divide": "divide", "pow": "power", "mod": "remainder"}.get(name, name)
    symbol = {
        "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "remainder": "%", "power": "**",
        "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
        "logical_and": "&", "logical_or": "|", "logical_xor": "^",
        "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
    }.get(name)  # fmt: skip
    vectors = [one._vector if isinstance(one, TracedSeries) else one for one in inputs]
    if any(isinstance(one, np.ndarray | pandas.Series | list) for one in vectors):
        raise Untraceable(f"numpy.{name} of a column and an array", "combine columns of the table, or a number")
    trace.note(f"numpy.{name}")
    if symbol is not None:
        return TracedSeries(trace, binary(symbol, vectors[0], vectors[1]))
    made = quietly(function, *(one.live if isinstance(one, Vector) else one for one in vectors))
    if len(vectors) == 1:
        return TracedSeries(trace, unary.apply(name, vectors[0], made), getattr(inputs[0], "name", None))
    a, b = (one if isinstance(one, Vector) else as_vector(one) for one in vectors)
    return TracedSeries(trace, unary.between_two(name, a, b, made))


def _filled_in(vector: Vector, given: Vector, mask: Var, live: Any) -> Vector:
    forms = {vector.form, given.form}
    if vector.form is Form.FLOAT and given.form in (Form.INT, Form.BOOL, Form.FLOAT):
        return numbers(
            op.where(mask, to_float(given), vector.values),
            live.astype(np.float64) if live.dtype.kind in "iub" else live,
            loose=vector.loose,
        )
    if len(forms) > 1:
        raise Untraceable(f"fillna of a column of {vector.form}s with a {given.form}")
    nulls = None if given.nulls is None else op.and_(mask, given.nulls)
    return Vector(vector.form, either(mask, given.values, vector.values), live, nulls)


def assigned(vector: Vector, condition: Vector, value: Any) -> Vector:
    """The column with `value` where the condition holds, as `frame.loc[condition, column] = value` has it."""
    given = value._vector if isinstance(value, TracedSeries) else as_vector(value, vector.form)
    live = vector.live.copy()
    picked = given.live[condition.live] if isinstance(value, TracedSeries) else value
    try:
        live.loc[condition.live] = picked
    except TypeError:
        # pandas no longer widens a column by assignment; what it raises is the function's own failure.
        raise
    return chosen(condition, given, vector, live)


def _bounded(vector: Vector, bound: Vector, name: Word, live: Any) -> Vector:
    if vector.form is Form.INT and bound.form is Form.INT:
        function = op.max if name == "maximum" else op.min
        return Vector(Form.INT, function([vector.values, bound.values]), live, vector.nulls)
    x, limit = to_float(vector), to_float(bound)
    if vector.single:
        limit = to_single(limit)
    beyond = op.less(x, limit) if name == "maximum" else op.greater(x, limit)
    values = op.where(beyond, limit, x)
    if live.dtype.kind in "iub":
        live = live.astype(np.float64)
    return numbers(values, live, loose=vector.loose)


def _member(vector: Vector, listed: Sequence[Any]) -> Var:
    """Whether the value is one of those listed, missing ones among them."""
    takes_null = any(is_null(value) for value in listed)
    present = [value for value in listed if not is_null(value)]
    present = [
        value.item() if isinstance(value, np.generic) and value.dtype.kind not in "mM" else value for value in present
    ]
    keys = [key for key in (_key(vector.form, value) for value in present) if key is not None]
    if keys:
        unique = list(dict.fromkeys(keys))
        if vector.form is Form.STRING:
            found = ml.label_encoder(
                vector.values, keys_strings=unique, values_int64s=[1] * len(unique), default_int64=0
            )
            hit = op.equal(found, constant(1, np.int64))
        elif vector.form is Form.FLOAT:
            hit = op.equal(vector.values, constant(unique[0]))
            for key in unique[1:]:
                hit = op.or_(hit, op.equal(vector.values, constant(key)))
        else:
            found = ml.label_encoder(
                to_int(vector), keys_int64s=unique, values_int64s=[1] * len(unique), default_int64=0
            )
            hit = op.equal(found, constant(1, np.int64))
    else:
        hit = op.not_(_always(vector))
    mask = null_mask(vector)
    if mask is None:
        return hit
    return op.or_(hit, mask) if takes_null else op.and_(hit, op.not_(mask))


def _key(form: Form, value: Any) -> Any:
    """What stands for this value in a column of this form, or None where it can never be there. Raises Untraceable."""
    if form is Form.STRING:
        return value if isinstance(value, str) else None
    if form is Form.FLOAT:
        return float(value) if isinstance(value, int | float) else None
    if form in (Form.INT, Form.BOOL):
        if isinstance(value, bool | int):
            return int(value)
        return int(value) if isinstance(value, float) and value.is_integer() else None
    vector = as_vector(value, form)
    if vector.form is not form:
        return None
    scale = pandas.Timestamp(value) if form is Form.MOMENT else pandas.Timedelta(value)
    return int(scale.as_unit("ns").value) // 1000


def _looked_up(trace: Trace, vector: Vector, table: Mapping[Any, Any], operation: Word) -> Vector:
    """Series.map by a dict: what is not in it becomes missing."""
    keys: dict[Any, Any] = {}
    of_null: Any = None
    for key, value in table.items():
        if is_null(key):
            of_null = value
            continue
        plain = key.item() if isinstance(key, np.generic) else key
        found = _key(vector.form, plain)
        if found is not None:
            keys.setdefault(found, value)
    values = [value.item() if isinstance(value, np.generic) else value for value in keys.values()]
    live = quietly(vector.live.map, dict(table))
    if getattr(table, "__missing__", None) is not None:
        raise Untraceable("Series.map by a dict with a default", "use .map(…).fillna(…)")
    words = [value for value in values if not is_null(value)]
    if not words:
        raise Untraceable("Series.map by an empty dict")
    missing = null_mask(vector)
    if of_null is not None and missing is not None:
        raise Untraceable("Series.map by a dict with a missing key", "use .fillna before")
    if vector.form is Form.FLOAT:
        codes = op.cast(op.sub(_always_zero(vector), constant(1, np.int64)), to=np.int64)
        for place, key in enumerate(keys):
            codes = op.where(op.equal(vector.values, constant(key)), constant(place, np.int64), codes)
    elif vector.form is Form.STRING:
        codes = ml.label_encoder(
            vector.values, keys_strings=list(keys), values_int64s=list(range(len(keys))), default_int64=-1
        )
    else:
        codes = ml.label_encoder(
            to_int(vector), keys_int64s=list(keys), values_int64s=list(range(len(keys))), default_int64=-1
        )
    unknown = op.less(codes, constant(0, np.int64))
    if missing is not None:
        unknown = op.or_(unknown, missing)
    if any(is_null(value) for value in values):
        gone = [place for place, value in enumerate(values) if is_null(value)]
        unknown = op.or_(
            unknown,
            op.cast(
                ml.label_encoder(codes, keys_int64s=gone, values_int64s=[1] * len(gone), default_int64=0), to=np.bool_
            ),
        )
    row = op.max([codes, constant(0, np.int64)])
    if all(isinstance(value, str) for value in words):
        entries = op.gather(constant([value if isinstance(value, str) else "" for value in values], np.str_), row)
        return Vector(Form.STRING, filled(Form.STRING, entries, unknown), live, unknown)
    if all(isinstance(value, bool) for value in words):
        entries = op.gather(constant([bool(value) for value in values], np.bool_), row)
        total = vector.form is Form.BOOL and len(keys) == 2 and missing is None
        return Vector(Form.BOOL, entries, live, None if total else unknown)
    if all(isinstance(value, int | float) for value in words):
        numeric = constant([np.nan if is_null(value) else float(value) for value in values])
        if any(isinstance(value, int) and abs(value) > 1 << 53 for value in words):
            raise Untraceable("Series.map to numbers beyond 2^53")
        return numbers(op.where(unknown, constant(np.nan), op.gather(numeric, row)), live, nullable=True)
    raise Untraceable(f"Series.{operation} to a {type(words[0]).__name__}")


def _always_zero(vector: Vector) -> Var:
    return op.cast(op.not_(_always(vector)), to=np.int64)


def _replaced(vector: Vector, table: Mapping[Any, Any]) -> Vector:
    live = quietly(vector.live.replace, dict(table))
    result = vector
    for key, value in table.items():
        if is_null(key):
            raise Untraceable("Series.replace of a missing value", "use .fillna")
        found = _key(vector.form, key.item() if isinstance(key, np.generic) else key)
        if found is None:
            continue
        if vector.form is Form.STRING:
            hit = op.equal(vector.values, constant(found, np.str_))
        elif vector.form is Form.FLOAT:
            hit = op.equal(vector.values, constant(found))
        else:
            hit = op.equal(to_int(vector), constant(found, np.int64))
        if vector.nulls is not None:
            hit = op.and_(hit, op.not_(vector.nulls))
        given = as_vector(value, vector.form if not is_null(value) or vector.form is not Form.INT else Form.FLOAT)
        if vector.form is Form.INT and given.form is Form.FLOAT and is_null(value):
            widened = live.astype(np.float64) if live.dtype.kind in "iub" else live
            result = chosen(Vector(Form.BOOL, hit, live), given, result, widened)
            result = Vector(result.form, result.values, result.live, result.nulls, loose=True)
            live = widened
        else:
            result = chosen(Vector(Form.BOOL, hit, live), given, result, live)
    return result


def _cast(trace: Trace, vector: Vector, dtype: Any) -> Vector:
    """Series.astype. Rows for which it raises are refused."""
    from holdall.graph.tracing.scalar import real

    dtype = real(dtype)
    wanted = dtype if isinstance(dtype, pandas.CategoricalDtype) else pandas.api.types.pandas_dtype(dtype)
    if str(wanted) == "object":
        raise Untraceable("astype(object)")
    live = quietly(_live_cast, vector.live, dtype)
    form = form_of(live)
    if isinstance(live.dtype, pandas.CategoricalDtype):
        if isinstance(wanted, pandas.CategoricalDtype) and wanted.categories is not None:
            known = _member(vector, list(wanted.categories))
            nulls = op.not_(known)
            return Vector(vector.form, filled(vector.form, vector.values, nulls), live, nulls)
        return vector.with_live(live)
    if form is Form.STRING:
        return _to_text(vector, live)
    if vector.form is Form.STRING:
        return _parsed(trace, vector, form, live)
    if form is Form.FLOAT:
        values = to_float(vector)
        return numbers(values, live)
    nullable = hasattr(live.dtype, "numpy_dtype")
    if form is Form.INT and vector.form is Form.FLOAT:
        bad = op.or_(op.isnan(vector.values), op.isinf(vector.values))
        whole = op.cast(op.where(bad, constant(0.0), vector.values), to=np.int64)
        if nullable:
            missing = op.isnan(vector.values)
            fraction = op.not_(op.equal(op.floor(vector.values), vector.values))
            trace.refuse(op.and_(op.not_(missing), fraction), "a fraction where whole numbers are wanted")
            return Vector(form, whole, live, missing)
        trace.refuse(bad, "a missing or infinite value where a whole number is wanted")
        return Vector(form, wrapped(whole, live.dtype), live)
    if vector.nulls is not None and not nullable:
        if form is Form.BOOL or vector.form is Form.BOOL:
            # A missing value in a column of objects is true.
            values = op.or_(op.cast(vector.values, to=np.bool_), vector.nulls)
            if form is Form.BOOL:
                return Vector(form, values, live)
        trace.refuse(vector.nulls, "a missing value where a whole number is wanted")
        return Vector(form, wrapped(to_int(vector), live.dtype), live)
    if form is Form.INT:
        return Vector(form, wrapped(to_int(vector), live.dtype), live, vector.nulls)
    if form is Form.BOOL:
        values = (
            op.not_(op.equal(to_float(vector), constant(0.0)))
            if vector.form is Form.FLOAT
            else op.cast(vector.values, to=np.bool_)
        )
        return Vector(form, values, live, vector.nulls)
    if form in (Form.MOMENT, Form.SPAN) and vector.form is form:
        return vector.with_live(live)
    raise Untraceable(f"astype({dtype!r}) of a column of {vector.form}s")


def _live_cast(live: Any, dtype: Any) -> Any:
    """Of the rows that it is possible for: what is missing or no number is refused in the graph."""
    try:
        return live.astype(dtype)
    except (ValueError, TypeError):
        kept = [value for value in live.tolist() if not is_null(value)]
        for value in kept:
            try:
                return pandas.Series([value] * len(live)).astype(dtype)
            except (ValueError, TypeError):
                continue
        raise


def _to_text(vector: Vector, live: Any) -> Vector:
    if vector.form is Form.STRING:
        if vector.nulls is not None and not isinstance(live.dtype, pandas.StringDtype):
            raise Untraceable("astype(str) of text that may be missing", "add .fillna('') before")
        return vector.with_live(live)
    if vector.form is Form.BOOL and vector.nulls is None:
        values = op.where(vector.values, constant("True", np.str_), constant("False", np.str_))
        return Vector(Form.STRING, values, live)
    if vector.form is Form.INT and vector.nulls is None and not vector.loose:
        return Vector(Form.STRING, op.cast(vector.values, to=np.str_), live)
    raise Untraceable(
        f"astype(str) of a column of {vector.form}s",
        "the graph writes whole numbers and truth values; for others convert with .astype(int) before",
    )


_INTEGER = r"[ \t\n\r\f\v]*[+-]?[0-9]{1,18}[ \t\n\r\f\v]*"
_DECIMAL = r"[ \t\n\r\f\v]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t\n\r\f\v]*"


def _parsed(trace: Trace, vector: Vector, form: Form, live: Any, *, coerce: bool = False) -> Vector:
    """Text → numbers. What is none is refused, or missing where `coerce` says so."""
    if form not in (Form.INT, Form.FLOAT):
        raise Untraceable(f"text as a column of {form}s")
    valid = text.matches(vector, _INTEGER if form is Form.INT else _DECIMAL)
    usable = op.where(valid, vector.values, constant("0", np.str_))
    trimmed = text.stripped(Vector(Form.STRING, usable, vector.live), None, "lr", vector.live).values
    if form is Form.INT:
        bad = op.not_(valid) if vector.nulls is None else op.or_(op.not_(valid), vector.nulls)
        trace.refuse(bad, "text that is no whole number")
        return Vector(form, op.cast(trimmed, to=np.int64), live)
    values = op.cast(trimmed, to=np.float64)
    missing = vector.nulls
    if coerce:
        missing = any_null(missing, op.not_(valid))
    else:
        bad = op.not_(valid) if vector.nulls is None else op.and_(op.not_(valid), op.not_(vector.nulls))
        trace.refuse(bad, "text that is no number")
    return numbers(filled(Form.FLOAT, values, missing), live, nullable=missing is not None)


class Text:
    """`.str`."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series
        self._vector = series._vector
        self._live = series._vector.live.str

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(f"Series.str.{name}")

    def _text(self, vector: Vector, name: Word) -> TracedSeries:
        return self._series._new(vector, f"str.{name}")

    def _truth(self, values: Var, live: Any, name: Word, na: Any = None) -> TracedSeries:
        """Truth about a text: of a missing one it is False in pandas' dtype of text, missing among objects."""
        nulls = self._vector.nulls
        if nulls is None:
            return self._text(Vector(Form.BOOL, values, live.astype(bool)), name)
        if isinstance(na, bool):
            return self._text(Vector(Form.BOOL, either(nulls, constant(na, np.bool_), values), live), name)
        if self._vector.text_dtype:
            return self._text(Vector(Form.BOOL, op.and_(values, op.not_(nulls)), live), name)
        return self._text(Vector(Form.BOOL, op.and_(values, op.not_(nulls)), live, nulls), name)

    def _count(self, values: Var, live: Any, name: Word) -> TracedSeries:
        return self._text(times.counted(values, self._vector, live), name)

    def lower(self) -> TracedSeries:
        return self._text(text.cased(self._vector, str.lower, self._live.lower()), "lower")

    def upper(self) -> TracedSeries:
        return self._text(text.cased(self._vector, str.upper, self._live.upper()), "upper")

    def strip(self, to_strip: Word | None = None) -> TracedSeries:
        return self._text(text.stripped(self._vector, to_strip, "lr", self._live.strip(to_strip)), "strip")

    def lstrip(self, to_strip: Word | None = None) -> TracedSeries:
        return self._text(text.stripped(self._vector, to_strip, "l", self._live.lstrip(to_strip)), "lstrip")

    def rstrip(self, to_strip: Word | None = None) -> TracedSeries:
        return self._text(text.stripped(self._vector, to_strip, "r", self._live.rstrip(to_strip)), "rstrip")

    def len(self) -> TracedSeries:
        return self._count(length(self._vector.values), self._live.len(), "len")

    def contains(self, pat: Any, case: bool = True, flags: int = 0, na: Any = None, regex: bool = True) -> TracedSeries:
        if isinstance(pat, re.Pattern):
            pat, flags = pat.pattern, pat.flags & ~re.UNICODE
        ignore = not case or bool(flags & re.IGNORECASE)
        if flags & ~re.IGNORECASE:
            raise Untraceable("str.contains(flags=…)")
        found = text.containing(self._vector, pat, regex=regex, ignore_case=ignore)
        options = {} if na is None else {"na": na}
        live = quietly(self._live.contains, pat, case=not ignore, regex=regex, **options)
        return self._truth(found, live, "contains", na)

    def startswith(self, pat: Any, na: Any = None) -> TracedSeries:
        prefixes = pat if isinstance(pat, tuple) else (pat,)
        options = {} if na is None else {"na": na}
        return self._truth(
            text.starting(self._vector, prefixes), self._live.startswith(pat, **options), "startswith", na
        )

    def endswith(self, pat: Any, na: Any = None) -> TracedSeries:
        suffixes = pat if isinstance(pat, tuple) else (pat,)
        options = {} if na is None else {"na": na}
        return self._truth(text.ending(self._vector, suffixes), self._live.endswith(pat, **options), "endswith", na)

    def fullmatch(self, pat: Word, case: bool = True) -> TracedSeries:
        pattern = patterns.translated(pat, ignore_case=not case)
        return self._truth(text.matches(self._vector, pattern), self._live.fullmatch(pat, case=case), "fullmatch")

    def match(self, pat: Word, case: bool = True) -> TracedSeries:
        pattern = f"(?:{patterns.translated(pat, ignore_case=not case)}){text.ANYTHING}"
        return self._truth(text.matches(self._vector, pattern), self._live.match(pat, case=case), "match")

    def replace(self, pat: Any, repl: Any = None, n: int = -1, regex: bool = False, **options: Any) -> TracedSeries:
        _only("str.replace", {key: value for key, value in options.items() if value is not None})
        if n != -1 or not isinstance(repl, str) or not isinstance(pat, str):
            raise Untraceable("str.replace with a function, a count or a compiled pattern")
        live = self._live.replace(pat, repl, regex=regex)
        return self._text(text.replaced(self._vector, pat, repl, regex=regex, made=live), "replace")

    def removeprefix(self, prefix: Word) -> TracedSeries:
        live = self._live.removeprefix(prefix)
        cut = text.sliced(self._vector, len(prefix), None, live)
        values = op.where(text.starting(self._vector, [prefix]), cut.values, self._vector.values)
        return self._text(text.text_of(values, self._vector, live), "removeprefix")

    def removesuffix(self, suffix: Word) -> TracedSeries:
        live = self._live.removesuffix(suffix)
        cut = text.sliced(self._vector, None, -len(suffix) if suffix else None, live)
        values = op.where(text.ending(self._vector, [suffix]), cut.values, self._vector.values)
        return self._text(text.text_of(values, self._vector, live), "removesuffix")

    def slice(self, start: int | None = None, stop: int | None = None, step: int | None = None) -> TracedSeries:
        if step not in (None, 1):
            raise Untraceable("str.slice with a step")
        return self._text(text.sliced(self._vector, start, stop, self._live.slice(start, stop)), "slice")

    def get(self, i: int) -> TracedSeries:
        return self._text(text.character(self._vector, i, self._live.get(i)), "get")

    def __getitem__(self, key: Any) -> TracedSeries:
        return self.slice(key.start, key.stop, key.step) if isinstance(key, slice) else self.get(key)

    def zfill(self, width: int) -> TracedSeries:
        return self._text(text.padded(self._vector, width, self._live.zfill(width)), "zfill")

    def count(self, pat: Word) -> TracedSeries:
        return self._count(text.counted(self._vector, pat), self._live.count(pat), "count")

    def cat(self, others: Any, sep: Word = "", **options: Any) -> Any:
        _only("str.cat", options)
        if not isinstance(others, TracedSeries):
            raise Untraceable("str.cat of several columns", "add them with +")
        joined = self._series + sep + others if sep else self._series + others
        return self._series._new(joined._vector, "str.cat")

    def split(self, pat: Word | None = None, n: int = -1, expand: bool = False, regex: Any = None) -> Any:
        if (
            n not in (-1, 0)
            or regex
            or (pat is not None and (len(pat) == 0 or (len(pat) > 1 and not text._plain(pat))))
        ):
            raise Untraceable("str.split with a count or a pattern")
        pieces = Pieces(self._series, pat)
        return pieces.frame() if expand else pieces

    def extract(self, pat: Word, expand: bool = True, flags: int = 0) -> Any:
        of = patterns.only_run(pat)
        if of is None or flags:
            raise Untraceable(
                f"str.extract of the pattern {pat!r}",
                r"the graph extracts one run of characters, like (\d+); else cut with .str.split",
            )
        live = self._live.extract(pat, expand=False)
        made = self._text(text.first_run(self._vector, of, live), "extract")
        return made.to_frame(0) if expand else made

    def isdigit(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isdigit"), self._live.isdigit(), "isdigit")

    def isnumeric(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isnumeric"), self._live.isnumeric(), "isnumeric")

    def isdecimal(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isdecimal"), self._live.isdecimal(), "isdecimal")

    def isspace(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isspace"), self._live.isspace(), "isspace")


class Pieces:
    """What `.str.split` gives: a list of texts in every row, of which one can be taken."""

    def __init__(self, series: TracedSeries, separator: Word | None) -> None:
        self._series = series
        self._separator = separator
        self._live = series._vector.live.str.split(separator)

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(f"Series.str.split().{name}", "take a piece with .str[0]")

    @property
    def str(self) -> Pieces:
        return self

    def get(self, i: int) -> TracedSeries:
        if self._separator is None:
            raise Untraceable("a word of str.split()", "name the separator: .str.split(' ')")
        made = self._live.str.get(i)
        if self._series._vector.text_dtype:
            made = made.astype("str")
        return self._series._new(text.piece(self._series._vector, self._separator, i, made), "str.split")

    def __getitem__(self, key: Any) -> TracedSeries:
        if isinstance(key, slice):
            raise Untraceable("some of the pieces of str.split", "take one with .str[0]")
        return self.get(key)

    def len(self) -> TracedSeries:
        vector = self._series._vector
        count = (
            text.word_count(vector) if self._separator is None else text.pieces(vector.values, self._separator, 1)[1]
        )
        return self._series._new(times.counted(count, vector, self._live.str.len()), "str.split.len")

    def frame(self) -> Any:
        """With expand=True. How many columns there are depends on the rows, so only those that are asked for are made."""
        from holdall.graph.tracing.frame import SplitFrame

        return SplitFrame(self)


class Times:
    """`.dt`."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series
        self._vector = series._vector
        self._live = series._vector.live.dt

    def __getattr__(self, name: Word) -> Any:
        made = quietly(getattr, self._live, times.NAMES.get(name, name))
        return self._series._new(times.part(self._vector, name, made), f"dt.{name}")

    def total_seconds(self) -> TracedSeries:
        return self._series._new(times.total_seconds(self._vector, self._live.total_seconds()), "dt.total_seconds")

    def day_name(self) -> TracedSeries:
        return self._series._new(times.named(self._vector, times.DAYS, self._live.day_name()), "dt.day_name")

    def month_name(self) -> TracedSeries:
        return self._series._new(times.named(self._vector, times.MONTHS, self._live.month_name()), "dt.month_name")

    def normalize(self) -> TracedSeries:
        return self._series._new(times.floored(self._vector, times.DAY, self._live.normalize()), "dt.normalize")

    def floor(self, freq: Word) -> TracedSeries:
        return self._series._new(times.floored(self._vector, times.unit_of(freq), self._live.floor(freq)), "dt.floor")

    def strftime(self, pattern: Word) -> TracedSeries:
        return self._series._new(times.formatted(self._vector, pattern, self._live.strftime(pattern)), "dt.strftime")

    def isocalendar(self) -> Any:
        return IsoCalendar(self._series)


class IsoCalendar:
    """What `.dt.isocalendar()` gives, as far as its week and day."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getattr__(self, name: Word) -> TracedSeries:
        vector = self._series._vector
        calendar = times.Calendar(times.days_of(vector.values))
        live = vector.live.dt.isocalendar()
        if name == "week":
            return self._series._new(Vector(Form.INT, calendar.iso_week(), live.week, vector.nulls), "isocalendar.week")
        if name == "day":
            day = op.add(calendar.weekday(), constant(1, np.int64))
            return self._series._new(Vector(Form.INT, day, live.day, vector.nulls), "isocalendar.day")
        raise Untraceable(f"isocalendar().{name}")

    def __getitem__(self, name: Word) -> TracedSeries:
        return self.__getattr__(name)


class Categories:
    """`.cat`."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(f"Series.cat.{name}")

    @property
    def codes(self) -> NoReturn:
        raise Untraceable(
            "Series.cat.codes",
            "a table's categories are those that it happens to hold; write .map({'a': 0, 'b': 1}) instead",
        )
