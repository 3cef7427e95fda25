"""Plain values as source text: eval(literal(x)) == x, of the same type."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import math
import pathlib
import re
import sys
import zoneinfo
from typing import Any

import numpy as np

from holdall.errors import UsageError

LARGEST = 1 << 20
"""Characters of one value; more belongs into a file."""

_DEPTH = 50
_FACTORIES: dict[Any, str] = {
    None: "None",
    bool: "bool",
    dict: "dict",
    float: "float",
    int: "int",
    list: "list",
    set: "set",
    str: "str",
}


def literal(value: Any) -> tuple[str, frozenset[str]] | None:
    """The text, and the modules that it speaks of as `_name` (`_datetime.date(2024, 1, 1)`); None where it is not plain.

    Raises UsageError for a plain value that is too large to be written down.
    """
    modules: set[str] = set()
    try:
        text = _text(value, modules, 0)
    except _NotPlain:
        return None
    if len(text) > LARGEST:
        raise UsageError(
            f"a function uses a value of {len(text):,} characters, too large to be sealed as source",
            hint="write it to a file, read that in the function by its relative path, and name it with include=",
        )
    return text, frozenset(modules)


class _NotPlain(Exception):
    """There is no text for it."""


def _text(value: Any, modules: set[str], depth: int) -> str:
    if depth > _DEPTH:
        raise _NotPlain
    kind = type(value)
    if value is None or value is Ellipsis or kind in (bool, int, str, bytes):
        return repr(value)
    if kind is float:
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if kind is complex:
        return f"complex({_text(value.real, modules, depth)}, {_text(value.imag, modules, depth)})"
    if kind in (list, tuple, set, frozenset, dict):
        return _container(value, modules, depth + 1)
    if kind in (decimal.Decimal, fractions.Fraction):
        modules.add(kind.__module__)
        return f"_{kind.__module__}.{kind.__name__}({str(value)!r})"
    if kind.__module__ in ("datetime", "zoneinfo"):
        return _moment(value, modules)
    if kind is re.Pattern:
        modules.add("re")
        return f"_re.compile({value.pattern!r}, {value.flags})"
    if isinstance(value, pathlib.PurePath):
        modules.add("pathlib")
        return f"_pathlib.{'Path' if isinstance(value, pathlib.Path) else 'PurePath'}({value.as_posix()!r})"
    if kind is range or kind is slice:
        return repr(value)
    if isinstance(value, np.generic | np.ndarray | np.dtype):
        modules.add("numpy")
        return _numpy(value, modules, depth)
    if kind in (collections.OrderedDict, collections.defaultdict, collections.Counter):
        modules.add("collections")
        return _mapping(value, modules, depth + 1)
    if kind.__module__.partition(".")[0] == "pandas":
        modules.add("pandas")
        return _pandas(value, modules, depth)
    raise _NotPlain


def _container(value: Any, modules: set[str], depth: int) -> str:
    if type(value) is dict:
        return (
            "{" + ", ".join(f"{_text(k, modules, depth)}: {_text(v, modules, depth)}" for k, v in value.items()) + "}"
        )
    inner = [_text(each, modules, depth) for each in value]
    if type(value) is list:
        return "[" + ", ".join(inner) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(inner) + ("," if len(inner) == 1 else "") + ")"
    # A set has no order of its own; the same set is the same text.
    return f"{type(value).__name__}([{', '.join(sorted(inner))}])"


def _mapping(value: Any, modules: set[str], depth: int) -> str:
    text = _container(dict(value), modules, depth)
    if type(value) is not collections.defaultdict:
        return f"_collections.{type(value).__name__}({text})"
    if value.default_factory not in _FACTORIES:
        raise _NotPlain
    return f"_collections.defaultdict({_FACTORIES[value.default_factory]}, {text})"


def _moment(value: Any, modules: set[str]) -> str:
    """A date, a time, a span or a zone. Their own repr speaks of `datetime`, which a notebook may have for the class."""
    kind = type(value)
    if kind is zoneinfo.ZoneInfo and value.key is not None:
        modules.add("zoneinfo")
        return f"_zoneinfo.ZoneInfo({value.key!r})"
    modules.add("datetime")
    if kind in (datetime.date, datetime.timedelta):
        return f"_{value!r}"
    if kind is datetime.timezone:
        given = value.__getinitargs__()
        return f"_datetime.timezone({', '.join(_text(each, modules, 0) for each in given)})"
    if kind in (datetime.datetime, datetime.time):
        bare = f"_{value.replace(tzinfo=None)!r}"
        return bare if value.tzinfo is None else f"{bare[:-1]}, tzinfo={_text(value.tzinfo, modules, 0)})"
    raise _NotPlain


def _pandas(value: Any, modules: set[str], depth: int) -> str:
    kind = type(value).__name__
    if kind == "Timestamp":
        zone = value.tzinfo
        bare = value if zone is None else value.tz_convert("UTC").tz_localize(None)
        text = f"_pandas.Timestamp({bare.isoformat()!r}).as_unit({value.unit!r})"
        return text if zone is None else f"{text}.tz_localize('UTC').tz_convert({_text(zone, modules, depth)})"
    if kind == "Timedelta":
        count = int(value.to_timedelta64().astype(np.int64))
        return f"_pandas.Timedelta({count}, {value.unit!r}).as_unit({value.unit!r})"
    if kind == "CategoricalDtype":
        names = None if value.categories is None else value.categories.tolist()
        if sys.modules["pandas"].CategoricalDtype(names, value.ordered) == value:
            return f"_pandas.CategoricalDtype({_text(names, modules, depth)}, {value.ordered})"
    raise _NotPlain


def _numpy(value: Any, modules: set[str], depth: int) -> str:
    if isinstance(value, np.dtype):
        return f"_numpy.dtype({value.str!r})"
    array = np.asarray(value)
    if array.dtype.kind not in "biufcMmUS" or type(value) is np.ma.MaskedArray:
        raise _NotPlain
    if array.dtype.kind in "Mm":
        plain = _text(array.view(np.int64).tolist(), modules, depth)
        text = f"_numpy.array({plain}, 'int64').view({array.dtype.str!r})"
    else:
        text = f"_numpy.array({_text(array.tolist(), modules, depth)}, {array.dtype.str!r})"
    if isinstance(value, np.generic):
        return f"{text}[()]"
    return f"{text}.reshape({array.shape})" if array.size == 0 else text
