"""Keras keeps to what every framework keeps to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from holdall.testing import FrameworkCase, FrameworkTests, Given
from tests.frameworks.keras import networks

pytestmark = [
    pytest.mark.networks,
    # TensorFlow and tf2onnx use what newer NumPy and protobuf call old; nothing of it is holdall's.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


def _made(name: str) -> Any:
    """The same model and rows, whatever was made before."""
    import keras

    keras.utils.set_random_seed(7)
    networks.RANDOM = np.random.default_rng(7)
    return networks.MODELS[name]()


def table() -> Given:
    import pandas as pd

    model, sample, unseen = _made("normalised")
    names = list("abcdef")
    answers = {"prediction": networks.answers(model, unseen)["prediction"].astype(np.float64)}
    return Given(model, pd.DataFrame(sample, columns=names), pd.DataFrame(unseen, columns=names), answers)


def several() -> Given:
    model, sample, unseen = _made("several inputs")
    answers = {name: values.astype(np.float64) for name, values in networks.answers(model, unseen).items()}
    refused = [{"numbers": [0.1, 0.2, 0.3, 0.4], "shop": wrong} for wrong in (-10, 9)]
    return Given(model, sample, unseen, answers, refused)


class TestKeras(FrameworkTests):
    framework = "Keras"
    libraries = ("keras", "tensorflow")

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [
            FrameworkCase("normalised data frame", table, task="regression"),
            FrameworkCase("several inputs and outputs", several, task="transform"),
        ]

    def state(self, model: Any) -> Any:
        return [weights.tolist() for weights in model.get_weights()]
