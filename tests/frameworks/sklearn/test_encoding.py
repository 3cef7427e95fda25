from __future__ import annotations

import datetime
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import (
    LabelBinarizer,
    LabelEncoder,
    MultiLabelBinarizer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import categories, compose, encoding, scaling  # noqa: F401
from tests.frameworks.sklearn import harness

WORDS = ["", "a", "b", "ä", "日本", "😀", "a ", " a", "A", "nan", "None", "x" * 10_000, "é\0b", "e\u0301"]


def answers(model: Any, frame: pd.DataFrame) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.transform(frame)
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float64)


def agree(model: Any, fitted_on: pd.DataFrame, given: pd.DataFrame) -> None:
    """The graph's answers are the live model's, and the graph refuses no row."""
    graph = harness.convert_transformer(model, fitted_on)
    found = harness.run(graph, given)
    np.testing.assert_array_equal(found["block0"].astype(np.float64), answers(model, given))
    assert not found.get("refused", np.zeros(1)).any()


def words(rows: int = 60, seed: int = 0, columns: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame({f"c{i}": random.choice(WORDS, rows) for i in range(columns)}, dtype=object)


def unseen(frame: pd.DataFrame) -> pd.DataFrame:
    other = frame.copy()
    other.iloc[::4, 0] = "never"
    other.iloc[1::5, 1] = "c0"
    return other


LENIENT = [
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="ignore", drop="first"),
    OneHotEncoder(handle_unknown="ignore", drop="if_binary", dtype=np.float32),
    OneHotEncoder(handle_unknown="ignore", min_frequency=5),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5),
    OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=4, drop="first"),
    OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=1),
    OneHotEncoder(handle_unknown="warn", max_categories=3, sparse_output=False, dtype=np.int32),
    OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=1000),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=-2, dtype=np.int64),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, min_frequency=5, encoded_missing_value=-1),
]
STRICT = [
    OneHotEncoder(),
    OneHotEncoder(drop="first"),
    OneHotEncoder(max_categories=5, dtype=np.int8, sparse_output=False),
    OrdinalEncoder(),
    OrdinalEncoder(dtype=np.float32),
    OrdinalEncoder(encoded_missing_value=-3, max_categories=4),
]


@pytest.mark.parametrize("model", LENIENT + STRICT, ids=repr)
def test_words_are_encoded_alike(model: Any) -> None:
    frame = words()
    agree(model.fit(frame), frame, frame)
    agree(model, frame, frame.iloc[:1])


@pytest.mark.parametrize("model", LENIENT, ids=repr)
def test_a_word_never_seen_is_encoded_alike(model: Any) -> None:
    frame = words()
    agree(model.fit(frame), frame, unseen(frame))


@pytest.mark.parametrize("model", LENIENT + STRICT, ids=repr)
def test_an_empty_table_keeps_its_columns(model: Any) -> None:
    frame = words()
    width = answers(model.fit(frame), frame).shape[1]
    assert harness.transform(model, frame.iloc[:0], convert_on=frame).shape == (0, width)


@pytest.mark.parametrize("model", STRICT, ids=repr)
def test_a_word_never_seen_is_refused_by_the_column_at_fault(model: Any) -> None:
    frame = words()
    model.fit(frame)
    other = frame.iloc[:4].copy()
    other.iloc[2, 1] = "never"
    with pytest.raises(ValueError, match="unknown categories"):
        model.transform(other)
    graph = harness.convert_transformer(model, frame)
    refused = harness.run(graph, other)["refused"]
    assert [guard.column for guard in graph.guards] == ["c0", "c1", "c2"]
    assert "not fitted on" in graph.guards[0].reason
    assert np.argwhere(refused).tolist() == [[2, 1]]


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("model", LENIENT + STRICT, ids=repr)
def test_a_missing_word_is_the_category_it_was_fitted_as(model: Any, missing: Any) -> None:
    frame = words()
    frame.iloc[::5, 0] = missing
    frame.iloc[::7, 2] = missing
    agree(model.fit(frame), frame, frame)


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("model", LENIENT, ids=repr)
def test_a_missing_word_that_was_never_missing_is_unseen(model: Any, missing: Any) -> None:
    frame, other = words(), words(seed=1)
    other.iloc[::5, 0] = missing
    agree(model.fit(frame), other, other)


def test_an_encoder_fitted_on_none_and_on_nan_knows_the_one_that_the_schema_names() -> None:
    frame = words(columns=1)
    frame.iloc[0, 0], frame.iloc[1, 0] = None, np.nan
    model = OneHotEncoder(handle_unknown="ignore").fit(frame)
    for marker in (None, np.nan):
        only = words(columns=1)
        only.iloc[::3, 0] = marker
        agree(model, only, only)


@pytest.mark.parametrize("model", [*LENIENT[:1], LENIENT[4], *LENIENT[8:]], ids=repr)
@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2, 3, 2**60, 2**60 + 1, -5] * 5),
        pd.Series([1.5, -0.0, 0.0, 1e300, 2.0, 3.0] * 5),
        pd.Series([1.5, np.nan, 0.1, 0.2, 0.3, 2.0] * 5),
        pd.Series([1.5, np.nan, 0.1, 0.2, 0.3, 2.0] * 5, dtype="float32"),
        pd.Series([True, False, True] * 10),
        pd.Series([True, None, False] * 10, dtype=object),
        pd.Series([True, pd.NA, False] * 10, dtype="boolean"),
        pd.Series([1, 2, None] * 10, dtype=object),
        pd.Series([1, 2, pd.NA] * 10, dtype="Int64"),
        pd.Series(["a", "ö", None] * 10, dtype="category"),
        pd.Series(["a", "ö", None] * 10, dtype="str"),
        pd.Series([4, 2, 9] * 10, dtype="category"),
        pd.Series(pd.to_datetime(["2020-01-01", "1969-12-31 23:59:59.999999", "2262-01-01"] * 10, format="ISO8601")),
        pd.Series(pd.to_datetime(["2020-01-01", "1960-01-01"] * 10)).astype("datetime64[ns]"),
        pd.Series([datetime.date(2020, 1, 1), datetime.date(1960, 2, 29), datetime.date(2100, 1, 1)] * 10),
        pd.Series(pd.to_datetime(["2020-01-01", "2021-06-01T12:00"] * 10, format="ISO8601", utc=True)),
    ],
    ids=lambda column: f"{column.dtype}-{column.isna().any()}",
)
def test_columns_of_every_kind_are_encoded_alike(column: pd.Series, model: Any) -> None:
    frame = pd.DataFrame({"x": column, "word": ["p", "q"] * (len(column) // 2)})
    integer = isinstance(model, OrdinalEncoder) and np.dtype(model.dtype).kind == "i"
    if integer and model.encoded_missing_value != model.encoded_missing_value:
        pytest.skip("scikit-learn refuses it")
    model.fit(frame.iloc[4:])
    agree(model, frame, frame)


def test_numbers_that_differ_in_kind_between_fitting_and_use_compare_as_numpy_compares_them() -> None:
    whole, parts = pd.DataFrame({"x": [1, 2, 3]}), pd.DataFrame({"x": [1.0, 2.5, 3.0]})
    model = OneHotEncoder(handle_unknown="ignore").fit(whole)
    agree(model, parts, parts)
    model = OneHotEncoder(handle_unknown="ignore").fit(parts)
    agree(model, whole, whole)


def test_categories_given_by_hand_keep_their_order() -> None:
    frame = pd.DataFrame({"size": ["small", "large", "medium"], "n": [3, 1, 2]})
    given = [["small", "medium", "large", "huge"], [1, 2, 3]]
    agree(OrdinalEncoder(categories=given).fit(frame), frame, frame)
    agree(OneHotEncoder(categories=given, drop=["huge", 1]).fit(frame), frame, frame)


def test_columns_that_share_words_in_other_places_and_groups() -> None:
    random = np.random.default_rng(0)
    shared = [f"w{i}" for i in range(30)]
    frame = pd.DataFrame(
        {f"c{i}": random.choice(shared[i : i + 10], 400, p=random.dirichlet(np.ones(10))) for i in range(20)}
    )
    for model in (*LENIENT, *STRICT):
        agree(model.fit(frame), frame, frame)


def test_a_thousand_columns_of_their_own_words_agree() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": random.choice([f"{i}-{j}" for j in range(12)], 30) for i in range(1000)})
    for model in (OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()):
        agree(model.fit(frame), frame, frame)


def test_a_large_table_is_taken_apart_and_stays_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categories, "_TABLE_LIMIT", 16)
    frame = words(columns=7)
    agree(OrdinalEncoder().fit(frame), frame, frame)
    frame.iloc[::5, 3] = np.nan
    agree(OneHotEncoder().fit(frame), frame, frame)


@pytest.mark.parametrize("target", ["binary", "continuous", "multiclass"])
@pytest.mark.parametrize("missing", [False, True])
def test_a_target_encoder_agrees_for_seen_unseen_and_missing(target: str, missing: bool) -> None:
    random = np.random.default_rng(0)
    frame = words(200)
    frame["n"] = random.integers(0, 5, 200)
    if missing:
        frame.iloc[::9, 0] = np.nan
    truth = {
        "binary": random.choice(["no", "yes"], 200),
        "continuous": random.normal(size=200),
        "multiclass": random.choice(list("abc"), 200),
    }[target]
    for smooth in ("auto", 3.0):
        model = TargetEncoder(smooth=smooth).fit(frame, truth)
        agree(model, frame, frame)
        agree(model, frame, unseen(frame))


def test_the_outputs_are_named_as_the_live_model_names_them() -> None:
    frame = words()
    model = OneHotEncoder().fit(frame)
    graph = harness.convert_transformer(model, frame)
    assert graph.outputs[0].columns == tuple(model.get_feature_names_out())


@pytest.mark.parametrize("labels", [["b", "a", "ż", "b"], ["no", "yes"], [3, 1, 7, 3], [True, False]])
def test_labels_are_numbered_and_spelled_out(labels: list[Any]) -> None:
    column = pd.Series(labels, name="x")
    frame = column.to_frame()
    numbered = harness.transform(LabelEncoder().fit(column), frame)
    np.testing.assert_array_equal(numbered[:, 0], LabelEncoder().fit_transform(column))
    binarizer = LabelBinarizer(neg_label=-2, pos_label=3).fit(column)
    np.testing.assert_array_equal(harness.transform(binarizer, frame), binarizer.transform(column))


def test_a_label_that_was_not_fitted_is_refused_or_sets_nothing() -> None:
    column, other = pd.Series(["a", "b", "c"], name="x"), pd.DataFrame({"x": ["b", "other"]})
    graph = harness.convert_transformer(LabelEncoder().fit(column), other)
    np.testing.assert_array_equal(harness.run(graph, other)["refused"][:, 0], [False, True])
    np.testing.assert_array_equal(harness.transform(LabelBinarizer().fit(column), other), [[0, 1, 0], [0, 0, 0]])


def test_sets_of_labels() -> None:
    rows = np.array([["a", "b", "b"], ["ż", "a", "?"], ["?", "?", "?"]], object)
    model = MultiLabelBinarizer().fit([["a", "ż"], ["b"]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it was not fitted on
        expected = model.transform(rows)
    np.testing.assert_array_equal(harness.transform(model, pd.DataFrame(rows, columns=["p", "q", "r"])), expected)


def test_labels_that_are_no_labels_and_bytes_are_refused_with_words() -> None:
    frame = pd.DataFrame({"x": ["a", "b"]})
    with pytest.raises(NotPortable, match="one column of labels"):
        harness.transform(LabelEncoder().fit([1.5, 2.5]), pd.DataFrame({"x": [1.5, 2.5]}))
    bytes_ = pd.DataFrame({"x": [b"a", b"b"]})
    with pytest.raises(NotPortable, match="bytes"):
        harness.convert_transformer(OneHotEncoder().fit(bytes_), frame)
    with pytest.raises(NotPortable, match="fitted on 1 columns"):
        harness.convert_transformer(OneHotEncoder().fit(frame), words())


cells = st.one_of(st.text(max_size=4), st.sampled_from(["a", "b", "c"]))


@settings(deadline=None, max_examples=40)
@given(
    fitted=st.lists(st.tuples(cells, cells), min_size=1, max_size=12),
    used=st.lists(st.tuples(cells, cells), min_size=1, max_size=12),
    model=st.sampled_from(LENIENT),
)
def test_any_text_is_encoded_alike(fitted: list[Any], used: list[Any], model: Any) -> None:
    frame = pd.DataFrame(fitted, columns=["p", "q"], dtype=object)
    try:
        model.fit(frame)
    except ValueError:
        return  # an unknown_value that is a code in use
    agree(model, frame, pd.DataFrame([*used, *fitted], columns=["p", "q"], dtype=object))


@settings(deadline=None, max_examples=40)
@given(
    fitted=st.lists(st.one_of(st.floats(allow_infinity=False), st.integers(-3, 3).map(float)), min_size=1, max_size=12),
    used=st.lists(st.floats(allow_infinity=False), max_size=12),
)
def test_any_number_is_encoded_alike(fitted: list[float], used: list[float]) -> None:
    frame = pd.DataFrame({"x": fitted})
    for model in (OneHotEncoder(handle_unknown="ignore"), LENIENT[-4]):
        agree(model.fit(frame), frame, pd.DataFrame({"x": [*used, *fitted]}))


def test_only_some_columns_are_encoded_and_the_guard_names_the_raw_one() -> None:
    frame = words(columns=2).assign(n=1.5, m=2)[["n", "c0", "m", "c1"]]
    model = ColumnTransformer([("e", OneHotEncoder(), ["c1", "c0"])], remainder="passthrough").fit(frame)
    agree(model, frame, frame)
    graph = harness.convert_transformer(model, frame)
    assert [guard.column for guard in graph.guards] == ["c1", "c0"]
    assert graph.guards[0].step == "model.e (OneHotEncoder)"
