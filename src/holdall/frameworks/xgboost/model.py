"""What an XGBoost booster holds, read from its own JSON: trees as the house has them, first guess, categories.

XGBoost knows numbers as float32: thresholds, leaves and weights are exactly the floats that it computes with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

from holdall.engines.xgboost import categories
from holdall.errors import NotPortable
from holdall.graph.trees import LEAF, NO_SET, Booleans, Tree

Singles = npt.NDArray[np.float32]

LOGISTIC = frozenset({"binary:logistic", "reg:logistic"})
EXPONENTIAL = frozenset(
    {"count:poisson", "reg:gamma", "reg:tweedie", "survival:aft", "survival:cox"},
)
MULTICLASS = frozenset({"multi:softmax", "multi:softprob"})
IDENTITY = frozenset(
    {
        "binary:logitraw",
        "rank:map",
        "rank:ndcg",
        "rank:pairwise",
        "reg:absoluteerror",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:squarederror",
        "reg:squaredlogerror",
    }
)
HINGE = "binary:hinge"


@dataclass(frozen=True, eq=False)
class Model:
    """trees: in the order of addition; none for a linear model.

    weights: float32 [features + 1, outputs], the last row the bias; None for trees. base: float32 [outputs], where each
    sum begins. objective: as in the booster's parameters.
    categories: by feature, those of a data frame's column, by code. codes: by feature that is split by sets, how many
    codes its sets tell apart; the last of them stands for all other numbers.
    """

    trees: tuple[Tree, ...]
    weights: Singles | None
    outputs: int
    base: Singles
    objective: str
    classes: int
    categories: Mapping[int, tuple[str | int, ...]]
    codes: Mapping[int, int]
    features: int
    targets: int


def document(booster: Any) -> dict[str, Any]:
    """The booster as XGBoost writes it in JSON."""
    found: dict[str, Any] = json.loads(bytes(booster.save_raw("json")))
    return found


def read(booster: Any, rounds: int | None, path: str, *, in_place: bool) -> Model:
    """rounds: how many of its rounds predict; None: all. in_place: asked as the wrappers ask, without a DMatrix.

    DART adds up in one way for a DMatrix and in another in place, where each tree's leaf is added to the base and the
    base taken off again before it is weighted.
    Raises NotPortable for what is not known here.
    """
    learner = document(booster)["learner"]
    booster_part, parameters = learner["gradient_booster"], learner["learner_model_param"]
    objective, kind = learner["objective"]["name"], booster_part["name"]
    classes, targets = int(parameters["num_class"]), int(parameters.get("num_target", "1"))
    outputs = max(classes, targets, 1)
    shared: dict[str, Any] = {
        "outputs": outputs,
        "base": _base(parameters["base_score"], objective, outputs, path),
        "objective": objective,
        "classes": classes,
        "features": int(parameters["num_feature"]),
        "targets": targets,
    }
    if kind == "gblinear":
        weights = np.array(booster_part["model"]["weights"], np.float32).reshape(-1, outputs)
        return Model(trees=(), weights=weights, categories={}, codes={}, **shared)
    if kind not in ("gbtree", "dart"):
        raise NotPortable(path, f"its booster {kind!r} is not known")
    model = (booster_part["gbtree"] if kind == "dart" else booster_part)["model"]
    count = len(model["trees"]) if rounds is None else int(model["iteration_indptr"][rounds])
    grown = model["trees"][:count]
    shares = np.array(booster_part["weight_drop"], np.float32) if kind == "dart" else np.ones(count, np.float32)
    codes = _codes(grown)
    around = shared["base"] if kind == "dart" and in_place else None
    trees = tuple(
        _tree(tree, codes, int(target), share, around)
        for tree, target, share in zip(grown, model["tree_info"], shares, strict=False)
    )
    return Model(trees=trees, weights=None, categories=_categories(model.get("cats"), path), codes=codes, **shared)


def _base(text: str, objective: str, outputs: int, path: str) -> Singles:
    """Where sums begin: the global guess through the inverse of the objective's link, in float32."""
    given = json.loads(text)
    scores = [float(np.float32(score)) for score in (given if isinstance(given, list) else [given])]
    if objective in LOGISTIC:
        scores = [-log(float(np.float32(np.float32(1 / score) - np.float32(1)))) for score in scores]
    elif objective in EXPONENTIAL:
        scores = [log(score) for score in scores]
    elif objective not in IDENTITY | MULTICLASS | {HINGE}:
        raise NotPortable(path, f"its objective {objective!r} is not known")
    return np.resize(np.array(scores, np.float32), outputs)


def _codes(trees: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Feature that is split by sets → the number of codes: up to the highest in any set, and one for all others."""
    highest: dict[int, int] = {}
    for tree in trees:
        places = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
        for node, start, size in places:
            feature = tree["split_indices"][node]
            highest[feature] = max(highest.get(feature, 0), *tree["categories"][start : start + size], 0)
    return {feature: code + 2 for feature, code in highest.items()}


def _tree(
    tree: Mapping[str, Any], codes: Mapping[int, int], target: int, share: np.float32, around: Singles | None
) -> Tree:
    """around: the base that leaves are added to and that is taken off again; None: they are taken as they are."""
    left, right = np.array(tree["left_children"], np.int64), np.array(tree["right_children"], np.int64)
    conditions = np.array(tree["split_conditions"], np.float32)
    default_left = np.array(tree["default_left"], np.bool_)
    feature = np.array(tree["split_indices"], np.int64)
    members = np.full(len(left), NO_SET, np.int64)
    sets: list[Booleans] = []
    places = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    for node, start, size in places:
        # The categories of a set go right; all others go left, numbers that are no code among them.
        goes_left = np.ones(codes[int(feature[node])] + 1, np.bool_)
        goes_left[tree["categories"][start : start + size]] = False
        goes_left[-1] = default_left[node]
        members[node] = len(sets)
        sets.append(goes_left)
    width = int(tree["tree_param"]["size_leaf_vector"])
    values = _vectors(tree, right, width) if width > 1 else conditions[:, None]
    if around is not None:
        base = around if width > 1 else around[target]
        values = (base + values) - base
    values = values * share
    return Tree(
        left=np.where(left < 0, LEAF, left),
        right=np.where(left < 0, LEAF, right),
        feature=np.where(left < 0, 0, feature),
        threshold=conditions.astype(np.float64),
        missing_left=default_left,
        values=values.astype(np.float64),
        targets=None if width > 1 else np.full(len(left), target, np.int64),
        members=members if sets else None,
        sets=tuple(sets),
    )


def _vectors(tree: Mapping[str, Any], right: npt.NDArray[np.int64], width: int) -> Singles:
    """[nodes, width]: the rows of leaves that predict all targets at once; a leaf's right child is its row's number."""
    rows = np.array(tree["leaf_weights"], np.float32).reshape(-1, width)
    leaves = np.array(tree["left_children"]) < 0
    values = np.zeros((len(right), width), np.float32)
    values[leaves] = rows[right[leaves]]
    return values


def _categories(cats: Mapping[str, Any] | None, path: str) -> dict[int, tuple[str | int, ...]]:
    """Feature → the categories of its data frame's column, by code. Raises NotPortable for what cannot be told."""
    found: dict[int, tuple[str | int, ...]] = {}
    for feature, encoded in enumerate((cats or {}).get("enc", ())):
        if not encoded["values"]:
            continue
        known = categories(encoded)
        if not known:
            raise NotPortable(
                path, f"the categories of column {feature} are not ASCII, which XGBoost mistakes, or no text"
            )
        found[feature] = tuple(known)
    return found
