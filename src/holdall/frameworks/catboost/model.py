"""What a CatBoost model holds, read from its own JSON: trees as the house has them, and what their sums are moved by.

CatBoost knows features as float32 and leaves as doubles. Its symmetric trees ask one question a level; written out as
plain trees, ways that no row can take are left out: most of a deep tree's leaves ask whether x is below 2 and above 3.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdall.errors import NotPortable
from holdall.graph.trees import LEAF, NO_SET, Booleans, Doubles, Tree

FLOAT, ONE_HOT, CTR = "FloatFeature", "OneHotFeature", "OnlineCtr"
NAN_IS_GREATEST = "AsTrue"
HASH = 0xFFFFFFFF


@dataclass(frozen=True)
class Split:
    """place: the column's place in the table. border: for a number; code: for a category, the one that goes right."""

    place: int
    border: float = 0.0
    code: int | None = None


Branch = tuple[Split, Any, Any]
"""A question and the two subtrees: a Branch each, or a leaf's doubles [outputs]."""
Expand = Callable[[Any], Branch | Doubles]
"""A node as the file has it → its question and children, or a leaf's doubles."""


@dataclass(frozen=True, eq=False)
class Model:
    """trees: their features are places in the table.

    categories: place → the hashes of the categories that splits know, by code; what is none of them has the last code.
    loss: the loss function's name. Answers are `scale * sum + bias`, bias double [outputs].
    """

    trees: tuple[Tree, ...]
    outputs: int
    scale: float
    bias: Doubles
    categories: Mapping[int, tuple[int, ...]]
    used: tuple[int, ...]
    features: int
    loss: str


def document(model: Any, pool: Any = None) -> dict[str, Any]:
    """The model as CatBoost writes it in JSON. pool: rows whose categories' hashes are told too."""
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json", pool=pool)
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def read(model: Any, path: str) -> Model:
    """Raises NotPortable for what is not known here, or has no graph."""
    for what, places in (
        ("text", model.get_text_feature_indices()),
        ("embeddings", model.get_embedding_feature_indices()),
    ):
        if len(places):
            raise NotPortable(path, f"it takes {what}, which CatBoost turns into numbers in ways of its own")
    found = document(model)
    parts = found["features_info"]
    floats, hashed = parts.get("float_features", ()), parts.get("categorical_features", ())
    oblivious = found.get("oblivious_trees")
    grown = oblivious if oblivious is not None else found.get("trees", [])
    splits = [
        split for tree in grown for split in (_questions(tree) if oblivious is None else tree.get("splits") or ())
    ]
    _known(splits, path)
    scale, bias = found["scale_and_bias"]
    start = np.atleast_1d(np.asarray(bias, np.float64))
    categories = _categories(splits, hashed)
    reader = _Reader(
        floats=[int(one["flat_feature_index"]) for one in floats],
        hashed=[int(one["flat_feature_index"]) for one in hashed],
        greatest={int(one["flat_feature_index"]) for one in floats if one["nan_value_treatment"] == NAN_IS_GREATEST},
        categories=categories,
        outputs=len(start),
    )
    trees = [reader.oblivious(tree) if oblivious is not None else reader.nested(tree) for tree in grown]
    used = sorted({int(place) for tree in trees for place in tree.feature[tree.inner]})
    return Model(
        trees=tuple(trees) or (reader.tree(np.zeros(len(start))),),
        outputs=len(start),
        scale=float(scale),
        bias=start,
        categories=categories,
        used=tuple(used),
        features=len(floats) + len(hashed),
        loss=str((found["model_info"].get("params") or {}).get("loss_function", {}).get("type", "")),
    )


def hashes(model: Any, words: Iterable[str]) -> dict[int, str]:
    """CatBoost's own hash of each word → the word."""
    import catboost
    import pandas

    listed = list(words)
    places = list(model.get_cat_feature_indices())
    columns = {
        name: listed if place in places else np.zeros(len(listed)) for place, name in enumerate(model.feature_names_)
    }
    pool = catboost.Pool(pandas.DataFrame(columns), cat_features=places)
    told = document(model, pool)["features_info"].get("cat_features_hash", ())
    return {int(one["hash"]) & HASH: str(one["value"]) for one in told}


def _questions(tree: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if "split" in node:
            yield node["split"]
            pending += [node["left"], node["right"]]


def _known(splits: Sequence[Mapping[str, Any]], path: str) -> None:
    others = {str(split["split_type"]) for split in splits} - {FLOAT, ONE_HOT}
    if CTR in others:
        raise NotPortable(
            path,
            "it turns categories into statistics of the target (CTR), which only CatBoost itself computes; with "
            "one_hot_max_size above the number of categories it asks for the categories themselves",
        )
    if others:
        raise NotPortable(path, f"its splits of the type {', '.join(sorted(others))} are not known")


def _categories(splits: Sequence[Mapping[str, Any]], hashed: Sequence[Mapping[str, Any]]) -> dict[int, tuple[int, ...]]:
    found: dict[int, set[int]] = {}
    for split in splits:
        if split["split_type"] == ONE_HOT:
            place = int(hashed[split["cat_feature_index"]]["flat_feature_index"])
            found.setdefault(place, set()).add(int(split["value"]) & HASH)
    return {place: tuple(sorted(values)) for place, values in found.items()}


@dataclass(frozen=True, eq=False)
class _Reader:
    """floats, hashed: the places of the n-th feature of numbers and of categories. greatest: where NaN is above all."""

    floats: Sequence[int]
    hashed: Sequence[int]
    greatest: set[int]
    categories: Mapping[int, tuple[int, ...]]
    outputs: int

    def oblivious(self, tree: Mapping[str, Any]) -> Tree:
        """A symmetric tree: its n-th split is the n-th bit of the leaf's number."""
        splits = [self._split(split) for split in tree.get("splits") or ()]
        values = np.array(tree["leaf_values"], np.float64).reshape(1 << len(splits), self.outputs)

        def expand(node: tuple[int, int]) -> Branch | Doubles:
            level, leaf = node
            if level == 0:
                return np.asarray(values[leaf])
            return splits[level - 1], (level - 1, leaf), (level - 1, leaf | 1 << (level - 1))

        return self.tree(_shape((len(splits), 0), expand, {}))

    def nested(self, tree: Mapping[str, Any]) -> Tree:
        """A tree of any other shape."""

        def expand(node: Mapping[str, Any]) -> Branch | Doubles:
            if "split" in node:
                return self._split(node["split"]), node["left"], node["right"]
            return np.array(node["value"], np.float64).reshape(self.outputs)

        return self.tree(_shape(tree, expand, {}))

    def _split(self, split: Mapping[str, Any]) -> Split:
        if split["split_type"] == FLOAT:
            return Split(self.floats[split["float_feature_index"]], border=float(np.float32(split["border"])))
        place = self.hashed[split["cat_feature_index"]]
        return Split(place, code=self.categories[place].index(int(split["value"]) & HASH))

    def tree(self, root: Branch | Doubles) -> Tree:
        """The house's form of it: a number goes left up to the border, a category unless it is the one asked for."""
        nodes: list[Branch | Doubles] = []
        children: list[tuple[int, int]] = []

        def visit(node: Branch | Doubles) -> int:
            place = len(nodes)
            nodes.append(node)
            children.append((LEAF, LEAF))
            if isinstance(node, tuple):
                children[place] = (visit(node[1]), visit(node[2]))
            return place

        visit(root)
        splits = [node[0] if isinstance(node, tuple) else None for node in nodes]
        members, sets = np.full(len(nodes), NO_SET, np.int64), list[Booleans]()
        for number, split in enumerate(splits):
            if split is not None and split.code is not None:
                goes_left = np.ones(len(self.categories[split.place]) + 2, np.bool_)
                goes_left[split.code] = False
                members[number] = len(sets)
                sets.append(goes_left)
        values = np.zeros((len(nodes), self.outputs))
        for number, node in enumerate(nodes):
            if not isinstance(node, tuple):
                values[number] = node
        left, right = np.array(children, np.int64).T
        return Tree(
            left=left,
            right=right,
            feature=np.array([0 if split is None else split.place for split in splits], np.int64),
            threshold=np.array([0.0 if split is None else split.border for split in splits]),
            missing_left=np.array([split is not None and split.place not in self.greatest for split in splits]),
            values=values,
            targets=np.zeros(len(nodes), np.int64) if self.outputs == 1 else None,
            members=members if sets else None,
            sets=tuple(sets),
        )


Known = dict[int, tuple[float, float] | dict[int, bool]]
"""Place → the bounds that lie behind (above the first, up to the second), or of categories' codes which are answered."""


def _shape(node: Any, expand: Expand, known: Known) -> Branch | Doubles:
    """The tree below a node, without questions that the way to it has answered, and those whose answers are all the same."""
    found = expand(node)
    if not isinstance(found, tuple):
        return found
    split, left, right = found
    answered = _answered(split, known)
    if answered is not None:
        return _shape(right if answered else left, expand, known)
    below = _shape(left, expand, {**known, split.place: _told(split, known, goes_right=False)})
    above = _shape(right, expand, {**known, split.place: _told(split, known, goes_right=True)})
    if not isinstance(below, tuple) and not isinstance(above, tuple) and np.array_equal(below, above):
        return below
    return split, below, above


def _answered(split: Split, known: Known) -> bool | None:
    """Whether a row that came here goes right; None where that is open. NaN is on one side of all numbers throughout."""
    told = known.get(split.place)
    if told is None:
        return None
    if isinstance(told, dict):
        return told.get(split.code if split.code is not None else -1, False if any(told.values()) else None)
    low, high = told
    return True if split.border <= low else False if split.border >= high else None


def _told(split: Split, known: Known, *, goes_right: bool) -> tuple[float, float] | dict[int, bool]:
    told = known.get(split.place)
    if split.code is not None:
        return {**(told if isinstance(told, dict) else {}), split.code: goes_right}
    low, high = told if isinstance(told, tuple) else (-math.inf, math.inf)
    return (split.border, high) if goes_right else (low, split.border)
