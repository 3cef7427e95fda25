"""The draft's environment, locked: the last thing before sealing, and never a reason not to seal.

Where all else is as it was in an earlier version, that version's lock is taken: what an index has gained since then does
not make a new version of a model that nobody changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from holdall.content.package import Content
from holdall.environments import pylock
from holdall.environments.pylock import PATH, WHEELS
from holdall.environments.target import here
from holdall.environments.uv import ResolverFailed
from holdall.errors import Error, MissingDependency
from holdall.packing.packing import Draft
from holdall.spec import digest as digests
from holdall.spec.manifest import File


def locked(
    draft: Draft, earlier: Iterable[Content], kept: Path, wheels: bool, progress: Callable[[str], None]
) -> Draft:
    """The draft with `environment/pylock.toml`; or as it was with a note that says why not, and what to do.

    earlier: versions of the same name, whose locks may be taken. kept: the folder in which locks are kept. wheels: with the
    wheels for this interpreter too; MissingDependency and ResolverFailed are raised then, for there is no package without.
    """
    for content in earlier:
        candidate = _as_before(draft, content, wheels)
        if candidate is not None:
            return candidate
    from holdall.environments.lock import lock

    progress("locking the environment")
    needed = draft.manifest.environment
    try:
        data = lock(needed.requires, needed.python, kept)
    except (MissingDependency, ResolverFailed) as error:
        if wheels:
            raise
        note = f"the environment is not locked: {error.message} (to lock it: {error.hint}, and pack again)"
        return replace(draft, notes=(*draft.notes, note))
    if not wheels:
        return with_lock(draft, data)
    from holdall.environments.wheels import fetch

    progress("fetching the wheels")
    brought = fetch(pylock.decode(data), here())
    return with_lock(draft, data, {f"{WHEELS}/{name}": content for name, content in brought.items()})


def with_lock(draft: Draft, lock: bytes, wheels: Mapping[str, bytes] | None = None) -> Draft:
    """The draft with this lock, and these wheels by their paths, as files of it."""
    added = {PATH: lock, **(wheels or {})}
    listed = (
        File(path=path, digest=digests.of(data), size=len(data), role="weight.config" if path == PATH else "code")
        for path, data in added.items()
    )
    files = tuple(sorted((*draft.manifest.files, *listed), key=lambda one: one.path))
    environment = msgspec.structs.replace(draft.manifest.environment, locked=True)
    manifest = msgspec.structs.replace(draft.manifest, files=files, environment=environment)
    return replace(draft, manifest=manifest, files={**draft.files, **added})


def _as_before(draft: Draft, content: Content, wheels: bool) -> Draft | None:
    """The draft with the lock and the wheels of an earlier version, where it then is that version's content; else None."""
    before, now = content.manifest.environment, draft.manifest.environment
    if not before.locked or (before.python, before.requires) != (now.python, now.requires):
        return None
    try:
        lock = content.read(PATH)
        brought = [file.path for file in content.manifest.files if file.path.startswith(f"{WHEELS}/")]
        if wheels and not pylock.decode(lock).met_by({path.rpartition("/")[2] for path in brought}, here()):
            return None
        candidate = with_lock(draft, lock, {path: content.read(path) for path in brought if wheels})
    except Error:  # what is damaged or gone is locked anew
        return None
    return candidate if candidate.manifest.fingerprint() == content.manifest.fingerprint() else None
