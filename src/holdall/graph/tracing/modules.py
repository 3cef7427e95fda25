"""What `pandas` and `numpy` are to a function that is traced: the real ones, but for what takes or makes columns."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.arithmetic import as_vector, chosen, is_null, quietly
from holdall.graph.tracing.array import Height, TracedArray
from holdall.graph.tracing.casting import parsed
from holdall.graph.tracing.dummies import OpenDummies, get_dummies
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.joining import joined_columns
from holdall.graph.tracing.scalar import NUMPY_FACES, vectorized
from holdall.graph.tracing.series import Index, TracedSeries, only
from holdall.graph.tracing.to_times import Moments, datetime_index, to_datetime, to_timedelta
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, numbers, to_float
from holdall.graph.value import constant

TRACED = (TracedSeries, TracedFrame, TracedArray)


class Module(types.ModuleType):
    """A module that answers with the real one's attributes, but for those that are traced.

    Called with nothing that is traced, those are the real ones too.
    """

    def __init__(self, real: types.ModuleType, traced: Mapping[str, Any], forbidden: Mapping[str, str]) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _traced=traced, _forbidden=forbidden)

    def __getattr__(self, name: str) -> Any:
        if name in self._forbidden:
            raise Untraceable(f"{self.__name__}.{name}", self._forbidden[name])
        if name in self._traced:
            return self._traced[name]
        return getattr(self._real, name)


def _has_traced(values: Any) -> bool:
    if isinstance(values, (*TRACED, Height)) or _is_scalar(values):
        return True
    if isinstance(values, list | tuple):
        return any(_has_traced(value) for value in values)
    if isinstance(values, Mapping):
        return any(_has_traced(value) for value in values.values())
    return False


def _is_scalar(value: Any) -> bool:
    from holdall.graph.tracing.scalar import Scalar

    return isinstance(value, Scalar)


def _missing(value: Any) -> Any:
    from holdall.graph.tracing.scalar import missing

    return missing(value) if _is_scalar(value) else value.isna()


def _present(value: Any) -> Any:
    from holdall.graph.tracing.scalar import present

    return present(value) if _is_scalar(value) else value.notna()


def _either(real: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    """The traced one where something traced is given, else the real one."""

    def call(*arguments: Any, **options: Any) -> Any:
        if _has_traced(arguments) or _has_traced(options):
            return traced(*arguments, **options)
        from holdall.graph.tracing.scalar import real as behind

        return real(*map(behind, arguments), **{name: behind(value) for name, value in options.items()})

    return call


CLOCK = "the clock says something else at each call; pass the time as a column"
RANDOM = "its answer is another each time, so no two doors would agree"


def pandas_module(trace: Trace) -> Module:
    """pandas, for this trace."""
    faces = {
        "to_datetime": lambda *a, **o: to_datetime(trace, *a, **o),
        "to_timedelta": lambda *a, **o: to_timedelta(trace, *a, **o),
        "to_numeric": lambda *a, **o: _to_numeric(trace, *a, **o),
        "cut": lambda *a, **o: _cut(trace, *a, **o),
        "get_dummies": lambda *a, **o: get_dummies(trace, *a, **o),
        "concat": lambda *a, **o: _concat(trace, *a, **o),
        "isna": _missing,
        "isnull": _missing,
        "notna": _present,
        "notnull": _present,
        "qcut": lambda *_, **__: _raise(over_rows("pandas.qcut")),
        "factorize": lambda *_, **__: _raise(over_rows("pandas.factorize")),
        "unique": lambda *_, **__: _raise(over_rows("pandas.unique")),
        "merge": lambda *_, **__: _raise(Untraceable("pandas.merge", "use .map with a dict")),
    }
    traced: dict[str, Any] = {name: _either(getattr(pandas, name), face) for name, face in faces.items()}
    moment = traced["to_datetime"]
    traced["to_datetime"] = lambda *a, **o: _Timestamp.now() if a and _is_now(a[0]) else moment(*a, **o)
    traced["DataFrame"] = _class(pandas.DataFrame, TracedFrame, lambda *a, **o: _data_frame(trace, *a, **o))
    traced["Series"] = _class(pandas.Series, TracedSeries, lambda *a, **o: _series(trace, *a, **o))
    traced["Categorical"] = _class(pandas.Categorical, TracedSeries, lambda *a, **o: _categorical(trace, *a, **o))
    traced["DatetimeIndex"] = _class(
        pandas.DatetimeIndex, Moments, _either(pandas.DatetimeIndex, partial(datetime_index, trace))
    )
    traced["Timestamp"] = _Timestamp
    files = {name: "what it reads does not travel in a graph" for name in dir(pandas) if name.startswith("read_")}
    return Module(pandas, traced, files)


def numpy_module(trace: Trace) -> Module:
    """numpy: its functions find columns by NumPy's own protocol; those that make arrays do not, and chance is barred."""
    from holdall.graph.tracing import array_functions
    from holdall.graph.tracing.ordering import taken

    traced: dict[str, Any] = {
        name: _either(getattr(np, name), _maker(trace, face))
        for name, face in {"array": array_functions.made_of, **array_functions.AS_THEY_ARE}.items()
    }
    traced |= {name: _either(getattr(np, name), face) for name, face in array_functions.OF_SHAPE.items()}
    traced |= {
        name: _either(getattr(np, name), array_functions.of_list(trace, name)) for name in array_functions.OF_LIST
    }
    traced["array"] = _indexed(traced["array"])
    traced["take"] = _either(np.take, partial(taken, trace))
    traced["c_"] = array_functions.Beside(trace)
    traced["ndarray"] = _class(np.ndarray, TracedArray, np.ndarray)
    traced["datetime64"] = _Datetime64
    traced |= NUMPY_FACES
    traced["vectorize"] = partial(vectorized, trace)
    return Module(np, traced, {"random": RANDOM})


def _indexed(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same maker of arrays; those of constants may be indexed by the values of rows."""
    from holdall.graph.tracing.ordering import Lookup

    def call(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        return made.view(Lookup) if type(made) is np.ndarray else made

    return call


def _maker(trace: Trace, of_arrays: Callable[..., Any]) -> Callable[..., Any]:
    """numpy.array and its like."""

    def call(value: Any, dtype: Any = None, **options: Any) -> Any:
        return of_arrays(trace, value, dtype, **options)

    return call


def _raise(error: BaseException) -> Any:
    raise error


def _is_now(value: Any) -> bool:
    return isinstance(value, str) and value in ("now", "today")


class _Timestamp(pandas.Timestamp):
    """A moment that cannot be that of the trace."""

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        if arguments and _is_now(arguments[0]):
            cls.now()
        return pandas.Timestamp(*arguments, **options)

    @classmethod
    def now(cls, *_: Any) -> Any:
        """Ends the trace."""
        raise Untraceable("pandas.Timestamp.now", CLOCK)

    today = utcnow = now  # type: ignore[assignment] # they end the trace before their arguments matter


class _Real(type):
    """Of a class that stands for its parent: what is an instance of that is one of it."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])


class _Datetime64(np.datetime64, metaclass=_Real):
    """A moment of NumPy's that cannot be that of the trace."""

    def __new__(cls, *arguments: Any) -> Any:
        if arguments and _is_now(arguments[0]):
            raise Untraceable("numpy.datetime64 of now", CLOCK)
        return np.datetime64(*arguments)


def _class(real: type, traced: type, make: Callable[..., Any]) -> Any:
    """A class of pandas that makes traced ones, and whose instances are both."""

    class Meta(type):
        def __call__(cls, *arguments: Any, **options: Any) -> Any:
            return make(*arguments, **options)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, real | traced)

        def __getattr__(cls, name: str) -> Any:
            return getattr(real, name)

    return Meta(real.__name__, (), {})


# pandas' functions


def _data_frame(trace: Trace, data: Any = None, index: Any = None, columns: Any = None, dtype: Any = None) -> Any:
    traced = _has_traced(data) or isinstance(index, Index) or data is None
    if not traced:
        return pandas.DataFrame(data, index=index, columns=columns, dtype=dtype)
    if data is None:
        made = TracedFrame(trace, {})
        for name in [] if columns is None else columns:
            made[name] = np.nan
        return made
    if isinstance(data, TracedArray):
        if data._flat:
            data = data[:, None]
        names = range(len(data._cells)) if columns is None else list(columns)
        made = TracedFrame(trace, dict(zip(names, data._vectors, strict=True)))
    elif isinstance(data, TracedFrame):
        made = data.copy()
        if columns is not None and list(columns) != list(made.columns):
            made = made[list(columns)] if set(columns) <= set(made.columns) else made.set_axis(columns, axis=1)
    elif isinstance(data, TracedSeries):
        made = data.to_frame(columns[0] if columns is not None else data.name if data.name is not None else 0)
    elif isinstance(data, Mapping):
        made = TracedFrame(trace, {})
        # Scalars are spread over the rows of the columns beside them.
        for name in sorted(data, key=lambda name: not isinstance(data[name], TRACED)):
            made[name] = data[name]
        made = made[list(data)]
        if columns is not None:
            made = made[list(columns)]
    else:
        raise Untraceable(f"pandas.DataFrame of a {type(data).__name__}", "give a dict of columns")
    return made if dtype is None else made.astype(dtype)


def _series(
    trace: Trace, data: Any = None, index: Any = None, name: Any = None, dtype: Any = None, **options: Any
) -> Any:
    if isinstance(data, TracedArray):
        data = TracedSeries(trace, data.ravel()._vectors[0])
    if isinstance(data, TracedSeries):
        made = data.copy() if dtype is None else data.astype(dtype)
        made.name = data.name if name is None else name
        return made
    if isinstance(index, Index):
        frame = TracedFrame(trace, {})
        frame["value"] = data
        made = frame["value"] if dtype is None else frame["value"].astype(dtype)
        return made.rename(name)
    return pandas.Series(data, index=index, name=name, dtype=dtype, **options)


def _concat(trace: Trace, objs: Any, axis: Any = 0, **options: Any) -> Any:
    only("pandas.concat", {key: value for key, value in options.items() if key not in ("copy", "sort")})
    if axis not in (1, "columns"):
        raise over_rows("pandas.concat of rows")
    if isinstance(objs, Mapping):
        objs = [part.rename(name) for name, part in objs.items()]
    parts = list(objs)
    unknown = [place for place, part in enumerate(parts) if isinstance(part, OpenDummies)]
    if len(unknown) > 1:
        raise parts[unknown[0]].raised
    if unknown:
        place = unknown[0]
        before, after = joined_columns(trace, parts[:place]), joined_columns(trace, parts[place + 1 :])
        return parts[place].beside([before], [after])
    return joined_columns(trace, parts)


def _to_numeric(trace: Trace, arg: Any, errors: str = "raise", **options: Any) -> TracedSeries:
    only("pandas.to_numeric", options)
    if not isinstance(arg, TracedSeries):
        raise Untraceable("pandas.to_numeric of a table", "give one column")
    vector = arg._vector
    if vector.form is not Form.STRING:
        return arg
    live = quietly(pandas.to_numeric, vector.live, errors="coerce").astype(np.float64)
    trace.note("pandas.to_numeric")
    made = parsed(trace, vector, Form.FLOAT, live, coerce=errors == "coerce")
    return TracedSeries(trace, Vector(made.form, made.values, live, None, loose=True), arg.name)


def _cut(
    trace: Trace,
    x: Any,
    bins: Any,
    right: bool = True,
    labels: Any = None,
    include_lowest: bool = False,
    **options: Any,
) -> TracedSeries:
    only("pandas.cut", options)
    if isinstance(bins, int | TracedSeries):
        raise over_rows("pandas.cut into a number of bins")
    if labels is None:
        raise Untraceable("pandas.cut without labels", "add labels=False, or a list of labels")
    vector = x._vector
    edges = [float(edge) for edge in (bins.tolist() if hasattr(bins, "tolist") else bins)]
    live = quietly(pandas.cut, vector.live, bins, right=right, labels=labels, include_lowest=include_lowest)
    bin_of = _bins(to_float(vector), edges, right=right, include_lowest=include_lowest)
    count = len(edges) - 1
    outside = op.gather(constant([True, *[False] * count, True], np.bool_), bin_of)
    trace.note("pandas.cut")
    if labels is False:
        floats = op.gather(constant([np.nan, *map(float, range(count)), np.nan]), bin_of)
        return TracedSeries(trace, numbers(floats, live, nullable=True), x.name)
    if all(isinstance(label, str) for label in labels):
        words = op.gather(constant(["", *labels, ""], np.str_), bin_of)
        return TracedSeries(trace, Vector(Form.STRING, words, live, outside), x.name)
    if all(isinstance(label, int) and not isinstance(label, bool) for label in labels):
        whole = op.gather(constant([0, *labels, 0], np.int64), bin_of)
        return TracedSeries(trace, Vector(Form.INT, whole, live, outside), x.name)
    if all(isinstance(label, int | float) and not isinstance(label, bool) for label in labels):
        found = op.gather(constant([np.nan, *map(float, labels), np.nan]), bin_of)
        return TracedSeries(trace, Vector(Form.FLOAT, found, live), x.name)
    raise Untraceable("pandas.cut with labels that are neither text nor whole numbers")


def _bins(values: Var, edges: Sequence[float], *, right: bool, include_lowest: bool) -> Var:
    """The place of each value among the bins, from 1 on: 0 before the first and where it is missing, one more after the last.

    It is how many edges lie below the value, counted edge by edge in one matrix.
    """
    column = constant([[edge] for edge in edges])
    same = getattr(values.type, "shape", None) == ()
    row = values if same else op.unsqueeze(values, constant([0], np.int64))
    above = op.greater(row, column) if right else op.greater_or_equal(row, column)
    places = op.reduce_sum(op.cast(above, to=np.int32), constant([0, 1] if same else [0], np.int64), keepdims=0)
    if right and include_lowest:
        places = op.where(op.equal(values, constant(edges[0])), constant(1, np.int32), places)
    return places


def _categorical(trace: Trace, values: Any, categories: Any = None, ordered: bool = False, **options: Any) -> Any:
    if not isinstance(values, TracedSeries):
        return pandas.Categorical(values, categories=categories, ordered=ordered, **options)
    if categories is None:
        raise over_rows("pandas.Categorical without categories")
    return values.astype(pandas.CategoricalDtype(categories, ordered=ordered))


# NumPy's functions


def array_function(trace: Trace, function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """A function of NumPy that found a column among its arguments. Raises Untraceable."""
    face = _FUNCTIONS.get(function.__name__)
    if face is None or any(isinstance(one, TracedArray) for one in _within((*arguments, *options.values()))):
        from holdall.graph.tracing import array_functions

        return array_functions.array_function(trace, function, arguments, options)
    trace.note(f"numpy.{function.__name__}")
    return face(trace, *arguments, **options)


def _within(values: Sequence[Any]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list | tuple) else [value])]


def _vector(value: Any, like: Form | None = None) -> Vector:
    return value._vector if isinstance(value, TracedSeries) else as_vector(value, like)


def _live(value: Any) -> Any:
    return value._vector.live if isinstance(value, TracedSeries) else value


def _where(trace: Trace, condition: Any, yes: Any = None, no: Any = None) -> TracedSeries:
    if yes is None and no is None:
        raise over_rows("numpy.where with a condition alone")
    if not isinstance(condition, TracedSeries):
        raise Untraceable("numpy.where by a constant")
    made = pandas.Series(quietly(np.where, condition._vector.live, _live(yes), _live(no)))
    a, b = _text_alike(yes, no, made)
    return TracedSeries(trace, chosen(condition._vector, a, b, made))


def _text_alike(yes: Any, no: Any, made: Any) -> tuple[Vector, Vector]:
    """Both as columns of one form. NumPy writes a number beside a text as text, and a missing value as 'nan'."""
    forms = [_vector(one).form for one in (yes, no)]
    if Form.STRING in forms and forms[0] is not forms[1] and not isinstance(made.dtype, pandas.StringDtype):
        given = [is_null(one) if not isinstance(one, TracedSeries) else False for one in (yes, no)]
        if any(given):
            return _vector(yes, Form.STRING), _vector(no, Form.STRING)
    words = []
    for one, form in zip((yes, no), forms, strict=True):
        if Form.STRING in forms and form is not Form.STRING:
            if isinstance(one, TracedSeries):
                raise Untraceable("numpy.where of text and numbers")
            words.append(as_vector(str(np.asarray([one, ""])[0])))
        else:
            other = forms[1] if one is yes else forms[0]
            words.append(_vector(one, other))
    return words[0], words[1]


def _select(trace: Trace, condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> TracedSeries:
    made = pandas.Series(
        quietly(
            np.select,
            [np.asarray(_live(one)) for one in condlist],
            [np.asarray(_live(one)) if isinstance(one, TracedSeries) else one for one in choicelist],
            default=default,
        )
    )
    result: Any = default
    for condition, value in reversed(list(zip(condlist, choicelist, strict=True))):
        a, b = _text_alike(value, result, made)
        result = TracedSeries(trace, chosen(condition._vector, a, b, made))
    return result  # type: ignore[no-any-return] # operators of columns give columns


def _clip(trace: Trace, a: Any, a_min: Any = None, a_max: Any = None, **options: Any) -> Any:
    only("numpy.clip", {key: value for key, value in options.items() if key not in ("min", "max")})
    return a.clip(options.get("min", a_min), options.get("max", a_max))


def _nan_to_num(trace: Trace, x: Any, copy: bool = True, nan: float = 0.0, **options: Any) -> Any:
    only("numpy.nan_to_num", options)
    big = np.finfo(np.float64).max
    filled_in = x.fillna(nan)
    return filled_in.clip(-big, big)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": _where,
    "select": _select,
    "clip": _clip,
    "round": lambda trace, a, decimals=0: a.round(decimals),
    "around": lambda trace, a, decimals=0: a.round(decimals),
    "nan_to_num": _nan_to_num,
    "isin": lambda trace, element, test_elements: element.isin(test_elements),
    "array": lambda trace, a, **options: a if not options else a.astype(options["dtype"]),
    "column_stack": lambda trace, tup: joined_columns(trace, [one.rename(index) for index, one in enumerate(tup)]),
    "zeros_like": lambda trace, a, **options: a * 0,
}
