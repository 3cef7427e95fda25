"""What the package needs to run, from what was sealed and not from what happens to be imported.

A portable model needs the engine and nothing of its training, by range, so that it says the same wherever it was packed.
Everything that stays Python needs exactly the versions that it was proved with.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Iterable

from holdall.environments.requirements import distributions_of
from holdall.frameworks.framework import Artefact
from holdall.spec.environment import Environment

PYTHON = ">=3.11"
RUN = ("numpy>=2.0", "onnxruntime>=1.24")
_LOADERS = {
    "catboost": ("catboost",),
    "lightgbm": ("lightgbm",),
    "pickle": ("joblib", "sklearn"),
    "skops": ("skops", "sklearn"),
    "text": ("tokenizers",),
    "xgboost": ("xgboost",),
}
"""What an engine itself imports to open its files."""


def environment(needs: Iterable[str] = (), stated: Iterable[str] = ()) -> Environment:
    """The environment, not locked yet. needs: exact pins; stated: the user's own requirements, already checked.

    With a pin in it the python is the present minor version or later, the only one that the pins are known to exist for.
    """
    pins = {pin for pin in needs if "==" in pin}
    pinned = {pin.partition("==")[0] for pin in pins}
    ranges = {line for line in (*RUN, *needs) if line.partition(">=")[0] not in pinned}
    requires = tuple(sorted({*pins, *ranges, *stated}))
    exact = any("==" in line for line in requires)
    return Environment(python=f">={sys.version_info[0]}.{sys.version_info[1]}" if exact else PYTHON, requires=requires)


def needs_of(artefact: Artefact) -> tuple[str, ...]:
    """The pins of the distributions whose modules a native artefact names, and of what opens it; none for a graph."""
    names = set(_LOADERS.get(artefact.engine, ()))
    names.update(name for name in artefact.types if "." in name)
    if artefact.engine == "pickle":
        names.update(module for data in artefact.files.values() for module in pickled_modules(data))
    return distributions_of(names)


def pickled_modules(data: bytes) -> tuple[str, ...]:
    """The modules that a pickle names as it is read, sorted; nothing of it is run. Raises ValueError where it is none."""
    found: set[str] = set()
    memo: list[str | None] = []
    pushed: list[str | None] = []
    for code, argument, _ in pickletools.genops(data):
        match code.name:
            case "SHORT_BINUNICODE" | "BINUNICODE" | "BINUNICODE8":
                pushed.append(str(argument))
            case "MEMOIZE":
                memo.append(pushed[-1] if pushed else None)
            case "BINGET" | "LONG_BINGET":
                pushed.append(memo[argument] if isinstance(argument, int) and argument < len(memo) else None)
            case "STACK_GLOBAL":
                module = pushed[-2] if len(pushed) > 1 else None
                found.update([module] if module is not None else [])
                pushed = [None]
            case "GLOBAL":
                found.add(str(argument).partition(" ")[0])
            case "FRAME" | "PROTO":
                pass
            case _:
                pushed = [*pushed[-1:], None]
    return tuple(sorted(found))
