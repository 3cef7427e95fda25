"""Contract suites that ship: inherit one to prove a framework or an engine, of this house or your own.

    from holdall.testing import FrameworkCase, FrameworkTests, Given

    class TestMine(FrameworkTests):
        framework = "mine"
        libraries = ("mine",)

        @classmethod
        def cases(cls):
            return [FrameworkCase("a classifier", make_classifier, task="classification")]

The suites run under pytest, which is needed only here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.testing.engines import EngineCase, EngineTests, Opening
    from holdall.testing.frameworks import FrameworkCase, FrameworkTests, Given, estimator_answers
    from holdall.testing.models import affine, constant

__all__ = [
    "EngineCase",
    "EngineTests",
    "FrameworkCase",
    "FrameworkTests",
    "Given",
    "Opening",
    "affine",
    "constant",
    "estimator_answers",
]

_HOMES = {
    "EngineCase": "holdall.testing.engines",
    "EngineTests": "holdall.testing.engines",
    "FrameworkCase": "holdall.testing.frameworks",
    "FrameworkTests": "holdall.testing.frameworks",
    "Given": "holdall.testing.frameworks",
    "Opening": "holdall.testing.engines",
    "affine": "holdall.testing.models",
    "constant": "holdall.testing.models",
    "estimator_answers": "holdall.testing.frameworks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from holdall.errors import MissingDependency

    try:
        import pytest
    except ModuleNotFoundError:
        raise MissingDependency("pytest", "pytest", "a suite of holdall.testing") from None
    # So that a failed assertion of a suite shows its values, as one of the test's own file does.
    pytest.register_assert_rewrite(*(home for home in sorted(set(_HOMES.values())) if not _loaded(home)))
    return getattr(import_module(_HOMES[name]), name)


def _loaded(module: str) -> bool:
    import sys

    return module in sys.modules
