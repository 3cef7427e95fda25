"""The words of OCI that a package is written in: descriptor, image manifest, index; and the bounds of each.

Reading is typed and bounded, and knows one digest algorithm; fields that holdall does not use are let pass, since
other tools may add them. Writing is canonical JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from holdall.content import media
from holdall.errors import ManifestInvalid
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec.digest import Digest

LARGEST_BLOB = 8**11 - 1
"""The largest size that a ustar header can state: 8 GiB less one byte."""
LARGEST_MANIFEST = 4 * 2**20
"""What every registry accepts for a manifest."""
LARGEST_INDEX = 4 * 2**20
LARGEST_HOLDALL_JSON = 16 * 2**20
MOST_REFERRERS = 4096

T = TypeVar("T")

LAYOUT_VERSION = "1.0.0"
LAYOUT_MARKER = canonical.encode({"imageLayoutVersion": LAYOUT_VERSION})
"""The content of the file `oci-layout`."""

SealedDigest = Annotated[Digest, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
Size = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_BLOB)]


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What one thing says of another: its kind, its digest, its size in bytes."""

    media_type: str
    digest: SealedDigest
    size: Size
    artifact_type: str | None = None
    annotations: dict[str, str] = {}


class ImageManifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An OCI image manifest: a package, or, where it has a `subject`, something attached to one."""

    schema_version: Literal[2]
    media_type: Literal["application/vnd.oci.image.manifest.v1+json"]
    artifact_type: str | None = None
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """The artifact type; where none is stated the config's media type, as OCI has it."""
        return self.artifact_type or self.config.media_type


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`index.json` as holdall writes it."""

    schema_version: Literal[2]
    media_type: Literal["application/vnd.oci.image.index.v1+json"]
    manifests: tuple[Descriptor, ...]


class ListedIndex(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`index.json` of a folder that other tools write too: what is not understood is kept as it stands."""

    schema_version: Literal[2]
    manifests: list[dict[str, Any]]


class LayoutMarker(msgspec.Struct, frozen=True, rename="camel"):
    """`oci-layout` as any tool spells it."""

    image_layout_version: str


def describe(data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Descriptor:
    """The descriptor of these bytes."""
    return Descriptor(
        media_type=media_type, digest=digests.of(data), size=len(data), annotations=dict(annotations or {})
    )


def decode_manifest(data: bytes, path: str) -> ImageManifest:
    """The image manifest in `data`, in any spelling. Raises ManifestInvalid."""
    return _decode(data, ImageManifest, path)


def decode_listed(data: bytes, path: str) -> ListedIndex:
    """The index in `data`, in any spelling. Raises ManifestInvalid."""
    return _decode(data, ListedIndex, path)


def decode_marker(data: bytes, path: str) -> None:
    """Nothing, if `data` marks a layout of the version that holdall reads. Else ManifestInvalid."""
    version = _decode(data, LayoutMarker, path).image_layout_version
    if version != LAYOUT_VERSION:
        raise ManifestInvalid(path, f"the layout's version is {version!r}; holdall reads {LAYOUT_VERSION}")


def decode_index(data: bytes, path: str) -> Index:
    """The index in `data`, which must be spelled canonically. Raises ManifestInvalid."""
    plain = canonical.decode(data, path)
    try:
        return msgspec.convert(plain, Index)
    except msgspec.ValidationError as error:
        raise ManifestInvalid(path, str(error)) from None


def index(manifests: tuple[Descriptor, ...]) -> Index:
    """The index that lists these manifests in this order."""
    return Index(schema_version=2, media_type=media.IMAGE_INDEX, manifests=manifests)


def _decode(data: bytes, kind: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ManifestInvalid(path, str(error)) from None
