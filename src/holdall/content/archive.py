"""The archive: a package and what is attached to it as one file, `NAME-VERSION.holdall`.

It is an uncompressed tar of the OCI layout in one fixed form, so that any tar and any OCI tool reads it, and so that
every one of its bytes is known beforehand: each header follows from the digests that come before it, each content from
its digest, `index.json` from the blobs. The reader makes all of that anew and compares, and takes nothing else; no
general tar reader, which would have to trust names, links and sizes, is involved.

    oci-layout, index.json, OCI manifest, config, holdall.json, files by path,
    then for each referrer, by digest: its OCI manifest, its config, what it carries; a blob that came before is left out
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from holdall.content import oci
from holdall.content.durable import pending, remove_stale, storing
from holdall.content.oci import Descriptor, ImageManifest
from holdall.content.package import Content, from_store
from holdall.content.reading import chunks_at, open_regular, read_at
from holdall.content.store import blob_path, check, checked
from holdall.errors import BlobMissing, ManifestInvalid, NotCanonical
from holdall.spec import canonical
from holdall.spec.digest import Digest

BLOCK = 512
_END = bytes(2 * BLOCK)


def write_archive(content: Content, path: Path) -> None:
    """Writes the package and its referrers to the file `path`, replacing what was there, whole or not at all.

    The same content gives the same bytes. Every blob is checked on its way; memory stays bounded.
    Raises BlobMissing, DigestMismatch, ManifestInvalid, StorageFailed; the file is then as it was before.
    """
    index = _index_of(content)
    remove_stale(path.parent)
    with pending(path.parent, 0o666) as file:
        for name, data in (("oci-layout", oci.LAYOUT_MARKER), ("index.json", index)):
            file.write(header(name, len(data)) + data + _padding(len(data)))
        for blob in content.reachable():
            file.write(header(blob_path(blob.digest), blob.size))
            for chunk in content.stream(blob):
                file.write(chunk)
            file.write(_padding(blob.size))
        file.write(_END)
        file.publish(path.name)


def open_archive(path: Path) -> Content:
    """The package in the file `path`, every byte of which was checked; reads from it later are checked again.

    The file stays open as long as the content is in use, so that replacing it changes nothing for the reader.
    Raises NotFound and StorageFailed for a file that cannot be read, and for every content that `write_archive` would not
    have written a PackageDamaged: NotCanonical, DigestMismatch or ManifestInvalid.
    """
    blobs = ArchiveSource(path)
    index, (package, *referrers) = blobs.scan()
    content = from_store(blobs, package.digest, [referrer.digest for referrer in referrers])
    if _index_of(content) != index:
        raise NotCanonical(str(path), "index.json does not say what the blobs say")
    return content


def header(name: str, size: int) -> bytes:
    """The ustar header of a regular file, with no owner, no time and one mode. Raises ValueError for what has none."""
    if len(name) > 100 or not name.isascii() or not 0 <= size <= oci.LARGEST_BLOB:
        raise ValueError(f"no header can state the name {name!r} and the size {size}")
    before = b"%s0000644\0%s%s%011o\0%011o\0" % (name.encode().ljust(100, b"\0"), b"0000000\0", b"0000000\0", size, 0)
    after = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" + b"0000000\0" + bytes(167)
    total = sum(before) + sum(after) + 8 * ord(" ")
    return before + b"%06o\0 " % total + after


class ArchiveSource:
    """The blobs of an archive, read from one open file. They are known once `scan` went through it."""

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        self._places: dict[Digest, tuple[int, int]] = {}
        self._offset = 0
        self._descriptor, self._end = open_regular(path)
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, digest: Digest) -> bytes:
        offset, size = self._place(digest)
        with storing(self._name):
            data = read_at(self._descriptor, offset, size)
        check(data, digest)
        return data

    def stream(self, digest: Digest) -> Iterator[bytes]:
        offset, size = self._place(digest)
        with storing(self._name):
            yield from checked(chunks_at(self._descriptor, offset, size), digest)

    def path(self, digest: Digest) -> Path | None:
        for _ in self.stream(digest):
            pass
        return None

    def size(self, digest: Digest) -> int:
        return self._place(digest)[1]

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._places

    def digests(self) -> Iterator[Digest]:
        return iter(sorted(self._places))

    def scan(self) -> tuple[bytes, tuple[Descriptor, ...]]:
        """Goes through the whole file and checks each header and each blob; memory stays bounded.

        Gives `index.json` and what it lists, at least one, of which only the digests were checked.
        """
        if self._file("oci-layout", len(oci.LAYOUT_MARKER)) != oci.LAYOUT_MARKER:
            raise self._refuse("it is not an OCI layout of a version that holdall reads")
        index = self._file("index.json", self._size_of_index())
        manifests = oci.decode_index(index, f"{self._name}: index.json").manifests
        if not manifests:
            raise ManifestInvalid(self._name, "index.json lists no package")
        if len(manifests) > 1 + oci.MOST_REFERRERS:
            raise ManifestInvalid(self._name, f"index.json lists more than {oci.MOST_REFERRERS} referrers")
        for listed in manifests:
            image = self._manifest(listed)
            for part in (image.config, *image.layers):
                self._blob(part)
        if self._end - self._offset != len(_END) or self._take(len(_END)) != _END:
            raise self._refuse("it does not end with two empty blocks and nothing after them")
        return index, manifests

    def _place(self, digest: Digest) -> tuple[int, int]:
        try:
            return self._places[digest]
        except KeyError:
            raise BlobMissing(digest) from None

    def _size_of_index(self) -> int:
        """The one size that nothing before has stated; the header that states it is compared like any other."""
        digits = self._peek(BLOCK)[124:135]
        if len(digits) != 11 or not all(digit in b"01234567" for digit in digits):
            raise self._refuse("the header of index.json states no size")
        size = int(digits, 8)
        if size > oci.LARGEST_INDEX:
            raise self._refuse(f"index.json has {size} bytes; at most {oci.LARGEST_INDEX} are read")
        return size

    def _manifest(self, listed: Descriptor) -> ImageManifest:
        if listed.size > oci.LARGEST_MANIFEST:
            raise ManifestInvalid(
                self._name, f"a manifest of {listed.size} bytes; at most {oci.LARGEST_MANIFEST} are read"
            )
        self._blob(listed)
        return oci.decode_manifest(self.read(listed.digest), listed.digest)

    def _blob(self, descriptor: Descriptor) -> None:
        """Passes over the blob, which comes next if it did not come before."""
        digest, size = descriptor.digest, descriptor.size
        if digest not in self._places:
            self._header(blob_path(digest), size)
            self._places[digest] = (self._offset, size)
            for _ in self.stream(digest):
                pass
            self._offset += size
            self._pad(size)
        elif self._places[digest][1] != size:
            raise ManifestInvalid(self._name, f"two sizes are stated of {digest}")

    def _file(self, name: str, size: int) -> bytes:
        self._header(name, size)
        data = self._take(size)
        self._pad(size)
        return data

    def _header(self, name: str, size: int) -> None:
        """What must come next. A size beyond the end is refused here, before anything is read or made room for."""
        if self._peek(BLOCK) != header(name, size):
            raise self._refuse(f"the header of {name} was expected")
        self._offset += BLOCK
        if size > self._end - self._offset:
            raise self._refuse(f"it ends within {name}")

    def _pad(self, size: int) -> None:
        padding = _padding(size)
        if self._take(len(padding)) != padding:
            raise self._refuse("what fills up a block is not zero")

    def _peek(self, size: int) -> bytes:
        with storing(self._name):
            return read_at(self._descriptor, self._offset, size)

    def _take(self, size: int) -> bytes:
        data = self._peek(size)
        self._offset += len(data)
        return data

    def _refuse(self, why: str) -> NotCanonical:
        return NotCanonical(self._name, why, self._offset)


def _index_of(content: Content) -> bytes:
    return canonical.encode(oci.index(content.listed()))


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)
