from __future__ import annotations

import datetime
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import BayesianRidge, LinearRegression
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import compose, encoding, imputing, linear  # noqa: F401
from tests.frameworks.sklearn import harness


def numbers(rows: int = 60, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(rows, 4)) * [1, 10, 100, 1e-3], columns=list("abcd"))
    frame["whole"] = random.integers(0, 5, rows).astype(float)
    return frame.mask(random.random(frame.shape) < 0.2)


def words(rows: int = 60, missing: Any = np.nan) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.choice(["", "é", "日本", "x"], rows) for name in "pq"}, dtype=object)
    frame.iloc[::4, 0] = missing
    return frame


def live(model: Any, frame: pd.DataFrame) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.transform(frame)
    return found.toarray() if hasattr(found, "toarray") else np.asarray(found)


def agree(model: Any, fitted_on: pd.DataFrame, given: pd.DataFrame, tolerance: float = 0.0) -> None:
    wanted = live(model, given)
    found = harness.transform(model, given, convert_on=fitted_on)
    assert found.shape == wanted.shape
    if object in (wanted.dtype, found.dtype):
        gone = pd.isna(wanted)
        np.testing.assert_array_equal(pd.isna(found), gone)
        assert found[~gone].tolist() == wanted[~gone].tolist()
    elif tolerance:
        np.testing.assert_allclose(found.astype(float), wanted.astype(float), rtol=tolerance)
    else:
        np.testing.assert_array_equal(found.astype(float), wanted.astype(float))


NUMERIC = [
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="most_frequent"),
    SimpleImputer(strategy="constant"),
    SimpleImputer(strategy="constant", fill_value=-7.25, add_indicator=True),
    SimpleImputer(strategy="mean", keep_empty_features=True),
    SimpleImputer(strategy="constant", fill_value=3, keep_empty_features=True),
    MissingIndicator(),
    MissingIndicator(features="all", sparse=True),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("model", NUMERIC, ids=repr)
def test_missing_numbers_are_filled_with_the_same_bits(model: Any, dtype: str) -> None:
    frame = numbers().astype(dtype)
    agree(model.fit(frame), frame, frame)
    agree(model, frame, frame.iloc[:1])
    assert harness.transform(model, frame.iloc[:0], frame).shape == (0, live(model, frame).shape[1])


@pytest.mark.parametrize("model", NUMERIC, ids=repr)
def test_a_column_that_was_never_there_is_dropped_or_kept_as_the_model_does(model: Any) -> None:
    frame = numbers()
    frame["b"] = np.nan
    agree(model.fit(frame), frame, frame)
    graph = harness.convert_transformer(model, frame)
    assert sum((output.columns for output in graph.outputs), ()) == tuple(model.get_feature_names_out())


@pytest.mark.parametrize("marker", [-1, 0.5])
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_a_number_may_mark_what_is_missing(marker: float, strategy: str) -> None:
    frame = numbers().fillna(marker)
    agree(SimpleImputer(missing_values=marker, strategy=strategy, add_indicator=True).fit(frame), frame, frame)
    agree(MissingIndicator(missing_values=marker).fit(frame), frame, frame)


@pytest.mark.parametrize("strategy", ["mean", "most_frequent", "constant"])
def test_integers_stay_integers_where_the_model_keeps_them(strategy: str) -> None:
    frame = pd.DataFrame({"i": [1, -1, 3, 3, 2**60], "j": [5, 6, -1, -1, 6]})
    agree(SimpleImputer(missing_values=-1, strategy=strategy, add_indicator=True).fit(frame), frame, frame)
    agree(SimpleImputer(strategy=strategy).fit(frame), frame, frame)


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_missing_words_are_filled(strategy: str, missing: Any) -> None:
    frame = words(missing=missing)
    agree(SimpleImputer(missing_values=missing, strategy=strategy).fit(frame), frame, frame)
    agree(SimpleImputer(missing_values=missing, strategy=strategy, add_indicator=True).fit(frame), frame, frame)
    agree(MissingIndicator(missing_values=missing).fit(frame), frame, frame)


def test_a_word_may_mark_what_is_missing_and_an_empty_one_is_not_a_null() -> None:
    frame = words().fillna("x")
    agree(SimpleImputer(missing_values="", strategy="most_frequent").fit(frame), frame, frame)
    agree(SimpleImputer(missing_values="é", strategy="constant", fill_value="none").fit(frame), frame, frame)


def test_none_is_left_where_only_nan_is_filled() -> None:
    frame = words(missing=None)
    model = SimpleImputer(strategy="constant", fill_value="gone").fit(frame)
    assert live(model, frame)[0, 0] is None
    agree(model, frame, frame)


def test_words_and_numbers_in_one_imputer() -> None:
    frame = pd.concat([words(), numbers()], axis=1)
    agree(SimpleImputer(strategy="most_frequent").fit(frame), frame, frame)


def test_filled_words_are_encoded_alike() -> None:
    frame = words()
    for encoder in (OneHotEncoder(), OrdinalEncoder()):
        agree(make_pipeline(SimpleImputer(strategy="most_frequent"), encoder).fit(frame), frame, frame)


def test_nullable_integers_and_numbers_held_as_objects() -> None:
    frame = pd.DataFrame({"i": pd.Series([1, pd.NA, 3, 3], dtype="Int64"), "f": [0.5, np.nan, 0.5, 1.0]})
    for strategy in ("mean", "most_frequent", "constant"):
        agree(SimpleImputer(strategy=strategy, add_indicator=True).fit(frame), frame, frame)
    objects = pd.DataFrame({"o": pd.Series([1, None, 3, 3], dtype=object)})
    agree(SimpleImputer(strategy="mean").fit(objects), objects, objects)
    agree(SimpleImputer(missing_values=None, strategy="most_frequent").fit(objects), objects, objects)


def test_an_indicator_refuses_a_column_that_was_complete() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0]})
    model = MissingIndicator().fit(frame)
    other = pd.DataFrame({"a": [1.0, 2.0], "b": [np.nan, 2.0]})
    with pytest.raises(ValueError, match="have missing values in transform"):
        model.transform(other)
    graph = harness.convert_transformer(model, frame)
    assert harness.run(graph, other)["refused"].tolist() == [[True], [False]]
    assert graph.guards[0].column == "b"


def test_filling_what_is_no_number_or_text_is_refused_with_words() -> None:
    dates = pd.DataFrame({"d": [datetime.date(2020, 1, 1), None]}, dtype=object)
    model = SimpleImputer(missing_values=None, strategy="most_frequent").fit(dates)
    with pytest.raises(NotPortable, match="date"):
        harness.convert_transformer(model, dates)


@pytest.mark.parametrize(
    "model",
    [
        IterativeImputer(max_iter=4),
        IterativeImputer(LinearRegression(), max_iter=2, imputation_order="roman", add_indicator=True),
        IterativeImputer(BayesianRidge(), max_iter=2, n_nearest_features=2, random_state=0, initial_strategy="median"),
        IterativeImputer(max_iter=2, min_value=-1.0, max_value=[1, 5, 50, 1, 3]),
        IterativeImputer(max_iter=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("empty", [False, True])
def test_a_round_of_regressions_agrees(model: Any, empty: bool) -> None:
    frame = numbers()
    if empty:
        frame["b"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame)
    agree(model, frame, frame, 1e-10)
    nothing = pd.DataFrame([[np.nan] * 5], columns=frame.columns)
    agree(model, frame, nothing, 1e-10)
    agree(model, frame, pd.concat([nothing, frame]), 1e-10)


def test_an_empty_column_kept_by_the_round_of_regressions() -> None:
    frame = numbers()
    frame["b"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = IterativeImputer(max_iter=2, keep_empty_features=True).fit(frame)
    agree(model, frame, frame, 1e-10)


def test_a_random_round_is_refused() -> None:
    frame = numbers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = IterativeImputer(max_iter=1, sample_posterior=True).fit(frame)
    with pytest.raises(NotPortable, match="random"):
        harness.convert_transformer(model, frame)


@pytest.mark.parametrize("settings", [{}, {"n_neighbors": 1}, {"n_neighbors": 99, "add_indicator": True}], ids=repr)
@pytest.mark.parametrize("empty", [{}, {"b": np.nan}], ids=["full", "empty"])
def test_neighbours_fill_alike(settings: dict[str, Any], empty: dict[str, float]) -> None:
    frame, other = (numbers(seed=seed).drop(columns="whole") for seed in (0, 1))
    frame = frame.assign(**empty)
    model = KNNImputer(**settings).fit(frame)
    agree(model, frame, frame, 1e-9)
    agree(model, frame, other, 1e-9)
    nothing = pd.DataFrame([[np.nan] * 4], columns=frame.columns)
    agree(model, frame, pd.concat([nothing, other]), 1e-9)
    assert harness.transform(model, frame.iloc[:0], frame).shape[0] == 0


def test_an_empty_column_kept_by_neighbours() -> None:
    frame = numbers().drop(columns="whole").assign(b=np.nan)
    agree(KNNImputer(keep_empty_features=True).fit(frame), frame, frame, 1e-9)
    other = frame.assign(b=7.0)
    agree(KNNImputer(keep_empty_features=True).fit(frame), other, other, 1e-9)


def test_all_rows_as_neighbours_need_no_order() -> None:
    frame = numbers()
    agree(KNNImputer(n_neighbors=100).fit(frame), frame, frame, 1e-12)


def test_neighbours_that_may_tie_are_refused_by_the_column() -> None:
    frame = numbers()
    with pytest.raises(NotPortable, match="column whole"):
        harness.convert_transformer(KNNImputer().fit(frame), frame)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "distance"}, "last digits"),
        ({"weights": lambda distances: distances}, "function"),
        ({"metric": nan_euclidean_distances}, "function"),
    ],
    ids=["distance", "weights", "metric"],
)
def test_neighbours_weighed_in_ways_that_cannot_be_exact_are_refused(settings: dict[str, Any], words: str) -> None:
    frame = numbers().drop(columns="whole")
    with pytest.raises(NotPortable, match=words):
        harness.convert_transformer(KNNImputer(**settings).fit(frame), frame)


def test_in_a_column_transformer_each_kind_is_filled_its_own_way() -> None:
    frame = pd.concat([words(), numbers()], axis=1)
    model = ColumnTransformer(
        [("w", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["q", "p"])],
        remainder=SimpleImputer(strategy="median", add_indicator=True),
        sparse_threshold=0,
    ).fit(frame)
    agree(model, frame, frame)
