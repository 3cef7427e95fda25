"""Text in, answers out: a tokenizer and a graph, run without the framework that trained them.

`tokenizer.json` is run by the `tokenizers` library, the one that the fast tokenizers of Transformers are made of, so a text
becomes the same numbers; the graph is run by onnxruntime. Rows of like length are scored together, padded to the longest of
them. Both files are data, and so is the third one, which says what stands between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from holdall.columns.batch import Array, Batch
from holdall.engines.engine import Files
from holdall.engines.entities import Grouping, gather
from holdall.engines.onnx import Session
from holdall.errors import ManifestInvalid, MissingDependency, PackageDamaged
from holdall.spec.manifest import PATH
from holdall.spec.schema import Kind, Schema
from holdall.spec.steps import Step

GRAPH, TOKENIZER, SETTINGS = "model/model.onnx", "model/tokenizer.json", "model/text.json"
ROWS = 32
"""So many rows go through the graph at once at most: more of them are no faster."""
CELLS = 8192
"""Tokens that go through the graph at once, padding included; it bounds what attention takes of memory."""
SLICE = 2048
"""Rows that are tokenized at once."""


class Answer(StrEnum):
    """What the graph's output becomes.

    LABEL: scores of classes, the first of the greatest is the prediction. LABELS: a score for each label, which holds where
    it is above a half. NUMBER: one number. ARRAYS: arrays, by output. TOKENS: scores of labels for every token.
    """

    LABEL = "label"
    LABELS = "labels"
    NUMBER = "number"
    ARRAYS = "arrays"
    TOKENS = "tokens"


class Padding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands where a row has no token: its number, its type, and on which side."""

    token: int
    type: int = 0
    left: bool = False


class Settings(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="holdall",
    tag="text",
):
    """What `text.json` holds, beside "holdall": "text", by which the file is known.

    feeds: the graph's inputs, of `FEEDS`.
    columns: the input column of texts, and that of their partners where texts come in pairs.
    labels: in the order of the graph's scores.
    special: whether the tokenizer adds its own tokens; plain: whether such tokens in the text itself are plain text.
    keep_empty: whether an empty partner makes a pair; else the text stands alone. prefix: put before every text.
    longest: how many tokens the model takes; None: any number. padding: None where rows of one length go together.
    grouping: how tokens become entities, for TOKENS.
    """

    answer: Answer
    feeds: tuple[str, ...]
    columns: tuple[str, ...]
    labels: tuple[str, ...] = ()
    special: bool = True
    plain: bool = False
    keep_empty: bool = False
    prefix: str = ""
    longest: int | None = None
    padding: Padding | None = None
    grouping: Grouping | None = None


FEEDS = ("input_ids", "attention_mask", "token_type_ids")


class TextModel:
    """An opened tokenizer with its graph. Calls are thread-safe."""

    def __init__(
        self, settings: Settings, tokenizer: Any, path: str, session: Session, schema: Schema, threads: int
    ) -> None:
        """path: of the tokenizer, as messages call it."""
        self._settings = settings
        self._path = path
        self._tokenizer = tokenizer
        self._session = session
        self._threads = threads
        self._shapes = {
            field.name: tuple(side for side in field.shape if isinstance(side, int)) for field in schema.outputs
        }

    def run(self, batch: Batch) -> dict[str, Array]:
        """StepOutput name → what its columns hold. Raises ValueError for texts of more tokens than the model takes."""
        texts = self.texts(batch)
        if not texts:
            return self._empty()
        parts = [self._slice(texts[start : start + SLICE]) for start in range(0, len(texts), SLICE)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def texts(self, batch: Batch) -> list[Any]:
        """What the tokenizer is given: a text, or a pair of them, for each row."""
        settings = self._settings
        first = [settings.prefix + text for text in batch[settings.columns[0]].values]
        if len(settings.columns) == 1:
            return first
        second = batch[settings.columns[1]].values
        return [(one, other) if other or settings.keep_empty else one for one, other in zip(first, second, strict=True)]

    def encode(self, texts: Sequence[Any]) -> list[Any]:
        """The tokenizer's encodings. Raises PackageDamaged where it cannot go on."""
        try:
            return self._encoded(texts)
        except (Exception, KeyboardInterrupt, SystemExit):
            raise  # of one text: that row is refused
        except BaseException as error:  # noqa: BLE001 — what Rust cannot go on with comes as an exception that is no Exception
            raise PackageDamaged(
                f"the tokenizer in {self._path} cannot go on: {str(error)[:200]}",
                hint="`holdall verify` tells whether its bytes are those that were sealed",
                path=self._path,
            ) from None

    def _encoded(self, texts: Sequence[Any]) -> list[Any]:
        # One thread of this program's own where only one is allowed.
        special = self._settings.special
        if self._threads == 1 or len(texts) == 1:
            return [
                self._tokenizer.encode(*(text if isinstance(text, tuple) else (text,)), add_special_tokens=special)
                for text in texts
            ]
        encodings: list[Any] = self._tokenizer.encode_batch(texts, add_special_tokens=special)
        return encodings

    def _slice(self, texts: Sequence[Any]) -> dict[str, Array]:
        encodings = self.encode(texts)
        lengths = np.array([len(encoding.ids) for encoding in encodings])
        longest = self._settings.longest
        if longest is not None and lengths.max() > longest:
            raise ValueError(f"the text has {lengths.max():,} tokens, and the model takes {longest:,}")
        if not lengths.min():
            raise ValueError("the text has no token that the model could be given")
        order: list[int] = []
        found: list[dict[str, Array]] = []
        for rows in self._groups(lengths):
            order += rows.tolist()
            chosen = [encodings[row] for row in rows]
            feeds, places = self._feeds(chosen, int(lengths[rows].max()))
            found.append(self._answers(self._session.run(feeds), [texts[row] for row in rows], chosen, places))
        back = np.argsort(np.array(order))
        return {name: np.concatenate([part[name] for part in found])[back] for name in found[0]}

    def _groups(self, lengths: Array) -> Iterator[Array]:
        """Rows of like length; of one length where there is nothing to pad with."""
        order = np.argsort(lengths, kind="stable")
        start = 0
        for end in range(1, len(order) + 1):
            if end < len(order):
                length = int(lengths[order[end]])
                fits = end - start < ROWS and (end - start + 1) * length <= CELLS
                if fits and (self._settings.padding is not None or length == lengths[order[start]]):
                    continue
            yield order[start:end]
            start = end

    def _feeds(self, encodings: Sequence[Any], length: int) -> tuple[dict[str, Array], list[slice]]:
        """The graph's inputs, [rows, length] each, and where in them each row's own tokens stand."""
        padding = self._settings.padding or Padding(token=0)
        blank = {"input_ids": padding.token, "attention_mask": 0, "token_type_ids": padding.type}
        feeds = {name: np.full((len(encodings), length), blank[name], np.int64) for name in self._settings.feeds}
        places = []
        for row, encoding in enumerate(encodings):
            count = len(encoding.ids)
            place = slice(length - count, length) if padding.left else slice(0, count)
            places.append(place)
            for name, values in feeds.items():
                values[row, place] = _OF[name](encoding)
        return feeds, places

    def _answers(
        self, results: dict[str, Array], texts: Sequence[Any], encodings: Sequence[Any], places: Sequence[slice]
    ) -> dict[str, Array]:
        settings = self._settings
        if settings.answer is Answer.ARRAYS:
            return results
        (scores,) = results.values()
        if settings.answer is Answer.NUMBER:
            return {"prediction": scores.reshape(-1)}
        if settings.answer is Answer.LABELS:
            return {"prediction": scores > 0.5, "score": scores}
        labels = np.array(settings.labels, object)
        if settings.answer is Answer.LABEL:
            return {"prediction": labels[scores.argmax(axis=1)], "score": scores}
        grouping = settings.grouping or Grouping()
        rows = zip(texts, encodings, places, scores, strict=True)
        entities = [
            gather(text, encoding, row[place], settings.labels, grouping) for text, encoding, place, row in rows
        ]
        return {
            name: _ragged([entity[name] for entity in entities], dtype)
            for name, dtype in (("entity", object), ("score", np.float64), ("start", np.int64), ("end", np.int64))
        }

    def _empty(self) -> dict[str, Array]:
        settings = self._settings
        if settings.answer is Answer.ARRAYS:
            return {name: np.empty((0, *self._shapes.get(name, ())), np.float32) for name in self._session.outputs}
        if settings.answer is Answer.TOKENS:
            return {name: np.empty(0, object) for name in ("entity", "score", "start", "end")}
        scores = np.empty((0, max(len(settings.labels), 1)), np.float32)
        first = scores > 0.5 if settings.answer is Answer.LABELS else np.empty(0, object)
        return {"prediction": scores[:, 0] if settings.answer is Answer.NUMBER else first, "score": scores}


_OF: dict[str, Callable[[Any], list[int]]] = {
    "input_ids": lambda encoding: encoding.ids,
    "attention_mask": lambda encoding: encoding.attention_mask,
    "token_type_ids": lambda encoding: encoding.type_ids,
}


def _ragged(rows: Sequence[Sequence[Any]], dtype: Any) -> Array:
    made = np.empty(len(rows), object)
    for row, values in enumerate(rows):
        made[row] = np.array(values, dtype)
    return made


def load_tokenizer(data: bytes, path: str) -> Any:
    """The tokenizer in a `tokenizer.json`. Raises PackageDamaged, MissingDependency."""
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise MissingDependency("tokenizers", "holdall[text]", f"the tokenizer in {path}") from None
    try:
        return tokenizers.Tokenizer.from_str(data.decode("utf-8"))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 — what Rust cannot go on with comes as an exception that is no Exception
        raise PackageDamaged(
            f"{path} is not a tokenizer that tokenizers {tokenizers.__version__} can read: {str(error)[:200]}",
            hint="`holdall env REF --check` compares the versions here with those that it was sealed with",
            path=path,
        ) from None


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> TextModel:
    """Open tokenizer and graph. Raises PackageDamaged, ManifestInvalid, MissingDependency."""
    if len(step.files) != len((GRAPH, TOKENIZER, SETTINGS)):
        raise ManifestInvalid(PATH, "a text model has a graph, a tokenizer and what stands between them")
    graph, tokenizer, between = step.files
    try:
        settings = msgspec.json.decode(files.read(between), type=Settings)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PackageDamaged(f"{between} cannot be read: {error}", path=between) from None
    inputs = {field.name for field in schema.inputs if field.kind is Kind.STRING}
    if not set(settings.columns) <= inputs or not settings.columns or not set(settings.feeds) <= set(FEEDS):
        raise ManifestInvalid(PATH, f"{between} names columns or inputs that there are not")
    opened = load_tokenizer(files.read(tokenizer), tokenizer)
    opened.no_padding()
    opened.encode_special_tokens = settings.plain
    session = Session(files.read(graph), graph, threads)
    if session.inputs != set(settings.feeds):
        raise ManifestInvalid(PATH, f"{graph} takes {', '.join(sorted(session.inputs))}, which {between} does not say")
    return TextModel(settings, opened, tokenizer, session, schema, threads)
