"""The user's own word on the schema: stricter than what the model accepts, never looser.

    {"age": {"minimum": 0, "maximum": 120}, "plan": {"categories": ["free", "pro"]}, "town": {"nullable": false}}

Bounds and categories given here are enforced. The proof is made on what the model accepts; edits narrow only what the
sealed package lets in.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from holdall.errors import UsageError
from holdall.spec.schema import Field, Observed, Schema


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of a column. nullable: only False. enforce: hold rows to what was observed, or to what is given."""

    nullable: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str | int | bool, ...] | None = None
    enforce: bool | None = None


def edited(schema: Schema, edits: Mapping[str, Any]) -> Schema:
    """The schema with these edits. Raises UsageError for a column that there is not and for what cannot be said."""
    names = [field.name for field in schema.inputs]
    for name in edits:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            raise UsageError(
                f"the schema has no column {name!r} to edit", hint=f"did you mean {near[0]!r}?" if near else None
            )
    fields = tuple(_field(field, edits[field.name]) if field.name in edits else field for field in schema.inputs)
    return msgspec.structs.replace(schema, inputs=fields)


def _field(field: Field, plain: Any) -> Field:
    try:
        edit = msgspec.convert(plain, Edit)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the edit of column {field.name!r} cannot be read: {error}",
            hint="a column may be given nullable, minimum, maximum, categories and enforce",
        ) from None
    if edit.nullable and not field.nullable:
        raise UsageError(
            f"column {field.name!r} cannot be made nullable: the model refuses a missing value there",
            hint="put an imputer into the pipeline",
        )
    given = {name: value for name in ("minimum", "maximum", "categories") if (value := getattr(edit, name)) is not None}
    observed = field.observed or Observed()
    if "categories" in given:
        given["other"] = False
    return msgspec.structs.replace(
        field,
        nullable=field.nullable if edit.nullable is None else edit.nullable,
        observed=msgspec.structs.replace(observed, **given) if given else field.observed,
        enforce=bool(given) if edit.enforce is None else edit.enforce,
    )
