"""Rows drawn from a schema: the synthetic examples that a package records, and the harsher rows that parity is tried on.

Drawing is seeded and reads nothing but the schema, so that the same schema always gives the same rows, and no person's
data is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdall.columns.batch import Batch, Column, concatenate
from holdall.packing import forms
from holdall.packing.probing import UNSEEN
from holdall.spec.schema import Field, Kind, Schema

Numbers = npt.NDArray[np.float64]
STRANGE = (UNSEEN, "", "Ünïcödé ✓ 漢字 🐧", "nan", "None", " ")
NULLS = 0.08


def draw(schema: Schema, rows: int, *, seed: int = 0, nulls: float = NULLS, strange: float = 0.0) -> Batch:
    """`rows` rows of the schema's inputs, in their carriers, of values that the model accepts.

    nulls: the share of missing values where a column is nullable. strange: the share of unseen text where it is accepted.
    """
    generator = np.random.default_rng(seed)
    columns = {field.name: _column(field, rows, generator, nulls, strange) for field in schema.inputs}
    return Batch(columns, rows)


def _column(field: Field, rows: int, generator: np.random.Generator, nulls: float, strange: float) -> Column:
    mask = generator.random(rows) < nulls if field.nullable else np.zeros(rows, np.bool_)
    values = _values(field, rows, generator, strange)
    if field.carrier is Kind.FLOAT:
        values = values.astype(np.float64)
        values[mask] = np.nan
        return Column(Kind.FLOAT, values, None, field.dtype)
    if field.carrier in (Kind.TENSOR, Kind.LIST):
        return Column(field.carrier, values, None, field.dtype)
    if mask.any():
        values[mask] = "" if field.carrier is Kind.STRING else b"" if field.carrier is Kind.BINARY else 0
    return Column(field.carrier, values, mask if mask.any() else None, field.dtype)


def _values(field: Field, rows: int, generator: np.random.Generator, strange: float) -> npt.NDArray[Any]:
    seen = field.observed
    low = seen.minimum if seen is not None and seen.minimum is not None else 0.0
    high = seen.maximum if seen is not None and seen.maximum is not None else 1.0
    if field.kind is Kind.FLOAT:
        values = generator.uniform(low, high, rows) if np.isfinite(high - low) else np.full(rows, low)
        # Six digits: what people write; whole doubles would only make the recorded examples longer.
        rounded: Numbers = np.array([float(f"{value:.6g}") for value in values])
        return rounded.astype(np.float32).astype(np.float64) if field.dtype == "float32" else rounded
    if field.kind is Kind.INT and seen is not None and seen.categories:
        return np.array(seen.categories, np.int64)[generator.integers(0, len(seen.categories), rows)]
    if field.kind in (Kind.INT, Kind.TIMESTAMP, Kind.DATE):
        bottom, top = int(max(low, -(2.0**62))), int(min(high, 2.0**62))
        return generator.integers(bottom, max(top, bottom) + 1, rows, np.int64)
    if field.kind is Kind.BOOL:
        return generator.random(rows) < 0.5
    if field.kind is Kind.STRING:
        return _text(field, rows, generator, strange)
    if field.kind is Kind.BINARY:
        return np.array([generator.bytes(8) for _ in range(rows)], object)
    shape = tuple(side if isinstance(side, int) else 3 for side in field.shape)
    if field.kind is Kind.TENSOR and field.dtype is not None and field.dtype.startswith(("int", "uint", "bool")):
        return generator.integers(int(low), int(high) + 1, (rows, *shape), np.int64).astype(np.float64)
    if not np.isfinite(high - low):
        low, high = 0.0, 1.0
    return generator.uniform(low, high, (rows, *shape))


def _text(field: Field, rows: int, generator: np.random.Generator, strange: float) -> npt.NDArray[Any]:
    values = _typical_text(field, rows, generator)
    if values is None:
        return np.full(rows, "", object)
    if field.unseen and strange:
        for row in np.flatnonzero(generator.random(rows) < strange):
            values[row] = STRANGE[generator.integers(0, len(STRANGE))]
    return values


def _typical_text(field: Field, rows: int, generator: np.random.Generator) -> npt.NDArray[Any] | None:
    seen = field.observed
    categories = seen.categories if seen is not None else None
    if field.unseen and seen is not None and not categories:
        if seen.times is not None:
            return forms.drawn_times(seen.times, rows, generator)
        if seen.forms:
            return forms.drawn_forms(seen.forms, rows, generator)
    known: Sequence[Any] = categories or (STRANGE if field.unseen else ())
    if not known:
        return None
    return np.array([str(known[i]) for i in generator.integers(0, len(known), rows)], object)


def extremes(schema: Schema, typical: Batch) -> Batch | None:
    """Rows that are harsh in one column kind at a time: ±limit, ±tiny, ±0, 2^24 ± 1, all null. None without such columns.

    typical: one row that the model accepts, in the schema's carriers.
    """
    numbers = (0.0, -0.0, 5e-324, -1e-300, 16777217.0, -16777219.0, 9007199254740991.0, 1e18, 3.0e38, -3.0e38, 1e300)
    rows = []
    for number in numbers:
        columns, used = dict(typical.columns), False
        for field in schema.inputs:
            limit = np.inf if field.limit is None else field.limit
            # Halfway to float32's limit scaling may still leave its range; the graph's own guards see to that.
            if field.carrier is Kind.FLOAT and abs(number) < limit and field.unseen:
                with np.errstate(over="ignore"):
                    whole = float(np.float32(number)) if field.dtype == "float32" else number
                columns[field.name] = Column(Kind.FLOAT, np.full(1, whole), None, field.dtype)
                used = True
        if used:
            rows.append(Batch(columns, 1))
    empty = _all_null(schema, typical)
    if empty is not None:
        rows.append(empty)
    return concatenate(rows) if rows else None


def _all_null(schema: Schema, typical: Batch) -> Batch | None:
    columns, used = dict(typical.columns), False
    for field in schema.inputs:
        if not field.nullable or field.carrier in (Kind.TENSOR, Kind.LIST):
            continue
        used = True
        if field.carrier is Kind.FLOAT:
            columns[field.name] = Column(Kind.FLOAT, np.full(1, np.nan), None, field.dtype)
        else:
            blank: Any = "" if field.carrier is Kind.STRING else b"" if field.carrier is Kind.BINARY else 0
            column = typical[field.name]
            columns[field.name] = Column(
                column.kind, np.full(1, blank, column.values.dtype), np.ones(1, np.bool_), field.dtype
            )
    return Batch(columns, 1) if used else None


def on_boundaries(schema: Schema, boundaries: Mapping[str, Numbers], base: Batch, limit: int) -> Batch | None:
    """Rows on every threshold and one ulp of float32 and of float64 to either side of it.

    All columns are moved at once: row i of column c is c's i-th value. base: accepted rows for all else, repeated as
    needed. Beyond `limit` rows an even choice of thresholds is kept. None where no column has a threshold.
    """
    moved: dict[str, Numbers] = {}
    for field in schema.inputs:
        raw = boundaries.get(field.name)
        if raw is None or len(raw) == 0 or field.carrier not in (Kind.FLOAT, Kind.INT):
            continue
        if len(raw) * 5 > limit:
            raw = raw[np.linspace(0, len(raw) - 1, limit // 5).astype(np.int64)]
        moved[field.name] = _neighbours(field, raw)
    if not moved:
        return None
    rows = max(len(values) for values in moved.values())
    generator = np.random.default_rng(1)
    batch = base.take(np.arange(rows) % base.rows)
    columns = dict(batch.columns)
    for name, values in moved.items():
        column = columns[name]
        repeated = np.resize(values, rows)
        generator.shuffle(repeated[len(values) :])
        columns[name] = Column(column.kind, repeated.astype(column.values.dtype), None, column.dtype)
    return Batch(columns, rows)


def _neighbours(field: Field, raw: Numbers) -> Numbers:
    if field.kind is Kind.INT:
        whole: Numbers = np.unique(np.concatenate([np.floor(raw), np.ceil(raw), np.floor(raw) - 1, np.ceil(raw) + 1]))
        return whole[np.abs(whole) < 2.0**62]
    with np.errstate(over="ignore"):
        single = raw.astype(np.float32)
        near = [
            single.astype(np.float64),
            np.nextafter(single, np.float32(-np.inf)).astype(np.float64),
            np.nextafter(single, np.float32(np.inf)).astype(np.float64),
        ]
    if field.dtype != "float32":
        near += [raw, np.nextafter(raw, -np.inf), np.nextafter(raw, np.inf)]
    values: Numbers = np.unique(np.concatenate(near))
    limit = np.inf if field.limit is None else field.limit
    return values[np.isfinite(values) & (np.abs(values) <= limit)]
