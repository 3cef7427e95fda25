"""Where the local store is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdall.errors import UsageError
from holdall.registry.home import _data_folder, find_home


def test_the_variable_wins_over_a_folder_nearby(tmp_path: Path) -> None:
    (tmp_path / ".holdall-store").mkdir()
    assert find_home({"HOLDALL_HOME": str(tmp_path / "chosen")}, tmp_path) == tmp_path / "chosen"


def test_a_relative_variable_is_read_from_the_working_folder(tmp_path: Path) -> None:
    assert find_home({"HOLDALL_HOME": "chosen"}, tmp_path) == tmp_path / "chosen"


def test_the_nearest_store_upward_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / ".holdall-store").mkdir()
    (tmp_path / "a" / "b" / ".holdall-store").mkdir()
    assert find_home({}, deep) == tmp_path / "a" / "b" / ".holdall-store"


def test_an_empty_variable_and_a_file_of_that_name_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".holdall-store").touch()
    found = find_home({"HOLDALL_HOME": "", "XDG_DATA_HOME": str(tmp_path / "data")}, tmp_path)
    assert found == tmp_path / "data" / "holdall"


def test_nothing_is_created_by_asking(tmp_path: Path) -> None:
    find_home({"HOME": str(tmp_path)}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.local/share"),
        ("linux", {"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}, "/data"),
        ("linux", {"HOME": "/home/ada", "XDG_DATA_HOME": "relative"}, "/home/ada/.local/share"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Application Support"),
        ("win32", {"USERPROFILE": "/Users/ada", "LOCALAPPDATA": "/Users/ada/Local"}, "/Users/ada/Local"),
        ("win32", {"USERPROFILE": "/Users/ada"}, "/Users/ada/AppData/Local"),
    ],
)
def test_each_platform_has_its_own_data_folder(platform: str, environ: dict[str, str], expected: str) -> None:
    assert _data_folder(environ, platform) == Path(expected)


def test_an_unknown_user_in_the_variable_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such user"):
        find_home({"HOLDALL_HOME": "~nobody-of-that-name/store"}, tmp_path)
