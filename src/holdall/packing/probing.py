"""What the live model accepts, found out by asking it.

Each question is put for all columns at once first; only where the model refuses is it asked again for half of them, so
that a model that is the same everywhere answers in one call. A column counts as accepting where the model answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from holdall.columns.batch import DTYPES, Batch, Column
from holdall.frameworks.framework import Live
from holdall.packing.inferring import EXACT
from holdall.spec.schema import Field, Kind, Schema

UNSEEN = "⟨never seen by the model⟩"
FINITE = float(np.finfo(np.float64).max)
SINGLE = float(np.finfo(np.float32).max)
ENOUGH = 96
"""After so many single refusals and no acceptance the rest of a question's columns count as refusing: asking a model of
a thousand columns one by one would take minutes, and whatever was assumed wrongly shows up in parity."""

Change = Callable[[Field, Column], Column]


def probe(schema: Schema, typical: Batch, live_of: Callable[[Schema], Live], big: frozenset[str]) -> Schema:
    """The schema with what the model accepts filled in.

    typical: one row that the model accepts. live_of: the live model for a schema, since the table that it is given is
    built from the fields. big: INT columns whose values a double cannot hold; they stay integers.
    """
    asker = _Asker(schema, typical, live_of)
    fractions = asker.accepting((Kind.INT,), _fraction, Kind.FLOAT, skip=big)
    asker.take(fractions, lambda field: msgspec.structs.replace(field, fractions=True))
    nullable = asker.accepting(tuple(Kind), _null, None)
    asker.take(nullable, lambda field: msgspec.structs.replace(field, nullable=True))
    unseen = asker.accepting((Kind.STRING, Kind.INT, Kind.BOOL), _unseen, None)
    refusing = {f.name for f in asker.schema.inputs if f.kind in (Kind.STRING, Kind.INT)} - unseen
    asker.take(refusing, lambda field: msgspec.structs.replace(field, unseen=False))
    _limits(asker)
    return asker.schema


def _limits(asker: _Asker) -> None:
    numbers = {field.name for field in asker.schema.inputs if field.carrier is Kind.FLOAT and field.unseen}
    infinite = asker.accepting((Kind.FLOAT, Kind.INT), _constant(float("inf")), None, only=numbers)
    finite = asker.accepting((Kind.FLOAT, Kind.INT), _constant(1e300), None, only=numbers - infinite)
    single = numbers - infinite - finite
    asker.take(finite, lambda field: msgspec.structs.replace(field, limit=FINITE))
    asker.take(single, lambda field: msgspec.structs.replace(field, limit=SINGLE))


class _Asker:
    """Asks the live model with one row in which some columns are changed."""

    def __init__(self, schema: Schema, typical: Batch, live_of: Callable[[Schema], Live]) -> None:
        self.schema = schema
        self._typical = typical
        self._live_of = live_of

    def take(self, names: set[str] | frozenset[str], change: Callable[[Field], Field]) -> None:
        """Change these fields of the schema."""
        inputs = tuple(change(field) if field.name in names else field for field in self.schema.inputs)
        self.schema = msgspec.structs.replace(self.schema, inputs=inputs)

    def accepting(
        self,
        kinds: Sequence[Kind],
        change: Change,
        carrier: Kind | None,
        *,
        skip: frozenset[str] = frozenset(),
        only: set[str] | None = None,
    ) -> set[str]:
        """The columns of these kinds that the model accepts in the changed form."""
        asked = [
            field
            for field in self.schema.inputs
            if field.kind in kinds and field.name not in skip and (only is None or field.name in only)
        ]
        accepted: set[str] = set()
        alone = 0
        pending = [asked] if asked else []
        while pending:
            fields = pending.pop()
            if self._accepts(fields, change, carrier):
                accepted |= {field.name for field in fields}
            elif len(fields) > 1:
                middle = len(fields) // 2
                pending += [fields[middle:], fields[:middle]]
            else:
                alone += 1
                if alone >= ENOUGH and not accepted:
                    break
        return accepted

    def _accepts(self, fields: Sequence[Field], change: Change, carrier: Kind | None) -> bool:
        names = {field.name for field in fields}
        asked = self.schema
        if carrier is Kind.FLOAT:
            inputs = tuple(
                msgspec.structs.replace(field, fractions=True) if field.name in names else field
                for field in asked.inputs
            )
            asked = msgspec.structs.replace(asked, inputs=inputs)
        by_name = {field.name: field for field in asked.inputs}
        columns = {}
        for name in self._typical:
            field, column = by_name[name], carried(by_name[name], self._typical[name])
            columns[name] = change(field, column) if name in names else column
        try:
            self._live_of(asked)(Batch(columns, self._typical.rows))
        except Exception:  # noqa: BLE001 — whatever the live model raises is its no
            return False
        return True


def carried(field: Field, column: Column) -> Column:
    """The column in the array of its field's carrier."""
    if field.carrier is column.kind:
        return column
    values = column.values.astype(DTYPES[field.carrier])
    if column.nulls is not None and field.carrier is Kind.FLOAT:
        values = values.copy()
        values[column.nulls] = np.nan
    return Column(field.carrier, values, None, column.dtype, column.missing)


def _null(field: Field, column: Column) -> Column:
    del field
    if column.kind is Kind.FLOAT:
        return Column(column.kind, np.full(len(column), np.nan), None, column.dtype, column.missing)
    if column.kind in (Kind.TENSOR, Kind.LIST):
        return Column(column.kind, column.values, np.ones(len(column), np.bool_), column.dtype, column.missing)
    blank = "" if column.kind is Kind.STRING else b"" if column.kind is Kind.BINARY else 0
    values = np.full(len(column), blank, DTYPES[column.kind])
    return Column(column.kind, values, np.ones(len(column), np.bool_), column.dtype, column.missing)


def _unseen(field: Field, column: Column) -> Column:
    if column.kind is Kind.STRING:
        return Column(column.kind, np.full(len(column), UNSEEN, object), None, column.dtype, column.missing)
    if column.kind is Kind.BOOL:
        return Column(column.kind, ~column.values, None, column.dtype, column.missing)
    high = field.observed.maximum if field.observed is not None and field.observed.maximum is not None else 0.0
    strange = min(int(abs(high)) * 3 + 1_000_003, EXACT - 1)
    return Column(column.kind, np.full(len(column), strange, DTYPES[column.kind]), None, column.dtype, column.missing)


def _fraction(field: Field, column: Column) -> Column:
    del field
    return Column(Kind.FLOAT, column.values + 0.5, None, column.dtype, column.missing)


def _constant(value: float) -> Change:
    def change(field: Field, column: Column) -> Column:
        del field
        return Column(Kind.FLOAT, np.full(len(column), value), None, column.dtype, column.missing)

    return change
