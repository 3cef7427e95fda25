"""Which of several training rows at the same distance become neighbours.

scikit-learn keeps the nearest rows in a heap of fixed size and lets a further row in only if it is strictly nearer than
the furthest one inside. Which of the rows at equal distances stay is therefore decided by the order in which a query meets
them, leaf by leaf of a search tree, and by the places that they take in the heap. Values on a grid make such ties common,
and seen from far away all rows are equally far. Here the same walk and the same heap are written as graph operators.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.pairwise import Points
from holdall.graph.value import constant

Reduce = Callable[[Var], Var]
"""[p, n] of differences → [n], what a metric compares."""

Order = Callable[[Var], Var]
"""[1, p] → int64 [m]: positions of the training rows as a query meets them. The number of rows itself fills gaps."""


def in_order(count: int) -> Order:
    """Brute force meets the training rows one after the other."""
    return lambda _: constant(np.arange(count), np.int64)


def by_tree(model: Any, nearest: Callable[[Var], Var], path: str) -> Order:
    """The order in which a query walks down the model's search tree: at every fork the nearer half first.

    nearest: [1, p] → [nodes], the lower bounds by which the halves are compared.
    """
    _, positions, nodes, _ = model._tree.get_arrays()
    levels = len(nodes).bit_length()
    leaves = np.arange(2 ** (levels - 1) - 1, len(nodes))
    if len(nodes) != 2**levels - 1 or nodes["is_leaf"].sum() != len(leaves):
        raise NotPortable(path, "its search tree is not balanced")
    starts, ends = nodes["idx_start"][leaves], nodes["idx_end"][leaves]
    members = np.full((len(leaves), int((ends - starts).max())), len(positions))
    for leaf, (start, end) in enumerate(zip(starts, ends, strict=True)):
        members[leaf, : end - start] = positions[start:end]
    if len(leaves) == 1:
        return lambda _: constant(members.ravel(), np.int64)
    # The ancestors of each leaf, itself included and the root left out, from the top down.
    ancestors = np.array([(leaves + 1) // 2**level - 1 for level in range(levels - 2, -1, -1)])
    weight = 2.0 ** np.arange(levels - 2, -1, -1).reshape(-1, 1)

    def order(row: Var) -> Var:
        bounds = op.reshape(op.slice(nearest(row), constant([1], np.int64), constant([len(nodes)], np.int64)), PAIRS)
        first, second = (op.gather(bounds, constant([side], np.int64), axis=1) for side in (0, 1))
        left_first = op.less_or_equal(first, second)
        # 1 for the half that is visited second; node i stands at i - 1, for the root has no sibling.
        later = op.reshape(op.cast(op.concat([op.not_(left_first), left_first], axis=1), to=np.float64), FLAT)
        turns = op.gather(later, constant(ancestors - 1, np.int64))
        rank = op.reduce_sum(op.mul(turns, constant(weight)), constant([0], np.int64), keepdims=0)
        _, walk = op.top_k(rank, constant([len(leaves)], np.int64), largest=0)
        return op.reshape(op.gather(constant(members, np.int64), walk, axis=0), FLAT)

    return order


PAIRS = constant([-1, 2], np.int64)
FLAT = constant([-1], np.int64)


def box_bounds(model: Any, reduce: Reduce, path: str) -> Callable[[Var], Var]:
    """Lower bounds of a KDTree: how far each node's box is from the row."""
    lower, upper = model._tree.get_arrays()[3]
    low, high = Points(lower, path), Points(upper, path)
    zero = constant(0.0)

    def bounds(row: Var) -> Var:
        below = op.max([low.differences(row), zero])
        above = op.max([op.neg(high.differences(row)), zero])
        return reduce(op.add(below, above))

    return bounds


def ball_bounds(model: Any, reduce: Reduce, true: Reduce, compare: Reduce, path: str) -> Callable[[Var], Var]:
    """Lower bounds of a BallTree: the distance to each node's centre less its radius, as the metric compares it."""
    arrays = model._tree.get_arrays()
    centres, radius = Points(arrays[3][0], path), constant(arrays[2]["radius"])

    def bounds(row: Var) -> Var:
        distance = op.sub(true(reduce(centres.differences(row))), radius)
        return compare(op.max([distance, constant(0.0)]))

    return bounds


def heaped(compared: Var, order: Var, size: int, rows: int) -> tuple[Var, Var]:
    """What is compared [size] and positions [size] in scikit-learn's heap after a query met all rows in this order.

    compared: [rows].
    """
    met = op.gather(op.concat([compared, constant([np.inf])], axis=0), order)
    places = op.range(constant(0, np.int64), op.reshape(op.size(order), constant([], np.int64)), constant(1, np.int64))

    def body(_: Var, __: Var, values: Var, positions: Var, start: Var) -> list[Var]:
        nearer = op.and_(op.less(met, _at(values, 0)), op.greater_or_equal(places, start))
        following = op.arg_max(op.cast(nearer, to=np.int64), axis=0, keepdims=1)
        found = op.gather(nearer, following)
        pushed = _push(values, positions, op.gather(met, following), op.gather(order, following), size)
        kept = [op.where(found, new, old) for new, old in zip(pushed, (values, positions), strict=True)]
        return [found, *kept, op.add(following, constant([1], np.int64))]

    empty = [constant(np.full(size, np.inf)), constant(np.zeros(size), np.int64), constant([0], np.int64)]
    with warnings.catch_warnings():
        # ONNX infers no shape for what a loop hands on; the reshape states it again.
        warnings.filterwarnings("ignore", message="Output type for variable")
        values, positions, _ = op.loop(constant([rows + 1], np.int64), constant([True], np.bool_), empty, body=body)
    return op.reshape(values, constant([size], np.int64)), op.reshape(positions, constant([size], np.int64))


def _at(values: Var, index: int) -> Var:
    return op.gather(values, constant([index], np.int64))


def _push(values: Var, positions: Var, value: Var, position: Var, size: int) -> tuple[Var, Var]:
    """Replace the furthest, at the root, and let the new one sink past every further child."""
    beyond = constant(np.full(size + 2, -np.inf))  # children that the heap has no place for
    slots = constant(np.arange(size), np.int64)
    here, sinking = constant([0], np.int64), constant([True], np.bool_)
    for _ in range(size.bit_length() - 1):
        left = op.add(op.mul(here, constant([2], np.int64)), constant([1], np.int64))
        right = op.add(left, constant([1], np.int64))
        children = op.concat([values, beyond], axis=0)
        on_left, on_right = op.gather(children, left), op.gather(children, right)
        child = op.where(op.greater_or_equal(on_left, on_right), left, right)
        furthest = op.max([on_left, on_right])
        sinking = op.and_(sinking, op.less(value, furthest))
        vacated = op.and_(sinking, op.equal(slots, here))
        risen = op.gather(positions, op.where(sinking, child, here))
        values = op.where(vacated, furthest, values)
        positions = op.where(vacated, risen, positions)
        here = op.where(sinking, child, here)
    landed = op.equal(slots, here)
    return op.where(landed, value, values), op.where(landed, position, positions)
