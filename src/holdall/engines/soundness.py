"""Whether the numbers inside a native model are sound, before compiled code walks along them.

scikit-learn's compiled loops trust the tables of a tree: a child number beyond the table, or one that leads back, makes
the process crash or never return. A file that names harmless types only can still hold such a table, so every tree that
a file brings is looked at once, when it is opened. (skops lists `Tree` and `TreePredictor` as untrusted for this reason.)

Looked at: decision trees, the trees of histogram gradient boosting, nearest-neighbour trees, sparse matrices, and that
ensembles feed their trees as many columns as the trees read. Not looked at: the tables of libsvm and liblinear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdall.engines.reachable import reachable
from holdall.errors import PackageDamaged


def check(model: Any, file: str) -> None:
    """Raises PackageDamaged, naming the place in the model, where a table would lead compiled code astray."""
    for path, value in reachable(model):
        kind = f"{type(value).__module__}.{type(value).__name__}"
        if kind.startswith("scipy.sparse."):
            why = _matrix(value)
        elif kind in _CHECKS:
            try:
                why = _CHECKS[kind](value)
            except Exception as error:  # noqa: BLE001 — whatever a table that is not one makes the check stumble over
                why = f"its state is not that of a {type(value).__name__} ({error})"
        else:
            continue
        if why is not None:
            raise PackageDamaged(
                f"{file} is not sound: {path} ({type(value).__name__}): {why}",
                hint="fetch it again from who made it; nothing of it was run",
                path=file,
                place=path,
            )


def _tree(tree: Any) -> str | None:
    # Before anything reads the table: scikit-learn believes this number when it makes an array of it.
    if not 0 < tree.node_count <= tree.capacity:
        return f"it says {tree.node_count} nodes and holds {tree.capacity}"
    nodes = tree.__getstate__()["nodes"]
    inner = nodes["left_child"] != -1
    return _children(nodes["left_child"], nodes["right_child"], inner) or _features(
        nodes["feature"], inner, tree.n_features
    )


def _predictor(predictor: Any) -> str | None:
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    if len(nodes) == 0:
        return "it has no node"
    categorical = inner & (nodes["is_categorical"] != 0)
    if (nodes["bitset_idx"][categorical] >= len(predictor.raw_left_cat_bitsets)).any():
        return "a split on categories names a set that is not there"
    if predictor.raw_left_cat_bitsets.ndim != 2 or predictor.raw_left_cat_bitsets.shape[1] != 8:
        return "its sets of categories have not eight words each"
    return _children(nodes["left"], nodes["right"], inner)


def _children(left: Any, right: Any, inner: Any) -> str | None:
    places = np.arange(len(left))[inner]
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        if (child >= len(left)).any() or (child < 0).any():
            return "a node's child lies outside its table"
        if (child <= places).any():
            return "a node's child leads back"
    return None


def _features(features: Any, inner: Any, width: int) -> str | None:
    used = features[inner]
    if ((used < 0) | (used >= width)).any():
        return f"a node reads a column outside the {width} that there are"
    return None


def _neighbours(tree: Any) -> str | None:
    data, index, nodes, bounds, _, levels, count = tree.__getstate__()[:7]
    data, index, nodes, bounds = (np.asarray(part) for part in (data, index, nodes, bounds))
    if len(index) != len(data) or ((index < 0) | (index >= len(data))).any():
        return "its index leads outside its rows"
    if not len(nodes) == count == bounds.shape[1] == 2**levels - 1 or bounds.shape[2] != data.shape[1]:
        return "its nodes and their bounds differ in number"
    if ((nodes["idx_start"] < 0) | (nodes["idx_end"] > len(data)) | (nodes["idx_start"] > nodes["idx_end"])).any():
        return "a node's rows lie outside its table"
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    return "a node's child lies outside its table" if (2 * inner + 2 >= count).any() else None


def _random_state(state: Any) -> str | None:
    position = state.get_state(legacy=False)["state"].get("pos", 0)
    return None if 0 <= position <= 624 else "it is at a place outside its table"


def _matrix(matrix: Any) -> str | None:
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        elif hasattr(matrix, "_check"):
            matrix._check()
    except Exception as error:  # noqa: BLE001 — as above
        return str(error)
    return None


def _forest(forest: Any) -> str | None:
    return _widths(list(forest.estimators_), forest.n_features_in_)


def _boosting(model: Any) -> str | None:
    trees = model.estimators_
    if trees.ndim != 2 or trees.shape[1] != model.n_trees_per_iteration_:
        return "it has not as many trees a round as it has outputs"
    for tree in trees.ravel():
        if tree.tree_.n_outputs != 1 or tree.tree_.max_n_classes != 1:
            return "one of its trees does not give one number"
    return _widths(trees.ravel(), model.n_features_in_)


def _isolation(model: Any) -> str | None:
    for tree, features in zip(model.estimators_, model.estimators_features_, strict=True):
        if tree.tree_.n_features != len(features):
            return "one of its trees reads other columns than it is given"
    return None


def _single(model: Any) -> str | None:
    return _widths([model], model.n_features_in_) if hasattr(model, "tree_") else None


def _widths(trees: Any, width: int) -> str | None:
    if any(tree.tree_.n_features != width for tree in trees):
        return f"one of its trees reads other than the {width} columns that it is given"
    return None


def _histogram(model: Any) -> str | None:
    width = model.n_features_in_
    for predictors in model._predictors:
        for predictor in predictors:
            why = _features(predictor.nodes["feature_idx"], predictor.nodes["is_leaf"] == 0, width)
            if why is not None:
                return why
    known = model._bin_mapper.is_categorical_
    return "its bins are of other columns" if len(known) != width else None


def _if_fitted(check_fitted: Callable[[Any], str | None], attribute: str) -> Callable[[Any], str | None]:
    return lambda model: check_fitted(model) if hasattr(model, attribute) else None


_ENSEMBLE = "sklearn.ensemble."
_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "sklearn.tree._tree.Tree": _tree,
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": _predictor,
    "numpy.random.mtrand.RandomState": _random_state,
    "sklearn.neighbors._kd_tree.KDTree": _neighbours,
    "sklearn.neighbors._ball_tree.BallTree": _neighbours,
    **{
        f"sklearn.tree._classes.{name}": _single
        for name in ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
    },
    **{
        f"{_ENSEMBLE}_forest.{name}": _if_fitted(_forest, "estimators_")
        for name in (
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
            "RandomTreesEmbedding",
        )
    },
    f"{_ENSEMBLE}_gb.GradientBoostingClassifier": _if_fitted(_boosting, "estimators_"),
    f"{_ENSEMBLE}_gb.GradientBoostingRegressor": _if_fitted(_boosting, "estimators_"),
    f"{_ENSEMBLE}_iforest.IsolationForest": _if_fitted(_isolation, "estimators_"),
    f"{_ENSEMBLE}_hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier": _if_fitted(
        _histogram, "_predictors"
    ),
    f"{_ENSEMBLE}_hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor": _if_fitted(
        _histogram, "_predictors"
    ),
}
