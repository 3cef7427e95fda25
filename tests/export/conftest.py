"""The runtime, fetched once a session, and a browser beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdall.export.runtime import RuntimeUnavailable, Source, find_registry, runtime
from tests.serve.browser import CHROMIUM, Browser

REQUIRED = "HOLDALL_PEERS" in os.environ
"""Set by `.ci/run`: what is not there then fails the test, and does not skip it."""


@pytest.fixture(scope="session")
def runtime_files(cache: Path) -> dict[str, bytes]:
    """onnxruntime-web in the tests' own cache. Only outside of CI may it be out of reach."""
    try:
        return runtime(Source(cache, find_registry(os.environ)), lambda _: None)
    except RuntimeUnavailable as error:
        if REQUIRED:
            raise
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def chromium() -> str:
    if CHROMIUM is None:
        if REQUIRED:
            raise AssertionError("no chromium here")
        pytest.skip("no chromium here")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    made.show(1280, 900)
    yield made
    made.close()
