"""What a package needs to run, as requirements: found from the names that are imported, and from what the user says.

Pins are public versions: what a build is called beyond that (`2.13.0+cpu`) is a fact of the machine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from holdall.errors import UsageError


def distributions_of(import_names: Iterable[str]) -> tuple[str, ...]:
    """The pins `name==version` of the distributions installed here that hold these modules, sorted.

    import_names: 'pandas', 'google.cloud.storage' … Left out are the standard library, editable installs, and modules
    that belong to no distribution: those are the caller's own, and travel as source.
    """
    wanted = {name for name in import_names if name.partition(".")[0] not in sys.stdlib_module_names}
    if not wanted:
        return ()
    holders = metadata.packages_distributions()
    found: set[str] = set()
    for name in wanted:
        candidates = sorted(set(holders.get(name.partition(".")[0], ())))
        found.update(candidates if len(candidates) < 2 else _narrowed(name, candidates))
    return tuple(sorted({_pin(name) for name in found if not _editable(name)}))


def checked(requirements: Iterable[str]) -> tuple[str, ...]:
    """The user's requirements in one spelling, sorted, each once. Raises UsageError with the line to write instead."""
    return tuple(sorted({_checked(text) for text in requirements}))


def installed(requirements: Iterable[str]) -> dict[str, str]:
    """What of these requirements, and of what they need in turn, is installed here: canonical name → public version."""
    environment: dict[str, str] = {"extra": ""}
    found: dict[str, str] = {}
    pending = [Requirement(text) for text in requirements]
    visited: set[tuple[str, str]] = set()
    while pending:
        requirement = pending.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        name = canonicalize_name(requirement.name)
        try:
            distribution = metadata.distribution(requirement.name)
            found[name] = public(distribution.version)
        except (metadata.PackageNotFoundError, InvalidVersion):
            continue
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in visited:
                visited.add((name, extra))
                pending += _needs(distribution, extra)
    return found


def public(version: str) -> str:
    """A version without its local part: '2.13.0' of '2.13.0+cpu'. Raises packaging's InvalidVersion."""
    return Version(version).public


def _needs(distribution: metadata.Distribution, extra: str) -> list[Requirement]:
    needed = []
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirement.marker = None
            needed.append(requirement)
    return needed


def _checked(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        raise UsageError(
            f"{text!r} is not a requirement: {why}",
            hint=f"write {_suggestion(text)!r}",
            requirement=text,
        ) from None
    if requirement.url is not None:
        raise UsageError(
            f"{text!r} names an address, and a package names none: it is run where that may not be reached",
            hint=f"write {_suggestion(requirement.name)!r}, and give its wheel by an index",
            requirement=text,
        )
    return str(requirement)


def _suggestion(text: str) -> str:
    """A requirement that the user may have meant: the name at its start, with the version that is installed here."""
    name = ""
    for character in text.strip():
        if not (character.isascii() and (character.isalnum() or character in "._-")):
            break
        name += character
    name = name.rstrip("._-")
    if not name[:1].isalnum():
        name = "pandas"
    try:
        return f"{name}=={public(metadata.version(name))}"
    except (metadata.PackageNotFoundError, InvalidVersion):
        return f"{name}>=1.0"


def _narrowed(name: str, candidates: list[str]) -> list[str]:
    """Of distributions that share a top-level name, as `google` is shared, those that hold this very module."""
    held = {one: {str(file) for file in metadata.distribution(one).files or ()} for one in candidates}
    parts = name.split(".")
    for length in range(len(parts), 0, -1):  # the last parts may be names within a module
        path = PurePosixPath(*parts[:length])
        modules = {f"{path}.py", f"{path}/__init__.py"}
        exact = [one for one in candidates if not modules.isdisjoint(held[one])]
        if exact:
            return exact
    return candidates


def _editable(name: str) -> bool:
    text = metadata.distribution(name).read_text("direct_url.json")
    if text is None:
        return False
    plain: Mapping[str, Mapping[str, object]] = json.loads(text)
    return bool(plain.get("dir_info", {}).get("editable"))


def _pin(name: str) -> str:
    return f"{canonicalize_name(name)}=={public(metadata.version(name))}"
