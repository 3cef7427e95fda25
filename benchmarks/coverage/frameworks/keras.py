"""Keras 3 models as people write them: tables, images, series, tokens, several inputs, layers that prepare, one's own class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.coverage.trial import CONVOLUTIONS, Case, Trial

SEED = 0
SAMPLE = 300
FRAMEWORK = "Keras"


def _keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.utils.set_random_seed(SEED)
    return keras


def _floats(rows: int, shape: tuple[int, ...], seed: int) -> Any:
    values = np.random.default_rng(seed).normal(size=(rows, *shape)).astype(np.float32)
    if len(shape) == 1:
        # Of images and series this would measure the rounding of float32: their sums cancel to a millionth of what is summed.
        extreme = np.array([0.0, -1e3, 1e3, 1e-6], np.float32)[: min(4, rows)]
        values[: len(extreme)] = extreme[:, None]
    return values


def _on(model: Callable[[Any], Any], *shape: int) -> Callable[[int], Trial]:
    def make(rows: int) -> Trial:
        made = model(_keras())
        sample, unseen = _floats(SAMPLE, shape, 1), _floats(rows, shape, 2)
        return Trial(made, sample, unseen) if len(shape) == 1 else Trial(made, {"input": sample}, {"input": unseen})

    return make


def _mlp(keras: Any) -> Any:
    layers = keras.layers
    hidden = [layers.Dense(32, "relu"), layers.BatchNormalization(), layers.Dropout(0.2)]
    return keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(1)])


def _classes(keras: Any) -> Any:
    layers = keras.layers
    hidden = [layers.Dense(32, "gelu"), layers.LayerNormalization()]
    return keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(4, "softmax")])


def _frame(rows: int) -> Trial:
    import pandas as pd

    names = list("abcdef")
    sample, unseen = (
        pd.DataFrame(_floats(count, (6,), seed), columns=names) for count, seed in ((SAMPLE, 1), (rows, 2))
    )
    return Trial(_mlp(_keras()), sample, unseen)


def _normalised(rows: int) -> Trial:
    keras = _keras()
    sample = np.random.default_rng(1).normal(3, 5, size=(SAMPLE, 6)).astype(np.float32)
    unseen = np.random.default_rng(2).normal(3, 5, size=(rows, 6)).astype(np.float32)
    scale = keras.layers.Normalization()
    scale.adapt(sample)
    given = keras.Input((6,), name="features")
    return Trial(keras.Model(given, keras.layers.Dense(1)(scale(given))), sample, unseen)


def _convolutions(keras: Any) -> Any:
    layers = keras.layers
    parts = [layers.Conv2D(8, 3, padding="same", activation="relu"), layers.MaxPooling2D(), layers.BatchNormalization()]
    parts += [layers.SeparableConv2D(16, 3, activation="swish"), layers.GlobalAveragePooling2D(), layers.Dense(10)]
    return keras.Sequential([keras.Input((16, 16, 3), name="input"), *parts])


def _temporal(keras: Any) -> Any:
    layers = keras.layers
    parts = [layers.Conv1D(8, 3, activation="elu"), layers.GlobalMaxPooling1D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((20, 5), name="input"), *parts])


def _recurrent(keras: Any) -> Any:
    layers = keras.layers
    parts = [layers.LSTM(8, return_sequences=True), layers.GRU(6), layers.Dense(1)]
    return keras.Sequential([keras.Input((10, 4), name="input"), *parts])


def _bidirectional(keras: Any) -> Any:
    layers = keras.layers
    parts = [layers.Bidirectional(layers.LSTM(6)), layers.Dense(1)]
    return keras.Sequential([keras.Input((10, 4), name="input"), *parts])


def _attention(rows: int) -> Trial:
    keras = _keras()
    layers = keras.layers
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    vectors = layers.Embedding(100, 16)(tokens)
    seen = layers.LayerNormalization()(vectors + layers.MultiHeadAttention(2, 8)(vectors, vectors))
    model = keras.Model(tokens, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(seen)))
    sample, unseen = (
        np.random.default_rng(seed).integers(0, 100, (count, 12)) for count, seed in ((SAMPLE, 1), (rows, 2))
    )
    return Trial(model, sample, unseen)


def _several(rows: int) -> Trial:
    keras = _keras()
    layers = keras.layers
    numbers, shop = keras.Input((4,), name="numbers"), keras.Input((1,), dtype="int32", name="shop")
    both = layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(9, 3)(shop))])
    hidden = layers.Dense(8, "relu")(both)
    answer = {"price": layers.Dense(1)(hidden), "kind": layers.Dense(3, "softmax")(hidden)}

    def data(count: int, seed: int) -> dict[str, Any]:
        return {
            "numbers": _floats(count, (4,), seed),
            "shop": np.random.default_rng(seed).integers(0, 9, count),
        }

    return Trial(keras.Model({"numbers": numbers, "shop": shop}, answer), data(SAMPLE, 1), data(rows, 2))


def _prepared(rows: int) -> Trial:
    keras = _keras()
    layers = keras.layers
    given = {
        "colour": keras.Input((1,), dtype="string", name="colour"),
        "size": keras.Input((1,), dtype="int32", name="size"),
        "weight": keras.Input((1,), name="weight"),
    }
    colour = layers.StringLookup(vocabulary=["red", "green", "blau"], output_mode="one_hot")(given["colour"])
    size = layers.Flatten()(layers.Embedding(5, 2)(layers.IntegerLookup(vocabulary=[36, 38, 40])(given["size"])))
    bins = layers.Flatten()(layers.Embedding(4, 2)(layers.Discretization([2.0, 3.0, 5.5])(given["weight"])))
    scaled = layers.Normalization(mean=3.0, variance=4.0)(given["weight"])

    def data(count: int, seed: int) -> dict[str, Any]:
        generator = np.random.default_rng(seed)
        return {
            "colour": generator.choice(np.array(["red", "green", "blau", "", "grün", "Red"], object), count),
            "size": generator.choice([36, 38, 40, 0, -40], count),
            "weight": np.resize(np.array([2.0, 3.0, 5.5, 1.9999999, 2.5, 9.0, -1e3], np.float32), count),
        }

    model = keras.Model(given, layers.Dense(1)(layers.Concatenate()([colour, size, bins, scaled])))
    return Trial(model, data(SAMPLE, 1), data(rows, 2))


def _subclassed(keras: Any) -> Any:
    class Own(keras.Model):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(7, "tanh")
            self.last = keras.layers.Dense(2)

        def call(self, given: Any, training: bool = False) -> Any:  # noqa: ARG002 — the model's seam
            return self.last(self.first(given))

    return Own()


def _half(keras: Any) -> Any:
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, dtype="mixed_float16")])


CASES = (
    Case(FRAMEWORK, "MLP with batch norm, matrix", "regression", _on(_mlp, 6), "portable"),
    Case(FRAMEWORK, "MLP with batch norm, data frame", "regression", _frame, "portable"),
    Case(FRAMEWORK, "MLP, softmax", "transform", _on(_classes, 6), "portable"),
    Case(FRAMEWORK, "normalization layer", "regression", _normalised, "portable"),
    Case(FRAMEWORK, "CNN on images", "transform", _on(_convolutions, 16, 16, 3), "portable", 500, CONVOLUTIONS),
    Case(FRAMEWORK, "CNN on series", "transform", _on(_temporal, 20, 5), "portable", 2_000, CONVOLUTIONS),
    Case(FRAMEWORK, "LSTM and GRU", "regression", _on(_recurrent, 10, 4), "portable", 2_000),
    Case(FRAMEWORK, "LSTM in both directions", "regression", _on(_bidirectional, 10, 4), "portable", 2_000),
    Case(FRAMEWORK, "attention on tokens", "transform", _attention, "portable", 2_000),
    Case(FRAMEWORK, "several inputs and outputs", "transform", _several, "portable"),
    Case(FRAMEWORK, "lookup, binning and scaling layers", "regression", _prepared, "portable"),
    Case(FRAMEWORK, "subclassed model", "transform", _on(_subclassed, 6), "portable"),
    Case(FRAMEWORK, "MLP in float16", "regression", _on(_half, 6), "refused"),
)
