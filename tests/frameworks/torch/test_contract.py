"""PyTorch keeps to what every framework keeps to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from holdall.testing import FrameworkCase, FrameworkTests, Given
from tests.frameworks.torch import modules

pytestmark = [
    pytest.mark.networks,
    # Of torch itself, while it is imported and traced: nothing that a user could change.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning"),
]


def _seeded(example: Any) -> Any:
    import torch

    torch.manual_seed(7)
    made = example()
    made.module.eval()
    return made


def table() -> Given:
    import torch

    example = _seeded(modules.mlp)
    unseen = example.sample.iloc[::2].reset_index(drop=True)
    with torch.no_grad():
        answer = example.module(torch.tensor(unseen.to_numpy(), dtype=torch.float32)).numpy()
    return Given(example.module, example.sample, unseen, {"prediction": answer[:, 0].astype(np.float64)})


def tokens() -> Given:
    import torch

    example = _seeded(modules.tokens)
    unseen = example.sample[::2]
    with torch.no_grad():
        answer = example.module(torch.from_numpy(unseen))
    answers: dict[str, Any] = {"prediction": answer["prediction"].numpy()}
    for place, column in enumerate(answer["probability"].numpy().astype(np.float64).T):
        answers[f"probability_{place}"] = column
    refused = [{"ids": [1, 2, 3, 4, 5, 6, wrong]} for wrong in (-1, 30)]
    return Given(example.module, example.sample, {"ids": unseen}, answers, refused)


class TestPyTorch(FrameworkTests):
    framework = "PyTorch"
    libraries = ("torch",)

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [
            FrameworkCase("MLP on a data frame", table, task="regression"),
            FrameworkCase("Transformer on tokens", tokens, task="classification"),
        ]

    def unfitted(self) -> Any:
        from torch import nn

        return nn.LazyLinear(2)

    def state(self, model: Any) -> Any:
        weights = {name: value.numpy().tolist() for name, value in model.state_dict().items()}
        return weights, [part.training for part in model.modules()]
