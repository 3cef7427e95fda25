"""Text models: the package answers as the pipeline does, without Transformers or torch, and its tokenizer is data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdall
from holdall.errors import TrustRequired, UnsupportedModel
from holdall.packing.opening import open_model
from tests.frameworks.transformers.texts import TEXTS, network, pipeline

pytestmark = [
    pytest.mark.networks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's and Transformers' own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

ALONE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "sentence_transformers", "pandas", "sklearn", "onnx"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import json, holdall
rows = json.loads(sys.stdin.read())
answers = holdall.load(sys.argv[1]).predict(rows)
print(json.dumps([{name: getattr(value, "tolist", lambda: value)() for name, value in row.items()} for row in answers]))
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def classifier() -> Iterator[Any]:
    return pipeline("text-classification")


def alone(name: str, texts: list[str], home: Path) -> Any:
    """The package's answers in a process that has neither torch nor Transformers."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, name],
        input=json.dumps([{"text": text} for text in texts]),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HOLDALL_HOME": str(home)},
    )
    return json.loads(ran.stdout)


def expected(classify: Any, texts: list[str]) -> list[dict[str, float]]:
    return [{entry["label"]: entry["score"] for entry in classify(text, top_k=None)} for text in texts]


def test_a_classifier_answers_with_its_labels_in_a_process_without_its_framework(classifier: Any, home: Path) -> None:
    package = holdall.pack(classifier, name="mood", sample=TEXTS)
    assert package.manifest.steps[0].engine == "text"
    assert any(line.startswith("tokenizers==") for line in package.manifest.environment.requires)
    assert not any(line.startswith(("torch", "transformers")) for line in package.manifest.environment.requires)
    answers = alone("mood", TEXTS, home)
    for wanted, given in zip(expected(classifier, TEXTS), answers, strict=True):
        assert given["prediction"] == max(wanted, key=lambda label: wanted[label])
        for label, score in wanted.items():
            assert given[f"probability_{label}"] == pytest.approx(score, abs=1e-5)


def test_a_row_alone_is_answered_as_among_others(classifier: Any) -> None:
    holdall.pack(classifier, name="mood", sample=TEXTS)
    model = holdall.load("mood")
    together = model.predict([{"text": text} for text in TEXTS])
    for text, row in zip(TEXTS, together, strict=True):
        (single,) = model.predict([{"text": text}])
        assert single["prediction"] == row["prediction"]
        assert single["probability_positive"] == pytest.approx(row["probability_positive"], abs=1e-6)


def test_a_package_of_text_is_data_and_passes_its_checks(classifier: Any) -> None:
    holdall.pack(classifier, name="mood", sample=TEXTS)
    report = holdall.verify("mood")
    assert report.passed
    assert "tokenizer" in holdall.open("mood").manifest.blockers[0].step


def test_a_text_that_is_longer_than_the_model_takes_is_refused_as_the_pipeline_refuses_it(classifier: Any) -> None:
    holdall.pack(classifier, name="mood", sample=TEXTS)
    with pytest.raises(holdall.Error, match=r"rows\[1\].*tokens"):
        holdall.load("mood").predict([{"text": "fine"}, {"text": "word " * 200}])


def test_a_pipeline_that_cuts_long_texts_is_sealed_as_one_that_does(classifier: Any) -> None:
    cutting = pipeline("text-classification", truncation=True)
    holdall.pack(cutting, name="cut", sample=TEXTS)
    long = "good word " * 100
    (answer,) = holdall.load("cut").predict([{"text": long}])
    assert answer["probability_positive"] == pytest.approx(expected(cutting, [long])[0]["positive"], abs=1e-5)


def test_embeddings_of_tokens_and_of_sentences() -> None:
    import tempfile

    from sentence_transformers import SentenceTransformer, models

    with tempfile.TemporaryDirectory() as folder:
        source = pipeline("feature-extraction")
        source.model.save_pretrained(folder)
        source.tokenizer.save_pretrained(folder)
        word = models.Transformer(folder, max_seq_length=32)
        pooled = SentenceTransformer(
            modules=[word, models.Pooling(word.get_word_embedding_dimension()), models.Normalize()], device="cpu"
        )
    holdall.pack(pooled, name="sentences", sample=TEXTS)
    answers = holdall.load("sentences").predict([{"text": text} for text in [*TEXTS, "long text " * 60]])
    given = np.array([row["embedding"] for row in answers])
    wanted = pooled.encode([*TEXTS, "long text " * 60])
    np.testing.assert_allclose(given, wanted, atol=2e-6)


def test_a_token_classifier_tells_each_entity() -> None:
    tagger = pipeline("token-classification", aggregation_strategy="simple")
    holdall.pack(tagger, name="entities", sample=TEXTS[:7])
    texts = ["a good product", "Ünïcödé wörds and émoji 😀"]
    answers = holdall.load("entities").predict([{"text": text} for text in texts])
    for text, row in zip(texts, answers, strict=True):
        wanted = tagger(text)
        scores = [np.asarray(value, float) for name, value in row.items() if "score" in name]
        assert len(scores) == 1
        np.testing.assert_allclose(scores[0], [entity["score"] for entity in wanted], atol=1e-5)
        starts = next(value for name, value in row.items() if "start" in name)
        assert [int(start) for start in starts] == [entity["start"] for entity in wanted]


def test_a_network_without_its_tokenizer_says_what_to_give() -> None:
    with pytest.raises(UnsupportedModel) as raised:
        holdall.pack(network("ForSequenceClassification", ["a", "b"]), name="bare", sample=TEXTS)
    assert "pipeline(" in (raised.value.hint or "")


def test_a_folder_in_the_layout_of_the_hub_is_packed(classifier: Any, tmp_path: Path) -> None:
    classifier.model.save_pretrained(tmp_path)
    classifier.tokenizer.save_pretrained(tmp_path)
    opened = open_model(str(tmp_path))
    holdall.pack(opened, name="folder", sample=TEXTS)
    (answer,) = holdall.load("folder").predict([{"text": "I love it"}])
    assert answer["probability_positive"] == pytest.approx(expected(classifier, ["I love it"])[0]["positive"], abs=1e-5)


def test_a_folder_whose_weights_are_a_pickle_is_refused(classifier: Any, tmp_path: Path) -> None:
    classifier.model.config.architectures = ["BertForSequenceClassification"]
    classifier.model.config.save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(TrustRequired, match=r"pytorch_model\.bin"):
        open_model(str(tmp_path))


def test_a_folder_of_sentences_that_names_modules_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]')
    with pytest.raises(TrustRequired, match="evil"):
        open_model(str(tmp_path))


@pytest.mark.parametrize("key", ["activation_fn", "activation_function"])
def test_a_folder_that_names_a_function_to_call_is_refused(key: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({key: "os.getcwd"}))
    with pytest.raises(TrustRequired, match=r"os\.getcwd"):
        open_model(str(tmp_path))


def test_a_folder_of_another_kind_of_model_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"model_type": "SparseEncoder"}))
    with pytest.raises(UnsupportedModel, match="SparseEncoder"):
        open_model(str(tmp_path))
