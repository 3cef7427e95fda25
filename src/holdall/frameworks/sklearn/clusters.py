"""Clusterers that can tell the cluster of a new row. Labels are cluster numbers; transform gives distances to centres."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.kernels import distances, nearest, nearest_in_order
from holdall.frameworks.sklearn.matrices import flat, numbers
from holdall.frameworks.sklearn.members import looked_up
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.frameworks.sklearn.rows import features, integers, projected, repeated, upright
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


@predictor("KMeans", "MiniBatchKMeans")
def k_means(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The nearest centre, and the distances to all."""
    values = numbers(table, path).values
    centres = np.asarray(model.cluster_centers_, np.float64)
    apart = features(model, distances(values, centres), len(centres))
    return Outputs(labels=nearest(values, centres), table=apart)


@predictor("BisectingKMeans")
def bisecting_k_means(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The cluster that a row is led to by the nearer of two centres at each split."""
    values = numbers(table, path).values
    centres = np.asarray(model.cluster_centers_, np.float64)
    apart = features(model, distances(values, centres), len(centres))
    return Outputs(labels=_descent(model, values, table), table=apart)


def _descent(model: Any, values: Var, table: Table) -> Var:
    """int64 [N]: the label of the leaf. All splits are judged at once, then followed for as many steps as the tree is
    deep; a leaf leads to itself."""
    splits: list[Any] = []
    goes: list[tuple[int, int]] = []  # Where a split leads: a split's own number, or -1 - label.
    depth = 0

    def visit(node: Any, level: int) -> int:
        nonlocal depth
        if node.left is None:
            return -1 - int(node.label)
        depth = max(depth, level + 1)
        number = len(splits)
        splits.append(node)
        goes.append((0, 0))
        goes[number] = (visit(node.left, level + 1), visit(node.right, level + 1))
        return number

    root = visit(model._bisecting_tree, 0)
    if not splits:
        return repeated(table, np.int64(-1 - root))
    middle = getattr(model, "_X_mean", 0.0)
    nearer = []
    for side in ("left", "right"):
        points = np.array([np.asarray(getattr(node, side).center, np.float64) + middle for node in splits])
        nearer.append(op.add(projected(values, -2.0 * points.T), constant((points**2).sum(axis=1))))
    right = op.cast(op.less(nearer[1], nearer[0]), to=np.int64)  # [N, splits]
    leaves = sorted({target for pair in goes for target in pair if target < 0})
    state = {target: len(splits) + index for index, target in enumerate(leaves)}
    state.update({number: number for number in range(len(splits))})
    follow = np.array([[state[left], state[right_]] for left, right_ in goes] + [[state[leaf]] * 2 for leaf in leaves])
    place = repeated(table, np.int64(0))
    for _ in range(depth):
        judged = op.min([place, integers(len(splits) - 1)])
        turn = flat(op.gather_elements(right, upright(judged), axis=1))
        place = op.gather(op.const(follow.ravel().astype(np.int64)), op.add(op.mul(place, integers(2)), turn), axis=0)
    return looked_up(op.sub(place, integers(len(splits))), np.array([-1 - leaf for leaf in leaves], np.int64))


@predictor("MeanShift", "AffinityPropagation")
def exemplars(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The nearest centre; -1 where affinity propagation found none."""
    centres = getattr(model, "cluster_centers_", None)
    if centres is None:
        raise NotPortable(path, "it was fitted on precomputed affinities and knows no centres")
    if len(centres) == 0:
        return Outputs(labels=repeated(table, np.int64(-1)))
    return Outputs(labels=nearest_in_order(numbers(table, path).values, np.asarray(centres, np.float64)))


@predictor("Birch")
def birch(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The cluster of the nearest subcluster, and the distances to all subclusters."""
    values = numbers(table, path).values
    centres = np.asarray(model.subcluster_centers_, np.float64)
    labels = looked_up(nearest_in_order(values, centres), np.asarray(model.subcluster_labels_, np.int64))
    return Outputs(labels=labels, table=features(model, distances(values, centres), len(centres)))


@transformer("FeatureAgglomeration")
def feature_agglomeration(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Columns pooled by cluster: their mean, median, largest or smallest."""
    values = numbers(table, path).values
    groups = [np.flatnonzero(model.labels_ == label) for label in np.unique(model.labels_)]
    if model.pooling_func is np.mean:
        sums = np.zeros((len(model.labels_), len(groups)))
        for index, members in enumerate(groups):
            sums[members, index] = 1
        sizes = constant([float(len(members)) for members in groups])
        return features(model, op.div(projected(values, sums), sizes), len(groups))
    pools = {np.max: _largest, np.min: _smallest, np.median: _median}
    pool = pools.get(model.pooling_func)
    if pool is None:
        name = getattr(model.pooling_func, "__name__", repr(model.pooling_func))
        raise NotPortable(path, f"pooling by {name} is not known as graph operators")
    pooled = [pool(op.gather(values, integers(*members.tolist()), axis=1), len(members)) for members in groups]
    return features(model, op.concat(pooled, axis=1), len(groups))


def _largest(part: Var, size: int) -> Var:
    return op.reduce_max(part, integers(1), keepdims=1)


def _smallest(part: Var, size: int) -> Var:
    return op.reduce_min(part, integers(1), keepdims=1)


def _median(part: Var, size: int) -> Var:
    ordered, _ = op.top_k(part, integers(size), axis=1, largest=0, sorted=1)
    middle = op.gather(ordered, integers((size - 1) // 2, size // 2), axis=1)
    return op.reduce_mean(middle, integers(1), keepdims=1)
