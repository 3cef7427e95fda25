"""A tree whose table leads astray is refused before compiled code walks along it, and no real model is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree

from holdall.engines import soundness
from holdall.engines.soundness import check
from holdall.errors import PackageDamaged

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 4))
Y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 1)


def tampered(**changes: tuple[int, int]) -> DecisionTreeClassifier:
    """A tree with one number of its first node changed: field → (node, value)."""
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, Y)
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    for field, (place, value) in changes.items():
        nodes[field][place] = value
    tree = Tree(4, np.array([3], np.intp), 1)
    tree.__setstate__({**state, "nodes": nodes})
    model.tree_ = tree
    return model


REAL = {
    "a tree": lambda: DecisionTreeClassifier().fit(X, Y),
    "a tree grown best first": lambda: DecisionTreeClassifier(max_leaf_nodes=9).fit(X, Y),
    "a pruned tree": lambda: DecisionTreeClassifier(ccp_alpha=0.01).fit(X, Y),
    "a stump without a split": lambda: DecisionTreeClassifier().fit(X, np.zeros(200)),
    "a forest": lambda: RandomForestClassifier(5).fit(X, Y),
    "extra trees of two targets": lambda: ExtraTreesRegressor(5).fit(X, np.c_[Y, Y]),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=3).fit(X, Y),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
    "histogram boosting on categories": lambda: HistGradientBoostingClassifier(
        max_iter=3, categorical_features=[0]
    ).fit(np.c_[RANDOM.integers(0, 9, 200), X], Y),
    "isolation on some columns": lambda: IsolationForest(n_estimators=5, max_features=2).fit(X),
    "neighbours": lambda: KNeighborsClassifier(algorithm="kd_tree", leaf_size=3).fit(X, Y),
    "neighbours by balls": lambda: KNeighborsClassifier(algorithm="ball_tree", leaf_size=3).fit(X, Y),
    "sparse neighbours": lambda: KNeighborsClassifier().fit(scipy.sparse.csr_matrix(X), Y),
}


@pytest.mark.parametrize("kind", REAL)
def test_a_real_model_is_sound(kind):
    check(REAL[kind](), "model.skops")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"left_child": (0, 10**9)}, "outside its table"),
        ({"right_child": (0, -5)}, "outside its table"),
        ({"left_child": (1, 0)}, "leads back"),
        ({"left_child": (0, 0)}, "leads back"),
        ({"feature": (0, 4)}, "outside the 4"),
        ({"feature": (0, -3)}, "outside the 4"),
    ],
)
def test_a_tree_that_leads_astray_is_refused(changes, why):
    with pytest.raises(PackageDamaged, match=why) as caught:
        check([tampered(**changes)], "model.skops")
    assert caught.value.facts["place"] == "model[0].tree_"


def test_a_tree_that_says_more_nodes_than_it_holds_is_refused_before_its_table_is_read():
    """scikit-learn 1.9 caps the number itself; others believed it, and made an array of it."""
    state = DecisionTreeClassifier(max_depth=2).fit(X, Y).tree_.__getstate__()
    tree = Tree(4, np.array([3], np.intp), 1)
    tree.__setstate__({**state, "node_count": 10**6})
    assert tree.node_count == tree.capacity
    believing = SimpleNamespace(node_count=10**6, capacity=3)
    assert soundness._tree(believing) == "it says 1000000 nodes and holds 3"


def test_a_forest_that_is_fed_fewer_columns_than_its_trees_read_is_refused():
    forest = RandomForestClassifier(3).fit(X, Y)
    forest.n_features_in_ = 2
    with pytest.raises(PackageDamaged, match="other than the 2 columns"):
        check(forest, "model.skops")


def test_boosting_with_trees_beside_its_outputs_is_refused():
    model = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    model.n_trees_per_iteration_ = 1
    with pytest.raises(PackageDamaged, match="as many trees a round"):
        check(model, "model.skops")


def histogram(edit: Any) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(max_iter=1).fit(X, Y > 0)
    predictor = model._predictors[0][0]
    predictor.nodes = predictor.nodes.copy()
    edit(predictor.nodes)
    return model


@pytest.mark.parametrize(("field", "value"), [("left", 10**6), ("right", 0), ("feature_idx", 99), ("feature_idx", -1)])
def test_a_tree_of_histogram_boosting_that_leads_astray_is_refused(field, value):
    def edit(nodes: Any) -> None:
        nodes[field][0] = value

    with pytest.raises(PackageDamaged, match=r"TreePredictor|HistGradientBoosting"):
        check(histogram(edit), "model.skops")


def test_a_split_on_a_set_of_categories_that_is_not_there_is_refused():
    def edit(nodes: Any) -> None:
        nodes["is_categorical"][0] = 1
        nodes["bitset_idx"][0] = 7

    with pytest.raises(PackageDamaged, match="a set that is not there"):
        check(histogram(edit), "model.skops")


def test_a_tree_of_neighbours_whose_index_leads_outside_is_refused():
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    state = list(model._tree.__getstate__())
    state[1] = np.asarray(state[1]).copy()
    state[1][0] = 10**7
    model._tree.__setstate__(tuple(state))
    with pytest.raises(PackageDamaged, match="outside its rows"):
        check(model, "model.skops")


def test_a_sparse_matrix_whose_index_leads_outside_is_refused():
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    matrix.indices[0] = 99
    with pytest.raises(PackageDamaged, match="csr_matrix"):
        check({"coef": matrix}, "model.skops")
