"""Stores: blobs by digest, and nothing else. A store knows no package, no name and no model.

What a store gives back was checked against its digest while it was read; what it takes, it has for good before it
answers. `BlobSource` is the half that reads, which an archive has too; `BlobStore` also writes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from holdall.content.durable import make_folder, opened_folder, pending, remove_stale, storing
from holdall.content.oci import LARGEST_BLOB
from holdall.content.reading import CHUNK, chunks_at, opened_below, read_at
from holdall.errors import BlobMissing, DigestMismatch, NotCanonical, NotFound
from holdall.spec import digest as digests
from holdall.spec.digest import Digest


class BlobSource(Protocol):
    """Blobs to read. Every method raises BlobMissing for what is not there and StorageFailed where the disk fails."""

    def read(self, digest: Digest) -> bytes:
        """The whole blob, checked. Raises DigestMismatch."""
        ...

    def stream(self, digest: Digest) -> Iterator[bytes]:
        """The blob in chunks. Raises DigestMismatch before the last chunk, so that nobody ever has all of a wrong one."""
        ...

    def path(self, digest: Digest) -> Path | None:
        """A file that holds exactly the blob, checked just now; None where the source has no such files."""
        ...

    def size(self, digest: Digest) -> int:
        """How many bytes the blob is said to have; not checked."""
        ...

    def __contains__(self, digest: Digest) -> bool: ...

    def digests(self) -> Iterator[Digest]:
        """Every blob's digest, sorted."""
        ...


class BlobStore(BlobSource, Protocol):
    """Blobs to read and write. Putting what is there already changes nothing."""

    def put(self, data: bytes) -> Digest:
        """Keeps these bytes. When it returns they are safe. Raises StorageFailed; then nothing was kept."""
        ...

    def put_stream(self, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        """As `put`, for bytes that need not fit in memory; also gives the size. What `chunks` raises goes through."""
        ...

    def holds(self, digest: Digest) -> bool:
        """Whether the blob is here, whole and for good, so that it need not be put. A damaged one is not."""
        ...


class MemoryStore:
    """Blobs in a dictionary: for tests, and for a package that was just sealed."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        digest = digests.of(data)
        self._blobs[digest] = bytes(data)
        return digest

    def put_stream(self, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        data = b"".join(chunks)
        return self.put(data), len(data)

    def holds(self, digest: Digest) -> bool:
        return digest in self

    def read(self, digest: Digest) -> bytes:
        try:
            return self._blobs[digest]
        except KeyError:
            raise BlobMissing(digest) from None

    def stream(self, digest: Digest) -> Iterator[bytes]:
        data = self.read(digest)
        for start in range(0, len(data), CHUNK):
            yield data[start : start + CHUNK]

    def path(self, digest: Digest) -> Path | None:
        self.read(digest)
        return None

    def size(self, digest: Digest) -> int:
        return len(self.read(digest))

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._blobs

    def digests(self) -> Iterator[Digest]:
        return iter(sorted(self._blobs))


class FolderSource:
    """The blobs of an OCI layout or a store, `root/blobs/sha256/<hex>`, for reading only.

    No link below `root` is followed. The folder may be a stranger's, so it has no `path`: between the check and the use
    of a file somebody else could change it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, digest: Digest) -> bytes:
        with self._opened(digest) as (descriptor, size):
            data = read_at(descriptor, 0, size)
        check(data, digest)
        return data

    def stream(self, digest: Digest) -> Iterator[bytes]:
        with self._opened(digest) as (descriptor, size):
            yield from checked(chunks_at(descriptor, 0, size), digest)

    def path(self, digest: Digest) -> Path | None:
        self._exhaust(digest)
        return None

    def size(self, digest: Digest) -> int:
        with self._opened(digest) as (_, size):
            return size

    def __contains__(self, digest: Digest) -> bool:
        try:
            self.size(digest)
        except BlobMissing:
            return False
        return True

    def digests(self) -> Iterator[Digest]:
        names: list[str] = []
        with storing(self.root), suppress(FileNotFoundError), opened_folder(self.root, "blobs", "sha256") as folder:
            names = [f"sha256:{name}" for name in os.listdir(folder)]
        return iter(sorted(Digest(name) for name in names if digests.PATTERN.fullmatch(name)))

    def _exhaust(self, digest: Digest) -> None:
        for _ in self.stream(digest):
            pass

    @contextmanager
    def _opened(self, digest: Digest) -> Iterator[tuple[int, int]]:
        """The open blob and its size."""
        name = digests.hexadecimal(digests.parse(digest))
        with ExitStack() as stack:
            try:
                descriptor, size = stack.enter_context(opened_below(self.root, "blobs", "sha256", name))
            except NotFound:
                raise BlobMissing(digest) from None
            if size > LARGEST_BLOB:
                raise NotCanonical(blob_path(digest), f"it has {size} bytes; a blob has at most {LARGEST_BLOB}")
            with storing(self.root / blob_path(digest)):
                yield descriptor, size


class FolderStore(FolderSource):
    """Blobs in a folder of one's own, `root/blobs/sha256/<hex>`.

    Nothing is made before the first `put`. Opening it removes what processes killed long ago left behind.
    shared: other users may read it, as the umask has it; otherwise nobody else can.
    """

    def __init__(self, root: Path, *, shared: bool = False) -> None:
        super().__init__(root)
        self._file_mode, self._folder_mode = (0o666, 0o777) if shared else (0o600, 0o700)
        remove_stale(root)

    def put(self, data: bytes) -> Digest:
        digest = digests.of(data)
        if not self.holds(digest):
            self.put_stream((data,))
        return digest

    def put_stream(self, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        make_folder(self.root / "blobs" / "sha256", self._folder_mode)
        hasher, size = hashlib.sha256(), 0
        with pending(self.root, self._file_mode) as file:
            for chunk in chunks:
                hasher.update(chunk)
                size += len(chunk)
                file.write(chunk)
            digest = Digest("sha256:" + hasher.hexdigest())
            if not self.holds(digest):
                file.publish(hasher.hexdigest(), "blobs", "sha256")
        return digest, size

    def path(self, digest: Digest) -> Path | None:
        self._exhaust(digest)
        return self.root / blob_path(digest)

    def holds(self, digest: Digest) -> bool:
        # It is flushed again, since whoever renamed it there may have been killed before coming to it.
        try:
            with self._opened(digest) as (descriptor, size):
                for _ in checked(chunks_at(descriptor, 0, size), digest):
                    pass
                os.fsync(descriptor)
                with opened_folder(self.root, "blobs", "sha256") as folder:
                    os.fsync(folder)
        except (BlobMissing, DigestMismatch, NotCanonical):
            return False
        return True


def blob_path(digest: Digest) -> str:
    """Where a layout keeps that blob, relative to its root."""
    return f"blobs/sha256/{digests.hexadecimal(digest)}"


def check(data: bytes, digest: Digest) -> None:
    """Nothing, if these are the bytes of that digest; else DigestMismatch."""
    actual = digests.of(data)
    if actual != digest:
        raise DigestMismatch(blob_path(digest), digest, actual)


def checked(chunks: Iterable[bytes], digest: Digest) -> Iterator[bytes]:
    """`chunks`, the last of them held back until the digest of all agrees; else DigestMismatch."""
    hasher, held = hashlib.sha256(), b""
    for chunk in chunks:
        hasher.update(chunk)
        if held:
            yield held
        held = chunk
    actual = "sha256:" + hasher.hexdigest()
    if actual != digest:
        raise DigestMismatch(blob_path(digest), digest, actual)
    if held:
        yield held
