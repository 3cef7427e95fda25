"""Columns of Python objects: lists, records, NumPy and pandas columns of dtype object. The values decide the kind.

    all bool → BOOL · all int → INT · int, float, Decimal → FLOAT · str → STRING · bytes → BINARY
    datetime, numpy.datetime64 → TIMESTAMP (one with a zone is turned to UTC, one without is UTC) · date → DATE
    arrays or lists of numbers of one shape → TENSOR, of several lengths → LIST
    None, NaN, NaT, pandas.NA → null; a column of nothing else is FLOAT

Anything else, and a mix (text and numbers), is an InputError that names the row.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from holdall.columns.batch import DTYPES, FILL, Array, Column, Mask, all_null, ragged
from holdall.columns.conversion import convert, fits_shape, in_utc
from holdall.columns.problems import EXPECTED, Problems, show
from holdall.errors import InputError
from holdall.spec.schema import Field, Kind, Missing


class Family(Enum):
    """What a Python type is to a column. The value is how a message calls it."""

    NONE = "null"
    NA = "NA"
    NAT = "NaT"
    BOOL = "a boolean"
    INT = "an integer"
    FLOAT = "a float"
    DECIMAL = "a decimal"
    TEXT = "text"
    MOMENT = "a time"
    DATE = "a date"
    BINARY = "bytes"
    ARRAY = "a list"
    OTHER = "an object"


NUMBERS = frozenset({Family.INT, Family.FLOAT, Family.DECIMAL})
MOMENTS = frozenset({Family.MOMENT, Family.DATE})
MARKERS = {Family.NONE: Missing.NONE, Family.NA: Missing.NA, Family.NAT: Missing.NAT}

# The order matters: a bool is an int, a datetime is a date.
_FAMILIES: tuple[tuple[tuple[type, ...], Family], ...] = (
    ((bool, np.bool_), Family.BOOL),
    ((int, np.integer), Family.INT),
    ((float, np.floating), Family.FLOAT),
    ((decimal.Decimal,), Family.DECIMAL),
    ((str,), Family.TEXT),
    ((datetime.datetime, np.datetime64), Family.MOMENT),
    ((datetime.date,), Family.DATE),
    ((bytes, bytearray, memoryview), Family.BINARY),
    ((list, tuple, np.ndarray), Family.ARRAY),
)


_known: dict[type, Family] = {}


def family(cls: type) -> Family:
    """What values of this type are to a column. pandas' markers are known by name: pandas need not be there."""
    found = _known.get(cls)
    if found is None:
        found = _known[cls] = _find_family(cls)
    return found


def _find_family(cls: type) -> Family:
    if cls is type(None):
        return Family.NONE
    if cls.__name__ in ("NAType", "NaTType"):
        return Family.NA if cls.__name__ == "NAType" else Family.NAT
    for types, found in _FAMILIES:
        if issubclass(cls, types):
            return found
    return Family.OTHER


def from_objects(name: str, values: Sequence[Any], dtype: str | None = None) -> Column:
    """The column that these values are. dtype: what the caller's table calls it. Raises InputError."""
    types = set(map(type, values))
    # The two commonest columns at full speed: all text, all floats.
    if types == {str}:
        return Column(Kind.STRING, _array(values), None, dtype)
    if types == {float}:
        numbers = np.array(values, np.float64)
        return Column(Kind.FLOAT, numbers, None, dtype, Missing.NAN if np.isnan(numbers).any() else None)
    missing, marker = find_missing(values, types)
    if missing is None:
        return _build(name, values, np.arange(len(values)), dtype, None)
    present = np.flatnonzero(~missing)
    if not len(present):
        return Column(Kind.FLOAT, np.full(len(values), np.nan), None, dtype, marker)
    column = _build(name, [values[row] for row in present.tolist()], present, dtype, marker)
    return spread(column, present, len(values))


def dimensions(field: Field) -> tuple[int, ...]:
    """The shape of a TENSOR's row with 1 for a dimension that varies; () for every other kind."""
    return (
        tuple(length if isinstance(length, int) else 1 for length in field.shape) if field.kind is Kind.TENSOR else ()
    )


def read_objects(name: str, values: Sequence[Any], field: Field, problems: Problems) -> Column:
    """The column that these values are as the field's carrier has it, whatever mix of what fits it they are.

    A cell that does not fit is a problem; its fate never depends on the other cells, so that rows fare alike alone and
    together.
    """
    kind = field.carrier
    missing, marker = find_missing(values, set(map(type, values)))
    rows_by_family: dict[Family, list[int]] = {}
    for row, value in enumerate(values):
        if missing is None or not missing[row]:
            rows_by_family.setdefault(family(type(value)), []).append(row)
    pieces: list[tuple[Column, Array]] = []
    for found, rows in rows_by_family.items():
        chosen, piece = _piece(name, found, values, rows, field, problems)
        if not len(chosen):
            continue
        converted, bad = convert(piece, kind, field.shape)
        if bad is not None:
            problems.cells(name, np.flatnonzero(bad), EXPECTED[kind], piece, chosen)
        pieces.append((converted, chosen))
    column = spread(*pieces[0], len(values)) if len(pieces) == 1 else _together(field, pieces, len(values))
    return Column(kind, column.values, column.nulls, None, marker)


def _piece(
    name: str, found: Family, values: Sequence[Any], rows: list[int], field: Field, problems: Problems
) -> tuple[Array, Column]:
    """The cells of one family as a column, and their rows; cells that make no column are problems and left out."""
    kind = field.carrier
    if found is Family.ARRAY:
        rows = _alike(name, values, rows, field, problems)
    try:
        return np.array(rows, np.intp), _same_family(name, found, [values[row] for row in rows], kind)
    except (InputError, OverflowError):
        pass
    kept: list[int] = []
    for row in rows:
        try:
            _same_family(name, found, [values[row]], kind)
        except (InputError, OverflowError):
            problems.cell(row, name, EXPECTED[kind], show(values[row]))
        else:
            kept.append(row)
    return np.array(kept, np.intp), _same_family(name, found, [values[row] for row in kept], kind)


def _alike(name: str, values: Sequence[Any], rows: list[int], field: Field, problems: Problems) -> list[int]:
    """The rows whose arrays have the field's shape; where it has dimensions that vary, also that of the first of them."""
    if field.kind not in (Kind.TENSOR, Kind.LIST):
        for row in rows:
            problems.cell(row, name, EXPECTED[field.carrier], "a list")
        return []
    kept: list[int] = []
    first: tuple[int, ...] | None = None
    for row in rows:
        try:
            shape = np.shape(values[row])
        except ValueError:
            # Inner lists of several lengths: no array at all.
            problems.cell(row, name, EXPECTED[field.kind], "a list whose inner lists differ in length")
            continue
        if field.kind is Kind.LIST:
            fits = len(shape) == 1
        else:
            fits = fits_shape(shape, field.shape) and (first is None or shape == first)
        if fits:
            kept.append(row)
            first = first or shape
        else:
            problems.cell(row, name, describe_shape(field), f"an array of shape {list(shape)}")
    return kept


def describe_shape(field: Field) -> str:
    """What a TENSOR or LIST field expects, in words."""
    if field.kind is Kind.LIST:
        return EXPECTED[Kind.LIST]
    return f"an array of shape [{', '.join(str(length) for length in field.shape)}]"


def _same_family(name: str, found: Family, values: Sequence[Any], kind: Kind) -> Column:
    if found in NUMBERS and kind is Kind.FLOAT:
        return Column(Kind.FLOAT, np.array([float(value) for value in values], np.float64))
    return from_objects(name, values)


def _together(field: Field, pieces: list[tuple[Column, Array]], rows: int) -> Column:
    """Columns of one kind as one, each at its rows. Arrays are of one family: where there are more, one is a problem."""
    kind = field.carrier
    whole = all_null(kind, rows, dimensions(field))
    if kind in (Kind.TENSOR, Kind.LIST):
        return whole
    for column, chosen in pieces:
        whole.values[chosen] = column.values
        if whole.nulls is not None:
            whole.nulls[chosen] = column.null_mask()
    return whole


def find_missing(values: Sequence[Any], types: set[type]) -> tuple[Mask | None, Missing | None]:
    """Where the values are missing (None: nowhere), and the marker that comes first."""
    masks: list[tuple[Mask, Missing]] = []
    for cls in types:
        found = family(cls)
        if found in MARKERS:
            masks.append((np.array([type(value) is cls for value in values], np.bool_), MARKERS[found]))
        elif found in (Family.FLOAT, Family.DECIMAL):
            # Only a NaN differs from itself.
            mask = np.array([type(value) is cls and bool(value != value) for value in values], np.bool_)  # noqa: PLR0124
            masks.append((mask, Missing.NAN))
        elif cls is np.datetime64:
            masks.append(
                (np.array([type(value) is cls and np.isnat(value) for value in values], np.bool_), Missing.NAT)
            )
    seen = [(int(mask.argmax()), marker, mask) for mask, marker in masks if mask.any()]
    if not seen:
        return None, None
    missing = np.logical_or.reduce([mask for _, _, mask in seen])
    return missing, min(seen, key=lambda entry: entry[0])[1]


def spread(column: Column, rows: Array, length: int) -> Column:
    """A column of `length` rows with these values at `rows` and nulls elsewhere."""
    if len(column) == length:
        return column
    if column.kind is Kind.LIST:
        values = all_null(column.kind, length).values
    else:
        dtype = DTYPES.get(column.kind, column.values.dtype)
        values = np.full((length, *column.values.shape[1:]), FILL.get(column.kind, 0), dtype)
    values[rows] = column.values
    nulls = None
    if column.kind is not Kind.FLOAT:
        nulls = np.ones(length, np.bool_)
        nulls[rows] = column.null_mask()
    return Column(column.kind, values, nulls, column.dtype, column.missing)


def _build(name: str, values: Sequence[Any], rows: Array, dtype: str | None, marker: Missing | None) -> Column:
    """The column of values none of which is missing. rows: where they stand in the caller's table, for messages."""
    types = set(map(type, values))
    families = {family(cls) for cls in types}
    if not families:
        return Column(Kind.FLOAT, np.empty(0), None, dtype, marker)
    if Family.OTHER in families:
        row = next(row for row, value in enumerate(values) if family(type(value)) is Family.OTHER)
        kind_name = type(values[row]).__name__
        raise _refused(name, int(rows[row]), f"a value of type {kind_name} is none that a column can hold")
    if families <= NUMBERS and families != {Family.INT}:
        return Column(Kind.FLOAT, _doubles(name, values, rows), None, dtype, marker)
    if families == MOMENTS:
        families = {Family.MOMENT}
    if len(families) > 1:
        raise _mixed(name, values, rows)
    kind, array = _one_family(name, values, rows, families.pop(), types)
    return Column(kind, array, None, dtype, marker)


def _one_family(name: str, values: Sequence[Any], rows: Array, found: Family, types: set[type]) -> tuple[Kind, Array]:
    if found is Family.BOOL:
        return Kind.BOOL, np.array(values, np.bool_)
    if found is Family.INT:
        return Kind.INT, _integers(name, values, rows)
    if found is Family.TEXT:
        return Kind.STRING, _array(values if types == {str} else [str.__str__(value) for value in values])
    if found is Family.MOMENT:
        return Kind.TIMESTAMP, np.array([_moment(value) for value in values], "datetime64[us]").astype(np.int64)
    if found is Family.DATE:
        return Kind.DATE, np.array(values, "datetime64[D]").astype(np.int64)
    if found is Family.BINARY:
        return Kind.BINARY, _array([bytes(value) for value in values])
    return _arrays(name, values, rows)


def _array(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _moment(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return in_utc(value)
    return value


def _doubles(name: str, values: Sequence[Any], rows: Array) -> Array:
    try:
        return np.array(values, np.float64)
    except OverflowError:
        row = next(row for row, value in enumerate(values) if isinstance(value, int) and abs(value) > 2**1023)
        raise _refused(name, int(rows[row]), "the number is too large for a double") from None


def _integers(name: str, values: Sequence[Any], rows: Array) -> Array:
    numbers = [int(value) for value in values]
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        row = next(row for row, value in enumerate(numbers) if not -(2**63) <= value < 2**63)
        raise beyond_int64(name, int(rows[row]), numbers[row]) from None


def _arrays(name: str, values: Sequence[Any], rows: Array) -> tuple[Kind, Array]:
    arrays = []
    for row, value in enumerate(values):
        try:
            array = np.asarray(value)
        except ValueError:
            raise _refused(name, int(rows[row]), "a list whose inner lists differ in length") from None
        if array.size == 0:
            array = array.astype(np.float64)
        if array.dtype.kind not in "biuf" or array.ndim == 0:
            raise _refused(name, int(rows[row]), "a list holds numbers only, and no null")
        arrays.append(array)
    if len({array.shape for array in arrays}) == 1:
        return Kind.TENSOR, np.stack(arrays)
    if any(array.ndim != 1 for array in arrays):
        row = next(row for row, array in enumerate(arrays) if array.shape != arrays[0].shape)
        raise _refused(name, int(rows[row]), "arrays of more than one dimension have one shape in all rows")
    dtype = np.result_type(*{array.dtype for array in arrays if array.size} or {np.dtype(np.float64)})
    return Kind.LIST, ragged([array.astype(dtype) for array in arrays])


def _mixed(name: str, values: Sequence[Any], rows: Array) -> InputError:
    first = family(type(values[0]))
    alike = NUMBERS if first in NUMBERS else MOMENTS if first in MOMENTS else {first}
    row = next(row for row, value in enumerate(values) if family(type(value)) not in alike)
    return InputError(
        f"rows[{int(rows[row])}].{name}: a column holds one kind of value; {show(values[row])} is "
        f"{family(type(values[row])).value} where {show(values[0])} before it is {first.value}",
        hint="make the column all numbers or all text, with nulls where a value is missing",
        path=f"rows[{int(rows[row])}].{name}",
    )


def _refused(name: str, row: int, why: str) -> InputError:
    return InputError(
        f"rows[{row}].{name}: {why}",
        hint="a column holds booleans, numbers, text, times, dates, bytes, or lists of numbers",
        path=f"rows[{row}].{name}",
    )


def beyond_int64(name: str, row: int, value: int) -> InputError:
    """The error for an integer that 64 bits cannot hold."""
    return InputError(
        f"rows[{row}].{name}: the integer {show(value)} does not fit in 64 bits",
        hint="pass it as text, or as a float if its last digits do not matter",
        path=f"rows[{row}].{name}",
    )
