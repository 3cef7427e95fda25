"""pandas' Series, as far as the graph goes. Each method does what pandas does with the sample's rows, and records it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import unary
from holdall.graph.tracing.arithmetic import as_vector, binary, chosen, is_null, quietly
from holdall.graph.tracing.casting import cast
from holdall.graph.tracing.lookup import always, looked_up, member_of, replaced_by, with_default
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import (
    Form,
    Vector,
    either,
    null_mask,
    numbers,
    to_float,
)
from holdall.graph.value import to_single

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
    __hash__ = None  # type: ignore[assignment] # as pandas has it

    def __init__(self, trace: Trace, vector: Vector, name: Any = None) -> None:
        self._trace = trace
        self._vector = vector
        self.name = name
        trace.made(vector.values, vector.nulls)

    # What it is

    @property
    def dtype(self) -> Any:
        return self._vector.live.dtype

    @property
    def index(self) -> Any:
        return INDEX

    @property
    def values(self) -> Any:
        return self.to_numpy()

    @property
    def array(self) -> TracedSeries:
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
        if not hasattr(pandas.Series, name):
            raise AttributeError(f"'Series' object has no attribute {name!r}")
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
        fill = options.get("fill_value")
        only(
            f"Series {symbol}",
            {key: value for key, value in options.items() if key != "fill_value" and value is not None and value != 0},
        )
        if fill is None:
            return self._binary(symbol, other, turned=turned)
        if not isinstance(other, TracedSeries) or {self._vector.form, other._vector.form} - {Form.FLOAT, Form.INT}:
            raise Untraceable(f"Series {symbol}(fill_value=…)", "use .fillna before")
        # Where both are missing the answer stays missing.
        made = self.fillna(fill)._binary(symbol, other.fillna(fill), turned=turned)
        return made.mask(self.isna() & other.isna())

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
            mask = op.not_(always(self._vector))
        return self._new(Vector(Form.BOOL, mask, self._vector.live.isna()), "isna")

    isnull = isna

    def notna(self) -> TracedSeries:
        missing = self.isna()._vector
        return self._new(Vector(Form.BOOL, op.not_(missing.values), self._vector.live.notna()), "notna")

    notnull = notna

    def fillna(self, value: Any = None, **options: Any) -> Any:
        inplace = options.pop("inplace", False)
        only("Series.fillna", options)
        vector = self._vector
        given = value._vector if isinstance(value, TracedSeries) else as_vector(value, vector.form)
        live = quietly(vector.live.fillna, given.live if isinstance(value, TracedSeries) else value)
        mask = null_mask(vector)
        result = vector.with_live(live) if mask is None else _filled_in(vector, given, value, mask, live)
        if inplace:
            self._vector = result
            return None
        return self._new(result, "fillna")

    # Choosing

    def where(self, condition: Any, other: Any = np.nan, **options: Any) -> TracedSeries:
        only("Series.where", options)
        condition = condition(self) if callable(condition) else condition
        return self._chosen(condition, self, other(self) if callable(other) else other, "where")

    def mask(self, condition: Any, other: Any = np.nan, **options: Any) -> TracedSeries:
        only("Series.mask", options)
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
        only("Series.clip", {key: value for key, value in options.items() if value is not None})
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
        return lower & upper  # type: ignore[no-any-return] # operators of columns give columns

    def isin(self, values: Any) -> TracedSeries:
        if isinstance(values, TracedSeries):
            raise over_rows("isin of another column")
        listed = list(values)
        live = quietly(self._vector.live.isin, listed)
        return self._new(Vector(Form.BOOL, member_of(self._vector, listed), live), "isin")

    def map(self, function: Any, na_action: Any = None, **options: Any) -> TracedSeries:
        only("Series.map", options)
        if isinstance(function, pandas.Series):
            function = function.to_dict()
        if isinstance(function, Mapping):
            if getattr(function, "__missing__", None) is not None:
                return self._new(with_default(self._trace, self._vector, function), "map")
            return self._new(looked_up(self._trace, self._vector, function, "map"), "map")
        if isinstance(function, TracedSeries):
            raise over_rows("map by another column")
        if na_action is not None:
            raise Untraceable("Series.map(na_action='ignore')")
        return self.apply(function)

    def apply(self, function: Callable[..., Any], args: tuple[Any, ...] = (), **options: Any) -> TracedSeries:
        from holdall.graph.tracing.scalar import over_values

        made = over_values(self._trace, self._vector, function, args, options)
        return self._new(made, "apply")

    def replace(self, to_replace: Any = None, value: Any = None, **options: Any) -> Any:
        regex = options.pop("regex", False)
        inplace = options.pop("inplace", False)
        only("Series.replace", options)
        if regex:
            raise Untraceable("Series.replace(regex=True)", "use Series.str.replace")
        if isinstance(to_replace, Mapping):
            table = dict(to_replace)
        elif isinstance(to_replace, Sequence) and not isinstance(to_replace, str):
            others = value if isinstance(value, Sequence) and not isinstance(value, str) else [value] * len(to_replace)
            table = dict(zip(to_replace, others, strict=True))
        else:
            table = {to_replace: value}
        made = self._new(replaced_by(self._trace, self._vector, table), "replace")
        if inplace:
            self._vector = made._vector
            return None
        return made

    # Kinds

    def astype(self, dtype: Any, **options: Any) -> TracedSeries:
        only("Series.astype", {key: value for key, value in options.items() if key != "copy"})
        return self._new(cast(self._trace, self._vector, dtype), "astype")

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
        only("Series.reset_index", options)
        if not drop:
            raise Untraceable("Series.reset_index()", "add drop=True")
        return self

    def squeeze(self, *_: Any) -> TracedSeries:
        return self

    def to_numpy(self, dtype: Any = None, **options: Any) -> Any:
        only("Series.to_numpy", {key: value for key, value in options.items() if key != "copy"})
        from holdall.graph.tracing.array import Cell, TracedArray

        same = self if dtype is None else self.astype(dtype)
        return TracedArray(self._trace, [Cell(same._vector)], flat=True)

    def to_frame(self, name: Any = None) -> Any:
        from holdall.graph.tracing.frame import TracedFrame

        return TracedFrame(self._trace, {self.name if name is None else name: self._vector})

    def transform(self, func: Any, *arguments: Any, **options: Any) -> Any:
        if not callable(func):
            raise over_rows(f"Series.transform({func!r})")
        return (
            func(self, *arguments, **options) if isinstance(func, np.ufunc) else self.apply(func, arguments, **options)
        )

    @property
    def codes(self) -> Any:
        """Of what `pandas.Categorical` gives."""
        if not isinstance(self._vector.live.dtype, pandas.CategoricalDtype):
            raise AttributeError("'Series' object has no attribute 'codes'")
        return self.cat.codes

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
    def str(self) -> Any:
        if self._vector.form is not Form.STRING:
            raise AttributeError("Can only use .str accessor with string values")
        from holdall.graph.tracing.accessors import Text

        return Text(self)

    @property
    def dt(self) -> Any:
        if self._vector.form not in (Form.MOMENT, Form.SPAN):
            raise AttributeError("Can only use .dt accessor with datetimelike values")
        from holdall.graph.tracing.dating import Times

        return Times(self)

    @property
    def cat(self) -> Any:
        if not isinstance(self._vector.live.dtype, pandas.CategoricalDtype):
            raise AttributeError("Can only use .cat accessor with a 'category' dtype")
        from holdall.graph.tracing.categories import Categories

        return Categories(self)


def only(operation: Word, options: Mapping[str, Any]) -> None:
    """Options that the graph does not know end the trace."""
    if options:
        raise Untraceable(f"{operation}({', '.join(options)}=…)")


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


def _filled_in(vector: Vector, given: Vector, value: Any, mask: Var, live: Any) -> Vector:
    forms = {vector.form, given.form}
    if vector.form is Form.FLOAT and given.form in (Form.INT, Form.BOOL, Form.FLOAT):
        return numbers(
            op.where(mask, to_float(given), vector.values),
            live.astype(np.float64) if live.dtype.kind in "iub" else live,
            loose=vector.loose,
        )
    if len(forms) > 1:
        raise Untraceable(f"fillna of a column of {vector.form}s with a {given.form}")
    if given.nulls is None and isinstance(value, str) and value == "":
        # That is what stands below a missing text.
        return Vector(vector.form, vector.values, live)
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
    if limit.type is not None and getattr(limit.type, "shape", None) == ():
        values = op.max([x, limit]) if name == "maximum" else op.min([x, limit])
    else:
        # Where a bound is missing there is none.
        beyond = op.less(x, limit) if name == "maximum" else op.greater(x, limit)
        values = op.where(beyond, limit, x)
    if live.dtype.kind in "iub":
        live = live.astype(np.float64)
    return numbers(values, live, loose=vector.loose)
