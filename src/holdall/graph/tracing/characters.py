"""Text as a matrix of its characters [N, L], padded with '': what onnxruntime can take apart, and put together again."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.tokens import tokens
from holdall.graph.value import constant

SENTINEL = "x"


def characters(text: Var) -> Var:
    """[N] → [N + 1, L]: the code points of each text, and a last row that is `SENTINEL`, so that no dimension is ever 0."""
    return tokens(text, [""], sentinel=SENTINEL)


def without_sentinel(values: Var) -> Var:
    """[N + 1, …] → [N, …]."""
    return op.slice(values, constant([0], np.int64), constant([-1], np.int64), constant([0], np.int64))


def joined(cells: Var) -> Var:
    """[N, L] → [N]: the cells of each row, one after the other, in log2(L) rounds. L is at least 1."""
    one = constant([1], np.int64)

    def longer(values: Var) -> Var:
        return op.greater(op.gather(op.shape(values), one), one)

    def body(_round: Var, _going: Var, values: Var) -> Sequence[Var]:
        pad = op.gather(op.expand(constant("", np.str_), op.shape(values)), constant([0], np.int64), axis=1)
        even = op.concat([values, pad], axis=1)
        end = constant([sys.maxsize], np.int64)
        left = op.slice(even, constant([0], np.int64), end, one, constant([2], np.int64))
        right = op.slice(even, constant([1], np.int64), end, one, constant([2], np.int64))
        # An odd row was made even by the pad; of an even one the pad stands alone on the left and is dropped.
        count = op.slice(op.shape(right), one, constant([2], np.int64))
        left = op.slice(left, constant([0], np.int64), count, one)
        pairs = op.string_concat(left, right)
        return [longer(pairs), pairs]

    (whole,) = op.loop(
        constant(64, np.int64),
        longer(cells),
        v_initial=[op.identity(cells)],
        body=body,
    )
    return op.gather(whole, constant(0, np.int64), axis=1)


def present(cells: Var) -> Var:
    """Where a cell holds a character, not a pad."""
    return op.not_(op.equal(cells, constant("", np.str_)))


def length(text: Var) -> Var:
    """[N] → int64 [N]: how many code points."""
    counts = op.reduce_sum(op.cast(present(characters(text)), to=np.int64), constant([1], np.int64), keepdims=0)
    return without_sentinel(counts)


def mapped(cells: Var, table: dict[str, str]) -> Var:
    """Each cell that the table names, replaced by what it names; others stay."""
    keys = [key for key in table if table[key] != ""]
    removed = [key for key in table if table[key] == ""]
    result = cells
    if keys:
        found = ml.label_encoder(
            cells, keys_strings=keys, values_strings=[table[key] for key in keys], default_string=""
        )
        result = op.where(op.equal(found, constant("", np.str_)), cells, found)
    if removed:
        result = op.where(member(cells, removed), constant("", np.str_), result)
    return result


def member(cells: Var, of: Iterable[str]) -> Var:
    """Where a cell is one of these texts."""
    keys = sorted(set(of))
    found = ml.label_encoder(cells, keys_strings=keys, values_int64s=[1] * len(keys), default_int64=0)
    return op.equal(found, constant(1, np.int64))


def positions(cells: Var) -> Var:
    """int64 [1, L]: 0, 1, 2 …"""
    width = op.gather(op.shape(cells), constant(1, np.int64))
    return op.unsqueeze(op.range(constant(0, np.int64), width, constant(1, np.int64)), constant([0], np.int64))


def _all() -> list[str]:
    return [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


def arrow(dtype: Any) -> bool:
    """Whether pandas leaves text of this dtype to Arrow, whose tables of Unicode are not Python's."""
    return getattr(dtype, "storage", None) == "pyarrow"


@functools.cache
def characters_where(name: str, by_arrow: bool) -> tuple[str, ...]:
    """All characters of Unicode of which `str.isdigit`, or another of `str`'s questions, is true."""
    if by_arrow:
        table = pandas.Series(_all(), dtype=pandas.StringDtype("pyarrow"))
        return tuple(table[getattr(table.str, name)().astype(bool)])
    return tuple(one for one in _all() if getattr(one, name)())


@functools.cache
def case_table(name: str, by_arrow: bool) -> dict[str, str]:
    """Each character that `lower`, `upper` or another such method changes → what it becomes."""
    every = _all()
    made: Iterable[str]
    if by_arrow:
        made = getattr(pandas.Series(every, dtype=pandas.StringDtype("pyarrow")).str, name)().tolist()
    else:
        made = (getattr(one, name)() for one in every)
    return {one: other for one, other in zip(every, made, strict=True) if one != other}


DIGITS = {
    chr(code): str(unicodedata.decimal(chr(code))) for code in range(128, sys.maxunicode + 1) if chr(code).isdecimal()
}
"""The decimal digits of other scripts, which Python reads as numbers too."""


@functools.cache
def within_words(by_arrow: bool) -> tuple[str, ...]:
    """The characters after which a letter does not begin a word, as `str.title` has it."""
    every = _all()
    pairs = [one + "a" for one in every]
    if by_arrow:
        made = pandas.Series(pairs, dtype=pandas.StringDtype("pyarrow")).str.title().tolist()
    else:
        made = [pair.title() for pair in pairs]
    return tuple(one for one, pair in zip(every, made, strict=True) if pair.endswith("a"))
