"""Trust: how much a package can do to whoever loads it, and how much they let it.

The level is computed from the bytes of the files and from which loader will open them, never from what the package says
of itself. The ceiling is set by the one who loads. What could not be looked into is not clean: it counts as a pickle.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from holdall.engines import wire
from holdall.engines.recognise import Format, recognise
from holdall.engines.skops import audit
from holdall.errors import PackageDamaged, TrustRequired, UnreadableFile, UsageError
from holdall.spec.digest import PATTERN
from holdall.spec.manifest import Manifest
from holdall.spec.steps import PYTHON


class Level(IntEnum):
    """DATA: numbers only. TYPES: objects of types on holdall's own list. CODE: code that came with the package, or types
    that holdall does not know. PICKLE: whatever its maker wanted."""

    DATA = 0
    TYPES = 1
    CODE = 2
    PICKLE = 3

    @property
    def word(self) -> str:
        """As the command line and JSON spell it."""
        return self.name.lower()


_DATA = {
    Format.ONNX,
    Format.XGBOOST_UBJ,
    Format.XGBOOST_JSON,
    Format.LIGHTGBM,
    Format.CATBOOST,
    Format.SAFETENSORS,
    Format.TOKENIZER,
    Format.TEXT,
}
_OPENS = {
    "catboost": {Format.CATBOOST},
    "lightgbm": {Format.LIGHTGBM},
    "onnx": {Format.ONNX},
    "skops": {Format.SKOPS},
    "text": {Format.ONNX, Format.TOKENIZER, Format.TEXT},
    "xgboost": {Format.XGBOOST_UBJ, Format.XGBOOST_JSON},
    PYTHON: {Format.TAR},
}
"""What each engine can open; every other file given to it cannot be judged by its format."""


@dataclass(frozen=True)
class Policy:
    """What a consumer wrote down: the ceiling, for these digests only, or for all where there are none."""

    trust: Level
    digests: frozenset[str] = frozenset()


def level_of(manifest: Manifest, read: Callable[[str], bytes]) -> tuple[Level, dict[str, str]]:
    """The package's level, and why for each file that is above DATA: path → reason.

    read: the verified bytes of a file of the package, by its path. Raises what it raises.
    """
    loaders: dict[str, set[str]] = {file.path: set() for file in manifest.files if file.role == "weight"}
    for step in manifest.steps:
        for path in step.files:
            loaders.setdefault(path, set()).add(step.engine)
    found: dict[str, tuple[Level, str]] = {path: file_level(read(path), engines) for path, engines in loaders.items()}
    for file in manifest.files:
        if file.role == "code":
            before = found.get(file.path, (Level.DATA, ""))
            found[file.path] = max(before, (Level.CODE, "it is code that runs when the package is loaded"))
    highest = max((level for level, _ in found.values()), default=Level.DATA)
    return highest, {path: reason for path, (level, reason) in sorted(found.items()) if level is not Level.DATA}


def file_level(data: bytes, engines: set[str]) -> tuple[Level, str]:
    """One file's level and why. engines: those that will open it; none: it only lies in the package."""
    form = recognise(data)
    if "pickle" in engines:
        return Level.PICKLE, "it is opened as a pickle"
    for engine in engines:
        if form not in _OPENS.get(engine, set()):
            return Level.PICKLE, f"it is opened as {engine} and is not: what it does is not known"
    if engines == {PYTHON}:
        return Level.CODE, "it is code that runs when the package is loaded, or what that code starts from"
    if form is Format.SKOPS:
        return _skops(data)
    if form is Format.ONNX:
        return _onnx(data)
    if form in _DATA:
        return Level.DATA, ""
    if form is Format.UNKNOWN:
        return Level.PICKLE, "its format is not known, so it could not be looked into"
    return Level.PICKLE, f"its format, {form.value}, can hold a pickle"


def ceiling(sealed_here: bool, trust: str | None = None, policy: Policy | None = None, digest: str = "") -> Level:
    """The highest level that is let in.

    CODE for a digest that this user sealed in this store, else TYPES; `trust` ('code' or 'pickle') and a policy that
    speaks of this digest raise it, and nothing lowers it. Raises UsageError for another word.
    """
    levels = [Level.CODE if sealed_here else Level.TYPES]
    if trust is not None:
        levels.append(parse(trust))
    if policy is not None and (not policy.digests or digest in policy.digests):
        levels.append(policy.trust)
    return max(levels)


def require(level: Level, let_in: Level, reasons: Mapping[str, str]) -> None:
    """Raises TrustRequired, naming the files and why, where `level` is above the ceiling `let_in`."""
    if level > let_in:
        raise TrustRequired(level.word, let_in.word, list(reasons), [f"{path}: {why}" for path, why in reasons.items()])


def parse(word: str) -> Level:
    """'code' or 'pickle' as a level. Raises UsageError for every other word."""
    levels = {level.word: level for level in (Level.CODE, Level.PICKLE)}
    if word not in levels:
        raise UsageError(f"{word!r} is not a trust level that can be given", hint="give `code` or `pickle`", trust=word)
    return levels[word]


def read_policy(path: Path) -> Policy:
    """A policy file, TOML or JSON: `trust = "code"` and, if it is for some packages only, `digests = ["sha256:…"]`.

    Raises UnreadableFile; a policy with a key that holdall does not know is refused, not half-obeyed.
    """
    try:
        text = path.read_text("utf-8")
        plain = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"the policy {path} cannot be read: {error}", path=str(path)) from None
    digests = plain.get("digests", [])
    if set(plain) - {"trust", "digests"} or not isinstance(plain.get("trust"), str) or not isinstance(digests, list):
        raise UnreadableFile(
            f"the policy {path} is not one", hint='write trust = "code" and digests = ["sha256:…"]', path=str(path)
        )
    if not all(isinstance(digest, str) and PATTERN.fullmatch(digest) for digest in digests):
        raise UnreadableFile(f"the policy {path} names a digest that is none", path=str(path))
    return Policy(parse(plain["trust"]), frozenset(digests))


def _skops(data: bytes) -> tuple[Level, str]:
    try:
        outside = audit(data).outside
    except PackageDamaged as error:
        return Level.PICKLE, f"it could not be looked into: {error.message}"
    if outside:
        return Level.CODE, f"types that holdall does not know: {', '.join(outside)}"
    return Level.TYPES, "types on holdall's own list"


def _onnx(data: bytes) -> tuple[Level, str]:
    try:
        if wire.has_external_tensors(data):
            return Level.CODE, "its numbers lie in other files, which it names by path"
    except ValueError as error:
        return Level.PICKLE, f"it could not be looked into: {error}"
    return Level.DATA, ""
