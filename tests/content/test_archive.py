"""A `.holdall` file has one form. Whatever is not that form is refused by name, whichever byte of it is wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdall.content import archive, media, oci
from holdall.content.archive import header, open_archive, write_archive
from holdall.content.package import from_store
from holdall.content.seal import refer, seal
from holdall.content.store import MemoryStore, blob_path
from holdall.errors import BlobMissing, DigestMismatch, ManifestInvalid, NotCanonical, NotFound, PackageDamaged
from holdall.spec import canonical
from holdall.spec import digest as digests

from .samples import FILES, archived, attached, everything, forged, manifest, sealed, stored, tar, tiny
from .test_seal import FILE_SETS

MEMBER = tuple[str, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return archived(tiny(), tmp_path_factory.mktemp("whole")).read_bytes()


def members_of(data: bytes) -> list[MEMBER]:
    """The members as a tar reader from elsewhere sees them."""
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return [(member.name, opened.extractfile(member).read()) for member in opened]  # type: ignore[union-attr]


def refused(data: bytes, folder: Path) -> PackageDamaged:
    path = folder / "hostile.holdall"
    path.write_bytes(data)
    before = sorted(folder.rglob("*"))
    with pytest.raises(PackageDamaged) as caught:
        open_archive(path)
    assert sorted(folder.rglob("*")) == before
    return caught.value


# --- what is written is read


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILE_SETS, payloads=st.lists(st.binary(max_size=30), max_size=3))
def test_opening_an_archive_gives_what_was_written(
    tmp_path: Path, files: dict[str, bytes], payloads: list[bytes]
) -> None:
    package = seal(manifest(files), files)
    content = stored(package, *(attached(package, payload) for payload in payloads))
    opened = open_archive(archived(content, tmp_path))
    assert opened.digest == content.digest
    assert opened.manifest == content.manifest
    assert opened.layers == content.layers
    assert opened.referrers() == content.referrers()
    assert [opened.payload(each) for each in opened.referrers()] == [
        content.payload(each) for each in content.referrers()
    ]
    assert list(opened.blobs()) == list(content.blobs())
    assert opened.verify() == ()
    assert opened.file("holdall.json") is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILE_SETS)
def test_writing_what_was_opened_gives_the_same_bytes(tmp_path: Path, files: dict[str, bytes]) -> None:
    package = seal(manifest(files), files)
    first = archived(stored(package, attached(package)), tmp_path, "first.holdall")
    second = archived(open_archive(first), tmp_path, "second.holdall")
    assert first.read_bytes() == second.read_bytes()


def test_the_order_in_which_referrers_are_named_changes_nothing(tmp_path: Path) -> None:
    package = sealed()
    one, two = attached(package, b"1"), attached(package, b"2")
    forward = archived(stored(package, one, two), tmp_path, "forward.holdall").read_bytes()
    assert archived(stored(package, two, one), tmp_path, "back.holdall").read_bytes() == forward
    assert archived(stored(package, two, one, one), tmp_path, "twice.holdall").read_bytes() == forward


def test_other_tar_readers_see_the_members_in_their_fixed_order(whole: bytes) -> None:
    content = tiny()
    assert members_of(whole) == [
        ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        ("index.json", canonical.encode(oci.index(content.listed()))),
        *((blob_path(blob.digest), b"".join(content.stream(blob))) for blob in content.reachable()),
    ]
    with tarfile.open(fileobj=io.BytesIO(whole)) as opened:
        for member in opened:
            assert member.isreg()
            assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
            assert (member.uname, member.gname) == ("", "")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 8**11 - 1])
def test_a_header_is_read_by_the_standard_library_as_it_was_meant(size: int) -> None:
    name = blob_path(digests.of(b"x"))
    written = header(name, size)
    member = tarfile.TarInfo.frombuf(written, "ascii", "strict")  # checks the checksum
    assert (member.name, member.size, member.type, member.linkname) == (name, size, tarfile.REGTYPE, "")
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
    assert written[257:265] == b"ustar\x0000"


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
def test_a_header_is_the_one_that_tar_writes(tmp_path: Path) -> None:
    name = blob_path(digests.of(b"x"))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"x" * 1000)
    options = ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644", "--mtime=@0"]
    done = subprocess.run(["tar", "-c", *options, "-C", tmp_path, name], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this tar is not GNU tar")
    assert done.stdout[:512] == header(name, 1000)


@pytest.mark.parametrize(("name", "size"), [("a" * 101, 0), ("ä", 0), ("a", -1), ("a", 8**11)])
def test_there_is_no_header_for_what_ustar_cannot_state(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="no header"):
        header(name, size)


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
def test_tar_unpacks_an_archive_into_a_layout(tmp_path: Path) -> None:
    path = archived(tiny(), tmp_path)
    done = subprocess.run(["tar", "xvf", path, "-C", tmp_path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert json.loads((tmp_path / "index.json").read_bytes())["manifests"][0]["digest"] == sealed().digest


# --- whatever is wrong is found


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF], ids=hex)
def test_every_flipped_byte_is_found(whole: bytes, tmp_path: Path, mask: int) -> None:
    path = tmp_path / "flipped.holdall"
    path.write_bytes(whole)
    assert open_archive(path).digest == sealed().digest
    found = dict.fromkeys(("not_canonical", "digest_mismatch", "manifest_invalid"), 0)
    with path.open("r+b", buffering=0) as file:
        for offset, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ mask]), offset)
            try:
                open_archive(path)
            except PackageDamaged as error:
                found[error.code] += 1
            else:
                pytest.fail(f"the flip at byte {offset} was not found")
            os.pwrite(file.fileno(), bytes([byte]), offset)
    assert open_archive(path).digest == sealed().digest
    assert sum(found.values()) == len(whole)
    assert found["not_canonical"] > 0
    assert found["digest_mismatch"] > 0


def test_every_cut_is_found(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.holdall"
    path.write_bytes(whole)
    for length in reversed(range(len(whole))):
        os.truncate(path, length)
        with pytest.raises(PackageDamaged):
            open_archive(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.one_of(st.binary(min_size=1, max_size=40), st.integers(1, 40).map(lambda blocks: bytes(256 * blocks))))
def test_anything_after_the_end_is_found(whole: bytes, tmp_path: Path, tail: bytes) -> None:
    assert refused(whole + tail, tmp_path).code == "not_canonical"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.floats(0, 1), length=st.integers(0, 2000), put=st.binary(max_size=2000), move=st.integers(-1024, 1024))
def test_any_stretch_replaced_by_another_is_found(
    whole: bytes, tmp_path: Path, start: float, length: int, put: bytes, move: int
) -> None:
    first = int(start * len(whole))
    changed = whole[:first] + put + whole[max(first + length + move, 0) :]
    if changed != whole:
        refused(changed, tmp_path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3000))
def test_any_bytes_at_all_are_refused_by_name(tmp_path: Path, data: bytes) -> None:
    refused(data, tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["manifests", "schemaVersion", "mediaType", "digest", "size", "annotations", "config", "layers"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=JSON, image=JSON)
def test_any_json_in_the_right_places_is_refused_by_name(tmp_path: Path, index: Any, image: Any) -> None:
    marker = ("oci-layout", oci.LAYOUT_MARKER)
    refused(tar([marker, ("index.json", json.dumps(index).encode("utf-8", "surrogatepass"))]), tmp_path)
    refused(forged(json.dumps(image).encode("utf-8", "surrogatepass"), []), tmp_path)


def with_index(whole: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    (marker, (_, index), *blobs) = members_of(whole)
    plain = json.loads(index)
    change(plain)
    return tar([marker, ("index.json", canonical.encode(plain)), *blobs])


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.update({"more": 1}),
        lambda index: index.update({"annotations": {}}),
        lambda index: index.pop("mediaType"),
        lambda index: index.update({"schemaVersion": 1}),
        lambda index: index["manifests"].clear(),
        lambda index: index["manifests"].reverse(),
        lambda index: index["manifests"].pop(),
        lambda index: index["manifests"].append(index["manifests"][1]),
        lambda index: index["manifests"].append(index["manifests"][0]),
        lambda index: index["manifests"][0].update({"size": 5}),
        lambda index: index["manifests"][0].update({"size": 2**33}),
        lambda index: index["manifests"][0].update({"size": 2**70}),
        lambda index: index["manifests"][0].update({"size": -1}),
        lambda index: index["manifests"][0].update({"size": 1.5}),
        lambda index: index["manifests"][0].update({"more": "x"}),
        lambda index: index["manifests"][0].update({"urls": ["http://127.0.0.1/"]}),
        lambda index: index["manifests"][0].pop("annotations"),
        lambda index: index["manifests"][0]["annotations"].update({"org.opencontainers.image.ref.name": "2.0.0"}),
        lambda index: index["manifests"][0].pop("artifactType"),
        lambda index: index["manifests"][0].update({"mediaType": "text/plain"}),
        lambda index: index["manifests"][1].update({"artifactType": media.EXAMPLES}),
        lambda index: index["manifests"][1]["annotations"].update({"note": "measured twice"}),
    ],
)
def test_an_index_that_says_other_than_the_blobs_is_found(
    whole: bytes, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    assert with_index(whole, lambda _: None) == whole
    refused(with_index(whole, change), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members[::-1],
        lambda members: members[1:],
        lambda members: members[:-1],
        lambda members: [*members, members[-1]],
        lambda members: [*members[:3], members[2], *members[3:]],
        lambda members: [*members[:4], members[5], members[4], *members[6:]],
        lambda members: [members[1], members[0], *members[2:]],
        lambda members: [*members, ("evil.sh", b"rm -rf /")],
        lambda members: [("evil.sh", b""), *members],
        lambda members: [*members[:2], ("../../evil", b"x"), *members[2:]],
        lambda members: [*members[:2], ("blobs/sha256/" + "0" * 64, b"x"), *members[2:]],
        lambda members: [*members[:2], ("blobs/sha256/../../evil", members[2][1]), *members[3:]],
        lambda members: [*members[:2], ("/" + members[2][0], members[2][1]), *members[3:]],
        lambda members: [*members[:2], ("./" + members[2][0], members[2][1]), *members[3:]],
        lambda members: [*members[:2], (members[2][0].upper(), members[2][1]), *members[3:]],
        lambda members: [*members[:2], (members[2][0], members[2][1] + b" "), *members[3:]],
        lambda members: [("oci-layout", b'{"imageLayoutVersion":"1.0.1"}'), *members[1:]],
        lambda members: [("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), *members[1:]],
        lambda _: [],
        lambda members: members[:1],
        lambda members: members[:2],
    ],
)
def test_members_added_dropped_doubled_moved_or_renamed_are_found(
    whole: bytes, tmp_path: Path, change: Callable[[list[MEMBER]], list[MEMBER]]
) -> None:
    members = members_of(whole)
    assert tar(members) == whole
    refused(tar(change(members)), tmp_path)


KINDS = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "folder": tarfile.DIRTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
    "old regular": tarfile.AREGTYPE,
    "contiguous": tarfile.CONTTYPE,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0, 2, 5, 99])
def test_links_devices_and_folders_are_refused_wherever_they_stand(
    whole: bytes, tmp_path: Path, kind: str, place: int
) -> None:
    members = members_of(whole)
    hostile = tarfile.TarInfo(members[place][0] if place < len(members) else "evil")
    hostile.type, hostile.linkname = KINDS[kind], "/etc/passwd"
    parts = [header(name, len(data)) + data + bytes(-len(data) % 512) for name, data in members]
    parts.insert(place, hostile.tobuf(tarfile.USTAR_FORMAT))
    refused(b"".join(parts) + bytes(1024), tmp_path)
    if place < len(members):
        del parts[place + 1]
        refused(b"".join(parts) + bytes(1024), tmp_path)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(
    "change",
    [
        lambda member: setattr(member, "mtime", 1),
        lambda member: setattr(member, "mtime", 1.5),
        lambda member: setattr(member, "mode", 0o4755),
        lambda member: setattr(member, "uid", 1000),
        lambda member: setattr(member, "uname", "root"),
        lambda member: setattr(member, "pax_headers", {"path": "../../evil", "size": "0"}),
        lambda member: setattr(member, "name", "a/" * 120 + "evil"),
        lambda _: None,
    ],
)
def test_the_same_members_written_in_any_other_way_are_refused(
    whole: bytes, tmp_path: Path, form: int, change: Callable[[tarfile.TarInfo], None]
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as written:
        for number, (name, data) in enumerate(members_of(whole)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if number == 3:
                change(member)
            try:
                written.addfile(member, io.BytesIO(data))
            except ValueError:
                pytest.skip("this form cannot state such a name")
    assert buffer.getvalue() != whole
    refused(buffer.getvalue(), tmp_path)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_archive_is_refused(whole: bytes, tmp_path: Path, mode: Any) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as written:
        written.addfile(tarfile.TarInfo("oci-layout"))
    refused(buffer.getvalue(), tmp_path)


def test_a_size_written_in_another_base_or_with_spaces_is_refused(whole: bytes, tmp_path: Path) -> None:
    size = whole[1024 + 124 : 1024 + 136]
    assert int(size[:11], 8) == len(members_of(whole)[1][1])
    for written in (b"\x80" + bytes(10) + b"\x01", b"%11o " % int(size[:11], 8), b"77777777777\0", b"+" + size[1:]):
        changed = bytearray(whole)
        changed[1024 + 124 : 1024 + 136] = written
        changed[1024 + 148 : 1024 + 156] = b" " * 8
        changed[1024 + 148 : 1024 + 156] = b"%06o\0 " % sum(changed[1024 : 1024 + 512])
        refused(bytes(changed), tmp_path)


# --- sealed again under true digests, and still wrong


def image_of(**changes: Any) -> dict[str, Any]:
    return {**json.loads(sealed().manifest), **changes}


def own_parts() -> list[bytes]:
    package = sealed()
    return [package.config, package.blobs[package.layers[0].digest], FILES["README.md"], FILES["model/model.onnx"]]


def test_the_forger_below_can_make_an_archive_that_is_accepted(tmp_path: Path) -> None:
    assert forged(sealed().manifest, own_parts()) == archived(stored(sealed()), tmp_path).read_bytes()


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"{}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"\xff",
        json.dumps(image_of()).encode(),
        canonical.encode(image_of(annotations={})),
        canonical.encode(image_of(layers=[])),
        canonical.encode(image_of(layers=image_of()["layers"][::-1])),
        canonical.encode(image_of(layers=image_of()["layers"] * 2)),
        canonical.encode(image_of(artifactType="application/x")),
        canonical.encode(image_of(config={**image_of()["config"], "size": 0})),
        canonical.encode(image_of(config={**image_of()["config"], "size": 2**33 - 1})),
        canonical.encode(image_of(config={**image_of()["config"], "digest": "sha256:../../../../etc/passwd"})),
    ],
    ids=range(14),
)
def test_a_forged_oci_manifest_is_refused(tmp_path: Path, image: bytes) -> None:
    refused(forged(image, own_parts()), tmp_path)


def test_two_sizes_of_one_digest_are_refused(tmp_path: Path) -> None:
    layers = image_of()["layers"]
    doubled = [*layers, {**layers[1], "size": layers[1]["size"] + 1}]
    refused(forged(canonical.encode(image_of(layers=doubled)), own_parts()), tmp_path)


def test_a_referrer_of_something_else_is_refused(tmp_path: Path) -> None:
    package = sealed()
    stray = attached(sealed(name="other"))
    members = members_of(archived(stored(package), tmp_path).read_bytes())
    index = json.loads(members[1][1])
    index["manifests"].append(
        {
            "mediaType": media.IMAGE_MANIFEST,
            "digest": stray.digest,
            "size": len(stray.manifest),
            "artifactType": media.PARITY,
            "annotations": {"note": "measured"},
        }
    )
    members[1] = ("index.json", canonical.encode(index))
    more = [(blob_path(digest), stray.blobs[digest]) for digest in reversed(list(stray.blobs))]
    assert isinstance(refused(tar([*members, *more]), tmp_path), ManifestInvalid)


# --- bounds


def test_a_size_that_the_file_does_not_have_is_refused_before_room_is_made_for_it(whole: bytes, tmp_path: Path) -> None:
    lying = forged(canonical.encode(image_of(config={**image_of()["config"], "size": 8**11 - 1})), [])
    digest = image_of()["config"]["digest"]
    lying = lying[:-1024] + header(blob_path(digest), 8**11 - 1)
    tracemalloc.start()
    assert refused(lying, tmp_path).code == "not_canonical"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20


def test_an_index_beyond_its_bound_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.holdall"
    with path.open("wb") as file:
        file.write(tar([("oci-layout", oci.LAYOUT_MARKER)])[:-1024] + header("index.json", 8 * 2**30 - 1))
        file.truncate(8 * 2**30 + 4096)
    tracemalloc.start()
    with pytest.raises(NotCanonical, match="at most"):
        open_archive(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20


def test_memory_stays_bounded_while_large_files_are_written_and_opened(tmp_path: Path) -> None:
    files = {"large.bin": bytes(24 * 2**20)}
    package = seal(manifest(files), files)
    content = stored(package)
    tracemalloc.start()
    path = archived(content, tmp_path)
    open_archive(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_more_referrers_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = sealed()
    path = archived(stored(package, attached(package, b"1"), attached(package, b"2")), tmp_path)
    monkeypatch.setattr(oci, "MOST_REFERRERS", 1)
    with pytest.raises(ManifestInvalid, match="referrers"):
        open_archive(path)


# --- the file and the folder around it


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_archive(tmp_path / "none.holdall")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_not_a_file_is_refused_and_does_not_hang(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.holdall"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(NotCanonical):
        open_archive(path)


def test_an_archive_replaces_what_was_there_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "tiny.holdall"
    path.write_text("something older")
    write_archive(tiny(), path)
    assert open_archive(path).digest == sealed().digest
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        assert archived(tiny(), tmp_path).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


def test_a_package_that_lacks_a_blob_is_not_written(tmp_path: Path) -> None:
    package = sealed()
    store = MemoryStore()
    for digest, data in package.blobs.items():
        if digest != digests.of(FILES["README.md"]):
            store.put(data)
    path = tmp_path / "tiny.holdall"
    path.write_text("something older")
    with pytest.raises(BlobMissing):
        write_archive(from_store(store, package.digest), path)
    assert path.read_text() == "something older"
    assert list(tmp_path.iterdir()) == [path]


def test_damage_after_opening_is_found_when_it_is_read(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tiny.holdall"
    path.write_bytes(whole)
    content = open_archive(path)
    offset = whole.index(FILES["README.md"])
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), b"!", offset)
    with pytest.raises(DigestMismatch, match=r"^README\.md"):
        content.read("README.md")
    assert content.read("model/model.onnx") == FILES["model/model.onnx"]
    assert [entry.path for entry in content.verify()] == ["README.md"]
    os.truncate(path, 1024)
    with pytest.raises(DigestMismatch):
        content.read("model/model.onnx")


def test_a_swapper_never_gets_other_bytes_read(tmp_path: Path) -> None:
    """The path is swapped between two packages all the time; what was opened stays what it is."""
    good = archived(tiny(), tmp_path, "good.holdall").read_bytes()
    other = archived(stored(sealed({"README.md": b"another"})), tmp_path, "other.holdall").read_bytes()
    path, stop = tmp_path / "swapped.holdall", threading.Event()
    path.write_bytes(good)

    def swap() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            spare = tmp_path / f"spare{number % 2}"
            spare.write_bytes(other if number % 2 else good)
            os.replace(spare, path)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for _ in range(300):
            content = open_archive(path)
            seen.add(content.digest)
            expected = FILES["README.md"] if content.digest == sealed().digest else b"another"
            assert content.read("README.md") == expected
            assert content.verify() == ()
    finally:
        stop.set()
        thread.join()
    assert len(seen) == 2


def test_an_opened_archive_is_read_by_many_threads_at_once(tmp_path: Path) -> None:
    content = open_archive(archived(tiny(), tmp_path))
    expected = dict(content.blobs())
    failures: list[object] = []

    def work() -> None:
        for _ in range(50):
            if dict(content.blobs()) != expected:
                failures.append("differs")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_file_is_closed_when_the_content_is_gone(tmp_path: Path) -> None:
    path = archived(tiny(), tmp_path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    content = open_archive(path)
    assert content.read("README.md")
    del content
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_source_knows_its_blobs_once_it_was_scanned(tmp_path: Path) -> None:
    source = archive.ArchiveSource(archived(tiny(), tmp_path))
    assert list(source.digests()) == []
    source.scan()
    assert everything(source) == dict(tiny().blobs())
    assert sealed().digest in source
    with pytest.raises(BlobMissing):
        source.read(digests.of(b"absent"))


def test_a_payload_that_is_also_a_file_is_stored_once(tmp_path: Path) -> None:
    package = sealed()
    twin = refer(package.descriptor, media.RECEIPT, FILES["README.md"], "text/markdown")
    path = archived(stored(package, twin), tmp_path)
    assert path.read_bytes().count(FILES["README.md"]) == 1
    opened = open_archive(path)
    assert opened.payload(opened.referrers()[0]) == opened.read("README.md")
