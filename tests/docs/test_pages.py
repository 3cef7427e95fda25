"""The README and the guides run as they stand: every python block, and every `$ holdall …` line of a console block."""

from __future__ import annotations

import linecache
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from palmerpenguins import load_penguins

from holdall.cli.main import main
from tests.docs import written

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FIRST = "import holdall\n\npackage = holdall.pack(pipeline"
"""The README opens with the three lines that matter, before there is any data; they are shown, not run."""


NETWORKS = re.compile(r"^(?:import|from) (?:torch|keras|tensorflow|transformers|sentence_transformers)\b", re.MULTILINE)
"""What a page imports that only the tests of networks install."""

EXPORTS = 'to="web"'
"""What a page does that needs a browser and its runtime."""


def pages() -> list[Any]:
    guides = sorted((ROOT / "docs" / "guides").glob("*.md"))
    found = [ROOT / "README.md", ROOT / "docs" / "start.md", *guides]
    return [
        pytest.param(page, marks=pytest.mark.networks) if NETWORKS.search(page.read_text("utf-8")) else page
        for page in found
    ]


@pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated")  # category_encoders asks pandas so
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_runs_as_it_stands(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if EXPORTS in page.read_text("utf-8"):
        for needed in ("chromium", "runtime_files"):
            request.getfixturevalue(needed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    written.write(page, tmp_path)
    load_penguins().to_csv("penguins.csv", index=False)
    names: dict[str, Any] = {"__name__": "__page__"}
    exec("import holdall", names)  # noqa: S102 — the pages are ours
    ran = 0
    for language, block in BLOCK.findall(page.read_text("utf-8")):
        if page.name == "README.md" and block.startswith(FIRST):
            continue
        ran += 1
        if language == "python" and written.NAMED.match(f"```python\n{block}```"):
            continue  # a file, which was put there
        if language == "python":
            cell = str(page) + str(ran)
            linecache.cache[cell] = (len(block), None, block.splitlines(True), cell)  # as a notebook keeps its cells
            exec(compile(block, cell, "exec"), names)  # noqa: S102
            continue
        for line in block.splitlines():
            if line.startswith("$ holdall "):
                assert main(shlex.split(line[2:])[1:]) == 0, line
    assert ran
    for name in [name for name, module in sys.modules.items() if _lies_in(module, tmp_path)]:
        del sys.modules[name]


def _lies_in(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder)


def test_every_page_that_is_linked_exists() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
