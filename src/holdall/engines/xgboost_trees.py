"""Whether an XGBoost file is a model, before XGBoost reads it: it believes a file's own numbers of nodes, and dies of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from holdall.engines import ubjson

PER_NODE = (
    "left_children",
    "right_children",
    "parents",
    "split_indices",
    "split_conditions",
    "default_left",
    "base_weights",
    "loss_changes",
    "sum_hessian",
)
LEAF = -1
ROOT = (-1, 2**31 - 1)
"""What stands for the parent of the node that has none."""

CATEGORICAL = 1
MANY = 65_536
"""So many classes or targets a model without trees may have."""

_JSON = (b"{", b'"')


def fault(data: bytes) -> str | None:
    """What is wrong with a model's file, in words; None where XGBoost can read it. data: UBJSON, or JSON."""
    try:
        return _fault((json.loads if _is_json(data) else ubjson.decode)(data))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)


def _is_json(data: bytes) -> bool:
    """As XGBoost tells them: a JSON object's first name is in quotation marks, after white space."""
    return data[:1] == _JSON[0] and data[1:].lstrip()[:1] == _JSON[1]


def _fault(model: Mapping[str, Any]) -> str | None:
    learner = model["learner"]
    booster, stated = learner["gradient_booster"], learner["learner_model_param"]
    features, classes, targets = (int(stated.get(name, 1)) for name in ("num_feature", "num_class", "num_target"))
    groups = max(1, classes, targets)
    names, types = learner.get("feature_names", []), learner.get("feature_types", [])
    if any(len(part) not in (0, features) for part in (names, types)):
        return f"it has {features} columns and {len(names)} names and {len(types)} types of columns"
    if booster["name"] == "gblinear":
        weights = len(booster["model"]["weights"])
        return None if weights == (features + 1) * groups else f"it has {weights} weights"
    forest = booster.get("gbtree", booster)["model"]
    return _forest_fault(forest, booster, features, groups)


def _forest_fault(forest: Mapping[str, Any], booster: Mapping[str, Any], features: int, groups: int) -> str | None:
    trees, groups_of = forest["trees"], _whole(forest["tree_info"])
    if len(trees) != len(groups_of) or len(trees) != int(forest["gbtree_model_param"]["num_trees"]):
        return "its trees differ in number from what it says of them"
    if not _within(groups_of, groups):
        return "its trees belong to no class"
    if "weight_drop" in booster and len(booster["weight_drop"]) != len(trees):
        return "its trees and their weights differ in number"
    rounds = _whole(forest.get("iteration_indptr", []))
    if len(rounds) and not (rounds[0] == 0 and rounds[-1] == len(trees) and bool((np.diff(rounds) >= 0).all())):
        return "its rounds are not those of its trees"
    vectors = groups > 1 and any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees)
    if (len(trees) % groups and not vectors) or (not trees and groups > MANY):
        return f"its {len(trees)} trees are not one for each of {groups} classes or targets"
    for number, tree in enumerate(trees):
        if tree["id"] != number:
            return f"tree {number} has the number {tree['id']}"
        why = _tree_fault(tree, features, groups)
        if why is not None:
            return f"tree {number}: {why}"
    return _categories_fault(forest.get("cats"), features)


def _tree_fault(tree: Mapping[str, Any], features: int, groups: int) -> str | None:
    stated = tree["tree_param"]
    nodes, width = int(stated["num_nodes"]), int(stated["size_leaf_vector"]) or 1
    sizes = {name: len(tree[name]) for name in PER_NODE}
    if width > 1:
        # Older files keep a vector of weights for each node, newer ones for each leaf besides.
        del sizes["base_weights"]
    if nodes < 1 or set(sizes.values()) != {nodes} or len(tree.get("split_type", ())) not in (0, nodes):
        return f"it says that it has {nodes} nodes, and has others"
    if width not in (1, groups) or len(tree["base_weights"]) % (nodes if width > 1 else 1):
        return f"its leaves hold {width} numbers each"
    left, right = _whole(tree["left_children"]), _whole(tree["right_children"])
    splits = left != LEAF
    children = np.concatenate([left[splits], right[splits]])
    # No node is a child twice and the root never: from the root there is then no way round in a circle.
    if not _within(children, nodes, 1) or len(np.unique(children)) != len(children):
        return "its nodes are no tree"
    parents = _whole(tree["parents"])
    if parents[0] not in ROOT or not np.array_equal(parents[children], np.tile(np.flatnonzero(splits), 2)):
        return "its nodes have other parents"
    if not _within(_whole(tree["split_indices"])[splits], features):
        return "it compares a column that there is not"
    leaves = len(tree["leaf_weights"]) if width > 1 else 0
    if width > 1 and not _within(right[~splits] * width, leaves - width + 1):
        return "its leaves have weights that there are not"
    return _sets_fault(tree, nodes)


def _sets_fault(tree: Mapping[str, Any], nodes: int) -> str | None:
    """The sets of categories of its nodes."""
    members = _whole(tree.get("categories", []))
    where, starts, sizes = (_whole(tree.get(f"categories_{name}", [])) for name in ("nodes", "segments", "sizes"))
    if not len(where) == len(starts) == len(sizes):
        return "its sets of categories differ in number"
    if not (_within(where, nodes) and _within(starts, len(members) + 1) and _within(sizes, len(members) + 1)):
        return "its sets of categories lie elsewhere"
    if not _within(starts + sizes, len(members) + 1) or not _within(members, 2**24):
        return "its sets of categories lie elsewhere"
    # A leaf among them too, which was a split before it was pruned.
    asking = np.flatnonzero(_whole(tree.get("split_type", np.zeros(nodes, np.int64))) == CATEGORICAL)
    if not np.array_equal(np.sort(where), asking):
        return "it asks for a set of categories that there is not"
    return None


def _categories_fault(held: Mapping[str, Any] | None, features: int) -> str | None:
    """The names of the categories that it was fitted on, of each column."""
    if held is None or not len(held["enc"]):
        return None
    if len(held["enc"]) != features or len(held["feature_segments"]) != features + 1:
        return "its categories are of other columns"
    sizes = []
    for one in held["enc"]:
        values = one["values"]
        offsets = _whole(one["offsets"]) if "offsets" in one else None
        if offsets is not None and len(offsets):
            if offsets[0] != 0 or offsets[-1] != len(values) or bool((np.diff(offsets) < 0).any()):
                return "its categories' names lie elsewhere"
            sizes.append(len(offsets) - 1)
        else:
            sizes.append(len(values))
    total = sum(sizes)
    if _whole(held["feature_segments"]).tolist() != [0, *np.cumsum(sizes).tolist()]:
        return "its categories differ in number"
    order = _whole(held["sorted_idx"])
    return None if len(order) == total and _within(order, total) else "its categories are in no order"


def _whole(values: Any) -> Any:
    """As int64. Raises ValueError for anything else."""
    array = np.asarray(values)
    if len(array) and array.dtype.kind not in "iub":
        raise ValueError("it has numbers with fractions where there are none")
    return array.astype(np.int64)


def _within(values: Any, limit: int, least: int = 0) -> bool:
    return bool(((values >= least) & (values < limit)).all())
