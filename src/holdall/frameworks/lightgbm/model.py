"""What a LightGBM booster holds, read from its own text: trees as the house has them, and how their sums become answers.

Every number in that text has all the digits of its double.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from holdall.errors import NotPortable
from holdall.graph.trees import LEAF, NO_SET, Booleans, Doubles, Integers, Tree

CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
WORD = 32


class MissingType(IntEnum):
    """What a split takes for missing: nothing (NaN counts as zero), NaN and all that is nearly zero, or NaN."""

    NONE = 0
    ZERO = 1
    NAN = 2


class View(IntEnum):
    """How a split looks at its column: as it is, with NaN for what is nearly zero, or as a category's code."""

    PLAIN = 0
    ZERO_IS_MISSING = 1
    CODE = 2


@dataclass(frozen=True, eq=False)
class Linear:
    """The linear models in a tree's leaves, one row a leaf. used: bool [leaves, features]."""

    constants: Doubles
    coefficients: Doubles
    used: Booleans


@dataclass(frozen=True, eq=False)
class Model:
    """trees: their features are numbers of `columns`, pairs of a feature and how it is looked at.

    codes: by feature, how many codes the sets that split it tell apart; the last of them stands for all other numbers.
    linear: for each tree, or None where all leaves are constants. averaged: the answer is a mean and no sum.
    objective: its name and its parameters.
    """

    trees: tuple[Tree, ...]
    columns: tuple[tuple[int, View], ...]
    codes: Mapping[int, int]
    linear: tuple[Linear, ...] | None
    outputs: int
    averaged: bool
    objective: str
    parameters: Mapping[str, str]
    features: int


def read(text: str, path: str) -> Model:
    """Raises NotPortable for what is not known here."""
    head, *parts = text.partition("\nend of trees")[0].split("\nTree=")
    general = _entries(head)
    features = int(general["max_feature_idx"]) + 1
    outputs = int(general["num_tree_per_iteration"])
    objective, *words = general.get("objective", "custom").split()
    trees = [_entries(part.partition("\n")[2]) for part in parts]
    if not trees:
        raise NotPortable(path, "it has no trees")
    columns: dict[tuple[int, View], int] = {(feature, View.PLAIN): feature for feature in range(features)}
    codes = _codes(trees)
    grown = tuple(_tree(tree, codes, columns, number % outputs) for number, tree in enumerate(trees))
    linear = any(tree.get("is_linear") == "1" for tree in trees)
    return Model(
        trees=grown,
        columns=tuple(columns),
        codes=codes,
        linear=tuple(_linear(tree, features) for tree in trees) if linear else None,
        outputs=outputs,
        averaged="average_output" in general,
        objective=objective,
        parameters=dict(word.partition(":")[::2] for word in words),
        features=features,
    )


def _entries(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if line)
    return {key: value for key, _, value in lines}


def _numbers(tree: Mapping[str, str], key: str, dtype: Any) -> npt.NDArray[Any]:
    return np.array([float(word) for word in tree.get(key, "").split()]).astype(dtype)


def _words(tree: Mapping[str, str]) -> list[Booleans]:
    """For each set of the tree: which numbers are in it."""
    bounds = _numbers(tree, "cat_boundaries", np.int64)
    words = np.array([int(word) for word in tree.get("cat_threshold", "").split()], np.uint32)
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").astype(np.bool_)
    return [bits[a * WORD : b * WORD] for a, b in pairwise(bounds)]


def _codes(trees: Sequence[Mapping[str, str]]) -> dict[int, int]:
    """Feature that is split by sets → the number of codes: up to the highest in any set, and one for all others."""
    highest: dict[int, int] = {}
    for tree in trees:
        sets, features = _words(tree), _numbers(tree, "split_feature", np.int64)
        places = _numbers(tree, "threshold", np.float64)
        for node in np.flatnonzero(_numbers(tree, "decision_type", np.int64) & CATEGORICAL):
            feature = int(features[node])
            members = np.flatnonzero(sets[int(places[node])])
            highest[feature] = max(highest.get(feature, 0), int(members.max(initial=0)))
    return {feature: code + 2 for feature, code in highest.items()}


def _tree(tree: Mapping[str, str], codes: Mapping[int, int], columns: dict[tuple[int, View], int], target: int) -> Tree:
    """columns: grows by the views that the tree's splits have."""
    values = _numbers(tree, "leaf_value", np.float64)
    inner = len(values) - 1
    decision = _numbers(tree, "decision_type", np.int64)
    threshold = _numbers(tree, "threshold", np.float64)
    feature = _numbers(tree, "split_feature", np.int64)
    missing = (decision >> MISSING_SHIFT) & 3
    # NaN counts as zero where no value is known as missing.
    missing_left = np.where(missing == MissingType.NONE, threshold >= 0, (decision & DEFAULT_LEFT) > 0)
    members = np.full(inner, NO_SET, np.int64)
    sets: list[Booleans] = []
    known = _words(tree)
    for node in range(inner):
        place, view = int(feature[node]), View.PLAIN
        if decision[node] & CATEGORICAL:
            view = View.CODE
            held = np.zeros(codes[place] + 1, np.bool_)
            found = np.flatnonzero(known[int(threshold[node])])
            held[found] = True
            members[node] = len(sets)
            sets.append(held)
        elif missing[node] == MissingType.ZERO:
            view = View.ZERO_IS_MISSING
        feature[node] = columns.setdefault((place, view), len(columns))

    def children(key: str) -> Integers:
        own = _numbers(tree, key, np.int64)
        return np.append(np.where(own < 0, inner - 1 - own, own), np.full(inner + 1, LEAF))

    def padded(array: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
        return np.append(array, np.full(inner + 1, fill, array.dtype))

    return Tree(
        left=children("left_child"),
        right=children("right_child"),
        feature=padded(feature, 0),
        threshold=padded(threshold, 0.0),
        missing_left=padded(missing_left, False),
        values=np.append(np.zeros(inner), values)[:, None],
        targets=np.full(2 * inner + 1, target, np.int64),
        members=padded(members, NO_SET) if sets else None,
        sets=tuple(sets),
    )


def _linear(tree: Mapping[str, str], features: int) -> Linear:
    values = _numbers(tree, "leaf_value", np.float64)
    coefficients = np.zeros((len(values), features))
    used = np.zeros((len(values), features), np.bool_)
    if tree.get("is_linear") != "1":
        return Linear(values, coefficients, used)
    counts = _numbers(tree, "num_features", np.int64)
    leaf = np.repeat(np.arange(len(values)), counts)
    place = _numbers(tree, "leaf_features", np.int64)
    coefficients[leaf, place] = _numbers(tree, "leaf_coeff", np.float64)
    used[leaf, place] = True
    return Linear(_numbers(tree, "leaf_const", np.float64), coefficients, used)
