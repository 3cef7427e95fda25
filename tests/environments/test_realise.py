"""An environment is complete or not there at all, and holds exactly what the lock says."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from holdall.environments import pylock, uv
from holdall.environments.compare import differences
from holdall.environments.pylock import Archive, Lock, Locked
from holdall.environments.realise import python_of, realise
from holdall.environments.uv import ResolverFailed
from holdall.errors import MissingDependency, UsageError
from tests.environments import index as indexes


@pytest.fixture(params=["uv", "pip"], autouse=True)
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each is made by uv, and by Python's own tools where there is no uv."""
    if request.param == "pip":
        monkeypatch.setattr(uv, "find", lambda: None)
    return str(request.param)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


def make(wheels: Path, *, marker: str | None = None, **versions: str) -> Lock:
    """A lock of small wheels that lie in the folder `wheels`."""
    packages = []
    for name, version in sorted(versions.items()):
        digest = indexes.add(wheels, name, version)
        wheel = f"{name}-{version}-py3-none-any.whl"
        (wheels / name / wheel).rename(wheels / wheel)
        packages.append(Locked(name, version, marker, (Archive(wheel, digest),)))
    return Lock(">=3.11", tuple(packages))


def says(python: Path, program: str) -> str:
    return subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_the_environment_holds_the_lock_and_nothing_else(wheels: Path, tmp_path: Path) -> None:
    data = pylock.encode(make(wheels, top="1.0", middle="2.5"))
    python = realise(data, tmp_path / "made", wheels)
    assert python == python_of(tmp_path / "made")
    assert says(python, "import top, middle; print(top.VERSION, middle.VERSION)") == "1.0 2.5"
    listed = "from importlib import metadata; print(sorted(d.name for d in metadata.distributions()))"
    assert says(python, listed) == "['middle', 'top']"
    assert differences(data, python) == []
    assert left_over(tmp_path / "made") == []


def test_a_package_for_another_system_is_left_out(wheels: Path, tmp_path: Path) -> None:
    own, other = make(wheels, top="1.0"), make(wheels, marker='sys_platform == "nowhere"', middle="1.0")
    data = pylock.encode(replace(own, packages=(*other.packages, *own.packages)))
    python = realise(data, tmp_path / "made", wheels)
    assert "middle" not in says(
        python, "from importlib import metadata; print([d.name for d in metadata.distributions()])"
    )
    assert differences(data, python) == []


def test_the_same_lock_again_is_the_same_environment(wheels: Path, tmp_path: Path) -> None:
    data = pylock.encode(make(wheels, top="1.0"))
    realise(data, tmp_path / "made", wheels)
    (tmp_path / "made" / "note").write_text("still here")
    realise(data, tmp_path / "made", tmp_path / "no wheels at all")
    assert (tmp_path / "made" / "note").read_text() == "still here"


def test_a_wheel_of_another_hash_is_refused_and_nothing_is_left(wheels: Path, tmp_path: Path) -> None:
    lock = make(wheels, top="1.0", middle="2.5")
    with (wheels / "top-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ResolverFailed):
        realise(pylock.encode(lock), tmp_path / "made", wheels)
    assert not (tmp_path / "made").exists()
    assert left_over(tmp_path / "made") == []


def test_a_wheel_that_is_missing_leaves_nothing(wheels: Path, tmp_path: Path) -> None:
    lock = make(wheels, top="1.0", middle="2.5")
    (wheels / "middle-2.5-py3-none-any.whl").unlink()
    with pytest.raises(ResolverFailed, match="middle"):
        realise(pylock.encode(lock), tmp_path / "made", wheels)
    assert not (tmp_path / "made").exists()
    assert left_over(tmp_path / "made") == []


def test_a_process_that_is_killed_leaves_no_environment(wheels: Path, tmp_path: Path) -> None:
    data = pylock.encode(make(wheels, top="1.0"))
    (tmp_path / "lock").write_bytes(data)
    program = (
        "import os, signal, sys; from pathlib import Path; from holdall.environments import realise as module\n"
        "place = module._place\n"
        "module._place = lambda *given: os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.realise(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), Path(sys.argv[3]))\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "lock"), str(tmp_path / "made"), str(wheels)]
    assert subprocess.run(words, check=False, capture_output=True).returncode == -9
    assert not (tmp_path / "made").exists()
    assert says(realise(data, tmp_path / "made", wheels), "import top; print(top.VERSION)") == "1.0"


@pytest.mark.parametrize("what", ["file", "folder", "other lock"])
def test_what_is_there_already_is_left_as_it_is(wheels: Path, tmp_path: Path, what: str) -> None:
    made = tmp_path / "made"
    data = pylock.encode(make(wheels, top="1.0"))
    if what == "file":
        made.write_text("mine")
    elif what == "folder":
        made.mkdir()
        (made / "mine").write_text("mine")
    else:
        realise(pylock.encode(make(wheels, middle="1.0")), made, wheels)
    with pytest.raises(UsageError, match="is there already"):
        realise(data, made, wheels)
    if what == "other lock":
        assert says(python_of(made), "import middle; print(middle.VERSION)") == "1.0"
    else:
        assert (made if what == "file" else made / "mine").read_text() == "mine"


def test_scripts_run_where_the_environment_is(wheels: Path, tmp_path: Path) -> None:
    digest = indexes.add(wheels, "top", "1.0", script="top:main", source="def main(): print('it ran')\n")
    name = "top-1.0-py3-none-any.whl"
    lock = Lock(">=3.11", (Locked("top", "1.0", None, (Archive(name, digest),)),))
    python = realise(pylock.encode(lock), tmp_path / "made", wheels / "top")
    ran = subprocess.run([python.with_name("top")], capture_output=True, text=True, check=True)
    assert ran.stdout == "it ran\n"
    for script in python.parent.iterdir():
        assert b".part" not in script.read_bytes(), script


def test_an_empty_folder_is_filled(wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    python = realise(pylock.encode(make(wheels, top="1.0")), tmp_path / "made", wheels)
    assert says(python, "import top; print(top.VERSION)") == "1.0"


def test_several_at_once_get_one_environment(wheels: Path, tmp_path: Path) -> None:
    data = pylock.encode(make(wheels, top="1.0"))
    with ThreadPoolExecutor(4) as pool:
        pythons = set(pool.map(lambda _: realise(data, tmp_path / "made", wheels), range(4)))
    assert pythons == {python_of(tmp_path / "made")}
    assert says(pythons.pop(), "import top; print(top.VERSION)") == "1.0"
    assert left_over(tmp_path / "made") == []


def test_a_python_that_is_not_here_is_told(tmp_path: Path, tool: str) -> None:
    with pytest.raises(ResolverFailed if tool == "uv" else MissingDependency):
        realise(pylock.encode(Lock(">=3.77", ())), tmp_path / "made")
    assert not (tmp_path / "made").exists()
