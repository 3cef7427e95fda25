"""onnxruntime for the browser: the two files of the npm package onnxruntime-web that a page needs.

They come from the user's own npm registry, or from a file that was fetched elsewhere; no node is needed. Whatever they came
from, they are the ones whose digests stand here.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from holdall.content.durable import make_folder, replace_file
from holdall.errors import Unavailable, UnreadableFile

VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""As the registry has it."""

SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
FILES = {
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The smallest build, on the processor alone; it has every operator that a package's graph may use."""

REGISTRY = "https://registry.npmjs.org/"
LARGEST = 128 << 20
PATIENCE = 60.0
"""Seconds that the registry may be silent."""

PAUSES = (0.5, 2.0)
"""Seconds before it is asked again."""

SERVER_FAILED = 500
"""HTTP statuses from here on are the server's own failure."""

Say = Callable[[str], None]


class RuntimeUnavailable(Unavailable):
    """onnxruntime-web is not at hand and cannot be fetched."""

    code = "runtime_unavailable"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"onnxruntime-web {VERSION} cannot be fetched from {address}: {why}",
            hint=f"where npm is reached `npm pack onnxruntime-web@{VERSION}`, "
            f"then add --runtime onnxruntime-web-{VERSION}.tgz; npm_config_registry names another registry",
            address=address,
        )


class Source(NamedTuple):
    """Where the runtime comes from. cache: the folder that keeps it; file: the npm package, where it was fetched already."""

    cache: Path
    registry: str
    file: Path | None = None


def find_registry(environ: Mapping[str, str]) -> str:
    """The npm registry that the user has chosen as npm itself reads it from the environment, else the public one."""
    return environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY") or REGISTRY


def runtime(source: Source, say: Say) -> dict[str, bytes]:
    """File name → bytes. Raises RuntimeUnavailable, UnreadableFile where the file that was given is another one."""
    folder = source.cache / "onnxruntime-web" / VERSION
    if source.file is None:
        kept = _kept(folder)
        if kept is not None:
            return kept
    files = _unpacked(_given(source.file) if source.file is not None else _fetched(source.registry, say))
    make_folder(folder, 0o755)
    for name, data in files.items():
        replace_file(folder, name, data, 0o644)
    return files


def _kept(folder: Path) -> dict[str, bytes] | None:
    """The files of an earlier export, if they are whole."""
    try:
        files = {name: (folder / name).read_bytes() for name in FILES}
    except OSError:
        return None
    return files if all(_sha256(files[name]) == digest for name, digest in FILES.items()) else None


def _given(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read: {error.strerror}", hint=f"`npm pack onnxruntime-web@{VERSION}` makes it"
        ) from None
    if _integrity(data) != INTEGRITY:
        raise UnreadableFile(
            f"{path} is not onnxruntime-web {VERSION} as it was published",
            hint=f"`npm pack onnxruntime-web@{VERSION}` makes that file",
            path=str(path),
            expected=INTEGRITY,
            actual=_integrity(data),
        )
    return data


def _fetched(registry: str, say: Say) -> bytes:
    address = f"{registry.rstrip('/')}/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
    if not address.startswith(("https://", "http://")):
        raise RuntimeUnavailable(address, "it is no address of the web")
    say(f"fetching onnxruntime-web {VERSION}, once")
    data = _read(address)
    if _integrity(data) != INTEGRITY:
        raise RuntimeUnavailable(address, f"what is there is another file ({_integrity(data)[:24]}…)")
    return data


def _read(address: str) -> bytes:
    """What is at the address. A registry that fails for a moment is asked again."""
    for pause in (*PAUSES, None):
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE) as response:  # noqa: S310 — the scheme was looked at
                return bytes(response.read(LARGEST + 1))
        except (OSError, ValueError) as error:
            passing = not isinstance(error, urllib.error.HTTPError) or error.code >= SERVER_FAILED
            if pause is None or not passing or isinstance(error, ValueError):
                raise RuntimeUnavailable(address, str(getattr(error, "reason", error))) from None
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _unpacked(package: bytes) -> dict[str, bytes]:
    """The files out of the npm package. Its digest was checked, so what it holds is known."""
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        found = {name: archive.extractfile(f"package/dist/{name}") for name in FILES}
        return {name: file.read() for name, file in found.items() if file is not None}


def _integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode("ascii")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
