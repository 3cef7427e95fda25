"""`environment/pylock.toml`: a PEP 751 lock in holdall's one spelling.

Every file stands as `path = "wheels/<name>"` with its SHA-256 and no address: whoever realises it fetches by name, version
and hash from an index of their own, or takes the wheels that the package brings. No time, no tool's version, no comment:
the same packages and files are the same bytes.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.pylock import Pylock, PylockValidationError
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from holdall.environments.target import Target
from holdall.errors import ManifestInvalid

PATH = "environment/pylock.toml"
WHEELS = "wheels"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9._+!-]+")


@dataclass(frozen=True)
class Archive:
    """A wheel or a source distribution. name: of the file. size: in bytes, where the index told it."""

    name: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class Locked:
    """One package. marker: where it is needed; None: everywhere. sdist: only where there is no wheel at all."""

    name: str
    version: str
    marker: str | None
    wheels: tuple[Archive, ...]
    sdist: Archive | None = None

    def needed(self, environment: Mapping[str, str]) -> bool:
        """Whether the package is needed where markers have these values."""
        return self.marker is None or Marker(self.marker).evaluate(dict(environment))

    def fits(self, tags: Iterable[Tag]) -> bool:
        """Whether one of its files can be installed where wheels with these tags run."""
        known = frozenset(tags)
        return self.sdist is not None or any(not known.isdisjoint(_tags(wheel)) for wheel in self.wheels)

    def best(self, tags: Iterable[Tag]) -> Archive | None:
        """The wheel to install where wheels with these tags run, the best tag first; None where none runs there."""
        by_tag = {tag: wheel for wheel in reversed(self.wheels) for tag in _tags(wheel)}
        return next((by_tag[tag] for tag in tags if tag in by_tag), None)


@dataclass(frozen=True)
class Lock:
    """A whole lock. python: the specifier of the interpreters that it is for."""

    python: str
    packages: tuple[Locked, ...]

    def takes(self, python: str) -> bool:
        """Whether it is for this version of Python."""
        return SpecifierSet(self.python).contains(python, prereleases=True)

    def needed(self, target: Target) -> list[Locked]:
        """The packages that the target needs."""
        return [package for package in self.packages if package.needed(target.environment)]

    def built(self, target: Target) -> list[Locked]:
        """The packages that the target needs and that have no wheel at all."""
        return [package for package in self.needed(target) if package.sdist is not None]

    def met_by(self, files: Collection[str], target: Target) -> bool:
        """Whether these files, by name, are all that an interpreter like the target needs."""
        return self.takes(target.python) and all(
            replace(package, wheels=tuple(wheel for wheel in package.wheels if wheel.name in files)).best(
                target.tags or ()
            )
            for package in self.needed(target)
        )


def canonical(text: str, python: str) -> bytes:
    """The lock that a resolver wrote, in holdall's spelling, for the interpreters `python`.

    Raises ValueError for what has no place in a package: a package from an address, or without a SHA-256.
    """
    plain = tomllib.loads(text)
    packages = [_from_resolver(package) for package in plain.get("packages", ())]
    lock = Lock(python, tuple(sorted(packages, key=lambda one: (one.name, one.version, one.marker or ""))))
    data = encode(lock)
    if decode(data) != lock:
        raise ValueError("the lock does not read back as it was written")
    return data


def addresses(text: str, folder: Path) -> dict[str, str]:
    """Where the wheels of a resolver's lock are: name → URL, or path. folder: what its relative paths start from."""
    found = {}
    for package in tomllib.loads(text).get("packages", ()):
        for wheel in package.get("wheels", ()):
            place = wheel.get("url") or os.path.normpath(folder / wheel["path"])
            found[_name(wheel)] = place
    return found


def encode(lock: Lock) -> bytes:
    """The bytes of a lock. decode(encode(lock)) == lock."""
    lines = ['lock-version = "1.0"', f"requires-python = {_text(lock.python)}", 'created-by = "holdall"']
    if not lock.packages:
        lines.append("packages = []")
    for package in lock.packages:
        lines += ["", "[[packages]]", f"name = {_text(package.name)}", f"version = {_text(package.version)}"]
        if package.marker is not None:
            lines.append(f"marker = {_text(package.marker)}")
        if package.sdist is not None:
            lines.append(f"sdist = {_archive(package.sdist)}")
        if package.wheels:
            lines += ["wheels = [", *(f"    {_archive(wheel)}," for wheel in package.wheels), "]"]
    return ("\n".join(lines) + "\n").encode("utf-8")


def decode(data: bytes, path: str = PATH) -> Lock:
    """The lock in `data`. Raises ManifestInvalid for what is no PEP 751 lock, or not spelled as holdall spells it."""
    try:
        plain = tomllib.loads(data.decode("utf-8"))
        Pylock.from_dict(plain)
        SpecifierSet(plain["requires-python"])
        lock = Lock(plain["requires-python"], tuple(_read(package) for package in plain["packages"]))
        spelled = encode(lock)
    except (
        *(ValueError, KeyError, TypeError, AttributeError, RecursionError),
        *(PylockValidationError, InvalidMarker, InvalidSpecifier, InvalidWheelFilename),
    ) as error:
        raise ManifestInvalid(path, f"it is not a lock: {error}") from None
    if spelled != data:
        raise ManifestInvalid(path, "it is not spelled as holdall writes it")
    return lock


def _read(plain: Mapping[str, Any]) -> Locked:
    marker, sdist = plain.get("marker"), plain.get("sdist")
    package = Locked(
        name=plain["name"],
        version=plain["version"],
        marker=None if marker is None else str(Marker(marker)),
        wheels=tuple(_read_archive(wheel) for wheel in plain.get("wheels", ())),
        sdist=None if sdist is None else _read_archive(sdist),
    )
    _check(package)
    return package


def _read_archive(plain: Mapping[str, Any]) -> Archive:
    folder, _, name = plain["path"].partition("/")
    if folder != WHEELS or set(plain["hashes"]) != {"sha256"}:
        raise ValueError(f"{plain['path']!r} is not a hashed file of {WHEELS}/")
    return Archive(name, plain["hashes"]["sha256"], plain.get("size"))


def _from_resolver(plain: Mapping[str, Any]) -> Locked:
    name, version = canonicalize_name(plain["name"]), plain.get("version")
    if version is None or any(kind in plain for kind in ("vcs", "directory", "archive")):
        raise ValueError(f"{name} comes from an address, not from an index")
    wheels = tuple(sorted((_file(wheel, name) for wheel in plain.get("wheels", ())), key=lambda one: one.name))
    sdist = _file(plain["sdist"], name) if not wheels and "sdist" in plain else None
    marker = plain.get("marker")
    package = Locked(name, version, None if marker is None else str(Marker(marker)), wheels, sdist)
    _check(package)
    return package


def _file(plain: Mapping[str, Any], package: str) -> Archive:
    name = _name(plain)
    digest = plain.get("hashes", {}).get("sha256")
    if digest is None:
        raise ValueError(f"the index gives no SHA-256 of {package}'s file {name}")
    return Archive(name, digest.lower(), plain.get("size"))


def _name(plain: Mapping[str, Any]) -> str:
    place = plain.get("name") or plain.get("url") or plain.get("path") or ""
    return unquote(urlsplit(place).path).replace("\\", "/").rpartition("/")[2]


def _tags(wheel: Archive) -> frozenset[Tag]:
    return parse_wheel_filename(wheel.name)[3]


def _check(package: Locked) -> None:
    if package.name != canonicalize_name(package.name):
        raise ValueError(f"{package.name!r} is not the canonical spelling of a package's name")
    archives = [*package.wheels, *([package.sdist] if package.sdist is not None else [])]
    if not archives:
        raise ValueError(f"{package.name} has no file")
    for archive in archives:
        if not _FILE_NAME.fullmatch(archive.name) or not _SHA256.fullmatch(archive.sha256):
            raise ValueError(f"{archive.name!r} is not a plain name of a file, or its hash is none")
    for wheel in package.wheels:
        if canonicalize_name(parse_wheel_filename(wheel.name)[0]) != package.name:
            raise ValueError(f"{wheel.name} is not a wheel of {package.name}")


def _archive(archive: Archive) -> str:
    size = "" if archive.size is None else f"size = {archive.size}, "
    path = _text(f"{WHEELS}/{archive.name}")
    return f"{{ path = {path}, {size}hashes = {{ sha256 = {_text(archive.sha256)} }} }}"


def _text(text: str) -> str:
    """A TOML basic string."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError(f"{text!r} holds a control character")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
