"""Small packages to test with: any name, any files, no model in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdall.content import media, oci
from holdall.content.archive import header, write_archive
from holdall.content.package import Content, from_store
from holdall.content.seal import Referrer, Sealed, refer, seal
from holdall.content.store import BlobSource, MemoryStore, blob_path
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec.environment import Environment
from holdall.spec.manifest import File, Manifest, Release, Tolerance
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import GraphInput, Role, Step, StepOutput

FILES = {"README.md": b"# tiny\n", "model/model.onnx": b"these bytes stand for a graph\x00\xff"}


def manifest(
    files: Mapping[str, bytes] = FILES, name: str = "team/tiny", version: str = "1.0.0", **changes: Any
) -> Manifest:
    """A manifest for these files; its one step runs the first of them that ends in .onnx, if there is one."""
    graphs = [path for path in sorted(files) if path.endswith(".onnx")]
    step = Step(
        role=Role.MODEL,
        engine="onnx",
        files=tuple(graphs[:1]),
        inputs=(GraphInput(name="float", kind=Kind.FLOAT, columns=("age",)),),
        outputs=(StepOutput(name="prediction", columns=("prediction",)),),
    )
    fields: dict[str, Any] = {
        "format": 0,
        "release": Release(name=name, version=version, metrics={"auc": 0.75}, metadata={"owner": "Zoë"}),
        "task": "regression",
        "classes": None,
        "schema": Schema(
            inputs=(Field(name="age", kind=Kind.FLOAT, nullable=True),),
            outputs=(Field(name="prediction", kind=Kind.FLOAT),),
        ),
        "steps": (step,),
        "row_wise": True,
        "portable": True,
        "blockers": (),
        "tolerance": Tolerance(relative=1e-9, absolute=1e-12),
        "examples": None,
        "environment": Environment(python=">=3.11", requires=("numpy>=2",)),
        "files": tuple(
            File(path=path, digest=digests.of(data), size=len(data), role="weight" if path in graphs else "doc")
            for path, data in sorted(files.items())
        ),
    }
    return Manifest(**{**fields, **changes})


def sealed(files: Mapping[str, bytes] = FILES, name: str = "team/tiny", version: str = "1.0.0") -> Sealed:
    return seal(manifest(files, name, version), files)


def attached(package: Sealed, payload: bytes = b'{"rows":3}', artifact_type: str = media.PARITY) -> Referrer:
    return refer(package.descriptor, artifact_type, payload, "application/json", {"note": "measured"})


def stored(package: Sealed, *referrers: Referrer) -> Content:
    """The package in a memory store, opened."""
    store = MemoryStore()
    for part in (package, *referrers):
        for data in part.blobs.values():
            store.put(data)
    return from_store(store, package.digest, [referrer.digest for referrer in referrers])


def tiny() -> Content:
    """The usual package, with one referrer."""
    package = sealed()
    return stored(package, attached(package))


def archived(content: Content, folder: Path, name: str = "tiny.holdall") -> Path:
    path = folder / name
    write_archive(content, path)
    return path


def tar(members: list[tuple[str, bytes]]) -> bytes:
    """A tar in the canonical form, of any members."""
    parts = [header(name, len(data)) + data + bytes(-len(data) % 512) for name, data in members]
    return b"".join(parts) + bytes(1024)


def forged(manifest_bytes: bytes, parts: list[bytes], version: str = "1.0.0") -> bytes:
    """An archive in canonical form whose OCI manifest and blobs are any bytes, each under its true digest."""
    listed = oci.Descriptor(
        media_type=media.IMAGE_MANIFEST,
        digest=digests.of(manifest_bytes),
        size=len(manifest_bytes),
        artifact_type=media.MODEL_MANIFEST,
        annotations={media.REFERENCE_NAME: version},
    )
    index = canonical.encode(oci.index((listed,)))
    blobs = {digests.of(data): data for data in (manifest_bytes, *parts)}
    return tar(
        [
            ("oci-layout", oci.LAYOUT_MARKER),
            ("index.json", index),
            *((blob_path(digest), data) for digest, data in blobs.items()),
        ]
    )


def everything(source: BlobSource) -> dict[str, bytes]:
    """Every blob of a source, each read and checked."""
    return {digest: source.read(digest) for digest in source.digests()}


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder and the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
