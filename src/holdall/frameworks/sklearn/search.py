"""Where a value stands among sorted edges, for every column of a matrix at once, in one operator.

Comparing each value with each edge would need rows × columns × edges cells; a tree needs one step for each halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.ml.v5 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

Doubles = npt.NDArray[np.float64]

_LESS = 1  # BRANCH_LT
_SUM = 1


@dataclass
class _Trees:
    """The arrays of a TreeEnsemble while it is written."""

    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    true_nodes: list[int] = field(default_factory=list)
    true_leafs: list[int] = field(default_factory=list)
    false_nodes: list[int] = field(default_factory=list)
    false_leafs: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def add(self, column: int, edges: Sequence[float]) -> None:
        """The tree of one column."""
        self.roots.append(len(self.features))
        self._node(column, edges, 0, len(edges))

    def _node(self, column: int, edges: Sequence[float], low: int, high: int) -> int:
        middle = (low + high) // 2
        here = len(self.features)
        self.features.append(column)
        # A column without edges still needs a node: both its leaves say 0.
        self.splits.append(edges[middle] if low < high else 0.0)
        for nodes, leafs in ((self.true_nodes, self.true_leafs), (self.false_nodes, self.false_leafs)):
            nodes.append(0)
            leafs.append(1)
        self.true_nodes[here], self.true_leafs[here] = self._child(column, edges, low, middle)
        above = (middle + 1, high) if low < high else (low, high)
        self.false_nodes[here], self.false_leafs[here] = self._child(column, edges, *above)
        return here

    def _child(self, column: int, edges: Sequence[float], low: int, high: int) -> tuple[int, int]:
        if low < high:
            return self._node(column, edges, low, high), 0
        self.targets.append(column)
        self.weights.append(float(low))
        return len(self.targets) - 1, 1


def count_at_most(values: Var, edges: Sequence[Doubles]) -> Var:
    """int64 [N, k]: how many of its column's edges are at most the value; for NaN all of them.

    The same as `numpy.searchsorted(edges[column], value, side="right")`. values: double [N, k]; edges: sorted.
    """
    trees = _Trees()
    for column, those in enumerate(edges):
        trees.add(column, [float(edge) for edge in those])
    found = ml.tree_ensemble(
        values,
        aggregate_function=_SUM,
        leaf_targetids=trees.targets,
        leaf_weights=np.array(trees.weights, np.float64),
        n_targets=len(edges),
        nodes_falseleafs=trees.false_leafs,
        nodes_falsenodeids=trees.false_nodes,
        nodes_featureids=trees.features,
        nodes_modes=np.full(len(trees.features), _LESS, np.uint8),
        nodes_splits=np.array(trees.splits, np.float64),
        nodes_trueleafs=trees.true_leafs,
        nodes_truenodeids=trees.true_nodes,
        post_transform=0,
        tree_roots=trees.roots,
    )
    return op.cast(found, to=np.int64)


def gather_by_column(tables: Sequence[Doubles], places: Var) -> Var:
    """double [N, k]: each cell's entry of its own column's table. places: int64 [N, k]."""
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])]).astype(np.int64)
    flat = np.concatenate(list(tables)).astype(np.float64)
    return op.gather(op.const(flat), op.add(places, op.const(starts)), axis=0)
