"""Does an interpreter have what a package needs? Each difference is named; nothing is installed or changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from holdall.environments import pylock
from holdall.environments.pylock import Lock
from holdall.environments.target import Target, here, of


class Difference(msgspec.Struct, frozen=True):
    """name: of a package, or 'python'. locked: the version, or the range of them, that is asked for.

    installed: the version there; None where there is none, or no file of the package runs there.
    """

    name: str
    locked: str
    installed: str | None


def differences(lock: bytes, interpreter: Path | None = None) -> list[Difference]:
    """Where an interpreter is not as the lock says, sorted by name; empty: it can run the package.

    interpreter: the path of a python; None: the present one. What is installed beyond the lock is no difference.
    Raises ManifestInvalid for what is no lock, UsageError for what is no python.
    """
    return compare(pylock.decode(lock), here() if interpreter is None else of(interpreter))


def compare(lock: Lock, target: Target) -> list[Difference]:
    """As `differences`; for a machine that is only described: the packages of which no file runs there."""
    found = [] if lock.takes(target.python) else [Difference("python", lock.python, target.python)]
    for package in lock.needed(target):
        if target.installed is None:
            if target.tags is not None and not package.fits(target.tags):
                found.append(Difference(package.name, package.version, None))
        else:
            there = target.installed.get(package.name)
            if there is None or not same_version(there, package.version):
                found.append(Difference(package.name, package.version, there))
    return sorted(found, key=lambda one: (one.name, one.locked))


def unlocked(python: str, requires: Iterable[str], target: Target) -> list[Difference]:
    """Where a target does not have what a package without a lock asks for; only what is asked for by name is looked at."""
    fits = SpecifierSet(python).contains(target.python, prereleases=True)
    found = [] if fits else [Difference("python", python, target.python)]
    for text in requires:
        requirement = Requirement(text)
        if target.installed is None or (
            requirement.marker and not requirement.marker.evaluate(dict(target.environment))
        ):
            continue
        there = target.installed.get(canonicalize_name(requirement.name))
        if there is None or not requirement.specifier.contains(there, prereleases=True):
            found.append(Difference(canonicalize_name(requirement.name), str(requirement.specifier) or "any", there))
    return sorted(found, key=lambda one: (one.name, one.locked))


def same_version(installed: str, locked: str) -> bool:
    """Whether they are one version; a build of its own (`2.13.0+cpu`) is the version that it was built from."""
    try:
        there, wanted = Version(installed), Version(locked)
    except InvalidVersion:
        return installed == locked
    return there == wanted or (wanted.local is None and there.public == wanted.public)
