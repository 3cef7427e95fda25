"""A pickle stream walked operation by operation, nothing of it built: which names it uses, and whether it is as pickle
and joblib write one.

The stream is a small program. Here it runs on a machine whose objects are only descriptions, so that names put together on
the stack, kept in memory or hidden behind a pop are seen, and the bytes of arrays that joblib writes in the middle of the
stream are stepped over by the length that the stream itself states. Readers of pickles disagree on frames, on text that is
no number, on bytes behind the end: what they could read differently is a failure here, so there is nothing to hide behind.
"""

from __future__ import annotations

import ast
import math
import re
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from holdall.engines.names import GUARDED, NAMED, modern

KNOWN, UNKNOWN, DANGEROUS = "known", "unknown", "dangerous"

LONGEST = 50_000_000
"""Operations of one file; a model of a million texts has a tenth of that."""
LONGEST_LINE = 1 << 24
DEEPEST = 8
"""Streams inside arrays inside streams."""

_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_STREAMS = 5
"""What the old PyTorch format is made of, before the raw numbers: a magic number, version, system, object, keys."""
_PADDING = 16
_DTYPE = re.compile(r"[<>=|]?[?bBhHiIuUlLqQefdgcFDGSVOMm][0-9]{0,9}(\[[0-9]{0,9}[A-Za-z]{0,2}\])?")

# Modules of the standard library that hold plain values; every other one, if it is not on the list, can act.
_VALUES = frozenset(
    {"collections", "datetime", "decimal", "enum", "fractions", "ipaddress", "numbers", "pathlib", "zoneinfo"}
)
_ACTING = frozenset(
    {
        "__builtin__",
        "__main__",
        "_pyrepl",
        "aiohttp",
        "cloudpickle",
        "commands",
        "dill",
        "httplib",
        "httpx",
        "keras",
        "nt",
        "pip",
        "requests",
        "setuptools",
        "test",
        "tensorflow",
        "torch",
        "urllib3",
    }
)
_STORAGES = (
    "BFloat16",
    "Bool",
    "Byte",
    "Char",
    "ComplexDouble",
    "ComplexFloat",
    "Double",
    "Float",
    "Half",
    "Int",
    "Long",
    "Short",
)
_NUMBERS = (
    "bfloat16",
    "bool",
    "complex64",
    "complex128",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
)
_TORCH = frozenset(
    {
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch.Size",
        "torch.device",
        *(f"torch.{kind}Storage" for kind in _STORAGES),
        *(f"torch.{kind}" for kind in _NUMBERS),
    }
)
"""What PyTorch itself opens without being trusted, for the tensors of a state dict."""


class Malformed(Exception):
    """The stream is not one that pickle or joblib writes."""


def verdict(name: str) -> str:
    """'known': on holdall's list; 'dangerous': of a module that can act; 'unknown': nothing is known of it."""
    if name in GUARDED or name in NAMED or name in _TORCH:
        return KNOWN
    root, _, rest = name.partition(".")
    if root in _ACTING or (root in sys.stdlib_module_names and root not in _VALUES):
        return DANGEROUS
    return DANGEROUS if rest.startswith(("testing.", "f2py.", "distutils.", "ctypeslib.", "externals.")) else UNKNOWN


class Named:
    """What a name stands for."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Made:
    """What a call gave: of what, with which arguments, with which state."""

    __slots__ = ("arguments", "of", "state")

    def __init__(self, of: Any, arguments: Any) -> None:
        self.of = of
        self.arguments = arguments
        self.state: Any = None

    @property
    def kind(self) -> str:
        """The name of the class or function that made it; '' where that was no name."""
        of = self.of
        if isinstance(of, Named) and of.name == "copyreg._reconstructor" and isinstance(self.arguments, tuple):
            of = self.arguments[0] if self.arguments else None
        return of.name if isinstance(of, Named) else ""


class Walk:
    """One file of pickle streams.

    names: every name that the streams use, in the order of appearance. problems: in words, what is not as it should be.
    persistent: whether ids of objects outside the stream are as they should be, as in PyTorch's archives.
    """

    def __init__(self, data: bytes, start: int = 0, *, persistent: bool = False) -> None:
        self.names: dict[str, None] = {}
        self.problems: dict[str, None] = {}
        self.streams = 0
        self._data = data
        self._place = start
        self._persistent = persistent
        self._torch = False
        self._operations = 0

    def file(self) -> Walk:
        """Walk every stream to the end of the file. Never raises."""
        try:
            while self._place < len(self._data):
                value = self._stream(0)
                if self.streams == 1:
                    self._torch = type(value) is int and value == _TORCH_MAGIC
                if self._torch and self.streams == _TORCH_STREAMS:
                    break
        except Malformed as why:
            behind = "what stands behind its end is no pickle: " if self.streams else ""
            self.problems[f"{behind}{why}, at byte {self._place:,}"] = None
        except RecursionError:
            self.problems["it is nested too deeply"] = None
        if self.streams > 1 and not self._torch:
            self.problems[
                f"it holds {self.streams} streams, one behind the other, of which readers open only the first"
            ] = None
        return self

    def stream(self) -> Walk:
        """Walk one stream. Never raises."""
        try:
            self._stream(0)
        except (Malformed, RecursionError) as why:
            self.problems[f"{why}, at byte {self._place:,}"] = None
        return self

    @property
    def place(self) -> int:
        """Where the walk stands: the bytes before it were read."""
        return self._place

    def _stream(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise Malformed("streams lie inside streams too deeply")
        value = _Stream(self, depth).run()
        self.streams += 1 if depth == 0 else 0
        return value


class _Stream:
    """The machine of one stream, on the walk's bytes."""

    def __init__(self, walk: Walk, depth: int) -> None:
        self.walk, self.depth = walk, depth
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.protocol = 0
        self.frame = -1
        self.done = False

    def run(self) -> Any:
        walk = self.walk
        while not self.done:
            start = walk._place
            if self.frame >= 0 and start == self.frame:
                self.frame = -1
            walk._operations += 1
            if walk._operations > LONGEST:
                raise Malformed(f"it has more than {LONGEST:,} operations")
            step = _STEPS.get(self.take(1)[0])
            if step is None:
                raise Malformed(f"the byte {walk._data[start]:#04x} is no operation")
            step(self)
            if 0 <= self.frame < walk._place and self.frame > start:
                raise Malformed("an operation crosses the end of its frame, which readers take differently")
        if self.frame >= 0 and walk._place != self.frame:
            raise Malformed("it ends inside a frame, which readers take differently")
        return self.stack[-1] if self.stack else None

    # The bytes.

    def skip(self, length: int) -> None:
        walk = self.walk
        if length < 0 or length > len(walk._data) - walk._place:
            raise Malformed("it is cut off")
        walk._place += length

    def take(self, length: int) -> bytes:
        start = self.walk._place
        self.skip(length)
        return self.walk._data[start : start + length]

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def line(self) -> bytes:
        walk = self.walk
        end = walk._data.find(b"\n", walk._place, walk._place + LONGEST_LINE)
        if end < 0:
            raise Malformed("a line has no end")
        line = walk._data[walk._place : end]
        walk._place = end + 1
        return line

    def text(self, data: bytes) -> str:
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None

    def name(self, line: bytes) -> str:
        text = self.text(line)
        if not text or not all(part.isidentifier() for part in text.split(".")):
            raise Malformed("a name is none")
        return text

    def decimal(self, line: bytes) -> int:
        text = line.decode("latin-1")
        digits = text[1:] if text[:1] == "-" else text
        if not digits or not all(character in "0123456789" for character in digits) or len(digits) > 4000:
            raise Malformed("a number is none")
        return int(text)

    # The stack.

    def pop(self) -> Any:
        if not self.stack:
            raise Malformed("it takes from an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise Malformed("it takes from an empty stack")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise Malformed("it goes back to a mark that is not there")
        items, self.stack = self.stack, self.marks.pop()
        return items

    # What is seen.

    def found(self, module: str, name: str) -> Named:
        module, name = modern(module, name, self.protocol)
        full = f"{module}.{name}"
        self.walk.names[full] = None
        if "." in name:
            self.problem(f"it reaches through {module} for {name}")
        return Named(full)

    def problem(self, why: str) -> None:
        self.walk.problems[why] = None

    def call(self, function: Any, arguments: Any) -> Made:
        if not isinstance(function, Named):
            self.problem("it calls what it made itself")
        elif not isinstance(arguments, tuple):
            self.problem(f"it calls {function.name} with what is no list of arguments")
        elif function.name in ("builtins.bytes", "builtins.bytearray") and any(
            isinstance(argument, int) for argument in arguments
        ):
            self.problem(f"it calls {function.name} with a number, to fill memory")
        return Made(function, arguments)

    def built(self) -> None:
        state = self.pop()
        thing = self.top()
        if isinstance(thing, Named):
            self.problem(f"it changes {thing.name} itself")
        if not isinstance(thing, Made):
            return
        thing.state = state
        if thing.kind == _WRAPPER:
            self.array(state)

    def filled(self, thing: Any) -> None:
        if isinstance(thing, Named):
            self.problem(f"it changes {thing.name} itself")

    # joblib's arrays.

    def array(self, state: Any) -> None:
        """Step over the bytes that joblib wrote right behind this description, or walk the stream that they are."""
        if not isinstance(state, dict):
            raise Malformed("joblib's description of an array is none")
        shape, dtype = state.get("shape"), state.get("dtype")
        if not isinstance(shape, tuple) or not all(type(length) is int and 0 <= length < 1 << 48 for length in shape):
            raise Malformed("an array's shape is none")
        if self.frame >= 0 and self.walk._place != self.frame:
            raise Malformed("an array lies inside a frame, which readers take differently")
        self.frame = -1
        size, objects = _items(dtype)
        if objects:
            # joblib hands this stream to the plain reader of pickles.
            self.walk._stream(self.depth + 1)
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            padding = self.take(1)[0]
            # No operation is so small a number: a reader that knows nothing of joblib stops here.
            if padding > _PADDING:
                raise Malformed("an array is padded with more than joblib pads")
            self.take(padding)
        start = self.walk._place
        self.skip(math.prod(shape) * size)
        if state.get("numpy_array_alignment_bytes") is None:
            self.as_operations(start)

    def as_operations(self, start: int) -> None:
        """What a reader that knows nothing of joblib would take the array's bytes for."""
        behind = Walk(self.walk._data, start)
        behind._operations = self.walk._operations  # one count for all, or a file could keep us here for ever
        behind.stream()
        self.walk._operations = behind._operations
        for name in behind.names:
            if verdict(name) == DANGEROUS:
                self.walk.names[name] = None


def _items(dtype: Any, depth: int = 0, known: dict[int, tuple[int, bool]] | None = None) -> tuple[int, bool]:
    """Bytes of one item of a described dtype, and whether it holds objects. Raises Malformed.

    known: the answers so far, by identity: a record of records that are all the same is looked at once.
    """
    known = {} if known is None else known
    if id(dtype) not in known:
        known[id(dtype)] = _looked_up(dtype, depth, known)
    return known[id(dtype)]


def _looked_up(dtype: Any, depth: int, known: dict[int, tuple[int, bool]]) -> tuple[int, bool]:
    if not isinstance(dtype, Made) or dtype.kind != "numpy.dtype" or depth > DEEPEST:
        raise Malformed("an array's dtype is none")
    spec = dtype.arguments[0] if isinstance(dtype.arguments, tuple) and dtype.arguments else None
    if not isinstance(spec, str) or not _DTYPE.fullmatch(spec):
        raise Malformed("an array's dtype is none")
    try:
        made = np.dtype(spec)
    except (TypeError, ValueError):
        raise Malformed("an array's dtype is none") from None
    size, objects, state = made.itemsize, made.hasobject, dtype.state
    if state is None:
        return size, objects
    if not isinstance(state, tuple) or len(state) < 8:
        raise Malformed("a dtype's state is none")
    subarray, names, members, stated, flags = state[2], state[3], state[4], state[5], state[7]
    if subarray is not None:
        if not isinstance(subarray, tuple) or len(subarray) != 2:
            raise Malformed("a dtype's state is none")
        _, objects = _items(subarray[0], depth + 1, known)
    if names is not None:
        if not isinstance(members, dict) or not all(
            isinstance(member, tuple) and member for member in members.values()
        ):
            raise Malformed("a dtype's state is none")
        objects = any(_items(member[0], depth + 1, known)[1] for member in members.values())
    if type(stated) is int and stated >= 0:
        if made.kind not in "VSU" and stated != size:
            raise Malformed("a dtype's state contradicts its name")
        size = stated
    if type(flags) is int and bool(flags & 1) != objects:
        raise Malformed("a dtype's flags contradict its kind")
    return size, objects


# The operations. Each takes its argument from the bytes and does to the stack what pickle would.


def _push(make: Callable[[_Stream], Any]) -> Callable[[_Stream], None]:
    def step(machine: _Stream) -> None:
        value = make(machine)  # first: it may put another stack into place
        machine.stack.append(value)

    return step


def _protocol(machine: _Stream) -> None:
    machine.protocol = machine.take(1)[0]
    if machine.protocol > 5:
        raise Malformed(f"protocol {machine.protocol} is not known")


def _frame(machine: _Stream) -> None:
    length = machine.number("<Q")
    if machine.frame >= 0:
        raise Malformed("a frame begins inside another, which readers take differently")
    if length > len(machine.walk._data) - machine.walk._place:
        raise Malformed("a frame goes on behind the end of the file, which readers take differently")
    machine.frame = machine.walk._place + length


def _stop(machine: _Stream) -> None:
    machine.top()
    machine.done = True


def _mark(machine: _Stream) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _pop(machine: _Stream) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


def _pop_mark(machine: _Stream) -> None:
    machine.since_mark()


def _duplicate(machine: _Stream) -> None:
    machine.stack.append(machine.top())


def _integer(machine: _Stream) -> Any:
    line = machine.line()
    return line == b"01" if line in (b"00", b"01") else machine.decimal(line)


def _long(machine: _Stream) -> int:
    line = machine.line()
    return machine.decimal(line.removesuffix(b"L"))


def _little(machine: _Stream, length: int) -> int:
    return int.from_bytes(machine.take(length), "little", signed=True)


def _real(machine: _Stream) -> float:
    try:
        return float(machine.line())
    except ValueError:
        raise Malformed("a number is none") from None


def _old_string(machine: _Stream) -> str:
    line = machine.line().strip()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        raise Malformed("a text has no quotes")
    try:
        value: bytes = ast.literal_eval("b" + line.decode("ascii"))
    except (ValueError, SyntaxError, UnicodeDecodeError, MemoryError):
        raise Malformed("a text is none") from None
    return str(value, "latin-1")


def _unicode_line(machine: _Stream) -> str:
    try:
        return machine.line().decode("raw-unicode-escape")
    except UnicodeDecodeError:
        raise Malformed("a text is none") from None


def _sized(form: str) -> Callable[[_Stream], bytes]:
    return lambda machine: machine.take(machine.number(form))


def _text(form: str) -> Callable[[_Stream], None]:
    return _push(lambda machine: machine.text(_sized(form)(machine)))


def _latin(form: str) -> Callable[[_Stream], None]:
    return _push(lambda machine: _sized(form)(machine).decode("latin-1"))


def _raw(form: str) -> Callable[[_Stream], None]:
    def step(machine: _Stream) -> None:
        # Their content is of no matter here, and may be a gigabyte.
        machine.skip(machine.number(form))
        machine.stack.append(b"")

    return step


def _tuple(count: int) -> Callable[[_Stream], None]:
    def step(machine: _Stream) -> None:
        items = tuple(reversed([machine.pop() for _ in range(count)]))
        machine.stack.append(items)

    return step


def _append(machine: _Stream) -> None:
    value = machine.pop()
    _extend(machine, machine.top(), [value])


def _appends(machine: _Stream) -> None:
    items = machine.since_mark()
    _extend(machine, machine.top(), items)


def _extend(machine: _Stream, thing: Any, items: list[Any]) -> None:
    if isinstance(thing, list):
        thing.extend(items)
    else:
        machine.filled(thing)


def _set_item(machine: _Stream) -> None:
    value = machine.pop()
    key = machine.pop()
    _put_items(machine, machine.top(), [key, value])


def _set_items(machine: _Stream) -> None:
    items = machine.since_mark()
    _put_items(machine, machine.top(), items)


def _put_items(machine: _Stream, thing: Any, items: list[Any]) -> None:
    if len(items) % 2:
        raise Malformed("a key has no value")
    if isinstance(thing, dict):
        # Only what the state of an array is looked up by; other keys may be anything.
        thing.update((key, value) for key, value in zip(items[::2], items[1::2], strict=True) if isinstance(key, str))
    else:
        machine.filled(thing)


def _dict(machine: _Stream) -> None:
    items = machine.since_mark()
    made: dict[Any, Any] = {}
    _put_items(machine, made, items)
    machine.stack.append(made)


def _keep(place: Callable[[_Stream], int]) -> Callable[[_Stream], None]:
    def step(machine: _Stream) -> None:
        index = place(machine)
        if index < 0:
            raise Malformed("a place in memory is none")
        machine.memo[index] = machine.top()

    return step


def _recall(place: Callable[[_Stream], int]) -> Callable[[_Stream], None]:
    def step(machine: _Stream) -> None:
        index = place(machine)
        if index not in machine.memo:
            raise Malformed("it recalls what it did not keep")
        machine.stack.append(machine.memo[index])

    return step


def _memoize(machine: _Stream) -> None:
    machine.memo[len(machine.memo)] = machine.top()


def _global(machine: _Stream) -> Named:
    module, name = machine.name(machine.line()), machine.name(machine.line())
    return machine.found(module, name)


def _stack_global(machine: _Stream) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        machine.problem("it puts a name together by calls, so that nobody can read it")
        machine.stack.append(Made(None, ()))
        return
    machine.stack.append(machine.found(module, name))


def _instance(machine: _Stream) -> None:
    named = _global(machine)
    made = machine.call(named, tuple(machine.since_mark()))
    machine.stack.append(made)


def _object(machine: _Stream) -> None:
    items = machine.since_mark()
    if not items:
        raise Malformed("it makes an object of nothing")
    machine.stack.append(machine.call(items[0], tuple(items[1:])))


def _reduce(machine: _Stream) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.stack.append(machine.call(function, arguments))


def _new_with_keywords(machine: _Stream) -> None:
    machine.pop()
    _reduce(machine)


def _extension(form: str) -> Callable[[_Stream], None]:
    def step(machine: _Stream) -> None:
        code = machine.number(form)
        machine.problem(f"it uses the extension code {code}, which stands for a name that it does not show")
        machine.stack.append(Made(None, ()))

    return step


def _persistent_line(machine: _Stream) -> None:
    machine.line()
    _persistent(machine)


def _persistent_object(machine: _Stream) -> None:
    machine.pop()
    _persistent(machine)


def _persistent(machine: _Stream) -> None:
    if not (machine.walk._persistent or machine.walk._torch):
        machine.problem("it asks its reader for objects from elsewhere")
    machine.stack.append(Made(None, ()))


def _next_buffer(machine: _Stream) -> None:
    machine.problem("its bytes lie outside the file")
    machine.stack.append(b"")


def _nothing(_: _Stream) -> None: ...


_STEPS: dict[int, Callable[[_Stream], None]] = {
    ord(key): step
    for key, step in {
        "\x80": _protocol,
        "\x95": _frame,
        ".": _stop,
        "(": _mark,
        "0": _pop,
        "1": _pop_mark,
        "2": _duplicate,
        "N": _push(lambda _: None),
        "\x88": _push(lambda _: True),
        "\x89": _push(lambda _: False),
        "I": _push(_integer),
        "J": _push(lambda machine: machine.number("<i")),
        "K": _push(lambda machine: machine.number("<B")),
        "M": _push(lambda machine: machine.number("<H")),
        "L": _push(_long),
        "\x8a": _push(lambda machine: _little(machine, machine.number("<B"))),
        "\x8b": _push(lambda machine: _little(machine, machine.number("<i"))),
        "F": _push(_real),
        "G": _push(lambda machine: struct.unpack(">d", machine.take(8))[0]),
        "S": _push(_old_string),
        "T": _latin("<i"),
        "U": _latin("<B"),
        "V": _push(_unicode_line),
        "X": _text("<I"),
        "\x8c": _text("<B"),
        "\x8d": _text("<Q"),
        "B": _raw("<I"),
        "C": _raw("<B"),
        "\x8e": _raw("<Q"),
        "\x96": _raw("<Q"),
        "\x97": _next_buffer,
        "\x98": _nothing,
        ")": _push(lambda _: ()),
        "\x85": _tuple(1),
        "\x86": _tuple(2),
        "\x87": _tuple(3),
        "t": _push(lambda machine: tuple(machine.since_mark())),
        "]": _push(lambda _: []),
        "l": _push(lambda machine: machine.since_mark()),
        "a": _append,
        "e": _appends,
        "}": _push(lambda _: {}),
        "d": _dict,
        "s": _set_item,
        "u": _set_items,
        "\x8f": _push(lambda _: []),
        "\x90": _appends,
        "\x91": _push(lambda machine: tuple(machine.since_mark())),
        "p": _keep(lambda machine: machine.decimal(machine.line())),
        "q": _keep(lambda machine: machine.number("<B")),
        "r": _keep(lambda machine: machine.number("<I")),
        "\x94": _memoize,
        "g": _recall(lambda machine: machine.decimal(machine.line())),
        "h": _recall(lambda machine: machine.number("<B")),
        "j": _recall(lambda machine: machine.number("<I")),
        "c": _push(_global),
        "\x93": _stack_global,
        "i": _instance,
        "o": _object,
        "R": _reduce,
        "\x81": _reduce,
        "\x92": _new_with_keywords,
        "b": lambda machine: machine.built(),
        "\x82": _extension("<B"),
        "\x83": _extension("<H"),
        "\x84": _extension("<i"),
        "P": _persistent_line,
        "Q": _persistent_object,
    }.items()
}
