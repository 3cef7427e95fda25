"""Trees of any framework as exact graph operators: every comparison and every sum in double.

A framework describes each fitted tree as a `Tree`; `emit` writes a `Forest` of them. Written as ai.onnx.ml version 5
TreeEnsemble with one comparison throughout, which every runtime has and the fast path of onnxruntime wants. A split on a
set of categories becomes a column of zeros and ones looked up in a table: the operator's own set membership truncates
fractions, refuses empty sets and walks a set of more than thirty members one by one.

Leaves come in two forms. Where a leaf adds one number to one target (boosting), the operator sums. Where a leaf holds a
row of numbers (class probabilities, many outputs), the operator only says which leaf each row reaches; the leaves' rows
are gathered and summed tree after tree: one walk a tree instead of one a tree and class, in the order of the original.
Where the original adds up in float32, the operator gives each tree's number by itself, and they are added in its order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.ml.v5 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

LEAF = -1
NO_SET = -1
GATHERED = 1024
"""The most doubles a row that gathered leaves may take at once: 80 MB for ten thousand rows."""
WIDE = 32
"""Leaves wider than this are added one tree at a time: joining small groups of them costs more."""
DERIVED = 512
"""The columns of zeros and ones that one operator may take before the next begins: 40 MB for ten thousand rows."""

CACHED = 131_072
"""The nodes that one operator may have before the next begins: onnxruntime takes 128 rows through all its trees, then the
next 128, and trees that do not stay in the processor's cache are read from memory each time."""
DEEPEST = 1000
"""onnxruntime builds a tree by recursion, and a tree of two thousand levels overruns a stack of one megabyte."""


class Comparison(IntEnum):
    """When a row goes left: its value is at most the threshold, or below it. The numbers are the operator's own."""

    AT_MOST = 0
    BELOW = 1


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree. Arrays have one entry a node; node 0 is the root.

    left, right: the children's numbers; LEAF at a leaf.
    feature, threshold: what an inner node compares; of no meaning at a leaf.
    missing_left: whether NaN goes left.
    values: [nodes, width], read at leaves only.
    targets: the target that a leaf's one number is added to; None: a leaf's row holds all targets.
    members: an inner node's index into `sets`, or NO_SET where it compares with its threshold. None: no node has a set.
    sets: each bool [codes + 1]: whether the code goes left; the last entry stands for NaN. A feature that is split by
        sets holds whole numbers from 0 to codes - 1, or NaN.
    """

    left: Integers
    right: Integers
    feature: Integers
    threshold: Doubles
    missing_left: Booleans
    values: Doubles
    targets: Integers | None = None
    members: Integers | None = None
    sets: tuple[Booleans, ...] = ()

    @property
    def inner(self) -> Booleans:
        """Which nodes have children."""
        return np.asarray(self.left != LEAF)

    @property
    def depth(self) -> int:
        """The comparisons on the longest way from the root to a leaf."""
        level, depth = np.zeros(1, np.int64), 0
        while len(level := level[self.left[level] != LEAF]):
            level, depth = np.concatenate([self.left[level], self.right[level]]), depth + 1
        return depth

    @property
    def by_set(self) -> Booleans:
        """Which nodes ask for membership in a set."""
        if self.members is None:
            return np.zeros(len(self.left), np.bool_)
        asking: Booleans = self.inner & (self.members != NO_SET)
        return asking


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees whose answers are summed, first tree first.

    targets: how many sums a row of features gets. Either every tree says which target its leaves add to, or none does.
    Raises ValueError for no tree at all, and for one with more than DEEPEST levels.
    """

    trees: tuple[Tree, ...]
    targets: int
    comparison: Comparison = Comparison.AT_MOST

    def __post_init__(self) -> None:
        if not self.trees:
            raise ValueError("a forest has at least one tree")
        deepest = max(tree.depth for tree in self.trees)
        if deepest > DEEPEST:
            raise ValueError(
                f"a tree of {deepest} levels is too deep for onnxruntime, which takes {DEEPEST} for certain"
            )


def constant_tree(value: float, target: int = 0) -> Tree:
    """A tree of one leaf: what boosting starts from, so that sums begin where the original's begin."""
    leaf = np.array([LEAF], np.int64)
    nothing = np.zeros(1, np.int64)
    values = np.array([[value]], np.float64)
    return Tree(leaf, leaf, nothing, np.zeros(1), np.zeros(1, np.bool_), values, np.array([target], np.int64))


def thresholds(forest: Forest) -> dict[int, Doubles]:
    """Feature → the distinct thresholds that it is compared with, ascending. A split by a set has none."""
    compared = [tree.inner & ~tree.by_set for tree in forest.trees]
    feature = np.concatenate([tree.feature[nodes] for tree, nodes in zip(forest.trees, compared, strict=True)])
    threshold = np.concatenate([tree.threshold[nodes] for tree, nodes in zip(forest.trees, compared, strict=True)])
    return {int(one): np.unique(threshold[feature == one]) for one in np.unique(feature)}


def emit(forest: Forest, features: Var) -> Var:
    """The forest's sums, double [N, targets], of features double [N, columns]."""
    if forest.targets > 1 and forest.trees[0].targets is None:
        return _sum_of_rows(forest, reached(forest, features))
    total: Var | None = None
    for trees in _parts(forest.trees):
        weights = np.concatenate([tree.values[~tree.inner, 0] for tree in trees])
        targets = np.concatenate([_leaf_targets(tree) for tree in trees])
        seen = _features_after(total, features, trees)
        sums = _operator(trees, forest.comparison, seen, weights, targets, forest.targets)
        total = sums if total is None else op.add(total, sums)
    assert total is not None  # noqa: S101 - a forest has trees, so there is a part
    return total


def emit_single(forest: Forest, features: Var, start: npt.ArrayLike) -> Var:
    """The sums as some libraries make them, in float32 from `start` [targets] on: float32 [N, targets].

    Leaves' values are rounded to float32 first. A sum over the first axis adds in order, so that it rounds as the
    original rounds.
    """
    targets, first = forest.targets, np.asarray(start, np.float32)
    axis = op.const(np.array([0], np.int64))
    if forest.trees[0].targets is None:
        rows = [_single_leaves(tree) for tree in forest.trees]
        rows[0] = first + rows[0]
        leaves = reached(forest, features)
        return op.reduce_sum(op.gather(op.const(np.concatenate(rows)), leaves, axis=0), axis, keepdims=0)
    ordered = _interleaved(forest.trees, targets)
    values = [_single_leaves(tree)[:, 0] for tree in ordered]
    # The first addition of each sum is done here, and rounded as the original's first addition is.
    for target in range(targets):
        values[target] = first[target] + values[target]
    each = _of_each_tree(ordered, forest.comparison, features, values)
    # The shape keeps onnxruntime from summing before it turns the matrix, which it does in another order.
    shaped = op.reshape(each, op.const(np.array([len(ordered) // targets, targets, -1], np.int64)))
    return op.transpose(op.reduce_sum(shaped, axis, keepdims=0), perm=[1, 0])


def _single_leaves(tree: Tree) -> npt.NDArray[np.float32]:
    return tree.values[~tree.inner].astype(np.float32)


def _interleaved(trees: Sequence[Tree], targets: int) -> tuple[Tree, ...]:
    """The trees in turns, one for each target, in the order that each target has them; what is lacking adds zero."""
    of: list[list[Tree]] = [[] for _ in range(targets)]
    for tree in trees:
        of[int(_leaf_targets(tree)[0])].append(tree)
    longest = max(len(mine) for mine in of)
    padded = [mine + [constant_tree(0.0, target)] * (longest - len(mine)) for target, mine in enumerate(of)]
    return tuple(tree for turn in zip(*padded, strict=True) for tree in turn)


def reached(forest: Forest, features: Var) -> Var:
    """The leaf that each row reaches in each tree, int32 [trees, N]. Leaves are numbered through all trees, in the order
    of their nodes."""
    ends = np.cumsum([int((~tree.inner).sum()) for tree in forest.trees])
    numbers = np.split(np.arange(ends[-1], dtype=np.int32), ends[:-1])
    return _of_each_tree(forest.trees, forest.comparison, features, numbers)


def _of_each_tree(
    trees: Sequence[Tree], comparison: Comparison, features: Var, values: Sequence[npt.NDArray[Any]]
) -> Var:
    """[trees, N]: of each tree the value of the leaf that a row reaches. values: for each tree those of its leaves."""
    answers: list[Var] = []
    before = 0
    for part in _parts(trees):
        mine = values[before : before + len(part)]
        owners = np.repeat(np.arange(len(part)), [len(one) for one in mine])
        seen = _features_after(answers[-1] if answers else None, features, part)
        found = _operator(part, comparison, seen, np.concatenate(mine).astype(np.float64), owners, len(part))
        answers.append(op.transpose(op.cast(found, to=values[0].dtype), perm=[1, 0]))
        before += len(part)
    return answers[0] if len(answers) == 1 else op.concat(answers, axis=0)


def _leaf_targets(tree: Tree) -> Integers:
    leaves = ~tree.inner
    return np.zeros(int(leaves.sum()), np.int64) if tree.targets is None else tree.targets[leaves]


def _sum_of_rows(forest: Forest, leaves: Var) -> Var:
    """The sum over trees of the rows of values at `leaves` [trees, N]: double [N, targets], first tree first.

    A sum over the first axis adds whole rows in order in onnxruntime, and whatever the number of threads.
    """
    rows = op.const(np.concatenate([tree.values[~tree.inner] for tree in forest.trees]).astype(np.float64))
    count, first = len(forest.trees), op.const(np.array([0], np.int64))
    group = 1 if forest.targets > WIDE else GATHERED // forest.targets
    if group >= count:
        return op.reduce_sum(op.gather(rows, leaves, axis=0), first, keepdims=0)
    sizes = [min(group, count - start) for start in range(0, count, group)]
    parts = op.split(leaves, op.const(np.array(sizes, np.int64)), axis=0)
    total = op.reduce_sum(op.gather(rows, parts[0], axis=0), first, keepdims=1)
    for part in parts[1:]:
        if group == 1:
            # onnxruntime works through the last operand first: the other way round it would gather every tree at once.
            total = op.add(op.gather(rows, part, axis=0), total)
        else:
            gathered = op.gather(rows, _after(total, part, np.int32), axis=0)
            total = op.reduce_sum(op.concat([total, gathered], axis=0), first, keepdims=1)
    return op.squeeze(total, first)


def _after(earlier: Var, given: Var, element: type) -> Var:
    """The same given numbers, to be had only when `earlier` is there.

    onnxruntime works through a graph in an order of its own and would hold every group at once. What ties the groups is
    a zero made of the earlier value's size, which no optimiser of graphs sees through today.
    """
    nothing = op.mul(op.size(earlier), op.const(np.int64(0)))
    return op.add(given, op.cast(nothing, to=element))


def _features_after(earlier: Var | None, features: Var, trees: Sequence[Tree]) -> Var:
    """What the next trees see. Those with sets wait for the trees before, whose columns of zeros and ones are large."""
    if earlier is None or not any(tree.sets for tree in trees):
        return features
    return _after(earlier, features, np.float64)


def _parts(trees: Sequence[Tree]) -> Iterator[tuple[Tree, ...]]:
    """Runs of trees that one operator takes: at most DERIVED sets and CACHED nodes, but always a whole tree."""
    part: list[Tree] = []
    sets = nodes = 0
    for tree in trees:
        sets, nodes = sets + len(tree.sets), nodes + len(tree.left)
        if part and (sets > DERIVED or nodes > CACHED):
            yield tuple(part)
            part, sets, nodes = [], len(tree.sets), len(tree.left)
        part.append(tree)
    yield tuple(part)


def _operator(
    trees: Sequence[Tree],
    comparison: Comparison,
    features: Var,
    weights: Doubles,
    targets: Integers,
    count: int,
) -> Var:
    """One TreeEnsemble, double [N, count]: leaf i of these trees adds `weights[i]` to target `targets[i]`."""
    indicators = _indicators(trees, features)
    nodes = [_inner_nodes(tree, columns, indicators.width) for tree, columns in zip(trees, indicators.of, strict=True)]
    inner = np.cumsum([0] + [len(part.feature) for part in nodes])
    leaves = np.cumsum([0] + [part.leaves for part in nodes])

    def children(side: str) -> tuple[list[int], list[int]]:
        own = [getattr(part, side) for part in nodes]
        starts = zip(own, inner, leaves, strict=False)
        places = np.concatenate([np.where(to < 0, leaf - 1 - to, node + to) for to, node, leaf in starts])
        return places.tolist(), (np.concatenate(own) < 0).astype(np.int64).tolist()

    left, left_is_leaf = children("left")
    right, right_is_leaf = children("right")
    feature = np.concatenate([part.feature for part in nodes])
    missing = np.concatenate([part.missing_left for part in nodes])
    return ml.tree_ensemble(
        op.concat([*indicators.values, features], axis=1) if indicators.values else features,
        nodes_featureids=feature.tolist(),
        nodes_splits=np.concatenate([part.threshold for part in nodes]),
        nodes_modes=np.full(len(feature), comparison, np.uint8),
        nodes_truenodeids=left,
        nodes_trueleafs=left_is_leaf,
        nodes_falsenodeids=right,
        nodes_falseleafs=right_is_leaf,
        # Without the attribute onnxruntime does not look for NaN at all, which is faster.
        nodes_missing_value_tracks_true=missing.astype(np.int64).tolist() if missing.any() else None,
        tree_roots=inner[:-1].tolist(),
        leaf_weights=np.asarray(weights, np.float64),
        leaf_targetids=targets.tolist(),
        n_targets=count,
    )


@dataclass(frozen=True, eq=False)
class _InnerNodes:
    """A tree as the operator has it: inner nodes only, the root first; a child of -1 - i is the tree's leaf i."""

    left: Integers
    right: Integers
    feature: Integers
    threshold: Doubles
    missing_left: Booleans
    leaves: int


def _inner_nodes(tree: Tree, columns: Integers, shift: int) -> _InnerNodes:
    """columns: for each of the tree's sets its indicator's column; shift: where the features' own columns begin."""
    inner = tree.inner
    if not inner[0]:
        # A tree of one leaf is written as a node with that leaf on both sides.
        leaf = np.array([-1], np.int64)
        return _InnerNodes(leaf, leaf, np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.bool_), 1)
    place = np.where(inner, np.cumsum(inner) - 1, 0 - np.cumsum(~inner)).astype(np.int64)
    left, right = place[tree.left[inner]], place[tree.right[inner]]
    feature = tree.feature[inner].astype(np.int64) + shift
    threshold, missing_left = tree.threshold[inner].astype(np.float64), tree.missing_left[inner].astype(np.bool_)
    if tree.members is not None and tree.sets:
        by_set, members = tree.by_set[inner], tree.members[inner]
        # A member's indicator is 1, above the threshold of a half: its side becomes the right one.
        left, right = np.where(by_set, right, left), np.where(by_set, left, right)
        feature = np.where(by_set, columns[members], feature)
        threshold = np.where(by_set, 0.5, threshold)
        missing_left = missing_left & ~by_set
    return _InnerNodes(left, right, feature, threshold, missing_left, int((~inner).sum()))


@dataclass(frozen=True, eq=False)
class _Indicators:
    """Columns of zeros and ones, one for each distinct set that some trees ask for.

    of: for each tree, set number → column. values: matrices double [N, …] that side by side are `width` columns.
    """

    of: tuple[Integers, ...]
    values: tuple[Var, ...]
    width: int


def _indicators(trees: Sequence[Tree], features: Var) -> _Indicators:
    wanted: dict[int, dict[bytes, int]] = {}
    asked: list[list[tuple[int, int]]] = []
    for tree in trees:
        feature_of = np.zeros(len(tree.sets), np.int64)
        if tree.members is not None:
            feature_of[tree.members[tree.by_set]] = tree.feature[tree.by_set]
        mine = []
        for feature, members in zip(feature_of.tolist(), tree.sets, strict=True):
            known = wanted.setdefault(feature, {})
            mine.append((feature, known.setdefault(members.astype(np.bool_).tobytes(), len(known))))
        asked.append(mine)
    starts, width, values = {}, 0, []
    for feature, known in wanted.items():
        starts[feature] = width
        width += len(known)
        table = np.array([np.frombuffer(members, np.bool_) for members in known]).T.astype(np.float64)
        values.append(_looked_up(features, feature, table))
    of = tuple(np.array([starts[feature] + place for feature, place in mine], np.int64) for mine in asked)
    return _Indicators(of, tuple(values), width)


def _looked_up(features: Var, feature: int, table: Doubles) -> Var:
    """The table's row for each code of one feature, its last row for NaN: double [N, table columns]."""
    codes = op.gather(features, op.const(np.int64(feature)), axis=1)
    missing = op.const(np.float64(len(table) - 1))
    rows = op.cast(op.where(op.isnan(codes), missing, codes), to=np.int64)
    return op.gather(op.const(table), rows, axis=0)
