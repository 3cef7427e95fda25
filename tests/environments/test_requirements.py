"""Requirements: from names to pins, and what a user may write."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from holdall.environments import requirements
from holdall.errors import UsageError
from tests.environments.samples import SERVER


def put(folder: Path, name: str, version: str, files: list[str], needs: tuple[str, ...] = (), **more: str) -> None:
    """A distribution as an installer leaves it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {one}" for one in needs),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file, text in more.items():
        (info / f"{file}.json").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that distributions are found in, before all others."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_names_become_pins_of_what_is_installed_here() -> None:
    assert requirements.distributions_of(["sklearn", "numpy.linalg", "json", "os.path"]) == (
        f"numpy=={metadata.version('numpy')}",
        f"scikit-learn=={metadata.version('scikit-learn')}",
    )


def test_the_standard_library_and_modules_of_nobody_are_left_out() -> None:
    assert requirements.distributions_of(["json", "xml.etree", "features", "__main__"]) == ()


def test_an_editable_install_is_the_users_own_code(site: Path) -> None:
    editable = json.dumps({"url": "file:///anywhere", "dir_info": {"editable": True}})
    put(site, "own-tools", "1.0", ["own_tools/__init__.py"], direct_url=editable)
    put(site, "others-tools", "2.0", ["others_tools/__init__.py"])
    assert requirements.distributions_of(["own_tools", "others_tools"]) == ("others-tools==2.0",)


def test_of_distributions_that_share_a_name_only_the_holder_of_the_module_is_named(site: Path) -> None:
    put(site, "cloud-storage", "1.0", ["cloud/storage/__init__.py"])
    put(site, "cloud-queue", "2.0", ["cloud/queue/__init__.py", "cloud/queue/client.py"])
    assert requirements.distributions_of(["cloud.storage"]) == ("cloud-storage==1.0",)
    assert requirements.distributions_of(["cloud.queue.client.Client"]) == ("cloud-queue==2.0",)
    assert requirements.distributions_of(["cloud"]) == ("cloud-queue==2.0", "cloud-storage==1.0")


def test_how_a_version_was_built_is_no_part_of_the_pin(site: Path) -> None:
    put(site, "tensors", "2.13.0+cpu", ["tensors/__init__.py"])
    assert requirements.distributions_of(["tensors"]) == ("tensors==2.13.0",)


def test_what_is_installed_is_followed_through_its_own_needs(site: Path) -> None:
    put(site, "top", "1.0", [], ("middle>=1", 'never>=1; sys_platform == "nowhere"', 'extra-only; extra == "more"'))
    put(site, "middle", "2.0+local", [], ("top", "absent"))
    put(site, "extra-only", "3.0", [])
    assert requirements.installed(["top"]) == {"top": "1.0", "middle": "2.0"}
    assert requirements.installed(["Top[more]>=0.5"]) == {"top": "1.0", "middle": "2.0", "extra-only": "3.0"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("numpy ==", f"numpy=={metadata.version('numpy')}"),
        ("numpy = 2", f"numpy=={metadata.version('numpy')}"),
        ("nowhere-to-be-found>>1", "nowhere-to-be-found>=1.0"),
        ("", "pandas"),
        (f"numpy @ {SERVER}/numpy.whl", f"numpy=={metadata.version('numpy')}"),
        ("-r requirements.txt", "pandas"),
    ],
)
def test_what_is_no_requirement_is_refused_with_the_line_to_write(text: str, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        requirements.checked([text])
    assert line in (refused.value.hint or "")


def test_requirements_have_one_spelling_and_one_order() -> None:
    given = ["polars >= 1.30", "polars>=1.30", 'b[y,x]<2,>=1 ; python_version<"3.13"']
    assert requirements.checked(given) == requirements.checked(reversed(given))
    assert requirements.checked(given) == ('b[x,y]<2,>=1; python_version < "3.13"', "polars>=1.30")
