"""Keras 3 models on the PyTorch backend: some of the TensorFlow ones, in a process whose Keras runs on PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from benchmarks.coverage.frameworks.keras import CASES as ON_TENSORFLOW
from benchmarks.coverage.trial import Case, Trial

FRAMEWORK = "Keras on PyTorch"
MODELS = (
    "MLP with batch norm, matrix",
    "MLP, softmax",
    "normalization layer",
    "CNN on images",
    "LSTM and GRU",
    "attention on tokens",
    "several inputs and outputs",
    "subclassed model",
    "MLP in float16",
)


def _on_torch(make: Callable[[int], Trial]) -> Callable[[int], Trial]:
    def made(rows: int) -> Trial:
        os.environ["KERAS_BACKEND"] = "torch"
        import keras

        assert keras.backend.backend() == "torch", "Keras was imported before: measure these in a process of their own"
        return make(rows)

    return made


CASES: tuple[Case, ...] = tuple(
    replace(case, framework=FRAMEWORK, make=_on_torch(case.make), rows=min(case.rows, 2_000))
    for case in ON_TENSORFLOW
    if case.model in MODELS
)
