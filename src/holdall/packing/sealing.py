"""From a draft to sealed bytes: the one place a package is written, and what is attached to it.

Nothing measured enters the manifest. The parity report, the receipt of the packing machine and the recorded examples are
referrers, so that adding or erasing one never changes the digest.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.content import media
from holdall.content.package import Content
from holdall.content.seal import Referrer, Sealed, refer, seal
from holdall.errors import Error
from holdall.packing.locking import locked
from holdall.packing.packing import Draft, Options, Progress, draft
from holdall.spec import canonical
from holdall.spec.digest import Digest
from holdall.spec.manifest import Release


@dataclass(frozen=True, kw_only=True)
class Request(Options):
    """What was asked for; see `holdall.api.pack`."""

    name: str
    version: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Drafted:
    """A draft with what was measured on the way."""

    draft: Draft
    evaluation: Mapping[str, float]

    def locked(self, earlier: Iterable[Content], kept: Path, wheels: bool, progress: Progress) -> Drafted:
        """With the environment locked; see `locking.locked`."""
        return replace(self, draft=locked(self.draft, earlier, kept, wheels, progress))

    @property
    def fingerprint(self) -> Digest:
        return self.draft.manifest.fingerprint()

    @property
    def engine(self) -> str:
        return self.draft.manifest.model.engine

    @property
    def portable(self) -> bool:
        return self.draft.manifest.portable

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, in sentences."""
        notes = list(self.draft.notes)
        if self.draft.ignored:
            notes.append(f"the model does not take the sample's columns {', '.join(self.draft.ignored[:10])}")
        notes += [f"parity: {difference}" for difference in self.draft.differences]
        return tuple(notes)


def drafted(model: Any, sample: Batch | None, truth: Column | None, request: Request, progress: Progress) -> Drafted:
    """The draft of a live model, and its metrics on the sample where the truth is known. Raises what `draft` does."""
    made = draft(model, sample, request, progress)
    return Drafted(made, {} if truth is None or sample is None else _evaluation(made, sample, truth))


def _evaluation(made: Draft, sample: Batch, truth: Column) -> dict[str, float]:
    from holdall.engines.engine import InMemory
    from holdall.scoring.evaluating import evaluate
    from holdall.scoring.scorer import Scorer

    scorer = Scorer(made.manifest, InMemory(made.files), threads=0)
    try:
        return evaluate(made.manifest, scorer.score(sample), np.array(truth.to_list(), object))
    except Error:
        # Refused rows, or a task that has no metrics: the package is no worse for it.
        return {}
    finally:
        scorer.close()


def same_release(release: Release, request: Request) -> bool:
    """Whether the newest version says what this request says, so that nothing has changed at all."""
    return dict(release.metrics) == dict(request.metrics) and dict(release.metadata) == dict(request.metadata)


def seal_as(made: Drafted, number: str, request: Request) -> tuple[Sealed, list[Referrer]]:
    """The sealed package under this version, and what is attached to it."""
    release = Release(name=request.name, version=number, metrics=dict(request.metrics), metadata=dict(request.metadata))
    sealed = seal(made.draft.released(release), made.draft.files)
    parity: dict[str, Any] = {
        "parity": msgspec.to_builtins(made.draft.parity),
        "differences": list(made.draft.differences),
    }
    if made.evaluation:
        parity["evaluation"] = {name: value for name, value in made.evaluation.items() if np.isfinite(value)}
    subject = sealed.descriptor
    referrers = [
        refer(subject, media.PARITY, canonical.encode(parity), "application/json"),
        refer(subject, media.RECEIPT, canonical.encode(receipt()), "application/json"),
    ]
    if made.draft.examples is not None:
        referrers.append(refer(subject, media.EXAMPLES, made.draft.examples, "application/json"))
    return sealed, referrers


def receipt() -> dict[str, Any]:
    """Facts of the packing machine: when, with what. No name of a person, a host or a folder."""
    facts: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "packages": {name: found for name in _TOLD if (found := _installed(name)) is not None},
    }
    commit = _commit()
    if commit is not None:
        facts["git"] = commit
    return facts


_TOLD = ("holdall", "numpy", "onnx", "onnxruntime", "pandas", "scikit-learn", "scipy", "skl2onnx", "skops", "spox")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> dict[str, Any] | None:
    """The commit that the current folder is at, and whether it has changes; None outside git or without it."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False, env=environment
        )
        if commit.returncode:
            return None
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(status.stdout.strip())}
