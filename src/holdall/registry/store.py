"""The local store: the registry and the blobs in one folder, and the order in which both are written.

Blobs first, each safe on the disk before the next; then the row that names them. So whatever moment the process dies at,
what was acknowledged is whole and what was not acknowledged is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from holdall.content.package import Content, from_store
from holdall.content.seal import Referrer, Sealed
from holdall.content.store import FolderStore
from holdall.registry.local import LocalRegistry
from holdall.registry.records import VersionRecord
from holdall.spec.digest import Digest
from holdall.spec.reference import PackageReference


@dataclass(frozen=True)
class Kept:
    """A version that is in the store: its row and its content."""

    record: VersionRecord
    content: Content


class LocalStore:
    """The registry and the blob store in the folder `home`. A context manager; one for each thread."""

    def __init__(self, home: Path) -> None:
        self.registry = LocalRegistry(home)
        self.blobs = FolderStore(home)

    def __enter__(self) -> LocalStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.registry.close()

    def open(self, reference: PackageReference) -> Kept:
        """What the reference means now. Raises NotFound, BlobMissing, DigestMismatch, ManifestInvalid."""
        return self._kept(self.registry.resolve(reference))

    def newest_with(self, name: str, fingerprint: Digest) -> Kept | None:
        """The newest version of that name with this content, if it is still the newest of all; else None.

        Packing what was packed before gives the version there is, but only where nothing else came after it: going back
        to an older content is a new version.
        """
        newest = self.registry.newest(name)
        return self._kept(newest) if newest is not None and newest.fingerprint == fingerprint else None

    def seal(
        self, name: str, version: str | None, make: Callable[[str], tuple[VersionRecord, Sealed, Iterable[Referrer]]]
    ) -> Kept:
        """Seal and keep a version. make: from the version allotted to the row, the sealed bytes and what is attached.

        version: None takes the next patch version. Raises VersionExists, StorageFailed.
        """

        def keep(allotted: str) -> VersionRecord:
            record, sealed, referrers = make(allotted)
            self._put(sealed.blobs)
            for referrer in referrers:
                self.attach(sealed.digest, referrer)
            return record

        record = self.registry.add_next(name, keep) if version is None else self.registry.add(keep(version))
        return self._kept(record)

    def attach(self, subject: Digest, referrer: Referrer) -> None:
        """Keep something attached to a package."""
        self._put(referrer.blobs)
        self.registry.attach(subject, referrer.digest, _kind(referrer))

    def _put(self, blobs: Mapping[Digest, bytes]) -> None:
        for data in blobs.values():
            self.blobs.put(data)

    def _kept(self, record: VersionRecord) -> Kept:
        referrers = self.registry.referrers(record.digest)
        return Kept(record, from_store(self.blobs, record.digest, referrers))


def _kind(referrer: Referrer) -> str:
    kind: str = msgspec.json.decode(referrer.manifest)["artifactType"]
    return kind
