"""A function that no import can find, written down as source: a notebook's cell, a script's, a lambda, a closure, a method.

Only the function travels and what it needs: the free names of its source are looked up among its globals, and each is
written down in turn: modules and what can be imported as imports, plain values as literals, functions and classes as
their source. A name that stands for anything else is a UsageError that says what to do.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import keyword
import linecache
import logging
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import numpy as np

from holdall.errors import UsageError
from holdall.packing.closure import Closure, find_spec, importable, is_local
from holdall.packing.literals import literal

_FUTURE = "from __future__ import annotations\n"


_HEAP_TYPE = 1 << 9
"""CPython's flag of classes that were written in Python."""

_NOTHING: Mapping[str, Any] = {}


class Extraction:
    """The generated modules of one package: one for each namespace that functions were taken from."""

    def __init__(self, base: str = "captured", hold: Callable[[str, Any, str], None] | None = None) -> None:
        """base: what the modules are called. hold: takes what a module's global names hold that is no source, as
        ('module:name', value, name), where something else puts it there when the source runs."""
        self.hold = hold
        self._base = base
        self._modules: dict[int, _Module] = {}

    def add(self, function: Any) -> str:
        """Write the function down; 'module:name' of it there. Raises UsageError where it cannot travel."""
        module = self.module(_globals(function))
        name = _name_of(function) or "step"
        return f"{module.name}:{module.bind(module.fresh(name, function), function, described(function))}"

    def module(self, namespace: Mapping[str, Any]) -> _Module:
        """The generated module for what is taken from this namespace."""
        found = self._modules.get(id(namespace))
        if found is None:
            found = self._modules[id(namespace)] = _Module(
                _module_name(self._base, len(self._modules)), namespace, self
            )
        return found

    def write(self, closure: Closure) -> None:
        """Put the modules into the closure, with all that they import."""
        for module in self._modules.values():
            closure.add_source(f"{module.name}.py", module.text())


def _module_name(base: str, count: int) -> str:
    number = count
    while True:
        name = base if number == 0 else f"{base}_{number + 1}"
        if find_spec(name) is None:
            return name
        number += 1


class _Module:
    """One generated module: names, each with the text that makes it, what a text needs standing before it."""

    def __init__(self, name: str, namespace: Mapping[str, Any], extraction: Extraction) -> None:
        self.name = name
        self._namespace = namespace
        self._extraction = extraction
        self._bound: dict[str, Any] = {}
        self._held: set[str] = set()
        self._imports: set[str] = set()
        self._texts: list[str] = []

    def text(self) -> str:
        """The source."""
        imports = "".join(f"import {name} as _{name.replace('.', '_')}\n" for name in sorted(self._imports))
        return (
            '"""Functions of the package, and what they need, as they stood when it was packed."""\n\n'
            + _FUTURE
            + ("\n" + imports if imports else "")
            + "".join("\n" + text for text in self._texts)
        )

    def fresh(self, name: str, value: Any) -> str:
        """`name`, or one like it that is free for this value."""
        candidate, number = name, 1
        while candidate in self._bound or self._namespace.get(candidate, value) is not value:
            if self._bound.get(candidate) is value:
                break
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def bind(self, name: str, value: Any, user: str) -> str:
        """See to it that `name` is this value; the name. user: what uses it, for messages. Raises UsageError."""
        if name not in self._bound:
            self._bound[name] = value
            self._texts.append(self._written(name, value, user))
        return name

    def _written(self, name: str, value: Any, user: str) -> str:
        if isinstance(value, ModuleType):
            return f"import {name}\n" if value.__name__ == name else f"import {value.__name__} as {name}\n"
        plain = literal(value)
        if plain is not None:
            self._imports |= plain[1]
            return f"{name} = {plain[0]}\n"
        where = _imported_from(value)
        if where is not None:
            return self._import(name, *where)
        if isinstance(value, logging.Logger):
            self._imports.add("logging")
            return f"{name} = _logging.getLogger({value.name!r})\n"
        if isinstance(value, TypeVar):
            self._imports.add("typing")
            return f"{name} = _typing.TypeVar({value.__name__!r})\n"
        if isinstance(value, Enum):
            return f"{name} = {self._expression(type(value), type(value).__name__, user)}[{value.name!r}]\n"
        if isinstance(value, functools.partial):
            return self._partial(name, value, user)
        if isinstance(value, MethodType):
            return self._method(name, value, user)
        if isinstance(value, type):
            return self._class(name, value, user)
        function = _unwrapped(value)
        if function is not None:
            if function.__globals__ is not self._namespace:
                module = self._extraction.module(function.__globals__)
                own = module.bind(module.fresh(_name_of(value) or name, value), value, user)
                return f"from {module.name} import {own} as {name}\n"
            return self._function(name, value, function, user)
        if _is_plain_object(value):
            return self._object(name, value, user)
        raise _cannot(value, name, user)

    def _expression(self, value: Any, name: str, user: str) -> str:
        """Text for a value: a literal, or a name that is bound to it."""
        plain = literal(value)
        if plain is not None:
            self._imports |= plain[1]
            return plain[0]
        return self.bind(self.fresh(_name_of(value) or name, value), value, user)

    def _import(self, name: str, module: str, path: str) -> str:
        root, _, rest = path.partition(".")
        if not rest:
            return f"from {module} import {root}{'' if root == name else f' as {name}'}\n"
        self._imports.add(module)
        return f"{name} = _{module.replace('.', '_')}.{path}\n"

    def _partial(self, name: str, value: functools.partial[Any], user: str) -> str:
        self._imports.add("functools")
        parts = [self._expression(value.func, f"{name}_function", user)]
        parts += [self._expression(each, f"{name}_argument", user) for each in value.args]
        parts += [f"{key}={self._expression(each, f'{name}_{key}', user)}" for key, each in value.keywords.items()]
        return f"{name} = _functools.partial({', '.join(parts)})\n"

    def _method(self, name: str, value: MethodType, user: str) -> str:
        owner = value.__self__
        if isinstance(owner, type):
            return f"{name} = {self._expression(owner, owner.__name__, user)}.{value.__name__}\n"
        if not _is_plain_object(owner):
            raise _cannot(owner, value.__name__, user)
        return f"{name} = {self.bind(self.fresh(f'{name}_object', owner), _Held(owner), user)}.{value.__name__}\n"

    def _object(self, name: str, value: Any, user: str) -> str:
        owner = value.value if isinstance(value, _Held) else value
        cls = self._expression(type(owner), type(owner).__name__, user)
        state = (f"{key!r}: {self._expression(each, f'{name}_{key}', user)}" for key, each in vars(owner).items())
        return f"{name} = object.__new__({cls})\n{name}.__dict__.update({{{', '.join(state)}}})\n"

    def _function(self, name: str, value: Any, function: FunctionType, user: str) -> str:
        node, lines = _find_function(function, user)
        own = function.__name__
        if isinstance(node, ast.Lambda):
            own = name
            while own in function.__code__.co_freevars:  # what it closes over may have that name
                own = f"_{own}"
            text = f"{own} = {ast.unparse(_bare(node))}\n"
        else:
            decorated = value is not function or self._namespace.get(own) is value
            text = _source(node, lines, keep_decorators=decorated)
        after = self._defaults(own, function, node, user)
        return self._closure(name, own, function, text + after, user)

    def _defaults(self, own: str, function: FunctionType, node: Any, user: str) -> str:
        """Defaults as they were when the function was made; only constants stand in its text."""
        if _constant_defaults(node):
            return ""
        text = ""
        if function.__defaults__:
            values = ", ".join(self._expression(each, f"{own}_default", user) for each in function.__defaults__)
            text += f"{own}.__defaults__ = ({values},)\n"
        if function.__kwdefaults__:
            pairs = (f"{k!r}: {self._expression(v, f'{own}_{k}', user)}" for k, v in function.__kwdefaults__.items())
            text += f"{own}.__kwdefaults__ = {{{', '.join(pairs)}}}\n"
        return text

    def _closure(self, name: str, own: str, function: FunctionType, text: str, user: str) -> str:
        """The definition, inside a function that holds what it closes over, where it does."""
        values = {each: value for each, value in _closed_over(function).items() if value is not function}
        return self._enclosed(name, own, values, text, user, frozenset(function.__code__.co_freevars))

    def _class(self, name: str, cls: type, user: str) -> str:
        text = _class_source(cls, user)
        values = {key: value for key, value in _local_to(cls, text, self._namespace).items() if value is not cls}
        return self._enclosed(name, cls.__name__, values, text, user, frozenset(values))

    def _enclosed(self, name: str, own: str, values: dict[str, Any], text: str, user: str, free: frozenset[str]) -> str:
        """The definition, inside a function that has these values where there are any."""
        if not values:
            return self._definition(name, text, own, user, taken=free)
        written = {each: self._closed(each, value, user) for each, value in values.items()}
        values = {each: value for each, value in values.items() if written[each] is not None}
        given = ", ".join(str(written[each]) for each in values)
        made = f"def _make_{name}({', '.join(values)}):\n{_indented(text + f'return {own}')}\n"
        self._needs(made, user, taken=frozenset({own, *free}))
        return f"{made}\n{name} = _make_{name}({given})\n"

    def _closed(self, name: str, value: Any, user: str) -> str | None:
        """Text for what a function closes over; None where it is a global name of the module instead."""
        try:
            return self._expression(value, name, user)
        except UsageError:
            clashes = self._bound.get(name, value) is not value or self._namespace.get(name, value) is not value
            if self._extraction.hold is None or clashes:
                raise
            self._hold(name, value)
            return None

    def _hold(self, name: str, value: Any) -> None:
        if name not in self._held and self._extraction.hold is not None:
            self._held.add(name)
            self._bound[name] = value
            self._texts.append(f"{name} = None  # is put here from the package's state\n")
            self._extraction.hold(f"{self.name}:{name}", value, name)

    def _definition(self, name: str, text: str, own: str, user: str, taken: frozenset[str] = frozenset()) -> str:
        self._needs(text, user, taken=taken | {own})
        return text if own == name else f"{text}\n{name} = {own}\n"

    def _needs(self, text: str, user: str, *, taken: frozenset[str]) -> None:
        """Bind every free name of the text."""
        tree = ast.parse(text)
        for name in sorted(_free_names(text) - taken):
            if name not in self._namespace:
                continue  # a built-in one, or none at all, as it was in the notebook
            value = self._namespace[name]
            if getattr(builtins, name, None) is value or name.startswith("__"):
                continue
            try:
                self.bind(name, value, user)
            except UsageError:
                if self._extraction.hold is None:
                    raise
                self._hold(name, value)
            if isinstance(value, ModuleType):
                self._imports.update(_submodules(tree, name, value))


class _Held:
    """An object of which a method is wanted."""

    def __init__(self, value: Any) -> None:
        self.value = value


def described(value: Any) -> str:
    """How a message calls a value."""
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return "a lambda" if name == "<lambda>" else name
    return f"a {type(value).__module__}.{type(value).__qualname__}".replace("a builtins.", "a ")


def _name_of(value: Any) -> str | None:
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name) else None


def _globals(function: Any) -> Mapping[str, Any]:
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    found = _unwrapped(getattr(inner, "__func__", inner)) or _unwrapped(vars(type(inner)).get("__call__"))
    return _NOTHING if found is None else found.__globals__


def _unwrapped(value: Any) -> FunctionType | None:
    """The function that was written, below its decorators; None where there is none."""
    inner, seen = value, 0
    while hasattr(inner, "__wrapped__") and seen < 100:
        inner, seen = inner.__wrapped__, seen + 1
    return inner if isinstance(inner, FunctionType) else None


def _imported_from(value: Any) -> tuple[str, str] | None:
    if isinstance(value, np.ufunc):
        name = str(value.__name__)
        return ("numpy", name) if getattr(np, name, None) is value else None
    return importable(value)


def _is_plain_object(value: Any) -> bool:
    """Whether an object is nothing but its class and its attributes, of a class that is the user's own."""
    if isinstance(value, _Held):
        return True
    cls = type(value)
    where = importable(cls)
    own = where is None or _local(where[0])
    return own and hasattr(value, "__dict__") and _is_inherited(cls, "__reduce__") and not _holds_more(cls)


def _is_inherited(cls: type, name: str) -> bool:
    return all(name not in vars(base) for base in cls.__mro__ if base is not object)


def _local(module: str) -> bool:
    spec = find_spec(module)
    return spec is not None and is_local(spec)


def _holds_more(cls: type) -> bool:
    """Whether instances hold something beside their attributes: slots, or what a class written in C keeps."""
    written = (base for base in cls.__mro__ if base is not object)
    return any(vars(base).get("__slots__") or not base.__flags__ & _HEAP_TYPE for base in written)


def _cannot(value: Any, name: str, user: str) -> UsageError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    top = kind.partition(".")[0]
    if hasattr(value, "fit") or top in ("sklearn", "xgboost", "lightgbm", "catboost", "torch"):
        hint = "put what was fitted into the pipeline; a step only computes on a table"
    elif top in ("pandas", "polars", "pyarrow"):
        hint = "write the table to a file, read that in the function by its relative path, and name it with include="
    else:
        hint = "write the function into a module of its own, for instance features.py, that makes what it needs"
    return UsageError(f"{user} uses {name!r}, a {kind}, which cannot travel as source", hint=hint, name=name, type=kind)


def _find_function(function: FunctionType, user: str) -> tuple[Any, list[str]]:
    """The node that defines the function, and the lines of its file. Raises UsageError."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise UsageError(
            f"the source of {user} is not kept anywhere ({code.co_filename})",
            hint="write it as a def in a file, for instance features.py, and import it from there",
        )
    tree = _parsed(lines, code.co_filename, user)
    if code.co_name == "<lambda>":
        return _find_lambda(tree, code, user), lines
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name and _first_line(node) == code.co_firstlineno:
            return node, lines
    raise _changed(user, code.co_filename)


def _parsed(lines: list[str], file: str, user: str) -> ast.Module:
    try:
        return ast.parse("".join(lines))
    except SyntaxError:
        raise _changed(user, file) from None


def _changed(user: str, file: str) -> UsageError:
    return UsageError(
        f"the source of {user} is no longer where it was in {file}",
        hint="the file has changed since it was run: run it again and pack then",
    )


def _find_lambda(tree: ast.AST, code: CodeType, user: str) -> ast.Lambda:
    """The lambda of this line that compiles to the same. Raises UsageError where that is none, or several that differ."""
    found = {
        ast.unparse(node): node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno and _same(node, code)
    }
    if len(found) == 1:
        return next(iter(found.values()))
    why = "cannot be found in its line" if not found else "cannot be told from the others in its line"
    raise UsageError(f"{user} {why}", hint="write it as a def in a module, for instance features.py")


def _same(node: ast.Lambda, code: CodeType) -> bool:
    made = compile(ast.Expression(node), "lambda", "eval")
    inner = next(each for each in made.co_consts if isinstance(each, CodeType))
    names = (code.co_varnames, sorted({*code.co_names, *code.co_freevars}), _constants(code))
    return names == (inner.co_varnames, sorted({*inner.co_names, *inner.co_freevars}), _constants(inner))


def _constants(code: CodeType) -> list[Any]:
    return [repr(each) for each in code.co_consts if not isinstance(each, CodeType) and each is not None]


def _first_line(node: ast.FunctionDef | ast.ClassDef) -> int:
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


def _closed_over(function: FunctionType) -> dict[str, Any]:
    """What the function closes over, by name, but for names that were given no value."""
    held: dict[str, Any] = {}
    for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):
            held[free] = cell.cell_contents
    return held


def _source(node: ast.FunctionDef, lines: list[str], *, keep_decorators: bool) -> str:
    """The text as it was written; where a default is no constant, the text without defaults."""
    if not _constant_defaults(node) or (node.decorator_list and not keep_decorators):
        bare = _bare(node)
        if not keep_decorators:
            bare.decorator_list = []
        return ast.unparse(bare) + "\n"
    return _text_of(node, lines)


def _text_of(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> str:
    """A definition as it was written, moved to the margin, unless that would move what stands inside a text of it."""
    text = textwrap.dedent("".join(lines[_first_line(node) - 1 : node.end_lineno])).rstrip() + "\n"
    return text if _reads_as(text, [node]) else _unparsed([node])


def _indented(text: str) -> str:
    """The body of a function, moved away from the margin, but for what stands inside a text."""
    moved, nodes = textwrap.indent(text, "    "), ast.parse(text).body
    whole: list[ast.stmt] = [ast.If(ast.Constant(True), nodes, [])]
    return moved if _reads_as(f"if True:\n{moved}", whole) else textwrap.indent(_unparsed(nodes), "    ")


def _unparsed(nodes: Sequence[ast.stmt]) -> str:
    return "".join(f"{ast.unparse(node)}\n" for node in nodes)


def _reads_as(text: str, nodes: Sequence[ast.stmt]) -> bool:
    try:
        read = ast.parse(text).body
    except SyntaxError:
        return False
    return [ast.dump(node) for node in read] == [ast.dump(node) for node in nodes]


def _constant_defaults(node: Any) -> bool:
    given = [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
    return all(isinstance(each, ast.Constant) for each in given)


def _bare(node: Any) -> Any:
    """The node with None for each default."""
    copy = ast.parse(ast.unparse(node)).body[0]
    bare: Any = copy.value if isinstance(copy, ast.Expr) else copy
    if not _constant_defaults(node):
        bare.args.defaults = [ast.Constant(None) for _ in bare.args.defaults]
        bare.args.kw_defaults = [None if each is None else ast.Constant(None) for each in bare.args.kw_defaults]
    return bare


def _class_source(cls: type, user: str) -> str:
    for code in _codes(cls):
        lines = linecache.getlines(code.co_filename)
        if not lines:
            continue
        for node in ast.walk(_parsed(lines, code.co_filename, user)):
            if not isinstance(node, ast.ClassDef) or node.name != cls.__name__:
                continue
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or node.lineno):
                return _text_of(node, lines)
    text = _class_by_name(cls)
    if text is not None:
        return text
    raise UsageError(
        f"the source of the class {cls.__name__}, which {user} uses, is not to be found",
        hint="write the class into a module of its own, for instance features.py, and import it from there",
    )


def _class_by_name(cls: type) -> str | None:
    """The source of a class that holds no code of its own: from its file, else from the newest cell that defines it."""
    try:
        text = textwrap.dedent(inspect.getsource(cls)).rstrip() + "\n"
        # Of a cell's class, Python 3.13 gives the lines of that number in the file of the program.
        if [getattr(node, "name", None) for node in ast.parse(text).body] == [cls.__name__]:
            return text
    except (OSError, TypeError, SyntaxError):
        pass
    found = None
    kept: list[tuple[str, Any]] = list(linecache.cache.items())
    for name, entry in kept:
        is_cell = len(entry) > 2 and (name.startswith("<") or "ipykernel" in name)
        text = "".join(entry[2]) if is_cell else ""
        if f"class {cls.__name__}" not in text:
            continue
        try:
            nodes = ast.parse(text).body
        except SyntaxError:
            continue
        for node in nodes:
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                found = "".join(text.splitlines(True)[_first_line(node) - 1 : node.end_lineno]).rstrip() + "\n"
    return found


def _local_to(cls: type, text: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What a class that was written in a function has from there: what its methods close over, and its bases."""
    found: dict[str, Any] = {}
    for value in vars(cls).values():
        for each in (value, *(getattr(value, part, None) for part in ("__func__", "fget", "fset", "fdel"))):
            function = _unwrapped(each)
            if function is not None and _is_written_in(cls, function):
                found |= _closed_over(function)
    found.pop("__class__", None)  # what super() closes over is the class itself
    (node,) = ast.parse(text).body
    for base, given in zip(getattr(node, "bases", ()), cls.__dict__.get("__orig_bases__", cls.__bases__), strict=False):
        if isinstance(base, ast.Name) and namespace.get(base.id, getattr(builtins, base.id, None)) is not given:
            found[base.id] = given
    return found


def _is_written_in(cls: type, function: FunctionType) -> bool:
    """Whether a function stands in the text of the class; what makes named tuples and dataclasses puts others there."""
    own = function.__qualname__.startswith(f"{cls.__qualname__}.")
    return (
        own
        and function.__globals__.get("__name__") == cls.__module__
        and bool(linecache.getlines(function.__code__.co_filename))
    )


def _codes(cls: type) -> Iterator[CodeType]:
    for value in vars(cls).values():
        inner: Any = getattr(value, "__func__", getattr(value, "fget", value))
        function = _unwrapped(inner)
        if function is not None and function.__qualname__.startswith(f"{cls.__qualname__}."):
            yield function.__code__


def _free_names(text: str) -> set[str]:
    """The names that a module of this text takes from outside itself."""
    names: set[str] = set()
    top = symtable.symtable(_FUTURE + text, "captured", "exec")
    for symbol in top.get_symbols():
        if symbol.is_referenced() and not symbol.is_assigned() and not symbol.is_imported():
            names.add(symbol.get_name())
    pending = list(top.get_children())
    while pending:
        table = pending.pop()
        pending += table.get_children()
        names.update(
            symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()
        )
    return names


def _submodules(tree: ast.AST, name: str, module: ModuleType) -> set[str]:
    """scipy.stats for `scipy.stats.norm` where only `scipy` was imported: some other import made it be there."""

    found: set[str] = set()
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: Any = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if not parts or not isinstance(inner, ast.Name) or inner.id != name:
            continue
        dotted = module.__name__
        for part in parts:
            dotted = f"{dotted}.{part}"
            if dotted not in sys.modules:
                break
            found.add(dotted)
    return found
