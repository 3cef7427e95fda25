"""How values that neither JSON nor CSV has are written as text there. `conversion` reads what this writes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from holdall.columns.batch import UNITS, Column
from holdall.columns.records import plain
from holdall.spec.schema import Kind


def as_text(column: Column) -> list[Any]:
    """The column's plain values, with text for times (2024-05-01T12:00:00Z), dates (2024-05-01) and bytes (base64).

    None for a null; the values of other kinds are as `records.plain` has them.
    """
    kind = column.kind
    if kind not in UNITS and kind is not Kind.BINARY:
        return plain(column)
    texts: list[Any]
    if kind is Kind.BINARY:
        texts = [base64.b64encode(value).decode("ascii") for value in column.values]
    elif kind is Kind.DATE:
        texts = np.datetime_as_string(column.values.astype(UNITS[kind])).tolist()
    else:
        texts = [_moment(text) for text in np.datetime_as_string(column.values.astype(UNITS[kind])).tolist()]
    for row in np.flatnonzero(column.null_mask()).tolist():
        texts[row] = None
    return texts


def _moment(text: str) -> str:
    """NumPy's text with six digits of a second as UTC, without a fraction that is zero."""
    return text.removesuffix(".000000") + "Z"
