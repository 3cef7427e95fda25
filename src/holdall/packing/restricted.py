"""Reading a pickle without letting it do anything: default-deny.

A pickle is a program that calls what it names. Here it can name only what is on an exact list (scikit-learn's estimators
and their parts, numpy's and scipy's arrays, plain containers), and of that it can call only the few that rebuild such
objects, through guards that check what they are given. Everything else that it names is written down, stands in as an
inert object, and in the end the file is refused with all those names. Text is never scanned for bad names: the same
reader that judges is the one that builds, so there is nothing for the two to disagree about.

The guards exist because numpy trusts a pickle's numbers: an object array whose list is shorter than its shape, or a dtype
whose flags lie, reads memory that is not its own.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, ClassVar

import numpy as np

from holdall.engines import types
from holdall.engines.names import CALLED, MADE, NAMED, NEIGHBOURS, modern

LARGEST_ITEM = 1 << 16
_ALIGNED = 0x80
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic")


# The reader written in Python, whose single steps can be guarded; the one in C cannot be.
_Reader: Any = pickle._Unpickler


class Restricted(_Reader):  # type: ignore[misc] # the base, in Python, is not in the type stubs
    """Reads one object from a pickle or joblib stream.

    outside: what the stream names or calls and may not, in the order of appearance. As long as it is empty, the object
    is whole; else it is partly made of inert stand-ins and must not be used.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_Reader.dispatch)

    def __init__(self, file: io.BytesIO, outside: dict[str, None] | None = None) -> None:
        super().__init__(file)
        self.file = file
        self.outside: dict[str, None] = {} if outside is None else outside

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for: the thing itself, its guard, or an inert stand-in."""
        module, name = modern(module, name, self.proto)
        full = f"{module}.{name}"
        if full in GUARDS:
            return GUARDS[full]
        if full in NAMED and "." not in name:
            try:
                return getattr(import_module(module), name)
            except (ImportError, AttributeError):
                raise pickle.UnpicklingError(f"{full} is not in what is installed here") from None
        return self._refuse(full)

    def get_extension(self, code: int) -> None:
        """Extension codes stand for names that the stream does not show."""
        self.append(self._refuse(f"extension code {code}"))

    def _refuse(self, name: str) -> Any:
        self.outside[name] = None
        return type("Outside", (Outside,), {})

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        self.stack[-1] = self._call(function, arguments)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], arguments, {})

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], arguments, keywords)

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def _instantiate(self, klass: Any, arguments: Any) -> None:
        """INST and OBJ, the calls of the oldest protocols."""
        self.append(self._call(klass, tuple(arguments)))

    def load_build(self) -> None:
        state = self.stack.pop()
        instance = self.stack[-1]
        if isinstance(instance, Outside):
            return
        if isinstance(instance, np.dtype):
            self._replace(instance, _finish_dtype(instance, state))
        elif isinstance(instance, np.ndarray):
            _finish_array(instance, state)
        elif isinstance(instance, ArrayWrapper):
            instance.__dict__.update(state)
            self.stack[-1] = self._read_array(instance)
        elif isinstance(instance, partial):
            _finish_partial(instance, state)
        elif isinstance(instance, _NOT_BUILT):
            self._refuse(f"{_name(instance)} (given a state)")
        else:
            self.stack.append(state)
            super().load_build()

    dispatch[pickle.BUILD[0]] = load_build

    def _call(self, function: Any, arguments: Any) -> Any:
        if _is_outside(function):
            return Outside()
        if not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("a call whose arguments are no tuple")
        if any(function is guard for guard in GUARDS.values()) or _full_name(function) in CALLED:
            return function(*arguments)
        self._refuse(f"{_name(function)} (called)")
        return Outside()

    def _make(self, kind: Any, arguments: Any, keywords: Any) -> Any:
        if _is_outside(kind):
            return Outside()
        if kind is ArrayWrapper or _full_name(kind) in MADE:
            return kind.__new__(kind, *arguments, **keywords)
        self._refuse(f"{_name(kind)} (made)")
        return Outside()

    def _replace(self, before: Any, after: Any) -> None:
        self.stack[-1] = after
        for key, value in self.memo.items():
            if value is before:
                self.memo[key] = after

    def _read_array(self, wrapper: ArrayWrapper) -> Any:
        """The array whose bytes joblib wrote right after its description."""
        dtype, shape = wrapper.dtype, wrapper.shape
        _check_shape(shape, dtype)
        if wrapper.subclass is not np.ndarray and not _is_outside(wrapper.subclass):
            self._refuse(f"{_name(wrapper.subclass)} (as an array)")
        if dtype.hasobject:
            # joblib reads this nested stream with whatever rules the outer one has; ours has the same reader.
            array = type(self)(self.file, self.outside).load()
            if not isinstance(array, np.ndarray):
                raise pickle.UnpicklingError("an array of objects that is none")
            return array
        if wrapper.numpy_array_alignment_bytes is not None:
            self.file.read(self.file.read(1)[0])
        size = math.prod(shape) * dtype.itemsize
        data = self.file.read(size)
        if len(data) != size:
            raise pickle.UnpicklingError("an array is cut off")
        # As joblib does it: in the byte order of this machine, which compiled loops want.
        array = np.frombuffer(bytearray(data), dtype=dtype).astype(dtype.newbyteorder("="), copy=False)
        return array.reshape(shape[::-1]).transpose() if wrapper.order == "F" else array.reshape(shape)


class Outside:
    """Stands in for what may not be named: takes everything, does nothing."""

    def __init__(self, *_arguments: Any, **_keywords: Any) -> None: ...

    def __setstate__(self, _state: Any) -> None: ...

    def __setitem__(self, _key: Any, _value: Any) -> None: ...

    def append(self, _value: Any) -> None: ...

    def extend(self, _values: Any) -> None: ...

    def add(self, _value: Any) -> None: ...

    def update(self, _values: Any) -> None: ...


class ArrayWrapper:
    """What joblib writes before an array's bytes, without its methods."""

    subclass: Any = np.ndarray
    shape: Any = ()
    order: Any = "C"
    dtype: Any = None
    numpy_array_alignment_bytes: Any = None


def _is_outside(value: Any) -> bool:
    return isinstance(value, Outside) or (isinstance(value, type) and issubclass(value, Outside))


def _full_name(value: Any) -> str:
    """The name under which a class or function is on the list; '' for anything else."""
    if not isinstance(value, (type, FunctionType, BuiltinFunctionType)) and type(value).__name__ != (
        "cython_function_or_method"
    ):
        return ""
    return f"{value.__module__}.{value.__qualname__}"


def _name(value: Any) -> str:
    return _full_name(value) or f"{type(value).__module__}.{type(value).__qualname__}"


def _need(fits: bool, what: str) -> None:
    if not fits:
        raise pickle.UnpicklingError(what)


def _check_shape(shape: Any, dtype: Any) -> None:
    _need(isinstance(dtype, np.dtype), "an array without a dtype")
    _need(
        isinstance(shape, tuple) and all(type(length) is int and 0 <= length < 1 << 48 for length in shape),
        "an array whose shape is none",
    )
    _need(math.prod(shape) * max(dtype.itemsize, 1) < 1 << 48, "an array beyond all memory")


def _make_dtype(spec: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:  # noqa: ARG001 — as numpy.dtype's
    _need(isinstance(spec, str) and len(spec) < 64, "a dtype that is not given by a short text")
    made = np.dtype(spec)
    _need(made.itemsize <= LARGEST_ITEM, "a dtype of enormous items")
    # A copy, so that a state that follows is this one's alone.
    copied: np.dtype[Any] = np.dtype(made, copy=True)
    return copied


def _finish_dtype(made: np.dtype[Any], state: Any) -> np.dtype[Any]:
    """A dtype from the state that numpy pickles, built anew: numpy would take the flags in it on trust."""
    _need(isinstance(state, tuple) and len(state) >= 8, "a dtype's state that is none")
    order, subarray, names, members = state[1:5]
    _need(order in ("<", ">", "=", "|"), "a dtype without a byte order")
    if names is not None:
        _need(subarray is None and isinstance(names, tuple) and isinstance(members, dict), "a record that is none")
        parts = [members[name] for name in names]
        _need(all(isinstance(part, tuple) and isinstance(part[0], np.dtype) for part in parts), "a record that is none")
        _need(not any(part[0].hasobject for part in parts), "a record that holds objects")
        itemsize = state[5]
        _need(type(itemsize) is int and itemsize <= LARGEST_ITEM, "a record of enormous size")
        return np.dtype(
            {
                "names": list(names),
                "formats": [part[0] for part in parts],
                "offsets": [part[1] for part in parts],
                "itemsize": itemsize,
            },
            align=isinstance(state[7], int) and bool(state[7] & _ALIGNED),
        )
    if subarray is not None:
        _need(isinstance(subarray, tuple) and len(subarray) == 2, "a subarray that is none")
        base, shape = subarray
        _check_shape(shape, base)
        _need(not base.hasobject and math.prod(shape) * base.itemsize <= LARGEST_ITEM, "a subarray that is none")
        return np.dtype((base, shape))
    if made.kind in "mM":
        # The unit is already in the text ('<M8[ns]') or in the state's metadata.
        metadata = state[8] if len(state) > 8 else None
        if metadata is not None and np.datetime_data(made)[0] == "generic":
            _need(isinstance(metadata, tuple) and isinstance(metadata[1], tuple), "a unit of time that is none")
            unit, count = metadata[1][:2]
            text = unit.decode("ascii") if isinstance(unit, bytes) else unit
            _need(type(count) is int and text in _UNITS, "a unit of time that is none")
            made = np.dtype(f"{made.kind}8[{count}{text}]")
    # Through its text, so that equal dtypes are one object, as numpy has them.
    return np.dtype(made.newbyteorder(order).str)


def _reconstruct(kind: Any, shape: Any, code: Any) -> Any:
    _need(
        kind is np.ndarray and shape == (0,) and code in (b"b", "b"), "an array that is not begun as numpy begins one"
    )
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _masked(kind: Any, base: Any, shape: Any, code: Any) -> Any:
    _need(kind is np.ma.MaskedArray and base is np.ndarray and shape == (0,), "a masked array that is none")
    _need(code in (b"b", "b"), "a masked array that is none")
    return np.ma.MaskedArray.__new__(np.ma.MaskedArray, np.ndarray.__new__(np.ndarray, (0,), "b"), mask=[], dtype="b")


def _finish_array(array: Any, state: Any) -> None:
    """An array's state, checked against itself: numpy copies as many items as the shape says, whatever the list holds."""
    masked = isinstance(array, np.ma.MaskedArray)
    _need(isinstance(state, tuple) and len(state) == (7 if masked else 5), "an array's state that is none")
    shape, dtype, fortran, raw = state[1:5]
    _check_shape(shape, dtype)
    count = math.prod(shape)
    if dtype.hasobject:
        _need(isinstance(raw, list) and len(raw) == count, "an array of objects that has another number of them")
    else:
        _need(
            isinstance(raw, bytes) and len(raw) == count * dtype.itemsize, "an array that has another number of bytes"
        )
    _need(type(fortran) in (bool, int), "an array without an order")
    if masked:
        mask = state[5]
        _need(dtype.names is None, "a masked record")
        _need(isinstance(mask, bytes) and len(mask) == count, "a mask that has another number of bytes")
    array.__setstate__(state)


def _scalar(dtype: Any, data: Any = None) -> Any:
    _need(isinstance(dtype, np.dtype) and not dtype.hasobject, "a number without a dtype")
    _need(isinstance(data, bytes) and len(data) == dtype.itemsize, "a number that has another number of bytes")
    return np.frombuffer(data, dtype)[0]


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> Any:
    _check_shape(shape, dtype)
    _need(isinstance(data, (bytes, bytearray)) and not dtype.hasobject, "an array without bytes")
    _need(order in ("C", "F", "K"), "an array without an order")
    array = np.frombuffer(data, dtype=dtype)
    if order == "K" and axis_order is not None:
        return array.reshape(shape).transpose(axis_order)
    return array.reshape(shape, order="F" if order == "F" else "C")


def _object(kind: Any, base: Any, state: Any) -> Any:
    """copyreg._reconstructor: an object of the oldest protocols."""
    _need(kind is ArrayWrapper or _full_name(kind) in MADE, f"{_name(kind)} is made")
    if base is object:
        return object.__new__(kind)
    _need(base in (dict, list, tuple), f"{_name(kind)} is made from {_name(base)}")
    made = base.__new__(kind, state)
    if base is not tuple:
        base.__init__(made, state)
    return made


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    _need(
        isinstance(text, str) and encoding in ("latin1", "latin-1"), "bytes that are not written as pickle writes them"
    )
    return str(text).encode("latin-1")


def _bytes(*arguments: Any) -> bytes:
    _need(all(not isinstance(argument, int) for argument in arguments), "bytes by number")
    return bytes(*arguments)


def _bytearray(*arguments: Any) -> bytearray:
    _need(all(not isinstance(argument, int) for argument in arguments), "bytes by number")
    return bytearray(*arguments)


def _tree(features: Any, classes: Any, outputs: Any) -> Any:
    whole = all(isinstance(number, int) and 0 < number < 1 << 31 for number in (features, outputs))
    fits = whole and isinstance(classes, np.ndarray) and classes.dtype == np.intp and classes.shape == (outputs,)
    _need(bool(fits) and bool((classes > 0).all()) and outputs * int(classes.max()) < 1 << 31, "a tree that is none")
    made = import_module("sklearn.tree._tree").Tree
    return made(features, classes, outputs)


def _neighbours(kind: Any) -> Any:
    _need(_full_name(kind) in NEIGHBOURS, f"{_name(kind)} is made as a tree of neighbours")
    return kind.__new__(kind)


def _random_state(generator: Any = "MT19937", *_constructor: Any) -> Any:
    return np.random.RandomState(_bit_generator(generator))


def _generator(generator: Any = "MT19937", *_constructor: Any) -> Any:
    return np.random.Generator(_bit_generator(generator))


def _bit_generator(generator: Any = "MT19937") -> Any:
    if isinstance(generator, np.random.BitGenerator):
        return generator
    name = generator.__name__ if isinstance(generator, type) else generator
    _need(
        isinstance(name, str) and f"numpy.random.{name}" in types.CONTAINERS, "a source of random numbers that is none"
    )
    return getattr(np.random, name)()


def _partial(function: Any, *arguments: Any, **keywords: Any) -> Any:
    _need(_is_function(function), f"{_name(function)} is bound to arguments")
    return partial(function, *arguments, **keywords)


def _finish_partial(made: Any, state: Any) -> None:
    _need(isinstance(state, tuple) and len(state) == 4, "a partial that is none")
    _need(_is_function(state[0]), f"{_name(state[0])} is bound to arguments")
    made.__setstate__(state)


def _is_function(value: Any) -> bool:
    if isinstance(value, np.ufunc):
        return True
    return _full_name(value) in types.FUNCTIONS


def _default(factory: Any = None) -> Any:
    _need(factory is None or factory in (dict, float, int, list, set, str), "a default that is made by something else")
    return defaultdict(factory)


def _named_guards() -> dict[str, Callable[..., Any]]:
    return {
        "_codecs.encode": _encode,
        "builtins.bytearray": _bytearray,
        "builtins.bytes": _bytes,
        "collections.OrderedDict": OrderedDict,
        "collections.defaultdict": _default,
        "copyreg._reconstructor": _object,
        "functools.partial": _partial,
        "joblib.numpy_pickle.NumpyArrayWrapper": ArrayWrapper,
        "numpy._core.multiarray._reconstruct": _reconstruct,
        "numpy._core.multiarray.scalar": _scalar,
        "numpy._core.numeric._frombuffer": _from_buffer,
        "numpy.dtype": _make_dtype,
        "numpy.ma.core._mareconstruct": _masked,
        "numpy.random._pickle.__bit_generator_ctor": _bit_generator,
        "numpy.random._pickle.__generator_ctor": _generator,
        "numpy.random._pickle.__randomstate_ctor": _random_state,
        "sklearn.neighbors._ball_tree.newObj": _neighbours,
        "sklearn.neighbors._kd_tree.newObj": _neighbours,
        "sklearn.metrics._dist_metrics.newObj": _neighbours,
        "sklearn.tree._tree.Tree": _tree,
    }


GUARDS: Mapping[str, Callable[..., Any]] = _named_guards()
"""What is called only through a guard, by the name that stands in the stream."""

_NOT_BUILT = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType, np.ufunc)
