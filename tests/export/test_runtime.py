"""onnxruntime-web is fetched from a registry that may fail for a moment."""

from __future__ import annotations

import email.message
import io
import urllib.error
import urllib.request

import pytest

from holdall.export import runtime
from holdall.export.runtime import RuntimeUnavailable

ADDRESS = "http://registry/the-file"


class Registry:
    """Fails so many times, then gives the file."""

    def __init__(self, status: int, times: int) -> None:
        self.status, self.times, self.asked = status, times, 0

    def __call__(self, address: str, timeout: float) -> io.BytesIO:  # noqa: ARG002 — as urlopen has it
        self.asked += 1
        if self.asked <= self.times:
            raise urllib.error.HTTPError(address, self.status, "it is busy", email.message.Message(), None)
        return io.BytesIO(b"the file")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "PAUSES", (0.0, 0.0))


def test_a_registry_that_fails_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(503, 2)
    monkeypatch.setattr(urllib.request, "urlopen", registry)
    assert runtime._read(ADDRESS) == b"the file"
    assert registry.asked == 3


@pytest.mark.parametrize(("status", "asked"), [(503, 3), (404, 1)])
def test_one_that_goes_on_failing_or_has_no_such_file_is_told(
    status: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(status, 9)
    monkeypatch.setattr(urllib.request, "urlopen", registry)
    with pytest.raises(RuntimeUnavailable, match="it is busy"):
        runtime._read(ADDRESS)
    assert registry.asked == asked
