"""Locking: requirements become exact versions with hashes, for every platform at once.

What is installed here is preferred: the environment in which the package's answers were proved is the one that is locked,
and an index with newer releases changes nothing. Locks are kept by what they were made from, so the same question is
answered once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from holdall.environments import pylock, requirements, uv
from holdall.environments.pylock import Lock
from holdall.errors import ManifestInvalid
from holdall.spec import canonical
from holdall.spec import digest as digests

_SECONDS = 20.0
_READ_TIMEOUT = 8
_PURPOSE = "locking the environment"
_SPELLING = 1  # of the lock, so that one kept by an older holdall is not taken for today's


def lock(requires: Iterable[str], python: str, kept: Path | None = None) -> bytes:
    """The lock of these requirements for the interpreters `python` ('>=3.11'): `pylock.toml` in holdall's spelling.

    kept: the folder in which locks are kept; None: it is made anew. Takes at most about 20 s, also without a network.
    Raises MissingDependency without uv, ResolverFailed with the reason.
    """
    wanted = sorted(set(requires))
    preferred = requirements.installed(wanted)
    place = None if kept is None else kept / f"{_key(wanted, python, preferred)}.toml"
    found = None if place is None else _kept(place)
    if found is not None:
        return found
    made = _resolve(wanted, python, preferred)
    if place is not None:
        with suppress(OSError):  # a folder that cannot be written costs a second the next time, nothing more
            _keep(place, made)
    return made


def addresses(lock: Lock) -> dict[str, str]:
    """Where the index has the lock's files now: name of the file → URL, or path where the index is a folder here.

    Raises as `lock`.
    """
    lines = [f"{one.name}=={one.version}" + (f" ; {one.marker}" if one.marker else "") for one in lock.packages]
    with tempfile.TemporaryDirectory(prefix="holdall-") as name:
        return pylock.addresses(_compile(lines, lock.python, {}, Path(name), "--no-deps"), Path(name))


def _resolve(wanted: list[str], python: str, preferred: Mapping[str, str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="holdall-") as name:
        text = _compile(wanted, python, preferred, Path(name))
    try:
        return pylock.canonical(text, python)
    except (ValueError, ManifestInvalid) as error:
        raise uv.ResolverFailed(f"{_PURPOSE} failed: {error}", hint="give each requirement by name") from None


def _compile(lines: list[str], python: str, preferred: Mapping[str, str], folder: Path, *options: str) -> str:
    """What uv writes for these requirements; `folder` is where it does."""
    least = python.removeprefix(">=").partition(",")[0]
    asked, answer = folder / "requirements.in", folder / "pylock.toml"
    asked.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    answer.write_text(_preferences(preferred), "utf-8")
    command = [
        *("pip", "compile", "--quiet", "--universal", "--python", sys.executable, "--python-version", least),
        *("--format", "pylock.toml", "--no-header", "--no-annotate", *options),
        *("--output-file", str(answer), str(asked)),
    ]
    try:
        _run(command)
    except uv.ResolverFailed:
        # What uv has learned before may be enough; if it is not, the first reason is the one to tell.
        with suppress(uv.ResolverFailed):
            _run([*command, "--offline"])
            return answer.read_text("utf-8")
        raise
    return answer.read_text("utf-8")


def _run(command: list[str]) -> None:
    uv.run(command, seconds=_SECONDS, read_timeout=_READ_TIMEOUT, purpose=_PURPOSE)


def _preferences(preferred: Mapping[str, str]) -> str:
    """A lock that uv finds where it is to write its own: versions in it are kept where they can be."""
    lines = ['lock-version = "1.0"', 'created-by = "holdall"', "packages = []" if not preferred else ""]
    for name, version in sorted(preferred.items()):
        lines += ["[[packages]]", f'name = "{name}"', f'version = "{version}"']
    return "\n".join(lines) + "\n"


def _key(wanted: list[str], python: str, preferred: Mapping[str, str]) -> str:
    question = {"spelling": _SPELLING, "requires": wanted, "python": python, "preferred": dict(preferred)}
    return digests.of(canonical.encode(question)).partition(":")[2]


def _kept(place: Path) -> bytes | None:
    try:
        data = place.read_bytes()
        pylock.decode(data)
    except (OSError, ManifestInvalid):
        return None
    return data


def _keep(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".", suffix=".part", delete=False) as file:
        pending = Path(file.name)
        try:
            file.write(data)
            file.close()
            pending.replace(place)
        finally:
            pending.unlink(missing_ok=True)
