"""Seal a trained model into one package that holds all it needs and runs the same everywhere.

    import holdall

    holdall.pack(pipeline, name="churn", sample=X)
    model = holdall.load("churn")
    model.predict(X)

This module is the face: its verbs and nouns are loaded on first use, so that `import holdall` loads no framework.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from holdall.api import (
        batch,
        evaluate,
        export,
        history,
        load,
        open,
        pack,
        promote,
        rollback,
        scan,
        trace,
        verify,
        versions,
    )
    from holdall.errors import Error
    from holdall.scoring.model import Model
    from holdall.scoring.package import Package

__all__ = [
    "Error",
    "Model",
    "Package",
    "__version__",
    "batch",
    "evaluate",
    "export",
    "history",
    "load",
    "open",
    "pack",
    "promote",
    "rollback",
    "scan",
    "trace",
    "verify",
    "versions",
]


def __getattr__(name: str) -> Any:
    if name == "Error":
        from holdall.errors import Error

        return Error
    if name in __all__:
        import holdall.api

        return getattr(holdall.api, name)
    raise AttributeError(f"module 'holdall' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Face(ModuleType):
    """A verb and the folder that does it share a name: `holdall.batch` is the verb, also once the folder was imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
