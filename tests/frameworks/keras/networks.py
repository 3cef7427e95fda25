"""Networks as people build them, untrained but for what a layer adapts: name → (model, sample, unseen rows)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(0)


def answers(model: Any, given: Any) -> dict[str, Any]:
    """The model's own answers, by the columns of its package."""
    if isinstance(given, dict):
        given = _called_with(given)
    found = model(given, training=False)
    parts = found if isinstance(found, dict) else {"output": found}
    columns: dict[str, Any] = {}
    for name, value in parts.items():
        matrix = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if matrix.shape[1] == 1:
            columns["prediction" if len(parts) == 1 else name] = matrix[:, 0]
        else:
            columns |= {f"{name}_{place}": matrix[:, place] for place in range(matrix.shape[1])}
    return columns


def _called_with(given: dict[str, Any]) -> dict[str, Any]:
    """As Keras takes it: where there is text, all of it as tensors of TensorFlow's."""
    columns = {name: values.reshape(len(values), -1) for name, values in given.items()}
    if all(values.dtype != object for values in columns.values()):
        return columns
    import tensorflow as tf

    return {name: tf.constant(values) for name, values in columns.items()}


def _floats(*shape: int) -> tuple[Any, Any]:
    made = RANDOM.normal(size=(160, *shape)).astype(np.float32)
    return made[:60], made[60:]


def _perceptron() -> Any:
    from keras import Input, Sequential, layers

    parts = [
        layers.Dense(8, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ]
    return Sequential([Input((6,)), *parts]), *_floats(6)


def _normalised() -> Any:
    from keras import Input, Model, layers

    sample, unseen = (values * 5 + 3 for values in _floats(6))
    scale = layers.Normalization()
    scale.adapt(sample)
    given = Input((6,), name="features")
    return Model(given, layers.Dense(1)(scale(given))), sample, unseen


def _images() -> Any:
    from keras import Input, Sequential, layers

    parts = [
        layers.Conv2D(4, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(),
        layers.GlobalAveragePooling2D(),
    ]
    return Sequential([Input((12, 12, 3)), *parts, layers.Dense(2, activation="softmax")]), *_floats(12, 12, 3)


def _recurrent() -> Any:
    from keras import Input, Sequential, layers

    parts = [layers.LSTM(5, return_sequences=True), layers.GRU(4), layers.Dense(1)]
    return Sequential([Input((10, 3)), *parts]), *_floats(10, 3)


def _attention() -> Any:
    from keras import Input, Model, layers

    tokens = Input((12,), dtype="int32", name="tokens")
    vectors = layers.Embedding(50, 8)(tokens)
    seen = layers.LayerNormalization()(vectors + layers.MultiHeadAttention(2, 4)(vectors, vectors))
    model = Model(tokens, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(seen)))
    return model, RANDOM.integers(0, 50, (60, 12)), RANDOM.integers(0, 50, (100, 12))


def _several() -> Any:
    from keras import Input, Model, layers

    numbers, shop = Input((4,), name="numbers"), Input((1,), dtype="int32", name="shop")
    both = layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(9, 3)(shop))])
    hidden = layers.Dense(8, activation="gelu")(both)
    answer = {"price": layers.Dense(1)(hidden), "kind": layers.Dense(3, activation="softmax")(hidden)}
    sample, unseen = ({"numbers": values, "shop": RANDOM.integers(0, 9, len(values))} for values in _floats(4))
    return Model({"numbers": numbers, "shop": shop}, answer), sample, unseen


def _prepared() -> Any:
    """Layers that prepare columns: words and numbers to places, numbers to bins, scaled numbers."""
    from keras import Input, Model, layers

    given = {
        "colour": Input((1,), dtype="string", name="colour"),
        "size": Input((1,), dtype="int32", name="size"),
        "weight": Input((1,), name="weight"),
    }
    scale = layers.Normalization(mean=3.0, variance=4.0)
    colour = layers.StringLookup(vocabulary=["red", "green", "blau"], output_mode="one_hot")(given["colour"])
    size = layers.Flatten()(layers.Embedding(5, 2)(layers.IntegerLookup(vocabulary=[36, 38, 40])(given["size"])))
    bins = layers.Flatten()(layers.Embedding(4, 2)(layers.Discretization([2.0, 3.0, 5.5])(given["weight"])))
    both = layers.Concatenate()([colour, size, bins, scale(given["weight"])])
    sample, unseen = (
        {
            "colour": RANDOM.choice(np.array([*words, "", "grün"], object), count),
            "size": RANDOM.choice([*sizes, 0, -40], count),
            "weight": np.resize(np.array([2.0, 3.0, 5.5, 1.9999999, 2.5, 9.0], np.float32), count),
        }
        for count, words, sizes in ((60, ["red", "blau"], [36, 38]), (100, ["green", "red"], [40, 38]))
    )
    return Model(given, layers.Dense(1)(both)), sample, unseen


def _subclassed() -> Any:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(7, activation="tanh")
            self.last = keras.layers.Dense(2)

        def call(self, given: Any, training: bool = False) -> Any:  # noqa: ARG002 — the model's seam
            return self.last(self.first(given))

    return Own(), *_floats(6)


MODELS: dict[str, Callable[[], Any]] = {
    "attention": _attention,
    "images": _images,
    "normalised": _normalised,
    "perceptron": _perceptron,
    "prepared": _prepared,
    "recurrent": _recurrent,
    "several inputs": _several,
    "subclassed": _subclassed,
}
