"""Which framework a live model is of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any

from holdall.errors import UnsupportedModel
from holdall.frameworks.framework import Framework

# By the top-level module of a class in the model's method resolution order. A framework's folder is imported only then.
FRAMEWORKS = {
    "holdall": "holdall.frameworks.python.framework",
    "catboost": "holdall.frameworks.catboost.framework",
    "keras": "holdall.frameworks.keras.framework",
    "lightgbm": "holdall.frameworks.lightgbm.framework",
    "onnx": "holdall.frameworks.onnx.framework",
    "sentence_transformers": "holdall.frameworks.transformers.framework",
    "sklearn": "holdall.frameworks.sklearn.framework",
    "statsmodels": "holdall.frameworks.statsmodels.framework",
    "torch": "holdall.frameworks.torch.framework",
    "transformers": "holdall.frameworks.transformers.framework",
    "xgboost": "holdall.frameworks.xgboost.framework",
}

GROUP = "holdall.frameworks"
"""The entry points of frameworks that other distributions bring: top-level module of the models = module of the framework."""


def find(model: Any) -> Framework:
    """The framework of a live model. Imports nothing but the framework's own folder. Raises UnsupportedModel."""
    for base in type(model).__mro__:
        top = base.__module__.partition(".")[0]
        module = FRAMEWORKS.get(top) or (None if top == "builtins" else _brought(tuple(sys.path)).get(top))
        if module is not None:
            framework: Framework = import_module(module).FRAMEWORK
            if framework.recognises(model):
                return framework
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if isinstance(model, Mapping) and any(
        type(part).__module__.partition(".")[0] == "torch" for part in model.values()
    ):
        raise UnsupportedModel(
            "these are weights without the program that they belong to",
            hint="give the module itself, after module.load_state_dict(these)",
            type=kind,
        )
    place = _inside(model)
    if place is not None:
        raise UnsupportedModel(
            f"a {kind.removeprefix('builtins.')} is not a model; the one in it is {place}",
            hint=f"pack that alone: holdall.pack(loaded{place}, …), or write it to a file of its own; what belongs to it, a "
            "threshold or names, into metadata= or a postprocess function",
            type=kind,
        )
    raise UnsupportedModel(
        f"a {kind} is not a model that holdall knows",
        hint="pack a fitted model, a pipeline, a function or an object with predict; docs/reference/coverage.md lists them",
        type=kind,
    )


def _inside(container: Any) -> str | None:
    """Where in a dictionary, list or tuple the only model lies: "['model']"; None where there is none, or several."""
    if not isinstance(container, dict | list | tuple):
        return None
    parts = container.items() if isinstance(container, dict) else enumerate(container)
    found = [f"[{key!r}]" for key, part in parts if callable(getattr(part, "predict", None))]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=4)
def _brought(path: tuple[str, ...]) -> Mapping[str, str]:  # noqa: ARG001 — where distributions are looked for
    """What other distributions say that they bring; nothing of them is imported."""
    return {point.name: point.value for point in metadata.entry_points(group=GROUP)}
