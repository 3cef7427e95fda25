"""From records straight to what an engine is fed: one matrix a kind, by way of nothing.

The schema is compiled once. A regular record (every value there, of the type that its field says) costs a few
microseconds; anything else takes the full path — columns, `fit`, `group` — and both give the same feeds and the same errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from holdall.columns.batch import DTYPES, Array, Batch
from holdall.columns.conversion import MICROSECONDS_A_DAY, parse_moment
from holdall.columns.records import read_records
from holdall.errors import InputError
from holdall.scoring.fit import fit
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import GraphInput

Records = Sequence[Mapping[str, Any]]
Feeds = dict[str, Array]
Reader = Callable[[Any, Feeds], None]
Flat = Callable[[Sequence[Any]], tuple[Any, ...]]

GROUPED = (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.STRING, Kind.TIMESTAMP, Kind.DATE)
"""The kinds whose columns travel in one matrix."""

TYPES: dict[Kind, type] = {
    Kind.FLOAT: float,
    Kind.INT: int,
    Kind.BOOL: bool,
    Kind.STRING: str,
    Kind.TIMESTAMP: str,
    Kind.DATE: str,
}
"""The type that a regular value has in JSON."""

BLOCK = 8192
"""Rows of a matrix that are filled from all columns before the next ones: as many as a core's cache holds."""


LARGEST = float(np.finfo(np.float64).max)
NONE = type(None)
NUMBERS_OR_NONE = frozenset({float, int, NONE})
EPOCH = "1970-01-01"


class Irregular(Exception):
    """A record that is not as the fast path wants it."""


def group(batch: Batch, inputs: Sequence[GraphInput]) -> Feeds:
    """What an engine is fed: for each input a matrix [rows, columns], and its mask where it has one; for a TENSOR, which has
    an input of its own, the array [rows, …] in float64.

    batch: as `fit` gives it. Raises KeyError for a column that it lacks.
    """
    feeds: Feeds = {}
    for entry in inputs:
        columns = [batch[name] for name in entry.columns]
        if entry.kind is Kind.TENSOR:
            feeds[entry.name] = np.ascontiguousarray(columns[0].values, np.float64)
            continue
        feeds[entry.name] = stack([column.values for column in columns], batch.rows, DTYPES[entry.kind])
        if entry.mask is not None:
            mask = np.zeros((batch.rows, len(columns)), np.bool_)
            for place, column in enumerate(columns):
                if column.nulls is not None:
                    mask[:, place] = column.nulls
            feeds[entry.mask] = mask
    return feeds


def stack(columns: Sequence[Array], rows: int, dtype: Any) -> Array:
    """The columns side by side as a matrix [rows, columns]."""
    matrix = np.empty((rows, len(columns)), dtype)
    for start in range(0, rows, BLOCK):
        block = matrix[start : start + BLOCK]
        for place, values in enumerate(columns):
            block[:, place] = values[start : start + BLOCK]
    return matrix


def compile_groups(schema: Schema, inputs: Sequence[GraphInput]) -> Callable[[Records], Feeds]:
    """The function that makes records (a list of dicts, one a row) into feeds, as `group(fit(…), inputs)` has them.

    It checks every column of the schema, also those that the graph does not take, and raises SchemaMismatch as `fit`
    does, or InputError for what is no record.
    """
    parts = _parts(schema, inputs)

    def full(records: Records) -> Feeds:
        return group(fit(read_records(records, schema), schema), inputs)

    def read(records: Records) -> Feeds:
        if not records:
            return full(records)
        feeds: Feeds = {}
        try:
            for fast, slow in parts:
                try:
                    fast(records, feeds)
                except (Irregular, KeyError, TypeError, OverflowError):
                    slow(records, feeds)
        except InputError:
            # The full path tells of everything that does not fit, not of one group alone.
            return full(records)
        return feeds

    return read


def compile_typed(
    schema: Schema, inputs: Sequence[GraphInput], attributes: Mapping[str, str]
) -> Callable[[Sequence[Any]], Feeds] | None:
    """The same for objects that a decoder made by `typed_values`: what is known of their types is not looked at again.

    attributes: column → the object's attribute. None where some column always takes the full path. The function raises
    Irregular, TypeError or OverflowError for rows that need it.
    """
    readers: list[tuple[Reader, bool]] = []
    for entry, fields, keep in _groups(schema, inputs):
        if not _is_regular(entry, fields):
            return None
        flat = _flat([attributes[name] for name in entry.columns], attrgetter)
        float_group = entry.kind is Kind.FLOAT
        readers.append(
            (_typed_float_reader(entry, fields, flat) if float_group else _masked_reader(entry, fields, flat), keep)
        )

    def read(rows: Sequence[Any]) -> Feeds:
        feeds: Feeds = {}
        for reader, keep in readers:
            reader(rows, feeds if keep else {})
        return feeds

    return read


def typed_values(schema: Schema) -> dict[str, Any] | None:
    """Column → the type that a value of it has in JSON where it is regular. None where a column has none."""
    if any(field.carrier not in TYPES for field in schema.inputs):
        return None
    return {
        field.name: TYPES[field.carrier] | None if field.nullable else TYPES[field.carrier] for field in schema.inputs
    }


def _groups(schema: Schema, inputs: Sequence[GraphInput]) -> Iterator[tuple[GraphInput, Sequence[Field], bool]]:
    """Each input with its fields, then the columns that no input takes by their kind; and whether it is one that is fed."""
    fields = {field.name: field for field in schema.inputs}
    fed = {name for entry in inputs for name in entry.columns}
    for entry in inputs:
        yield entry, [fields[name] for name in entry.columns], True
    for kind in Kind:
        others = [field for field in schema.inputs if field.carrier is kind and field.name not in fed]
        if others:
            yield GraphInput(name=kind.value, kind=kind, columns=tuple(field.name for field in others)), others, False


def _is_regular(entry: GraphInput, fields: Sequence[Field]) -> bool:
    return entry.kind in GROUPED and not any(field.enforce for field in fields)


def _parts(schema: Schema, inputs: Sequence[GraphInput]) -> list[tuple[Reader, Reader]]:
    """For each input, and for each kind of column that no input takes, the fast reader and the one that always works."""
    return [_part(entry, fields, keep=keep) for entry, fields, keep in _groups(schema, inputs)]


def _part(entry: GraphInput, fields: Sequence[Field], *, keep: bool) -> tuple[Reader, Reader]:
    part = Schema(inputs=tuple(fields), outputs=())

    def slow(records: Records, feeds: Feeds) -> None:
        fitted = fit(read_records(records, part), part)
        if keep:
            feeds.update(group(fitted, (entry,)))

    if not _is_regular(entry, fields):
        return slow, slow
    flat = _flat(entry.columns, itemgetter)
    fast = _float_reader(entry, fields, flat) if entry.kind is Kind.FLOAT else _masked_reader(entry, fields, flat)
    if keep:
        return fast, slow
    return (lambda records, _: fast(records, {})), slow


def _flat(names: Sequence[str], getter: Callable[..., Callable[[Any], Any]]) -> Flat:
    """The function that gives all values of these names, row by row. getter: itemgetter, attrgetter. It raises KeyError,
    TypeError where a row lacks one."""
    get = getter(*names)
    if len(names) == 1:
        return lambda rows: tuple(map(get, rows))

    def flat(rows: Sequence[Any]) -> tuple[Any, ...]:
        if len(rows) == 1:
            values: tuple[Any, ...] = get(rows[0])
            return values
        return tuple(chain.from_iterable(map(get, rows)))

    return flat


def _float_reader(entry: GraphInput, fields: Sequence[Field], flat: Flat) -> Reader:
    name, width = entry.name, len(fields)
    limits, required = _bounds(fields)
    # No magnitude is above the root of the sum of squares, give or take a rounding; and that is NaN or infinite if any is.
    surely = min(float(limits.min()), LARGEST) * (1 - 1e-15)

    def read(records: Records, feeds: Feeds) -> None:
        values = flat(records)
        types = set(map(type, values))
        if not types <= NUMBERS_OR_NONE:
            raise Irregular
        matrix = np.array(values, np.float64).reshape(-1, width)
        plain = NONE not in types and math.hypot(*values) <= surely
        if not plain and ((np.isnan(matrix) & required).any() or (np.abs(matrix) > limits).any()):
            raise Irregular
        feeds[name] = matrix

    return read


def _typed_float_reader(entry: GraphInput, fields: Sequence[Field], flat: Flat) -> Reader:
    """For values that are floats, or None where the field takes nulls; JSON has no others."""
    name, width = entry.name, len(fields)
    limits, _ = _bounds(fields)
    lowest = float(limits.min())

    def read(rows: Records, feeds: Feeds) -> None:
        values = np.array(flat(rows), np.float64)
        matrix = values.reshape(-1, width)
        # JSON has nothing beyond the greatest double. Where there is a null both extremes are NaN, and so prove nothing.
        if (
            lowest < LARGEST
            and not (values.max() <= lowest and values.min() >= -lowest)
            and (np.abs(matrix) > limits).any()
        ):
            raise Irregular
        feeds[name] = matrix

    return read


def _bounds(fields: Sequence[Field]) -> tuple[Array, Array]:
    """The greatest magnitude of each field, and whether it must have a value."""
    limits = np.array([math.inf if field.limit is None else field.limit for field in fields])
    return limits, np.array([not field.nullable for field in fields])


def _masked_reader(entry: GraphInput, fields: Sequence[Field], flat: Flat) -> Reader:
    name, mask_name, width = entry.name, entry.mask, len(fields)
    build, kind_type, fill = _BUILDERS[entry.kind]
    regular, with_null = {kind_type}, {kind_type, NONE}
    required = np.array([not field.nullable for field in fields])
    limit = min((field.limit for field in fields if field.limit is not None), default=math.inf)
    limited = entry.kind is Kind.INT and limit < math.inf

    def read(records: Records, feeds: Feeds) -> None:
        values: Sequence[Any] = flat(records)
        types = set(map(type, values))
        mask = None
        if types != regular:
            if not types <= with_null:
                raise Irregular
            mask = np.array([value is None for value in values], np.bool_).reshape(-1, width)
            if (mask & required).any():
                raise Irregular
            values = [fill if value is None else value for value in values]
        if limited and not (max(values) <= limit and min(values) >= -limit):
            raise Irregular
        feeds[name] = build(values).reshape(-1, width)
        if mask_name is not None:
            feeds[mask_name] = np.zeros((len(records), width), np.bool_) if mask is None else mask

    return read


def _moments(values: Sequence[Any]) -> Array:
    moments = [parse_moment(value) for value in values]
    if None in moments:
        raise Irregular
    return np.array(moments, "datetime64[us]").astype(np.int64)


def _days(values: Sequence[Any]) -> Array:
    days, rest = np.divmod(_moments(values), MICROSECONDS_A_DAY)
    if rest.any():
        raise Irregular
    return days


_BUILDERS: dict[Kind, tuple[Callable[[Sequence[Any]], Array], type, Any]] = {
    Kind.INT: (lambda values: np.array(values, np.int64), int, 0),
    Kind.BOOL: (lambda values: np.array(values, np.bool_), bool, False),
    Kind.STRING: (lambda values: np.array(values, object), str, ""),
    Kind.TIMESTAMP: (_moments, str, EPOCH),
    Kind.DATE: (_days, str, EPOCH),
}
"""What makes the values of a kind an array, the type that JSON gives such values, and what stands for a null among them."""
