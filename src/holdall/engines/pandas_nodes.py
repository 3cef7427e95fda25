"""pandas' objects inside a skops file: arrays, texts and names, from which pandas' own constructors build them again.

skops has no form for them, though other libraries' encoders keep their tables in them. Nothing of pandas' pickled state is
in the file: what may stand in a node is told by `_BUILDERS`, and a node is built from plain arrays and texts only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

LOADER = "PandasNode"
MODULE = "pandas"
_PARTS = ("array", "categories", "columns", "dtype", "index", "name", "ordered", "value")


def register() -> None:
    """Make skops write pandas' objects, where pandas is loaded, and read them. May be called again and again."""
    _register_reading()
    if MODULE in sys.modules:
        _register_writing()


@cache
def _register_reading() -> None:
    from skops.io._audit import NODE_TYPE_MAPPING, Node, get_tree
    from skops.io._protocol import PROTOCOL

    class PandasNode(Node):  # type: ignore[misc]
        """Builds one object with `_BUILDERS`, whatever the node says of itself."""

        def __init__(self, state: dict[str, Any], load_context: Any, trusted: Any = None) -> None:
            super().__init__(state, load_context, trusted)
            content = state["content"]
            self.parts = {
                name: get_tree(content[name], load_context, trusted=trusted) for name in _PARTS if name in content
            }
            self.children = {"content": self.parts}

        def _construct(self) -> Any:
            return _BUILDERS[self.class_name](**{name: part.construct() for name, part in self.parts.items()})

    NODE_TYPE_MAPPING[(LOADER, PROTOCOL)] = PandasNode


@cache
def _register_writing() -> None:
    import pandas as pd
    from skops.io._utils import _get_state, get_state

    def written(kind: str, parts: Callable[[Any], Mapping[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
        def write(value: Any, context: Any) -> dict[str, Any]:
            if not type(value).__module__.startswith(MODULE):
                return _unwritable(value, context)
            content = {name: get_state(part, context) for name, part in parts(value).items()}
            return {"__class__": kind, "__module__": MODULE, "__loader__": LOADER, "content": content}

        return write

    kinds: tuple[tuple[type, str, Callable[[Any], Mapping[str, Any]]], ...] = (
        (pd.Series, "Series", lambda each: {**_array(each.array), "index": each.index, "name": each.name}),
        (pd.DataFrame, "DataFrame", _frame),
        (pd.Index, "Index", lambda each: {**_array(each.array), "name": each.name}),
        (pd.Categorical, "Categorical", _array),
        (pd.CategoricalDtype, "CategoricalDtype", _categories),
        (pd.api.extensions.ExtensionDtype, "Dtype", lambda each: {"dtype": str(each)}),
        (pd.Timestamp, "Timestamp", lambda each: {"value": _moment(each)}),
        (type(pd.NA), "NA", lambda _: {}),
        (type(pd.NaT), "NaT", lambda _: {}),
    )
    for cls, kind, parts in kinds:
        _get_state.register(cls)(written(kind, parts))
    _get_state.register(pd.MultiIndex)(_unwritable)


def _unwritable(value: Any, context: Any) -> dict[str, Any]:
    del context
    raise TypeError(f"a {type(value).__module__}.{type(value).__name__} has no form without a pickle")


def _array(array: Any) -> dict[str, Any]:
    """The parts of an array of any of pandas' kinds. Raises TypeError for intervals, periods and the like."""
    import pandas as pd

    dtype = np.asarray(array).dtype if isinstance(array, pd.arrays.NumpyExtensionArray) else array.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {"array": np.asarray(array.codes), **_categories(dtype)}
    if isinstance(dtype, np.dtype) and dtype.kind in "biufOmM":
        values = np.asarray(array)
        return {"array": values.astype(np.int64) if dtype.kind in "mM" else values, "dtype": str(dtype)}
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {"array": array.asi8, "dtype": str(dtype)}
    if isinstance(dtype, pd.StringDtype) or str(dtype).lower().startswith(("int", "uint", "float", "boolean")):
        values = np.empty(len(array), object)
        values[:] = [None if gone else each for gone, each in zip(array.isna(), array.tolist(), strict=True)]
        return {"array": values, "dtype": str(dtype)}
    raise TypeError(f"a pandas array of {dtype} has no form without a pickle")


def _categories(dtype: Any) -> dict[str, Any]:
    return {"categories": dtype.categories, "ordered": dtype.ordered}


def _moment(stamp: Any) -> str:
    return str(stamp.isoformat())


def _frame(frame: Any) -> dict[str, Any]:
    """A frame as its columns, each an index of its own, and the whole's index."""
    import pandas as pd

    return {
        "array": [pd.Index(frame.iloc[:, place].array) for place in range(frame.shape[1])],
        "columns": frame.columns,
        "index": frame.index,
    }


def _build_array(array: Any, dtype: str | None = None, categories: Any = None, ordered: Any = None) -> Any:
    import pandas as pd

    if dtype is None:
        return pd.Categorical.from_codes(array, categories, ordered=bool(ordered))
    if not isinstance(array, np.ndarray) or not isinstance(dtype, str):
        raise ValueError("a pandas array is made of a NumPy array and the name of its dtype")
    if dtype.startswith(("datetime64", "timedelta64")):
        unit = dtype.partition("[")[2].rstrip("]").partition(",")[0]
        moments = array.astype(f"{dtype[: dtype.index('6')]}64[{unit}]")
        zone = dtype.partition(", ")[2].rstrip("]")
        index: Any = pd.DatetimeIndex(moments) if dtype.startswith("d") else pd.TimedeltaIndex(moments)
        return (index.tz_localize("UTC").tz_convert(zone) if zone else index).array
    if array.dtype == object and dtype != "object":
        return pd.array(array.tolist(), dtype=dtype)
    return array


def _series(index: Any, name: Any, **parts: Any) -> Any:
    import pandas as pd

    array = _build_array(**parts)
    return pd.Series(array, index=index, name=name, dtype=array.dtype)


def _index(name: Any, **parts: Any) -> Any:
    import pandas as pd

    array = _build_array(**parts)
    return pd.Index(array, name=name, dtype=array.dtype)


def _whole_frame(array: Any, columns: Any, index: Any) -> Any:
    import pandas as pd

    series = {place: pd.Series(each.array, index=index, dtype=each.dtype) for place, each in enumerate(array)}
    frame = pd.DataFrame(series, index=index)
    frame.columns = columns
    return frame


def _dtype(dtype: str) -> Any:
    import pandas as pd

    if not isinstance(dtype, str):
        raise ValueError("a dtype is named by a text")
    return pd.api.types.pandas_dtype(dtype)


def _categorical_dtype(categories: Any, ordered: Any) -> Any:
    import pandas as pd

    return pd.CategoricalDtype(categories, ordered)


def _timestamp(value: str) -> Any:
    import pandas as pd

    return pd.Timestamp(value)


def _only(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)


_BUILDERS: Mapping[str, Callable[..., Any]] = {
    "Categorical": _build_array,
    "CategoricalDtype": _categorical_dtype,
    "DataFrame": _whole_frame,
    "Dtype": _dtype,
    "Index": _index,
    "NA": lambda: _only("NA"),
    "NaT": lambda: _only("NaT"),
    "Series": _series,
    "Timestamp": _timestamp,
}

NAMES = frozenset(f"{MODULE}.{kind}" for kind in _BUILDERS)
"""What such a node may be called."""
