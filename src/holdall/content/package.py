"""Content: a package opened for reading, whatever it lies in.

Opening reads the OCI manifest, the config and `holdall.json`, and holds them against each other: the first two are made
anew from the third and must be the same bytes. Everything else is read when asked for, and checked each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec

from holdall.content import media, oci
from holdall.content.oci import Descriptor, ImageManifest
from holdall.content.seal import Layer, frame
from holdall.content.store import BlobSource, BlobStore
from holdall.errors import DigestMismatch, Error, ManifestInvalid, NotFound
from holdall.spec import manifest as manifests
from holdall.spec.digest import Digest
from holdall.spec.manifest import Manifest
from holdall.spec.report import Entry


class Blob(msgspec.Struct, frozen=True):
    """A blob that belongs to a package. name: the file's path, or what it is, for a person to read. size: in bytes."""

    name: str
    digest: Digest
    size: int


class Attached(msgspec.Struct, frozen=True):
    """A referrer. digest: of its OCI manifest; media_type, payload, size: of what it carries."""

    artifact_type: str
    digest: Digest
    media_type: str
    annotations: dict[str, str]
    payload: Digest
    size: int


class Content:
    """A package: its digest, its manifest, its files, what is attached to it.

    descriptor: of the OCI manifest, the subject of referrers. Made by `from_store`, `open_archive`, `open_layout`.
    """

    def __init__(self, source: BlobSource, digest: Digest, referrers: Sequence[Digest] = ()) -> None:
        self._source = source
        self._referrers = tuple(sorted(set(referrers)))
        if len(self._referrers) > oci.MOST_REFERRERS:
            raise ManifestInvalid(digest, f"more than {oci.MOST_REFERRERS} referrers are attached to it")
        self.digest = digest
        raw = self._read_manifest("the OCI manifest", digest)
        self.descriptor = oci.describe(raw, media.IMAGE_MANIFEST)
        image = oci.decode_manifest(raw, digest)
        if not image.layers or image.layers[0].annotations.get(media.FILE_PATH) != manifests.PATH:
            raise ManifestInvalid(digest, f"it is not a holdall package: its first layer is not {manifests.PATH}")
        document = self._read(_blob(manifests.PATH, image.layers[0]), oci.LARGEST_HOLDALL_JSON)
        self.manifest: Manifest = manifests.decode(document)
        try:
            built = frame(self.manifest)
        except ValueError as error:
            raise ManifestInvalid(manifests.PATH, str(error)) from None
        self.layers: tuple[Layer, ...] = built.layers
        self._config = _blob("the config", image.config)
        if built.manifest != raw:
            raise ManifestInvalid(digest, f"the OCI manifest is not the one that follows from {manifests.PATH}")
        if self._read(self._config, oci.LARGEST_MANIFEST) != built.config:
            raise ManifestInvalid(digest, f"the config is not the one that follows from {manifests.PATH}")

    @cached_property
    def _layers_by_path(self) -> dict[str, Layer]:
        return {layer.path: layer for layer in self.layers}

    def layer(self, path: str) -> Layer:
        """The file of that path. Raises NotFound."""
        try:
            return self._layers_by_path[path]
        except KeyError:
            raise NotFound(
                f"the package holds no file {path!r}", hint="`holdall show REF` lists its files", path=path
            ) from None

    def read(self, path: str) -> bytes:
        """The file's bytes, checked now. Raises NotFound, BlobMissing, DigestMismatch, StorageFailed."""
        layer = self.layer(path)
        return self._read(Blob(layer.path, layer.digest, layer.size), oci.LARGEST_BLOB)

    def file(self, path: str) -> Path | None:
        """A file on disk with these bytes, checked now, or None where only `read` gives them. Raises as `read`."""
        layer = self.layer(path)
        with _named(layer.path):
            self._check_size(Blob(layer.path, layer.digest, layer.size))
            return self._source.path(layer.digest)

    def referrers(self) -> tuple[Attached, ...]:
        """What is attached to the package, sorted by digest. Raises BlobMissing, DigestMismatch, ManifestInvalid."""
        return tuple(_attached(digest, self._referrer(digest)) for digest in self._referrers)

    def payload(self, attached: Attached) -> bytes:
        """What that referrer carries, checked now. Raises BlobMissing, DigestMismatch, StorageFailed."""
        return self._read(Blob(attached.artifact_type, attached.payload, attached.size), oci.LARGEST_BLOB)

    def listed(self) -> tuple[Descriptor, ...]:
        """How an index lists the package, by its version, and then its referrers."""
        package = msgspec.structs.replace(
            self.descriptor,
            artifact_type=media.MODEL_MANIFEST,
            annotations={media.REFERENCE_NAME: self.manifest.release.version},
        )
        return (package, *(self._listed_referrer(digest) for digest in self._referrers))

    def reachable(self) -> tuple[Blob, ...]:
        """Every blob that the package needs, each once: manifest, config, files, then each referrer with its own.

        This is the order of an archive. Raises as `referrers`.
        """
        blobs = list(self._own())
        for digest in self._referrers:
            blobs.extend(self._blobs_of_referrer(digest))
        return tuple(_once(blobs))

    def blobs(self) -> Iterator[tuple[Digest, bytes]]:
        """Every blob of `reachable`, one after the other, checked."""
        for blob in self.reachable():
            yield blob.digest, self._read(blob, oci.LARGEST_BLOB)

    def stream(self, blob: Blob) -> Iterator[bytes]:
        """That blob in chunks. Raises DigestMismatch before the last one, and ManifestInvalid if its size is not as stated."""
        with _named(blob.name):
            self._check_size(blob)
            yield from self._source.stream(blob.digest)

    def verify(self) -> tuple[Entry, ...]:
        """Reads every blob and gives an entry for each that is missing, damaged or unreadable: none means whole."""
        failures: list[Entry] = []
        blobs = list(self._own())
        for digest in self._referrers:
            try:
                blobs.extend(self._blobs_of_referrer(digest))
            except Error as error:
                failures.append(_failure(f"referrer {digest}", error))
        for blob in _once(blobs):
            try:
                for _ in self.stream(blob):
                    pass
            except Error as error:
                failures.append(_failure(blob.name, error))
        return tuple(failures)

    def _own(self) -> Iterator[Blob]:
        yield Blob("the OCI manifest", self.digest, self.descriptor.size)
        yield self._config
        for layer in self.layers:
            yield Blob(layer.path, layer.digest, layer.size)

    def _referrer(self, digest: Digest) -> ImageManifest:
        image = oci.decode_manifest(self._read_manifest(f"referrer {digest}", digest), digest)
        if image.subject is None or image.subject.digest != self.digest:
            raise ManifestInvalid(digest, f"it is not attached to {self.digest}")
        return image

    def _blobs_of_referrer(self, digest: Digest) -> tuple[Blob, ...]:
        image = self._referrer(digest)
        return (
            Blob(f"referrer {digest}", digest, self._source.size(digest)),
            *(_blob(image.kind, part) for part in (image.config, *image.layers)),
        )

    def _listed_referrer(self, digest: Digest) -> Descriptor:
        image = self._referrer(digest)
        return Descriptor(
            media_type=image.media_type,
            digest=digest,
            size=self._source.size(digest),
            artifact_type=image.kind,
            annotations=image.annotations,
        )

    def _read_manifest(self, name: str, digest: Digest) -> bytes:
        """The one kind of blob of which nobody has stated the size yet."""
        return self._read(Blob(name, digest, self._source.size(digest)), oci.LARGEST_MANIFEST)

    def _read(self, blob: Blob, largest: int) -> bytes:
        if blob.size > largest:
            raise ManifestInvalid(blob.name, f"it has {blob.size} bytes; at most {largest} are read there")
        with _named(blob.name):
            self._check_size(blob)
            return self._source.read(blob.digest)

    def _check_size(self, blob: Blob) -> None:
        """Tells a cut blob from a manifest that lies about its size, before anything of that size is read at once."""
        found = self._source.size(blob.digest)
        if found != blob.size:
            for _ in self._source.stream(blob.digest):
                pass
            raise ManifestInvalid(blob.name, f"it has {found} bytes, and {blob.size} are stated")


def from_store(store: BlobSource, digest: Digest, referrers: Sequence[Digest] = ()) -> Content:
    """The package of that digest in a store, with these referrers, which are read when they are asked for.

    Raises BlobMissing, DigestMismatch, ManifestInvalid, StorageFailed.
    """
    return Content(store, digest, referrers)


def keep(content: Content, store: BlobStore) -> None:
    """Puts the package and its referrers into a store; only what it lacks is read. The package's own manifest comes last.

    Raises BlobMissing, DigestMismatch, ManifestInvalid, StorageFailed.
    """
    for blob in reversed(content.reachable()):
        if not store.holds(blob.digest):
            store.put_stream(content.stream(blob))


@contextmanager
def _named(name: str) -> Iterator[None]:
    """A store knows a damaged blob by its digest only; a person wants to know which file it is."""
    try:
        yield
    except DigestMismatch as error:
        raise DigestMismatch(name, error.facts["expected"], error.facts["actual"]) from None


def _blob(name: str, descriptor: Descriptor) -> Blob:
    return Blob(name, descriptor.digest, descriptor.size)


def _attached(digest: Digest, image: ImageManifest) -> Attached:
    carried = image.layers[0] if image.layers else image.config
    return Attached(image.kind, digest, carried.media_type, image.annotations, carried.digest, carried.size)


def _once(blobs: Sequence[Blob]) -> Iterator[Blob]:
    """Each digest where it comes first. Two sizes stated of one digest are both given, so that the wrong one is found."""
    seen: set[tuple[Digest, int]] = set()
    for blob in blobs:
        if (blob.digest, blob.size) not in seen:
            seen.add((blob.digest, blob.size))
            yield blob


def _failure(name: str, error: Error) -> Entry:
    return Entry(check="digests", message=error.message, path=name, code=error.code)
