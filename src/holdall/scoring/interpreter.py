"""Which Python runs a package's own functions: the present one where it is as the lock says, else one made from the lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from holdall.engines.engine import Files
from holdall.environments import cache as caches
from holdall.environments.pylock import PATH, WHEELS
from holdall.spec.manifest import Manifest


def interpreter_for(manifest: Manifest, files: Files, cache: Path | None = None) -> str | None:
    """The path of that Python; None: the present one, also where the package has no lock.

    cache: the folder in which environments are kept; by default the user's. An environment is made once for each lock,
    from the wheels that the package brings or from the index that uv is set to.
    Raises ManifestInvalid, MissingDependency without uv, ResolverFailed, StorageFailed.
    """
    if not manifest.environment.locked:
        return None
    from holdall.environments.compare import differences
    from holdall.environments.realise import realise

    lock = files.read(PATH)
    if not differences(lock):
        return None
    folder = caches.environment(cache or caches.find_cache(os.environ), lock)
    with vendored(manifest, files) as wheels:
        return os.fspath(realise(lock, folder, wheels))


@contextmanager
def vendored(manifest: Manifest, files: Files) -> Iterator[Path | None]:
    """A folder of the wheels that the package brings, while it is needed; None where it brings none that suffice here."""
    paths = [file.path for file in manifest.files if file.path.startswith(f"{WHEELS}/")]
    if not paths or not _suffice({path.rpartition("/")[2] for path in paths}, files.read(PATH)):
        yield None
        return
    with TemporaryDirectory(prefix="holdall-") as folder:
        for path in paths:
            Path(folder, path.rpartition("/")[2]).write_bytes(files.read(path))
        yield Path(folder)


def _suffice(names: set[str], lock: bytes) -> bool:
    from holdall.environments.pylock import decode
    from holdall.environments.target import here

    return decode(lock).met_by(names, here())
