"""Networks as people build them, untrained but for what a layer adapts: name → (model, sample, unseen rows)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(0)


def answers(model: Any, given: Any) -> dict[str, Any]:
    """The model's own answers, by the columns of its package."""
    if isinstance(given, dict):
        given = {name: values.reshape(len(values), -1) for name, values in given.items()}
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
    "recurrent": _recurrent,
    "several inputs": _several,
    "subclassed": _subclassed,
}
