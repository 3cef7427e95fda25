"""A layout folder: shared with other packages and other tools, and never believed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdall.content import media, oci
from holdall.content.archive import open_archive
from holdall.content.layout import open_layout, write_layout
from holdall.content.seal import seal
from holdall.content.store import blob_path
from holdall.errors import (
    BlobMissing,
    DigestMismatch,
    Error,
    ManifestInvalid,
    NotCanonical,
    NotFound,
    StorageFailed,
    UsageError,
    VersionExists,
)
from holdall.spec import canonical
from holdall.spec import digest as digests

from .samples import FILES, archived, attached, manifest, sealed, stored, tiny, tree
from .test_archive import JSON
from .test_seal import FILE_SETS

NAME = "org.opencontainers.image.ref.name"


def index_of(folder: Path) -> Any:
    return json.loads((folder / "index.json").read_bytes())


def change_index(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    index = index_of(folder)
    change(index)
    (folder / "index.json").write_text(json.dumps(index, indent=2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_layout(tiny(), tmp_path / "layout")
    return tmp_path / "layout"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILE_SETS, payloads=st.lists(st.binary(max_size=20), max_size=2, unique=True))
def test_archive_to_layout_to_archive_gives_the_same_bytes(
    tmp_path: Path, files: dict[str, bytes], payloads: list[bytes]
) -> None:
    package = seal(manifest(files), files)
    first = archived(stored(package, *(attached(package, each) for each in payloads)), tmp_path, "first.holdall")
    write_layout(open_archive(first), tmp_path / "layout")
    second = archived(open_layout(tmp_path / "layout", package.digest), tmp_path, "second.holdall")
    shutil.rmtree(tmp_path / "layout")
    assert first.read_bytes() == second.read_bytes()


def test_a_layout_holds_what_an_archive_of_it_holds(folder: Path, tmp_path: Path) -> None:
    with_tar = tmp_path / "unpacked"
    with_tar.mkdir()
    subprocess.run(["tar", "xf", archived(tiny(), tmp_path), "-C", with_tar], check=True)
    assert tree(folder) == tree(with_tar)


def test_writing_a_package_twice_changes_nothing(folder: Path) -> None:
    before = tree(folder)
    write_layout(tiny(), folder)
    assert tree(folder) == before


def test_a_layout_is_readable_by_whom_the_umask_lets(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_layout(tiny(), tmp_path / "layout")
    finally:
        os.umask(old)
    for path in [tmp_path / "layout", *(tmp_path / "layout").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_several_packages_share_a_folder_and_are_told_apart_by_digest(folder: Path) -> None:
    other, newer = sealed(name="other"), sealed(version="1.1.0")
    write_layout(stored(other, attached(other)), folder)
    write_layout(stored(newer), folder)
    for package, count in ((sealed(), 1), (other, 1), (newer, 0)):
        content = open_layout(folder, package.digest)
        assert content.digest == package.digest
        assert len(content.referrers()) == count
        assert content.verify() == ()
    with pytest.raises(UsageError, match="holds 3 packages") as caught:
        open_layout(folder)
    assert {each["digest"] for each in caught.value.facts["packages"]} == {
        sealed().digest,
        other.digest,
        newer.digest,
    }
    names = [each["annotations"][NAME] for each in index_of(folder)["manifests"] if NAME in each["annotations"]]
    assert names == ["1.0.0", "other:1.0.0", "1.1.0"]


def test_another_package_of_the_same_name_and_version_is_refused_and_nothing_changes(folder: Path) -> None:
    before = tree(folder)
    with pytest.raises(VersionExists):
        write_layout(stored(sealed({"README.md": b"changed"})), folder)
    assert tree(folder) == before


def test_referrers_that_are_there_already_are_kept_and_new_ones_added(folder: Path) -> None:
    package = sealed()
    write_layout(stored(package, attached(package, b"examples", media.EXAMPLES)), folder)
    write_layout(stored(package), folder)
    assert {each.artifact_type for each in open_layout(folder).referrers()} == {media.PARITY, media.EXAMPLES}


def test_what_other_tools_put_into_the_folder_stays(folder: Path) -> None:
    foreign = [
        {"mediaType": "application/x-other", "digest": "sha512:" + "0" * 128, "size": 3, "x-more": {"a": [1, None]}},
        {"mediaType": media.IMAGE_INDEX, "digest": "sha256:" + "1" * 64, "size": 3, "platform": {"os": "linux"}},
        {"mediaType": media.IMAGE_MANIFEST, "digest": "sha256:" + "2" * 64, "size": 3, "annotations": None},
        {"mediaType": media.IMAGE_MANIFEST, "digest": sealed().digest, "size": 3, "annotations": {NAME: "latest"}},
    ]
    change_index(folder, lambda index: index["manifests"].extend(foreign))
    (folder / "notes.txt").write_text("mine")
    other = sealed(name="other")
    write_layout(stored(other), folder)
    assert [each for each in index_of(folder)["manifests"] if each in foreign] == foreign
    assert (folder / "notes.txt").read_text() == "mine"
    assert open_layout(folder, other.digest).verify() == ()
    assert open_layout(folder, sealed().digest).verify() == ()


def test_any_spelling_of_the_index_and_the_marker_is_read(folder: Path) -> None:
    change_index(folder, lambda index: index.pop("mediaType"))
    change_index(folder, lambda index: index["manifests"][0].pop("artifactType"))
    change_index(folder, lambda index: index["manifests"][0].pop("annotations"))
    (folder / "oci-layout").write_text('{ "imageLayoutVersion": "1.0.0", "more": 1 }\n')
    assert open_layout(folder).verify() == ()
    assert len(open_layout(folder).referrers()) == 1


def test_only_what_the_index_lists_is_a_package_of_the_folder(folder: Path) -> None:
    change_index(folder, lambda index: index["manifests"].clear())
    with pytest.raises(NotFound):
        open_layout(folder)
    with pytest.raises(NotFound):
        open_layout(folder, sealed().digest)


def test_a_folder_that_is_not_there_or_is_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_layout(tmp_path / "none")
    with pytest.raises(ManifestInvalid, match="oci-layout"):
        open_layout(tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')
    with pytest.raises(ManifestInvalid, match=r"2\.0\.0"):
        open_layout(tmp_path)
    with pytest.raises(ManifestInvalid):
        write_layout(tiny(), tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    with pytest.raises(NotFound, match=r"index\.json"):
        open_layout(tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.one_of(JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")), st.binary()))
def test_any_index_is_read_or_refused_by_name(tmp_path: Path, index: bytes) -> None:
    (tmp_path / "oci-layout").write_bytes(oci.LAYOUT_MARKER)
    (tmp_path / "index.json").write_bytes(index)
    with pytest.raises(Error):
        open_layout(tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(JSON, max_size=3))
def test_a_package_is_added_to_any_index_that_can_be_read(tmp_path: Path, entries: list[Any]) -> None:
    (tmp_path / "oci-layout").write_bytes(oci.LAYOUT_MARKER)
    written = json.dumps({"schemaVersion": 2, "manifests": entries}).encode("utf-8", "surrogatepass")
    (tmp_path / "index.json").write_bytes(written)
    try:
        write_layout(tiny(), tmp_path)
    except ManifestInvalid:
        assert (tmp_path / "index.json").read_bytes() == written
    else:
        assert open_layout(tmp_path, sealed().digest).verify() == ()


def test_every_flip_in_a_blob_is_found(folder: Path) -> None:
    for path in sorted((folder / "blobs/sha256").iterdir()):
        whole = path.read_bytes()
        for offset in range(0, len(whole), 7):
            path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x10]) + whole[offset + 1 :])
            try:
                failures = open_layout(folder).verify()
            except DigestMismatch:
                continue
            assert [entry.code for entry in failures] == ["digest_mismatch"]
        path.write_bytes(whole)
    assert open_layout(folder).verify() == ()


@pytest.mark.parametrize("what", ["blobs", "blobs/sha256", "index.json", "oci-layout", "blob"])
def test_no_link_below_the_folder_is_followed(folder: Path, tmp_path: Path, what: str) -> None:
    path = folder / (blob_path(digests.of(FILES["README.md"])) if what == "blob" else what)
    os.rename(path, tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    before = tree(tmp_path)
    if what == "blob":
        assert [entry.code for entry in open_layout(folder).verify()] == ["not_canonical"]
    else:
        with pytest.raises(NotCanonical):
            open_layout(folder)
        with pytest.raises((NotCanonical, StorageFailed)):
            write_layout(stored(sealed(name="other")), folder)
        assert tree(tmp_path) == before


def test_a_missing_blob_is_told(folder: Path) -> None:
    (folder / blob_path(digests.of(FILES["README.md"]))).unlink()
    assert [(entry.path, entry.code) for entry in open_layout(folder).verify()] == [("README.md", "blob_missing")]
    with pytest.raises(BlobMissing):
        open_layout(folder).read("README.md")


def test_a_damaged_blob_is_mended_by_writing_the_package_again(folder: Path) -> None:
    (folder / blob_path(digests.of(FILES["README.md"]))).write_bytes(b"?")
    write_layout(tiny(), folder)
    assert open_layout(folder).verify() == ()


def test_an_index_beyond_its_bound_is_not_read(folder: Path) -> None:
    with (folder / "index.json").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(NotCanonical, match="at most"):
        open_layout(folder)


def test_an_index_that_was_cut_is_refused(folder: Path) -> None:
    (folder / "index.json").write_bytes((folder / "index.json").read_bytes()[:-1])
    with pytest.raises(ManifestInvalid):
        open_layout(folder)
    with pytest.raises(ManifestInvalid):
        write_layout(stored(sealed(name="other")), folder)


def test_writers_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for each in range(5):
                write_layout(stored(sealed(name=f"package-{number}", version=f"1.{each}.0")), tmp_path / "layout")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(index_of(tmp_path / "layout")["manifests"]) == 20
    for number in range(4):
        open_layout(tmp_path / "layout", sealed(name=f"package-{number}", version="1.4.0").digest)


SKOPEO = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


def skopeo(*words: str | Path) -> bytes:
    done = subprocess.run(["skopeo", "--insecure-policy", *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.peer
@SKOPEO
def test_skopeo_copies_a_layout_and_the_package_keeps_its_digest(folder: Path, tmp_path: Path) -> None:
    skopeo("copy", f"oci:{folder}:1.0.0", f"oci:{tmp_path}/copy:production")
    content = open_layout(tmp_path / "copy")
    assert content.digest == sealed().digest
    assert content.verify() == ()
    assert (tmp_path / "copy" / "index.json").read_bytes() != (folder / "index.json").read_bytes()
    assert archived(content, tmp_path, "copy.holdall").read_bytes() == archived(stored(sealed()), tmp_path).read_bytes()


@pytest.mark.peer
@SKOPEO
def test_skopeo_reads_an_archive_as_it_is(tmp_path: Path) -> None:
    path = archived(tiny(), tmp_path)
    assert skopeo("inspect", "--raw", f"oci-archive:{path}:1.0.0") == sealed().manifest


@pytest.mark.peer
@SKOPEO
def test_skopeo_finds_each_of_several_packages_by_its_name(folder: Path) -> None:
    other = sealed(name="team/other")
    write_layout(stored(other), folder)
    assert skopeo("inspect", "--raw", f"oci:{folder}:1.0.0") == sealed().manifest
    assert skopeo("inspect", "--raw", f"oci:{folder}:team/other:1.0.0") == other.manifest


@pytest.mark.peer
@SKOPEO
def test_a_package_is_added_to_a_layout_that_skopeo_wrote(folder: Path, tmp_path: Path) -> None:
    skopeo("copy", f"oci:{folder}:1.0.0", f"oci:{tmp_path}/copy:latest")
    other = sealed(version="2.0.0")
    write_layout(stored(other), tmp_path / "copy")
    assert skopeo("inspect", "--raw", f"oci:{tmp_path}/copy:2.0.0") == other.manifest
    assert skopeo("inspect", "--raw", f"oci:{tmp_path}/copy:latest") == sealed().manifest


def test_an_index_is_written_canonically(folder: Path) -> None:
    data = (folder / "index.json").read_bytes()
    assert canonical.encode(canonical.decode(data, "it")) == data
