"""patsy's design as a matrix in the graph: factors, levels with their contrasts, products of both, in patsy's order.

A row in which any factor is missing is missing as a whole: patsy drops it, and statsmodels answers NaN in its place.
A level that the model was not fitted on is refused, as patsy refuses it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.statsmodels.expressions import Expressions, Value, names
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table, constant
from holdall.spec.schema import Kind


def columns(design: Any, known: Sequence[str]) -> tuple[str, ...]:
    """The columns of the table that the design reads, in the table's order. known: the table's columns."""
    asked: set[str] = set()
    for info in design.factor_infos.values():
        asked |= names(info.state)
    return tuple(name for name in known if name in asked)


def matrix(design: Any, table: Table, conversion: Conversion) -> Var:
    """double [N, columns of the design]; NaN throughout a row that is missing. Raises NotPortable, naming the term."""
    single = {name: value.select(table, [place])[0] for place, name in enumerate(value.names(table))}
    factors = _Factors(design, single, conversion)
    parts: list[Var] = []
    for subterms in design.term_codings.values():
        parts += [_subterm(subterm, factors) for subterm in subterms]
    return op.concat(parts, axis=1)


class _Factors:
    def __init__(self, design: Any, single: Mapping[str, Block], conversion: Conversion) -> None:
        self._infos = design.factor_infos
        self._conversion = conversion
        expressions = Expressions(single, conversion)
        self._values: dict[Any, Value] = {}
        self._codes: dict[Any, Var] = {}
        missing: list[Var] = []
        for factor, info in self._infos.items():
            found = expressions.value(factor, info.state)
            self._values[factor] = found
            if info.type == "categorical":
                self._codes[factor] = self._levels(factor, info, found)
                nulls = self._nulls(found)
                missing += [] if nulls is None else [nulls]
            elif found.kind is not Kind.FLOAT:
                raise NotPortable(f"formula term {factor.code}", "it is not a number")
            else:
                missing.append(op.isnan(found.values))
        self._missing = missing
        first = next(iter(single.values()), None)
        # A column of ones with as many rows as there are.
        self.ones = self._whole(first)

    def _whole(self, block: Block | None) -> Var:
        if block is None:
            raise NotPortable("formula", "it reads no column, so it has no rows")
        flags = op.cast(op.shape(block.values, end=1), to=np.int64)
        ones = op.expand(constant([[1.0]]), op.concat([flags, constant([1], np.int64)], axis=0))
        if not self._missing:
            return ones
        joined = op.concat([op.cast(mask, to=np.float64) for mask in self._missing], axis=1)
        any_missing = op.greater(op.reduce_sum(joined, constant([1], np.int64)), constant(0.0))
        return op.where(any_missing, constant(np.nan), ones)

    def _nulls(self, found: Value) -> Var | None:
        return op.isnan(found.values) if found.kind is Kind.FLOAT else found.nulls

    def _levels(self, factor: Any, info: Any, found: Value) -> Var:
        """double [N, levels], one where the value is the level. Refuses rows with none."""
        path = f"formula term {factor.code}"
        levels = list(info.categories)
        if found.kind is Kind.STRING and all(isinstance(level, str) for level in levels):
            same = op.equal(found.values, constant([levels], np.str_))
        elif found.kind is not Kind.STRING and all(
            isinstance(level, (bool, int, float, np.number, np.bool_)) for level in levels
        ):
            numbers = op.cast(found.values, to=np.float64) if found.kind is Kind.BOOL else found.values
            same = op.equal(numbers, constant([[float(level) for level in levels]]))
        else:
            raise NotPortable(path, "its levels are of another kind than the column")
        codes = op.cast(same, to=np.float64)
        unknown = op.equal(op.reduce_sum(codes, constant([1], np.int64)), constant(0.0))
        nulls = self._nulls(found)
        if nulls is not None:
            unknown = op.and_(unknown, op.not_(nulls))
        reason = "a level that the model was not fitted on"
        self._conversion.refuse(unknown, path, reason, [found.column])
        return codes

    def coded(self, factor: Any, contrasts: Mapping[Any, Any]) -> tuple[Var, int]:
        """The factor's columns and their number."""
        info = self._infos[factor]
        if info.type == "categorical":
            weights = np.asarray(contrasts[factor].matrix, np.float64)
            return op.matmul(self._codes[factor], constant(weights)), weights.shape[1]
        return self._values[factor].values, int(info.num_columns)


def _subterm(subterm: Any, factors: _Factors) -> Var:
    """The products of the factors' columns, the first factor's running fastest."""
    coded = [factors.coded(factor, subterm.contrast_matrices) for factor in subterm.factors]
    if not coded:
        return factors.ones
    result = factors.ones
    places = [combination[::-1] for combination in itertools.product(*[range(width) for _, width in reversed(coded)])]
    for index, (values, _) in enumerate(coded):
        chosen = op.gather(values, constant([place[index] for place in places], np.int64), axis=1)
        result = op.mul(result, chosen)
    return result
