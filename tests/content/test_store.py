"""The contract of every store, run over each of them; and what only folders can get wrong."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.content.store import BlobStore, FolderSource, FolderStore, MemoryStore, blob_path
from holdall.errors import BlobMissing, DigestMismatch, InvalidReference, NotCanonical, StorageFailed
from holdall.spec import digest as digests
from holdall.spec.digest import Digest

from .samples import everything

BIG = os.urandom(3 * 2**20 + 17)

Make = Callable[[], BlobStore]


@pytest.fixture(params=["memory", "folder"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    if request.param == "memory":
        return MemoryStore
    return lambda: FolderStore(tmp_path_factory.mktemp("store") / "deep" / "er")


@pytest.mark.parametrize("data", [b"", b"a", b"\x00" * 512, BIG])
def test_what_was_put_is_read_back_by_its_digest(make: Make, data: bytes) -> None:
    store = make()
    digest = store.put(data)
    assert digest == digests.of(data)
    assert store.read(digest) == data
    assert b"".join(store.stream(digest)) == data
    assert store.size(digest) == len(data)
    assert digest in store
    assert store.holds(digest)
    assert list(store.digests()) == [digest]


@settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.binary(max_size=50), max_size=6))
def test_a_stream_is_kept_as_the_same_bytes_in_one_piece_would_be(pieces: list[bytes]) -> None:
    store = MemoryStore()
    assert store.put_stream(pieces) == (digests.of(b"".join(pieces)), sum(map(len, pieces)))
    assert everything(store) == {digests.of(b"".join(pieces)): b"".join(pieces)}


def test_a_stream_into_a_folder_is_kept_as_the_same_bytes_in_one_piece_would_be(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert store.put_stream(BIG[start : start + 1000] for start in range(0, len(BIG), 1000)) == (
        digests.of(BIG),
        len(BIG),
    )
    assert store.read(digests.of(BIG)) == BIG


def test_a_blob_that_is_not_there_is_missing(make: Make) -> None:
    store = make()
    absent = digests.of(b"absent")
    assert absent not in store
    assert not store.holds(absent)
    assert list(store.digests()) == []
    for ask in (store.read, store.size, store.path, lambda digest: list(store.stream(digest))):
        with pytest.raises(BlobMissing):
            ask(absent)


def test_what_a_stream_raises_goes_through_and_nothing_is_kept(make: Make) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half of "
        raise DigestMismatch("somewhere", "sha256:a", "sha256:b")

    store = make()
    with pytest.raises(DigestMismatch):
        store.put_stream(broken())
    assert list(store.digests()) == []


def test_a_broken_stream_leaves_no_file_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half of "
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="the source is gone"):
        FolderStore(tmp_path).put_stream(broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_is_made_only_when_something_is_put(tmp_path: Path) -> None:
    FolderStore(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_nobody_else_can_read_a_store_but_anybody_a_shared_one(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        private, shared = FolderStore(tmp_path / "private"), FolderStore(tmp_path / "shared", shared=True)
        for store, folder_mode, file_mode in ((private, 0o700, 0o600), (shared, 0o755, 0o644)):
            path = store.path(store.put(b"x"))
            assert path is not None
            assert stat.S_IMODE(path.stat().st_mode) == file_mode
            assert stat.S_IMODE(path.parent.stat().st_mode) == folder_mode
    finally:
        os.umask(old)


def test_the_path_of_a_blob_is_a_file_with_its_bytes(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    path = store.path(store.put(b"weights"))
    assert path is not None
    assert path.read_bytes() == b"weights"


def test_a_strangers_folder_gives_bytes_but_no_path(tmp_path: Path) -> None:
    digest = FolderStore(tmp_path).put(b"weights")
    assert FolderSource(tmp_path).read(digest) == b"weights"
    assert FolderSource(tmp_path).path(digest) is None


def test_an_existing_blob_is_not_rewritten(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    path = store.path(store.put(b"weights"))
    assert path is not None
    before = path.stat()
    store.put(b"weights")
    store.put_stream([b"wei", b"ghts"])
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda _: b"",
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 0x80]),
    ],
    ids=["cut", "longer", "empty", "first bit", "last bit"],
)
def test_a_damaged_blob_is_never_given_and_putting_it_again_mends_it(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    store = FolderStore(tmp_path)
    digest = store.put(BIG)
    file = tmp_path / blob_path(digest)
    file.write_bytes(damage(BIG))
    for ask in (store.read, store.path, lambda digest: list(store.stream(digest))):
        with pytest.raises(DigestMismatch) as caught:
            ask(digest)
        assert caught.value.facts["expected"] == digest
    assert not store.holds(digest)
    store.put(BIG)
    assert store.read(digest) == BIG


def test_a_stream_of_a_damaged_blob_never_gives_all_of_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    digest = store.put(BIG)
    (tmp_path / blob_path(digest)).write_bytes(BIG[:-1] + b"?")
    chunks: list[bytes] = []
    with pytest.raises(DigestMismatch):
        chunks.extend(store.stream(digest))
    assert 0 < sum(map(len, chunks)) < len(BIG)


@pytest.mark.parametrize("where", ["blob", "sha256", "blobs"])
def test_no_link_below_the_root_is_followed(tmp_path: Path, where: str) -> None:
    store = FolderStore(tmp_path / "store")
    digest = store.put(b"secret")
    link = {"blob": tmp_path / "store" / blob_path(digest), "blobs": tmp_path / "store/blobs"}.get(
        where, tmp_path / "store/blobs/sha256"
    )
    os.rename(link, tmp_path / "moved")
    link.symlink_to(tmp_path / "moved")
    with pytest.raises(NotCanonical):
        store.read(digest)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_not_a_regular_file_is_refused_and_does_not_hang(tmp_path: Path, kind: str) -> None:
    store = FolderStore(tmp_path)
    digest = store.put(b"x")
    file = tmp_path / blob_path(digest)
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    with pytest.raises(NotCanonical):
        store.read(digest)


def test_a_name_that_is_no_digest_never_reaches_the_disk(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    FolderStore(tmp_path).put(b"x")
    with pytest.raises(InvalidReference):
        FolderStore(tmp_path).read(Digest("sha256:../../secret"))


def test_foreign_files_among_the_blobs_are_not_listed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    digest = store.put(b"x")
    for name in ("notes.txt", "A" * 64, "0" * 63):
        (tmp_path / "blobs/sha256" / name).write_text("?")
    assert list(store.digests()) == [digest]


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailed):
        FolderStore(tmp_path / "file" / "store").put(b"x")


def test_old_leftovers_are_removed_on_start_and_young_ones_kept(tmp_path: Path) -> None:
    FolderStore(tmp_path).put(b"x")
    old, young, other = (tmp_path / name for name in (".holdall-1.part", ".holdall-2.part", "mine.part"))
    for file in (old, young, other):
        file.write_text("half")
    for file in (old, other):
        os.utime(file, (0, 0))
    FolderStore(tmp_path)
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


def test_many_threads_may_put_the_same_and_other_blobs_at_once(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for each in range(10):
                data = b"shared" if each % 2 else b"%d-%d" % (number, each)
                assert store.read(store.put(data)) == data
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(everything(store)) == 31
    assert list(tmp_path.glob(".holdall-*")) == []
