"""What the guide to the browser needs."""

from tests.export.conftest import chromium, runtime_files

__all__ = ["chromium", "runtime_files"]
