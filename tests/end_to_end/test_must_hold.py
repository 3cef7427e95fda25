"""What must hold of every package, on the shapes that have gone wrong before: packed, loaded and asked as a user would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import holdall
from tests import workload

RANDOM = np.random.default_rng(0)


def probabilities(answer: pd.DataFrame) -> np.ndarray:
    return answer[[name for name in answer if name.startswith("probability_")]].to_numpy()


def same(model: Any, table: pd.DataFrame, name: str = "m", sample: pd.DataFrame | None = None) -> holdall.Model:
    """Pack, load, and compare the answers on `table` with the live model's. The loaded model."""
    package = holdall.pack(model, name=name, sample=table if sample is None else sample)
    assert package.manifest.portable, package.manifest.blockers
    loaded = holdall.load(name)
    answer = loaded.predict(table)
    expected = model.predict(table)
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(probabilities(answer), model.predict_proba(table), rtol=0, atol=1e-9)
    if np.asarray(expected).dtype.kind == "f":
        np.testing.assert_allclose(answer["prediction"], expected, rtol=1e-9)
    else:
        assert (answer["prediction"].to_numpy() == expected).all()
    return loaded


@pytest.mark.slow
def test_the_workload_has_no_label_flip_in_100_000_unseen_rows() -> None:
    table, labels = workload.frame(20_000)
    model = workload.pipeline().fit(table, labels)
    unseen, _ = workload.frame(100_000, seed=9)
    strange = unseen.tail(2_000).copy()
    strange.loc[strange.index[::3], "c1"] = "never seen"
    strange.loc[strange.index[::5], "c2"] = None
    strange.loc[strange.index[::7], "n3"] = np.nan
    package = holdall.pack(model, name="churn", sample=table.head(5_000))
    parity = package.parity()
    assert package.manifest.portable
    assert parity is not None
    assert parity.passed
    loaded = holdall.load("churn")
    for rows in (unseen, strange):
        answer, expected = loaded.predict(rows), model.predict_proba(rows)
        assert (answer["prediction"].to_numpy() == model.classes_[expected.argmax(1)]).all()
        assert np.abs(probabilities(answer) - expected).max() <= 1e-9


def test_a_decision_tree_on_epoch_seconds_finds_the_right_leaf() -> None:
    seconds = 1_700_000_000 + RANDOM.integers(0, 90_000, 2_000)
    table = pd.DataFrame({"seconds": seconds.astype(np.float64)})
    same(DecisionTreeRegressor(random_state=0).fit(table, RANDOM.normal(size=2_000)), table)
    same(DecisionTreeClassifier(random_state=0).fit(table, seconds % 7), table)


def test_a_forest_tells_integers_beyond_what_float32_holds_as_the_live_one_does() -> None:
    numbers = 2**24 + RANDOM.integers(0, 400, 1_000)
    table = pd.DataFrame({"number": numbers, "other": RANDOM.integers(-5, 5, 1_000)})
    same(RandomForestClassifier(20, random_state=0).fit(table, numbers % 3), table)
    same(RandomForestRegressor(20, random_state=0).fit(table, numbers % 11), table)


@pytest.mark.parametrize("marker", [None, np.nan])
def test_an_encoder_knows_the_marker_it_was_fitted_on(marker: float | None) -> None:
    towns = np.array(["Ulm", "Bonn", marker, "Köln"] * 30, object)
    table = pd.DataFrame({"town": pd.Series(towns, dtype=object), "size": RANDOM.normal(size=120)})
    encode = ColumnTransformer([("town", OneHotEncoder(handle_unknown="ignore"), ["town"])], remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(table, [0, 1, 1, 0] * 30)
    loaded = same(model, table)
    record = loaded.predict({"town": None, "size": 0.0})
    missing = pd.DataFrame({"town": pd.Series([marker], dtype=object), "size": [0.0]})
    assert record["probability_1"] == pytest.approx(model.predict_proba(missing)[0, 1], abs=1e-12)


@pytest.mark.filterwarnings("ignore:Skipping features")
def test_a_column_that_was_all_null_stays_as_the_imputer_left_it() -> None:
    table = pd.DataFrame({"empty": np.full(60, np.nan), "full": RANDOM.normal(size=60)})
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    same(model.fit(table, [0, 1] * 30), table)


def test_a_thousand_columns() -> None:
    table = pd.DataFrame(RANDOM.normal(size=(300, 1_000)), columns=[f"column {i}" for i in range(1_000)])
    loaded = same(make_pipeline(StandardScaler(), LogisticRegression()).fit(table, [0, 1, 2] * 100), table)
    assert len(loaded.predict(table.head(1))) == 1


def test_a_hundred_classes_with_names() -> None:
    table = pd.DataFrame(RANDOM.normal(size=(1_000, 4)), columns=list("abcd"))
    labels = np.array([f"class {i % 100}" for i in range(1_000)])
    same(RandomForestClassifier(10, random_state=0).fit(table, labels), table)
    same(LogisticRegression(max_iter=200).fit(table, labels), table)


def test_no_rows_and_one_row() -> None:
    table = pd.DataFrame({"a": RANDOM.normal(size=50), "b": ["x", "y"] * 25})
    encode = ColumnTransformer([("b", OrdinalEncoder(), ["b"])], remainder="passthrough")
    model = make_pipeline(encode, RandomForestClassifier(5, random_state=0)).fit(table, ["no", "yes"] * 25)
    loaded = same(model, table)
    none = loaded.predict(table.head(0))
    assert len(none) == 0
    assert list(none) == ["prediction", "probability_no", "probability_yes"]
    one = loaded.predict(table.head(1))
    assert one["prediction"].tolist() == model.predict(table.head(1)).tolist()
    assert loaded.predict([]) == []


def test_an_outlier_detector_gives_every_output_that_it_has() -> None:
    table = pd.DataFrame(RANDOM.normal(size=(200, 3)), columns=list("abc"))
    model = IsolationForest(random_state=0).fit(table)
    answer = same(model, table).predict(table)
    np.testing.assert_allclose(answer["decision"], model.decision_function(table), atol=1e-12)
    np.testing.assert_allclose(answer["score"], model.score_samples(table), atol=1e-12)


def test_a_category_that_the_model_refuses_is_refused_by_name() -> None:
    table = pd.DataFrame({"town": ["Ulm", "Bonn"] * 20, "size": RANDOM.normal(size=40)})
    encode = ColumnTransformer([("town", OneHotEncoder(), ["town"])], remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(table, [0, 1] * 20)
    loaded = same(model, table)
    rows = [{"town": "Ulm", "size": 1.0}, {"town": "Rom", "size": 1.0}]
    with pytest.raises(holdall.Error, match=r"rows\[1\]\.town"):
        loaded.predict(rows)
    with pytest.raises(holdall.Error, match=r"rows\[0\]\.size"):
        loaded.predict([{"town": "Ulm", "size": "big"}])


def test_an_unfitted_model_and_a_missing_sample_are_told_with_what_to_do() -> None:
    with pytest.raises(holdall.Error, match="not fitted"):
        holdall.pack(LogisticRegression(), name="m", sample=pd.DataFrame({"a": [1.0]}))
    model = LogisticRegression().fit(pd.DataFrame({"a": [0.0, 1.0]}), [0, 1])
    with pytest.raises(holdall.Error, match="sample") as caught:
        holdall.pack(model, name="m")
    assert "sample=" in str(caught.value.hint)  # type: ignore[attr-defined]


def test_packing_the_same_again_gives_the_same_version_and_another_metric_a_new_one() -> None:
    table = pd.DataFrame(RANDOM.normal(size=(100, 3)), columns=list("abc"))
    model = RandomForestClassifier(10, random_state=0, n_jobs=-1).fit(table, [0, 1] * 50)
    first = holdall.pack(model, name="m", sample=table, metrics={"auc": 0.8})
    again = holdall.pack(model, name="m", sample=table, metrics={"auc": 0.8})
    assert (again.version, again.reused, again.digest) == (first.version, True, first.digest)
    other = holdall.pack(model, name="m", sample=table, metrics={"auc": 0.9})
    assert (other.version, other.reused) == ("1.0.1", False)
    assert other.manifest.fingerprint() == first.manifest.fingerprint()
