"""Whether the trees of an XGBoost model are trees, before XGBoost walks them: it believes a file's own numbers of nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

PER_NODE = ("left_children", "right_children", "split_indices", "split_conditions", "default_left")


def fault(data: bytes) -> str | None:
    """What is wrong with the model, in words; None where its trees are whole. data: the model as XGBoost writes JSON."""
    try:
        learner = json.loads(data)["learner"]
        booster = learner["gradient_booster"]
        features = int(learner["learner_model_param"]["num_feature"])
        groups = max(
            1, int(learner["learner_model_param"]["num_class"]), int(learner["learner_model_param"]["num_target"])
        )
        if booster["name"] == "gblinear":
            weights = len(booster["model"]["weights"])
            return None if weights == (features + 1) * groups else f"it has {weights} weights"
        forest = booster.get("gbtree", booster)["model"]
        trees, groups_of = forest["trees"], forest["tree_info"]
        if len(trees) != len(groups_of) or any(not 0 <= int(group) < groups for group in groups_of):
            return "its trees belong to no class"
        if "weight_drop" in booster and len(booster["weight_drop"]) != len(trees):
            return "its trees and their weights differ in number"
        for number, tree in enumerate(trees):
            why = _tree_fault(tree, features)
            if why is not None:
                return f"tree {number}: {why}"
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _tree_fault(tree: Mapping[str, Any], features: int) -> str | None:
    nodes = int(tree["tree_param"]["num_nodes"])
    if any(len(tree[name]) != nodes for name in PER_NODE) or nodes < 1:
        return f"it says that it has {nodes} nodes, and has others"
    left, right = list(map(int, tree["left_children"])), list(map(int, tree["right_children"]))
    seen, pending = set(), [0]
    while pending:
        node = pending.pop()
        if node in seen or not 0 <= node < nodes:
            return "its nodes are no tree"
        seen.add(node)
        children = (left[node], right[node])
        if children == (-1, -1):
            continue
        if not 0 <= int(tree["split_indices"][node]) < features:
            return "it compares a column that there is not"
        pending += children
    return _sets_fault(tree, nodes)


def _sets_fault(tree: Mapping[str, Any], nodes: int) -> str | None:
    """The sets of categories of its nodes."""
    sets: Sequence[Any] = tree.get("categories", [])
    where = [tree.get(f"categories_{name}", []) for name in ("nodes", "segments", "sizes")]
    if len({len(part) for part in where}) != 1:
        return "its sets of categories differ in number"
    for node, start, size in zip(*where, strict=True):
        if not 0 <= int(node) < nodes or int(start) < 0 or int(size) < 0 or int(start) + int(size) > len(sets):
            return "its sets of categories lie elsewhere"
    if any(int(kind) == 1 for kind in tree.get("split_type", [])) and not where[0]:
        return "it asks for a set of categories that there is not"
    return None
