"""The layout: packages as a folder, an OCI image layout that other tools read and write too.

Several packages may share a folder. Its `index.json` may be spelled by others, and what they put there stays; nothing in
it is believed but digests, and every blob is checked when it is read. No link below the folder is followed.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from holdall.content import media, oci
from holdall.content.durable import make_folder, opened_folder, replace_file, storing
from holdall.content.oci import Descriptor, ImageManifest, ListedIndex
from holdall.content.package import Content, from_store, keep
from holdall.content.reading import opened_below, read_at
from holdall.content.store import BlobSource, FolderSource, FolderStore
from holdall.errors import BlobMissing, ManifestInvalid, NotCanonical, NotFound, UsageError, VersionExists
from holdall.spec import canonical
from holdall.spec.digest import Digest

_MARKER, _INDEX = "oci-layout", "index.json"
_MODE = 0o666


def write_layout(content: Content, directory: Path) -> None:
    """Puts the package and its referrers into the layout `directory`, which is made if it is not there.

    What is there stays. `index.json` changes last and all at once; two writers take turns.
    Raises VersionExists where the folder lists another package of that name and version, and as `write_archive`.
    """
    make_folder(directory, 0o777)
    with _locked(directory):
        begun = _is_layout(directory)
        index = _index_of(directory) if begun else ListedIndex(schema_version=2, manifests=[])
        store = FolderStore(directory, shared=True)
        entries = [*index.manifests, *_new_entries(content, index, store)]
        keep(content, store)
        written = {"schemaVersion": 2, "mediaType": media.IMAGE_INDEX, "manifests": entries}
        replace_file(directory, _INDEX, canonical.encode(written), _MODE)
        if not begun:
            replace_file(directory, _MARKER, oci.LAYOUT_MARKER, _MODE)


def open_layout(directory: Path, digest: Digest | None = None) -> Content:
    """The package of that digest that the layout lists, or the only one, with the referrers that the layout lists.

    Raises NotFound, UsageError where there are several and no digest, and BlobMissing, DigestMismatch, NotCanonical,
    ManifestInvalid, StorageFailed.
    """
    with storing(directory):
        if not directory.is_dir():
            raise NotFound(f"there is no folder {directory}", path=str(directory))
    if not _is_layout(directory):
        raise ManifestInvalid(str(directory), "it is not an OCI layout: it has no file oci-layout")
    source = FolderSource(directory)
    images = dict(_images(source, _index_of(directory)))
    packages = [found for found, image in images.items() if media.FORMAT in image.annotations and image.subject is None]
    if digest is None and len(packages) > 1:
        raise UsageError(
            f"{directory} holds {len(packages)} packages",
            hint="name one by its digest",
            packages=[
                {"digest": package, "name": images[package].annotations.get(media.TITLE)} for package in packages
            ],
        )
    if not packages or digest not in (None, *packages):
        raise NotFound(f"{directory} lists no package {digest or 'at all'}", path=str(directory))
    chosen = digest or packages[0]
    attached = [found for found, image in images.items() if image.subject and image.subject.digest == chosen]
    return from_store(source, chosen, attached)


def _new_entries(content: Content, index: ListedIndex, source: BlobSource) -> Iterator[dict[str, Any]]:
    """What the index does not list yet of the package and its referrers."""
    package, *referrers = content.listed()
    known = dict(_descriptors(index))
    release = content.manifest.release
    if package.digest not in known:
        for digest, image in _images(source, index):
            stated = (image.annotations.get(media.TITLE), image.annotations.get(media.VERSION))
            if image.subject is None and stated == (release.name, release.version) and digest != package.digest:
                raise VersionExists(release.name, release.version)
        if release.version in _reference_names(index):
            longer = {media.REFERENCE_NAME: f"{release.name}:{release.version}"}
            package = msgspec.structs.replace(package, annotations=longer)
    for listed in (package, *referrers):
        if listed.digest not in known:
            yield msgspec.to_builtins(listed)


def _reference_names(index: ListedIndex) -> Iterator[object]:
    for entry in index.manifests:
        annotations = entry.get("annotations")
        if isinstance(annotations, dict):
            yield annotations.get(media.REFERENCE_NAME)


def _descriptors(index: ListedIndex) -> Iterator[tuple[Digest, Descriptor]]:
    """The image manifests that an index lists. What holdall has no use for, such as nested indexes, is passed over."""
    for entry in index.manifests:
        try:
            descriptor = msgspec.convert(entry, Descriptor)
        except msgspec.ValidationError:
            continue
        if descriptor.media_type == media.IMAGE_MANIFEST and descriptor.size <= oci.LARGEST_MANIFEST:
            yield descriptor.digest, descriptor


def _images(source: BlobSource, index: ListedIndex) -> Iterator[tuple[Digest, ImageManifest]]:
    """The manifests behind them. OCI allows a layout to lack blobs, and to hold manifests of other kinds."""
    for digest, descriptor in dict(_descriptors(index)).items():
        try:
            if source.size(digest) <= oci.LARGEST_MANIFEST:
                yield digest, oci.decode_manifest(source.read(digest), descriptor.digest)
        except (BlobMissing, ManifestInvalid):
            continue


def _is_layout(directory: Path) -> bool:
    """Whether the folder is one. Raises ManifestInvalid for a version that holdall does not read."""
    try:
        data = _read(directory, _MARKER, 4096)
    except NotFound:
        return False
    oci.decode_marker(data, f"{directory}/{_MARKER}")
    return True


def _index_of(directory: Path) -> ListedIndex:
    index = oci.decode_listed(_read(directory, _INDEX, oci.LARGEST_INDEX), f"{directory}/{_INDEX}")
    try:
        canonical.encode(index.manifests)
    except ValueError as error:
        raise ManifestInvalid(f"{directory}/{_INDEX}", f"it could not be written again: {error}") from None
    return index


def _read(directory: Path, name: str, largest: int) -> bytes:
    """A small file of the folder, which is no link. Raises NotFound, NotCanonical, StorageFailed."""
    with opened_below(directory, name) as (descriptor, size), storing(directory / name):
        if size > largest:
            raise NotCanonical(f"{directory}/{name}", f"it has {size} bytes; at most {largest} are read")
        return read_at(descriptor, 0, size)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Only one holdall at a time changes the index; the lock goes with the process that holds it."""
    with storing(directory), opened_folder(directory) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
