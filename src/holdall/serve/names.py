"""Which models a server is asked for: ids and references. Nothing is opened here."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.errors import UsageError
from holdall.spec import reference as references
from holdall.spec.reference import PackageReference


def follows(reference: str) -> bool:
    """Whether the reference is one that moves: an alias. A bare name means what was newest when the server started, so
    that packing a model does not put it in front of users."""
    parsed = references.parse(reference)
    return isinstance(parsed, PackageReference) and parsed.alias is not None


def named(given: Sequence[str]) -> dict[str, str]:
    """id → reference: ID=REF as it says, else the last part of the name. Raises UsageError, InvalidReference."""
    found: dict[str, str] = {}
    for text in given:
        id, equals, reference = text.partition("=")  # noqa: A001
        if not equals or "/" in id:
            id, reference = "", text  # noqa: A001
        id = id or _last_part(reference)  # noqa: A001
        if not all(character.isalnum() or character in "._-" for character in id) or not id.isascii():
            raise UsageError(
                f"{id!r} is no model id", hint="use letters, digits and . _ -, as in main=churn@production"
            )
        if id in found:
            raise UsageError(
                f"two models would have the id {id!r}", hint=f"name one of them, for instance other={reference}"
            )
        found[id] = reference
    if not found:
        raise UsageError("there is nothing to serve", hint="name a package, for instance churn@production")
    return found


def _last_part(reference: str) -> str:
    parsed = references.parse(reference)
    if isinstance(parsed, PackageReference):
        return parsed.name.rpartition("/")[2]
    return reference.rstrip("/").rpartition("/")[2].removesuffix(".holdall") or "model"
