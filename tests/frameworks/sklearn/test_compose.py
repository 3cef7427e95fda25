from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import (  # noqa: F401
    compose,
    encoding,
    expansion,
    imputing,
    linear,
    scaling,
    selection,
)
from holdall.frameworks.sklearn.registry import transform
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness


def mixed(rows: int = 80, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.integers(0, 90, rows),
            "city": random.choice(["Köln", "", "東京", "x" * 3000], rows).astype(object),
            "pay": random.normal(size=rows) * 1e4,
            "member": random.random(rows) < 0.5,
            "tier": random.choice(["a", "b", None], rows).astype(object),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 9, rows), "D"),
            "rate": random.normal(size=rows).astype("float32"),
        }
    )


def live(model: Any, frame: pd.DataFrame) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.transform(frame)
    return found.toarray() if hasattr(found, "toarray") else np.asarray(found)


def agree(model: Any, fitted_on: pd.DataFrame, given: pd.DataFrame) -> None:
    wanted, found = live(model, given), harness.transform(model, given, convert_on=fitted_on)
    assert found.shape == wanted.shape
    if wanted.dtype == object:
        gone = pd.isna(wanted)
        np.testing.assert_array_equal(pd.isna(found), gone)
        # A graph holds an instant as microseconds.
        plain = [cell.value // 1000 if isinstance(cell, pd.Timestamp) else cell for cell in wanted[~gone]]
        assert found[~gone].tolist() == plain
    else:
        np.testing.assert_array_equal(found.astype(np.float64), wanted.astype(np.float64))


def names(model: Any, frame: pd.DataFrame) -> tuple[str, ...]:
    outputs = harness.convert_transformer(model, frame).outputs
    return sum((output.columns for output in outputs if not output.name.endswith("_null")), ())


NUMBERS = ["age", "pay"]
WORDS = ["city", "tier"]
SELECTIONS = [
    ColumnTransformer([("n", StandardScaler(), NUMBERS), ("w", OneHotEncoder(), WORDS)]),
    ColumnTransformer([("w", OneHotEncoder(), [4, 1]), ("n", StandardScaler(), [2, 0])], remainder="drop"),
    ColumnTransformer([("n", MinMaxScaler(), slice(2, 4))], remainder="drop"),
    ColumnTransformer([("n", MinMaxScaler(), slice("pay", "member"))], remainder="drop"),
    ColumnTransformer([("n", MinMaxScaler(), [False, False, True, False, False, False, True])]),
    ColumnTransformer([("n", StandardScaler(), make_column_selector(dtype_include="number")), ("w", "drop", WORDS)]),
    ColumnTransformer([("n", StandardScaler(), lambda frame: [c for c in frame if c.startswith("p")])]),
    ColumnTransformer([("n", StandardScaler(), NUMBERS), ("none", StandardScaler(), [])]),
    ColumnTransformer([("w", OneHotEncoder(), WORDS), ("s", OrdinalEncoder(), ["since", "member"])]),
    ColumnTransformer([("w", OneHotEncoder(), WORDS), ("n", "passthrough", ["pay", "age"])]),
    ColumnTransformer([("n", StandardScaler(), NUMBERS)], remainder="passthrough", verbose_feature_names_out=False),
    ColumnTransformer([("drop", "drop", [*WORDS, "since"])], remainder=StandardScaler()),
    ColumnTransformer([("twice", StandardScaler(), ["pay", "rate"]), ("again", MinMaxScaler(), ["rate", "pay"])]),
    ColumnTransformer(
        [("n", StandardScaler(), NUMBERS), ("r", MinMaxScaler(), ["rate"]), ("w", OneHotEncoder(), WORDS)],
        transformer_weights={"n": 0.1, "w": 3, "r": 0.3},
        sparse_threshold=0,
    ),
]


@pytest.mark.parametrize("model", SELECTIONS, ids=range(len(SELECTIONS)))
def test_columns_chosen_in_every_way_come_out_in_the_same_order(model: ColumnTransformer) -> None:
    frame = mixed()
    agree(model.fit(frame), frame, frame)
    agree(model, frame, frame.iloc[:1])
    assert names(model, frame) == tuple(model.get_feature_names_out())
    assert harness.transform(model, frame.iloc[:0], convert_on=frame).shape == (0, live(model, frame).shape[1])


def test_columns_in_another_order_and_with_more_of_them_are_found_by_name() -> None:
    frame = mixed()
    model = SELECTIONS[0].fit(frame)
    other = frame.assign(more=1.0)[["more", "rate", "tier", "pay", "city", "age", "member", "since"]]
    agree(model, other, other)


def test_another_width_is_refused_with_words() -> None:
    frame = mixed()
    model = ColumnTransformer([("n", StandardScaler(), [0, 2])]).fit(frame)
    with pytest.raises(NotPortable, match="fitted on 7 columns"):
        harness.convert_transformer(model, frame.rename(columns=str.upper)[["AGE", "PAY"]])


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_nested_transformers_choose_by_the_names_of_those_before(output: str) -> None:
    frame = mixed()
    first = ColumnTransformer(
        [("n", SimpleImputer(), NUMBERS), ("w", "passthrough", WORDS), ("r", "passthrough", ["rate"])],
        verbose_feature_names_out=False,
    )
    if output == "pandas":
        chosen: list[Any] = [["rate", "pay"], ["tier"]]
    else:
        chosen = [[4, 1], [3]]
    second = ColumnTransformer(
        [("p", PolynomialFeatures(include_bias=False), chosen[0]), ("o", OneHotEncoder(sparse_output=False), chosen[1])]
    )
    model = make_pipeline(first, second).set_output(transform=output).fit(frame)
    agree(model, frame, frame)
    if output == "pandas":
        assert names(model, frame) == tuple(model.get_feature_names_out())


def test_float32_beside_float64_is_float64_in_an_array_and_itself_in_a_frame() -> None:
    frame = mixed()
    for output in ("default", "pandas"):
        together = ColumnTransformer([("r", "passthrough", ["rate"]), ("p", "passthrough", ["pay"])])
        model = make_pipeline(together, ColumnTransformer([("s", StandardScaler(), [0])])).set_output(transform=output)
        agree(model.fit(frame), frame, frame)
        conversion = Conversion(harness.schema_of(frame))
        (block,) = transform(model, conversion.table, conversion, "model (Pipeline)")
        assert block.single is (output == "pandas")


def test_a_pipeline_may_hold_idle_steps() -> None:
    frame = mixed()[NUMBERS]
    for last in (None, "passthrough", StandardScaler()):
        steps = [("a", "passthrough"), ("b", MinMaxScaler()), ("c", None), ("d", last)]
        agree(Pipeline(steps).fit(frame), frame, frame)


def test_a_pipeline_predicts_with_its_last_step() -> None:
    frame = mixed()
    truth = np.where(frame["pay"] > 0, "ja", "nein")
    model = make_pipeline(
        ColumnTransformer(
            [("n", StandardScaler(), NUMBERS), ("w", OneHotEncoder(handle_unknown="ignore"), WORDS)],
        ),
        LogisticRegression(),
    ).fit(frame, truth)
    other = mixed(seed=1)
    other.loc[::3, "city"] = "nowhere"
    found = harness.predict(model, other, convert_on=frame)
    np.testing.assert_array_equal(model.classes_[found["labels"]], model.predict(other))
    np.testing.assert_allclose(found["probability"], model.predict_proba(other), rtol=1e-12)


def test_a_union_stands_side_by_side_with_weights_and_idle_parts() -> None:
    frame = mixed()[[*NUMBERS, "rate"]]
    model = FeatureUnion(
        [("s", StandardScaler()), ("same", "passthrough"), ("gone", "drop"), ("v", VarianceThreshold())],
        transformer_weights={"s": 0.3, "same": 2},
    ).fit(frame)
    agree(model, frame, frame)
    assert names(model, frame) == tuple(model.get_feature_names_out())
    sparse = make_union(OneHotEncoder(), OrdinalEncoder()).fit(mixed()[WORDS])
    agree(sparse, mixed()[WORDS], mixed()[WORDS])


def test_a_union_of_text_keeps_what_is_missing() -> None:
    frame = mixed()[WORDS]
    agree(FeatureUnion([("a", "passthrough"), ("b", OrdinalEncoder())]).fit(frame), frame, frame)


def test_a_thousand_columns_of_four_kinds() -> None:
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {}
    for place in range(250):
        columns[f"f{place}"] = random.normal(size=40)
        columns[f"i{place}"] = random.integers(0, 4, 40)
        columns[f"s{place}"] = random.choice(["ä", "b", "c"], 40)
        columns[f"b{place}"] = random.random(40) < 0.5
    frame = pd.DataFrame(columns)
    model = ColumnTransformer(
        [
            ("n", StandardScaler(), make_column_selector("f")),
            ("e", OneHotEncoder(handle_unknown="ignore"), make_column_selector("^[is]")),
        ],
        remainder="passthrough",
    ).fit(frame)
    agree(model, frame, frame)


def test_a_text_column_all_missing_passes_and_is_encoded() -> None:
    for missing in (None, np.nan):
        frame = mixed().assign(tier=pd.Series([missing] * 80, dtype=object))
        agree(SELECTIONS[0].fit(frame), frame, frame)
        agree(SELECTIONS[10].fit(frame.drop(columns="since")), frame.drop(columns="since"), frame.drop(columns="since"))


def test_thresholds_find_their_raw_column_through_composition() -> None:
    frame = mixed()
    model = make_pipeline(
        ColumnTransformer([("n", make_pipeline(SimpleImputer(), StandardScaler()), ["pay", "age"])]), RobustScaler()
    ).fit(frame)
    conversion = Conversion(harness.schema_of(frame))
    table = transform(model, conversion.table, conversion, "model (Pipeline)")
    found = value.origins(table)
    for column, name in enumerate(["pay", "age"]):
        origin = found[column]
        assert origin is not None
        assert origin.column == name
        np.testing.assert_allclose(origin.inverse(live(model, frame)[:, column]), frame[name], rtol=1e-9, atol=1e-9)


class Stranger(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any = None) -> Stranger:  # noqa: ARG002
        return self

    def transform(self, X: Any) -> Any:
        return X


def test_a_strangers_step_is_refused_by_its_path() -> None:
    frame = mixed()
    inner = ColumnTransformer([("mine", make_pipeline(StandardScaler(), Stranger()), NUMBERS)])
    model = Pipeline([("pre", inner), ("last", StandardScaler())]).fit(frame)
    with pytest.raises(NotPortable) as caught:
        harness.convert_transformer(model, frame)
    assert caught.value.step == "model.pre.mine.stranger (Stranger)"


TARGETS = [
    FunctionTransformer(np.log1p, np.expm1),
    FunctionTransformer(np.sqrt, np.square),
    FunctionTransformer(),
    StandardScaler(),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler((1, 3)),
    MaxAbsScaler(),
    RobustScaler(),
    PowerTransformer(),
    PowerTransformer("box-cox", standardize=False),
    QuantileTransformer(n_quantiles=20),
    make_pipeline(StandardScaler(), MinMaxScaler()),
]


@pytest.mark.parametrize("transformer", TARGETS, ids=repr)
@pytest.mark.parametrize("columns", [1, 2])
def test_a_regressor_on_a_transformed_target_agrees(transformer: Any, columns: int) -> None:
    frame = mixed()[[*NUMBERS, "member"]]
    random = np.random.default_rng(0)
    truth = np.exp(random.normal(size=(80, columns))) + frame["age"].to_numpy()[:, np.newaxis] / 10
    if columns == 1:
        truth = truth[:, 0]
    model = TransformedTargetRegressor(LinearRegression(), transformer=transformer, check_inverse=False)
    model.fit(frame, truth)
    found = harness.predict(model, frame)["values"]
    assert found.shape == model.predict(frame).shape
    np.testing.assert_allclose(found, model.predict(frame), rtol=1e-11, equal_nan=True)


def test_a_target_of_one_column_keeps_its_column() -> None:
    frame = mixed()[NUMBERS]
    truth = frame[["age"]] + 1.0
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp).fit(frame, truth)
    assert model.predict(frame).shape == (80, 1)
    np.testing.assert_allclose(harness.predict(model, frame)["values"], model.predict(frame), rtol=1e-12)


def test_an_inverse_that_is_not_known_is_refused_by_name() -> None:
    frame = mixed()[NUMBERS]
    truth = np.exp(np.random.default_rng(0).normal(size=80))
    for transformer, words in (
        (FunctionTransformer(np.tan, np.arctan, check_inverse=False), "numpy.arctan"),
        (QuantileTransformer(n_quantiles=9, output_distribution="normal"), "normal distribution"),
        (PCA(), "inverse of a PCA"),
    ):
        model = TransformedTargetRegressor(LinearRegression(), transformer=transformer, check_inverse=False)
        with pytest.raises(NotPortable, match=words):
            harness.convert_predictor(model.fit(frame, truth), frame)


@pytest.mark.parametrize("function", [np.log, np.sqrt, np.log1p, np.reciprocal])
@pytest.mark.parametrize("between", [[], [("scale", StandardScaler())]])
def test_what_a_function_makes_none_of_is_refused_by_the_step_that_would(function: Any, between: list[Any]) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 0.0, -2.0], "y": [4.0, 2.0, 1.0, 3.0, 5.0]})
    good = frame.head(3)
    steps = [("function", FunctionTransformer(function)), *between, ("model", LinearRegression())]
    model = Pipeline(steps).fit(good, [1.0, 2.0, 4.0])
    graph = harness.convert_predictor(model, frame)
    refused = harness.run(graph, frame)["refused"].any(axis=1)
    for row in range(len(frame)):
        try:
            with np.errstate(all="ignore"):
                model.predict(frame.iloc[[row]])
        except ValueError:
            assert refused[row]
        else:
            assert not refused[row]
    # A reciprocal rises nowhere and falls in two places: no raw number can be told from its answer.
    assert {guard.column for guard in graph.guards} == ({None} if function is np.reciprocal else {"x", "y"})
    assert refused.any()


def test_where_the_next_step_takes_none_nothing_is_refused() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, -2.0]})
    with np.errstate(invalid="ignore"):
        model = make_pipeline(FunctionTransformer(np.sqrt), SimpleImputer(), LinearRegression()).fit(
            frame, [1, 2, 3, 4]
        )
        expected = model.predict(frame)
    answers = harness.predict(model, frame)
    np.testing.assert_allclose(answers["values"], expected)
    assert not answers.get("refused", np.zeros(1)).any()
