"""Pipelines of Transformers: text classification, token classification, feature extraction."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import TEXT, Column, ragged
from holdall.engines.entities import Grouping, Strategy
from holdall.engines.text import FEEDS, Answer
from holdall.errors import UnsupportedModel
from holdall.frameworks.transformers.exporting import changed, library, ready
from holdall.frameworks.transformers.reading import TextReading
from holdall.frameworks.transformers.tokenizing import Tokenizing, capture
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import StepOutput


class PipelineReading(TextReading):
    """What all pipelines share."""

    def __init__(self, pipeline: Any) -> None:
        """Raises UnsupportedModel for one without a tokenizer, or with a network that is not torch's."""
        if pipeline.tokenizer is None:
            raise UnsupportedModel("the pipeline has no tokenizer", hint="give it one: pipeline(…, tokenizer=…)")
        self._pipeline = copy.copy(pipeline)
        self._pipeline.model = ready(pipeline.model)
        self.notes = changed(pipeline.model, evaluates=False)
        self._pipeline.device = library().device("cpu")

    @property
    def path(self) -> str:
        return f"model ({type(self._pipeline.model).__name__})"

    @property
    def tokenizer(self) -> Any:
        return self._pipeline.tokenizer

    @property
    def configuration(self) -> Any:
        config = self._pipeline.model.config
        return config.get_text_config() if hasattr(config, "get_text_config") else config

    def arguments(self) -> dict[str, Any]:
        """Those that the tokenizer is called with."""
        return dict(self._pipeline._preprocess_params)

    def preprocessed(self, given: Any) -> Mapping[str, Any]:
        """What the pipeline makes of one text before the network."""
        found: Mapping[str, Any] = self._pipeline.preprocess(given, **self._pipeline._preprocess_params)
        return found

    def tokens(self, text: Any) -> Mapping[str, Sequence[int]]:
        given = {"text": text[0], "text_pair": text[1]} if isinstance(text, tuple) else text
        found = self.preprocessed(given)
        feeds = {name: found[name][0] for name in FEEDS if name in found}
        if "attention_mask" in feeds:
            # A pipeline that pads each text to one length: the network is told to look past what it put there.
            kept = feeds["attention_mask"].bool()
            feeds = {name: values[kept] for name, values in feeds.items()}
        return {name: values.tolist() for name, values in feeds.items()}

    def tokenizing(self) -> Tokenizing:
        return capture(self.tokenizer, self.tokens, self.arguments(), f"tokenizer ({type(self.tokenizer).__name__})")

    def _names(self) -> tuple[str, ...]:
        """The labels, in the order of the network's scores. Raises UnsupportedModel where two are called the same."""
        config = self._pipeline.model.config
        labels = tuple(str(config.id2label[index]) for index in range(int(config.num_labels)))
        if len(set(labels)) != len(labels):
            raise UnsupportedModel(
                "two labels of the model are called the same", hint="give each a name of its own in config.id2label"
            )
        return labels


class Classifying(PipelineReading):
    """Text classification: one of several labels, any of several, or a number."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        config = self._pipeline.model.config
        self._apply = self._function(config)
        self._labels = self._names()
        if len(self._labels) == 1:
            self.answer, self.task = Answer.NUMBER, "regression"
        elif config.problem_type == "multi_label_classification":
            self.answer, self.task, self.labels = Answer.LABELS, "classification", self._labels
        elif config.problem_type == "regression":
            self.answer, self.task, self.results = Answer.ARRAYS, "regression", ("target",)
        else:
            self.answer, self.task, self.labels = Answer.LABEL, "classification", self._labels
            self.classes = self._labels

    def _function(self, config: Any) -> str:
        """As the pipeline itself chooses it."""
        given = self._pipeline._postprocess_params.get("function_to_apply")
        if given is not None:
            return str(getattr(given, "value", given)).lower()
        if config.problem_type == "regression":
            return "none"
        if config.problem_type == "multi_label_classification" or config.num_labels == 1:
            return "sigmoid"
        return "softmax"

    def _columns(self) -> tuple[str, ...]:
        prefix = "decision_" if self._apply == "none" else "probability_"
        return tuple(prefix + label for label in self._labels)

    def fields(self) -> tuple[Field, ...]:
        if self.answer is Answer.NUMBER:
            return (Field(name="prediction", kind=Kind.FLOAT),)
        if self.answer is Answer.ARRAYS:
            return tuple(Field(name=label, kind=Kind.FLOAT) for label in self._labels)
        scores = tuple(Field(name=name, kind=Kind.FLOAT) for name in self._columns())
        if self.answer is Answer.LABELS:
            return (*(Field(name=label, kind=Kind.BOOL) for label in self._labels), *scores)
        return (Field(name="prediction", kind=Kind.STRING), *scores)

    def steps(self) -> tuple[StepOutput, ...]:
        if self.answer is Answer.NUMBER:
            return (StepOutput(name="prediction", columns=("prediction",)),)
        if self.answer is Answer.ARRAYS:
            return (StepOutput(name="target", columns=self._labels),)
        first = self._labels if self.answer is Answer.LABELS else ("prediction",)
        return StepOutput(name="prediction", columns=first), StepOutput(name="score", columns=self._columns())

    def ask(self, texts: Sequence[Any]) -> dict[str, Column]:
        given = [{"text": text[0], "text_pair": text[1]} if isinstance(text, tuple) else text for text in texts]
        rows = self._pipeline(given, top_k=None) if given else []
        found = np.array([[{one["label"]: one["score"] for one in row}[name] for name in self._labels] for row in rows])
        scores = found.astype(np.float64).reshape(len(texts), len(self._labels))
        if self.answer is Answer.NUMBER:
            return {"prediction": Column(Kind.FLOAT, scores[:, 0])}
        if self.answer is Answer.ARRAYS:
            return {name: Column(Kind.FLOAT, scores[:, place]) for place, name in enumerate(self._labels)}
        columns = {name: Column(Kind.FLOAT, scores[:, place].copy()) for place, name in enumerate(self._columns())}
        if self.answer is Answer.LABELS:
            holds = {name: Column(Kind.BOOL, scores[:, place] > 0.5) for place, name in enumerate(self._labels)}
            return {**holds, **columns}
        prediction = np.array(self._labels, object)[scores.argmax(axis=1)] if len(texts) else np.empty(0, object)
        return {"prediction": Column(Kind.STRING, prediction), **columns}

    def network(self) -> Any:
        torch, apply = library(), self._apply

        def after(logits: Any) -> Any:
            if apply == "softmax":
                return torch.softmax(logits, dim=-1)
            return torch.sigmoid(logits) if apply == "sigmoid" else logits

        return _network(self._pipeline.model, lambda answer: after(answer["logits"]))


class Tokens(PipelineReading):
    """Token classification: the entities in a text."""

    answer = Answer.TOKENS
    task = "transform"
    pairs = False

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self.labels = self._names()
        settings = self._pipeline._postprocess_params
        strategy = settings.get("aggregation_strategy")
        ignored = settings.get("ignore_labels")
        self._strategy = Strategy(str(getattr(strategy, "value", strategy or "none")).lower())
        self._ignored = ("O",) if ignored is None else tuple(str(label) for label in ignored)
        if self._pipeline._preprocess_params.get("is_split_into_words"):
            raise UnsupportedModel(
                "the pipeline takes words, not texts (is_split_into_words)",
                hint="make it without, and give whole texts",
            )

    def arguments(self) -> dict[str, Any]:
        given = dict(self._pipeline._preprocess_params.get("tokenizer_params", {}))
        longest = self.tokenizer.model_max_length
        return {**given, "truncation": bool(longest and longest > 0)}

    def tokenizing(self) -> Tokenizing:
        made = super().tokenizing()
        self.grouping = Grouping(
            strategy=self._strategy, ignore=self._ignored, prefixed=made.prefixed, unknown=made.unknown
        )
        return made

    def preprocessed(self, given: Any) -> Mapping[str, Any]:
        settings = copy.deepcopy(self._pipeline._preprocess_params)
        found: Mapping[str, Any] = next(iter(self._pipeline.preprocess(given, **settings)))
        return found

    def fields(self) -> tuple[Field, ...]:
        held = {"entity": TEXT, "score": "float64", "start": "int64", "end": "int64"}
        return tuple(Field(name=name, kind=Kind.LIST, dtype=dtype) for name, dtype in held.items())

    def steps(self) -> tuple[StepOutput, ...]:
        return tuple(StepOutput(name=field.name, columns=(field.name,)) for field in self.fields())

    def ask(self, texts: Sequence[Any]) -> dict[str, Column]:
        rows = self._pipeline(list(texts)) if len(texts) else []
        key = "entity" if self._strategy is Strategy.NONE else "entity_group"
        kinds: dict[str, tuple[str, Any]] = {
            "entity": (key, object),
            "score": ("score", np.float64),
            "start": ("start", np.int64),
            "end": ("end", np.int64),
        }
        return {
            name: Column(Kind.LIST, ragged([np.array([one[word] for one in row], dtype) for row in rows]))
            for name, (word, dtype) in kinds.items()
        }

    def network(self) -> Any:
        torch = library()
        return _network(self._pipeline.model, lambda answer: torch.softmax(answer["logits"], dim=-1))


class Features(PipelineReading):
    """Feature extraction: the mean over a text's tokens, and the first of them, which is what is made of its vectors."""

    answer = Answer.ARRAYS
    task = "transform"
    pairs = False
    results = ("embedding", "embedding_first")

    def arguments(self) -> dict[str, Any]:
        given = dict(self._pipeline._preprocess_params)
        return {**given, **given.get("tokenize_kwargs", {})}

    def _width(self) -> int:
        return int(np.asarray(self._vectors(["a"])[0]).shape[-1])

    def _vectors(self, texts: Sequence[Any]) -> list[Any]:
        return [np.asarray(row, np.float32)[0] for row in self._pipeline(list(texts))] if len(texts) else []

    def fields(self) -> tuple[Field, ...]:
        width = self._width()
        return tuple(Field(name=name, kind=Kind.TENSOR, shape=(width,)) for name in self.results)

    def steps(self) -> tuple[StepOutput, ...]:
        return tuple(StepOutput(name=name, columns=(name,)) for name in self.results)

    def ask(self, texts: Sequence[Any]) -> dict[str, Column]:
        vectors = self._vectors(texts)
        if not vectors:
            return {name: Column(Kind.TENSOR, np.empty((0, self._width()), np.float32)) for name in self.results}
        return {
            "embedding": Column(Kind.TENSOR, np.stack([one.mean(axis=0) for one in vectors])),
            "embedding_first": Column(Kind.TENSOR, np.stack([one[0] for one in vectors])),
        }

    def network(self) -> Any:
        torch, left = library(), self.tokenizer.padding_side == "left"

        def pooled(answer: Any, attention_mask: Any) -> Any:
            vectors = answer[0]
            kept = attention_mask.to(vectors.dtype).unsqueeze(-1)
            mean = (vectors * kept).sum(dim=1) / kept.sum(dim=1)
            if not left:
                return mean, vectors[:, 0]
            place = attention_mask.argmax(dim=1)
            first = torch.gather(vectors, 1, place.reshape(-1, 1, 1).expand(-1, 1, vectors.shape[2]))
            return mean, first[:, 0]

        return _network(self._pipeline.model, pooled, masked=True)


def _network(model: Any, after: Any, *, masked: bool = False) -> Any:
    """The model as a module of the feeds, and what is made of its answer. masked: that is given the attention mask too."""
    torch = library()

    class Network(torch.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None) -> Any:
            given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            answer = self.model(**{name: value for name, value in given.items() if value is not None}, return_dict=True)
            return after(answer, attention_mask) if masked else after(answer)

    return Network().eval()


READINGS: Mapping[str, type[PipelineReading]] = {
    "FeatureExtractionPipeline": Features,
    "TextClassificationPipeline": Classifying,
    "TokenClassificationPipeline": Tokens,
}
