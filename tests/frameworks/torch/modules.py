"""Modules as people write them, small. torch is imported when they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

ROWS = 40
CLASSES = 3


@dataclass(frozen=True)
class Example:
    """A module, its sample, and what its package must have: names of inputs and the first outputs."""

    module: Any
    sample: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def mlp() -> Example:
    from torch import nn

    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
    table = pd.DataFrame(_random().normal(size=(ROWS, 4)), columns=list("abcd"))
    return Example(module, table, ("a", "b", "c", "d"), ("prediction",))


def doubles() -> Example:
    from torch import nn

    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    return Example(module, _random().normal(size=(ROWS, 3)), ("x0", "x1", "x2"), ("output_0", "output_1"))


def images() -> Example:
    import torch
    from torch import nn

    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES)
    )
    return Example(module, torch.rand(12, 3, 8, 9), ("input",), ("output_0", "output_1", "output_2"))


def recurrent() -> Example:
    import torch
    from torch import nn

    return Example(nn.LSTM(4, 5, 2, batch_first=True), torch.randn(ROWS, 6, 4), ("input",), ("output_0", "output_1_0"))


def steps() -> Example:
    import torch
    from torch import nn

    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(4, 5)

        def forward(self, series: Any) -> Any:
            state = series.new_zeros(series.shape[0], 5)
            for moment in range(series.shape[1]):
                state = self.cell(series[:, moment], state)
            return state

    return Example(Steps(), torch.randn(ROWS, 5, 4), ("series",), ("output_0",))


def tokens() -> Example:
    import torch
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(30, 8, padding_idx=0)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encode = nn.TransformerEncoder(layer, 2)
            self.head = nn.Linear(8, CLASSES)

        def forward(self, ids: Any) -> Any:
            hidden = self.encode(self.embed(ids), src_key_padding_mask=ids == 0)
            kept = (ids != 0).unsqueeze(-1).float()
            scores = self.head((hidden * kept).sum(1) / kept.sum(1).clamp(min=1))
            return {"prediction": scores.argmax(-1), "probability": torch.softmax(scores, -1)}

    ids = _random().integers(1, 30, size=(ROWS, 7))
    ids[::3, 4:] = 0
    return Example(Classifier(), ids, ("ids",), ("prediction", "probability_0"))


def bags() -> Example:
    from torch import nn

    class Bags(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.EmbeddingBag(20, 6, mode="mean")
            self.head = nn.Linear(6, 2)

        def forward(self, words: Any) -> Any:
            return self.head(self.embed(words))

    return Example(Bags(), _random().integers(0, 20, size=(ROWS, 5)), ("words",), ("output_0", "output_1"))


def several() -> Example:
    import torch
    from torch import nn

    @dataclass
    class Answer:
        price: Any
        spread: Any
        loss: Any = None

    class Tabular(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.ModuleList(nn.Embedding(size, 3) for size in (4, 9))
            self.body = nn.Linear(6 + 3, 4)

        def forward(self, numbers: Any, codes: Any, weight: Any = None) -> Any:
            numbers = numbers if weight is None else numbers * weight
            parts = [embed(codes[:, place]) for place, embed in enumerate(self.embed)]
            both = self.body(torch.cat([numbers, *parts], 1))
            return Answer(price=both[:, 0], spread=both[:, 1:])

    random = _random()
    codes = np.stack([random.integers(0, 4, ROWS), random.integers(0, 9, ROWS)], axis=1)
    sample = {"numbers": random.normal(size=(ROWS, 3)).astype(np.float32), "codes": codes}
    return Example(Tabular(), sample, ("numbers", "codes"), ("price", "spread_0"))


def columns() -> Example:
    import torch
    from torch import nn

    class Total(nn.Module):
        def forward(self, price: Any, count: Any, gift: Any) -> Any:
            return torch.where(gift, torch.zeros_like(price), price * count)

    random = _random()
    table = pd.DataFrame({"price": random.uniform(1, 9, ROWS), "count": random.integers(1, 5, ROWS)})
    table["gift"] = random.random(ROWS) < 0.2
    return Example(Total(), table, ("price", "count", "gift"), ("prediction",))


def branching() -> Example:
    import torch
    from torch import nn

    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:  # TorchScript reads the annotations
            if float(torch.sum(x)) > 0:
                return self.layer(x)
            return -self.layer(x)

    return Example(Branching(), _random().normal(size=(ROWS, 3)), ("x0", "x1", "x2"), ("output_0",))


EXAMPLES: dict[str, Callable[[], Example]] = {
    "MLP on a data frame": mlp,
    "doubles": doubles,
    "images": images,
    "LSTM with its states": recurrent,
    "GRU cell in a loop": steps,
    "Transformer on padded tokens": tokens,
    "embedding bag": bags,
    "several inputs, a dataclass of outputs": several,
    "an argument for each column": columns,
}
