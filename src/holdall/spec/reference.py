"""References: how a person names a package, and the one grammar for it.

    churn                     newest version (highest SemVer, no pre-release)
    churn:1.3.0               that version
    churn@production          what the alias points to now
    churn@sha256:…            that digest
    ./churn-1.3.0.holdall     a file or folder: only with ./ ../ / ~ in front, or a regular file ending in .holdall
    oci://host[:port]/repo[:tag|@digest]
    holdall://host[:port]/churn…

A folder named `churn` never hijacks `churn`.
"""

from __future__ import annotations

import re
from functools import total_ordering
from pathlib import Path

import msgspec

from holdall.errors import InvalidName, InvalidReference, InvalidVersion
from holdall.spec import digest as digests
from holdall.spec.digest import Digest

_COMPONENT = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,62}")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?", re.ASCII)
NAME_LENGTH = 128
VERSION_LENGTH = 128


def check_name(name: str) -> str:
    """`name`, if it is one. Raises InvalidName."""
    if len(name) > NAME_LENGTH:
        raise InvalidName(name, f"longer than {NAME_LENGTH} characters")
    if not _NAME.fullmatch(name):
        raise InvalidName(name, "it must match [a-z0-9]+([._-][a-z0-9]+)*, with / between namespace parts")
    return name


def check_alias(alias: str) -> str:
    """`alias`, if it is one. Raises InvalidName."""
    if alias == "sha256" or not _ALIAS.fullmatch(alias):
        raise InvalidName(alias, "an alias is [a-z][a-z0-9-]{0,62} and not 'sha256'")
    return alias


@total_ordering
class Version(msgspec.Struct, frozen=True, eq=True):
    """A SemVer 2.0.0 version without build metadata; ordered by SemVer precedence (§11)."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """Raises InvalidVersion."""
        if len(text) > VERSION_LENGTH:
            raise InvalidVersion(text[:40] + "…", f"longer than {VERSION_LENGTH} characters")
        match = _VERSION.fullmatch(text)
        if match is None:
            why = "build metadata ('+…') is not allowed" if "+" in text else "it must be MAJOR.MINOR.PATCH[-PRE]"
            raise InvalidVersion(text, why)
        major, minor, patch, pre = match.groups()
        return cls(int(major), int(minor), int(patch), tuple(pre.split(".")) if pre else ())

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(self.pre)}" if self.pre else core

    def _precedence(self) -> tuple[object, ...]:
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, pre)

    def __lt__(self, other: Version) -> bool:
        return self._precedence() < other._precedence()

    def next_patch(self) -> Version:
        """The version taken when none is given: 1.2.3 → 1.2.4; a pre-release 1.2.3-rc.1 → 1.2.3."""
        return Version(self.major, self.minor, self.patch + (0 if self.pre else 1))


class PackageReference(msgspec.Struct, frozen=True):
    """A package by name: at most one of version, alias and digest; none of them means the newest version."""

    name: str
    version: str | None = None
    alias: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}:{self.version}"
        if self.alias is not None:
            return f"{self.name}@{self.alias}"
        if self.digest is not None:
            return f"{self.name}@{self.digest}"
        return self.name


class PathReference(msgspec.Struct, frozen=True):
    """A `.holdall` file or an OCI layout folder."""

    path: Path

    def __str__(self) -> str:
        text = str(self.path)
        return text if text.startswith(("/", "../")) or text in (".", "..") else f"./{text}"


class RemoteReference(msgspec.Struct, frozen=True):
    """A package in a registry: `scheme` is 'oci' (any OCI registry) or 'holdall' (a holdall registry).

    An alias in a holdall registry is the tag '@' + alias.
    """

    scheme: str
    host: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        tag = self.tag or ""
        suffix = tag if tag.startswith("@") else f":{tag}" if tag else f"@{self.digest}" if self.digest else ""
        return f"{self.scheme}://{self.host}/{self.repository}{suffix}"


Reference = PackageReference | PathReference | RemoteReference

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_REMOTE = re.compile(rf"(oci|holdall)://({_HOST})/([^:@]+)(?::([A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})|@(.+))?")


def parse(text: str) -> Reference:
    """The reference that `text` is. Looks at the file system only for a word ending in `.holdall`.

    Raises InvalidReference, InvalidName or InvalidVersion.
    """
    if not text or "\x00" in text:
        raise InvalidReference(text, "it is empty or holds a NUL")
    if text.startswith(("./", "../", "/")) or text in (".", ".."):
        return PathReference(Path(text))
    if text.startswith("~"):
        return PathReference(_expand(text))
    if "://" in text:
        return _parse_remote(text)
    if text.endswith(".holdall") and Path(text).is_file():
        return PathReference(Path(text))
    return parse_package(text)


def parse_package(text: str) -> PackageReference:
    """A reference by name only; never looks at the file system."""
    name, at, after = text.partition("@")
    if at:
        check_name(name)
        if after.startswith("sha256:"):
            return PackageReference(name, digest=digests.parse(after))
        return PackageReference(name, alias=check_alias(after))
    name, colon, version = text.partition(":")
    check_name(name)
    if colon:
        return PackageReference(name, version=str(Version.parse(version)))
    return PackageReference(name)


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InvalidReference(text, "there is no such user") from None


def _parse_remote(text: str) -> RemoteReference:
    match = _REMOTE.fullmatch(text)
    if match is None:
        raise InvalidReference(text, "a remote one is oci://HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]")
    scheme, host, repository, tag, after = match.groups()
    check_name(repository)
    if after is None:
        return RemoteReference(scheme, host, repository, tag)
    if scheme == "holdall" and not after.startswith("sha256:"):
        return RemoteReference(scheme, host, repository, "@" + check_alias(after))
    return RemoteReference(scheme, host, repository, None, digests.parse(after))
