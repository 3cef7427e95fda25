"""Sealing: a manifest and its files become blobs, and the digest of one of them is the package's name.

Pure: no clock, no machine, no disk. All that the OCI manifest and the ModelPack config say follows from `holdall.json`,
so a reader makes them anew and compares (`package.py`): there is one spelling of every package.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdall.content import media, oci
from holdall.content.oci import Descriptor, ImageManifest
from holdall.errors import ManifestInvalid, UsageError
from holdall.spec import canonical, manifest
from holdall.spec import digest as digests
from holdall.spec.digest import Digest
from holdall.spec.manifest import Manifest


class Layer(msgspec.Struct, frozen=True):
    """One file of a package as it is stored. size: in bytes."""

    path: str
    media_type: str
    digest: Digest
    size: int


class Frame(msgspec.Struct, frozen=True):
    """What follows from a manifest: the bytes of `holdall.json`, of the config and of the OCI manifest, and the layers."""

    document: bytes
    config: bytes
    manifest: bytes
    layers: tuple[Layer, ...]


class Sealed(msgspec.Struct, frozen=True):
    """A sealed package in memory.

    digest: its name, the digest of `manifest`, the OCI manifest; config: the ModelPack config; layers: `holdall.json`
    and then the files by path. blobs: all of it by digest, the OCI manifest last, so that whoever stores them in order
    never has a manifest whose blobs are missing.
    """

    digest: Digest
    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]
    blobs: Mapping[Digest, bytes]

    @property
    def descriptor(self) -> Descriptor:
        """What a referrer names as its subject."""
        return oci.describe(self.manifest, media.IMAGE_MANIFEST)


class Referrer(msgspec.Struct, frozen=True):
    """Something attached to a package. digest: of `manifest`, the OCI manifest; blobs: all of it, the manifest last."""

    digest: Digest
    manifest: bytes
    blobs: Mapping[Digest, bytes]


def seal(package: Manifest, files: Mapping[str, bytes]) -> Sealed:
    """The package of this manifest and these files, by path.

    The same inputs give the same digest on any machine. Raises ValueError where the manifest's `files` are not these
    files or it is not a manifest that could be read again, UsageError where a file is larger than the format can hold.
    """
    built = frame(package)
    _check_reads_back(package, built.document)
    stated = {file.path: (file.digest, file.size) for file in package.files}
    found = {path: (digests.of(data), len(data)) for path, data in files.items()}
    for path in sorted(stated.keys() | found.keys()):
        if stated.get(path) != found.get(path):
            raise ValueError(f"the manifest says {stated.get(path)} of {path!r}; the file is {found.get(path)}")
    for what, data, largest in (
        (manifest.PATH, built.document, oci.LARGEST_HOLDALL_JSON),
        ("the OCI manifest", built.manifest, oci.LARGEST_MANIFEST),
        ("the config", built.config, oci.LARGEST_MANIFEST),
        *((path, data, oci.LARGEST_BLOB) for path, data in files.items()),
    ):
        if len(data) > largest:
            raise UsageError(
                f"{what} has {len(data)} bytes; a package holds at most {largest} there",
                hint="split the file, or leave out what the model does not need",
                path=what,
                size=len(data),
                limit=largest,
            )
    parts = (built.document, *(files[path] for path in sorted(files)), built.config, built.manifest)
    return Sealed(
        digest=digests.of(built.manifest),
        manifest=built.manifest,
        config=built.config,
        layers=built.layers,
        blobs={digests.of(part): part for part in parts},
    )


def frame(package: Manifest) -> Frame:
    """What is written around the files of `package`. Raises ValueError for a role or a path that the format does not know."""
    document = manifest.encode(package)
    _check_paths([file.path for file in package.files])
    layers = (
        Layer(manifest.PATH, media.layer("weight.config"), digests.of(document), len(document)),
        *(Layer(file.path, media.layer(file.role), Digest(file.digest), file.size) for file in package.files),
    )
    config = canonical.encode(_config(package, layers))
    image = ImageManifest(
        schema_version=2,
        media_type=media.IMAGE_MANIFEST,
        artifact_type=media.MODEL_MANIFEST,
        config=oci.describe(config, media.MODEL_CONFIG),
        layers=tuple(
            Descriptor(
                media_type=layer.media_type,
                digest=layer.digest,
                size=layer.size,
                annotations={media.FILE_PATH: layer.path, media.TITLE: layer.path},
            )
            for layer in layers
        ),
        annotations={
            media.TITLE: package.release.name,
            media.VERSION: package.release.version,
            media.FORMAT: str(package.format),
            media.FINGERPRINT: package.fingerprint(),
        },
    )
    return Frame(document, config, canonical.encode(image), layers)


def refer(
    subject: Descriptor,
    artifact_type: str,
    payload: bytes,
    media_type: str,
    annotations: Mapping[str, str] | None = None,
) -> Referrer:
    """`payload` attached to the package `subject`, whose digest stays as it is. Pure.

    artifact_type: what it is, for instance `media.PARITY`; media_type: how the payload is written.
    """
    empty = canonical.encode({})
    image = canonical.encode(
        ImageManifest(
            schema_version=2,
            media_type=media.IMAGE_MANIFEST,
            artifact_type=artifact_type,
            config=oci.describe(empty, media.EMPTY),
            layers=(oci.describe(payload, media_type),),
            subject=Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size),
            annotations=dict(annotations or {}),
        )
    )
    return Referrer(digests.of(image), image, {digests.of(part): part for part in (payload, empty, image)})


def _check_reads_back(package: Manifest, document: bytes) -> None:
    try:
        again = manifest.decode(document)
    except ManifestInvalid as error:
        raise ValueError(error.message) from None
    if again != package:
        raise ValueError(f"{manifest.PATH} would not read back as the value that it was written from")


def _config(package: Manifest, layers: tuple[Layer, ...]) -> dict[str, object]:
    """The ModelPack config, which has no place for fields of our own and no time of making, so that it is the same again."""
    return {
        "descriptor": {"name": package.release.name, "version": package.release.version},
        "config": {"format": package.model.engine},
        "modelfs": {"type": "layers", "diffIds": [layer.digest for layer in layers]},
    }


def _check_paths(paths: list[str]) -> None:
    """Every path can be a file beside the others on every file system: no file is another's folder, no two differ by case."""
    taken = {manifest.PATH: manifest.PATH}
    for path in paths:
        other = taken.setdefault(path.lower(), path)
        if other != path or path == manifest.PATH:
            raise ValueError(f"{path!r} and {other!r} are one name where case does not count")
    for path in paths:
        parts = path.lower().split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            if folder in taken:
                raise ValueError(f"{taken[folder]!r} is a file and the folder of {path!r}")
