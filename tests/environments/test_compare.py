"""Each difference between a lock and an interpreter is named, and only what is one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from holdall.environments import pylock
from holdall.environments.compare import Difference, compare, differences, same_version, unlocked
from holdall.environments.pylock import Archive, Lock, Locked
from holdall.environments.target import Target, here, of, stated
from holdall.errors import UsageError
from tests.environments.samples import SHA


def locked(name: str, version: str, marker: str | None = None, tag: str = "py3-none-any") -> Locked:
    return Locked(name, version, marker, (Archive(f"{name}-{version}-{tag}.whl", SHA),))


def target(**installed: str) -> Target:
    return Target(here().environment, None, installed)


def test_what_is_missing_or_of_another_version_differs_and_what_is_more_does_not() -> None:
    lock = Lock(">=3.11", (locked("a", "1.0"), locked("b", "1.0"), locked("c", "1.0")))
    assert compare(lock, target(a="1.0", b="1.1", d="5")) == [
        Difference("b", "1.0", "1.1"),
        Difference("c", "1.0", None),
    ]


def test_a_package_for_another_system_is_no_difference() -> None:
    lock = Lock(">=3.11", (locked("a", "1.0", 'sys_platform == "nowhere"'), locked("b", "1.0", 'os_name != "nowhere"')))
    assert compare(lock, target()) == [Difference("b", "1.0", None)]


def test_a_python_that_the_lock_is_not_for_differs() -> None:
    present = here().python
    assert compare(Lock(">=3.77", ()), target()) == [Difference("python", ">=3.77", present)]


@pytest.mark.parametrize(
    ("installed", "wanted", "same"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.0.0", True),
        ("2.13.0+cpu", "2.13.0", True),
        ("2.13.0+cpu", "2.13.0+cu121", False),
        ("1.0.post1", "1.0", False),
        ("1.0rc1", "1.0", False),
        ("not a version", "1.0", False),
    ],
)
def test_one_version_in_two_spellings_is_one(installed: str, wanted: str, same: bool) -> None:
    assert same_version(installed, wanted) is same


def test_the_present_interpreter_is_the_default_and_another_one_is_asked() -> None:
    import numpy

    data = pylock.encode(Lock(">=3.11", (locked("numpy", numpy.__version__),)))
    assert differences(data) == []
    assert differences(data, Path(sys.executable)) == []


def test_another_interpreter_says_of_itself_what_it_would_say_from_inside() -> None:
    inside, asked = here(), of(Path(sys.executable))
    assert asked.environment == inside.environment
    assert asked.installed == inside.installed


def test_what_is_no_python_is_refused(tmp_path: Path) -> None:
    for wrong in (tmp_path / "nothing", Path("/bin/false")):
        with pytest.raises(UsageError, match="not a Python"):
            of(wrong)


def test_for_a_described_machine_a_package_without_a_file_for_it_differs() -> None:
    manylinux = locked("a", "1.0", tag="cp312-cp312-manylinux_2_28_x86_64")
    mac = locked("b", "1.0", 'sys_platform == "darwin"', tag="cp312-abi3-macosx_11_0_arm64")
    lock = Lock(">=3.11", (manylinux, mac, locked("c", "1.0")))
    assert compare(lock, stated("linux-x86_64", "3.12", "2.28")) == []
    assert compare(lock, stated("linux-x86_64", "3.12", "2.27")) == [Difference("a", "1.0", None)]
    assert compare(lock, stated("linux-x86_64", "3.13")) == [Difference("a", "1.0", None)]
    assert compare(lock, stated("linux-aarch64", "3.12")) == [Difference("a", "1.0", None)]
    assert compare(lock, stated("macos-arm64", "3.13")) == [Difference("a", "1.0", None)]
    assert compare(lock, stated("windows-x86_64", "3.10"))[-1] == Difference("python", ">=3.11", "3.10.0")


def test_a_described_machine_runs_what_this_one_runs() -> None:
    own = stated()
    wheel = next(tag for tag in own.tags or () if tag.abi.startswith("cp"))
    assert wheel in (here().tags or ())


@pytest.mark.parametrize(
    "words",
    [
        {"platform": "amiga-m68k"},
        {"platform": "linux"},
        {"platform": "linux-arm64"},
        {"python": "3"},
        {"python": "3.x"},
        {"glibc": "new"},
        {"platform": "macos-arm64", "glibc": "2.28"},
    ],
)
def test_a_machine_that_cannot_be_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        stated(**words)
    assert refused.value.hint


def test_without_a_lock_the_requirements_are_compared() -> None:
    requires = ["a>=1", "b==2", 'c>=1; sys_platform == "nowhere"', "d"]
    found = unlocked(">=3.11", requires, target(a="0.9", d="1"))
    assert found == [Difference("a", ">=1", "0.9"), Difference("b", "==2", None)]
