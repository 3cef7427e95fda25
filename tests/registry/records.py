"""Version records for tests: small, and told apart by their content."""

from __future__ import annotations

from holdall.registry.records import VersionRecord
from holdall.spec import digest as digests
from holdall.spec.digest import Digest


def digest(text: str) -> Digest:
    return digests.of(text.encode())


def record(name: str = "churn", version: str = "1.0.0", content: str = "") -> VersionRecord:
    """A version whose digest depends on all three and whose fingerprint depends on the content."""
    return VersionRecord(
        name=name,
        version=version,
        digest=digest(f"{name} {version} {content}"),
        fingerprint=digest(content),
        size=1234,
        created="2026-03-01T12:00:00.000000Z",
        sealed_here=True,
        engine="onnx",
        portable=True,
        metrics={"auc": 0.81},
        actor="ada",
    )
