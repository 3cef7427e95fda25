"""From records straight to what an engine is fed: one matrix a kind, by way of nothing.

The schema is compiled once. A regular record (every value there, of the type that its field says) costs a few
microseconds; anything else takes the full path — columns, `fit`, `group` — and both give the same feeds and the same errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
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
Reader = Callable[[Records, Feeds], None]

GROUPED = (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.STRING, Kind.TIMESTAMP, Kind.DATE)
"""The kinds whose columns travel in one matrix."""

BLOCK = 8192
"""Rows of a matrix that are filled from all columns before the next ones: as many as a core's cache holds."""


LARGEST = float(np.finfo(np.float64).max)
NONE = type(None)
NUMBERS_OR_NONE = frozenset({float, int, NONE})
EPOCH = "1970-01-01"


class Irregular(Exception):
    """A record that is not as the fast path wants it."""


def group(batch: Batch, inputs: Sequence[GraphInput]) -> Feeds:
    """What an engine is fed: for each input a matrix [rows, columns], and its mask where it has one.

    batch: as `fit` gives it. Raises KeyError for a column that it lacks.
    """
    feeds: Feeds = {}
    for entry in inputs:
        columns = [batch[name] for name in entry.columns]
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


def _parts(schema: Schema, inputs: Sequence[GraphInput]) -> list[tuple[Reader, Reader]]:
    """For each input, and for each kind of column that no input takes, the fast reader and the one that always works."""
    fields = {field.name: field for field in schema.inputs}
    fed = {name for entry in inputs for name in entry.columns}
    parts = [_part(entry, [fields[name] for name in entry.columns], keep=True) for entry in inputs]
    for kind in Kind:
        others = [field for field in schema.inputs if field.carrier is kind and field.name not in fed]
        if others:
            entry = GraphInput(name=kind.value, kind=kind, columns=tuple(field.name for field in others))
            parts.append(_part(entry, others, keep=False))
    return parts


def _part(entry: GraphInput, fields: Sequence[Field], *, keep: bool) -> tuple[Reader, Reader]:
    part = Schema(inputs=tuple(fields), outputs=())

    def slow(records: Records, feeds: Feeds) -> None:
        fitted = fit(read_records(records, part), part)
        if keep:
            feeds.update(group(fitted, (entry,)))

    if entry.kind not in GROUPED or any(field.enforce for field in fields):
        return slow, slow
    fast = _float_reader(entry, fields) if entry.kind is Kind.FLOAT else _masked_reader(entry, fields)
    if keep:
        return fast, slow
    return (lambda records, _: fast(records, {})), slow


def _flat(names: Sequence[str]) -> Callable[[Records], tuple[Any, ...]]:
    """The function that gives all values of these names, record by record. Raises KeyError, TypeError."""
    if len(names) == 1:
        (name,) = names
        return lambda records: tuple([record[name] for record in records])
    get = itemgetter(*names)

    def flat(records: Records) -> tuple[Any, ...]:
        if len(records) == 1:
            values: tuple[Any, ...] = get(records[0])
            return values
        return tuple(chain.from_iterable(map(get, records)))

    return flat


def _float_reader(entry: GraphInput, fields: Sequence[Field]) -> Reader:
    name, width = entry.name, len(fields)
    flat = _flat(entry.columns)
    limits = np.array([math.inf if field.limit is None else field.limit for field in fields])
    required = np.array([not field.nullable for field in fields])
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


def _masked_reader(entry: GraphInput, fields: Sequence[Field]) -> Reader:
    name, mask_name, width = entry.name, entry.mask, len(fields)
    flat = _flat(entry.columns)
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
