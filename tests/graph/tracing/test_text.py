"""What the graph does to text is what Python does, on text that is hard on it, on none, and on text of every length."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import onnxruntime
import pandas as pd
import spox
import spox.opset.ai.onnx.v21 as op
from spox import Tensor

from holdall.graph.tracing import text
from holdall.graph.tracing.vector import Form, Vector

HARD = [
    "", " ", "a", "ab", "abc", "  ab c  ", "\tx\n", "\n", "ABC def", "Ärger", "ΣΟΦΟΣ", "ß", "İ", "日本語 ", "😀 good", "a-b--c", "-",
    "+12", "-7", "12", "007", "x" * 300, "\u2003pad\u2003", "D-50667", "a\x00b", "ﬁ", "aaa", "--", "\x1cz\x1c", "e\u0301",
]  # fmt: skip


Case = tuple[Callable[[Vector], object], Callable[[str], object]]


def held(cases: list[Case]) -> None:
    """Each made of a column of text in the graph, and by Python, text after text."""
    given = spox.argument(Tensor(np.str_, ("rows",)))
    vector = Vector(Form.STRING, given, pd.Series(HARD, dtype=object))
    made = [make(vector) for make, _ in cases]
    values = {f"made_{n}": one.values if isinstance(one, Vector) else one for n, one in enumerate(made)}
    outputs = {name: op.identity(one) for name, one in values.items()}
    session = onnxruntime.InferenceSession(spox.build({"text": given}, outputs).SerializeToString())
    for texts in (HARD, [], ["abc"], [""]):
        answers = session.run(list(outputs), {"text": np.array(texts, object)})
        for (_, python), answer in zip(cases, answers, strict=True):
            assert answer.tolist() == [python(one) for one in texts]


def sliced(start: int | None, stop: int | None) -> Case:
    return lambda v: text.sliced(v, start, stop, v.live), lambda one: one[start:stop]


def replaced(old: str, new: str) -> Case:
    return lambda v: text.replaced(v, old, new, regex=False, made=v.live), lambda one: one.replace(old, new)


def substituted(old: str, new: str) -> Case:
    return lambda v: text.replaced(v, old, new, regex=True, made=v.live), lambda one: re.sub(old, new, one)


def stripped(of: str | None, side: str, python: Callable[[str, str | None], str]) -> Case:
    return lambda v: text.stripped(v, of, side, v.live), lambda one: python(one, of)


def test_slices():
    starts, stops = (None, -250, -2, -1, 0, 1, 3, 250), (None, -250, -3, -1, 0, 1, 2, 5, 250)
    held([sliced(start, stop) for start in starts for stop in stops])


def test_ends_are_stripped():
    sides = (("lr", str.strip), ("l", str.lstrip), ("r", str.rstrip))
    held([stripped(of, side, python) for of in (None, "-", "xa", "", "日 ") for side, python in sides])


def test_case():
    held(
        [
            (lambda v: text.cased(v, "lower", v.live), str.lower),
            (lambda v: text.cased(v, "upper", v.live), str.upper),
        ]
    )


def test_places_are_replaced():
    pairs = (("-", ""), ("-", "_"), ("a", "bb"), ("ab", ""), ("--", "+"))
    patterns = (("[^a-z]", ""), (r"\s", "·"))
    held([*(replaced(*pair) for pair in pairs), *(substituted(*pair) for pair in patterns)])


def test_counts_words_and_padding():
    held(
        [
            (lambda v: text.counted(v, "a"), lambda one: one.count("a")),
            (lambda v: text.counted(v, "[a-c]"), lambda one: sum(letter in "abc" for letter in one)),
            (text.word_count, lambda one: len(one.split())),
            (lambda v: text.padded(v, 4, v.live), lambda one: one.zfill(4)),
            (lambda v: text.all_are(v, "isdigit"), str.isdigit),
            (lambda v: text.all_are(v, "isspace"), str.isspace),
            (lambda v: text.without_prefix(v, "a", v.live), lambda one: one.removeprefix("a")),
            (lambda v: text.without_suffix(v, "c", v.live), lambda one: one.removesuffix("c")),
        ]
    )
