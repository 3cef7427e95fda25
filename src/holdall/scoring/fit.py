"""A batch against the schema: the columns that the model takes, as it takes them, or the list of all that does not fit.

The schema was probed on the live model, so what is refused here is what the model itself would have refused, by name.
Whole columns are looked at in one or two passes of NumPy; a cell is looked at by itself only to name it in a message.
"""

from __future__ import annotations

import numpy as np

from holdall.columns.batch import UNITS, Array, Batch, Column, Mask, all_null
from holdall.columns.conversion import convert, fits_shape
from holdall.columns.objects import describe_shape, dimensions
from holdall.columns.problems import EXPECTED, Problems, listing
from holdall.columns.records import lacking_hint
from holdall.spec.schema import Field, Kind, Schema

LARGEST = float(np.finfo(np.float64).max)
COUNTED = (Kind.STRING, Kind.BOOL, Kind.INT, Kind.FLOAT)
SHOWN = 8
"""Of the categories that are allowed, a message shows so many."""


def fit(batch: Batch, schema: Schema) -> Batch:
    """The schema's input columns, in order, each in its field's carrier kind, with the field's dtype and missing marker.

    Other columns are left out. Arrays that are right already are shared, not copied; a batch without rows and columns
    fits every schema. Raises SchemaMismatch with all the missing columns and the first cells that do not fit
    ({path: 'rows[3].age', expected: 'a number', got: "'abc'"}), and how many there are.
    """
    problems = Problems()
    columns: dict[str, Column] = {}
    lacking: list[str] = []
    nothing = batch.rows == 0 and not batch.columns
    for field in schema.inputs:
        column = all_null(field.carrier, 0, dimensions(field)) if nothing else batch.columns.get(field.name)
        if column is None:
            lacking.append(field.name)
            problems.column(field.name, "a column", "nothing")
        else:
            columns[field.name] = _fit_column(column, field, problems)
    if problems:
        problems.check(hint=lacking_hint(lacking, batch.columns, [field.name for field in schema.inputs]))
    return Batch(columns, batch.rows)


def _fit_column(column: Column, field: Field, problems: Problems) -> Column:
    kind = field.carrier
    fitted, bad = convert(column, kind, field.shape)
    if bad is not None:
        problems.cells(field.name, np.flatnonzero(bad), EXPECTED[kind], column)
    if kind is Kind.FLOAT:
        _check_floats(fitted, field, bad, problems)
        return Column(kind, fitted.values, None, field.dtype, field.missing)
    nulls = fitted.nulls if fitted.nulls is not None and fitted.nulls.any() else None
    if nulls is not None and not field.nullable:
        _report_nulls(field, nulls, bad, problems)
    if kind is Kind.TENSOR:
        _check_shape(fitted, field, problems)
    elif field.limit is not None and kind is Kind.INT:
        _report(field, fitted, np.flatnonzero(np.abs(fitted.values.astype(np.float64)) > field.limit), problems)
    if field.enforce:
        _check_observed(fitted, field, problems)
    return Column(kind, fitted.values, nulls, field.dtype, field.missing)


def _check_floats(column: Column, field: Field, bad: Mask | None, problems: Problems) -> None:
    values = column.values
    if not len(values):
        return
    # Least and greatest in two passes that allocate nothing; both are NaN where any value is.
    low, high = (values[0], values[0]) if len(values) == 1 else (values.min(), values.max())
    if low != low:  # noqa: PLR0124 — only a NaN differs from itself
        if not field.nullable:
            _report_nulls(field, np.isnan(values), bad, problems)
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    limit = field.limit
    if limit is not None and (low < -limit or high > limit):
        _report(field, column, np.flatnonzero(np.abs(values) > limit), problems)
    if field.enforce:
        _check_observed(column, field, problems)


def _report_nulls(field: Field, nulls: Mask, bad: Mask | None, problems: Problems) -> None:
    rows = np.flatnonzero(nulls if bad is None else nulls & ~bad)
    problems.cells(field.name, rows, "a value", all_null(field.carrier, len(nulls), dimensions(field)))


def _report(field: Field, column: Column, rows: Array, problems: Problems) -> None:
    """These cells are beyond the field's limit."""
    if len(rows):
        limit = field.limit
        finite = limit is None or limit >= LARGEST
        expected = "a finite number" if finite else f"a number of magnitude at most {limit:g}"
        problems.cells(field.name, rows, expected, column)


def _check_shape(column: Column, field: Field, problems: Problems) -> None:
    rows = np.flatnonzero(~column.null_mask())
    if len(rows) and not fits_shape(column.values.shape[1:], field.shape):
        problems.cells(field.name, rows, describe_shape(field), column)


def _check_observed(column: Column, field: Field, problems: Problems) -> None:
    """With `enforce`, what was observed is the rule. A list of categories that left some out is none."""
    observed = field.observed
    if observed is None:
        return
    present = ~column.null_mask()
    if observed.categories is not None and not observed.other and column.kind in COUNTED:
        allowed = set(observed.categories)
        outside = np.array([value not in allowed for value in column.values.tolist()], np.bool_) & present
        if outside.any():
            shown = listing(observed.categories, SHOWN)
            problems.cells(field.name, np.flatnonzero(outside), f"one of {shown}", column)
    if column.kind not in (Kind.INT, Kind.FLOAT, Kind.TIMESTAMP, Kind.DATE):
        return
    low, high = observed.minimum, observed.maximum
    outside = np.zeros(len(column), np.bool_)
    if low is not None:
        outside |= column.values < low
    if high is not None:
        outside |= column.values > high
    outside &= present
    if outside.any():
        problems.cells(field.name, np.flatnonzero(outside), _range(column.kind, low, high), column)


def _range(kind: Kind, low: float | None, high: float | None) -> str:
    def bound(value: float) -> str:
        if kind in UNITS:
            return str(np.int64(value).astype(UNITS[kind]))
        return f"{value:g}"

    if low is None:
        return f"at most {bound(high)}" if high is not None else "a number"
    return f"at least {bound(low)}" if high is None else f"from {bound(low)} to {bound(high)}"
