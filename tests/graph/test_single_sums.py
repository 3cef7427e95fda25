"""Sums in float32, in the order of the trees, are those of a loop over float32 numbers, to the last bit."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import spox
import spox.opset.ai.onnx.v21 as op
from spox import Tensor

from holdall.graph.trees import LEAF, Comparison, Forest, Tree, emit_single

FEATURES = 3


def stump(random: np.random.Generator, width: int, target: int | None) -> Tree:
    values = random.normal(size=(3, width)) * 10.0 ** random.integers(-3, 4)
    return Tree(
        left=np.array([1, LEAF, LEAF]),
        right=np.array([2, LEAF, LEAF]),
        feature=np.array([random.integers(0, FEATURES), 0, 0]),
        threshold=random.normal(size=3).astype(np.float32).astype(np.float64),
        missing_left=random.random(3) < 0.5,
        values=values,
        targets=None if target is None else np.full(3, target),
    )


def by_loop(forest: Forest, features: np.ndarray, start: np.ndarray) -> np.ndarray:
    sums = np.tile(start.astype(np.float32), (len(features), 1))
    for tree in forest.trees:
        column = features[:, tree.feature[0]]
        left = np.where(np.isnan(column), tree.missing_left[0], column < tree.threshold[0])
        added = np.where(left[:, None], tree.values[1], tree.values[2]).astype(np.float32)
        if tree.targets is None:
            sums = sums + added
        else:
            sums[:, tree.targets[0]] += added[:, 0]
    return sums


@pytest.mark.parametrize("rows", [0, 1, 2, 37, 3000])
@pytest.mark.parametrize(
    ("targets", "owners"),
    [(1, [0] * 50), (3, [0, 1, 2] * 20), (3, [0, 0, 1, 1, 2, 2] * 9), (3, [0, 2, 2, 1, 2]), (4, None)],
    ids=["one target", "in turns", "two a turn", "some lacking", "rows of values"],
)
def test_sums_are_those_of_a_loop(rows: int, targets: int, owners: list[int] | None) -> None:
    random = np.random.default_rng(rows + targets)
    if owners is None:
        grown = [stump(random, targets, None) for _ in range(40)]
    else:
        grown = [stump(random, 1, owner) for owner in owners]
    forest = Forest(tuple(grown), targets, Comparison.BELOW)
    start = random.normal(size=targets).astype(np.float32)
    features = random.normal(size=(rows, FEATURES)).astype(np.float32).astype(np.float64)
    features[random.random(features.shape) < 0.1] = np.nan
    given = spox.argument(Tensor(np.float64, ("rows", FEATURES)))
    model = spox.build({"x": given}, {"y": op.identity(emit_single(forest, given, start))})
    for threads in (1, 2):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {"x": features})
        assert result.dtype == np.float32
        assert result.shape == (rows, targets)
        assert (result == by_loop(forest, features, start)).all()
