"""Tokens to entities: the rules by which a token-classification pipeline of Transformers groups what its model says.

The model scores every label for every token. Without grouping each token is an entity of its own; else neighbours that say
the same are one, and a word's pieces are settled by the first of them, the surest, or their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from holdall.columns.batch import Array


class Strategy(StrEnum):
    """The pipeline's `aggregation_strategy`."""

    NONE = "none"
    SIMPLE = "simple"
    FIRST = "first"
    AVERAGE = "average"
    MAX = "max"


class Grouping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """ignore: labels that are no entity. prefixed: whether the pieces of a word are known by a prefix of the tokenizer's;
    else by what stands before them. unknown: the number of the token for what the tokenizer does not know."""

    strategy: Strategy = Strategy.NONE
    ignore: tuple[str, ...] = ("O",)
    prefixed: bool = False
    unknown: int | None = None


class _Token:
    """One token, or one word of several: its scores, label and place."""

    __slots__ = ("end", "label", "piece", "score", "scores", "start")

    def __init__(self, scores: Array, start: int, end: int, piece: bool, labels: Sequence[str]) -> None:
        best = int(scores.argmax())
        self.scores, self.start, self.end, self.piece = scores, start, end, piece
        self.label, self.score = labels[best], scores[best]


def gather(text: str, encoding: Any, scores: Array, labels: Sequence[str], grouping: Grouping) -> dict[str, list[Any]]:
    """The entities of one text: their labels, scores, and where in the text each starts and ends, in characters.

    scores: [tokens, labels].
    """
    tokens = _tokens(text, encoding, scores, labels, grouping)
    if grouping.strategy is Strategy.NONE:
        found = [(token.label, token.score, token.start, token.end) for token in tokens]
    else:
        if grouping.strategy is not Strategy.SIMPLE:
            tokens = _words(tokens, labels, grouping.strategy)
        found = _groups(tokens)
    kept = [entity for entity in found if entity[0] not in grouping.ignore]
    names = ("entity", "score", "start", "end")
    return {name: [entity[place] for entity in kept] for place, name in enumerate(names)}


def _tokens(text: str, encoding: Any, scores: Array, labels: Sequence[str], grouping: Grouping) -> list[_Token]:
    found = []
    places = zip(encoding.ids, encoding.tokens, encoding.offsets, encoding.special_tokens_mask, scores, strict=True)
    for number, word, (start, end), special, row in places:
        if special:
            continue
        piece = len(word) != end - start if grouping.prefixed else start > 0 and " " not in text[start - 1 : start + 1]
        found.append(_Token(row, start, end, piece and number != grouping.unknown, labels))
    return found


def _words(tokens: Sequence[_Token], labels: Sequence[str], strategy: Strategy) -> list[_Token]:
    words: list[list[_Token]] = []
    for token in tokens:
        if words and token.piece:
            words[-1].append(token)
        else:
            words.append([token])
    return [_word(word, labels, strategy) for word in words]


def _word(pieces: Sequence[_Token], labels: Sequence[str], strategy: Strategy) -> _Token:
    if strategy is Strategy.AVERAGE:
        scores = np.nanmean(np.stack([piece.scores for piece in pieces]), axis=0)
    elif strategy is Strategy.MAX:
        scores = max(pieces, key=lambda piece: float(piece.scores.max())).scores
    else:
        scores = pieces[0].scores
    return _Token(scores, pieces[0].start, pieces[-1].end, False, labels)


def _groups(tokens: Sequence[_Token]) -> list[tuple[str, Any, int, int]]:
    """Neighbours of one label as one entity; a label that begins with `B-` begins one."""
    groups: list[list[_Token]] = []
    for token in tokens:
        begins, tag = _tag(token.label)
        if groups and not begins and tag == _tag(groups[-1][-1].label)[1]:
            groups[-1].append(token)
        else:
            groups.append([token])
    return [
        (
            group[0].label.split("-", 1)[-1],
            np.nanmean([token.score for token in group]),
            group[0].start,
            group[-1].end,
        )
        for group in groups
    ]


def _tag(label: str) -> tuple[bool, str]:
    return label.startswith("B-"), label[2:] if label.startswith(("B-", "I-")) else label
