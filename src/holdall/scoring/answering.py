"""A few rows of an engine's results straight to records: what `answer` and `to_records` give, without the columns between.

Compiled once for a package; a single request would else spend as long on its answer as on the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdall.columns.batch import Array
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import StepOutput

PLAIN = (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.STRING)
"""Kinds whose array's `tolist` is the record's value already."""

Answering = Callable[[Mapping[str, Array]], list[dict[str, Any]]]


def compile_records(outputs: Sequence[StepOutput], fields: Mapping[str, Field]) -> Answering | None:
    """From graph results to records; None where a column has nulls apart or is no plain value."""
    names = [name for output in outputs for name in output.columns]
    if any(output.mask is not None for output in outputs) or any(fields[name].kind not in PLAIN for name in names):
        return None
    results = [output.name for output in outputs]
    floats = {name for name in names if fields[name].kind is Kind.FLOAT}

    def records(given: Mapping[str, Array]) -> list[dict[str, Any]]:
        rows: list[list[Any]] | None = None
        for name in results:
            values = given[name]
            listed = values.tolist()
            if values.ndim == 1:
                listed = [[value] for value in listed]
            rows = listed if rows is None else [row + more for row, more in zip(rows, listed, strict=True)]
        made = [dict(zip(names, row, strict=True)) for row in rows or ()]
        for record in made:
            for name in floats:
                value = record[name]
                if value != value:  # noqa: PLR0124 — NaN, the null of a number
                    record[name] = None
        return made

    return records
