"""All that keeps functions out of a graph, not only the first of it.

The functions are run once more, each step of them through a guard. A step that cannot be recorded is told, and done by pandas
itself on the rows of the sample that the tracer has beside every column; what pandas gives goes on as if it had been recorded.
What only follows from a step that was told is not told again. No graph is made of it.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas
import spox
from spox import Tensor

from holdall.graph.conversion import ROWS
from holdall.graph.tracing import instrumenting, scalar
from holdall.graph.tracing.array import Cell, TracedArray
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.places import Places
from holdall.graph.tracing.rebinding import Barred, Bindings, original
from holdall.graph.tracing.series import Index, TracedSeries
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.tracing import begun, called, finished, tables, unknown
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import ELEMENT, Form, Vector, form_of
from holdall.graph.tracing.watching import unwatched, watched
from holdall.spec.schema import Field

_MOST = 50
"""So many steps are told."""

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": operator.mod, "Pow": operator.pow, "MatMult": operator.matmul,
    "LShift": operator.lshift, "RShift": operator.rshift, "BitAnd": operator.and_, "BitOr": operator.or_,
    "BitXor": operator.xor, "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le,
    "Gt": operator.gt, "GtE": operator.ge, "In": lambda a, b: a in b, "NotIn": lambda a, b: a not in b,
    "IAdd": operator.iadd, "ISub": operator.isub, "IMult": operator.imul, "IDiv": operator.itruediv,
    "IFloorDiv": operator.ifloordiv, "IMod": operator.imod, "IPow": operator.ipow, "IBitAnd": operator.iand,
    "IBitOr": operator.ior, "IBitXor": operator.ixor, "IMatMult": operator.imatmul, "ILShift": operator.ilshift,
    "IRShift": operator.irshift,
}  # fmt: skip
_UNARY: dict[str, Callable[[Any], Any]] = {"USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert}


@dataclass
class Collected:
    """What was found. stopped: after the last blocker the functions could not be followed any further.

    columns: what the functions give, as far as it is columns. In the trace's lineage blocker n is operation -1 - n.
    """

    trace: Trace
    blockers: list[Untraceable] = field(default_factory=list)
    stopped: bool = False
    columns: Mapping[Any, Vector] = field(default_factory=dict)


def collect(
    functions: Sequence[Callable[[Any], Any]], fields: Sequence[Field], frame: Any, strict: Collection[str] = ()
) -> Collected:
    """The functions, run for what stays Python. Arguments as of `trace`. Raises Untraceable for other columns."""
    state, columns = begun(fields, frame, "collecting", strict)
    guards = _Guards(state, frame)
    found = guards.found
    table, second = tables(state, columns)
    for function in functions:
        try:
            with watched():
                table = called(guards, function, table, second)
        except Untraceable as error:
            guards.tell(error, ())
            found.stopped = True
            break
        except Exception as error:  # noqa: BLE001 — the function ran before; what it raises here is the tracer's doing
            guards.tell(guards.blamed(error), ())
            found.stopped = True
            break
    if found.stopped:
        return found
    try:
        made = finished(state, table)
    except Untraceable as error:
        if not found.blockers:  # else it is a table of pandas' own, which follows from what was told
            guards.tell(error, ())
    else:
        found.columns = {str(name): vector for name, vector in made._columns.items()}
    return found


class _Guards(Bindings):
    """Functions rebound with guarded code, and the guards."""

    def __init__(self, trace: Trace, frame: Any) -> None:
        super().__init__(trace)
        trace.bindings = self
        self._frame = frame
        self.found = Collected(trace)
        self._foreign: dict[int, tuple[Any, int]] = {}
        self._blamed: tuple[Exception | None, Untraceable | None] = (None, None)
        self._made_of: dict[int, tuple[Any, Callable[..., Any], tuple[Any, ...]]] = {}
        self._tainted: dict[int, tuple[Any, int]] = {}
        self.builtins = {
            **self.builtins,
            instrumenting.CALL: self._call,
            instrumenting.METHOD: self._method,
            instrumenting.ATTRIBUTE: self._attribute,
            instrumenting.BINARY: self._binary,
            instrumenting.UNARY: self._unary,
            instrumenting.ITEM: self._item,
            instrumenting.SET: self._set,
            instrumenting.SET_ATTRIBUTE: self._set_attribute,
            instrumenting.ITERATE: self._iterate,
            instrumenting.SLICE: slice,
        }

    def code(self, function: types.FunctionType) -> types.CodeType:
        return instrumenting.instrumented(function)

    # The guards

    def _call(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
        return self._step(lambda f, a, o: f(*a, **o), (function, arguments, options), callee=function)

    def _method(self, of: Any, name: str, /, *arguments: Any, **options: Any) -> Any:
        return self._step(lambda of, a, o: getattr(of, name)(*a, **o), (of, arguments, options))

    def _attribute(self, of: Any, name: str, /) -> Any:
        return self._step(lambda of: getattr(of, name), (of,))

    def _binary(self, name: str, a: Any, b: Any, /) -> Any:
        return self._step(_BINARY[name], (a, b))

    def _unary(self, name: str, a: Any, /) -> Any:
        return self._step(_UNARY[name], (a,))

    def _item(self, of: Any, key: Any, /) -> Any:
        return self._step(lambda of, key: of[key], (of, key))

    def _iterate(self, values: Any, /) -> Any:
        return self._step(iter, (values,))

    def _set(self, value: Any, of: Any, key: Any, /) -> None:
        def store(of: Any, key: Any, value: Any) -> None:
            of[key] = value

        self._stored(store, of, key, value)

    def _set_attribute(self, value: Any, of: Any, name: str, /) -> None:
        self._stored(lambda of, _, value: setattr(of, name, value), of, name, value)

    # What they do

    def _step(self, act: Callable[..., Any], operands: tuple[Any, ...], callee: Any = None) -> Any:
        if self._taint(operands) is not None and self._has_traced(operands) and not scalar.exploring():
            return self._by_pandas(act, operands, None)
        try:
            result = act(*operands)
        except Untraceable as error:
            if scalar.exploring() or self._entered(callee):
                raise
            return self._by_pandas(act, operands, error)
        except Exception as error:  # whatever a library raises when it is given what is no table
            if scalar.exploring() or self._entered(callee) or not self._has_traced(operands):
                raise
            return self._by_pandas(act, operands, unknown(error))
        place = self._taint(operands)
        if place is not None and not scalar.exploring():
            return self._recorded(result, place)
        if self._is_part(result):
            self._made_of[id(result)] = (result, act, operands)
        return result

    @staticmethod
    def _entered(callee: Any) -> bool:
        """Whether a call went into guarded code, which has told what there was to tell."""
        return isinstance(callee, types.FunctionType) and original(callee) is not callee

    def _by_pandas(self, act: Callable[..., Any], operands: tuple[Any, ...], error: Untraceable | None) -> Any:
        """The step done on the sample's rows. error: why it is not recorded; told unless it follows from one told before."""
        real = self._real(operands)
        try:
            with unwatched():
                result = act(*real)
        except Exception as raised:
            # The function may catch it; where it does not, what was not recorded is to blame.
            self._blamed = (raised, error)
            raise
        place = self._taint(operands)
        if place is None:
            if error is None:
                return result
            place = self.tell(error, operands, whole=isinstance(result, pandas.DataFrame))
        else:
            self._trace.lineage.took(-1 - place, self._values(operands, isinstance(result, pandas.DataFrame)))
        return self._recorded(result, place)

    def _stored(self, act: Callable[..., Any], of: Any, key: Any, value: Any) -> None:
        if self._taint(of) is not None:
            act(of, self._real(key), self._real(value))
            return
        try:
            act(of, key, value)
        except Untraceable as error:
            target = of._frame if isinstance(of, Places) else of
            if scalar.exploring() or not isinstance(target, TracedFrame | TracedSeries):
                raise
            place = self._taint((key, value))
            if place is None:
                place = self.tell(error, (target, key, value))
            else:
                self._trace.lineage.took(-1 - place, self._values((value,)))
            self._store_by_pandas(act, of, target, key, value, place)

    def _store_by_pandas(self, act: Callable[..., Any], of: Any, target: Any, key: Any, value: Any, place: int) -> None:
        real = self._real(target).copy()
        before = real.copy()
        act(real.loc if isinstance(of, Places) else real, self._real(key), self._real(value))
        if isinstance(target, TracedSeries):
            target._vector = self._column(real, place)
            return
        for name in real.columns:
            if name not in before.columns or not real[name].equals(before[name]):
                target._columns[name] = self._column(real[name], place)

    def blamed(self, raised: Exception) -> Untraceable:
        """What was not recorded, where that is why this was raised in the end."""
        known, error = self._blamed
        return error if error is not None and known is raised else unknown(raised)

    def tell(self, error: Untraceable, operands: tuple[Any, ...], *, whole: bool = False) -> int:
        """A blocker; gives its place. The same thing on the same line is told once. whole: it takes whole tables."""
        for place, known in enumerate(self.found.blockers):
            if (known.line, known.operation) == (error.line, error.operation):
                return place
        if len(self.found.blockers) >= _MOST:
            raise error
        self.found.blockers.append(error)
        self._trace.lineage.took(-len(self.found.blockers), self._values(operands, whole))
        return len(self.found.blockers) - 1

    # Values

    def _recorded(self, result: Any, place: int) -> Any:
        """What pandas gave, as what goes on: columns of the table as columns, all else as it is."""
        if isinstance(result, np.ndarray) and result.ndim in (1, 2) and len(result) == self._rows:
            lives = [pandas.Series(column) for column in result.reshape(self._rows, -1).T]
            return TracedArray(self._trace, [Cell(self._column(live, place)) for live in lives], flat=result.ndim == 1)
        if isinstance(result, pandas.Series | pandas.DataFrame) and self._is_of_the_table(result):
            if isinstance(result, pandas.Series):
                return TracedSeries(self._trace, self._column(result, place), result.name)
            return TracedFrame(self._trace, {name: self._column(result[name], place) for name in result.columns})
        if result is not None and not isinstance(result, bool | int | float | str | np.generic | pandas.Timestamp):
            self._tainted[id(result)] = (result, place)
        return result

    def _is_of_the_table(self, live: Any) -> bool:
        """Whether it has the table's rows, in whatever order, and names that tell columns apart."""
        plain = isinstance(live.index.dtype, np.dtype) and live.index.dtype.kind in "iu"
        return len(live) == self._rows and plain and (live.ndim == 1 or live.columns.is_unique)

    def _column(self, live: Any, place: int) -> Vector:
        """A column whose values are not in the graph. Of values that no graph holds, what follows from it is not told."""
        live = live.reset_index(drop=True)
        try:
            form, foreign = form_of(live), False
        except Untraceable:
            form, foreign = Form.STRING, True
        values = spox.argument(Tensor(ELEMENT[form], (ROWS,)))
        nulls = spox.argument(Tensor(np.bool_, (ROWS,))) if form is not Form.FLOAT and live.isna().any() else None
        self._trace.lineage.made(-1 - place, (values, nulls))
        if foreign:
            self._foreign[id(values._var_info)] = (values, place)
        return Vector(form, values, live, nulls)

    @property
    def _rows(self) -> int:
        return self._trace.shown

    def _real(self, value: Any) -> Any:
        """The same of pandas' own, on the rows of the sample."""
        if isinstance(value, TracedSeries):
            live = value._vector.live
            live = live if len(live) == self._rows else pandas.Series([live.iloc[0]] * self._rows)
            return live.rename(value.name)
        if isinstance(value, TracedArray):
            return value._live()
        if isinstance(value, TracedFrame):
            live = value._live()
            for name in self._trace.barred:  # the sample has them, though no graph does
                if name not in live.columns:
                    live[name] = self._frame[name].to_numpy()
            return live
        if isinstance(value, Index):
            return pandas.RangeIndex(self._rows)
        if id(value) in self._made_of and self._made_of[id(value)][0] is value:
            _, act, operands = self._made_of[id(value)]
            return act(*self._real(operands))
        if isinstance(value, types.ModuleType | type | Barred) and "_real" in vars(value):
            return vars(value)["_real"]
        if isinstance(value, type):
            return next(kind for kind in value.__mro__ if not kind.__module__.startswith("holdall."))
        if isinstance(value, types.FunctionType):
            return original(value)
        if isinstance(value, tuple | list) and type(value) in (tuple, list):
            return type(value)(self._real(one) for one in value)
        if type(value) is dict:
            return {name: self._real(one) for name, one in value.items()}
        if isinstance(value, slice):
            return slice(self._real(value.start), self._real(value.stop), self._real(value.step))
        return scalar.real(value)

    @staticmethod
    def _is_part(value: Any) -> bool:
        """Something of the tracer's own between two steps: an accessor, pieces of a text, a barred module's class."""
        if type(value) is tuple:
            return any(map(_Guards._is_part, value))
        return type(value).__module__.startswith("holdall.") and not isinstance(
            value, TracedSeries | TracedFrame | TracedArray | Index | types.ModuleType
        )

    def _has_traced(self, value: Any) -> bool:
        return isinstance(value, TracedSeries | TracedFrame | TracedArray) or any(map(self._has_traced, _inner(value)))

    def _taint(self, value: Any) -> int | None:
        """The blocker that one of these values comes from, where it is no column."""
        if isinstance(value, TracedSeries):
            foreign = self._foreign.get(id(value._vector.values._var_info))
            return None if foreign is None else foreign[1]
        known = self._tainted.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        return next((place for place in map(self._taint, _inner(value)) if place is not None), None)

    def _values(self, operands: Any, whole: bool = False) -> list[Any]:
        """The values in the graph of the columns that a step takes: of a table those that it names, or the whole."""
        found: list[Any] = []
        words = {word for word in _flat(operands) if isinstance(word, str)}
        for one in _flat(operands):
            if isinstance(one, TracedArray):
                found += [each for vector in one._vectors for each in (vector.values, vector.nulls)]
            elif isinstance(one, TracedSeries):
                found += [one._vector.values, one._vector.nulls]
            elif isinstance(one, TracedFrame):
                for vector in [vector for name, vector in one._columns.items() if whole or name in words]:
                    found += [vector.values, vector.nulls]
        return found


def _inner(value: Any) -> Sequence[Any]:
    if type(value) in (tuple, list):
        return value  # type: ignore[no-any-return] # it is a sequence
    if type(value) is dict:
        return list(value.values())
    return ()


def _flat(value: Any) -> list[Any]:
    return [value, *(one for part in _inner(value) for one in _flat(part))]
