"""The pages in a real browser: a model is tried with nothing typed, and what the page shows for programs runs as it stands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdall.serve.access import Access
from tests.serve.browser import CHROMIUM, Browser
from tests.serve.serving import serving

pytestmark = [pytest.mark.peer, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]
TOKEN = "a-token-of-some-length"  # noqa: S105 — for this test alone
READY = "document.querySelectorAll('#fields label').length > 0"
ANSWERED = "!document.getElementById('answer').hidden"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    made.show(1200, 900)
    yield made
    made.close()


def table(browser: Browser) -> dict[str, str]:
    script = "Object.fromEntries([...document.querySelectorAll('#answer tr')].map((l) => [...l.cells].map((c) => c.innerText)))"
    found: dict[str, str] = browser.run(script)
    return found


def press(browser: Browser) -> None:
    browser.run("document.querySelector('button.main').click()")
    browser.wait(ANSWERED)


def test_a_model_is_tried_with_one_press_and_the_snippets_run(home: str, browser: Browser) -> None:
    browser.problems.clear()
    with serving(["churn:1.0.0"]) as server:
        browser.open(f"http://127.0.0.1:{server.port}/")
        browser.wait(READY)
        press(browser)
        shown = table(browser)
        example = server.ask("/models/churn")[1]["example"][0]
        expected = server.ask("/predict", json.dumps([example]))[1]["predictions"][0]
        assert {name: float(value) for name, value in shown.items()} == pytest.approx(expected)
        curl, python = (browser.run(f"document.getElementById('{name}').textContent") for name in ("curl", "python"))
        done = subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str([expected])
        if shutil.which("curl"):
            done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True)
            assert json.loads(done.stdout)["predictions"] == [expected]
        browser.run("document.querySelector('#fields input').value = 'old'")
        browser.run("document.querySelector('button.main').click()")
        browser.wait("document.getElementById('message').className === 'bad'")
        assert "age" in browser.run("document.getElementById('message').innerText")
    # The browser notes the 422 itself.
    assert all("422" in problem for problem in browser.problems)


def test_one_of_several_models_is_chosen_and_a_token_asked_for(home: str, browser: Browser) -> None:
    with serving(["churn:1.0.0", "team/rent"], access=Access([], [TOKEN.encode()])) as server:
        browser.open(f"http://127.0.0.1:{server.port}/")
        browser.wait("!document.getElementById('ask').hidden")
        browser.run(
            f"document.getElementById('token').value = '{TOKEN}'; document.getElementById('ask').requestSubmit()"
        )
        browser.wait(READY)
        press(browser)
        browser.run(
            "document.getElementById('models').value = 'rent'; document.getElementById('models').dispatchEvent(new Event('change'))"
        )
        browser.wait("document.title === 'team/rent 1.0.0'")
        press(browser)
        assert table(browser).keys() == {"prediction", "probability_0", "probability_1"}
        curl = browser.run("document.getElementById('curl').textContent")
        assert "$TOKEN" in curl
        assert TOKEN not in curl
        if shutil.which("curl"):
            done = subprocess.run(
                ["sh", "-c", curl],
                capture_output=True,
                text=True,
                check=True,
                env={"TOKEN": TOKEN, "PATH": "/usr/bin:/bin"},
            )
            assert json.loads(done.stdout)["model"] == "team/rent"


@pytest.mark.parametrize("page", ["/", "/docs"])
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_fits_a_phone_and_a_desk_by_day_and_by_night(
    home: str, browser: Browser, page: str, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.problems.clear()
    with serving(["churn:1.0.0"]) as server:
        browser.show(width, 900, dark=dark)
        browser.open(f"http://127.0.0.1:{server.port}{page}")
        browser.wait(READY if page == "/" else "document.querySelectorAll('#routes h2').length > 4")
        assert browser.run("document.documentElement.scrollWidth") <= width
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        shade = sum(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")[:3])
        assert (shade < 3 * 128) == dark
        picture = tmp_path / "page.png"
        browser.picture(picture)
        assert picture.stat().st_size > 5000
    assert not browser.problems
