"""Converters of skrub: its scaler. What looks at the kinds of columns, or at parts of a text, is sealed in its own form."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.tables import doubles, fitted_names
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


@transformer("skrub.SquashingScaler")
def squashing_scaler(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each number centred, scaled and bent into the range between the bounds; an infinity becomes a bound."""
    del conversion
    block = doubles(table, path, "a root")
    robust, spread, flat = (
        np.asarray(each, np.bool_) for each in (model.robust_cols_, model.minmax_cols_, model.zero_cols_)
    )
    if block.width != len(robust):
        raise NotPortable(path, f"it was fitted on {len(robust)} columns and is given {block.width} here")
    centre, divisor, factor = np.zeros(block.width), np.ones(block.width), np.ones(block.width)
    if robust.any():
        centre[robust], divisor[robust] = model.robust_scaler_.center_, model.robust_scaler_.scale_
    if spread.any():
        # Fitted on the columns of this kind only.
        centre[spread], factor[spread] = model.minmax_scaler_.median_, model.minmax_scaler_.scale_
    upward, downward = (op.isinf(block.values, **{f"detect_{other}": 0}) for other in ("negative", "positive"))
    finite = op.where(op.isinf(block.values), constant(np.nan), block.values)
    scaled = op.mul(op.div(op.sub(finite, constant(centre)), constant(divisor)), constant(factor))
    scaled = op.where(op.and_(op.not_(op.isnan(finite)), constant(flat, np.bool_)), constant(0.0), scaled)
    bound = float(model.max_absolute_value)
    ratio = op.div(scaled, constant(bound))
    bent = op.div(scaled, op.sqrt(op.add(constant(1.0), op.mul(ratio, ratio))))
    bent = op.where(upward, constant(bound), op.where(downward, constant(-bound), bent))
    return value.matrix(bent, fitted_names(model, table, block.width))
