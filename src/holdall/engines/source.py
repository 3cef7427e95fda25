"""`code.tar`: source and data files as one canonical tar. unpack(pack(files)) == files, and there is one spelling of it.

Members in the order of their names, regular files only, no time, no owner, one mode.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from holdall.errors import NotCanonical, UsageError

PATH = "code.tar"
MODE = 0o644


def pack(files: Mapping[str, bytes]) -> bytes:
    """The tar of these files, by path. Raises UsageError for a path that is no plain relative one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            if not is_plain(path):
                raise UsageError(f"{path!r} cannot travel with the package: it is no plain relative path")
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(files[path]), MODE, 0
            archive.addfile(member, io.BytesIO(files[path]))
    return buffer.getvalue()


def unpack(data: bytes, path: str = PATH) -> dict[str, bytes]:
    """The files in it. Raises NotCanonical for bytes that `pack` would not have written; links and the like are among them."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or not is_plain(member.name):
                    raise NotCanonical(path, f"{member.name!r} is no file with a plain relative path")
                files[member.name] = content.read()
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise NotCanonical(path, f"it is no tar: {error}") from None
    if pack(files) != data:
        raise NotCanonical(path, "its bytes are not the one form of its files")
    return files


def is_plain(path: str) -> bool:
    """Whether a path is relative, stays in its folder, and can be a file on every system."""
    parts = path.split("/")
    inside = all(part not in ("", ".", "..") for part in parts) and not PurePosixPath(path).is_absolute()
    return inside and path.isprintable() and not set('\\:*?"<>|') & set(path) and len(path) <= 240
