"""The command in this process: exit code, standard output, standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdall.cli.main import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON value that was printed."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `holdall` with these words, in an empty folder and with an empty store."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOLDALL_REGISTRY", raising=False)
    monkeypatch.chdir(tmp_path)

    def run_once(*words: str) -> Ran:
        capsys.readouterr()
        code = main(words)
        return Ran(code, *capsys.readouterr())

    return run_once
