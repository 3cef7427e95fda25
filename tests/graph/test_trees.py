"""The emitted operators against a walk through the same trees in plain Python."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
import spox
from hypothesis import given, settings
from hypothesis import strategies as st
from spox import Tensor

from holdall.graph import trees as trees_module
from holdall.graph.trees import (
    DEEPEST,
    DERIVED,
    GATHERED,
    LEAF,
    NO_SET,
    WIDE,
    Comparison,
    Forest,
    Tree,
    constant_tree,
    emit,
    reached,
    thresholds,
)

COLUMNS = 4
CODES = 5  # the last column holds codes


def session(output, features, threads=1):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    model = spox.build({"features": features}, {"answer": output}).SerializeToString()
    return ort.InferenceSession(model, options)


def answer(forest, rows, *, build=emit, threads=1):
    features = spox.argument(Tensor(np.float64, ("rows", rows.shape[1])))
    return session(build(forest, features), features, threads).run(None, {"features": rows})[0]


def leaf_of(tree, row, comparison):
    node = 0
    while tree.left[node] != LEAF:
        value = row[tree.feature[node]]
        if tree.members is not None and tree.members[node] != NO_SET:
            members = tree.sets[tree.members[node]]
            left = members[-1] if np.isnan(value) else members[int(value)]
        elif np.isnan(value):
            left = tree.missing_left[node]
        else:
            threshold = tree.threshold[node]
            left = value <= threshold if comparison is Comparison.AT_MOST else value < threshold
        node = tree.left[node] if left else tree.right[node]
    return node


def expected(forest, rows):
    sums = np.zeros((len(rows), forest.targets))
    for index, row in enumerate(rows):
        for tree in forest.trees:
            leaf = leaf_of(tree, row, forest.comparison)
            if tree.targets is None:
                sums[index] += tree.values[leaf]
            else:
                sums[index, tree.targets[leaf]] += tree.values[leaf, 0]
    return sums


def grow(random, width, *, depth=4, target=None, sets=False, spots=None):
    """A random tree; `spots` are the thresholds to draw from."""
    left, right, feature, threshold, missing, members, found = [], [], [], [], [], [], []

    def node(level):
        number = len(left)
        for column, value in (
            (left, LEAF),
            (right, LEAF),
            (feature, int(random.integers(0, COLUMNS - 1))),
            (threshold, float(random.choice(spots)) if spots is not None else float(random.normal())),
            (missing, bool(random.integers(0, 2))),
            (members, NO_SET),
        ):
            column.append(value)
        if level < depth and random.random() < 0.85:
            if sets and random.random() < 0.5:
                feature[number] = COLUMNS - 1
                members[number] = len(found)
                found.append(random.random(CODES + 1) < 0.5)
            left[number] = node(level + 1)
            right[number] = node(level + 1)
        return number

    node(0)
    count = len(left)
    return Tree(
        left=np.array(left),
        right=np.array(right),
        feature=np.array(feature),
        threshold=np.array(threshold, np.float64),
        missing_left=np.array(missing),
        values=random.normal(size=(count, width)),
        targets=None if target is None else np.full(count, target),
        members=np.array(members) if sets else None,
        sets=tuple(found),
    )


def table(random, count, spots=None, missing=0.2):
    rows = random.normal(size=(count, COLUMNS)) if spots is None else random.choice(spots, size=(count, COLUMNS))
    rows[:, -1] = random.integers(0, CODES, count)
    rows[random.random(rows.shape) < missing] = np.nan
    return rows


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    trees=st.integers(1, 12),
    form=st.sampled_from(["one", "targets", "rows"]),
    sets=st.booleans(),
    comparison=st.sampled_from(Comparison),
)
def test_any_forest_answers_bit_for_bit_as_a_walk_through_its_trees(seed, trees, form, sets, comparison):
    random = np.random.default_rng(seed)
    spots = np.array([-1.5, 0.0, 0.1, np.nextafter(0.1, 1), 2.0**60, np.inf, -np.inf])
    width = 3 if form == "rows" else 1
    members = tuple(
        grow(random, width, target=number % 3 if form == "targets" else None, sets=sets, spots=spots)
        for number in range(trees)
    )
    forest = Forest(members, {"one": 1, "targets": 3, "rows": 3}[form], comparison)
    rows = table(random, 40, spots)
    np.testing.assert_array_equal(answer(forest, rows), expected(forest, rows))


@pytest.mark.parametrize("comparison", list(Comparison))
def test_a_value_on_the_threshold_and_its_neighbours_go_the_right_way(comparison):
    threshold = 0.1
    stump = Tree(
        np.array([1, LEAF, LEAF]),
        np.array([2, LEAF, LEAF]),
        np.zeros(3, int),
        np.full(3, threshold),
        np.zeros(3, bool),
        np.array([[0.0], [1.0], [2.0]]),
    )
    rows = np.array([[np.nextafter(threshold, -1)], [threshold], [np.nextafter(threshold, 1)], [np.nan]])
    on_it = 1.0 if comparison is Comparison.AT_MOST else 2.0
    assert answer(Forest((stump,), 1, comparison), rows).ravel().tolist() == [1.0, on_it, 2.0, 2.0]


@pytest.mark.parametrize("width", [1, 2, 3, WIDE, WIDE + 1, 100])
@pytest.mark.parametrize("trees", [1, 3, 70])
def test_leaves_of_any_width_are_summed_in_the_order_of_the_trees(width, trees):
    random = np.random.default_rng(width * trees)
    forest = Forest(tuple(grow(random, width) for _ in range(trees)), width)
    rows = table(random, 30)
    np.testing.assert_array_equal(answer(forest, rows), expected(forest, rows))


def test_more_leaves_than_fit_at_once_are_summed_in_groups_in_the_same_order():
    random = np.random.default_rng(5)
    width = 20
    forest = Forest(tuple(grow(random, width, depth=2) for _ in range(2 * GATHERED // width + 1)), width)
    rows = table(random, 10)
    np.testing.assert_array_equal(answer(forest, rows), expected(forest, rows))


PEAK = """
import re
from pathlib import Path
from tests.graph.test_trees import COLUMNS, Forest, Tensor, emit, forest_of, np, session, spox, table

forest = forest_of({kind!r}, {width}, {trees})
features = spox.argument(Tensor(np.float64, ("rows", COLUMNS)))
running = session(emit(forest, features), features)
rows = table(np.random.default_rng(1), 10_000)
running.run(None, {{"features": rows[:1]}})

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
before = kilobytes("VmRSS")
running.run(None, {{"features": rows}})
print(kilobytes("VmHWM") - before)
"""


def forest_of(kind, width, trees):
    random = np.random.default_rng(0)
    sets = kind == "sets"
    grown = [grow(random, width, depth=3, sets=sets) for _ in range(trees)]
    if sets:  # of so many codes that hardly two sets are the same
        grown = [replace(tree, sets=tuple(random.random(CODES + 60) < 0.5 for _ in tree.sets)) for tree in grown]
    return Forest(tuple(grown), width)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(("kind", "width", "trees"), [("rows", 100, 100), ("rows", 20, 300), ("sets", 1, 2000)])
def test_ten_thousand_rows_take_a_bounded_memory_whatever_the_forest(kind, width, trees):
    script = PEAK.format(kind=kind, width=width, trees=trees)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    asked = sum(len(tree.sets) for tree in forest_of(kind, width, trees).trees)
    all_at_once = 10_000 * 8 * (asked if kind == "sets" else width * trees) / 1000
    spent = int(done.stdout)
    assert spent < all_at_once / 2
    assert spent < 300_000


@pytest.mark.parametrize("width", [2, 5])
def test_gathered_sums_are_the_same_whatever_the_number_of_threads(width):
    random = np.random.default_rng(6)
    forest = Forest(tuple(grow(random, width) for _ in range(90)), width)
    rows = table(random, 300)
    np.testing.assert_array_equal(answer(forest, rows, threads=1), answer(forest, rows, threads=2))


@pytest.mark.parametrize("form", ["one", "rows", "sets"])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_rows_get_no_answers(form, threads):
    random = np.random.default_rng(7)
    width = 3 if form == "rows" else 1
    forest = Forest(tuple(grow(random, width, sets=form == "sets") for _ in range(90)), width)
    assert answer(forest, np.zeros((0, COLUMNS)), threads=threads).shape == (0, width)


def test_a_leaf_alone_answers_its_value_for_any_row():
    forest = Forest((constant_tree(1.5), constant_tree(0.25, 1), constant_tree(2.0, 1)), 2)
    assert answer(forest, np.array([[1.0], [np.nan]])).tolist() == [[1.5, 2.25], [1.5, 2.25]]


def test_leaves_are_numbered_through_all_trees():
    random = np.random.default_rng(8)
    forest = Forest(tuple(grow(random, 2) for _ in range(7)), 2)
    rows = table(random, 25)
    values = np.concatenate([tree.values[~tree.inner] for tree in forest.trees])
    leaves = answer(forest, rows, build=reached)
    assert leaves.shape == (7, 25)
    starts = np.cumsum([0] + [int((~tree.inner).sum()) for tree in forest.trees])
    for number, tree in enumerate(forest.trees):
        own = [leaf_of(tree, row, forest.comparison) for row in rows]
        np.testing.assert_array_equal(values[leaves[number]], tree.values[own])
        assert ((leaves[number] >= starts[number]) & (leaves[number] < starts[number + 1])).all()


@pytest.mark.parametrize("build", [emit, reached])
def test_more_sets_than_one_operator_takes_are_split_between_several(build):
    random = np.random.default_rng(9)
    codes = 200
    grown = [grow(random, 1, sets=True) for _ in range(DERIVED // 7 + 20)]
    trees = [replace(tree, sets=tuple(random.random(codes + 1) < 0.5 for _ in tree.sets)) for tree in grown]
    assert sum(len(tree.sets) for tree in trees) > 0
    while sum(len(tree.sets) for tree in trees) <= 2 * DERIVED:
        trees += trees
    forest = Forest(tuple(trees), 1)
    rows = table(random, 20)
    rows[:, -1] = random.integers(0, codes, 20)
    rows[3, -1] = np.nan
    if build is emit:
        np.testing.assert_allclose(answer(forest, rows), expected(forest, rows), rtol=1e-12)
    else:
        leaves = answer(forest, rows, build=reached)
        values = np.concatenate([tree.values[~tree.inner] for tree in forest.trees])
        np.testing.assert_allclose(values[leaves].sum(axis=0), expected(forest, rows), rtol=1e-12)


def chain(depth):
    """A tree whose every inner node has a leaf on its left."""
    count = 2 * depth + 1
    left, right, threshold = np.full(count, LEAF), np.full(count, LEAF), np.zeros(count)
    left[: 2 * depth : 2] = np.arange(1, count, 2)
    right[: 2 * depth : 2] = np.arange(2, count, 2)
    threshold[: 2 * depth : 2] = np.arange(depth)
    nothing = np.zeros(count, int)
    return Tree(left, right, nothing, threshold, nothing.astype(bool), np.arange(count, dtype=float)[:, None])


def test_the_deepest_tree_is_loaded_and_walked_on_a_small_stack():
    forest = Forest((chain(DEEPEST),), 1)
    rows = np.array([[-1.0], [0.5], [123.0], [DEEPEST - 1.0], [1e9]])
    answers = []
    size = threading.stack_size(1 << 20)
    try:
        worker = threading.Thread(target=lambda: answers.append(answer(forest, rows)))
        worker.start()
    finally:
        threading.stack_size(size)
    worker.join()
    np.testing.assert_array_equal(answers[0], expected(forest, rows))


def test_a_tree_too_deep_for_the_runtime_is_refused_rather_than_crashing_it():
    with pytest.raises(ValueError, match="too deep"):
        Forest((chain(DEEPEST + 1),), 1)


@pytest.mark.parametrize(("width", "sets"), [(1, False), (3, False), (3, True), (40, False)])
def test_trees_that_are_too_many_for_the_cache_are_split_between_operators(monkeypatch, width, sets):
    monkeypatch.setattr(trees_module, "CACHED", 40)
    random = np.random.default_rng(12)
    forest = Forest(tuple(grow(random, width, sets=sets) for _ in range(30)), width)
    rows = table(random, 50)
    features = spox.argument(Tensor(np.float64, ("rows", COLUMNS)))
    model = spox.build({"features": features}, {"answer": emit(forest, features)})
    assert sum(node.op_type == "TreeEnsemble" for node in model.graph.node) > 5
    np.testing.assert_allclose(answer(forest, rows), expected(forest, rows), rtol=1e-12)
    if width > 1:
        np.testing.assert_array_equal(answer(forest, rows), expected(forest, rows))


def test_thresholds_are_told_once_each_and_none_for_sets():
    random = np.random.default_rng(10)
    forest = Forest(tuple(grow(random, 1, sets=True, spots=np.array([1.0, 2.0])) for _ in range(20)), 1)
    found = thresholds(forest)
    assert COLUMNS - 1 not in found
    assert all(set(values.tolist()) <= {1.0, 2.0} for values in found.values())
    assert set(found) <= set(range(COLUMNS - 1))


def test_a_forest_without_trees_is_refused():
    with pytest.raises(ValueError, match="at least one tree"):
        Forest((), 1)


def test_the_same_forest_gives_the_same_bytes():
    def build():
        random = np.random.default_rng(11)
        forest = Forest(tuple(grow(random, 3, sets=True) for _ in range(10)), 3)
        features = spox.argument(Tensor(np.float64, ("rows", COLUMNS)))
        model = spox.build({"features": features}, {"answer": emit(forest, features)})
        return model.SerializeToString(deterministic=True)

    assert build() == build()
