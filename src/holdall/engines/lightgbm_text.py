"""Whether a LightGBM text is whole, before LightGBM reads it: on a broken one it ends the whole process.

It believes the text's own sizes and numbers of nodes, so that a made-up one could have it read what is not its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

END = b"\nend of trees"
PARAMETERS = b"\nend of parameters"
CATEGORIES = b"pandas_categorical:"
CATEGORICAL = 1


def fault(data: bytes) -> str | None:
    """What is wrong with the text, in words; None where its trees are whole."""
    head, separator, rest = data.partition(b"\nTree=0\n")
    body, end, after = rest.partition(END)
    if not separator or not end:
        return "it has no trees, or ends among them"
    _, end, last = after.partition(PARAMETERS)
    if not end:
        return "it ends before its parameters do"
    if last.strip() and not (_is_categories(last.strip()) and last.endswith(b"\n")):
        return "it ends among its categories"
    try:
        general = _entries(head)
        features, sizes = int(general["max_feature_idx"]) + 1, [int(size) for size in general["tree_sizes"].split()]
        for name in ("num_class", "num_tree_per_iteration", "label_index"):
            int(general[name])
        if int(general["num_tree_per_iteration"]) < 1 or features < 1:
            return "it has no columns or no trees"
        trees = b"Tree=0\n" + body + b"\n"
        start = 0
        for number, size in enumerate(sizes):
            part = trees[start : start + size]
            if not part.startswith(b"Tree=%d\n" % number):
                return f"tree {number} is not where it says"
            why = _tree_fault(_entries(part), features)
            if why is not None:
                return f"tree {number}: {why}"
            start += size
        if trees[start:].strip():
            return "it goes on after its last tree"
    except (KeyError, ValueError, OverflowError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _is_categories(line: bytes) -> bool:
    """Whether this is the line that names the categories of pandas, whole."""
    if not line.startswith(CATEGORIES):
        return False
    try:
        json.loads(line.removeprefix(CATEGORIES))
    except ValueError:
        return False
    return True


def _entries(text: bytes) -> dict[str, str]:
    lines = (line.partition("=") for line in text.decode("utf-8").splitlines() if line)
    return {key: value for key, _, value in lines}


def _whole(tree: Mapping[str, str], key: str, count: int) -> list[int]:
    numbers = [int(word) for word in tree.get(key, "").split()]
    if len(numbers) != count:
        raise ValueError(f"{key} has {len(numbers)} numbers, not {count}")
    return numbers


def _numbers(tree: Mapping[str, str], key: str, count: int) -> list[float]:
    numbers = [float(word) for word in tree.get(key, "").split()]
    if len(numbers) != count:
        raise ValueError(f"{key} has {len(numbers)} numbers, not {count}")
    return numbers


def _tree_fault(tree: Mapping[str, str], features: int) -> str | None:
    leaves = int(tree["num_leaves"])
    inner = leaves - 1
    _numbers(tree, "leaf_value", leaves)
    if tree.get("is_linear", "0") == "1":
        _numbers(tree, "leaf_const", leaves)
        used = sum(_whole(tree, "num_features", leaves))
        _numbers(tree, "leaf_coeff", used)
        if any(not 0 <= feature < features for feature in _whole(tree, "leaf_features", used)):
            return "a leaf uses a column that there is not"
    if inner < 1:
        return None if inner == 0 else "it has no leaf"
    children = _whole(tree, "left_child", inner) + _whole(tree, "right_child", inner)
    if sorted(children) != [*range(-leaves, 0), *range(1, inner)]:
        return "its nodes are no tree"
    if any(not 0 <= feature < features for feature in _whole(tree, "split_feature", inner)):
        return "it compares a column that there is not"
    sets = int(tree["num_cat"])
    thresholds, decisions = _numbers(tree, "threshold", inner), _whole(tree, "decision_type", inner)
    for threshold, decision in zip(thresholds, decisions, strict=True):
        if decision & CATEGORICAL and not (math.isfinite(threshold) and 0 <= threshold < sets):
            return "it asks for a set of categories that there is not"
    if sets:
        bounds = _whole(tree, "cat_boundaries", sets + 1)
        if bounds[0] != 0 or bounds != sorted(bounds):
            return "its sets of categories overlap"
        if any(not 0 <= word < 2**32 for word in _whole(tree, "cat_threshold", bounds[-1])):
            return "its sets of categories are no bits"
    return None
