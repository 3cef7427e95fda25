"""A package opened from a store: it is read with checks, and what does not fit together is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdall.content import media, oci
from holdall.content.package import from_store, keep
from holdall.content.seal import Sealed, frame, refer
from holdall.content.store import FolderStore, MemoryStore, blob_path
from holdall.errors import BlobMissing, DigestMismatch, ManifestInvalid, NotFound
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec.digest import Digest

from .samples import FILES, attached, everything, manifest, sealed, stored, tiny


def test_a_package_tells_what_it_is() -> None:
    content = tiny()
    assert content.digest == sealed().digest
    assert content.manifest == manifest()
    assert [layer.path for layer in content.layers] == ["holdall.json", "README.md", "model/model.onnx"]
    assert content.read("model/model.onnx") == FILES["model/model.onnx"]
    assert content.descriptor == sealed().descriptor


def test_what_is_attached_is_listed_and_read() -> None:
    package = sealed()
    examples = attached(package, b"the examples", media.EXAMPLES)
    parity = attached(package, b"the figures", media.PARITY)
    content = stored(package, parity, examples)
    found = {each.artifact_type: each for each in content.referrers()}
    assert content.payload(found[media.EXAMPLES]) == b"the examples"
    assert content.payload(found[media.PARITY]) == b"the figures"
    assert found[media.PARITY].annotations == {"note": "measured"}
    assert found[media.PARITY].media_type == "application/json"
    assert found[media.PARITY].digest == parity.digest
    assert [each.digest for each in content.referrers()] == sorted([parity.digest, examples.digest])


def test_a_file_that_the_package_does_not_hold_is_not_found() -> None:
    with pytest.raises(NotFound):
        tiny().read("model/other.onnx")
    with pytest.raises(NotFound):
        tiny().file("../../etc/passwd")


def test_a_package_in_a_folder_gives_its_files_and_one_in_memory_does_not(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keep(tiny(), store)
    path = from_store(store, sealed().digest).file("README.md")
    assert path is not None
    assert path.read_bytes() == FILES["README.md"]
    assert tiny().file("README.md") is None


def test_the_blobs_are_all_that_is_needed_to_open_it_again() -> None:
    content = tiny()
    store = MemoryStore()
    for digest, data in content.blobs():
        assert store.put(data) == digest
    again = from_store(store, content.digest, [each.digest for each in content.referrers()])
    assert again.reachable() == content.reachable()
    assert again.verify() == ()


def test_keeping_a_package_copies_all_of_it_and_reads_only_what_is_lacking(tmp_path: Path) -> None:
    class Counting(MemoryStore):
        reads = 0

        def stream(self, digest: Digest) -> Any:
            self.reads += 1
            return super().stream(digest)

    source = Counting()
    keep(tiny(), source)
    content = from_store(source, sealed().digest)
    store = FolderStore(tmp_path)
    keep(content, store)
    assert source.reads == len(content.reachable())
    assert everything(store) == dict(content.blobs())
    keep(content, store)
    assert source.reads == len(content.reachable())


@pytest.mark.parametrize("part", ["manifest", "config", "holdall.json"])
def test_a_package_whose_frame_is_damaged_does_not_open(tmp_path: Path, part: str) -> None:
    package = sealed()
    store = FolderStore(tmp_path)
    keep(stored(package), store)
    digest = {
        "manifest": package.digest,
        "config": digests.of(package.config),
        "holdall.json": package.layers[0].digest,
    }[part]
    file = tmp_path / blob_path(digest)
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole + b" ", bytes([whole[0] ^ 1]) + whole[1:]):
        file.write_bytes(damaged)
        with pytest.raises(DigestMismatch):
            from_store(store, package.digest)
    file.unlink()
    with pytest.raises(BlobMissing):
        from_store(store, package.digest)


def test_a_damaged_file_is_named_when_it_is_read_and_the_others_still_read(tmp_path: Path) -> None:
    package = sealed()
    store = FolderStore(tmp_path)
    keep(stored(package), store)
    (tmp_path / blob_path(digests.of(FILES["model/model.onnx"]))).write_bytes(b"something else")
    content = from_store(store, package.digest)
    for ask in (content.read, content.file):
        with pytest.raises(DigestMismatch, match=r"^model/model\.onnx is damaged"):
            ask("model/model.onnx")
    assert content.read("README.md") == FILES["README.md"]


def test_verify_lists_every_failure_and_not_only_the_first(tmp_path: Path) -> None:
    package = sealed({**FILES, "c.txt": b"third"})
    one, two = attached(package, b"payload"), attached(package, b"other payload", media.EXAMPLES)
    store = FolderStore(tmp_path)
    keep(stored(package, one, two), store)
    content = from_store(store, package.digest, [one.digest, two.digest])
    assert content.verify() == ()
    (tmp_path / blob_path(digests.of(FILES["README.md"]))).write_bytes(b"x")
    (tmp_path / blob_path(digests.of(b"third"))).unlink()
    (tmp_path / blob_path(digests.of(b"payload"))).write_bytes(b"paYload")
    (tmp_path / blob_path(two.digest)).write_bytes(b"{}")
    failures = content.verify()
    assert sorted((entry.path, entry.code) for entry in failures) == sorted(
        [
            ("README.md", "digest_mismatch"),
            ("c.txt", "blob_missing"),
            (media.PARITY, "digest_mismatch"),
            (f"referrer {two.digest}", "digest_mismatch"),
        ]
    )
    assert all(entry.check == "digests" for entry in failures)


def resealed(package: Sealed, image: dict[str, Any], **replaced: bytes) -> tuple[MemoryStore, Digest]:
    """A store with the package's blobs and another OCI manifest, each blob under its true digest."""
    store = MemoryStore()
    for data in (*package.blobs.values(), *replaced.values()):
        store.put(data)
    return store, store.put(canonical.encode(image))


def layer_of(data: bytes, like: dict[str, Any]) -> dict[str, Any]:
    return {**like, "digest": digests.of(data), "size": len(data)}


def edit(change: Callable[[dict[str, Any]], None]) -> tuple[MemoryStore, Digest]:
    package = sealed()
    image = json.loads(package.manifest)
    change(image)
    return resealed(package, image)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image["annotations"].update({"org.opencontainers.image.title": "other"}),
        lambda image: image["annotations"].update({"dev.holdall.fingerprint": "sha256:" + "0" * 64}),
        lambda image: image["annotations"].update({"dev.holdall.format": "1"}),
        lambda image: image["annotations"].update({"more": "x"}),
        lambda image: image.pop("annotations"),
        lambda image: image.pop("artifactType"),
        lambda image: image.update({"artifactType": "application/x-other"}),
        lambda image: image.update({"more": 1}),
        lambda image: image.update({"schemaVersion": 3}),
        lambda image: image.update({"mediaType": media.IMAGE_INDEX}),
        lambda image: image["layers"].reverse(),
        lambda image: image["layers"].pop(),
        lambda image: image["layers"].append(image["layers"][1]),
        lambda image: image["layers"].clear(),
        lambda image: image["layers"][1].update({"mediaType": "application/vnd.cncf.model.weight.v1.raw"}),
        lambda image: image["layers"][1]["annotations"].update({"org.cncf.model.filepath": "../up"}),
        lambda image: image["layers"][1].update({"digest": "sha256:" + "g" * 64}),
        lambda image: image["layers"][1].update({"digest": "sha512:" + "0" * 128}),
        lambda image: image["layers"][1].update({"digest": image["layers"][1]["digest"] + "\n"}),
        lambda image: image["layers"][0].update({"size": 10}),
        lambda image: image["layers"][0].update({"size": 2**40}),
        lambda image: image["layers"][1].update({"size": -1}),
        lambda image: image["layers"][1].update({"size": 1}),
        lambda image: image["config"].update({"size": 1}),
        lambda image: image["config"].update({"digest": image["layers"][1]["digest"], "size": 7}),
        lambda image: image["config"].update({"mediaType": "application/vnd.oci.empty.v1+json"}),
        lambda image: image.update({"subject": image["config"]}),
    ],
)
def test_an_oci_manifest_that_does_not_follow_from_holdall_json_is_refused(
    change: Callable[[dict[str, Any]], None],
) -> None:
    store, digest = edit(change)
    with pytest.raises(ManifestInvalid):
        from_store(store, digest)


def test_the_edits_above_start_from_what_is_accepted() -> None:
    store, digest = edit(lambda _: None)
    assert from_store(store, digest).digest == sealed().digest


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format":0,"format":0}',
        b'{"format":0}',
        b'{"format":9007199254740993}',
        b'{"format":' + b"9" * 5000 + b"}",
        b'{"format":NaN}',
        b'{"format":"\\ud800"}',
        canonical.encode({**json.loads(sealed().blobs[sealed().layers[0].digest]), "more": 1}),
        json.dumps(json.loads(sealed().blobs[sealed().layers[0].digest])).encode(),
        sealed().blobs[sealed().layers[0].digest].replace(b'"format":0', b'"format":false'),
        sealed().blobs[sealed().layers[0].digest].replace(b'"format":0', b'"format":0.0'),
        sealed().blobs[sealed().layers[0].digest].replace(b"sha256:", b"sha999:"),
        sealed().blobs[sealed().layers[0].digest].replace(b"README.md", b"../../xmd"),
        sealed().blobs[sealed().layers[0].digest].replace(b"README.md", b"a\\u0000bcd"),
        sealed().blobs[sealed().layers[0].digest].replace(b"team/tiny", b"team/../x"),
        sealed().blobs[sealed().layers[0].digest].replace(b"1.0.0", b"1.0\\n0"),
        sealed().blobs[sealed().layers[0].digest].replace(b'"doc"', b'"dox"'),
        sealed().blobs[sealed().layers[0].digest].replace(b'"size":7', b'"size":8'),
    ],
)
def test_a_holdall_json_that_was_not_written_by_holdall_is_refused(document: bytes) -> None:
    package = sealed()
    image = json.loads(package.manifest)
    image["layers"][0] = layer_of(document, image["layers"][0])
    store, digest = resealed(package, image, document=document)
    with pytest.raises(ManifestInvalid):
        from_store(store, digest)


def test_a_file_whose_size_holdall_json_itself_lies_about_is_refused_when_it_is_read() -> None:
    files = tuple(
        msgspec.structs.replace(file, size=file.size + 1) if file.path == "README.md" else file
        for file in manifest().files
    )
    lying = frame(msgspec.structs.replace(manifest(), files=files))
    store = MemoryStore()
    for data in (*FILES.values(), lying.document, lying.config):
        store.put(data)
    content = from_store(store, store.put(lying.manifest))
    for ask in (content.read, content.file):
        with pytest.raises(ManifestInvalid, match=r"^README\.md: it has 7 bytes, and 8 are stated"):
            ask("README.md")
    assert [(entry.path, entry.code) for entry in content.verify()] == [("README.md", "manifest_invalid")]
    assert content.read("model/model.onnx") == FILES["model/model.onnx"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\x00", b"[" * 100_000, b'{"schemaVersion":2}'])
def test_a_blob_that_is_no_manifest_is_no_package(data: bytes) -> None:
    store = MemoryStore()
    with pytest.raises(ManifestInvalid):
        from_store(store, store.put(data))


def test_a_manifest_beyond_its_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    package = sealed()
    monkeypatch.setattr(oci, "LARGEST_MANIFEST", 100)
    with pytest.raises(ManifestInvalid, match="at most 100 are read"):
        stored(package)


def test_a_referrer_of_another_package_is_refused() -> None:
    package, other = sealed(), sealed(name="other")
    content = stored(package, attached(other))
    with pytest.raises(ManifestInvalid, match="not attached"):
        content.referrers()
    assert [entry.code for entry in content.verify()] == ["manifest_invalid"]


def test_the_package_itself_is_no_referrer_of_itself() -> None:
    with pytest.raises(ManifestInvalid):
        stored(sealed(), sealed()).referrers()  # type: ignore[arg-type]


def test_more_referrers_than_can_be_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci, "MOST_REFERRERS", 1)
    package = sealed()
    with pytest.raises(ManifestInvalid):
        stored(package, attached(package, b"1"), attached(package, b"2"))


def test_a_referrer_made_by_another_tool_is_taken_as_it_is_spelled() -> None:
    package = sealed()
    image = {
        "schemaVersion": 2,
        "mediaType": media.IMAGE_MANIFEST,
        "config": {"mediaType": "application/vnd.example.signature", "digest": digests.of(b"{}"), "size": 2},
        "layers": [],
        "subject": {"mediaType": media.IMAGE_MANIFEST, "digest": package.digest, "size": 1, "platform": {}},
        "unknown": [1, 2],
    }
    store = MemoryStore()
    for data in (*package.blobs.values(), b"{}"):
        store.put(data)
    digest = store.put(json.dumps(image, indent=2).encode())
    (found,) = from_store(store, package.digest, [digest]).referrers()
    assert (found.artifact_type, found.payload) == ("application/vnd.example.signature", digests.of(b"{}"))


def test_the_index_lists_the_package_by_its_version_and_then_its_referrers() -> None:
    package = sealed()
    parity = refer(package.descriptor, media.PARITY, b"x", "text/plain", {"a": "b"})
    listed = stored(package, parity).listed()
    assert [(each.digest, each.artifact_type, each.annotations) for each in listed] == [
        (package.digest, media.MODEL_MANIFEST, {"org.opencontainers.image.ref.name": "1.0.0"}),
        (parity.digest, media.PARITY, {"a": "b"}),
    ]
