"""ONNX files made elsewhere, whatever inputs their makers gave them: sealed as they are, and answering as they do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from holdall.columns.batch import Batch
from holdall.columns.tables import from_table
from holdall.engines.engine import InMemory
from holdall.errors import Error, NotPortable, RowsRefused, UnreadableFile, UnsupportedModel, UsageError
from holdall.packing.opening import open_model
from holdall.packing.packing import Draft, Options, draft
from holdall.scoring.scorer import Scorer
from holdall.scoring.trust import Level, file_level
from holdall.spec.schema import Kind

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3)).astype(np.float32)
TABLE = pd.DataFrame({"a": X[:, 0], "n": np.arange(60), "s": pd.Series(["x", "y", "z"] * 20, dtype=object)})


def graph(
    nodes: list[Any], inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, tuple[int, list[Any]]], **more: Any
) -> Any:
    declared = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    given = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()]
    made = helper.make_graph(nodes, "made elsewhere", declared, given, **more)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def sealed(model: Any, sample: Any) -> tuple[Draft, Scorer]:
    made = draft(model, from_table(sample)[0], Options())
    return made, Scorer(made.manifest, InMemory(made.files))


def itself(model: Any, feeds: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(None, feeds)
    return found


def numbers(batch: Batch, prefix: str) -> Any:
    return np.column_stack([batch[name].values for name in batch if name.startswith(prefix)])


def test_one_matrix_takes_a_table_of_any_names() -> None:
    model = to_onnx(LinearRegression().fit(X, X @ [1.0, 2.0, 3.0]), X[:1])
    table = pd.DataFrame(X, columns=["length", "width", "height"])
    made, scorer = sealed(model, table)
    assert made.manifest.portable
    assert made.parity.passed
    assert made.manifest.task == "regression"
    assert [field.name for field in made.manifest.schema.inputs] == ["length", "width", "height"]
    answers = scorer.score(from_table(table)[0])
    assert np.array_equal(answers["prediction"].values, itself(model, {"X": X})[0][:, 0])


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
def test_a_classifier_of_skl2onnx_gives_a_prediction_and_probabilities(zipmap: Any) -> None:
    fitted = RandomForestClassifier(5, random_state=0).fit(X, np.array(["no", "yes", "may"] * 20))
    model = to_onnx(fitted, X[:1], options={"zipmap": zipmap})
    made, scorer = sealed(model, X)
    assert made.parity.passed
    assert made.parity.label_flips == 0
    answers = scorer.score(from_table(X)[0])
    if zipmap == "columns":
        assert made.manifest.task == "transform"
        return
    assert made.manifest.task == "classification"
    assert made.manifest.classes == ("may", "no", "yes")
    assert list(answers) == ["prediction", "probability_may", "probability_no", "probability_yes"]
    label, probabilities = itself(model, {"X": X})
    assert answers["prediction"].values.tolist() == label.tolist()
    expected = [list(row.values()) for row in probabilities] if zipmap else probabilities
    assert np.array_equal(numbers(answers, "probability_"), np.array(expected))


def test_an_input_for_each_column_takes_the_columns_by_name_in_any_order() -> None:
    columns = ColumnTransformer([("t", OneHotEncoder(), ["s"]), ("n", StandardScaler(), ["a", "n"])])
    fitted = make_pipeline(columns, LogisticRegression()).fit(TABLE, np.arange(60) % 2)
    types = [("a", FloatTensorType([None, 1])), ("n", Int64TensorType([None, 1])), ("s", StringTensorType([None, 1]))]
    model = to_onnx(fitted, initial_types=types, options={"zipmap": False})
    made, scorer = sealed(model, TABLE[["s", "n", "a"]])
    assert made.parity.passed
    assert {field.name: field.kind for field in made.manifest.schema.inputs} == {
        "a": Kind.FLOAT,
        "n": Kind.INT,
        "s": Kind.STRING,
    }
    assert {field.name for field in made.manifest.schema.inputs if field.nullable} == {"a"}
    feeds = {name: TABLE[[name]].to_numpy() for name in TABLE}
    feeds["a"] = feeds["a"].astype(np.float32)
    answers = scorer.score(from_table(TABLE)[0])
    assert np.array_equal(numbers(answers, "probability_"), itself(model, feeds)[1])
    records = scorer.score_records(TABLE.to_dict("records")[:3])
    assert [record["prediction"] for record in records] == answers["prediction"].values[:3].tolist()


def test_images_and_arrays_travel_as_tensors() -> None:
    weights = numpy_helper.from_array(RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32), "w")
    model = graph(
        [
            helper.make_node("Conv", ["image", "w"], ["c"]),
            helper.make_node("GlobalAveragePool", ["c"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
        ],
        {"image": (TensorProto.FLOAT, ["n", 3, "h", "w_"])},
        {"embedding": (TensorProto.FLOAT, ["n", 4]), "c": (TensorProto.FLOAT, ["n", 4, "a", "b"])},
        initializer=[weights],
    )
    images = RANDOM.uniform(size=(8, 3, 10, 12))
    made, scorer = sealed(model, {"image": images})
    assert made.parity.passed
    assert made.manifest.schema.inputs[0].shape == (3, 10, 12)
    assert made.manifest.schema.outputs[-1].shape == (4, 8, 10)
    answers = scorer.score(from_table({"image": images})[0])
    embedding, maps = itself(model, {"image": images.astype(np.float32)})
    assert np.allclose(numbers(answers, "embedding_"), embedding, rtol=1e-5)
    assert np.allclose(answers["c"].values, maps, rtol=1e-4, atol=1e-6)
    record = scorer.score_records([{"image": images[0].tolist()}])[0]
    assert np.allclose(record["embedding_0"], embedding[0, 0], rtol=1e-5)
    with pytest.raises(Error):
        scorer.score(from_table({"image": images[:, :, :5]})[0])


def test_rows_may_lie_on_another_axis() -> None:
    model = graph(
        [
            helper.make_node("Transpose", ["state"], ["turned"], perm=[1, 0, 2]),
            helper.make_node("Neg", ["turned"], ["y"]),
            helper.make_node("Neg", ["state"], ["next"]),
            helper.make_node("Identity", ["x"], ["out"]),
        ],
        {"x": (TensorProto.DOUBLE, ["batch", 5]), "state": (TensorProto.DOUBLE, [2, "batch", 4])},
        {
            "out": (TensorProto.DOUBLE, ["batch", 5]),
            "y": (TensorProto.DOUBLE, ["batch", 2, 4]),
            "next": (TensorProto.DOUBLE, [2, "batch", 4]),
        },
    )
    given = {"x": RANDOM.normal(size=(7, 5)), "state": RANDOM.normal(size=(7, 2, 4))}
    made, scorer = sealed(model, given)
    assert made.parity.passed
    answers = scorer.score(from_table(given)[0])
    assert np.array_equal(answers["next"].values, -given["state"])
    assert np.array_equal(answers["y"].values, -given["state"])


def test_a_graph_for_one_row_is_sealed_for_many_where_that_is_the_same() -> None:
    model = graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        {"x": (TensorProto.FLOAT, [1, 3])},
        {"y": (TensorProto.FLOAT, [1, 3])},
    )
    made, scorer = sealed(model, X)
    assert made.parity.passed
    assert made.notes
    assert np.array_equal(numbers(scorer.score(from_table(X)[0]), "y"), -X)


def test_a_graph_that_mixes_its_rows_when_given_many_is_refused() -> None:
    model = graph(
        [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=1), helper.make_node("Add", ["x", "s"], ["y"])],
        {"x": (TensorProto.FLOAT, [1, 3])},
        {"y": (TensorProto.FLOAT, [1, 3])},
    )
    with pytest.raises(NotPortable, match="one row at a time"):
        sealed(model, X)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TensorProto.INT32, np.arange(20)),
        (TensorProto.UINT8, np.arange(20)),
        (TensorProto.FLOAT16, np.arange(20) / 8),
        (TensorProto.DOUBLE, np.arange(20) / 7),
        (TensorProto.BOOL, np.arange(20) % 2 == 0),
        (TensorProto.STRING, np.array(["a", "b"] * 10, object)),
    ],
)
def test_every_kind_of_number_comes_back(kind: int, values: Any) -> None:
    model = graph([helper.make_node("Identity", ["x"], ["y"])], {"x": (kind, ["n"])}, {"y": (kind, ["n"])})
    made, scorer = sealed(model, {"x": values})
    assert made.parity.passed
    column = next(iter(scorer.score(from_table({"x": values})[0]).columns.values()))
    assert column.values.tolist() == values.tolist()


def test_a_missing_value_or_another_kind_is_refused_where_the_graph_takes_none() -> None:
    model = graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        {"x": (TensorProto.INT64, ["n"])},
        {"y": (TensorProto.INT64, ["n"])},
    )
    made, scorer = sealed(model, {"x": np.arange(20)})
    field = made.manifest.schema.inputs[0]
    assert not field.nullable
    assert not field.fractions
    for wrong in ([1.5], [None]):
        with pytest.raises(Error):
            scorer.score(from_table({"x": wrong})[0])
    with pytest.raises(UsageError):
        sealed(model, {"x": ["text"] * 5})


IDENTITY = [helper.make_node("Identity", ["x"], ["y"])]
REFUSED: dict[str, tuple[Any, str]] = {
    "numbers in other files": (
        graph(
            [helper.make_node("Add", ["x", "w"], ["y"])],
            {"x": (TensorProto.FLOAT, ["n", 1])},
            {"y": (TensorProto.FLOAT, ["n", 1])},
            initializer=[
                TensorProto(
                    name="w",
                    data_type=TensorProto.FLOAT,
                    dims=[1],
                    data_location=TensorProto.EXTERNAL,
                    external_data=[onnx.StringStringEntryProto(key="location", value="/etc/passwd")],
                )
            ],
        ),
        "lie in other files",
    ),
    "an operator of its own": (
        graph(
            [helper.make_node("Magic", ["x"], ["y"], domain="my.own")],
            {"x": (TensorProto.FLOAT, ["n", 1])},
            {"y": (TensorProto.FLOAT, ["n", 1])},
        ),
        "my.own::Magic",
    ),
    "one value for all rows": (
        graph(
            [helper.make_node("Where", ["training", "x", "x"], ["y"])],
            {"x": (TensorProto.FLOAT, ["n", 1]), "training": (TensorProto.BOOL, [])},
            {"y": (TensorProto.FLOAT, ["n", 1])},
        ),
        "'training' is one bool for all rows",
    ),
    "no place for rows": (
        graph(IDENTITY, {"x": (TensorProto.FLOAT, [4, 3])}, {"y": (TensorProto.FLOAT, [4, 3])}),
        "takes no rows",
    ),
    "an output without rows": (
        graph(
            [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
            {"x": (TensorProto.FLOAT, ["n", 1])},
            {"y": (TensorProto.FLOAT, [])},
        ),
        "does not hold one value",
    ),
    "complex numbers": (
        graph(IDENTITY, {"x": (TensorProto.COMPLEX64, ["n", 1])}, {"y": (TensorProto.COMPLEX64, ["n", 1])}),
        "no tensor of a known shape",
    ),
    "nothing that onnxruntime can load": (
        graph(
            [helper.make_node("NoSuch", ["x"], ["y"])],
            {"x": (TensorProto.FLOAT, ["n", 1])},
            {"y": (TensorProto.FLOAT, ["n", 1])},
        ),
        "onnxruntime",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_sealed_is_refused_in_words(what: str) -> None:
    model, words = REFUSED[what]
    with pytest.raises(UsageError, match=words) as caught:
        sealed(model, X[:, :1])
    assert isinstance(caught.value, UnsupportedModel)
    assert caught.value.hint


def test_a_file_is_recognised_by_its_bytes_and_sealed_as_data_only(tmp_path: Path) -> None:
    model = graph(IDENTITY, {"x": (TensorProto.FLOAT, ["n", 3])}, {"y": (TensorProto.FLOAT, ["n", 3])})
    path = tmp_path / "model.pkl"
    path.write_bytes(model.SerializeToString())
    opened = open_model(str(path))
    made, _ = sealed(opened, X)
    again, _ = sealed(model, X)
    assert made.files == again.files
    assert file_level(made.files["model/model.onnx"], {"onnx"}) == (Level.DATA, "")
    path.write_bytes(model.SerializeToString()[:-30])
    with pytest.raises(UnreadableFile):
        open_model(str(path))


def test_a_row_at_which_the_graph_stops_is_refused_by_its_number() -> None:
    fitted = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(TABLE[["s"]], np.arange(60) % 2)
    model = to_onnx(fitted, initial_types=[("s", StringTensorType([None, 1]))], options={"zipmap": False})
    made, scorer = sealed(model, TABLE[["s"]])
    assert made.parity.passed
    assert not made.manifest.schema.inputs[0].unseen
    rows = from_table({"s": ["x", "never seen", "y", "nor this"]})[0]
    with pytest.raises(RowsRefused) as caught:
        scorer.score(rows)
    assert [problem["path"] for problem in caught.value.facts["problems"]] == ["rows[1]", "rows[3]"]
    with pytest.raises(Error, match="refuses"):
        scorer.score_records([{"s": "never seen"}])


def test_a_graph_whose_operators_hold_to_one_row_is_refused() -> None:
    model = graph(
        [helper.make_node("Reshape", ["x", "to"], ["r"]), helper.make_node("Identity", ["r"], ["y"])],
        {"x": (TensorProto.FLOAT, [1, 3])},
        {"y": (TensorProto.FLOAT, [1, 3])},
        initializer=[numpy_helper.from_array(np.array([1, 3]), "to")],
    )
    with pytest.raises(NotPortable, match="one row at a time"):
        sealed(model, X)


@pytest.mark.parametrize(("kind", "rate"), [(TensorProto.INT64, 3), (TensorProto.FLOAT, 0.5)])
def test_one_number_for_all_rows_is_sealed_as_the_sample_has_it(kind: int, rate: float) -> None:
    model = graph(
        [
            helper.make_node("Cast", ["rate"], ["r"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["x", "r"], ["y"]),
        ],
        {"x": (TensorProto.FLOAT, ["n"]), "rate": (kind, [])},
        {"y": (TensorProto.FLOAT, ["n"])},
    )
    given = {"x": X[:, 0], "rate": np.full(60, rate)}
    made, scorer = sealed(model, given)
    assert made.parity.passed
    assert np.allclose(scorer.score(from_table(given)[0])["prediction"].values, X[:, 0] * rate)
    with pytest.raises(RowsRefused, match="sealed for"):
        scorer.score(from_table({"x": X[:2, 0], "rate": np.array([rate, rate + 1])})[0])
    with pytest.raises(UsageError, match="one value there"):
        sealed(model, {"x": X[:, 0], "rate": np.arange(60) * rate})


@pytest.mark.parametrize(("kind", "wrong"), [(TensorProto.INT64, 1.5), (TensorProto.UINT8, 300), (TensorProto.BOOL, 2)])
def test_an_array_of_whole_numbers_takes_no_other(kind: int, wrong: float) -> None:
    model = graph([helper.make_node("Identity", ["x"], ["y"])], {"x": (kind, ["n", 2, 2])}, {"y": (kind, ["n", 2, 2])})
    given = {"x": RANDOM.integers(0, 2, size=(20, 2, 2))}
    made, scorer = sealed(model, given)
    assert made.parity.passed
    assert made.manifest.examples is not None
    assert np.array_equal(scorer.score(from_table(given)[0])["y"].values, given["x"])
    with pytest.raises(RowsRefused, match="whole number"):
        scorer.score_records([{"x": [[0, 1], [1, wrong]]}])


def test_rows_along_two_axes_hold_no_array_for_each_row() -> None:
    model = graph(
        [helper.make_node("Transpose", ["x"], ["t"]), helper.make_node("MatMul", ["x", "t"], ["y"])],
        {"x": (TensorProto.FLOAT, ["n", 3])},
        {"y": (TensorProto.FLOAT, ["n", "n"])},
    )
    with pytest.raises(UnsupportedModel, match="does not hold one value"):
        sealed(model, X)


PACKAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "silero_vad": (
        "data/silero_vad.onnx",
        {
            "input": RANDOM.normal(0, 0.1, (6, 576)),
            "state": RANDOM.normal(size=(6, 2, 128)),
            "sr": np.full(6, 16000),
        },
    ),
    "magika": ("models/*/model.onnx", {"bytes": RANDOM.integers(0, 257, (6, 2048))}),
    "rapidocr": ("models/*cls_mobile.onnx", {"x": RANDOM.normal(0, 0.5, (4, 3, 48, 96))}),
}


@pytest.mark.networks
@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_from_a_package_of_pypi_answers_as_it_does_by_itself(package: str) -> None:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    pattern, given = PACKAGES[package]
    path = sorted(Path(found.origin).parent.glob(pattern))[0]
    opened = open_model(str(path))
    made, scorer = sealed(opened, given)
    assert made.manifest.portable
    assert made.parity.passed
    answers = scorer.score(from_table(given)[0])
    feeds: dict[str, Any]
    if package == "silero_vad":
        feeds = {
            "input": given["input"].astype(np.float32),
            "state": np.moveaxis(given["state"], 0, 1).astype(np.float32),
            "sr": np.array(16000),
        }
    elif package == "magika":
        feeds = {"bytes": given["bytes"].astype(np.int32)}
    else:
        feeds = {"x": given["x"].astype(np.float32)}
    expected = itself(opened, feeds)[0].reshape(len(next(iter(given.values()))), -1)
    first = opened.graph.output[0].name
    actual = np.column_stack(
        [answers[name].values for name in answers if name in ("output",) or name.startswith(first)]
    )
    assert np.allclose(actual, expected, rtol=1e-5, atol=1e-6)
