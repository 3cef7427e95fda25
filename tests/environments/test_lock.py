"""Locking against an index of our own: what is locked, what is preferred, what is kept, and what happens without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdall.environments import lock as locking
from holdall.environments import pylock, uv
from holdall.environments.lock import lock
from holdall.environments.uv import ResolverFailed
from holdall.errors import MissingDependency
from tests.environments import index as indexes
from tests.environments.test_requirements import put


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package index on this machine that uv asks; what it has learned before is forgotten."""
    with indexes.serving(tmp_path / "index") as address:
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        yield tmp_path / "index"


def versions(data: bytes) -> dict[str, str]:
    return {package.name: package.version for package in pylock.decode(data).packages}


def test_the_lock_holds_what_is_asked_for_and_what_that_needs(index: Path) -> None:
    digest = indexes.add(index, "top", "1.0", needs=("middle>=2", 'other; sys_platform == "win32"'))
    for name, version in (("middle", "2.5"), ("other", "1.0"), ("unrelated", "1.0")):
        indexes.add(index, name, version)
    data = lock(["top>=0.5"], ">=3.11")
    assert versions(data) == {"top": "1.0", "middle": "2.5", "other": "1.0"}
    by_name = {package.name: package for package in pylock.decode(data).packages}
    assert [(wheel.name, wheel.sha256) for wheel in by_name["top"].wheels] == [("top-1.0-py3-none-any.whl", digest)]
    assert by_name["other"].marker == 'sys_platform == "win32"'
    assert pylock.decode(data).python == ">=3.11"


def test_no_address_of_the_index_is_in_the_lock(index: Path) -> None:
    indexes.add(index, "top", "1.0")
    data = lock(["top"], ">=3.11").decode()
    assert "127.0.0.1" not in data
    assert "http" not in data
    assert str(index) not in data


def test_what_is_installed_here_is_locked_even_where_the_index_has_newer_releases(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0", "1.1"):
        indexes.add(index, "top", version, needs=("middle",))
        indexes.add(index, "middle", version)
    assert versions(lock(["top>=1"], ">=3.11")) == {"top": "1.1", "middle": "1.1"}
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    put(tmp_path / "site", "top", "1.0", [], ("middle",))
    put(tmp_path / "site", "middle", "1.0", [])
    assert versions(lock(["top>=1"], ">=3.11")) == {"top": "1.0", "middle": "1.0"}


def test_a_kept_lock_is_the_answer_without_any_index(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes.add(index, "top", "1.0")
    first = lock(["top"], ">=3.11", tmp_path / "kept")
    indexes.add(index, "top", "2.0")
    monkeypatch.setattr(uv, "find", lambda: pytest.fail("uv was asked"))
    assert lock(["top"], ">=3.11", tmp_path / "kept") == first


def test_another_question_is_not_answered_with_a_kept_lock(index: Path, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        indexes.add(index, "top", version)
    kept = tmp_path / "kept"
    assert versions(lock(["top"], ">=3.11", kept)) == {"top": "2.0"}
    assert versions(lock(["top<2"], ">=3.11", kept)) == {"top": "1.0"}
    assert pylock.decode(lock(["top"], ">=3.12", kept)).python == ">=3.12"


def test_a_kept_lock_that_is_damaged_is_made_anew(index: Path, tmp_path: Path) -> None:
    indexes.add(index, "top", "1.0")
    first = lock(["top"], ">=3.11", tmp_path / "kept")
    (place,) = (tmp_path / "kept").iterdir()
    place.write_bytes(first[:50])
    assert lock(["top"], ">=3.11", tmp_path / "kept") == first
    assert place.read_bytes() == first


def test_where_locks_cannot_be_kept_the_lock_is_still_made(index: Path, tmp_path: Path) -> None:
    indexes.add(index, "top", "1.0")
    (tmp_path / "file").write_text("in the way")
    assert versions(lock(["top"], ">=3.11", tmp_path / "file" / "kept")) == {"top": "1.0"}


def test_what_no_index_has_is_told_with_its_reason(index: Path) -> None:
    indexes.add(index, "top", "1.0")
    with pytest.raises(ResolverFailed, match="nowhere"):
        lock(["top", "nowhere"], ">=3.11")
    with pytest.raises(ResolverFailed, match="top"):
        lock(["top>=2"], ">=3.11")


def test_an_index_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
        monkeypatch.setattr(locking, "_SECONDS", 2.0)
        began = time.monotonic()
        with pytest.raises(ResolverFailed):
            lock(["top"], ">=3.11")
        assert time.monotonic() - began < 10


def test_what_uv_has_learned_before_is_enough_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with indexes.serving(tmp_path / "index") as address:
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        indexes.add(tmp_path / "index", "top", "1.0")
        first = lock(["top"], ">=3.11")
    assert lock(["top"], ">=3.11") == first
    with pytest.raises(ResolverFailed, match="other"):
        lock(["top", "other"], ">=3.11")


def test_without_uv_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "find", lambda: None)
    with pytest.raises(MissingDependency) as missing:
        lock(["top"], ">=3.11")
    assert missing.value.hint == "pip install 'holdall[pack]'"
