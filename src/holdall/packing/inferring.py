"""The schema's inputs from a sample: names, kinds, and facts that give no person away.

The privacy rules: no category seen fewer than five times, no value of a column with many distinct ones, no exact extreme.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from holdall.columns.batch import Array, Batch, Column
from holdall.packing import forms
from holdall.spec.schema import Field, Kind, Missing, Observed

RARE = 5
"""A category seen fewer times than this stays out of the schema."""

MANY = 100
"""A column with more distinct values than this shows none of them."""

CATEGORY = "category"
"""The dtype of a data frame's column whose numbers are names."""

EXACT = 2**53
"""Beyond this a double cannot hold every integer."""


def infer(sample: Batch, missing: Mapping[str, Missing]) -> tuple[Field, ...]:
    """One field a column, in order; what the model accepts is not known yet. missing: markers that the encoders know."""
    return tuple(_field(name, sample[name], missing.get(name)) for name in sample)


def _field(name: str, column: Column, marker: Missing | None) -> Field:
    shape: tuple[int | str, ...] = tuple(column.values.shape[1:]) if column.kind is Kind.TENSOR else ()
    return Field(
        name=name,
        kind=column.kind,
        dtype=column.dtype,
        shape=shape,
        missing=marker or column.missing or _default_marker(column.kind),
        observed=observe(column),
    )


def _default_marker(kind: Kind) -> Missing:
    return Missing.NAT if kind in (Kind.TIMESTAMP, Kind.DATE) else Missing.NAN


def observe(column: Column) -> Observed | None:
    """Facts about a column within the privacy rules; None where there are none to tell."""
    if len(column) == 0:
        return None
    mask = column.null_mask()
    share = round(float(mask.mean()), 2)
    values = column.values[~mask] if mask.any() else column.values
    if column.dtype == CATEGORY and column.kind is Kind.INT:
        return _categories(values.tolist(), share)
    if column.kind in (Kind.INT, Kind.FLOAT, Kind.TIMESTAMP, Kind.DATE):
        numbers = values[np.isfinite(values)] if column.kind is Kind.FLOAT else values
        if len(numbers) == 0:
            return Observed(nulls=share)
        return Observed(minimum=_least(numbers), maximum=_bound(numbers), nulls=share)
    if column.kind in (Kind.STRING, Kind.BOOL):
        return _categories(values.tolist(), share)
    if column.kind is Kind.TENSOR and column.values.dtype.kind in "biuf":
        numbers = values[np.isfinite(values)].astype(np.float64) if values.dtype.kind == "f" else values.ravel()
        if numbers.size:
            return Observed(
                minimum=_least(numbers.astype(np.float64)), maximum=_bound(numbers.astype(np.float64)), nulls=share
            )
    return Observed(nulls=share)


def _categories(values: list[str | int | bool], share: float) -> Observed:
    counts = Counter(values)
    if len(counts) > MANY:
        texts = [value for value in values if isinstance(value, str)]
        found = forms.times(texts)
        return Observed(other=True, nulls=share, times=found, forms=() if found else forms.forms(texts, RARE))
    common = sorted((value for value, count in counts.items() if count >= RARE), key=lambda v: (-counts[v], str(v)))
    return Observed(categories=tuple(common), other=len(common) < len(counts), nulls=share)


def _bound(numbers: Array) -> float:
    """An upper bound that is nobody's value: the greatest one itself only where it was seen as often as a category must
    be, else the next number of two significant digits above it: 98.2 → 99, 7.9 → 8.0."""
    highest = float(numbers.max())
    if int((numbers == numbers.max()).sum()) >= RARE:
        return highest
    return _above(highest)


def _least(numbers: Array) -> float:
    """A lower bound, likewise."""
    return 0.0 - _bound(-numbers)


def _above(value: float) -> float:
    """The least number of two significant digits above `value`; for 0 itself 0."""
    if value == 0 or not math.isfinite(value):
        return value
    exact = Decimal(repr(value))
    exponent = exact.adjusted() - 1
    digits = exact.scaleb(-exponent).to_integral_value(ROUND_FLOOR) + 1
    bound = float(digits.scaleb(exponent))
    # Among the least doubles there are no two digits: the next one is above.
    return value if math.isinf(bound) else bound if bound > value else math.nextafter(value, math.inf)


def beyond_double(column: Column) -> bool:
    """Whether the column holds integers that a double cannot tell apart."""
    return column.kind is Kind.INT and len(column) > 0 and bool((np.abs(column.values) > EXACT).any())
