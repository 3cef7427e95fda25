from __future__ import annotations

import numpy as np
import onnxruntime as ort
import spox
from hypothesis import given, settings
from hypothesis import strategies as st
from spox import Tensor

from holdall.frameworks.sklearn.search import count_at_most, gather_by_column


def counted(values: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    argument = spox.argument(Tensor(np.float64, ("N", len(edges))))
    model = spox.build({"x": argument}, {"y": count_at_most(argument, edges)})
    return ort.InferenceSession(model.SerializeToString()).run(None, {"x": values})[0]


def wanted(values: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    return np.column_stack([np.searchsorted(e, values[:, i], side="right") for i, e in enumerate(edges)])


def test_columns_with_many_few_one_and_no_edges_are_searched_as_numpy_does() -> None:
    random = np.random.default_rng(0)
    edges = [np.sort(random.normal(size=1000)), np.array([1.0, 1.0, 2.0]), np.array([]), np.array([0.5])]
    at = np.concatenate([edges[0], edges[1], edges[3], [np.nan, np.inf, -np.inf, -0.0]])
    near = np.concatenate([at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf)])
    values = np.repeat(near[:, np.newaxis], 4, axis=1)
    np.testing.assert_array_equal(counted(values, edges), wanted(values, edges))


def test_no_rows_give_no_places() -> None:
    assert counted(np.empty((0, 2)), [np.array([1.0]), np.array([])]).shape == (0, 2)


def test_each_cell_takes_the_entry_of_its_own_columns_table() -> None:
    argument = spox.argument(Tensor(np.int64, ("N", 2)))
    found = gather_by_column([np.array([1.0, 2.0, 3.0]), np.array([7.0, 8.0])], argument)
    session = ort.InferenceSession(spox.build({"x": argument}, {"y": found}).SerializeToString())
    assert session.run(None, {"x": np.array([[2, 0], [0, 1]])})[0].tolist() == [[3.0, 7.0], [1.0, 8.0]]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(allow_nan=False), max_size=30).map(sorted),
    st.lists(st.floats(), min_size=1, max_size=20),
)
def test_any_edges_and_values_are_searched_as_numpy_does(edges: list[float], values: list[float]) -> None:
    column = np.array([*values, *edges])[:, np.newaxis]
    np.testing.assert_array_equal(counted(column, [np.array(edges)]), wanted(column, [np.array(edges)]))
