"""Text models as a framework: the network as one ONNX graph, its tokenizer as data beside it.

A tokenizer has no exact form as graph operators, so such a package is not portable in the strict sense; but it needs neither
Transformers nor torch: onnxruntime and the `tokenizers` library run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.engines import text as engine
from holdall.engines.engine import InMemory
from holdall.engines.text import GRAPH, SETTINGS, TOKENIZER, Settings, TextModel
from holdall.errors import NotPortable, UnsupportedModel, UsageError
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.onnx.exporters import quiet
from holdall.frameworks.transformers import pipelines, sentences
from holdall.frameworks.transformers.exporting import export
from holdall.frameworks.transformers.reading import TextReading
from holdall.frameworks.transformers.tokenizing import PAIRS, TEXTS, compare
from holdall.spec import canonical
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import Compute, Role, Step

PAIR = ("text", "text_pair")
_PACK = 'holdall.pack(pipeline("text-classification", model=model, tokenizer=tokenizer), name=…)'
_TEXTS = Column(
    Kind.STRING,
    np.array(["This text stands for those that the model is asked about.", "And here is another one!"], object),
)
_SAMPLES = {names: Batch(dict.fromkeys(names, _TEXTS), len(_TEXTS)) for names in (PAIR[:1], PAIR)}
_SOURCE = (
    "pack a function that loads the model from its folder and calls it, with include='FOLDER/*': it travels as source with "
    "the libraries that it imports"
)
_CLOSE = {"rtol": 1e-4, "atol": 1e-5}


class Transformers:
    """The Framework of text pipelines, SentenceTransformer and CrossEncoder."""

    name = "Transformers"

    def __init__(self) -> None:
        # What was read of a model lives as long as it: no reading may hold the model itself, or neither is ever let go.
        self._read: WeakKeyDictionary[Any, TextReading] = WeakKeyDictionary()

    def recognises(self, model: Any) -> bool:
        """A pipeline, a model of sentence-transformers, or a network over tokens; other networks are plain modules."""
        names = {base.__name__ for base in type(model).__mro__}
        if names & {"Pipeline", "SentenceTransformer", "CrossEncoder", "PreTrainedTokenizerBase"}:
            return True
        return "PreTrainedModel" in names and getattr(model, "main_input_name", None) == "input_ids"

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a network without its tokenizer, and for what no column can hold."""
        reading = self._read[model] = _read(model)
        names = PAIR if reading.pairs else PAIR[:1]
        return Description(
            task=reading.task,
            inputs=None,
            width=None if reading.pairs is None else len(names),
            table="text",
            classes=reading.classes,
            notes=reading.notes,
            sample=_SAMPLES[names],
        )

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:  # noqa: ARG002 — the seam
        """Raises UsageError where the sample is not one column of text, or two; UnsupportedModel for labels of one name."""
        reading = self._of(model)
        _columns(inputs, reading)
        fields = reading.fields()
        names = [field.name for field in fields]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UnsupportedModel(
                f"two of the answers' columns would be called {twice!r}",
                hint="call the labels otherwise in config.id2label",
            )
        return fields

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 — it answers all at once
        """The model's own answers. A missing text is refused."""
        reading = self._of(model)
        names = _columns(schema.inputs, reading)

        def run(batch: Batch) -> Batch:
            for name in names:
                if batch[name].null_mask().any():
                    raise ValueError(f"{name} is missing")
            columns = [batch[name].values.tolist() for name in names]
            texts = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
            return Batch(reading.ask(texts), batch.rows)

        return run

    def portable(self, model: Any, schema: Schema) -> Artefact:  # noqa: ARG002 — the seam
        """Raises NotPortable: the tokenizer is no graph."""
        name = type(self._of(model).tokenizer).__name__
        raise NotPortable(
            f"tokenizer ({name})",
            "a tokenizer has no exact form as graph operators: it is sealed as data and run by the tokenizers library, "
            "the rest by onnxruntime",
        )

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """Graph and tokenizer. Raises NotPortable where either cannot be written, or answers otherwise than the model."""
        try:
            return self._sealed(self._of(model), schema)
        except NotPortable as error:
            error.hint = error.hint or _SOURCE
            raise

    def _sealed(self, reading: TextReading, schema: Schema) -> Artefact:
        tokenizing, network = reading.tokenizing(), reading.network()
        graph = export(network, tokenizing.feeds, reading.results, reading.path)
        settings = Settings(
            answer=reading.answer,
            feeds=tuple(feed for feed in tokenizing.feeds if feed in _inputs(graph)),
            columns=_columns(schema.inputs, reading),
            labels=reading.labels,
            special=tokenizing.special,
            plain=tokenizing.plain,
            keep_empty=reading.keep_empty,
            prefix=reading.prefix,
            longest=reading.longest(tokenizing, network),
            padding=tokenizing.padding,
            grouping=reading.grouping,
        )
        files = {
            GRAPH: graph,
            TOKENIZER: tokenizing.data,
            SETTINGS: canonical.encode(msgspec.to_builtins(settings)),
        }
        step = Step(
            role=Role.MODEL, engine="text", files=tuple(files), outputs=reading.steps(), compute=Compute.FLOAT32
        )
        # Texts that are too long, and their warnings, are holdall's own: nobody gave them.
        with quiet():
            _prove(reading, engine.open_step(step, schema, InMemory(files), 0), settings, step)
        return Artefact("text", files, (), reading.steps(), compute=Compute.FLOAT32)

    def _of(self, model: Any) -> TextReading:
        found = self._read.get(model)
        if found is None:
            found = self._read[model] = _read(model)
        return found


def _read(model: Any) -> TextReading:
    names = [base.__name__ for base in type(model).__mro__]
    for name in names:
        reading = pipelines.READINGS.get(name) or sentences.READINGS.get(name)
        if reading is not None:
            return reading(model)
    if "Pipeline" in names:
        raise UnsupportedModel(
            f"a pipeline for {model.task} gives answers that no columns hold",
            hint="pack a pipeline for text-classification, token-classification or feature-extraction, a SentenceTransformer, "
            "or the network alone (pipe.model) as a PyTorch module",
        )
    what = "has no tokenizer with it" if "PreTrainedModel" in names else "has no network with it"
    raise UnsupportedModel(f"a {type(model).__name__} {what}", hint=f"pack both: {_PACK}")


def _columns(inputs: Sequence[Field], reading: TextReading) -> tuple[str, ...]:
    """The column of texts, and that of their partners. Raises UsageError."""
    names = tuple(field.name for field in inputs)
    if set(names) == set(PAIR):
        names = PAIR
    wanted = {None: (1, 2), True: (2,), False: (1,)}[reading.pairs]
    strange = next((field for field in inputs if field.kind is not Kind.STRING), None)
    if len(names) not in wanted or strange is not None:
        what = "two columns of text" if reading.pairs else "one column of text"
        what += ", or two for pairs of texts" if reading.pairs is None else ""
        got = f"{strange.name} is {strange.kind}" if strange is not None else f"the sample has {', '.join(names[:10])}"
        raise UsageError(f"the model takes {what}; {got}", hint="leave the other columns out: sample=table[['text']]")
    return names


def _inputs(graph: bytes) -> set[str]:
    import onnx

    return {value.name for value in onnx.load_model_from_string(graph).graph.input}


def _prove(reading: TextReading, opened: TextModel, settings: Settings, step: Step) -> None:
    """Raises NotPortable where tokens or answers are not the model's own; all of packing's own proof comes after this."""
    texts: list[Any] = list(PAIRS) if reading.pairs else [*TEXTS, *(PAIRS if reading.pairs is None else ())]
    given = [text[0] if isinstance(text, tuple) and not text[1] and not settings.keep_empty else text for text in texts]
    prefixed = [_prefixed(settings.prefix, text) for text in given]
    asked = dict(zip(prefixed, texts, strict=True))
    path = f"tokenizer ({type(reading.tokenizer).__name__})"
    compare(opened.encode, lambda text: reading.tokens(asked[text]), prefixed, settings.feeds, path)
    if len(settings.columns) == 2:
        texts = [(text, "") if isinstance(text, str) else text for text in texts]
    else:
        texts = [text for text in texts if isinstance(text, str)]
    short, expected = _answered(reading, [text for text in texts if len("".join(text)) < 200])
    columns = list(zip(*short, strict=True)) if len(settings.columns) == 2 else [short]
    batch = Batch(
        {
            name: Column(Kind.STRING, np.array([*values, None], object)[:-1])
            for name, values in zip(settings.columns, columns, strict=True)
        },
        len(short),
    )
    results = opened.run(batch)
    for output in step.outputs:
        values = results[output.name]
        for place, name in enumerate(output.columns):
            column = expected[name]
            if column.kind not in (Kind.FLOAT, Kind.TENSOR):
                continue
            got = values if values.ndim == 1 or column.kind is Kind.TENSOR else values[:, place]
            if got.shape != column.values.shape or not np.allclose(got, column.values, **_CLOSE, equal_nan=True):
                raise NotPortable(reading.path, f"the graph that torch.onnx.export writes answers otherwise in {name}")


def _answered(reading: TextReading, texts: Sequence[Any]) -> tuple[list[Any], dict[str, Column]]:
    """Those of the texts that the model answers to, and its answers. Raises UnsupportedModel where there is none."""
    try:
        return list(texts), reading.ask(texts)
    except (
        Exception
    ) as error:  # whatever the model raises is its no: some texts are too long for it, or empty of tokens
        taken = [text for text in texts if len(texts) > 1 and _answered_to(reading, text)]
        if not taken:
            raise UnsupportedModel(
                f"the model answers to no text: {type(error).__name__}: {str(error).strip()[:200]}",
                hint="call it with a text of your own first: what it raises then is what holdall sees",
            ) from error
        return taken, reading.ask(taken)


def _answered_to(reading: TextReading, text: Any) -> bool:
    try:
        reading.ask([text])
    except Exception:  # noqa: BLE001 — as above
        return False
    return True


def _prefixed(prefix: str, text: Any) -> Any:
    return (prefix + text[0], *text[1:]) if isinstance(text, tuple) else prefix + text


FRAMEWORK = Transformers()
