"""sentence-transformers: embeddings of texts, and scores of pairs of them (cross-encoders)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Column
from holdall.engines.text import FEEDS, Answer
from holdall.errors import NotPortable, UnsupportedModel
from holdall.frameworks.transformers.exporting import changed, library, ready
from holdall.frameworks.transformers.reading import TextReading
from holdall.frameworks.transformers.tokenizing import Tokenizing, capture
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import StepOutput


class SentenceReading(TextReading):
    """What both share: a chain of modules, the first of which holds tokenizer and network."""

    def __init__(self, model: Any) -> None:
        """Raises UnsupportedModel where the first module is none over tokens, or prompts stand in messages."""
        first = next(iter(model.children()), None)
        if type(first).__name__ != "Transformer" or getattr(first, "tokenizer", None) is None:
            raise UnsupportedModel(
                f"the {type(model).__name__} begins with a {type(first).__name__}, not with a Transformer over tokens",
                hint="pack the module itself as a PyTorch model, with what it takes as the sample",
            )
        if "message" in getattr(first, "modality_config", {}):
            raise UnsupportedModel(
                "its texts go through a chat template, which cannot be sealed", hint="use a model that takes plain text"
            )
        self._model = ready(model)
        self.notes = changed(model, evaluates=True)
        self._first = next(iter(self._model.children()))
        prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
        self.prefix = prompt or ""

    @property
    def path(self) -> str:
        return f"model ({type(self._model).__name__})"

    @property
    def tokenizer(self) -> Any:
        return self._first.tokenizer

    @property
    def configuration(self) -> Any:
        return self._first.model.config

    def _features(self, text: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._model.preprocess([text], prompt=self.prefix or None)
        return found

    def tokens(self, text: Any) -> Mapping[str, Sequence[int]]:
        found = self._features(text)
        known = self._first.model_forward_params
        taken = [name for name in FEEDS if name in found and (known is None or name in known)]
        return {name: found[name][0].tolist() for name in taken}

    def tokenizing(self) -> Tokenizing:
        settings = dict(getattr(self._first, "processing_kwargs", {}).get("text", {}))
        arguments = {"truncation": True, "max_length": self._first.max_seq_length, **settings}
        return capture(self.tokenizer, self.tokens, arguments, f"tokenizer ({type(self.tokenizer).__name__})")

    def chain(self, after: Any) -> Any:
        """The modules one after the other as one module of the feeds; after: what is made of their features."""
        torch, model = library(), self._model
        told = self._features("a").get("prompt_length")
        if all(getattr(module, "include_prompt", True) for module in model.children()):
            told = None
        if told is not None and self.tokenizer.padding_side != "right":
            raise NotPortable(self.path, "its pooling leaves out the prompt, counted behind padding on the left")

        class Chain(torch.nn.Module):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None) -> Any:
                given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
                features = {name: value for name, value in given.items() if value is not None}
                for place, module in enumerate(self.model.children()):
                    features = module(features)
                    if place == 0 and told is not None:
                        # As Pooling leaves out the prompt itself, but without a branch on the mask's own numbers.
                        after_prompt = torch.arange(attention_mask.shape[1]) >= told
                        features["attention_mask"] = attention_mask * after_prompt
                return after(features)

        return Chain().eval()


class Embedding(SentenceReading):
    """SentenceTransformer: one vector a text."""

    answer = Answer.ARRAYS
    task = "transform"
    pairs = False
    results = ("embedding",)

    def fields(self) -> tuple[Field, ...]:
        width = self._vectors(["a"]).shape[1]
        return (Field(name="embedding", kind=Kind.TENSOR, shape=(width,)),)

    def steps(self) -> tuple[StepOutput, ...]:
        return (StepOutput(name="embedding", columns=("embedding",)),)

    def _vectors(self, texts: Sequence[str]) -> Any:
        return np.asarray(self._model.encode(list(texts), show_progress_bar=False), np.float32)

    def ask(self, texts: Sequence[Any]) -> dict[str, Column]:
        width = self._vectors(["a"]).shape[1]
        vectors = self._vectors(texts) if len(texts) else np.empty((0, width), np.float32)
        return {"embedding": Column(Kind.TENSOR, vectors)}

    def network(self) -> Any:
        width = self._model.truncate_dim

        def vector(features: Mapping[str, Any]) -> Any:
            found = features["sentence_embedding"]
            return found if width is None else found[..., :width]

        return self.chain(vector)


class Scoring(SentenceReading):
    """CrossEncoder: a number, or a label with its scores, for two texts together."""

    pairs = True
    keep_empty = True

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        if self.prefix:
            raise UnsupportedModel(
                "the cross-encoder puts a prompt before its pairs", hint="give it texts that begin with the prompt"
            )
        config = self.configuration
        count = int(self._model.num_labels)
        self._names = tuple(str(config.id2label.get(place, place)) for place in range(count))
        if count == 1:
            self.answer, self.task = Answer.NUMBER, "regression"
        else:
            self.answer, self.task, self.labels = Answer.LABEL, "classification", self._names
            self.classes = self._names

    def _columns(self) -> tuple[str, ...]:
        # What it gives are logits unless it was told otherwise.
        prefix = "decision_" if type(self._model.activation_fn).__name__ == "Identity" else "probability_"
        return tuple(prefix + name for name in self._names)

    def fields(self) -> tuple[Field, ...]:
        if self.answer is Answer.NUMBER:
            return (Field(name="prediction", kind=Kind.FLOAT),)
        scores = (Field(name=name, kind=Kind.FLOAT) for name in self._columns())
        return (Field(name="prediction", kind=Kind.STRING), *scores)

    def steps(self) -> tuple[StepOutput, ...]:
        prediction = StepOutput(name="prediction", columns=("prediction",))
        if self.answer is Answer.NUMBER:
            return (prediction,)
        return prediction, StepOutput(name="score", columns=self._columns())

    def ask(self, texts: Sequence[Any]) -> dict[str, Column]:
        found = self._model.predict([list(pair) for pair in texts], show_progress_bar=False) if len(texts) else []
        scores = np.asarray(found, np.float64).reshape(len(texts), len(self._names))
        if self.answer is Answer.NUMBER:
            return {"prediction": Column(Kind.FLOAT, scores[:, 0])}
        prediction = np.array(self._names, object)[scores.argmax(axis=1)] if len(texts) else np.empty(0, object)
        columns = {name: Column(Kind.FLOAT, scores[:, place].copy()) for place, name in enumerate(self._columns())}
        return {"prediction": Column(Kind.STRING, prediction), **columns}

    def tokens(self, text: Any) -> Mapping[str, Sequence[int]]:
        return super().tokens(text if isinstance(text, tuple) else (text, "a"))

    def network(self) -> Any:
        activation = self._model.activation_fn
        return self.chain(lambda features: activation(features["scores"]))


READINGS: Mapping[str, type[SentenceReading]] = {"CrossEncoder": Scoring, "SentenceTransformer": Embedding}
