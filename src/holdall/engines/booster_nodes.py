"""Boosters inside a skops file: each as the file that its own library writes, which is read and checked as such a file is.

skops would keep what a booster's pickle keeps, memory of its library's own that no one but the library can read; CatBoost's
differs from one writing to the next. So a node of a booster holds one file's bytes, and nothing else of it is believed.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

LOADER = "BoosterNode"
_FILE = "data"
_CATBOOST = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")


def register() -> None:
    """Make skops write boosters of what is loaded, and read them. May be called again and again."""
    _register_reading()
    for library, register_writing in _WRITING.items():
        if library in sys.modules:
            register_writing()


@cache
def _register_reading() -> None:
    from skops.io._audit import NODE_TYPE_MAPPING, Node, get_tree
    from skops.io._protocol import PROTOCOL

    class BoosterNode(Node):  # type: ignore[misc] # skops has no types
        """Opens one file with its library's loader in `_OPENERS`, whatever the node says of itself."""

        def __init__(self, state: dict[str, Any], load_context: Any, trusted: Any = None) -> None:
            super().__init__(state, load_context, trusted)
            self.children = {_FILE: get_tree(state["content"][_FILE], load_context, trusted=trusted)}

        def _construct(self) -> Any:
            data = self.children[_FILE].construct()
            if not isinstance(data, bytes):
                raise ValueError("a booster is made of the bytes of its file")
            return _OPENERS[f"{self.module_name}.{self.class_name}"](data)

    NODE_TYPE_MAPPING[(LOADER, PROTOCOL)] = BoosterNode


def _written(names: tuple[str, ...], saved: Callable[[Any], bytes]) -> Callable[[Any, Any], dict[str, Any]]:
    def write(value: Any, context: Any) -> dict[str, Any]:
        from skops.io._utils import get_state

        kind = type(value)
        if f"{kind.__module__}.{kind.__name__}" not in names:
            raise TypeError(f"a {kind.__module__}.{kind.__name__} has no form without a pickle")
        content = {_FILE: get_state(saved(value), context)}
        return {"__class__": kind.__name__, "__module__": kind.__module__, "__loader__": LOADER, "content": content}

    return write


@cache
def _write_xgboost() -> None:
    import xgboost
    from skops.io._utils import _get_state

    saved = lambda booster: bytes(booster.save_raw("ubj"))
    _get_state.register(xgboost.Booster)(_written(("xgboost.core.Booster",), saved))


@cache
def _write_lightgbm() -> None:
    import lightgbm
    from skops.io._utils import _get_state

    from holdall.engines.lightgbm_text import checked

    # Up to the iteration that it predicts with, and without what the model was trained with.
    saved = lambda booster: checked(booster.model_to_string().encode()).encode()
    _get_state.register(lightgbm.Booster)(_written(("lightgbm.basic.Booster",), saved))
    _get_state.register(lightgbm.LGBMModel)(_without_class_map)


def _without_class_map(value: Any, context: Any) -> dict[str, Any]:
    """A wrapper without what only its fitting asks for: a table by class, where skops takes False for True."""
    from skops.io._general import object_get_state

    kept = copy.copy(value)
    vars(kept).pop("_class_map", None)
    found: dict[str, Any] = object_get_state(kept, context)
    return found


@cache
def _write_catboost() -> None:
    import catboost
    from skops.io._utils import _get_state

    from holdall.engines.catboost import saved

    _get_state.register(catboost.CatBoost)(_written(tuple(f"catboost.core.{name}" for name in _CATBOOST), saved))


_WRITING: Mapping[str, Callable[[], None]] = {
    "catboost": _write_catboost,
    "lightgbm": _write_lightgbm,
    "xgboost": _write_xgboost,
}


def _open_xgboost(data: bytes) -> Any:
    from holdall.engines.xgboost import load

    return load(data, "its booster")


def _open_lightgbm(data: bytes) -> Any:
    from holdall.engines.lightgbm import load

    return load(data, "its booster")


def _open_catboost(name: str) -> Callable[[bytes], Any]:
    def open_model(data: bytes) -> Any:
        from holdall.engines.catboost import load

        return load(data, "its booster", name)

    return open_model


_OPENERS: Mapping[str, Callable[[bytes], Any]] = {
    "lightgbm.basic.Booster": _open_lightgbm,
    "xgboost.core.Booster": _open_xgboost,
    **{f"catboost.core.{name}": _open_catboost(name) for name in _CATBOOST},
}

NAMES = frozenset(_OPENERS)
"""What such a node may be called."""
