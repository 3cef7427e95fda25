"""Chromium, or a browser made from it, without a window: where it is, and a page opened in it for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from holdall.errors import MissingDependency, Unavailable

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
    "brave-browser",
)
_MAC = (
    "Chromium.app/Contents/MacOS/Chromium",
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
    r"Chromium\Application\chrome.exe",
)
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
)
"""It shows one page of this machine and asks nothing of any other."""

ENDING = 20.0
"""Seconds that it has to end."""


class BrowserMissing(MissingDependency):
    """There is no browser to replay in."""

    def __init__(self, looked: str) -> None:
        super().__init__(looked, "chromium", "replaying a page")
        self.message = f"the replay needs Chromium, Chrome or Edge, and {looked}"
        self.args = (self.message,)
        self.hint = (
            "install one (`apt-get install chromium`), name it with --browser PROGRAM, "
            "or leave the proof out with --no-replay"
        )


class BrowserFailed(Unavailable):
    """The browser ended, or did not answer."""

    code = "browser_failed"

    def __init__(self, program: str, why: str) -> None:
        super().__init__(
            f"{program} {why}",
            hint="try another with --browser PROGRAM, or leave the proof out with --no-replay",
            program=program,
        )


def find_browser(named: str | None, environ: Mapping[str, str]) -> str:
    """The program. named: by the user, as a name or a path. Raises BrowserMissing."""
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise BrowserMissing(f"there is no program {named!r}")
        return found
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    for folder, name in installed(sys.platform, environ):
        if (folder / name).is_file():
            return str(folder / name)
    raise BrowserMissing("none of them is on the PATH")


def installed(platform: str, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Where installers put browsers beside the PATH: folders, and names in them."""
    if platform == "darwin":
        folders, names = [Path("/Applications"), Path.home() / "Applications"], _MAC
    elif platform == "win32":
        variables = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        folders, names = [Path(environ[name]) for name in variables if environ.get(name)], _WINDOWS
    else:
        return []
    return [(folder, name) for folder in folders for name in names]


class Running:
    """The browser, with one page open."""

    def __init__(self, program: str, process: subprocess.Popen[bytes], told: Path) -> None:
        self.program = program
        self._process = process
        self._told = told

    def check(self) -> None:
        """Raises BrowserFailed if it has ended."""
        status = self._process.poll()
        if status is not None:
            raise BrowserFailed(self.program, f"ended with status {status} before the replay was done{self._last()}")

    def _last(self) -> str:
        lines = self._told.read_text("utf-8", "replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""


@contextmanager
def opened(program: str, address: str) -> Iterator[Running]:
    """The page at the address in a browser with a profile of its own, which is gone at the end. Raises BrowserFailed."""
    # Processes of the browser may still write to the profile when it is removed.
    with tempfile.TemporaryDirectory(prefix="holdall-browser-", ignore_cleanup_errors=True) as folder:
        told = Path(folder) / "told"
        command = [program, *FLAGS, *_sandbox(), f"--user-data-dir={Path(folder) / 'profile'}", address]
        with told.open("wb") as errors:
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
            except OSError as error:
                raise BrowserFailed(program, f"cannot be run: {error.strerror}") from None
        try:
            yield Running(program, process, told)
        finally:
            process.terminate()
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _sandbox() -> tuple[str, ...]:
    """Chromium refuses to sandbox what root runs, as in containers; the page is one of our own."""
    return ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
