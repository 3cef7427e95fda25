"""Every output that an estimator has, under the house's names, through a package and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import SparsePCA
from sklearn.ensemble import BaggingRegressor, RandomForestClassifier
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC

import holdall
from holdall.errors import UnsupportedModel
from holdall.frameworks.sklearn.framework import FRAMEWORK

RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.normal(size=(120, 4)), columns=list("abcd"))
NUMBERS = np.column_stack([X.a + X.b, X.c - X.d])
FLAGS = (NUMBERS > 0).astype(int)
WORDS = np.array(["no", "yes"], object)[FLAGS]
TARGETS = ["target_0", "target_1"]
OF_ONE = ["target_0_probability_1", "target_1_probability_1"]
OF_TWO = [f"target_{i}_probability_{word}" for i in (0, 1) for word in ("no", "yes")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "truth", "outputs"),
    [
        (BaggingRegressor(n_estimators=3, random_state=0), NUMBERS, TARGETS),
        (KernelRidge(), NUMBERS, TARGETS),
        (RegressorChain(Ridge()), NUMBERS, TARGETS),
        (MultiOutputRegressor(Ridge()), NUMBERS, TARGETS),
        (PLSRegression(2), NUMBERS, [*TARGETS, "plsregression0", "plsregression1"]),
        (LinearRegression(), NUMBERS[:, :1], ["prediction"]),
        (OneVsRestClassifier(LogisticRegression()), FLAGS, [*TARGETS, *OF_ONE]),
        (MLPClassifier(max_iter=20, random_state=0), FLAGS, [*TARGETS, *OF_ONE]),
        (ClassifierChain(LogisticRegression()), FLAGS, [*TARGETS, *OF_ONE]),
        (RidgeClassifier(), FLAGS, TARGETS),
        (MultiOutputClassifier(LogisticRegression()), WORDS, [*TARGETS, *OF_TWO]),
        (RandomForestClassifier(5, random_state=0), WORDS, [*TARGETS, *OF_TWO]),
        (KNeighborsClassifier(), WORDS, [*TARGETS, *OF_TWO]),
        (
            SVC(decision_function_shape="ovo"),
            FLAGS.sum(1),
            ["prediction", "decision_0_1", "decision_0_2", "decision_1_2"],
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_every_target_is_answered_under_its_name(model: Any, truth: Any, outputs: list[str]) -> None:
    package = holdall.pack(model.fit(X, truth), name="m", sample=X)
    assert package.manifest.portable, package.manifest.blockers
    answer = holdall.load("m").predict(X)
    assert list(answer) == outputs
    expected = np.asarray(model.predict(X)).reshape(len(X), -1)
    given = answer[[name for name in outputs if name in ("prediction", *TARGETS)]].to_numpy()
    if expected.dtype == object:
        assert (given == expected).all()
    else:
        np.testing.assert_allclose(given.astype(float), expected.astype(float), rtol=1e-9, atol=1e-12)


def test_classes_of_one_target_are_told_and_those_of_several_are_not() -> None:
    one = holdall.pack(LogisticRegression().fit(X, WORDS[:, 0]), name="one", sample=X)
    several = holdall.pack(KNeighborsClassifier().fit(X, WORDS), name="several", sample=X)
    assert one.manifest.classes == ("no", "yes")
    assert several.manifest.classes is None


DOCUMENTS = ["the cat sat", "ein Hund läuft", "schöne Grüße", "a dog ran"] * 10


@pytest.mark.parametrize(
    "sample",
    [DOCUMENTS, pd.Series(DOCUMENTS, name="doc"), pd.DataFrame({"doc": DOCUMENTS})],
    ids=["list", "series", "frame"],
)
def test_a_model_of_documents_takes_them_as_a_list_a_series_or_a_column(sample: Any) -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(DOCUMENTS, [0, 1, 1, 0] * 10)
    package = holdall.pack(model, name="m", sample=sample)
    assert not package.manifest.portable
    assert "Unicode" in package.manifest.blockers[0].cause
    loaded = holdall.load("m")
    expected = model.predict_proba(["der Hund", "the cat"])[:, 1]
    records = loaded.predict(["der Hund", "the cat"])
    assert [record["probability_1"] for record in records] == pytest.approx(expected)
    series = loaded.predict(pd.Series(["der Hund", "the cat"], index=[7, 8]))
    assert series["probability_1"].tolist() == pytest.approx(expected)
    assert series.index.tolist() == [7, 8]


def test_a_transformer_that_squeezes_one_row_keeps_its_columns() -> None:
    model = SparsePCA(2, random_state=0).fit(X)
    holdall.pack(model, name="m", sample=X)
    assert holdall.load("m").predict(X.head(1)).shape == (1, 2)


def as_it_is(table: pd.DataFrame) -> pd.DataFrame:
    """A step that only its own module knows."""
    return table


def test_a_native_transformer_of_text_keeps_its_nulls_and_its_pickle_needs_trust() -> None:
    table = pd.DataFrame({"town": pd.Series(["Ulm", None, "Bonn", "Rom"] * 10, dtype=object)})
    model = FunctionTransformer(as_it_is, feature_names_out="one-to-one").fit(table)
    holdall.pack(model, name="m", sample=table, allow_pickle=True)
    loaded = holdall.load("m", trust="pickle")
    assert [record["town"] for record in loaded.predict(table.head(2).to_dict("records"))] == ["Ulm", None]


def test_an_encoder_fitted_on_two_markers_is_told_of() -> None:
    towns = np.array(["Ulm", None, np.nan, "Bonn"] * 10, object)
    table = pd.DataFrame({"town": pd.Series(towns, dtype=object)})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table, [0, 1, 0, 1] * 10)
    package = holdall.pack(model, name="m", sample=table)
    assert any("both None and NaN" in note for note in package.notes)


def test_a_polars_sample_stands_for_the_pandas_frame_of_the_same_values() -> None:
    table = pd.DataFrame({"size": RANDOM.normal(size=40), "town": ["Ulm", "Bonn"] * 20})
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["town"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(table, [0, 1] * 20)
    by_polars = holdall.pack(
        model, name="polars", sample=pl.DataFrame({"size": table["size"], "town": list(table["town"])})
    )
    assert by_polars.manifest.portable
    answer = holdall.load("polars").predict(pl.from_dicts(table.head(5).to_dict("records")))
    assert isinstance(answer, pl.DataFrame)
    np.testing.assert_allclose(answer["probability_1"], model.predict_proba(table.head(5))[:, 1], rtol=1e-9)


def test_what_does_not_give_one_row_for_one_row_is_told_of() -> None:
    with pytest.raises(UnsupportedModel, match="each image"):
        FRAMEWORK.describe(PatchExtractor().fit(np.zeros((2, 4, 4))))
