"""Whether a LightGBM text is whole, before LightGBM reads it: on a broken one it ends the whole process.

It believes the text's own sizes, numbers of nodes and keys. So each line must be one that it writes itself, with as many
numbers as it says. What answers do not hang on is checked by nobody and not given to it: the parameters that the model was
trained with, one unknown name among which ends the process too, and how much each column mattered.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

TREES, END = b"\nTree=0\n", b"\nend of trees\n"
PARAMETERS = b"\nend of parameters\n"
CATEGORIES = b"pandas_categorical:"
CATEGORICAL, LAST_DECISION = 1, 11

_FLOAT = rb"-?+(?:(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?+\d++)?+|inf|nan)"
# Nothing in these goes back over what has matched: a made-up line of digits would keep it busy for ever.
FLOATS = re.compile(b" *+(?>%b(?: ++|$))*+" % _FLOAT)
WHOLE_NUMBERS = re.compile(rb" *+(?:-?+\d{1,10}+(?: ++|$))*+")
OBJECTIVE = re.compile(rb"[a-z_0-9]++(?: [a-z_]++(?::%b)?+)*+" % _FLOAT)
KEY = re.compile(rb"[a-z_]+")

WHOLE_IN_TREE = frozenset(
    {
        *("num_leaves", "num_cat", "split_feature", "decision_type", "left_child", "right_child", "leaf_count"),
        *("internal_count", "cat_boundaries", "cat_threshold", "is_linear", "num_features", "leaf_features"),
    }
)
FLOATS_IN_TREE = frozenset(
    {
        *("split_gain", "threshold", "leaf_value", "leaf_weight", "internal_value", "internal_weight", "leaf_const"),
        *("leaf_coeff", "shrinkage"),
    }
)
OF_NODES = ("split_gain", "internal_value", "internal_weight", "internal_count")
OF_LEAVES = ("leaf_weight", "leaf_count")
"""What LightGBM reads for each node and leaf where it is there, and no answer hangs on."""
IN_HEAD = frozenset(
    {
        *("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective"),
        *("average_output", "feature_names", "monotone_constraints", "feature_infos", "tree_sizes"),
    }
)


def checked(data: bytes) -> str:
    """The text as LightGBM is to be given it: its trees, and what pandas' categories are. Raises ValueError, saying why."""
    head, separator, rest = data.partition(TREES)
    body, end, after = rest.partition(END)
    if not separator or not end:
        raise ValueError("it has no trees, or ends among them")
    categories = _categories(after)
    features, outputs, sizes = _head(head)
    trees = b"Tree=0\n" + body + b"\n"
    start = 0
    for number, size in enumerate(sizes):
        part = trees[start : start + size]
        if size < 1 or not part.startswith(b"Tree=%d\n" % number):
            raise ValueError(f"tree {number} is not where it says")
        try:
            _tree(part.partition(b"\n")[2], features)
        except ValueError as error:
            raise ValueError(f"tree {number}: {error}") from None
        start += size
    if trees[start:].strip(b"\n"):
        raise ValueError("it goes on after its last tree")
    if not sizes or len(sizes) % outputs:
        raise ValueError(f"its {len(sizes)} trees are not {outputs} for each round")
    return b"".join((head, TREES, body, END, b"\n", categories)).decode("utf-8")


def _categories(after: bytes) -> bytes:
    """The last line, which names the categories of pandas; empty where LightGBM was not used from Python."""
    rest = after
    if b"\nparameters:\n" in after:
        _, end, rest = after.partition(PARAMETERS)
        if not end:
            raise ValueError("it ends before its parameters do")
        if not rest.strip():
            return b""
    found = rest.rpartition(b"\n" + CATEGORIES)
    line = found[2]
    if not found[1] or not line.endswith(b"\n"):
        raise ValueError("it ends among its categories")
    try:
        columns = json.loads(line)
    except RecursionError:
        raise ValueError("its categories are no lists") from None
    kinds = (str, int, float, bool)
    if columns is not None and not (
        isinstance(columns, list)
        and all(isinstance(column, list) and all(isinstance(one, kinds) for one in column) for column in columns)
    ):
        raise ValueError("its categories are no lists of words and numbers")
    return CATEGORIES + json.dumps(columns).encode() + b"\n"


def _head(head: bytes) -> tuple[int, int, list[int]]:
    """How many columns, how many trees a round, and each tree's size in the text."""
    first, _, lines = head.partition(b"\n")
    if first != b"tree":
        raise ValueError("it does not begin as a model of trees does")
    entries = _entries(lines.rstrip(b"\n"), IN_HEAD)
    if entries.get("average_output", b"") or not re.fullmatch(rb"v\d+", entries.get("version", b"")):
        raise ValueError("its head is not LightGBM's")
    numbers = {
        name: _wholes(entries, name, 1)[0]
        for name in ("num_class", "num_tree_per_iteration", "label_index", "max_feature_idx")
    }
    features, outputs = numbers["max_feature_idx"] + 1, numbers["num_tree_per_iteration"]
    if outputs < 1 or features < 1:
        raise ValueError("it has no columns or no trees")
    if numbers["num_class"] != outputs:
        raise ValueError(f"it has {numbers['num_class']} classes and {outputs} trees a round")
    for name in ("feature_names", "feature_infos"):
        if len(entries.get(name, b"").split(b" ")) != features:
            raise ValueError(f"{name} has not {features} names")
    if "monotone_constraints" in entries:
        _wholes(entries, "monotone_constraints", features)
    objective = entries.get("objective")
    if objective is not None:
        if not OBJECTIVE.fullmatch(objective):
            raise ValueError("its objective is none of LightGBM's")
        words = dict(word.partition(b":")[::2] for word in objective.split(b" "))
        # A number of its own would have LightGBM write beyond the answer's end.
        if words.get(b"num_class", b"%d" % outputs) != b"%d" % outputs:
            raise ValueError("its objective has other classes than its trees")
    return features, outputs, _wholes(entries, "tree_sizes", None)


def _entries(text: bytes, known: frozenset[str]) -> dict[str, bytes]:
    """The lines `key=value`, each key once and none that is not known."""
    entries: dict[str, bytes] = {}
    for line in text.split(b"\n"):
        key, _, value = line.partition(b"=")
        name = key.decode() if KEY.fullmatch(key) else ""
        if name not in known or name in entries or b"\r" in value or b"\0" in value:
            raise ValueError(f"the line {line[:40]!r} is none that LightGBM writes there")
        entries[name] = value
    return entries


def _wholes(entries: Mapping[str, bytes], name: str, count: int | None) -> list[int]:
    """The whole numbers of a line, so many of them; None: whatever their number."""
    if name not in entries or not WHOLE_NUMBERS.fullmatch(entries[name]):
        raise ValueError(f"{name} is missing, or no whole numbers")
    numbers = [int(word) for word in entries[name].split()]
    if count is not None and len(numbers) != count:
        raise ValueError(f"{name} has {len(numbers)} numbers, not {count}")
    return numbers


def _floats(entries: Mapping[str, bytes], name: str, count: int) -> list[float]:
    if name not in entries or not FLOATS.fullmatch(entries[name]):
        raise ValueError(f"{name} is missing, or no numbers")
    numbers = [float(word) for word in entries[name].split()]
    if len(numbers) != count:
        raise ValueError(f"{name} has {len(numbers)} numbers, not {count}")
    return numbers


def _tree(text: bytes, features: int) -> None:
    entries = _entries(text.rstrip(b"\n"), WHOLE_IN_TREE | FLOATS_IN_TREE)
    (leaves,) = _wholes(entries, "num_leaves", 1)
    inner = leaves - 1
    if inner < 0:
        raise ValueError("it has no leaf")
    _floats(entries, "leaf_value", leaves)
    _floats({"shrinkage": b"1", **entries}, "shrinkage", 1)
    for names, count in ((OF_NODES, inner), (OF_LEAVES, leaves)):
        for name in names:
            # A tree of one leaf leaves out some of these.
            if entries.get(name):
                (_wholes if name in WHOLE_IN_TREE else _floats)(entries, name, count)
    _leaves(entries, leaves, features)
    if inner:
        _nodes(entries, inner, features)


def _leaves(entries: Mapping[str, bytes], leaves: int, features: int) -> None:
    """The linear models in its leaves."""
    linear = _wholes({"is_linear": b"0", **entries}, "is_linear", 1)[0]
    if linear not in (0, 1):
        raise ValueError(f"its leaves are of the kind {linear}")
    if not linear:
        return
    _floats(entries, "leaf_const", leaves)
    counts = _wholes(entries, "num_features", leaves)
    if any(count < 0 for count in counts):
        raise ValueError("a leaf has less than no columns")
    _floats(entries, "leaf_coeff", sum(counts))
    if any(not 0 <= feature < features for feature in _wholes(entries, "leaf_features", sum(counts))):
        raise ValueError("a leaf uses a column that there is not")


def _nodes(entries: Mapping[str, bytes], inner: int, features: int) -> None:
    children = _wholes(entries, "left_child", inner) + _wholes(entries, "right_child", inner)
    if sorted(children) != [*range(-inner - 1, 0), *range(1, inner)]:
        raise ValueError("its nodes are no tree")
    if any(not 0 <= feature < features for feature in _wholes(entries, "split_feature", inner)):
        raise ValueError("it compares a column that there is not")
    (sets,) = _wholes(entries, "num_cat", 1)
    thresholds, decisions = _floats(entries, "threshold", inner), _wholes(entries, "decision_type", inner)
    for threshold, decision in zip(thresholds, decisions, strict=True):
        if not 0 <= decision <= LAST_DECISION:
            raise ValueError(f"it decides in the way {decision}, which there is not")
        if decision & CATEGORICAL and not (math.isfinite(threshold) and 0 <= threshold < sets):
            raise ValueError("it asks for a set of categories that there is not")
    if sets:
        bounds = _wholes(entries, "cat_boundaries", sets + 1)
        if bounds[0] != 0 or bounds != sorted(bounds):
            raise ValueError("its sets of categories overlap")
        if any(not 0 <= word < 2**32 for word in _wholes(entries, "cat_threshold", bounds[-1])):
            raise ValueError("its sets of categories are no bits")
