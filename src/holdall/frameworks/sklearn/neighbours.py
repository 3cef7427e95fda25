"""Nearest neighbours: distances to every training row, then a vote, a mean or a density.

scikit-learn's search trees and its brute force visit the training rows in different orders; which of several rows at the
same distance becomes the last neighbour is decided by that order alone, and differs between its own algorithms and
between batches. A model whose training rows show such ties, with different targets, is therefore refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.discriminant import scored
from holdall.frameworks.sklearn.matrices import Matrix, dense, flat, numbers, signs
from holdall.frameworks.sklearn.pairwise import Points, by_row, column_maximum, column_sum
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant

TIE = 1e-12
TIE_MARGIN = 10
TIE_QUERIES = 500
TIE_WORK = 200_000_000


@dataclass(frozen=True)
class Metric:
    """A distance in two halves: what is compared, and the distance that it stands for.

    compared: [1, p] → [n], rising with the distance. true: from compared to the distance. compare: one distance to compared.
    """

    compared: Callable[[Var], Var]
    true: Callable[[Var], Var]
    compare: Callable[[float], float]


def _same(values: Any) -> Any:
    return values


NAMES: Mapping[str, str] = {
    "cityblock": "manhattan",
    "l1": "manhattan",
    "l2": "euclidean",
    "infinity": "chebyshev",
}


def _metric(model: Any, points: Points, path: str) -> Metric:
    given = model.effective_metric_
    if not isinstance(given, str):
        raise NotPortable(path, "its metric is a function of Python")
    name = NAMES.get(given, given)
    parameters = {key: part for key, part in model.effective_metric_params_.items() if part is not None}
    if name == "minkowski":
        power = float(parameters.pop("p"))
        weights = dense(parameters.pop("w", 1.0)).reshape(-1, 1)
        if not parameters:
            return _minkowski(points, power, weights)
    if parameters:
        raise NotPortable(path, f"its metric {given!r} has parameters: {', '.join(sorted(parameters))}")
    if name == "euclidean":
        return Metric(points.squares, op.sqrt, lambda distance: distance * distance)
    if name == "sqeuclidean":
        return Metric(points.squares, _same, _same)
    if name == "manhattan":
        return Metric(lambda row: column_sum(op.abs(points.differences(row))), _same, _same)
    if name == "chebyshev":
        return Metric(lambda row: column_maximum(op.abs(points.differences(row))), _same, _same)
    if name == "cosine":
        return _cosine(points, path)
    raise NotPortable(path, f"its metric {given!r} has no graph")


def _minkowski(points: Points, power: float, weights: Matrix) -> Metric:
    def compared(row: Var) -> Var:
        return column_sum(op.mul(constant(weights), op.pow(op.abs(points.differences(row)), constant(power))))

    return Metric(compared, lambda sums: op.pow(sums, constant(1 / power)), lambda distance: distance**power)


def _cosine(points: Points, path: str) -> Metric:
    tiny = 10 * np.finfo(np.float64).eps  # below it scikit-learn leaves a row as it is
    lengths = np.sqrt(np.sum(points.matrix**2, axis=1, keepdims=True))
    directions = Points(points.matrix / np.where(lengths < tiny, 1.0, lengths), path)

    def compared(row: Var) -> Var:
        length = op.sqrt(numerics.row_sum(op.mul(row, row), keepdims=True))
        length = op.where(op.less(length, constant(tiny)), constant(1.0), length)
        distance = op.sub(constant(1.0), directions.products(op.div(row, length)))
        return op.min([op.max([distance, constant(0.0)]), constant(2.0)])

    return Metric(compared, _same, _same)


@dataclass(frozen=True)
class Search:
    """The training rows of one model, its metric and its weights."""

    model: Any
    points: Points
    metric: Metric
    path: str

    def nearest(self, row: Var, count: int) -> tuple[Var, Var]:
        """Distances [count], nearest first, and positions [count] of the nearest training rows."""
        compared, positions = op.top_k(self.metric.compared(row), constant([count], np.int64), largest=0)
        # An infinite distance never enters scikit-learn's heap, which then still points at the first row.
        positions = op.where(op.isinf(compared), constant(0, np.int64), positions)
        return self.metric.true(compared), positions

    def within(self, row: Var, radius: float) -> tuple[Var, Var]:
        """Distances [n], and whether each is within the radius."""
        compared = self.metric.compared(row)
        return self.metric.true(compared), op.less_or_equal(compared, constant(self.metric.compare(radius)))


def _search(model: Any, path: str) -> Search:
    if getattr(model, "metric", None) == "precomputed":
        raise NotPortable(path, "it was fitted on distances, not on rows")
    points = Points(model._fit_X, path)
    search = Search(model, points, _metric(model, points, path), path)
    _check_weights(search)
    return search


def _check_weights(search: Search) -> None:
    weights = getattr(search.model, "weights", None)
    if weights in (None, "uniform"):
        return
    if weights != "distance":
        raise NotPortable(search.path, "its weights are a function of Python")
    products = search.model.effective_metric_ in ("euclidean", "l2", "sqeuclidean", "cosine")
    if search.model._fit_method == "brute" and products and not _whole(search.points.matrix):
        raise NotPortable(
            search.path,
            "brute force gives the distance between a row and its own copy as rounding noise, and weights by it; "
            "algorithm='kd_tree' or 'ball_tree' is exact",
        )


def _whole(points: Matrix) -> bool:
    """Whether sums of squares are exact: whole numbers that are not too large."""
    return bool(np.array_equal(points, np.round(points)) and (points**2).sum(axis=1).max(initial=0) < 2**50)


def _refuse_ties(search: Search, count: int, outcomes: Matrix) -> None:
    """Raises NotPortable where rows near a training row are equally far from it and would contribute differently.

    outcomes: [n, k], what a neighbour contributes. Ties are looked for among somewhat more rows than become neighbours:
    where values lie on a grid, a new row meets them at another place than the training rows do.
    """
    points = search.points.matrix
    rows = len(points)
    if count >= rows:
        return
    seen = min(rows, 2 * count + TIE_MARGIN)
    queries = min(rows, TIE_QUERIES, max(20, TIE_WORK // points.size))
    measure = _measure(search)
    for query in np.unique(np.linspace(0, rows - 1, queries).astype(int)):
        distances = measure(points[query])
        near = np.argpartition(distances, seen - 1)[:seen]
        near = near[np.argsort(distances[near])]
        sorted_distances = distances[near]
        tied = np.diff(sorted_distances) <= TIE * sorted_distances[:-1]
        if (tied & (outcomes[near[1:]] != outcomes[near[:-1]]).any(axis=1)).any():
            raise NotPortable(
                search.path,
                "training rows at equal distances have different targets; which of them counts as a neighbour "
                "depends on the order in which scikit-learn searches",
            )


def _measure(search: Search) -> Callable[[Matrix], Matrix]:
    """The metric in NumPy, for looking at the training rows: one row to all, up to a monotone map."""
    points = search.points.matrix
    name = NAMES.get(search.model.effective_metric_, search.model.effective_metric_)
    if name == "cosine":
        lengths = np.maximum(np.sqrt((points**2).sum(axis=1)), 1e-300)
        return lambda row: 2.0 - points @ row / lengths / max(float(np.sqrt(row @ row)), 1e-300)
    if name == "chebyshev":
        return lambda row: np.abs(points - row).max(axis=1)
    parameters = search.model.effective_metric_params_
    power = {"manhattan": 1.0}.get(name, float(parameters.get("p") or 2.0))
    weights = dense(1.0 if parameters.get("w") is None else parameters["w"])
    return lambda row: np.asarray((weights * np.abs(points - row) ** power).sum(axis=1))


def _distance_weights(distances: Var) -> Var:
    """[k] → 1 / distance; where some distance is zero, 1 for those and 0 for the others."""
    weights = op.div(constant(1.0), distances)
    infinite = op.cast(op.isinf(weights), to=np.float64)
    some = op.greater(op.reduce_max(infinite, keepdims=1), constant(0.0))
    return op.where(some, infinite, weights)


def _weights(search: Search, distances: Var) -> Var:
    """[k] of the neighbours' weights."""
    if search.model.weights == "distance":
        return _distance_weights(distances)
    return constant(np.ones(search.model.n_neighbors))


def _targets(model: Any) -> Matrix:
    targets = np.asarray(model._y)
    return targets.reshape(-1, 1) if targets.ndim == 1 else targets


def _classes(model: Any) -> Sequence[Any]:
    return model.classes_ if model.outputs_2d_ else [model.classes_]


def _voted(model: Any, votes: Sequence[Var]) -> Outputs:
    answers = [
        Outputs(labels=numerics.row_argmax(vote), probability=op.div(vote, numerics.row_sum(vote, keepdims=True)))
        for vote in votes
    ]
    return Outputs(targets=tuple(answers)) if model.outputs_2d_ else answers[0]


@predictor("KNeighborsClassifier")
def neighbours_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    search = _search(model, path)
    targets = _targets(model)
    _refuse_ties(search, model.n_neighbors, targets)
    sizes = [len(classes) for classes in _classes(model)]

    def answer(row: Var) -> list[Var]:
        distances, positions = search.nearest(row, model.n_neighbors)
        weights = op.unsqueeze(_weights(search, distances), constant([1], np.int64))
        votes = []
        for index, size in enumerate(sizes):
            labels = op.gather(constant(targets[:, index], np.int64), positions)
            one_hot = op.equal(op.unsqueeze(labels, constant([1], np.int64)), constant([np.arange(size)], np.int64))
            votes.append(column_sum(op.mul(op.cast(one_hot, to=np.float64), weights)))
        return votes

    votes = by_row(numbers(table, path).values, answer)
    if model.weights == "distance":
        nobody = op.equal(numerics.row_sum(votes[0], keepdims=True), constant(0.0))
        conversion.refuse(nobody, path, "all neighbours are infinitely far away", [None])
    return _voted(model, votes)


@predictor("KNeighborsRegressor")
def neighbours_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    search = _search(model, path)
    targets = dense(_targets(model))
    _refuse_ties(search, model.n_neighbors, targets)

    def answer(row: Var) -> list[Var]:
        distances, positions = search.nearest(row, model.n_neighbors)
        near = op.gather(constant(targets), positions, axis=0)
        if model.weights != "distance":
            return [op.reduce_mean(near, constant([0], np.int64), keepdims=0)]
        weights = _distance_weights(distances)
        total = op.reduce_sum(weights, keepdims=1)
        return [op.div(column_sum(op.mul(near, op.unsqueeze(weights, constant([1], np.int64)))), total)]

    (values,) = by_row(numbers(table, path).values, answer)
    return Outputs(values=flat(values) if np.ndim(model._y) == 1 else values)


def _radius_weights(search: Search, row: Var) -> Var:
    """[1, n]: the weight of every training row, zero outside the radius."""
    distances, inside = search.within(row, search.model.radius)
    counted = op.cast(inside, to=np.float64)
    if search.model.weights == "distance":
        zero = op.cast(op.and_(inside, op.equal(distances, constant(0.0))), to=np.float64)
        some = op.greater(op.reduce_max(zero, keepdims=1), constant(0.0))
        counted = op.where(some, zero, op.where(inside, op.div(constant(1.0), distances), constant(0.0)))
    return op.unsqueeze(counted, constant([0], np.int64))


@predictor("RadiusNeighborsClassifier")
def radius_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    search = _search(model, path)
    targets = _targets(model)
    tables = [np.eye(len(classes))[targets[:, index]] for index, classes in enumerate(_classes(model))]

    def answer(row: Var) -> list[Var]:
        weights = _radius_weights(search, row)
        return [flat(op.matmul(weights, constant(one_hot))) for one_hot in tables]

    votes = list(by_row(numbers(table, path).values, answer))
    alone = op.equal(numerics.row_sum(votes[0], keepdims=True), constant(0.0))
    if model.outlier_label_ is None:
        conversion.refuse(alone, path, "no neighbour within the radius", [None])
    else:
        for index, (classes, label) in enumerate(zip(_classes(model), model.outlier_label_, strict=True)):
            chosen = np.flatnonzero(classes == label)
            if not len(chosen):
                raise NotPortable(path, f"its outlier label {label!r} is none of its classes")
            votes[index] = op.where(alone, constant(np.eye(len(classes))[chosen]), votes[index])
    return _voted(model, votes)


@predictor("RadiusNeighborsRegressor")
def radius_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    search = _search(model, path)
    targets = _targets(model)
    with np.errstate(invalid="ignore"):
        nobody = float(np.full_like(targets[0, :1], np.nan)[0])  # NaN as an integer, where the targets are integers

    def answer(row: Var) -> list[Var]:
        weights = _radius_weights(search, row)
        sums = flat(op.matmul(weights, constant(dense(targets))))
        total = op.reduce_sum(weights, keepdims=0)
        return [op.where(op.equal(total, constant(0.0)), constant(nobody), op.div(sums, total))]

    (values,) = by_row(numbers(table, path).values, answer)
    return Outputs(values=flat(values) if np.ndim(model._y) == 1 else values)


@predictor("LocalOutlierFactor")
def local_outlier_factor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    if not model.novelty:
        raise NotPortable(path, "it was fitted with novelty=False and answers for its training rows only")
    search = _search(model, path)
    count = model.n_neighbors_
    reach = dense(model._distances_fit_X_)[:, count - 1]
    density = dense(model._lrd)
    _refuse_ties(search, count, np.column_stack([reach, density]))

    def answer(row: Var) -> list[Var]:
        distances, positions = search.nearest(row, count)
        furthest = op.max([distances, op.gather(constant(reach), positions)])
        # scikit-learn keeps a row with more than `count` copies from dividing by zero.
        inverse = op.add(op.reduce_mean(furthest, keepdims=1), constant(1e-10))
        own = op.div(constant(1.0), inverse)
        return [op.neg(op.reduce_mean(op.div(op.gather(constant(density), positions), own), keepdims=1))]

    (scores,) = by_row(numbers(table, path).values, answer)
    score = flat(scores)
    decision = op.sub(score, constant(model.offset_))
    inlier = op.not_(op.less(decision, constant(0.0)))
    return Outputs(labels=signs(inlier), decision=decision, score=score)


@predictor("NearestCentroid")
def nearest_centroid(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    if model.metric not in ("euclidean", "manhattan"):
        raise NotPortable(path, f"its metric {model.metric!r} has no graph")
    values = numbers(table, path).values
    classes = len(model.classes_)
    deviation = dense(model.within_class_std_dev_)
    scale = np.where(deviation != 0, deviation, 1.0)
    distances = _to_centroids(model, op.div(values, constant(scale)), model.centroids_ / scale, path)
    scores = op.add(op.neg(op.mul(distances, distances)), constant(2.0 * np.log(model.class_prior_)))
    answers = scored(scores, classes)
    if np.isclose(model.class_prior_, 1 / classes).all():
        nearest = op.arg_min(_to_centroids(model, values, model.centroids_, path), axis=1, keepdims=0)
        answers = Outputs(labels=nearest, decision=answers.decision, probability=answers.probability)
    return answers if model.metric == "euclidean" else Outputs(labels=answers.labels)


def _to_centroids(model: Any, values: Var, centroids: Matrix, path: str) -> Var:
    """[N, classes] of distances."""
    points = Points(centroids, path)

    def answer(row: Var) -> list[Var]:
        if model.metric == "euclidean":
            return [op.sqrt(points.squares(row))]
        return [column_sum(op.abs(points.differences(row)))]

    (distances,) = by_row(values, answer)
    return distances
