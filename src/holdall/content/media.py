"""The names that OCI, the CNCF ModelPack and holdall give to kinds of bytes, each written once.

Layers are `raw`: one file, neither archived nor compressed, so that a layer's digest is the file's own SHA-256 and no
build of a compressor can change it.
"""

from __future__ import annotations

from typing import Final

IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"

MODEL_MANIFEST = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG = "application/vnd.cncf.model.config.v1+json"
ROLES = ("weight", "weight.config", "code", "doc", "dataset")

EXAMPLES = "application/vnd.holdall.examples.v0+json"
PARITY = "application/vnd.holdall.parity.v0+json"
RECEIPT = "application/vnd.holdall.receipt.v0+json"
SCAN = "application/vnd.holdall.scan.v0+json"

TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
REFERENCE_NAME = "org.opencontainers.image.ref.name"
FILE_PATH = "org.cncf.model.filepath"
FORMAT = "dev.holdall.format"
FINGERPRINT = "dev.holdall.fingerprint"


def layer(role: str) -> str:
    """The media type of a file with that role. Raises ValueError for a role that ModelPack does not know."""
    if role not in ROLES:
        raise ValueError(f"{role!r} is not one of the roles {', '.join(ROLES)}")
    return f"application/vnd.cncf.model.{role}.v1.raw"
