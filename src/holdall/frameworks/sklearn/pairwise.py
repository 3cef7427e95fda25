"""Distances and products between the rows of a batch and fixed points: training rows, support vectors, centroids.

One row at a time, in a loop inside the graph: memory stays at points × columns however long the batch, and the differences
are taken directly, as search trees and libsvm do, where x² - 2xy + y² would lose the small distances. A row costs about
10 µs and what its points cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import Matrix, dense
from holdall.graph.value import constant

LARGEST = 1 << 30
"""Bytes of points that a graph may hold; an ONNX file ends at two gigabytes."""


class Points:
    """Fixed points [n, p] in a graph, kept column by column: the sum over columns then runs as scikit-learn's does.

    Raises NotPortable where they are too many for a graph.
    """

    def __init__(self, points: Any, path: str) -> None:
        self.matrix: Matrix = dense(points)
        if self.matrix.nbytes > LARGEST:
            raise NotPortable(path, f"its {len(self.matrix)} training rows are too large for a graph")
        self._columns = constant(np.ascontiguousarray(self.matrix.T))

    def differences(self, row: Var) -> Var:
        """[1, p] → [p, n]: the points less the row."""
        return op.sub(self._columns, op.transpose(row, perm=[1, 0]))

    def squares(self, row: Var) -> Var:
        """[1, p] → [n]: squared euclidean distances."""
        difference = self.differences(row)
        return column_sum(op.mul(difference, difference))

    def products(self, row: Var) -> Var:
        """[1, p] → [n]: dot products."""
        return op.reshape(op.matmul(row, self._columns), constant([-1], np.int64))


def column_sum(values: Var) -> Var:
    """[p, n] → [n]."""
    return op.reduce_sum(values, constant([0], np.int64), keepdims=0)


def column_maximum(values: Var) -> Var:
    """[p, n] → [n]."""
    return op.reduce_max(values, constant([0], np.int64), keepdims=0)


def by_row(rows: Var, answer: Callable[[Var], Sequence[Var]]) -> Sequence[Var]:
    """answer: [1, p] → vectors [k] of fixed lengths; the result is each of them for all rows, [N, k]."""
    count = op.shape(rows, end=1)

    def body(index: Var, going_on: Var) -> list[Var]:
        return [going_on, *answer(op.gather(rows, index, axis=0))]

    return op.loop(count, op.const(np.array([True])), [], body=body)
