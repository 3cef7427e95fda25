"""Trees and their ensembles, exactly: every row reaches the leaf that it reaches in scikit-learn.

Two habits are kept apart. Histogram boosting compares doubles. Everything else rounds its input to float32 and compares
that with double thresholds, so the graph rounds too; and it refuses what float32 cannot hold, so the graph refuses too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.matrices import flat, numbers, signs
from holdall.frameworks.sklearn.members import matrix, member, need, positive
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.frameworks.sklearn.rows import features, joined, raw_columns, upright
from holdall.graph import numerics, trees, value
from holdall.graph.conversion import Conversion
from holdall.graph.trees import LEAF, NO_SET, Booleans, Doubles, Forest, Integers, Tree, constant_tree
from holdall.graph.value import Block, Origin, Table, constant
from holdall.spec.schema import Kind

LARGEST_SINGLE = float(np.finfo(np.float32).max)
TOO_LARGE = "a number too large for float32, or infinity"
TOO_LARGE_OR_MISSING = "a missing value, or a number too large for float32, or infinity"


# ---- what the trees see


def _singles(table: Table, path: str) -> tuple[Var, Block]:
    """The table as float32 [N, width] and as numbers.

    Whole numbers alone are rounded once; beside other columns they become doubles first, as in the live model's table.
    """
    block = numbers(table, path)
    if all(part.kind is Kind.INT and part.nulls is None for part in table):
        return op.cast(joined([part.values for part in table]), to=np.float32), block
    return op.cast(block.values, to=np.float32), block


def _rounded(model: Any, table: Table, conversion: Conversion, path: str, *, checked: bool = True) -> Block:
    """The table as the trees see it: doubles that are exactly float32s. Refuses the rows that the model refuses.

    checked: the model looks for infinity at all (an isolation forest does not).
    """
    singles, block = _singles(table, path)
    missing_allowed = bool(model.__sklearn_tags__().input_tags.allow_nan)
    if checked and not _held_by_schema(table, conversion, missing_allowed):
        where = upright(_any_infinite(singles) if missing_allowed else _any_not_finite(singles))
        columns = raw_columns(table)
        reason = TOO_LARGE if missing_allowed else TOO_LARGE_OR_MISSING
        conversion.refuse(where, path, reason, columns if len(columns) == 1 else [None])
    return Block(Kind.FLOAT, op.cast(singles, to=np.float64), block.names, None, block.origins, single=True)


def _held_by_schema(table: Table, conversion: Conversion, missing_allowed: bool) -> bool:
    """Whether no row can come that has to be refused: whole numbers, or the schema's own limit on raw columns."""
    if all(block.kind in (Kind.INT, Kind.BOOL) and block.nulls is None for block in table):
        return True
    if table is not conversion.table:
        return False
    return all(
        field.limit is not None and field.limit <= LARGEST_SINGLE and (missing_allowed or not field.nullable)
        for field in conversion.schema.inputs
    )


def _any_not_finite(singles: Var) -> Var:
    """bool [N]. Zero times a number is zero, times anything else NaN: one sum a row finds it."""
    return op.isnan(numerics.row_sum(op.mul(singles, op.const(np.float32(0.0)))))


def _any_infinite(singles: Var) -> Var:
    """bool [N], true where a row holds an infinity, whatever else is missing in it."""
    infinite = op.cast(op.isinf(singles), to=np.int32)
    return op.cast(op.reduce_max(infinite, op.const(np.array([1], np.int64)), keepdims=0), to=np.bool_)


def _sum(forest: Forest, block: Block, conversion: Conversion) -> Var:
    """double [N, targets]; tells where each column's thresholds lie."""
    _tell(forest, block.origins, conversion)
    return trees.emit(forest, block.values)


def _tell(forest: Forest, origins: Sequence[Origin | None], conversion: Conversion) -> None:
    for feature, found in trees.thresholds(forest).items():
        conversion.boundary(origins[feature], found)


def _forest(members: Sequence[Tree], targets: int, path: str) -> Forest:
    try:
        return Forest(tuple(members), targets)
    except ValueError as error:
        raise NotPortable(path, str(error)) from None


# ---- decision trees and forests


def _structure(
    fitted: Any, values: Doubles, targets: Integers | None = None, *, chosen: Any = None, missing: bool = True
) -> Tree:
    """A fitted `tree_` with these values [nodes, width].

    chosen: the columns that its features are numbers of. missing: NaN may come; where it is refused, not looking for it
    is faster.
    """
    nodes = fitted.__getstate__()["nodes"]
    feature = np.maximum(nodes["feature"], 0)
    return Tree(
        left=np.where(nodes["left_child"] < 0, LEAF, nodes["left_child"]),
        right=np.where(nodes["right_child"] < 0, LEAF, nodes["right_child"]),
        feature=feature if chosen is None else np.asarray(chosen)[feature],
        threshold=nodes["threshold"],
        missing_left=nodes["missing_go_to_left"].astype(np.bool_) & missing,
        values=values,
        targets=targets,
    )


def _class_counts(model: Any) -> list[int]:
    return [int(count) for count in np.atleast_1d(model.n_classes_)]


def _shares(fitted: Any, counts: Sequence[int]) -> Doubles:
    """[nodes, all classes of all targets]: each class's share; narrower targets are padded in scikit-learn's own array."""
    return np.concatenate([fitted.value[:, target, :count] for target, count in enumerate(counts)], axis=1)


def _classes(summed: Var, counts: Sequence[int]) -> Outputs:
    """Probabilities of all targets side by side → labels and probabilities of each."""
    if len(counts) == 1:
        return Outputs(labels=numerics.row_argmax(summed), probability=summed)
    parts = op.split(summed, constant(counts, np.int64), axis=1)
    return Outputs(targets=tuple(Outputs(labels=numerics.row_argmax(part), probability=part) for part in parts))


def _numbers_out(summed: Var, targets: int) -> Outputs:
    return Outputs(values=flat(summed) if targets == 1 else summed)


@predictor("DecisionTreeClassifier", "ExtraTreeClassifier")
def tree_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Each leaf's shares of the classes."""
    counts = _class_counts(model)
    forest = _forest([_structure(model.tree_, _shares(model.tree_, counts))], sum(counts), path)
    return _classes(_sum(forest, _rounded(model, table, conversion, path), conversion), counts)


@predictor("DecisionTreeRegressor", "ExtraTreeRegressor")
def tree_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Each leaf's value."""
    forest = _forest([_structure(model.tree_, model.tree_.value[:, :, 0])], model.n_outputs_, path)
    return _numbers_out(_sum(forest, _rounded(model, table, conversion, path), conversion), model.n_outputs_)


@predictor("RandomForestClassifier", "ExtraTreesClassifier")
def forest_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The mean of the trees' shares, summed in the order of the trees."""
    counts = _class_counts(model)
    grown = [tree.tree_ for tree in model.estimators_]
    forest = _forest([_structure(tree, _shares(tree, counts)) for tree in grown], sum(counts), path)
    summed = _sum(forest, _rounded(model.estimators_[0], table, conversion, path), conversion)
    return _classes(op.div(summed, constant(float(len(grown)))), counts)


@predictor("RandomForestRegressor", "ExtraTreesRegressor")
def forest_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The mean of the trees' values."""
    grown = [tree.tree_ for tree in model.estimators_]
    forest = _forest([_structure(tree, tree.value[:, :, 0]) for tree in grown], model.n_outputs_, path)
    summed = _sum(forest, _rounded(model.estimators_[0], table, conversion, path), conversion)
    return _numbers_out(op.div(summed, constant(float(len(grown)))), model.n_outputs_)


@transformer("RandomTreesEmbedding")
def random_trees_embedding(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """One column for each leaf of each tree: 1 in the one that a row reaches."""
    grown, before = [], 0
    for estimator, leaves in zip(model.estimators_, model.one_hot_encoder_.categories_, strict=True):
        targets = np.zeros(estimator.tree_.node_count, np.int64)
        targets[leaves] = np.arange(before, before + len(leaves))
        tree = _structure(estimator.tree_, np.ones((len(targets), 1)), targets)
        if not np.array_equal(np.flatnonzero(~tree.inner), leaves):
            raise NotPortable(path, "a leaf of its trees was reached by no row of the training data")
        grown.append(tree)
        before += len(leaves)
    block = _rounded(model.estimators_[0], table, conversion, path)
    return features(model, _sum(_forest(grown, before, path), block, conversion), before)


# ---- isolation


@predictor("IsolationForest")
def isolation_forest(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """How deep a row comes to lie, on average, against how deep any row would. It refuses no number."""
    subsampled = model._max_features != model.n_features_in_
    grown = []
    for number, (estimator, chosen) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        depths = model._decision_path_lengths[number] + model._average_path_length_per_tree[number] - 1.0
        grown.append(_structure(estimator.tree_, depths[:, None], chosen=chosen if subsampled else None))
    block = _rounded(model, table, conversion, path, checked=False)
    depth = flat(_sum(_forest(grown, 1, path), block, conversion))
    usual = len(grown) * _average_depth(int(model._max_samples))
    relative = op.div(depth, constant(usual)) if usual else op.add(op.mul(depth, constant(0.0)), constant(1.0))
    score = op.neg(op.pow(constant(2.0), op.neg(relative)))
    decision = op.sub(score, constant(model.offset_))
    inlier = op.greater_or_equal(decision, constant(0.0))
    return Outputs(labels=signs(inlier), decision=decision, score=score)


def _average_depth(samples: int) -> float:
    """The average path length of an unsuccessful search in a binary tree of that many samples."""
    if samples <= 2:
        return float(max(samples - 1, 0))
    return float(2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples)


# ---- gradient boosting

EPSILON = float(np.finfo(np.float64).eps)


@predictor("GradientBoostingClassifier")
def gradient_boosting_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The class is the first of the largest raw values; of two classes the second from zero on, zero included."""
    raw, outputs = _boosted(model, table, conversion, path), model.n_trees_per_iteration_
    if outputs > 1:
        return Outputs(labels=numerics.row_argmax(raw), decision=raw, probability=numerics.softmax(raw))
    decision = flat(raw)
    labels = op.cast(op.greater_or_equal(decision, constant(0.0)), to=np.int64)
    scaled = op.mul(constant(2.0), decision) if _link(model, path) == "HalfLogitLink" else decision
    probability = numerics.two_columns(numerics.logistic(scaled))
    return Outputs(labels=labels, decision=decision, probability=probability)


@predictor("GradientBoostingRegressor")
def gradient_boosting_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The raw value; every loss of this regressor has the identity for its link."""
    return Outputs(values=flat(_boosted(model, table, conversion, path)))


def _boosted(model: Any, table: Table, conversion: Conversion, path: str) -> Var:
    """Raw values, double [N, trees of one iteration]: the first guess, then one tree after the other."""
    block = _rounded(model, table, conversion, path)
    grown: list[Tree] = []
    guess: Var | None = None
    if model.init_ == "zero":
        pass
    elif type(model.init_).__name__ in ("DummyClassifier", "DummyRegressor") and registry.is_sklearn(model.init_):
        grown += [constant_tree(value, target) for target, value in enumerate(_constant_guess(model, path))]
    else:
        guess = _guessed(model, block, conversion, path)
    for iteration in model.estimators_:
        for target, estimator in enumerate(iteration):
            tree = estimator.tree_
            targets = np.full(tree.node_count, target, np.int64)
            grown.append(_structure(tree, model.learning_rate * tree.value[:, :, 0], targets, missing=False))
    raw = _sum(_forest(grown, model.n_trees_per_iteration_, path), block, conversion)
    return raw if guess is None else op.add(guess, raw)


def _link(model: Any, path: str) -> str:
    """The class name of the loss's link. Raises NotPortable for one that is not known here."""
    name = type(model._loss.link).__name__
    if name not in ("IdentityLink", "LogLink", "LogitLink", "HalfLogitLink", "MultinomialLogit"):
        raise NotPortable(path, f"its link {name} is not known")
    return name


def _constant_guess(model: Any, path: str) -> list[float]:
    """What a dummy guesses for every row alike, as raw values."""
    if getattr(model.init_, "strategy", None) in ("stratified", "uniform"):
        raise NotPortable(path, f"its first guess (strategy={model.init_.strategy!r}) is drawn at random")
    guess = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))
    return [float(number) for number in guess[0]]


def _guessed(model: Any, block: Block, conversion: Conversion, path: str) -> Var:
    """The first guess by an estimator of the user's, [N, trees of one iteration]; it sees the rounded numbers."""
    given = value.matrix(block.values, block.names, origins=block.origins, single=True)
    outputs = member(model.init_, given, conversion, path, "init")
    if getattr(model, "classes_", None) is None:
        return matrix(need(outputs.values, path, "predict"))
    several = model.n_trees_per_iteration_ > 1
    shares = need(outputs.probability, path, "predict_proba") if several else upright(positive(outputs, path))
    held = op.min([op.max([shares, constant(EPSILON)]), constant(1 - EPSILON)])
    if several:
        logarithms = op.log(held)
        return op.sub(logarithms, op.reduce_mean(logarithms, constant([1], np.int64)))
    odds = op.log(op.div(held, op.sub(constant(1.0), held)))
    return op.mul(constant(0.5), odds) if _link(model, path) == "HalfLogitLink" else odds


# ---- histogram gradient boosting


@predictor("HistGradientBoostingClassifier")
def histogram_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The class is the first of the largest raw values; of two classes the second above zero."""
    if len(model.classes_) < 2:
        raise NotPortable(path, "it was fitted on a single class, for which it gives two probabilities")
    raw, outputs = _histogram_boosted(model, table, conversion, path), model.n_trees_per_iteration_
    if outputs > 1:
        return Outputs(labels=numerics.row_argmax(raw), decision=raw, probability=numerics.softmax(raw))
    decision = flat(raw)
    labels = op.cast(op.greater(decision, constant(0.0)), to=np.int64)
    return Outputs(labels=labels, decision=decision, probability=numerics.two_columns(numerics.logistic(decision)))


@predictor("HistGradientBoostingRegressor")
def histogram_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The raw value through the inverse of the loss's link: itself, or its exponential."""
    link = _link(model, path)
    raw = flat(_histogram_boosted(model, table, conversion, path))
    return Outputs(values=op.exp(raw) if link == "LogLink" else raw)


def _histogram_boosted(model: Any, table: Table, conversion: Conversion, path: str) -> Var:
    """Raw values, double [N, trees of one iteration]."""
    block = _encoded(model, table, conversion, path)
    baseline = np.ravel(model._baseline_prediction)
    known = _known_codes(model)
    grown = [constant_tree(float(start), target) for target, start in enumerate(baseline)]
    for iteration in model._predictors:
        grown += [_histogram_tree(fitted, known, target) for target, fitted in enumerate(iteration)]
    return _sum(_forest(grown, len(baseline), path), block, conversion)


def _encoded(model: Any, table: Table, conversion: Conversion, path: str) -> Block:
    """The matrix that the trees see: the codes of the columns of categories first, then the other columns."""
    encoder = None if model._preprocessor is None else model._preprocessor.named_transformers_["encoder"]
    if encoder is None:
        return numbers(table, path)
    categorical = np.asarray(model.is_categorical_)
    coded = value.select(table, np.flatnonzero(categorical).tolist())
    rest = value.select(table, np.flatnonzero(~categorical).tolist())
    codes = registry.transform(encoder, coded, conversion, registry.step(path, encoder, "categorical_features"))
    return numbers((*codes, *rest), path)


def _known_codes(model: Any) -> dict[int, int]:
    """Column of the encoded matrix → how many categories it was fitted on, for the columns of categories."""
    if model._preprocessor is None:
        return {}
    categories = model._preprocessor.named_transformers_["encoder"].categories_
    return {place: len(found) for place, found in enumerate(categories)}


def _histogram_tree(fitted: Any, known: dict[int, int], target: int) -> Tree:
    """A fitted predictor of histogram boosting; a category that is not known goes where a missing value goes."""
    nodes = fitted.nodes
    leaf = nodes["is_leaf"].astype(np.bool_)
    members = np.full(len(nodes), NO_SET, np.int64)
    sets: list[Booleans] = []
    for node in np.flatnonzero(nodes["is_categorical"].astype(np.bool_) & ~leaf):
        members[node] = len(sets)
        bits = np.unpackbits(fitted.raw_left_cat_bitsets[nodes["bitset_idx"][node]].view(np.uint8), bitorder="little")
        codes = bits[: known[int(nodes["feature_idx"][node])]].astype(np.bool_)
        sets.append(np.append(codes, nodes["missing_go_to_left"][node].astype(np.bool_)))
    return Tree(
        left=np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
        right=np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        values=nodes["value"][:, None],
        targets=np.full(len(nodes), target, np.int64),
        members=members if sets else None,
        sets=tuple(sets),
    )
