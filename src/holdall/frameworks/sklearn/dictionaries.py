"""DictVectorizer: one dictionary a row, whose keys are the columns of a table, and whose missing values are keys left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.categories import Lookup, look_up
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.tables import with_dtype
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table
from holdall.spec.schema import Kind

_ABSENT = -1


@transformer("DictVectorizer")
def dict_vectorizer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A number under its key; a text as one under 'key=text'; whatever was not fitted is left out."""
    parts: list[Var] = []
    where: dict[int, int] = {}
    for block in table:
        if block.kind not in (Kind.STRING, Kind.FLOAT, Kind.INT, Kind.BOOL):
            raise NotPortable(path, f"it is given columns of kind {block.kind}")
        for inside, name in enumerate(block.names):
            found = _text(model, name) if block.kind is Kind.STRING else _number(model, name)
            if not found:
                continue
            for place in found.values():
                if place in where:
                    raise NotPortable(path, f"two columns are added up in {model.feature_names_[place]!r}")
                where[place] = len(where)
            (column,) = value.select((block,), [inside])
            parts.append(_hot(column, found) if block.kind is Kind.STRING else _filled(column))
    nothing = len(where)
    parts.append(_zeros(table))
    order = [where.get(place, nothing) for place in range(len(model.feature_names_))]
    values = op.gather(op.concat(parts, axis=1), op.const(np.array(order, np.int64)), axis=1)
    return with_dtype(values, list(model.get_feature_names_out()), model.dtype, path)


def _text(model: Any, name: str) -> dict[str, int]:
    """Text → the output that it is counted in."""
    start = f"{name}{model.separator}"
    return {key.removeprefix(start): place for key, place in model.vocabulary_.items() if key.startswith(start)}


def _number(model: Any, name: str) -> dict[str, int]:
    return {name: model.vocabulary_[name]} if name in model.vocabulary_ else {}


def _hot(column: Block, found: Mapping[str, int]) -> Var:
    """double [N, texts]: 1 where the column is the text."""
    lookup = Lookup({text: index for index, text in enumerate(found)}, _ABSENT, _ABSENT)
    places = op.const(np.arange(len(found), dtype=np.int32)[np.newaxis])
    return op.cast(op.equal(look_up(column, [lookup], np.int32), places), to=np.float64)


def _filled(column: Block) -> Var:
    """double [N, 1]: the number, 0 where it is missing."""
    if column.kind is Kind.FLOAT:
        return op.where(op.isnan(column.values), value.constant(0.0), column.values)
    numbers = op.cast(column.values, to=np.float64)
    return numbers if column.nulls is None else op.where(column.nulls, value.constant(0.0), numbers)


def _zeros(table: Table) -> Var:
    """double [N, 1]: what no column of the table tells of."""
    rows = op.shape(table[0].values, start=0, end=1)
    return op.expand(value.constant([[0.0]]), op.concat([rows, op.const(np.array([1], np.int64))], axis=0))
