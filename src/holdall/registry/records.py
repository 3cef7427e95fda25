"""What the registry keeps: frozen values, the same whichever database they came from."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from holdall.spec.digest import Digest


class VersionRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a name. It never changes.

    fingerprint: of the manifest without its release. size: bytes of all its files. created: ISO 8601, UTC.
    sealed_here: this user sealed it in this store, which decides how far it is trusted.
    engine, portable, metrics: of the manifest, kept here so that a list needs no blob.
    """

    name: str
    version: str
    digest: Digest
    fingerprint: Digest
    size: int
    created: str
    sealed_here: bool
    engine: str
    portable: bool
    metrics: dict[str, float] = {}
    actor: str | None = None


class Action(StrEnum):
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class AliasMove(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One move of an alias. from_version and from_digest are None for its first. time: ISO 8601, UTC."""

    name: str
    alias: str
    from_version: str | None
    to_version: str
    from_digest: Digest | None
    to_digest: Digest
    action: Action
    reason: str | None
    actor: str | None
    time: str
