"""One row of a schema's inputs, as ordinary as what is known of them allows: to ask a model how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch, Column
from holdall.spec.schema import Field, Kind


def made_up(fields: Sequence[Field], share: float = 0.0) -> Batch:
    """The row, in the fields' carriers: the least number that was seen, the commonest category.

    share: how far arrays lie from the least number towards the greatest; a whole number where the sample's are.
    """
    columns = {}
    for field in fields:
        kind, seen = field.carrier, field.observed
        known = seen.categories if seen is not None else None
        least = (seen.minimum if seen is not None else None) or 0.0
        if kind is Kind.TENSOR:
            most = (seen.maximum if seen is not None else None) or least
            number = least + share * (most - least)
            if field.dtype is not None and field.dtype.startswith(("int", "uint", "bool")):
                number = float(np.ceil(number))
            values: Array = np.full((1, *(side if isinstance(side, int) else 1 for side in field.shape)), number)
        elif kind is Kind.STRING:
            values = np.array([known[0] if known else ""], object)
        else:
            dtype: Any = {Kind.FLOAT: np.float64, Kind.BOOL: np.bool_}.get(kind, np.int64)
            # What was seen is rounded outward: the next whole number inside is one that was seen.
            number = float(np.ceil(least)) if field.kind is Kind.INT else least
            values = np.full(1, bool(known[0]) if known and kind is Kind.BOOL else number).astype(dtype)
        columns[field.name] = Column(kind, values)
    return Batch(columns, 1)
