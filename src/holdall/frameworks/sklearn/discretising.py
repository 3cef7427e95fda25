"""Bins: a number becomes the place of its bin, or one column for each bin."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.search import count_at_most
from holdall.frameworks.sklearn.tables import fitted_names, numbers
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, to_single


@transformer("KBinsDiscretizer")
def k_bins_discretizer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The bin of each number, by its inner edges; an edge belongs to the bin above it."""
    block = numbers(table, path)
    if block.width != len(model.bin_edges_):
        raise NotPortable(path, f"it was fitted on {len(model.bin_edges_)} columns and is given {block.width} here")
    single = block.single if model.dtype is None else np.dtype(model.dtype) == np.float32
    values = to_single(block.values) if single and not block.single else block.values
    edges = [np.asarray(those, np.float64)[1:-1] for those in model.bin_edges_]
    for origin, those in zip(block.origins, edges, strict=True):
        conversion.boundary(origin, those)
    bins = count_at_most(values, edges)
    if model.encode == "ordinal":
        names = fitted_names(model, table, block.width)
        return value.matrix(op.cast(bins, to=np.float64), names, single=single)
    counts = [int(count) for count in model.n_bins_]
    chosen = np.repeat(np.arange(block.width), counts)
    wanted = np.concatenate([np.arange(count) for count in counts])
    hot = op.equal(op.gather(bins, op.const(chosen.astype(np.int64)), axis=1), op.const(wanted.astype(np.int64)))
    return value.matrix(op.cast(hot, to=np.float64), fitted_names(model, table, len(wanted)), single=single)
