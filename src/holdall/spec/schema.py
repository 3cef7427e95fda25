"""The schema: which columns a package takes and gives.

The schema accepts what the model accepts. `nullable`, `unseen`, `fractions` and `limit` were probed on the live model;
`observed` holds facts about the sample, which are no reason to refuse a row unless `enforce` says so.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a column holds."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STRING = "string"
    TIMESTAMP = "timestamp"  # microseconds since 1970-01-01 UTC
    DATE = "date"  # days since 1970-01-01
    BINARY = "binary"
    TENSOR = "tensor"  # one array of `shape` a row
    LIST = "list"  # ragged: any number of numbers a row


class Missing(StrEnum):
    """The marker by which the model was fitted to know a missing value; encoders tell them apart."""

    NAN = "nan"
    NONE = "none"
    NA = "na"  # pandas.NA
    NAT = "nat"


class Times(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Text that is a time. format: as `strftime` has it. since, until: the first year of the earliest decade seen, and
    the last year of the latest."""

    format: str
    since: int
    until: int


class Observed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Facts about the sample, kept within the privacy rules: no rare category, no exact extreme.

    `minimum` and `maximum` are rounded outward to two significant digits. `categories` are those seen at least five
    times, most frequent first, and only where the column has few values; `other` says that there were more.
    `nulls` is the share of missing values, rounded to two digits. Of text with many values `times` says the format where
    all of it are times, else `forms` what it looks like, each form seen at least five times: a digit is 0, a letter a or A.
    """

    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str | int | bool, ...] | None = None
    other: bool = False
    nulls: float = 0.0
    times: Times | None = None
    forms: tuple[str, ...] = ()


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One column.

    name: as in the table that the model was fitted on.
    kind: what it holds. An INT column that accepts fractions or nulls is carried as FLOAT (see `carrier`).
    dtype: the dtype text of the table that the model was fitted on ('int64', 'float32', 'object', 'str', 'category',
        'boolean', 'datetime64[ns]' …), by which a native artefact's table is built again. None for outputs.
    shape: of a TENSOR's row; a number, or a name for a dimension that varies.
    nullable: the model accepts a missing value here.
    missing: the marker that a missing value is turned into.
    unseen: the model accepts a value that it was not fitted on (STRING and other encoded columns).
    fractions: the model accepts a fraction in this INT column.
    limit: the largest magnitude accepted; None where infinity is accepted too.
    enforce: refuse what lies outside `observed`.
    """

    name: str
    kind: Kind
    dtype: str | None = None
    shape: tuple[int | str, ...] = ()
    nullable: bool = False
    missing: Missing = Missing.NAN
    unseen: bool = True
    fractions: bool = False
    limit: float | None = None
    observed: Observed | None = None
    enforce: bool = False

    @property
    def carrier(self) -> Kind:
        """The kind of array in which this column's values travel to the engine.

        FLOAT for an INT that accepts fractions; where it only accepts nulls it stays INT with a null mask.
        """
        return Kind.FLOAT if self.kind is Kind.INT and self.fractions else self.kind


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes in and what comes out, in order. Names are unique within each."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]

    def input(self, name: str) -> Field:
        """The input field of that name. Raises KeyError."""
        for field in self.inputs:
            if field.name == name:
                return field
        raise KeyError(name)
