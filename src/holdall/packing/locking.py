"""The draft's environment, locked: the last thing before sealing, and never a reason not to seal.

Where all else is as it was in an earlier version, that version's lock is taken: what an index has gained since then does
not make a new version of a model that nobody changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from holdall.content.package import Content
from holdall.environments.pylock import PATH
from holdall.environments.uv import ResolverFailed
from holdall.errors import Error, MissingDependency
from holdall.packing.packing import Draft
from holdall.spec import digest as digests
from holdall.spec.manifest import File


def locked(draft: Draft, earlier: Iterable[Content], kept: Path, progress: Callable[[str], None]) -> Draft:
    """The draft with `environment/pylock.toml`; or as it was with a note that says why not, and what to do.

    earlier: versions of the same name, whose locks may be taken. kept: the folder in which locks are kept.
    """
    for content in earlier:
        candidate = _as_before(draft, content)
        if candidate is not None:
            return candidate
    from holdall.environments.lock import lock

    progress("locking the environment")
    needed = draft.manifest.environment
    try:
        data = lock(needed.requires, needed.python, kept)
    except (MissingDependency, ResolverFailed) as error:
        note = f"the environment is not locked: {error.message}; to lock it, pack again: {error.hint}"
        return replace(draft, notes=(*draft.notes, note))
    return with_lock(draft, data)


def with_lock(draft: Draft, lock: bytes) -> Draft:
    """The draft with this lock as a file of it."""
    file = File(path=PATH, digest=digests.of(lock), size=len(lock), role="weight.config")
    files = tuple(sorted((*draft.manifest.files, file), key=lambda one: one.path))
    environment = msgspec.structs.replace(draft.manifest.environment, locked=True)
    manifest = msgspec.structs.replace(draft.manifest, files=files, environment=environment)
    return replace(draft, manifest=manifest, files={**draft.files, PATH: lock})


def _as_before(draft: Draft, content: Content) -> Draft | None:
    """The draft with the lock of an earlier version, where it then is that version's content; else None."""
    before, now = content.manifest.environment, draft.manifest.environment
    if not before.locked or (before.python, before.requires) != (now.python, now.requires):
        return None
    try:
        candidate = with_lock(draft, content.read(PATH))
    except Error:  # what is damaged or gone is locked anew
        return None
    return candidate if candidate.manifest.fingerprint() == content.manifest.fingerprint() else None
