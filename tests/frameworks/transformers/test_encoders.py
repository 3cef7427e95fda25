"""Encoders of many makes, each small and with a tokenizer of its own kind, and the heads that people put on them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdall
from holdall.errors import NotPortable, UnsupportedModel
from holdall.packing.opening import open_model
from tests.frameworks.transformers.texts import TEXTS, byte_level, encoder, pipeline, sentence_pieces, tokenizer

pytestmark = [
    pytest.mark.networks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's and Transformers' own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

UNSEEN = ["a good item", "", "  leading", "漢字 😀 zzz", "I love it " * 5]
LONG = "word " * 200


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def scores(classify: Any, texts: list[str]) -> dict[str, np.ndarray]:
    found = [{entry["label"]: entry["score"] for entry in classify(text, top_k=None)} for text in texts]
    return {label: np.array([row[label] for row in found]) for label in found[0]}


def packed(model: Any, texts: list[str], **options: Any) -> pd.DataFrame:
    holdall.pack(model, name="text", sample=TEXTS, **options)
    answers: pd.DataFrame = holdall.load("text").predict(pd.DataFrame({"text": texts}))
    return answers


def test_a_text_that_is_longer_than_the_model_takes_does_not_stop_the_packing() -> None:
    """Among holdall's own texts, by which it compares tokenizers, are some that so small a model refuses."""
    network = encoder("XLMRoberta", "ForSequenceClassification")
    classify = pipeline("text-classification", model=network, tokenizer=sentence_pieces())
    answers = packed(classify, UNSEEN)
    for label, wanted in scores(classify, UNSEEN).items():
        np.testing.assert_allclose(answers[f"probability_{label}"], wanted, atol=2e-6)


HEADS: dict[str, tuple[int, str | None, dict[str, Any], str]] = {
    "one number": (1, "regression", {}, "prediction"),
    "several numbers": (3, "regression", {}, "{}"),
    "any of several labels": (3, "multi_label_classification", {}, "probability_{}"),
    "padded to one length": (
        3,
        None,
        {"padding": "max_length", "truncation": True, "max_length": 24},
        "probability_{}",
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_answers_as_its_pipeline_does(head: str) -> None:
    count, problem, options, column = HEADS[head]
    network = encoder("Bert", "ForSequenceClassification", num_labels=count, problem_type=problem)
    classify = pipeline("text-classification", model=network, **options)
    answers = packed(classify, UNSEEN, record="none")
    for label, wanted in scores(classify, UNSEEN).items():
        np.testing.assert_allclose(answers[column.format(label)], wanted, atol=2e-6)


def test_two_columns_of_one_name_are_refused_by_that_name() -> None:
    labels = ["prediction", "probability_prediction"]
    options = {"num_labels": 2, "id2label": dict(enumerate(labels)), "problem_type": "multi_label_classification"}
    network = encoder("Bert", "ForSequenceClassification", **options)
    with pytest.raises(UnsupportedModel, match="'probability_prediction'") as raised:
        holdall.pack(pipeline("text-classification", model=network), name="text", sample=TEXTS)
    assert "id2label" in (raised.value.hint or "")


def test_a_model_in_training_mode_is_sealed_in_evaluation_mode_and_left_as_it_was() -> None:
    classify = pipeline("text-classification")
    wanted = scores(classify, UNSEEN)
    classify.model.train()
    package = holdall.pack(classify, name="text", sample=TEXTS)
    assert any("training mode" in note for note in package.notes)
    assert all(part.training for part in classify.model.modules())
    answers = holdall.load("text").predict(pd.DataFrame({"text": UNSEEN}))
    np.testing.assert_allclose(answers["probability_positive"], wanted["positive"], atol=2e-6)


def test_what_an_exporter_cannot_write_says_what_to_do_instead() -> None:
    network = encoder("Longformer", "ForSequenceClassification", attention_window=8)
    with pytest.raises(NotPortable) as raised:
        holdall.pack(pipeline("text-classification", model=network, tokenizer=byte_level()), name="text", sample=TEXTS)
    assert "include=" in (raised.value.hint or "")


def test_a_packed_model_is_let_go_with_its_last_user() -> None:
    from sentence_transformers import SentenceTransformer

    made = [pipeline("text-classification"), SentenceTransformer(modules=_modules(), device="cpu")]
    for place, model in enumerate(made):
        holdall.pack(model, name=f"gone{place}", sample=TEXTS)
    seen = [weakref.ref(model) for model in made]
    made.clear()
    del model
    gc.collect()
    assert [one() for one in seen] == [None, None]


def _modules(**pooling: Any) -> list[Any]:
    import tempfile

    from sentence_transformers import models

    source = pipeline("feature-extraction")
    with tempfile.TemporaryDirectory() as folder:
        source.model.save_pretrained(folder)
        source.tokenizer.save_pretrained(folder)
        word = models.Transformer(folder, max_seq_length=32)
    return [word, models.Pooling(word.get_embedding_dimension(), **pooling), models.Normalize()]


def test_a_prompt_is_put_before_each_text_and_left_out_of_the_mean_where_the_model_says_so() -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        modules=_modules(include_prompt=False),
        device="cpu",
        prompts={"query": "I love: "},
        default_prompt_name="query",
    )
    answers = packed(model, [*UNSEEN, LONG], record="none")
    np.testing.assert_allclose(np.stack(answers["embedding"]), model.encode([*UNSEEN, LONG]), atol=2e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_a_cross_encoder_scores_pairs(count: int, tmp_path: Any) -> None:
    from sentence_transformers import CrossEncoder

    encoder("Bert", "ForSequenceClassification", num_labels=count).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    model = CrossEncoder(str(tmp_path), device="cpu")
    model.save_pretrained(str(tmp_path / "saved"))
    assert isinstance(open_model(str(tmp_path / "saved")), CrossEncoder)
    sample = pd.DataFrame({"text": TEXTS, "text_pair": TEXTS[::-1]})
    holdall.pack(model, name="pairs", sample=sample, record="none")
    pairs = [("a good item", "bad"), ("", "x"), ("x", ""), ("I love it " * 5, "漢字"), (LONG, "b"), ("b", LONG)]
    answers = holdall.load("pairs").predict(pd.DataFrame(pairs, columns=["text", "text_pair"]))
    wanted = np.reshape(model.predict(pairs), (len(pairs), count))
    columns = ["prediction"] if count == 1 else [name for name in answers if name != "prediction"]
    np.testing.assert_allclose(answers[columns], wanted, atol=5e-6)
