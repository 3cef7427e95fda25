"""Keras models against their packages, one row and a hundred: networks as people build them."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import holdall
from holdall.columns.tables import from_table
from holdall.errors import InputError, NotPortable, TrustRequired, UnreadableFile, UnsupportedModel, UsageError
from tests.frameworks.keras import networks

pytestmark = [
    pytest.mark.networks,
    # TensorFlow and tf2onnx use what newer NumPy and protobuf call old; nothing of it is holdall's.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


def same(name: str) -> None:
    """Packed, and answering as the model does for one row and for a hundred."""
    model, sample, unseen = networks.MODELS[name]()
    package = holdall.pack(model, name="m", sample=sample)
    assert package.manifest.portable
    loaded = holdall.load("m")
    for rows in (1, 100):
        part = {key: value[:rows] for key, value in unseen.items()} if isinstance(unseen, dict) else unseen[:rows]
        expected = networks.answers(model, part)
        batch = from_table(part, schema=package.manifest.schema)[0]
        given = loaded.score(batch)
        assert sorted(given) == sorted(expected)
        for column, values in expected.items():
            np.testing.assert_allclose(given[column].values, values, rtol=1e-4, atol=2e-6, err_msg=column)


@pytest.mark.parametrize("name", sorted(networks.MODELS))
def test_a_package_answers_as_the_model_for_one_row_and_for_a_hundred(name: str) -> None:
    same(name)


def test_a_missing_number_is_refused_and_records_are_answered() -> None:
    model, sample, _ = networks.MODELS["perceptron"]()
    holdall.pack(model, name="m", sample=sample)
    loaded = holdall.load("m")
    record = {f"x{place}": 0.5 for place in range(6)}
    expected = networks.answers(model, np.full((1, 6), 0.5, np.float32))
    assert loaded.predict([record])[0]["output_1"] == pytest.approx(expected["output_1"][0], rel=1e-4)
    with pytest.raises(InputError):
        loaded.predict([record | {"x0": None}])


def test_a_token_that_the_embedding_has_no_row_for_is_refused() -> None:
    model, sample, _ = networks.MODELS["attention"]()
    holdall.pack(model, name="m", sample=sample)
    loaded = holdall.load("m")
    for stranger in (-51, 50):
        tokens = sample[:1].copy()
        tokens[0, 3] = stranger
        with pytest.raises(InputError):
            loaded.predict(tokens)


def test_what_cannot_be_sealed_is_refused_with_what_to_do() -> None:
    import keras

    half = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, dtype="mixed_float16")])
    with pytest.raises(UnsupportedModel, match="float16"):
        holdall.pack(half, name="m", sample=np.ones((8, 3)))
    words = keras.layers.TextVectorization(max_tokens=9, output_sequence_length=3)
    words.adapt(["one two", "two"])
    vectors = [words, keras.layers.Embedding(9, 2), keras.layers.GlobalAveragePooling1D()]
    text = keras.Sequential([keras.Input((1,), dtype="string", name="text"), *vectors])
    with pytest.raises(NotPortable, match="RegexReplace") as raised:
        holdall.pack(text, name="m", sample={"text": np.array(["one", "two two"] * 4, object)})
    assert "preprocess=" in (raised.value.hint or "")
    narrow = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(UsageError):
        holdall.pack(narrow, name="m", sample=np.ones((8, 4)))


def test_a_packed_model_is_let_go_with_its_last_user() -> None:
    import keras

    model, sample, _ = networks.MODELS["perceptron"]()
    holdall.pack(model, name="m", sample=sample)
    seen = weakref.ref(model)
    del model
    keras.backend.clear_session()  # Keras itself remembers the names of layers
    gc.collect()
    assert seen() is None


def test_the_torch_backend_gives_the_same_and_nothing_imports_keras_to_run_it(tmp_path: Path) -> None:
    store = {**os.environ, "KERAS_BACKEND": "torch", "HOLDALL_HOME": str(tmp_path)}
    root = str(Path(__file__).parents[3])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from tests.frameworks.keras.test_keras import same\n"
        "for name in ('perceptron', 'attention', 'subclassed', 'several inputs'): same(name)\n"
    )
    subprocess.run([sys.executable, "-c", code], env=store, check=True, capture_output=True)
    fresh = (
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'torch', 'onnx'): sys.modules[name] = None\n"
        "import numpy, holdall\n"
        "assert len(holdall.load('m').predict({'numbers': numpy.ones((2, 4)), 'shop': numpy.array([1, 2])})['price']) == 2\n"
    )
    subprocess.run([sys.executable, "-c", fresh], env=store, check=True, capture_output=True)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_files_are_packed_as_the_model_that_was_saved(ending: str, tmp_path: Path) -> None:
    model, sample, unseen = networks.MODELS["perceptron"]()
    path = tmp_path / f"model.{ending}"
    model.save(path)
    assert holdall.pack(str(path), name="m", sample=sample).manifest.portable
    given = holdall.load("m").predict(unseen)
    for column, values in networks.answers(model, unseen).items():
        np.testing.assert_allclose(given[column], values, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_file_with_code_in_it_is_opened_only_where_a_pickle_may_be(ending: str, tmp_path: Path) -> None:
    import keras

    parts = [keras.Input((3,)), keras.layers.Lambda(lambda given: given * 2), keras.layers.Dense(1)]
    path, sample = tmp_path / f"model.{ending}", np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    model = keras.Sequential(parts)
    model.save(path)
    with pytest.raises(TrustRequired, match="Lambda"):
        holdall.pack(str(path), name="m", sample=sample)
    if ending == "keras":
        assert not holdall.scan(path).passed
        assert holdall.pack(str(path), name="m", sample=sample, allow_pickle=True).manifest.portable
        expected = np.asarray(model(sample))[:, 0]
        np.testing.assert_allclose(holdall.load("m").predict(sample)["prediction"], expected, rtol=1e-4, atol=1e-5)


def test_files_that_are_no_whole_model_say_what_to_do(tmp_path: Path) -> None:
    model, sample, _ = networks.MODELS["perceptron"]()
    model.save_weights(tmp_path / "some.weights.h5")
    with pytest.raises(UnsupportedModel, match="without the model") as caught:
        holdall.pack(str(tmp_path / "some.weights.h5"), name="m", sample=sample)
    assert "model.save('model.keras')" in str(caught.value.hint)
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UnsupportedModel, match="SavedModel") as caught:
        holdall.pack(str(tmp_path / "saved"), name="m", sample=sample)
    assert "tf2onnx" in str(caught.value.hint)
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(UnreadableFile):
        holdall.pack(str(tmp_path / "broken.h5"), name="m", sample=sample)
