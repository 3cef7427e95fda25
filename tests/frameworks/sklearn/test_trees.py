"""Trees and their ensembles against scikit-learn itself, on rows that lie exactly on thresholds and beside them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor
from threadpoolctl import threadpool_limits

import holdall.frameworks.sklearn.dummies
import holdall.frameworks.sklearn.encoding
import holdall.frameworks.sklearn.linear
import holdall.frameworks.sklearn.scaling
import holdall.frameworks.sklearn.trees  # noqa: F401 - importing registers the converters
from holdall.errors import NotPortable
from holdall.frameworks.sklearn import trees
from holdall.graph.conversion import Conversion
from holdall.spec.schema import Field, Kind, Schema
from tests.frameworks.sklearn import harness

PROBABILITY = 1e-12
IN_FLOAT32 = {"relative": 1e-5, "absolute": 1e-6}
"""A linear first guess is given float32 by scikit-learn and computes in it; the graph computes in double."""
LARGEST = float(np.finfo(np.float32).max)


@pytest.fixture(autouse=True)
def _one_thread():
    """Training these small models on every core only makes the cores wait for each other."""
    with threadpool_limits(1):
        yield


CLASSIFIERS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "tree by entropy": DecisionTreeClassifier(criterion="entropy", max_depth=4, random_state=0),
    "tree at random": DecisionTreeClassifier(splitter="random", min_samples_leaf=5, random_state=0),
    "extra tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(12, random_state=0),
    "forest of shallow trees": RandomForestClassifier(12, max_depth=3, max_features=None, random_state=0),
    "extra trees": ExtraTreesClassifier(12, max_depth=6, bootstrap=True, random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=12, random_state=0),
    "gradient boosting from zero": GradientBoostingClassifier(n_estimators=12, init="zero", random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=12, random_state=0),
}
REGRESSORS = {
    "tree": DecisionTreeRegressor(random_state=0),
    "tree by absolute error": DecisionTreeRegressor(criterion="absolute_error", max_depth=4, random_state=0),
    "extra tree": ExtraTreeRegressor(random_state=0),
    "forest": RandomForestRegressor(12, random_state=0),
    "extra trees": ExtraTreesRegressor(12, random_state=0),
    "gradient boosting": GradientBoostingRegressor(n_estimators=12, random_state=0),
    "gradient boosting by quantile": GradientBoostingRegressor(
        n_estimators=12, loss="quantile", alpha=0.8, random_state=0
    ),
    "gradient boosting by huber": GradientBoostingRegressor(n_estimators=12, loss="huber", random_state=0),
    "gradient boosting from zero": GradientBoostingRegressor(n_estimators=12, init="zero", random_state=0),
    "histogram boosting": HistGradientBoostingRegressor(max_iter=12, random_state=0),
    "histogram boosting by absolute error": HistGradientBoostingRegressor(
        max_iter=12, loss="absolute_error", random_state=0
    ),
    "histogram boosting by quantile": HistGradientBoostingRegressor(
        max_iter=12, loss="quantile", quantile=0.3, random_state=0
    ),
    "histogram boosting by poisson": HistGradientBoostingRegressor(max_iter=12, loss="poisson", random_state=0),
    "histogram boosting by gamma": HistGradientBoostingRegressor(max_iter=12, loss="gamma", random_state=0),
}
FLOAT32 = [name for name in CLASSIFIERS if not name.startswith("histogram")]


def frame_of(values: Any) -> pd.DataFrame:
    matrix = np.asarray(values)
    return pd.DataFrame(matrix, columns=[f"x{index}" for index in range(matrix.shape[1])])


def quiet(function, *arguments):
    """Overflow to float32 is meant here; scikit-learn warns of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


def live(model, method, frame):
    return quiet(getattr(model, method), frame if hasattr(model, "feature_names_in_") else frame.to_numpy())


def fitted(model, frame, target):
    from sklearn.base import clone

    return quiet(clone(model).fit, frame, target)


def same_labels(labels, expected, top):
    """No flip but where the live model's own best two are equal."""
    flips = labels != expected
    if top is not None and flips.any():
        best = np.sort(top[flips], axis=1)[:, -2:]
        assert (best[:, 1] == best[:, 0]).all(), "a label flipped where there was no tie"
    else:
        assert not flips.any()


def agree(model, frame, convert_on=None, graph=None, relative=1e-13, absolute=PROBABILITY):
    """Assert that the graph answers as the model does, on every method; returns the graph's answers."""
    graph = harness.convert_predictor(model, frame if convert_on is None else convert_on) if graph is None else graph
    given = harness.run(graph, frame)
    assert not given.get("refused", np.zeros(1, bool)).any()
    expected = live(model, "predict", frame)
    if "target0_labels" in given:
        probability = live(model, "predict_proba", frame)
        for index, classes in enumerate(model.classes_):
            np.testing.assert_allclose(
                given[f"target{index}_probability"], probability[index], rtol=1e-12, atol=PROBABILITY
            )
            np.testing.assert_array_equal(classes[given[f"target{index}_labels"]], expected[:, index])
        return given
    if "labels" in given:
        probability = live(model, "predict_proba", frame) if hasattr(model, "predict_proba") else None
        classes = getattr(model, "classes_", None)
        labels = given["labels"] if classes is None else classes[given["labels"]]
        assert given["labels"].dtype == np.int64
        same_labels(labels, expected, probability)
        if probability is not None:
            np.testing.assert_allclose(given["probability"], probability, rtol=0, atol=absolute)
    else:
        np.testing.assert_allclose(given["values"], expected, rtol=relative, atol=absolute)
    for name, method in (("decision", "decision_function"), ("score", "score_samples")):
        if hasattr(model, method):
            np.testing.assert_allclose(given[name], live(model, method, frame), rtol=10 * relative, atol=absolute)
    return given


def on_thresholds(model, frame, base_rows=3, most=40):
    """Rows at every threshold of every column and one ulp of float32 and of float64 beside it."""
    boundaries = harness.convert_predictor(model, frame).boundaries
    random = np.random.default_rng(0)
    rows = []
    for name, spots in boundaries.items():
        chosen = spots if len(spots) <= most else random.choice(spots, most, replace=False)
        with np.errstate(over="ignore"):
            singles = chosen.astype(np.float32)
        spread = [chosen, np.nextafter(chosen, -np.inf), np.nextafter(chosen, np.inf), singles.astype(float)]
        spread += [np.nextafter(singles, np.float32(way)).astype(float) for way in (-np.inf, np.inf)]
        # Where rounding to float32 itself tips: half way between two neighbours, and just beside that.
        for way in (-np.inf, np.inf):
            middle = (singles.astype(float) + np.nextafter(singles, np.float32(way)).astype(float)) / 2
            spread += [middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)]
        for value in np.concatenate(spread):
            base = frame.iloc[random.integers(0, len(frame), base_rows)].astype(float).copy()
            base[name] = value
            rows.append(base)
    return pd.concat(rows, ignore_index=True)


def classification(classes=2, rows=300, columns=5):
    X, y = make_classification(
        rows, columns, n_informative=columns, n_redundant=0, n_classes=classes, n_clusters_per_class=1, random_state=1
    )
    return frame_of(X), y


def regression(rows=300, columns=5, targets=1):
    X, y = make_regression(rows, columns, n_targets=targets, noise=5.0, random_state=1)
    return frame_of(X), np.abs(y) + 1.0


# ---- every estimator


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_exactly_on_and_beside_every_threshold(name, classes):
    frame, target = classification(classes)
    model = fitted(CLASSIFIERS[name], frame, np.array(["b", "a", "c"])[target])
    rows = on_thresholds(model, frame)
    assert len(rows) > 100
    agree(model, pd.concat([frame, rows], ignore_index=True))


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_answers_exactly_on_and_beside_every_threshold(name):
    frame, target = regression()
    model = fitted(REGRESSORS[name], frame, target)
    rows = on_thresholds(model, frame)
    assert len(rows) > 100
    agree(model, pd.concat([frame, rows], ignore_index=True))


@pytest.mark.parametrize("name", FLOAT32)
def test_rounding_to_float32_is_not_left_out(name):
    """Doubles compared as they are would send such a row to the other leaf; this fails if the graph stops rounding."""
    frame, target = classification()
    model = fitted(CLASSIFIERS[name], frame, target)
    rows = on_thresholds(model, frame)
    singles = rows.astype(np.float32).astype(np.float64)
    first = model.estimators_[0] if hasattr(model, "estimators_") else model
    tree = np.ravel(first)[0].tree_
    unrounded = walk(tree, rows.to_numpy())
    rounded = walk(tree, singles.to_numpy())
    assert (unrounded != rounded).any()
    agree(model, rows)


def walk(tree, rows):
    """The leaf that each row reaches in double."""
    node = np.zeros(len(rows), int)
    while (inner := tree.children_left[node] >= 0).any():
        left = rows[np.arange(len(rows)), np.maximum(tree.feature[node], 0)] <= tree.threshold[node]
        node = np.where(inner, np.where(left, tree.children_left[node], tree.children_right[node]), node)
    return node


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_row_and_no_row_are_classified(name):
    frame, target = classification(3)
    model = fitted(CLASSIFIERS[name], frame, target)
    graph = harness.convert_predictor(model, frame)
    agree(model, frame.iloc[[7]], graph=graph)
    empty = harness.run(graph, frame.iloc[:0])
    assert empty["labels"].shape == (0,)
    assert empty["probability"].shape == (0, 3)


@pytest.mark.parametrize("name", REGRESSORS)
def test_one_row_and_no_row_get_their_values(name):
    frame, target = regression()
    model = fitted(REGRESSORS[name], frame, target)
    graph = harness.convert_predictor(model, frame)
    agree(model, frame.iloc[[7]], graph=graph)
    assert harness.run(graph, frame.iloc[:0])["values"].shape == (0,)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_column_that_never_varies_makes_trees_of_one_leaf(name):
    frame = frame_of(np.ones((40, 2)))
    model = fitted(CLASSIFIERS[name], frame, np.arange(40) % 2)
    agree(model, frame_of([[1.0, 1.0], [1e9, -5.0]]))


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_constant_target_makes_trees_of_one_leaf(name):
    frame, _ = regression(60)
    model = fitted(REGRESSORS[name], frame, np.full(60, 2.5))
    agree(model, frame)


# ---- missing values, infinities, numbers that float32 cannot hold


def with_missing(frame, share=0.15, seed=3):
    random = np.random.default_rng(seed)
    return frame.mask(random.random(frame.shape) < share)


ALLOWING = ["tree", "tree at random", "extra tree", "forest", "extra trees", "histogram boosting"]


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("name", ["tree", "forest", "extra trees", "histogram boosting", "tree at random"])
def test_missing_values_go_where_the_model_sends_them(name, learned):
    frame, target = classification(3)
    model = fitted(CLASSIFIERS[name], with_missing(frame) if learned else frame, target)
    rows = with_missing(pd.concat([frame, on_thresholds(model, frame, base_rows=1)], ignore_index=True), seed=4)
    rows.iloc[0] = np.nan
    agree(model, rows)


@pytest.mark.parametrize("name", ["tree", "forest", "extra trees", "histogram boosting"])
def test_missing_values_go_where_the_regressor_sends_them(name):
    frame, target = regression()
    model = fitted(REGRESSORS[name], with_missing(frame), target)
    agree(model, with_missing(frame, seed=5))


def test_a_split_of_missing_from_present_values_is_kept():
    values = np.array([1.0, 2.0, 3.0, np.nan] * 20)
    target = np.isnan(values).astype(int)
    rows = frame_of([[np.nan], [-np.inf], [np.inf], [0.0], [1e300]])
    for model in (
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=1),
        DecisionTreeClassifier(),
        RandomForestClassifier(3, random_state=0),
    ):
        found = fitted(model, frame_of(values[:, None]), target)
        fine = rows if isinstance(model, HistGradientBoostingClassifier) else rows.iloc[[0, 3]]
        assert agree(found, fine)["labels"][0] == 1


def refusals(model, frame):
    """For each row whether scikit-learn itself refuses it."""
    refused = []
    for index in range(len(frame)):
        try:
            live(model, "predict", frame.iloc[[index]])
            refused.append(False)
        except ValueError:
            refused.append(True)
    return refused


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_rows_that_the_model_refuses_are_refused_and_no_others(name):
    frame, target = classification()
    model = fitted(CLASSIFIERS[name], frame, target)
    odd = [
        np.inf,
        -np.inf,
        np.nan,
        1e300,
        -1e39,
        LARGEST,
        -LARGEST,
        np.nextafter(LARGEST * (1 + 2.0**-25), 0),
        3.5e38,
        0,
    ]
    rows = pd.concat([frame.iloc[[0]]] * len(odd), ignore_index=True)
    rows["x3"] = odd
    rows = pd.concat([rows, rows.assign(x1=np.nan)], ignore_index=True)
    answers = harness.predict(model, rows)
    expected = refusals(model, rows)
    given = answers.get("refused", np.zeros((len(rows), 1), bool))
    assert given.any(axis=1).tolist() == expected
    accepted = rows[~np.array(expected)]
    agree(model, accepted, convert_on=rows)


def test_a_refusal_names_the_only_column_and_otherwise_none():
    frame, target = classification()
    several = harness.convert_predictor(fitted(DecisionTreeClassifier(), frame, target), frame)
    assert [(guard.column, guard.reason) for guard in several.guards] == [(None, trees.TOO_LARGE)]
    one = frame[["x2"]]
    single = harness.convert_predictor(fitted(GradientBoostingClassifier(n_estimators=2), one, target), one)
    assert [(guard.column, guard.reason) for guard in single.guards] == [("x2", trees.TOO_LARGE_OR_MISSING)]


def limited(frame, **field):
    return Schema(
        inputs=tuple(Field(name=name, kind=Kind.FLOAT, dtype="float64", **field) for name in frame), outputs=()
    )


@pytest.mark.parametrize(
    ("model", "field", "guarded"),
    [
        (DecisionTreeClassifier(), {"limit": LARGEST, "nullable": True}, False),
        (DecisionTreeClassifier(), {"limit": 1e308}, True),
        (DecisionTreeClassifier(), {}, True),
        (GradientBoostingClassifier(n_estimators=2), {"limit": LARGEST}, False),
        (GradientBoostingClassifier(n_estimators=2), {"limit": LARGEST, "nullable": True}, True),
    ],
)
def test_rows_are_looked_at_only_where_the_schema_lets_a_refused_one_through(model, field, guarded):
    frame, target = classification()
    conversion = Conversion(limited(frame, **field))
    name = type(model).__name__
    answer = trees.registry.predict(fitted(model, frame, target), conversion.table, conversion, name)
    graph = conversion.finish({"labels": (answer.labels, ("labels",))})
    assert bool(graph.guards) == guarded


# ---- numbers of other kinds


@pytest.mark.parametrize("name", ["tree", "forest", "gradient boosting", "histogram boosting"])
def test_seconds_since_1970_are_told_apart_as_the_model_tells_them(name):
    random = np.random.default_rng(2)
    seconds = 1_700_000_000 + random.integers(0, 100_000, 400)
    frame = pd.DataFrame({"when": seconds, "x": random.normal(size=400)})
    model = fitted(CLASSIFIERS[name], frame, (seconds % 1000 > 500).astype(int))
    every = pd.DataFrame({"when": np.arange(1_700_000_000, 1_700_100_000, 17), "x": 0.0})
    agree(model, every)
    agree(model, every.astype({"when": float}) + 0.25)


@pytest.mark.parametrize("name", ["tree", "forest", "histogram boosting"])
def test_whole_numbers_beyond_float32_and_float64_round_as_they_do_in_the_model(name):
    random = np.random.default_rng(3)
    base = np.concatenate([2**24 + np.arange(200), 2**53 + np.arange(200), 2**62 + np.arange(0, 200)])
    frame = pd.DataFrame({"number": base, "other": random.permutation(base)})
    model = fitted(CLASSIFIERS[name], frame, random.integers(0, 2, len(base)))
    # Just above half way between two float32s: rounding to a double first would land on the middle and go to even.
    halves = [2**24 + 1, 2**54 + 2**30 + 1, 2**61 + 2**37 + 1, -(2**54) - 2**30 - 1]
    rows = pd.DataFrame({"number": halves + base.tolist(), "other": halves + base.tolist()})
    agree(model, rows)
    mixed = rows.assign(other=rows["other"].astype(float))
    agree(
        fitted(CLASSIFIERS[name], frame.assign(other=frame["other"].astype(float)), random.integers(0, 2, len(base))),
        mixed,
    )


@pytest.mark.parametrize("name", ["tree", "forest", "gradient boosting", "histogram boosting"])
def test_flags_whole_numbers_and_float32_columns_are_taken(name):
    random = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "flag": random.random(300) < 0.5,
            "count": random.integers(0, 50, 300),
            "single": random.normal(size=300).astype(np.float32),
            "double": random.normal(size=300),
        }
    )
    target = ((frame["count"] > 20) ^ frame["flag"] ^ (frame["double"] > 0)).astype(int)
    model = fitted(CLASSIFIERS[name], frame, target)
    agree(model, frame)


def test_thresholds_are_told_in_the_units_of_the_raw_column():
    frame, target = classification()
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3)).fit(frame * 1000 + 7, target)
    conversion = Conversion(harness.schema_of(frame))
    scaled = trees.registry.transform(model[0], conversion.table, conversion, "scale")
    answer = trees.registry.predict(model[1], scaled, conversion, "tree")
    found = conversion.finish({"labels": (answer.labels, ("labels",))}).boundaries
    tree = model[1].tree_
    for feature in np.unique(tree.feature[tree.feature >= 0]):
        spots = tree.threshold[tree.feature == feature]
        raw = spots * model[0].scale_[feature] + model[0].mean_[feature]
        np.testing.assert_allclose(found[f"x{feature}"], np.unique(raw), rtol=1e-9)


# ---- size and shape


@pytest.mark.parametrize("name", ["tree", "forest of shallow trees", "gradient boosting", "histogram boosting"])
def test_a_hundred_classes(name):
    random = np.random.default_rng(5)
    target = np.repeat(np.arange(100), 8)
    frame = frame_of(random.normal(size=(800, 4)) + target[:, None] / 10)
    model = CLASSIFIERS[name]
    small = model.set_params(n_estimators=3) if name == "gradient boosting" else model
    found = fitted(small, frame, target)
    agree(found, frame)


def test_a_tree_a_hundred_levels_deep():
    values = np.cumsum(1.5 ** np.arange(120))
    frame = frame_of(values[:, None])
    model = fitted(DecisionTreeRegressor(criterion="absolute_error"), frame, 3.0 ** np.arange(120))
    assert model.get_depth() >= 100
    agree(model, pd.concat([frame, on_thresholds(model, frame, base_rows=1, most=120)], ignore_index=True))


@pytest.mark.parametrize(
    "maker", [DecisionTreeClassifier, ExtraTreeClassifier, RandomForestClassifier, ExtraTreesClassifier]
)
def test_several_targets_with_different_numbers_of_classes(maker):
    frame, target = classification(3)
    both = np.column_stack([target, (frame["x0"] > 0).astype(int), np.arange(len(frame)) % 5])
    options = {"n_estimators": 7} if "Forest" in maker.__name__ or "Trees" in maker.__name__ else {}
    model = fitted(maker(max_depth=5, random_state=0, **options), frame, both)
    answers = agree(model, frame)
    assert [answers[f"target{index}_probability"].shape[1] for index in range(3)] == [3, 2, 5]


@pytest.mark.parametrize(
    "maker", [DecisionTreeRegressor, ExtraTreeRegressor, RandomForestRegressor, ExtraTreesRegressor]
)
def test_several_numbers_at_once(maker):
    frame, target = regression(targets=3)
    options = {"n_estimators": 7} if "Forest" in maker.__name__ or "Trees" in maker.__name__ else {}
    assert agree(fitted(maker(random_state=0, **options), frame, target), frame)["values"].shape == (300, 3)


def test_a_single_class_is_certain():
    frame, _ = classification()
    for model in (DecisionTreeClassifier(), RandomForestClassifier(3)):
        agree(fitted(model, frame, np.zeros(300)), frame)
    with pytest.raises(NotPortable, match="single class"):
        harness.convert_predictor(fitted(HistGradientBoostingClassifier(max_iter=2), frame, np.zeros(300)), frame)


def test_sums_of_a_forest_are_bit_for_bit_those_of_the_model():
    """Ties between classes are decided by the last bit, so the order of the sums counts."""
    frame, target = classification(3)
    model = fitted(RandomForestClassifier(60, max_depth=4, random_state=0), frame, target)
    np.testing.assert_array_equal(agree(model, frame)["probability"], model.predict_proba(frame))


@pytest.mark.parametrize("maker", [DecisionTreeRegressor, RandomForestRegressor, HistGradientBoostingRegressor])
def test_monotone_columns_stay_monotone_and_exact(maker):
    frame, target = regression()
    frame = frame[["x0", "x1"]]
    model = fitted(maker(monotonic_cst=[1, -1], random_state=0), frame, target)
    line = pd.DataFrame({"x0": np.linspace(-4, 4, 500), "x1": 0.0})
    values = agree(model, line)["values"]
    assert (np.diff(values) >= 0).all()


# ---- boosting


def test_the_exponential_loss_doubles_before_its_logistic():
    frame, target = classification()
    agree(fitted(GradientBoostingClassifier(n_estimators=10, loss="exponential"), frame, target), frame)


@pytest.mark.parametrize("loss", ["log_loss", "exponential"])
@pytest.mark.parametrize(
    "init", [LogisticRegression(), DummyClassifier(strategy="most_frequent"), DecisionTreeClassifier(max_depth=2)]
)
def test_boosting_starts_from_an_estimator_of_the_users_own(init, loss):
    frame, target = classification()
    model = fitted(GradientBoostingClassifier(n_estimators=5, init=init, loss=loss), frame, target)
    agree(model, frame, **(IN_FLOAT32 if isinstance(init, LogisticRegression) else {}))


@pytest.mark.parametrize("init", [LogisticRegression(), RandomForestClassifier(5, random_state=0)])
def test_boosting_of_many_classes_starts_from_an_estimator_of_the_users_own(init):
    frame, target = classification(3)
    model = fitted(GradientBoostingClassifier(n_estimators=5, init=init), frame, target)
    agree(model, frame, **(IN_FLOAT32 if isinstance(init, LogisticRegression) else {}))


@pytest.mark.parametrize(
    "init", [LinearRegression(), DummyRegressor(strategy="median"), DecisionTreeRegressor(max_depth=2)]
)
def test_boosting_of_a_number_starts_from_an_estimator_of_the_users_own(init):
    frame, target = regression()
    model = fitted(GradientBoostingRegressor(n_estimators=5, init=init), frame, target)
    agree(model, frame, **(IN_FLOAT32 if isinstance(init, LinearRegression) else {}))


def test_a_random_first_guess_is_named_as_the_cause():
    frame, target = classification()
    model = fitted(GradientBoostingClassifier(n_estimators=2, init=DummyClassifier(strategy="uniform")), frame, target)
    with pytest.raises(NotPortable, match="drawn at random"):
        harness.convert_predictor(model, frame)


@pytest.mark.parametrize("stopping", [{"early_stopping": True, "max_iter": 60}, {"max_iter": 20, "max_features": 0.5}])
def test_histogram_boosting_with_options_of_training(stopping):
    frame, target = classification(3)
    agree(fitted(HistGradientBoostingClassifier(random_state=0, **stopping), frame, target), frame)


def test_gradient_boosting_that_stopped_early():
    frame, target = classification()
    model = GradientBoostingClassifier(n_estimators=50, n_iter_no_change=2, subsample=0.5, random_state=0)
    agree(fitted(model, frame, target), frame)


# ---- categories of histogram boosting


def categories(rows=600, levels=12, seed=6):
    random = np.random.default_rng(seed)
    text = np.array([f"städte-{level}" for level in range(levels)], object)
    code, other = random.integers(0, levels, rows), random.integers(0, 40, rows)
    frame = pd.DataFrame(
        {"number": random.normal(size=rows), "town": text[code], "kind": other, "size": random.normal(size=rows)}
    )
    effect = random.normal(size=levels)[code] + random.normal(size=40)[other] + frame["number"]
    return frame, (effect > effect.median()).astype(int).to_numpy()


@pytest.mark.parametrize("given", [["town", "kind"], [1, 2], [False, True, True, False]])
def test_columns_of_categories_are_split_by_sets(given):
    frame, target = categories()
    model = fitted(
        HistGradientBoostingClassifier(max_iter=15, categorical_features=given, random_state=0), frame, target
    )
    unseen = frame.assign(town="anderswo", kind=999)
    agree(model, pd.concat([frame, unseen], ignore_index=True))


def test_missing_and_unseen_categories_go_where_a_missing_value_goes():
    frame, target = categories()
    frame.loc[::7, "town"] = np.nan
    frame["kind"] = frame["kind"].astype(float).mask(np.arange(len(frame)) % 5 == 0)
    model = fitted(
        HistGradientBoostingClassifier(max_iter=15, categorical_features=["town", "kind"], random_state=0),
        frame,
        target,
    )
    unseen = frame.assign(town="anderswo", kind=999.0)
    agree(model, pd.concat([frame, unseen], ignore_index=True))


def test_categorical_dtypes_are_found_in_the_frame():
    frame, target = categories()
    frame = frame.astype({"town": "category"})
    model = fitted(
        HistGradientBoostingClassifier(max_iter=15, categorical_features="from_dtype", random_state=0), frame, target
    )
    assert model.is_categorical_.tolist() == [False, True, False, False]
    agree(model, frame)


def test_categories_of_a_numpy_matrix_and_of_many_levels():
    random = np.random.default_rng(7)
    codes = random.integers(0, 250, 3000)
    X = frame_of(np.column_stack([codes * 3 - 100, random.normal(size=3000)]).astype(float))
    target = random.normal(size=250)[codes] + X["x1"]
    model = quiet(HistGradientBoostingRegressor(max_iter=60, categorical_features=[0]).fit, X.to_numpy(), target)
    rows = pd.concat([X, X.assign(x0=random.integers(-1000, 1000, 3000) / 2), X.assign(x0=np.nan)], ignore_index=True)
    given = harness.predict(model, rows)
    np.testing.assert_allclose(given["values"], model.predict(rows.to_numpy()), rtol=1e-12)


def test_only_columns_of_categories():
    frame, target = categories()
    frame = frame[["town", "kind"]]
    model = fitted(HistGradientBoostingClassifier(max_iter=5, categorical_features=[0, 1]), frame, target)
    agree(model, frame)


def test_many_classes_with_categories():
    frame, target = categories()
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=["town"], random_state=0)
    agree(fitted(model, frame, target + (frame["size"] > 0)), frame)


# ---- isolation and embedding


@pytest.mark.parametrize(
    "options",
    [{}, {"contamination": 0.1}, {"max_features": 0.5}, {"max_samples": 2}, {"max_samples": 1}, {"bootstrap": True}],
)
def test_isolation_scores_are_exact(options):
    frame, _ = classification()
    model = fitted(IsolationForest(n_estimators=20, random_state=0, **options), frame, None)
    odd = frame_of(np.full((4, 5), 1.0) * np.array([[1e300], [-np.inf], [np.nan], [1e39]]))
    rows = (
        pd.concat([frame, on_thresholds(model, frame, most=10), odd], ignore_index=True)
        if options.get("max_samples") != 1
        else frame
    )
    agree(model, rows)


def test_isolation_with_missing_values_in_training():
    frame, _ = classification()
    model = fitted(IsolationForest(n_estimators=20, random_state=0), with_missing(frame), None)
    agree(model, with_missing(frame, seed=8))


@pytest.mark.parametrize("sparse", [True, False])
def test_random_trees_embed_a_row_as_its_leaves(sparse):
    frame, _ = classification()
    model = fitted(RandomTreesEmbedding(6, max_depth=4, sparse_output=sparse, random_state=0), frame, None)
    expected = model.transform(frame)
    answer = harness.transform(model, frame)
    np.testing.assert_array_equal(answer, expected.toarray() if sparse else expected)
    assert list(harness.convert_transformer(model, frame).outputs[0].columns) == model.get_feature_names_out().tolist()


# ---- what cannot be


def test_text_given_to_a_tree_is_named_as_the_cause():
    model = fitted(DecisionTreeClassifier(), frame_of([[1.0], [2.0]]), [0, 1])
    with pytest.raises(NotPortable, match="not numbers"):
        harness.convert_predictor(model, pd.DataFrame({"x0": ["a", "b"]}))


def test_the_same_model_gives_the_same_bytes():
    frame, target = categories()
    model = fitted(HistGradientBoostingClassifier(max_iter=5, categorical_features=["town"]), frame, target)
    assert harness.convert_predictor(model, frame).model == harness.convert_predictor(model, frame).model
