"""Zip and tar archives taken apart in memory, within bounds, and whatever two readers could take differently.

Nothing is written anywhere. A zip names its members twice, once before each and once at its end; files that fool a scanner
let the two differ. Here every member must be the same in both, lie where it should, and hold what it says.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

RATIO = 200
FLOOR = 1 << 28
"""An archive may unpack to FLOOR bytes or RATIO times its own size, whichever is more."""
MOST = 100_000
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DRIVE = re.compile(r"[A-Za-z]:")
_DESCRIPTOR = 24
"""The most that may stand behind a member whose sizes are told only there."""


class Unreadable(Exception):
    """The archive cannot be taken apart."""


class Opened:
    """What came of an archive. members: name → bytes, links and folders left out; problems: in words."""

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}
        self.problems: dict[str, None] = {}


def name_problem(name: str) -> str | None:
    """Why this name would lead out of the folder that the archive is unpacked into, or None."""
    parts = name.replace("\\", "/").split("/")
    if not name or "\0" in name:
        return "has no name that a file can have"
    if name.startswith(("/", "\\")) or _DRIVE.match(name) or ".." in parts:
        return "would be written outside the folder that it is unpacked into"
    return None


def open_zip(data: bytes) -> Opened:
    """The members of a zip. Raises Unreadable."""
    opened = Opened()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries, start = archive.infolist(), archive.start_dir
    except Exception as error:  # noqa: BLE001 — a hostile zip makes zipfile raise what it likes
        raise Unreadable(f"it is no sound zip: {error}") from None
    if len(entries) > MOST:
        raise Unreadable(f"it has more than {MOST:,} members")
    limit = max(FLOOR, RATIO * len(data))
    if sum(entry.file_size for entry in entries) > limit:
        raise Unreadable(f"it unpacks to more than {limit:,} bytes")
    place = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        name = entry.orig_filename
        problem = name_problem(name)
        if problem:
            opened.problems[f"the member {name!r} {problem}"] = None
        if name in opened.members:
            opened.problems[f"the member {name!r} is there twice"] = None
        if stat.S_ISLNK(entry.external_attr >> 16):
            opened.problems[f"the member {name!r} is a link"] = None
        if entry.header_offset < place or entry.header_offset > place + _DESCRIPTOR:
            opened.problems[f"the bytes before the member {name!r} belong to none, or to two"] = None
        for why in _differences(data, entry):
            opened.problems[f"the member {name!r} {why}"] = None
        content, end = _content(data, entry, limit)
        place = end
        limit -= len(content)
        if zlib.crc32(content) != entry.CRC:
            opened.problems[
                f"the member {name!r} has another checksum than it says, which some readers do not look at"
            ] = None
        if not name.endswith("/"):
            opened.members[name] = content
    if start > place + _DESCRIPTOR and entries:
        opened.problems["there are bytes between its members and its list of them"] = None
    return opened


def _differences(data: bytes, entry: zipfile.ZipInfo) -> Iterator[str]:
    if entry.flag_bits & _ENCRYPTED:
        yield "is encrypted, so it cannot be looked into"
    head = data[entry.header_offset : entry.header_offset + _LOCAL.size]
    if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise Unreadable(f"the member {entry.orig_filename!r} is not where its list says")
    _, _, flags, method, _, _, _, compressed, size, length, _ = _LOCAL.unpack(head)
    place = entry.header_offset + _LOCAL.size
    name = data[place : place + length]
    encoding = "utf-8" if flags & 0x800 else "cp437"
    if name.decode(encoding, "replace") != entry.orig_filename:
        yield "has another name in front of it than in the list"
    if flags != entry.flag_bits or method != entry.compress_type:
        yield "is described in two ways"
    later = flags & 0x8
    if (
        not later
        and 0xFFFFFFFF not in (compressed, size)
        and (compressed, size) != (entry.compress_size, entry.file_size)
    ):
        yield "has two sizes"


def _content(data: bytes, entry: zipfile.ZipInfo, limit: int) -> tuple[bytes, int]:
    """The unpacked bytes, whatever the flags say, and where the member ends. Raises Unreadable."""
    head = _LOCAL.unpack(data[entry.header_offset : entry.header_offset + _LOCAL.size])
    start = entry.header_offset + _LOCAL.size + head[9] + head[10]
    end = start + entry.compress_size
    packed = data[start:end]
    if len(packed) != entry.compress_size:
        raise Unreadable(f"the member {entry.orig_filename!r} is cut off")
    if entry.compress_type == zipfile.ZIP_STORED:
        return packed, end
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise Unreadable(f"the member {entry.orig_filename!r} is compressed in a way that is not known")
    unpacker = zlib.decompressobj(-15)
    try:
        content = unpacker.decompress(packed, max(limit, 0) + 1)
    except zlib.error as error:
        raise Unreadable(f"the member {entry.orig_filename!r} is damaged: {error}") from None
    if len(content) > limit:
        raise Unreadable(f"the member {entry.orig_filename!r} unpacks to more than {limit:,} bytes")
    return content, end


def open_tar(data: bytes) -> Opened:
    """The members of an uncompressed tar. Raises Unreadable."""
    opened = Opened()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, entry in enumerate(archive):
                if count >= MOST:
                    raise Unreadable(f"it has more than {MOST:,} members")
                _take(archive, entry, opened)
    except (tarfile.TarError, ValueError, OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"it is no sound tar: {error}") from None
    return opened


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo, opened: Opened) -> None:
    problem = name_problem(entry.name)
    if problem:
        opened.problems[f"the member {entry.name!r} {problem}"] = None
    if entry.name in opened.members:
        opened.problems[f"the member {entry.name!r} is there twice"] = None
    if entry.issym() or entry.islnk():
        opened.problems[f"the member {entry.name!r} is a link to {entry.linkname!r}"] = None
    elif not (entry.isreg() or entry.isdir()):
        opened.problems[f"the member {entry.name!r} is neither a file nor a folder"] = None
    elif entry.isreg():
        # No longer than the archive itself, for a sparse member could say that it is.
        file = archive.extractfile(entry) if entry.sparse is None else None
        if file is None:
            opened.problems[f"the member {entry.name!r} has holes"] = None
        else:
            opened.members[entry.name] = file.read()
