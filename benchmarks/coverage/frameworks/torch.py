"""Modules of PyTorch as people write them: tables, images, series, tokens, several inputs, scripts and exported programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.coverage.trial import CONVOLUTIONS, Case, Trial

SEED = 0
SAMPLE = 300
FRAMEWORK = "PyTorch"


def _random() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _torch() -> Any:
    import torch

    torch.manual_seed(SEED)
    return torch


def _table(rows: int, width: int, seed: int) -> Any:
    values = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    extreme = np.array([0.0, -1e4, 1e4, 1e-6], np.float32)[: min(4, rows)]
    values[: len(extreme)] = extreme[:, None]
    return values


def _on_table(module: Callable[[Any], Any], width: int = 6) -> Callable[[int], Trial]:
    def make(rows: int) -> Trial:
        torch = _torch()
        return Trial(module(torch), _table(SAMPLE, width, 1), _table(rows, width, 2))

    return make


def _mlp(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))


def _classes(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 4), nn.Softmax(-1))


def _frame(rows: int) -> Trial:
    import pandas as pd

    torch = _torch()
    names = list("abcdef")
    return Trial(
        _mlp(torch), pd.DataFrame(_table(SAMPLE, 6, 1), columns=names), pd.DataFrame(_table(rows, 6, 2), columns=names)
    )


def _double(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2)).double()


def _arrays(module: Callable[[Any], Any], *shape: int) -> Callable[[int], Trial]:
    def make(rows: int) -> Trial:
        torch = _torch()
        sample, unseen = (
            np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)
            for seed, count in ((1, 64), (2, rows))
        )
        return Trial(module(torch), {"input": sample}, {"input": unseen})

    return make


def _convolutions(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def _upsampling(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, 2), nn.Sigmoid())


def _temporal(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Conv1d(5, 8, 3), nn.GroupNorm(2, 8), nn.Mish(), nn.AdaptiveMaxPool1d(1), nn.Flatten())


def _lstm(torch: Any) -> Any:
    return torch.nn.LSTM(4, 8, 2, batch_first=True)


def _bidirectional(torch: Any) -> Any:
    return torch.nn.GRU(4, 8, batch_first=True, bidirectional=True)


def _cells(torch: Any) -> Any:
    class Cells(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.cell = torch.nn.GRUCell(4, 6)

        def forward(self, input: Any) -> Any:  # noqa: A002 — as PyTorch's own layers call it
            state = input.new_zeros(input.shape[0], 6)
            for moment in range(input.shape[1]):
                state = self.cell(input[:, moment], state)
            return state

    return Cells()


def _ids(rows: int, size: int, length: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    ids = random.integers(1, size, size=(rows, length))
    ids[np.arange(length) >= random.integers(1, length + 1, rows)[:, None]] = 0
    return ids


def _tokens(module: Callable[[Any], Any]) -> Callable[[int], Trial]:
    def make(rows: int) -> Trial:
        return Trial(module(_torch()), {"ids": _ids(SAMPLE, 100, 12, 1)}, {"ids": _ids(rows, 100, 12, 2)})

    return make


def _transformer(torch: Any) -> Any:
    nn = torch.nn

    class Transformer(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(100, 16, padding_idx=0)
            self.encode = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)
            self.head = nn.Linear(16, 3)

        def forward(self, ids: Any) -> Any:
            hidden = self.encode(self.embed(ids), src_key_padding_mask=ids == 0)
            kept = (ids != 0).unsqueeze(-1).float()
            scores = self.head((hidden * kept).sum(1) / kept.sum(1).clamp(min=1))
            return {"prediction": scores.argmax(-1), "probability": scores.softmax(-1)}

    return Transformer()


def _attention(torch: Any) -> Any:
    nn = torch.nn

    class Attention(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(100, 16)
            self.attend = nn.MultiheadAttention(16, 2, batch_first=True)
            self.head = nn.Linear(16, 1)

        def forward(self, ids: Any) -> Any:
            hidden = self.embed(ids)
            return self.head(self.attend(hidden, hidden, hidden, need_weights=False)[0].mean(1)).squeeze(-1)

    return Attention()


def _bag(torch: Any) -> Any:
    nn = torch.nn

    class Bag(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.EmbeddingBag(100, 8, mode="mean")
            self.head = nn.Linear(8, 3)

        def forward(self, ids: Any) -> Any:
            return self.head(self.embed(ids))

    return Bag()


def _mixed(rows: int) -> Trial:
    torch = _torch()
    nn = torch.nn

    class Mixed(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.ModuleList(nn.Embedding(size, 4) for size in (5, 12))
            self.body = nn.Sequential(nn.Linear(3 + 8, 16), nn.ReLU(), nn.Linear(16, 1))

        def forward(self, numbers: Any, codes: Any) -> Any:
            parts = [embed(codes[:, place]) for place, embed in enumerate(self.embed)]
            return self.body(torch.cat([numbers, *parts], 1)).squeeze(-1)

    def data(count: int, seed: int) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        codes = np.stack([random.integers(0, 5, count), random.integers(0, 12, count)], axis=1)
        return {"numbers": random.normal(size=(count, 3)).astype(np.float32), "codes": codes}

    return Trial(Mixed(), data(SAMPLE, 1), data(rows, 2))


def _script(rows: int) -> Trial:
    torch = _torch()
    return Trial(torch.jit.script(_classes(torch).eval()), _table(SAMPLE, 6, 1), _table(rows, 6, 2))


def _exported(rows: int) -> Trial:
    torch = _torch()
    program = torch.export.export(
        _classes(torch).eval(), (torch.zeros(3, 6),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
    )
    return Trial(program, _table(SAMPLE, 6, 1), _table(rows, 6, 2))


def _by_numpy(torch: Any) -> Any:
    class ByNumPy(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, x: Any) -> Any:
            return torch.from_numpy(np.sort(x.numpy(), axis=1))

    return ByNumPy()


CASES = (
    Case(FRAMEWORK, "MLP with batch norm, matrix", "regression", _on_table(_mlp), "portable"),
    Case(FRAMEWORK, "MLP with batch norm, data frame", "regression", _frame, "portable"),
    Case(FRAMEWORK, "MLP, softmax", "transform", _on_table(_classes), "portable"),
    Case(FRAMEWORK, "MLP in float64", "transform", _on_table(_double), "portable"),
    Case(FRAMEWORK, "CNN on images", "transform", _arrays(_convolutions, 3, 16, 16), "portable", 500, CONVOLUTIONS),
    Case(FRAMEWORK, "auto-encoder on images", "transform", _arrays(_upsampling, 1, 16, 16), "portable", 500),
    Case(FRAMEWORK, "CNN on series", "transform", _arrays(_temporal, 5, 20), "portable", 2_000, CONVOLUTIONS),
    Case(FRAMEWORK, "LSTM with its states", "transform", _arrays(_lstm, 10, 4), "portable", 2_000),
    Case(FRAMEWORK, "GRU in both directions", "transform", _arrays(_bidirectional, 10, 4), "portable", 2_000),
    Case(FRAMEWORK, "GRU cell in a loop", "transform", _arrays(_cells, 8, 4), "portable", 2_000),
    Case(FRAMEWORK, "Transformer encoder, padded tokens", "classification", _tokens(_transformer), "portable", 2_000),
    Case(FRAMEWORK, "attention on tokens", "regression", _tokens(_attention), "portable", 2_000),
    Case(FRAMEWORK, "embedding bag", "transform", _tokens(_bag), "portable", 2_000),
    Case(FRAMEWORK, "numbers and embedded categories", "regression", _mixed, "portable"),
    Case(FRAMEWORK, "TorchScript", "transform", _script, "portable"),
    Case(FRAMEWORK, "exported program", "transform", _exported, "portable"),
    Case(FRAMEWORK, "NumPy inside forward", "transform", _on_table(_by_numpy), "refused"),
)
