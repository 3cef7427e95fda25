"""Text models keep to what every framework keeps to, and the engine that runs them to what every engine does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.columns.tables import from_table
from holdall.frameworks.find import find
from holdall.packing.packing import Options, draft
from holdall.testing import EngineCase, EngineTests, FrameworkCase, FrameworkTests, Given, Opening
from tests.frameworks.transformers.texts import TEXTS, network, pipeline

pytestmark = [
    pytest.mark.networks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's and Transformers' own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

UNSEEN = [
    *TEXTS[:8],
    "the best item of all",
    "awful awful awful",
    "ΑΒΓ abc",
    "12 34 ok",
    "é e\u0301",
    "?!",
    "\t",
    "ok 😀",
]
COLUMN = pd.DataFrame({"text": TEXTS})
ROWS = pd.DataFrame({"text": UNSEEN})
TOO_LONG = pd.DataFrame({"text": ["word " * 200]})


def mood() -> Given:
    classify = pipeline("text-classification")
    found = [{entry["label"]: entry["score"] for entry in classify(text, top_k=None)} for text in UNSEEN]
    answers: dict[str, Any] = {"prediction": [max(row, key=lambda label: row[label]) for row in found]}
    for label in found[0]:
        answers[f"probability_{label}"] = np.array([row[label] for row in found])
    return Given(classify, COLUMN, ROWS, answers, TOO_LONG)


def vectors() -> Given:
    extract = pipeline("feature-extraction")
    found = [np.array(extract(text))[0] for text in UNSEEN]
    answers = {"embedding": [row.mean(axis=0) for row in found], "embedding_first": [row[0] for row in found]}
    return Given(extract, COLUMN, ROWS, answers, TOO_LONG)


class TestTransformers(FrameworkTests):
    framework = "Transformers"
    libraries = ("tokenizers",)
    install = "holdall[text]"

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return [
            FrameworkCase("a classifier", mood, "classification", engine="text", native="text"),
            FrameworkCase("vectors", vectors, "transform", engine="text", native="text"),
        ]

    def unfitted(self) -> Any:
        return network("ForSequenceClassification", ["a", "b"])

    def state(self, model: Any) -> Any:
        weights = {name: value.numpy().tolist() for name, value in model.model.state_dict().items()}
        modes = [part.training for part in model.model.modules()]
        return weights, modes, model.tokenizer.backend_tokenizer.to_str(), model.device


@cache
def opening() -> Opening:
    model = pipeline("text-classification")
    sample = from_table(ROWS)[0]
    made = draft(model, from_table(COLUMN)[0], Options(record="none"))
    answers = find(model).live(model, made.manifest.schema)(sample)
    step = made.manifest.model
    return Opening(step, made.manifest.schema, {path: made.files[path] for path in step.files}, sample, answers)


class TestText(EngineTests):
    engine = "text"
    libraries = ("tokenizers",)

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        return [EngineCase("a classifier", opening)]
