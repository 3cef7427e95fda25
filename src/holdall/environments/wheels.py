"""The wheels of a lock, fetched to travel with the package: for machines that reach no index.

Only those for one interpreter on one kind of machine, the one that packs. Each is held against the lock's hash.
"""

from __future__ import annotations

import hashlib
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

from holdall.environments import lock as locking
from holdall.environments.pylock import Archive, Lock
from holdall.environments.target import Target
from holdall.environments.uv import ResolverFailed

_AT_ONCE = 4
_READ_TIMEOUT = 30
_LARGEST = 1 << 33


def fetch(lock: Lock, target: Target) -> dict[str, bytes]:
    """Name of the wheel → its bytes, one for each package that the target needs.

    Raises ResolverFailed where a package has no wheel for the target, or one cannot be had or is not what was locked;
    MissingDependency without uv.
    """
    chosen = []
    for package in lock.needed(target):
        wheel = package.best(target.tags or ())
        if wheel is None:
            raise ResolverFailed(
                f"{package.name} {package.version} has no wheel that runs here",
                hint="leave --wheels out; the environment is locked with their hashes",
            )
        chosen.append(wheel)
    places = locking.addresses(lock)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(pool.map(lambda wheel: (wheel.name, _read(wheel, places.get(wheel.name))), chosen))


def _read(wheel: Archive, place: str | None) -> bytes:
    if place is None:
        raise _failed(wheel, "the index does not list it any more")
    try:
        data = _download(place) if urlsplit(place).scheme in ("http", "https") else _local(place).read_bytes()
    except (OSError, ValueError, urllib.error.URLError, ssl.SSLError) as error:
        raise _failed(wheel, str(error)) from None
    if hashlib.sha256(data).hexdigest() != wheel.sha256:
        raise _failed(wheel, "its bytes are not those that were locked")
    return data


def _download(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=_READ_TIMEOUT) as answer:  # noqa: S310 — http or https, as checked
        data: bytes = answer.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    return data


def _local(place: str) -> Path:
    return Path(unquote(urlsplit(place).path)) if place.startswith("file:") else Path(place)


def _failed(wheel: Archive, why: str) -> ResolverFailed:
    return ResolverFailed(f"the wheel {wheel.name} cannot be had: {why}", hint="run it where the index can be reached")
