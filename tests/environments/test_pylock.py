"""The lock's own spelling: no address, no time, the same bytes for the same packages."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import Pylock

from holdall.environments import pylock
from holdall.environments.pylock import Archive, Lock, Locked
from holdall.environments.target import stated
from holdall.errors import ManifestInvalid
from tests.environments.samples import RESOLVED, SERVER, SHA


def test_no_address_no_time_and_no_tool_gets_into_the_lock() -> None:
    text = pylock.canonical(RESOLVED, ">=3.11").decode()
    for machine_fact in ("http", "index.example", "upload-time", "uv", "2025-12", "#", "file:"):
        assert machine_fact not in text
    assert 'path = "wheels/numpy-2.4.6-cp311-cp311-win_amd64.whl"' in text
    assert 'created-by = "holdall"' in text


def test_the_lock_is_a_lock_to_others_too() -> None:
    import tomllib

    read = Pylock.from_dict(tomllib.loads(pylock.canonical(RESOLVED, ">=3.11").decode()))
    assert [package.name for package in read.packages] == ["flatbuffers", "numpy", "only-source"]


def test_a_source_distribution_is_kept_only_where_there_is_no_wheel() -> None:
    lock = pylock.decode(pylock.canonical(RESOLVED, ">=3.11"))
    by_name = {package.name: package for package in lock.packages}
    assert by_name["numpy"].sdist is None
    assert by_name["only-source"].sdist == Archive("only_source-1.0.tar.gz", SHA, 12)


def test_the_order_in_which_the_resolver_writes_changes_no_byte() -> None:
    head, *packages = RESOLVED.split("[[packages]]")
    for seed in range(5):
        random.Random(seed).shuffle(packages)
        shuffled = "[[packages]]".join([head, *packages])
        assert pylock.canonical(shuffled, ">=3.11") == pylock.canonical(RESOLVED, ">=3.11")


@pytest.mark.parametrize(
    "package",
    [
        f'name = "a"\nversion = "1"\nvcs = {{ type = "git", url = "{SERVER}/a", commit-id = "abc" }}',
        f'name = "a"\nversion = "1"\narchive = {{ url = "{SERVER}/a.zip", hashes = {{ sha256 = "{SHA}" }} }}',
        'name = "a"\ndirectory = { path = "/home/ada/a" }',
        f'name = "a"\nversion = "1"\nwheels = [{{ url = "{SERVER}/a-1-py3-none-any.whl", hashes = {{ md5 = "0" }} }}]',
        f'name = "a"\nversion = "1"\nwheels = [{{ url = "{SERVER}/b-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}]',
        'name = "a"\nversion = "1"',
    ],
)
def test_what_has_an_address_or_no_hash_is_not_locked(package: str) -> None:
    with pytest.raises(ValueError, match="a"):
        pylock.canonical(f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\n{package}\n', ">=3.11")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "# a comment\n" + text + "\n",
        lambda text: text.replace("wheels/", "../"),
        lambda text: text.replace("wheels/", "wheels/../", 1),
        lambda text: text.replace('version = "2.4.6"', 'version = "2.4.6"\nindex = "' + SERVER + '"'),
        lambda text: text.replace(SHA, "0", 1),
        lambda text: text.replace("numpy-2.4.6-cp311-cp311-win", "scipy-2.4.6-cp311-cp311-win"),
        lambda text: text.replace('lock-version = "1.0"', 'lock-version = "2.0"'),
        lambda text: text[: len(text) // 2],
    ],
)
def test_a_lock_that_is_spelled_otherwise_is_refused(change: object) -> None:
    text = pylock.canonical(RESOLVED, ">=3.11").decode()
    changed = change(text)  # type: ignore[operator]
    assert changed != text
    with pytest.raises(ManifestInvalid):
        pylock.decode(changed.encode())


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fail_in_another_way(data: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        pylock.decode(data)


names = st.from_regex(r"[a-z]([a-z0-9]|-(?=[a-z0-9])){0,8}", fullmatch=True).filter(lambda name: not name.endswith("-"))
versions = st.from_regex(r"[1-9][0-9]?(\.[1-9][0-9]?){0,2}", fullmatch=True)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
markers = st.sampled_from([None, 'sys_platform == "win32"', 'python_full_version < "3.12" and os_name == "posix"'])


@st.composite
def packages(draw: st.DrawFn) -> Locked:
    name, version = draw(names), draw(versions)
    wheel = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    size = draw(st.none() | st.integers(0, 2**40))
    return Locked(name, version, draw(markers), (Archive(wheel, draw(hashes), size),))


@given(st.lists(packages(), max_size=4))
def test_a_lock_reads_back_as_it_was(found: list[Locked]) -> None:
    lock = Lock(">=3.11,<3.14", tuple(found))
    assert pylock.decode(pylock.encode(lock)) == lock


def test_a_package_fits_where_one_of_its_wheels_runs() -> None:
    lock = pylock.decode(pylock.canonical(RESOLVED, ">=3.11"))
    by_name = {package.name: package for package in lock.packages}
    fits = {
        (platform, python, glibc): by_name["numpy"].fits(stated(platform, python, glibc).tags or ())
        for platform, python, glibc in [
            ("windows-x86_64", "3.11", None),
            ("windows-x86_64", "3.12", None),
            ("linux-x86_64", "3.11", "2.28"),
            ("linux-x86_64", "3.11", "2.17"),
            ("linux-aarch64", "3.11", None),
        ]
    }
    assert list(fits.values()) == [True, False, True, False, False]
    assert by_name["flatbuffers"].fits(stated("macos-arm64", "3.13").tags or ())
