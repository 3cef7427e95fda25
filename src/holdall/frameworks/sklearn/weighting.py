"""Counts of terms weighted by how rare the terms are."""

from __future__ import annotations

from typing import Any

import spox.opset.ai.onnx.v21 as op

from holdall.frameworks.sklearn.matrices import dense, numbers
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.rows import features
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import row_sum
from holdall.graph.value import Table, constant


@transformer("TfidfTransformer")
def term_weights(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Counts, or one plus their logarithm, times the inverse document frequencies, each row scaled to length one."""
    block = numbers(table, path)
    values, zero, one = block.values, constant(0.0), constant(1.0)
    if model.sublinear_tf:
        none = op.equal(values, zero)
        values = op.where(none, zero, op.add(op.log(op.where(none, one, values)), one))
    if hasattr(model, "idf_"):
        values = op.mul(values, constant(dense(model.idf_)))
    if model.norm is not None:
        size = op.abs(values) if model.norm == "l1" else op.mul(values, values)
        length = row_sum(size, keepdims=True)
        length = length if model.norm == "l1" else op.sqrt(length)
        values = op.div(values, op.where(op.equal(length, zero), one, length))
    return features(model, values, block.width)
