"""Nearest neighbours: distances to every training row, then a vote, a mean or a density.

Which of several rows at the same distance is a neighbour is decided as scikit-learn decides it (see `visiting`). Only its
brute force by matrix products is refused: it finds the distances as x² - 2xy + y², and where they nearly agree the
rounding of that sum, which differs between machines, chooses the neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import visiting
from holdall.frameworks.sklearn.discriminant import scored
from holdall.frameworks.sklearn.matrices import Matrix, dense, flat, is_single, numbers, signs
from holdall.frameworks.sklearn.pairwise import Points, by_row, column_maximum, column_sum
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant, to_single

PRODUCTS = ("cosine", "euclidean", "sqeuclidean")
"""Metrics that brute force computes by matrix products."""


@dataclass(frozen=True)
class Metric:
    """A distance in two halves: what is compared, and the distance that it stands for.

    compared: [1, p] → [n], rising with the distance. reduce: differences [p, n] → [n], the same for a metric of differences.
    power: what is compared is the distance to this power; None where it is the distance itself.
    """

    name: str
    compared: Callable[[Var], Var]
    reduce: Callable[[Var], Var] | None
    power: float | None = None

    def true(self, compared: Var) -> Var:
        """The distances behind what is compared."""
        if self.power is None:
            return compared
        return op.sqrt(compared) if self.power == 2 else op.pow(compared, constant(1 / self.power))

    def compare(self, distances: Var) -> Var:
        """What is compared for these distances."""
        if self.power is None:
            return distances
        return op.mul(distances, distances) if self.power == 2 else op.pow(distances, constant(self.power))


NAMES: Mapping[str, str] = {
    "cityblock": "manhattan",
    "l1": "manhattan",
    "l2": "euclidean",
    "infinity": "chebyshev",
}


def _squared(differences: Var) -> Var:
    return column_sum(op.mul(differences, differences))


def _absolute(differences: Var) -> Var:
    return column_sum(op.abs(differences))


def _largest(differences: Var) -> Var:
    return column_maximum(op.abs(differences))


def _metric(model: Any, points: Points, path: str) -> Metric:
    given = model.effective_metric_
    if not isinstance(given, str):
        raise NotPortable(path, "its metric is a function of Python")
    name = NAMES.get(given, given)
    parameters = {key: part for key, part in model.effective_metric_params_.items() if part is not None}
    reduce: Callable[[Var], Var] = _squared
    power = None
    if name == "minkowski":
        power = float(parameters.pop("p"))
        reduce = _minkowski(power, dense(parameters.pop("w", 1.0)).reshape(-1, 1))
    elif name == "euclidean":
        power = 2.0
    elif name in ("manhattan", "chebyshev"):
        reduce = _absolute if name == "manhattan" else _largest
    elif name not in ("sqeuclidean", "cosine"):
        raise NotPortable(path, f"its metric {given!r} has no graph")
    if parameters:
        raise NotPortable(path, f"its metric {given!r} has parameters: {', '.join(sorted(parameters))}")
    if name == "cosine":
        return Metric(name, _cosine(points, path), None)
    return Metric(name, lambda row: reduce(points.differences(row)), reduce, power)


def _minkowski(power: float, weights: Matrix) -> Callable[[Var], Var]:
    def reduce(differences: Var) -> Var:
        # onnxruntime cubes by two products where the exponent is one number, and rounds otherwise than the C library's pow.
        exponents = op.expand(constant(power), op.shape(differences))
        return column_sum(op.mul(constant(weights), op.pow(op.abs(differences), exponents)))

    return reduce


def _cosine(points: Points, path: str) -> Callable[[Var], Var]:
    tiny = 10 * np.finfo(np.float64).eps  # below it scikit-learn leaves a row as it is
    lengths = np.sqrt(np.sum(points.matrix**2, axis=1, keepdims=True))
    directions = Points(points.matrix / np.where(lengths < tiny, 1.0, lengths), path)

    def compared(row: Var) -> Var:
        length = op.sqrt(numerics.row_sum(op.mul(row, row), keepdims=True))
        length = op.where(op.less(length, constant(tiny)), constant(1.0), length)
        distance = op.sub(constant(1.0), directions.products(op.div(row, length)))
        return op.min([op.max([distance, constant(0.0)]), constant(2.0)])

    return compared


class Search:
    """The training rows of one model and its metric. Raises NotPortable for what no graph can search alike."""

    def __init__(self, model: Any, path: str) -> None:
        if getattr(model, "metric", None) == "precomputed":
            raise NotPortable(path, "it was fitted on distances, not on rows")
        if getattr(model, "weights", None) not in (None, "uniform", "distance"):
            raise NotPortable(path, "its weights are a function of Python")
        self.model = model
        self.path = path
        self.points = Points(model._fit_X, path)
        self.metric = _metric(model, self.points, path)
        self.by_products = model._fit_method == "brute" and self.metric.name in PRODUCTS

    def within(self, row: Var, radius: float) -> tuple[Var, Var]:
        """Distances [n], and whether each is within the radius."""
        compared = self.metric.compared(row)
        return self.metric.true(compared), op.less_or_equal(compared, self.metric.compare(constant(radius)))

    def nearest(self, count: int, outcomes: Matrix, *, counted: bool = False) -> Callable[[Var], tuple[Var, Var]]:
        """[1, p] → distances [count] and positions [count] of the nearest training rows, in any order.

        outcomes: [n, k], what each row contributes: among rows that contribute the same it does not matter which is taken.
        counted: neighbours only count, and how near they are makes no difference.
        """
        if self.by_products and not (counted and _apart(self.points.matrix)):
            raise NotPortable(
                self.path,
                "brute force chooses between rows at nearly the same distance by rounding noise; "
                "algorithm='kd_tree' or 'ball_tree' searches exactly",
            )
        rows = len(self.points.matrix)
        order = self._order(rows)

        def find(row: Var) -> tuple[Var, Var]:
            compared = self.metric.compared(row)
            found, places = op.top_k(compared, constant([min(count + 1, rows)], np.int64), largest=0)
            near, places = (_first(values, count) for values in (found, places))
            # An infinite distance never enters scikit-learn's heap, which then still points at the first row.
            places = op.where(op.isinf(near), constant(0, np.int64), places)
            if count < rows:
                last, following = (op.gather(found, constant([index], np.int64)) for index in (count - 1, count))
                tied = op.and_(op.equal(last, following), op.not_(op.isinf(last)))
                near, places = _either(
                    tied,
                    lambda: _either(
                        _differ(op.equal(compared, last), outcomes),
                        lambda: visiting.heaped(compared, order(row), count, rows),
                        lambda: (near, places),
                    ),
                    lambda: (near, places),
                )
            return self.metric.true(near), places

        return find

    def _order(self, rows: int) -> visiting.Order:
        # Brute force does so within each thread; what it answers on ties depends on how many there are.
        if self.model._fit_method == "brute" or self.metric.reduce is None:
            return visiting.in_order(rows)
        if self.model._fit_method == "kd_tree":
            bounds = visiting.box_bounds(self.model, self.metric.reduce, self.path)
        else:
            metric = self.metric
            bounds = visiting.ball_bounds(self.model, self.metric.reduce, metric.true, metric.compare, self.path)
        return visiting.by_tree(self.model, bounds, self.path)


def _apart(matrix: Matrix) -> bool:
    """Whether hardly two rows share a number in some column: such measurements are never equally far from a row, as the
    points of a grid are, and rounding noise of a few last places does not choose between them."""
    return any(len(np.unique(column)) >= 0.9 * len(matrix) for column in matrix.T)


def _first(values: Var, count: int) -> Var:
    return op.slice(values, constant([0], np.int64), constant([count], np.int64))


def _either(condition: Var, then: Callable[[], tuple[Var, Var]], otherwise: Callable[[], tuple[Var, Var]]) -> Any:
    """Only the branch that the condition [1] chooses is computed."""
    branches = [lambda branch=branch: [op.identity(result) for result in branch()] for branch in (then, otherwise)]
    return op.if_(condition, then_branch=branches[0], else_branch=branches[1])


def _differ(among: Var, outcomes: Matrix) -> Var:
    """bool [1]: whether the rows chosen by a mask [n] contribute differently. outcomes: [n, k]."""
    chosen = op.unsqueeze(among, constant([1], np.int64))
    axis = constant([0], np.int64)
    lowest = op.reduce_min(op.where(chosen, constant(outcomes), constant(np.inf)), axis)
    highest = op.reduce_max(op.where(chosen, constant(outcomes), constant(-np.inf)), axis)
    apart = op.cast(op.not_(op.equal(lowest, highest)), to=np.float64)
    return op.greater(op.reshape(op.reduce_max(apart), constant([1], np.int64)), constant(0.0))


def _distance_weights(distances: Var) -> Var:
    """[k] → 1 / distance; where some distance is zero, 1 for those and 0 for the others."""
    weights = op.div(constant(1.0), distances)
    infinite = op.cast(op.isinf(weights), to=np.float64)
    some = op.greater(op.reduce_max(infinite, keepdims=1), constant(0.0))
    return op.where(some, infinite, weights)


def _weights(model: Any, distances: Var) -> Var:
    """[k] of the neighbours' weights."""
    if model.weights == "distance":
        return _distance_weights(distances)
    return constant(np.ones(model.n_neighbors))


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
    search = Search(model, path)
    targets = _targets(model)
    nearest = search.nearest(model.n_neighbors, dense(targets), counted=model.weights != "distance")
    sizes = [len(classes) for classes in _classes(model)]

    def answer(row: Var) -> list[Var]:
        distances, positions = nearest(row)
        weights = op.unsqueeze(_weights(model, distances), constant([1], np.int64))
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
    targets = dense(_targets(model))
    nearest = Search(model, path).nearest(model.n_neighbors, targets, counted=model.weights != "distance")

    def answer(row: Var) -> list[Var]:
        distances, positions = nearest(row)
        near = op.gather(constant(targets), positions, axis=0)
        if model.weights != "distance":
            return [op.reduce_mean(near, constant([0], np.int64), keepdims=0)]
        weights = _distance_weights(distances)
        total = op.reduce_sum(weights, keepdims=1)
        return [op.div(column_sum(op.mul(near, op.unsqueeze(weights, constant([1], np.int64)))), total)]

    (values,) = by_row(numbers(table, path).values, answer)
    return Outputs(values=flat(values) if np.ndim(model._y) == 1 else values)


def _radius_search(model: Any, path: str) -> Search:
    search = Search(model, path)
    if search.by_products and model.weights == "distance":
        raise NotPortable(
            path,
            "brute force gives the distance between a row and its own copy as rounding noise, and weights by it; "
            "algorithm='kd_tree' or 'ball_tree' searches exactly",
        )
    return search


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
    search = _radius_search(model, path)
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
    search = _radius_search(model, path)
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
    count = model.n_neighbors_
    reach = dense(model._distances_fit_X_)[:, count - 1]
    density = dense(model._lrd)
    nearest = Search(model, path).nearest(count, np.column_stack([reach, density]))

    block = numbers(table, path)

    def kept(values: Var) -> Var:
        # Distances are rounded to the precision of the training rows, and the density with them.
        return to_single(values) if block.single and is_single(model._fit_X) else values

    def answer(row: Var) -> list[Var]:
        distances, positions = nearest(row)
        distances = kept(distances)
        furthest = op.max([distances, op.gather(constant(reach), positions)])
        # scikit-learn keeps a row with more than `count` copies from dividing by zero.
        inverse = op.add(kept(op.reduce_mean(furthest, keepdims=1)), constant(1e-10))
        own = kept(op.div(constant(1.0), inverse))
        total = kept(op.reduce_sum(kept(op.div(op.gather(constant(density), positions), own)), keepdims=1))
        return [op.neg(op.div(total, constant(float(count))))]

    (scores,) = by_row(block.values, answer)
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
    if model.metric == "euclidean":
        # scikit-learn finds these as x² - 2xy + y². Its rounding is kept: far from the data it decides what is nearest.
        products = op.mul(op.matmul(values, constant(centroids.T)), constant(-2.0))
        squares = op.add(products, numerics.row_sum(op.mul(values, values), keepdims=True))
        squares = op.add(squares, constant((centroids**2).sum(axis=1)))
        return op.sqrt(op.max([squares, constant(0.0)]))
    points = Points(centroids, path)
    (distances,) = by_row(values, lambda row: [_absolute(points.differences(row))])
    return distances
