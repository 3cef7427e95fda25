from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import expansion  # noqa: F401
from tests.frameworks.sklearn import harness


def numbers(rows: int = 80, columns: int = 3, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(rows, columns)) * [1.0, 100.0, 0.01][:columns]
    return pd.DataFrame(values, columns=list("abcdefgh")[:columns])


def agree(model: Any, fitted_on: pd.DataFrame, given: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = model.transform(given)
    wanted = np.asarray(wanted.toarray() if hasattr(wanted, "toarray") else wanted)
    np.testing.assert_array_equal(harness.transform(model, given, convert_on=fitted_on), wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "model",
    [
        PolynomialFeatures(),
        PolynomialFeatures(4),
        PolynomialFeatures(3, include_bias=False),
        PolynomialFeatures(3, interaction_only=True),
        PolynomialFeatures(9, interaction_only=True),
        PolynomialFeatures((2, 3)),
        PolynomialFeatures((3, 4), include_bias=False, order="F"),
        PolynomialFeatures((2, 2), interaction_only=True, include_bias=False),
        PolynomialFeatures(1),
        PolynomialFeatures((0, 2)),
        PolynomialFeatures(0),
    ],
    ids=repr,
)
def test_products_are_the_same_bits_in_the_same_order(model: PolynomialFeatures, dtype: str) -> None:
    frame = numbers().astype(dtype)
    agree(model.fit(frame), frame, frame)
    graph = harness.convert_transformer(model, frame)
    assert graph.outputs[0].columns == tuple(model.get_feature_names_out())


EXTRAPOLATIONS = ["constant", "linear", "continue", "periodic"]


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
def test_splines_are_the_same_bits_inside_and_beyond_the_knots(extrapolation: str, degree: int) -> None:
    frame, beyond = numbers(), numbers(seed=1) * 3
    knots = np.quantile(frame, np.linspace(0, 1, 7), axis=0)
    at = np.concatenate([knots, np.nextafter(knots, np.inf), np.nextafter(knots, -np.inf)])
    rows = pd.concat([frame, beyond, pd.DataFrame(at, columns=frame.columns)])
    for settings in ({"knots": "quantile"}, {"include_bias": False}, {"sparse_output": True}):
        model = SplineTransformer(n_knots=7, degree=degree, extrapolation=extrapolation, **settings).fit(frame)
        agree(model, frame, rows)


@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
def test_splines_of_float32_and_of_missing_numbers(extrapolation: str) -> None:
    frame = numbers().astype("float32")
    agree(SplineTransformer(extrapolation=extrapolation).fit(frame), frame, frame)
    frame = numbers()
    frame.iloc[::4, 1] = np.nan
    agree(SplineTransformer(extrapolation=extrapolation, handle_missing="zeros").fit(frame), frame, frame)


def test_a_number_beyond_the_knots_is_refused_where_the_model_refuses_it() -> None:
    frame = numbers()
    model = SplineTransformer(extrapolation="error").fit(frame)
    agree(model, frame, frame)
    other = frame.iloc[:2].copy()
    other.iloc[1, 2] = 9.0
    with pytest.raises(ValueError, match="beyond the limits"):
        model.transform(other)
    assert harness.run(harness.convert_transformer(model, frame), other)["refused"].tolist() == [
        [False, False, False],
        [False, False, True],
    ]


def test_a_column_of_one_value_has_knots_in_one_place() -> None:
    frame = numbers().assign(b=2.0)
    for extrapolation in ("constant", "periodic"):
        agree(SplineTransformer(extrapolation=extrapolation).fit(frame), frame, frame)


def test_splines_of_degree_zero_are_refused() -> None:
    with pytest.raises(NotPortable, match="degree 0"):
        harness.transform(SplineTransformer(degree=0).fit(numbers()), numbers())


def test_an_empty_table_keeps_its_columns() -> None:
    frame = numbers()
    assert harness.transform(PolynomialFeatures().fit(frame), frame.iloc[:0], frame).shape == (0, 10)
    assert harness.transform(SplineTransformer().fit(frame), frame.iloc[:0], frame).shape == (0, 21)
