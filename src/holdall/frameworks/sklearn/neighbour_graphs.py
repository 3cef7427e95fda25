"""Transformers that link a row to its nearest fitted rows: neighbour graphs, and the embedding along their paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.kernel_features import centred_components
from holdall.frameworks.sklearn.matrices import dense, numbers
from holdall.frameworks.sklearn.neighbours import Search
from holdall.frameworks.sklearn.pairwise import by_row
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.rows import features
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


def _each_its_own(rows: int) -> Any:
    """Every fitted row contributes something else: which of them is taken always matters."""
    return np.arange(rows, dtype=np.float64).reshape(-1, 1)


@transformer("KNeighborsTransformer")
def neighbours_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A column for each fitted row: its distance, or one, where it is among the nearest."""
    search = Search(model, path)
    rows = len(search.points.matrix)
    by_distance = model.mode == "distance"
    nearest = search.nearest(model.n_neighbors + by_distance, _each_its_own(rows))

    def answer(row: Var) -> list[Var]:
        distances, positions = nearest(row)
        entries = distances if by_distance else op.expand(constant(1.0), op.shape(distances))
        return [op.scatter_elements(constant(np.zeros(rows)), positions, entries)]

    (linked,) = by_row(numbers(table, path).values, answer)
    return features(model, linked, rows)


@transformer("RadiusNeighborsTransformer")
def radius_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A column for each fitted row: its distance, or one, where it is within the radius."""
    search = Search(model, path)
    if search.by_products:
        raise NotPortable(
            path,
            "brute force gives small distances as rounding noise; algorithm='kd_tree' or 'ball_tree' finds them exactly",
        )

    def answer(row: Var) -> list[Var]:
        distances, inside = search.within(row, model.radius)
        return [op.where(inside, distances if model.mode == "distance" else constant(1.0), constant(0.0))]

    (linked,) = by_row(numbers(table, path).values, answer)
    return features(model, linked, len(search.points.matrix))


@transformer("Isomap")
def isomap(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The shortest ways to all fitted rows by way of the nearest ones, as a kernel on its components."""
    if model.n_neighbors is None:
        raise NotPortable(path, "it links a row to all within a radius, which may be any number")
    search = Search(model.nbrs_, path)
    ways = dense(model.dist_matrix_)
    nearest = search.nearest(model.n_neighbors, _each_its_own(len(ways)))

    def answer(row: Var) -> list[Var]:
        distances, positions = nearest(row)
        through = op.add(op.gather(constant(ways), positions, axis=0), op.unsqueeze(distances, constant([1], np.int64)))
        shortest = op.reduce_min(through, constant([0], np.int64), keepdims=0)
        return [op.mul(op.mul(shortest, shortest), constant(-0.5))]

    (kernel,) = by_row(numbers(table, path).values, answer)
    found = centred_components(model.kernel_pca_, kernel)
    return features(model, found, len(model.kernel_pca_.eigenvalues_))
