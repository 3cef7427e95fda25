"""Strings: what `.str` does, in the graph. Characters are code points, as in Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import patterns
from holdall.graph.tracing.characters import (
    arrow,
    case_table,
    characters,
    characters_where,
    joined,
    length,
    mapped,
    member,
    positions,
    present,
    running_count,
    without_sentinel,
)
from holdall.graph.tracing.matching import Matches, compiled
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, any_null, filled
from holdall.graph.value import constant

FAR = 1 << 40


def text_of(values: Var, of: Vector, made: Any, nulls: Var | None = None) -> Vector:
    """Text made of a text: missing where that is."""
    masks = any_null(of.nulls, nulls)
    return Vector(Form.STRING, filled(Form.STRING, values, masks), made, masks)


def from_cells(cells: Var) -> Var:
    """[N + 1, L] → text [N]."""
    return without_sentinel(joined(cells))


def cased(vector: Vector, name: str, made: Any) -> Vector:
    """Lower or upper case of each character, by the tables of whoever does it: Python, or Arrow under pandas."""
    cells = characters(vector.values)
    by_arrow = arrow(vector.live.dtype)
    result = mapped(cells, case_table(name, by_arrow))
    if name == "lower" and not by_arrow:
        # A sigma that ends a word is another letter; words end where no letter follows.
        letter = op.regex_full_match(cells, pattern=r"\p{L}")
        after = _shifted(letter, -1)
        before = _shifted(letter, 1)
        final = op.and_(op.equal(cells, constant("Σ", np.str_)), op.and_(before, op.not_(after)))
        result = op.where(final, constant("ς", np.str_), result)
    return text_of(from_cells(result), vector, made)


def _shifted(flags: Var, by: int) -> Var:
    """The flag of the neighbour before (1) or after (-1); False beyond the ends."""
    number = op.cast(flags, to=np.int64)
    column = op.slice(number, constant([0], np.int64), constant([1], np.int64), constant([1], np.int64))
    nothing = op.sub(column, column)
    one, end = constant([1], np.int64), constant([FAR], np.int64)
    if by == 1:
        kept = op.slice(number, constant([0], np.int64), constant([-1], np.int64), one)
        shifted = op.concat([nothing, kept], axis=1)
    else:
        shifted = op.concat([op.slice(number, one, end, one), nothing], axis=1)
    return op.cast(shifted, to=np.bool_)


def stripped(vector: Vector, of: str | None, sides: str, made: Any) -> Vector:
    """Without white space, or these characters, at the left ('l'), the right ('r') or both ('lr')."""
    cells = characters(vector.values)
    dropped = member(cells, patterns.SPACES if of is None else of) if of != "" else None
    if dropped is None:
        return vector.with_live(made)
    kept = op.and_(op.not_(dropped), present(cells))
    zero, inside = constant(0, np.int64), present(cells)
    if "l" in sides:
        inside = op.and_(inside, op.greater(running_count(kept), zero))
    if "r" in sides:
        inside = op.and_(inside, op.greater(running_count(kept, backwards=True), zero))
    return text_of(from_cells(op.where(inside, cells, constant("", np.str_))), vector, made)


def sliced(vector: Vector, start: int | None, stop: int | None, made: Any) -> Vector:
    """text[start:stop], from the front or the back."""
    cells = characters(vector.values)
    place = positions(cells)
    count = op.reduce_sum(op.cast(present(cells), to=np.int64), constant([1], np.int64), keepdims=1)
    inside = op.greater_or_equal(place, constant(0, np.int64))
    if start is not None:
        inside = op.and_(inside, op.greater_or_equal(place, _place(start, count)))
    if stop is not None:
        inside = op.and_(inside, op.less(place, _place(stop, count)))
    return text_of(from_cells(op.where(inside, cells, constant("", np.str_))), vector, made)


def _place(index: int, count: Var) -> Var:
    return constant(index, np.int64) if index >= 0 else op.add(count, constant(index, np.int64))


def character(vector: Vector, index: int, made: Any) -> Vector:
    """text[index]; missing where the text is too short."""
    one = sliced(vector, index, None if index == -1 else index + 1, made)
    return text_of(one.values, vector, made, op.equal(one.values, constant("", np.str_)))


def matches(vector: Vector, pattern: str) -> Var:
    """Where the whole text matches a pattern of RE2."""
    return op.regex_full_match(vector.values, pattern=pattern)


ANYTHING = r"(?s:.*)"


def containing(vector: Vector, pattern: str, *, regex: bool, ignore_case: bool = False) -> Var:
    """Where the text holds a match."""
    if regex:
        inner = patterns.translated(pattern, ignore_case=ignore_case)
    else:
        if ignore_case:
            raise Untraceable("contains(case=False, regex=False)")
        inner = patterns.escaped(pattern)
    return matches(vector, f"{ANYTHING}(?:{inner}){ANYTHING}")


def starting(vector: Vector, prefixes: Sequence[str]) -> Var:
    return matches(vector, f"(?:{'|'.join(map(patterns.escaped, prefixes))}){ANYTHING}")


def ending(vector: Vector, suffixes: Sequence[str]) -> Var:
    return matches(vector, f"{ANYTHING}(?:{'|'.join(map(patterns.escaped, suffixes))})")


def pieces(text: Var, separator: str, least: int) -> tuple[Var, Var]:
    """[N] → ([N, K] the pieces between separators, padded with ''; int64 [N] how many). K is at least `least`."""
    rows = op.concat([text, constant([separator * least], np.str_)], axis=0)
    parts, counts = op.string_split(rows, delimiter=separator)
    # Text without a character has no piece in the graph and one in Python.
    counts = op.max([counts, constant(1, np.int64)])
    return without_sentinel(parts), without_sentinel(counts)


def piece(vector: Vector, separator: str, index: int, made: Any) -> Vector:
    """split(separator)[index]; missing where there are fewer."""
    parts, counts = pieces(vector.values, separator, abs(index) + 1)
    if index >= 0:
        values = op.gather(parts, constant(index, np.int64), axis=1)
        short = op.less_or_equal(counts, constant(index, np.int64))
        return text_of(values, vector, made, None if index == 0 else short)
    place = op.add(counts, constant(index, np.int64))
    short = op.less(place, constant(0, np.int64))
    usable = op.unsqueeze(op.max([place, constant(0, np.int64)]), constant([1], np.int64))
    values = op.squeeze(op.gather_elements(parts, usable, axis=1), constant([1], np.int64))
    return text_of(values, vector, made, None if index == -1 else short)


def word_count(vector: Vector) -> Var:
    """How many words between white space, int64 [N]."""
    cells = characters(vector.values)
    letter = op.and_(present(cells), op.not_(member(cells, patterns.SPACES)))
    starts = op.and_(letter, op.not_(_shifted(letter, 1)))
    return without_sentinel(op.reduce_sum(op.cast(starts, to=np.int64), constant([1], np.int64), keepdims=0))


def replaced(vector: Vector, old: str, new: str, *, regex: bool, made: Any, flags: int = 0) -> Vector:
    """str.replace of all places. Raises Untraceable."""
    if flags and not regex:
        old, regex = re.escape(old), True
    if regex and (flags or not _plain(old)):
        if "\\" in new:
            raise Untraceable("str.replace with a part of what was found", "take it with .str.extract")
        single = None if flags else patterns.single_class(old)
        if single is None:
            return text_of(Matches(vector.values, compiled(old, flags)).replaced(new), vector, made)
        cells = characters(vector.values)
        hit = op.and_(present(cells), op.regex_full_match(cells, pattern=single))
        return text_of(from_cells(op.where(hit, constant(new, np.str_), cells)), vector, made)
    if not old:
        raise Untraceable("str.replace of nothing")
    if len(old) == 1:
        cells = characters(vector.values)
        hit = op.equal(cells, constant(old, np.str_))
        return text_of(from_cells(op.where(hit, constant(new, np.str_), cells)), vector, made)
    rows = op.concat([vector.values, constant([old], np.str_)], axis=0)
    parts, counts = op.string_split(rows, delimiter=old)
    last = op.sub(op.unsqueeze(counts, constant([1], np.int64)), constant(1, np.int64))
    between = op.less(positions(parts), last)
    glue = op.where(between, constant(new, np.str_), constant("", np.str_))
    return text_of(from_cells(op.string_concat(parts, glue)), vector, made)


def _plain(pattern: str) -> bool:
    return not any(character in r"\.^$*+?{}[]|()" for character in pattern)


def counted(vector: Vector, pattern: str, flags: int = 0) -> Var:
    """How often the pattern occurs, int64 [N]. Raises Untraceable."""
    single = None if flags else patterns.single_class(pattern)
    if single is None:
        if flags or not _plain(pattern):
            return Matches(vector.values, compiled(pattern, flags)).count()
        counts = pieces(vector.values, pattern, 1)[1]
        return op.sub(counts, constant(1, np.int64))
    cells = characters(vector.values)
    hit = op.and_(present(cells), op.regex_full_match(cells, pattern=single))
    return without_sentinel(op.reduce_sum(op.cast(hit, to=np.int64), constant([1], np.int64), keepdims=0))


def first_run(vector: Vector, of: str, made: Any) -> Vector:
    """The first run of characters of a class of RE2; missing where there is none."""
    cells = characters(vector.values)
    hit = op.and_(present(cells), op.regex_full_match(cells, pattern=of))
    begun = op.greater(running_count(hit), constant(0, np.int64))
    ended = op.greater(running_count(op.and_(begun, op.not_(hit))), constant(0, np.int64))
    values = from_cells(op.where(op.and_(hit, op.not_(ended)), cells, constant("", np.str_)))
    return text_of(values, vector, made, op.equal(values, constant("", np.str_)))


def all_are(vector: Vector, name: str) -> Var:
    """Whether there is a character, and all are so."""
    cells = characters(vector.values)
    good = op.or_(member(cells, characters_where(name, arrow(vector.live.dtype))), op.not_(present(cells)))
    every = op.reduce_min(op.cast(good, to=np.int64), constant([1], np.int64), keepdims=0)
    # The sentinel's row is no digit; it is cut off.
    filled_in = op.not_(op.equal(vector.values, constant("", np.str_)))
    return op.and_(op.cast(without_sentinel(every), to=np.bool_), filled_in)


def padded(vector: Vector, width: int, made: Any) -> Vector:
    """zfill: zeros at the left, after a sign."""
    if not 0 <= width <= 64:
        raise Untraceable(f"zfill({width})")
    lacking = op.max([op.sub(constant(width, np.int64), length(vector.values)), constant(0, np.int64)])
    zeros = op.gather(constant(["0" * count for count in range(width + 1)], np.str_), lacking)
    signed = starting(vector, ["+", "-"])
    cells = characters(vector.values)
    first = op.equal(positions(cells), constant(0, np.int64))
    nothing = constant("", np.str_)
    head, tail = from_cells(op.where(first, cells, nothing)), from_cells(op.where(first, nothing, cells))
    after_sign = op.string_concat(op.string_concat(head, zeros), tail)
    return text_of(op.where(signed, after_sign, op.string_concat(zeros, vector.values)), vector, made)
