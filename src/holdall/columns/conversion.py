"""One kind's values as another kind's, where that loses nothing: what "fits" means, in one place for every door.

    to          takes besides its own kind
    BOOL        0 and 1
    INT         numbers without a fraction, within 64 bits
    FLOAT       integers
    STRING      nothing: a number is not a text
    TIMESTAMP   dates; ISO 8601 text (without an offset it is UTC)
    DATE        times at midnight; ISO 8601 text of such
    BINARY      base64 text
    TENSOR      lists of one length
    LIST        tensors of one dimension

A column without any value fits every kind.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Column, Mask, all_null, ragged
from holdall.spec.schema import Kind

MICROSECONDS_A_DAY = 86_400_000_000
INT64_BOUND = 2.0**63

Converted = tuple[Column, Mask | None]


def convert(column: Column, kind: Kind, shape: Sequence[int | str] = ()) -> Converted:
    """The column as `kind`, and a mask of the cells that cannot be (None: all can); those are null in the result.

    shape: of a TENSOR's row, where it is known; else the first row decides. `dtype` and `missing` are kept. The arrays
    are shared, not copied, where the kind is the same.
    """
    if column.kind is kind:
        return column, None
    missing = column.null_mask()
    if missing.all():
        fixed = [length if isinstance(length, int) else 1 for length in shape]
        result, bad = all_null(kind, len(column), fixed if kind is Kind.TENSOR else ()), None
    elif column.kind is Kind.LIST and kind is Kind.TENSOR:
        result, bad = _list_to_tensor(column, missing, shape)
    else:
        converter = _CONVERTERS.get((column.kind, kind))
        if converter is None:
            result, bad = all_null(kind, len(column)), ~missing
        else:
            result, bad = converter(column)
    if bad is not None and not bad.any():
        bad = None
    return Column(kind, result.values, result.nulls, column.dtype, column.missing), bad


def fits_shape(shape: Sequence[int], wanted: Sequence[int | str]) -> bool:
    """Whether an array of this shape is one of `wanted`, in which a name stands for any length."""
    return len(shape) == len(wanted) and all(
        not isinstance(length, int) or length == there for length, there in zip(wanted, shape, strict=True)
    )


def _masked(kind: Kind, values: Array, nulls: Mask) -> Column:
    return Column(kind, values, nulls if nulls.any() else None)


def _int_to_float(column: Column) -> Converted:
    values = column.values.astype(np.float64)
    if column.nulls is not None:
        values[column.nulls] = np.nan
    return Column(Kind.FLOAT, values), None


def _float_to_int(column: Column) -> Converted:
    missing = np.isnan(column.values)
    # The bound itself is not an int64; every double below it is.
    whole = (np.floor(column.values) == column.values) & (column.values >= -INT64_BOUND) & (column.values < INT64_BOUND)
    values = np.where(whole, column.values, 0.0).astype(np.int64)
    return _masked(Kind.INT, values, ~whole), ~(whole | missing)


def _number_to_bool(column: Column) -> Converted:
    missing = column.null_mask()
    one = column.values == 1
    good = (one | (column.values == 0)) & ~missing
    return _masked(Kind.BOOL, one & good, ~good), ~(good | missing)


def _date_to_timestamp(column: Column) -> Converted:
    values = column.values * MICROSECONDS_A_DAY
    bad = values // MICROSECONDS_A_DAY != column.values
    return Column(Kind.TIMESTAMP, values, column.nulls), bad


def _timestamp_to_date(column: Column) -> Converted:
    missing = column.null_mask()
    days, rest = np.divmod(column.values, MICROSECONDS_A_DAY)
    bad = (rest != 0) & ~missing
    days[bad] = 0
    return _masked(Kind.DATE, days, bad | missing), bad


def _string_to_timestamp(column: Column) -> Converted:
    missing = column.null_mask()
    texts = column.values.tolist()
    moments: list[Any] = [
        None if gone else parse_moment(text) for text, gone in zip(texts, missing.tolist(), strict=True)
    ]
    values = np.array(moments, "datetime64[us]")
    nulls = np.isnat(values)
    numbers = values.astype(np.int64)
    numbers[nulls] = 0
    return _masked(Kind.TIMESTAMP, numbers, nulls), nulls & ~missing


def _string_to_date(column: Column) -> Converted:
    moments, _ = _string_to_timestamp(column)
    dates, _ = _timestamp_to_date(moments)
    return dates, dates.null_mask() & ~column.null_mask()


def parse_moment(text: str) -> datetime.datetime | None:
    """ISO 8601 text as a moment in UTC without a zone; None if it is none. Without an offset it is UTC already."""
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo is None else in_utc(moment)
    except (ValueError, OverflowError):
        return None


def in_utc(moment: datetime.datetime) -> datetime.datetime:
    """A moment with a zone as the same moment in UTC, without one."""
    return moment.astimezone(datetime.UTC).replace(tzinfo=None)


def _string_to_binary(column: Column) -> Converted:
    missing = column.null_mask()
    values = np.full(len(column), b"", object)
    bad = np.zeros(len(column), np.bool_)
    for row in np.flatnonzero(~missing):
        try:
            values[row] = base64.b64decode(column.values[row], validate=True)
        except (binascii.Error, ValueError):
            bad[row] = True
    return _masked(Kind.BINARY, values, bad | missing), bad


def _list_to_tensor(column: Column, missing: Mask, shape: Sequence[int | str]) -> Converted:
    if len(shape) > 1:
        return all_null(Kind.TENSOR, len(column), (1,) * len(shape)), ~missing
    present = [values for values, gone in zip(column.values, missing.tolist(), strict=True) if not gone]
    length = shape[0] if shape and isinstance(shape[0], int) else len(present[0])
    bad = np.array([len(values) != length for values in column.values], np.bool_) & ~missing
    tensor = np.zeros((len(column), length), np.result_type(*present))
    for row in np.flatnonzero(~(bad | missing)):
        tensor[row] = column.values[row]
    return _masked(Kind.TENSOR, tensor, bad | missing), bad


def _tensor_to_list(column: Column) -> Converted:
    if column.values.ndim != 2:
        return all_null(Kind.LIST, len(column)), ~column.null_mask()
    return Column(Kind.LIST, ragged(list(column.values)), column.nulls), None


_CONVERTERS: dict[tuple[Kind, Kind], Callable[[Column], Converted]] = {
    (Kind.INT, Kind.FLOAT): _int_to_float,
    (Kind.FLOAT, Kind.INT): _float_to_int,
    (Kind.INT, Kind.BOOL): _number_to_bool,
    (Kind.FLOAT, Kind.BOOL): _number_to_bool,
    (Kind.DATE, Kind.TIMESTAMP): _date_to_timestamp,
    (Kind.TIMESTAMP, Kind.DATE): _timestamp_to_date,
    (Kind.STRING, Kind.TIMESTAMP): _string_to_timestamp,
    (Kind.STRING, Kind.DATE): _string_to_date,
    (Kind.STRING, Kind.BINARY): _string_to_binary,
    (Kind.TENSOR, Kind.LIST): _tensor_to_list,
}
