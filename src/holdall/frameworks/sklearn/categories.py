"""Looking up a cell's value in its own column's table of categories, for a whole matrix at once.

A table per column would cost a handful of operators per column. Instead one LabelEncoder gives every cell of the matrix
a number that all columns share, and one Gather from a [columns, numbers] table gives each column its own answer. Values
that all columns treat alike share one number, so the table stays small; columns are taken apart only where it would not.

What equals what follows scikit-learn's encoders: numbers compare as NumPy compares them, objects as Python does (True is
1 is 1.0), dates by the instant, and a missing value equals a category only if both are the same marker.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.ml.v5 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block
from holdall.spec.schema import Kind, Missing

Key = str | int | float

_TABLE_LIMIT = 1 << 18  # cells of one Gather table: 2 MB of doubles
_EXACT = 2.0**53  # from here on an integer may not be a double
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_TEXT = "a category that is no Unicode text cannot travel"


@dataclass(frozen=True)
class Lookup:
    """One column's table. found: value → number; missing: the number of a missing value; else `other`."""

    found: Mapping[Key, float]
    missing: float
    other: float


def positions(block: Block, column: int, categories: Any, conversion: Conversion, path: str) -> dict[Key | None, int]:
    """Where each of a column's fitted categories stands, keyed by what it is in the block; None is a missing value.

    Categories that no value of this block can equal are left out. Raises NotPortable for categories of a kind that a
    graph cannot compare.
    """
    array = np.asarray(categories)
    found: dict[Key | None, int] = {}
    place = _missing_place(array, _marker(block, column, conversion))
    if place is not None:
        found[None] = place
    for index, category in enumerate(array.tolist() if array.dtype.kind != "M" else array):
        key = _key(block.kind, category, array.dtype.kind, path)
        if key is not None:
            found.setdefault(key, index)
    return found


def _marker(block: Block, column: int, conversion: Conversion) -> Missing:
    origin = block.origins[column]
    return Missing.NAN if origin is None else conversion.schema.input(origin.column).missing


def _missing_place(categories: Any, marker: Missing) -> int | None:
    """The category that a missing value of this marker equals, as scikit-learn has it; None where it is unseen."""
    if categories.dtype.kind == "f":
        # A column of numbers, nullable ones included, reaches the encoder with NaN for every kind of missing value.
        nan = np.flatnonzero(np.isnan(categories))
        return int(nan[-1]) if len(nan) else None
    if categories.dtype.kind != "O":
        return None
    for index, category in enumerate(categories.tolist()):
        if category is None:
            same = marker is Missing.NONE
        elif isinstance(category, float):
            same = math.isnan(category) and marker is Missing.NAN
        else:
            same = type(category).__name__ == "NaTType" and marker is Missing.NAT
        if same:
            return index
    return None


def _key(kind: Kind, category: Any, dtype: str, path: str) -> Key | None:
    """What a category is among the values of a block of this kind; None where no value can equal it."""
    if isinstance(category, bytes):
        raise NotPortable(path, "its categories are bytes; give the model text")
    if kind is Kind.STRING:
        if not isinstance(category, str):
            return None
        try:
            category.encode()
        except UnicodeEncodeError:
            raise NotPortable(path, _TEXT) from None
        return category
    if kind is Kind.TIMESTAMP:
        return _microseconds(category)
    if kind is Kind.DATE:
        plain = isinstance(category, datetime.date) and not isinstance(category, datetime.datetime)
        return (category - _EPOCH.date()).days if plain else None
    if not isinstance(category, (bool, int, float)):
        return None
    if kind is Kind.FLOAT:
        return _double(category, dtype)
    return _integer(category)


def _double(category: float, dtype: str) -> float | None:
    number = float(category)
    # As objects Python compares them, and does so exactly; NumPy makes doubles of both sides first.
    if math.isnan(number) or (dtype == "O" and number != category):
        return None
    return number


def _integer(category: float) -> int | None:
    if isinstance(category, float) and (not category.is_integer() or abs(category) >= _EXACT):
        return None
    return int(category)


def _microseconds(category: Any) -> int | None:
    if isinstance(category, np.datetime64):
        rounded = category.astype("datetime64[us]")
        return int(rounded.astype(np.int64)) if rounded == category else None
    if not isinstance(category, datetime.datetime) or type(category).__name__ == "NaTType":
        return None
    if getattr(category, "nanosecond", 0):
        return None
    instant = category if category.tzinfo is not None else category.replace(tzinfo=datetime.UTC)
    return int((instant - _EPOCH) // _MICROSECOND)


def look_up(block: Block, lookups: Sequence[Lookup], dtype: Any = np.float64) -> Var:
    """[N, width] of `dtype`: each cell's number in its own column's table.

    lookups: one for each column of the block.
    """
    tables = _Numbering.of(lookups)
    if tables.size * len(lookups) > _TABLE_LIMIT and len(lookups) > 1:
        middle = len(lookups) // 2
        left, right = list(range(middle)), list(range(middle, len(lookups)))
        parts = [look_up(_columns(block, part), [lookups[i] for i in part], dtype) for part in (left, right)]
        return op.concat(parts, axis=1)
    shared = tables.number(block)
    if len(lookups) > 1:
        start = np.arange(len(lookups), dtype=np.int64) * tables.size
        shared = op.add(shared, op.const(start))
    return op.gather(op.const(tables.table(lookups).astype(dtype).ravel()), shared, axis=0)


def _columns(block: Block, places: Sequence[int]) -> Block:
    index = op.const(np.array(places, np.int64))
    return replace(
        block,
        values=op.gather(block.values, index, axis=1),
        nulls=None if block.nulls is None else op.gather(block.nulls, index, axis=1),
        names=tuple(block.names[i] for i in places),
        origins=tuple(block.origins[i] for i in places),
        dtypes=tuple(block.dtypes[i] for i in places),
        base=None,
        places=(),
    )


@dataclass(frozen=True)
class _Numbering:
    """Numbers for values such that values with the same answer in every column share one.

    Number 0 is a value that no column knows, number 1 a missing one.
    """

    numbers: Mapping[Key, int]
    size: int
    signatures: tuple[Mapping[int, float], ...]

    @classmethod
    def of(cls, lookups: Sequence[Lookup]) -> _Numbering:
        answers: dict[Key, dict[int, float]] = {}
        for column, lookup in enumerate(lookups):
            for key, answer in lookup.found.items():
                answers.setdefault(key, {})[column] = answer
        known: dict[tuple[tuple[int, float], ...], int] = {}
        numbers = {key: known.setdefault(_spelled(answer), 2 + len(known)) for key, answer in answers.items()}
        return cls(numbers, 2 + len(known), tuple(dict(signature) for signature in known))

    def number(self, block: Block) -> Var:
        """int64 [N, width]: the number of each cell."""
        values = op.cast(block.values, to=np.int64) if block.kind is Kind.BOOL else block.values
        keys: Any = list(self.numbers)
        element = {Kind.STRING: object, Kind.FLOAT: np.float64}.get(block.kind, np.int64)
        if not keys:
            result = op.expand(op.const(np.int64(0)), op.shape(values))
        else:
            result = ml.label_encoder(
                values,
                keys_tensor=np.array(keys, element),
                values_tensor=np.array(list(self.numbers.values()), np.int64),
                default_tensor=np.array([0], np.int64),
            )
        nulls = op.isnan(block.values) if block.kind is Kind.FLOAT else block.nulls
        return result if nulls is None else op.where(nulls, op.const(np.int64(1)), result)

    def table(self, lookups: Sequence[Lookup]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """[columns, size]: each column's answer to each number."""
        table = np.empty((len(lookups), self.size), np.float64)
        for column, lookup in enumerate(lookups):
            table[column] = lookup.other
            table[column, 1] = lookup.missing
        for number, signature in enumerate(self.signatures, start=2):
            for column, answer in signature.items():
                table[column, number] = answer
        return table


def _spelled(answer: Mapping[int, float]) -> tuple[tuple[int, float], ...]:
    return tuple(sorted(answer.items()))
