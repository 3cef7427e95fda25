"""Strings: what `.str` does, in the graph. Characters are code points, as in Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import patterns, tokens
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
    within_words,
    without_sentinel,
)
from holdall.graph.tracing.distinct import once
from holdall.graph.tracing.matching import Matches, compiled
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, any_null, filled
from holdall.graph.value import constant

FAR = 1 << 40
ASCII = r"[\x00-\x7f]*"
MOST = 200
"""Patterns of more characters than these grow too large for RE2."""


def text_of(values: Var, of: Vector, made: Any, nulls: Var | None = None) -> Vector:
    """Text made of a text: missing where that is."""
    masks = any_null(of.nulls, nulls)
    return Vector(Form.STRING, filled(Form.STRING, values, masks), made, masks)


def from_cells(cells: Var) -> Var:
    """[N + 1, L] → text [N]."""
    return without_sentinel(joined(cells))


@once(keeps_nothing=True)
def cased(vector: Vector, name: str, made: Any) -> Vector:
    """Lower or upper case of each character, by the tables of whoever does it: Python, or Arrow under pandas."""
    if name not in ("lower", "upper"):
        return text_of(_by_table(vector, name), vector, made)
    # In ASCII all tables agree. Text of nothing else is by far the most, and there an operator of its own knows.
    ascii_only = op.cast(op.regex_full_match(vector.values, pattern=ASCII), to=np.int64)
    rows = op.max([op.size(vector.values), constant(1, np.int64)])
    (values,) = op.if_(
        op.greater_or_equal(op.reduce_sum(ascii_only, keepdims=0), rows),
        then_branch=lambda: [op.string_normalizer(vector.values, case_change_action=name.upper(), locale="C")],
        else_branch=lambda: [_by_both(vector, name)],
    )
    return text_of(op.reshape(values, constant([-1], np.int64)), vector, made)


def _by_both(vector: Vector, name: str) -> Var:
    """The same where some text is not ASCII: only that is taken apart."""
    rows = op.concat([vector.values, constant(["Ä"], np.str_)], axis=0)
    other = op.not_(op.regex_full_match(rows, pattern=ASCII))
    table = _by_table(replace(vector, values=op.compress(rows, other, axis=0)), name)
    place = op.sub(op.cumsum(op.cast(other, to=np.int64), constant(0, np.int64)), constant(1, np.int64))
    usual = op.string_normalizer(rows, case_change_action=name.upper(), locale="C")
    return without_sentinel(op.where(other, op.gather(table, op.max([place, constant(0, np.int64)])), usual))


def _by_table(vector: Vector, name: str) -> Var:
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
    return from_cells(result)


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


@once(keeps_nothing=True)
def stripped(vector: Vector, of: str | None, sides: str, made: Any) -> Vector:
    """Without white space, or these characters, at the left ('l'), the right ('r') or both ('lr')."""
    if of == "":
        return vector.with_live(made)
    dropped = patterns.SPACES if of is None else of
    either_end = {"l": rf"\A{patterns.one_of(dropped)}+", "r": rf"{patterns.one_of(dropped)}+\z"}
    kept = next(letter for letter in map(chr, range(ord("a"), 0x110000)) if letter not in dropped)
    return text_of(tokens.remaining(vector.values, [either_end[side] for side in sides], kept), vector, made)


@once(keeps_nothing=True)
def sliced(vector: Vector, start: int | None, stop: int | None, made: Any) -> Vector:
    """text[start:stop], from the front or the back."""
    start = start or 0
    if max(abs(start), abs(stop or 0)) > MOST or (start < 0 <= (stop if stop is not None else -1)):
        return text_of(_between(vector, start, stop), vector, made)
    values, long = vector.values, "x" * (2 * MOST + 1)
    if start < 0:
        values = tokens.found(values, rf"{_some(-start)}\z", long)
    cut = [rf"\A{_some(start)}"] if start > 0 else []
    if stop is not None and stop < 0:
        cut.append(rf"{_some(-stop)}\z")
    if cut:
        values = tokens.remaining(values, cut, long)
    if stop is not None and stop >= 0:
        if stop <= start:
            return text_of(_between(vector, start, stop), vector, made)
        values = tokens.found(values, rf"\A{_some(stop - start)}", long)
    return text_of(values, vector, made)


def _some(most: int) -> str:
    """Up to so many characters."""
    return f"(?s:.{{1,{most}}})"


def _between(vector: Vector, start: int, stop: int | None) -> Var:
    """The slice by single characters."""
    cells = characters(vector.values)
    place = positions(cells)
    count = op.reduce_sum(op.cast(present(cells), to=np.int64), constant([1], np.int64), keepdims=1)
    inside = op.greater_or_equal(place, _place(start, count))
    if stop is not None:
        inside = op.and_(inside, op.less(place, _place(stop, count)))
    return from_cells(op.where(inside, cells, constant("", np.str_)))


def _place(index: int, count: Var) -> Var:
    return constant(index, np.int64) if index >= 0 else op.add(count, constant(index, np.int64))


@once(keeps_nothing=True)
def character(vector: Vector, index: int, made: Any) -> Vector:
    """text[index]; missing where the text is too short."""
    one = sliced(vector, index, None if index == -1 else index + 1, made)
    return text_of(one.values, vector, made, op.equal(one.values, constant("", np.str_)))


@once(cheap=True)
def matches(vector: Vector, pattern: str) -> Var:
    """Where the whole text matches a pattern of RE2."""
    return op.regex_full_match(vector.values, pattern=pattern)


ANYTHING = r"(?s:.*)"
BEFORE = r"(?s:.*?)"
"""The same in front of what is looked for: RE2 is quicker where it may stop early."""


def containing(vector: Vector, pattern: str, *, regex: bool, ignore_case: bool = False) -> Var:
    """Where the text holds a match."""
    if regex:
        inner = patterns.translated(pattern, ignore_case=ignore_case)
    else:
        if ignore_case:
            raise Untraceable("contains(case=False, regex=False)")
        inner = patterns.escaped(pattern)
    return matches(vector, f"{BEFORE}(?:{inner}){ANYTHING}")


def starting(vector: Vector, prefixes: Sequence[str]) -> Var:
    return matches(vector, f"(?:{'|'.join(map(patterns.escaped, prefixes))}){ANYTHING}")


def ending(vector: Vector, suffixes: Sequence[str]) -> Var:
    return matches(vector, f"{ANYTHING}(?:{'|'.join(map(patterns.escaped, suffixes))})")


@once(keeps_nothing=True)
def without_prefix(vector: Vector, prefix: str, made: Any) -> Vector:
    if not prefix:
        return vector.with_live(made)
    kept = tokens.remaining(vector.values, [rf"\A{patterns.escaped(prefix)}"], f"{prefix}x")
    return text_of(kept, vector, made)


@once(keeps_nothing=True)
def without_suffix(vector: Vector, suffix: str, made: Any) -> Vector:
    if not suffix:
        return vector.with_live(made)
    kept = tokens.remaining(vector.values, [rf"{patterns.escaped(suffix)}\z"], f"x{suffix}")
    return text_of(kept, vector, made)


def pieces(text: Var, separator: str, least: int) -> tuple[Var, Var]:
    """[N] → ([N, K] the pieces between separators, padded with ''; int64 [N] how many). K is at least `least`."""
    rows = op.concat([text, constant([separator * least], np.str_)], axis=0)
    parts, counts = op.string_split(rows, delimiter=separator)
    # Text without a character has no piece in the graph and one in Python.
    counts = op.max([counts, constant(1, np.int64)])
    return without_sentinel(parts), without_sentinel(counts)


@once(keeps_nothing=True)
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


@once()
def size(vector: Vector) -> Var:
    """How many characters, int64 [N]."""
    return length(vector.values)


@once()
def piece_count(vector: Vector, separator: str) -> Var:
    """How many pieces there are between separators, int64 [N]."""
    return pieces(vector.values, separator, 1)[1]


@once()
def word_count(vector: Vector) -> Var:
    """How many words between white space, int64 [N]."""
    return tokens.count(tokens.tokens(vector.values, [f"{patterns.one_of(patterns.SPACES)}+"], sentinel="x"))


@once(keeps_nothing=True)
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
        other = patterns.outside(old)
        if not new and other is not None:
            kept = tokens.tokens(vector.values, [f"{single}+"], sentinel=other)
            return text_of(tokens.chained(kept), vector, made)
        cells = characters(vector.values)
        hit = op.and_(present(cells), op.regex_full_match(cells, pattern=single))
        return text_of(from_cells(op.where(hit, constant(new, np.str_), cells)), vector, made)
    if not old:
        raise Untraceable("str.replace of nothing")
    rows = op.concat([vector.values, constant([old], np.str_)], axis=0)
    parts, counts = op.string_split(rows, delimiter=old)
    last = op.sub(op.unsqueeze(counts, constant([1], np.int64)), constant(1, np.int64))
    between = op.less(positions(parts), last)
    glue = op.where(between, constant(new, np.str_), constant("", np.str_))
    return text_of(tokens.chained(op.string_concat(parts, glue)), vector, made)


def _plain(pattern: str) -> bool:
    return not any(character in r"\.^$*+?{}[]|()" for character in pattern)


@once()
def counted(vector: Vector, pattern: str, flags: int = 0) -> Var:
    """How often the pattern occurs, int64 [N]. Raises Untraceable."""
    if pattern and not flags and _plain(pattern):
        return op.sub(pieces(vector.values, pattern, 1)[1], constant(1, np.int64))
    single = None if flags else patterns.single_class(pattern)
    inside = None if single is None else patterns.inside(pattern)
    if single is None or inside is None:
        return Matches(vector.values, compiled(pattern, flags)).count()
    return tokens.count(tokens.tokens(vector.values, expression=single, sentinel=inside))


@once(keeps_nothing=True)
def first_run(vector: Vector, of: str, member: str, made: Any) -> Vector:
    """The first run of characters of a class of RE2, one of which is `member`; missing where there is none."""
    values = tokens.found(vector.values, f"{of}+", member)
    return text_of(values, vector, made, op.equal(values, constant("", np.str_)))


def all_are(vector: Vector, name: str) -> Var:
    """Whether there is a character, and all are so."""
    good = characters_where(name, arrow(vector.live.dtype))
    return matches(vector, f"{patterns.one_of(good)}+")


@once()
def padded(vector: Vector, width: int, made: Any) -> Vector:
    """zfill: zeros at the left, after a sign."""
    if not 0 <= width <= 64:
        raise Untraceable(f"zfill({width})")
    lacking = op.max([op.sub(constant(width, np.int64), length(vector.values)), constant(0, np.int64)])
    zeros = op.gather(constant(["0" * count for count in range(width + 1)], np.str_), lacking)
    sign = tokens.found(vector.values, r"\A[-+]", "+")
    rest = tokens.remaining(vector.values, [r"\A[-+]"], "x")
    return text_of(op.string_concat(op.string_concat(sign, zeros), rest), vector, made)


@once()
def all_cased_are(vector: Vector, name: str) -> Var:
    """isupper or islower: there is a letter with cases, and all such are of this one."""
    cells = characters(vector.values)
    by_arrow = arrow(vector.live.dtype)
    other = {"isupper": "islower", "islower": "isupper"}[name]
    own = member(cells, characters_where(name, by_arrow))
    titles = [one for one in characters_where("istitle", by_arrow) if len(one) == 1]
    theirs = {*characters_where(other, by_arrow), *titles} - {*characters_where(name, by_arrow)}
    against = member(cells, sorted(theirs))
    axis = constant([1], np.int64)
    some, none = (op.reduce_max(op.cast(flags, to=np.int64), axis, keepdims=0) for flags in (own, against))
    good = op.and_(op.equal(some, constant(1, np.int64)), op.equal(none, constant(0, np.int64)))
    return without_sentinel(good)


@once(keeps_nothing=True)
def titled(vector: Vector, made: Any) -> Vector:
    """The first letter of each word a capital, all others small."""
    cells = characters(vector.values)
    by_arrow = arrow(vector.live.dtype)
    inside = member(cells, within_words(by_arrow))
    follows = _shifted(inside, 1)
    small, large = (mapped(cells, case_table(name, by_arrow)) for name in ("lower", "title"))
    return text_of(from_cells(op.where(follows, small, large)), vector, made)


@once(keeps_nothing=True)
def capitalized(vector: Vector, made: Any) -> Vector:
    """The first character a capital, all others small."""
    cells = characters(vector.values)
    by_arrow = arrow(vector.live.dtype)
    small, large = (mapped(cells, case_table(name, by_arrow)) for name in ("lower", "capitalize"))
    first = op.equal(positions(cells), constant(0, np.int64))
    return text_of(from_cells(op.where(first, large, small)), vector, made)


@once()
def place_of(vector: Vector, sub: str) -> Var:
    """str.find: how many characters stand before the text, -1 where it is not; int64 [N]."""
    if not sub:
        raise Untraceable("str.find of nothing")
    parts, counts = pieces(vector.values, sub, 1)
    before = op.gather(parts, constant(0, np.int64), axis=1)
    return op.where(op.greater(counts, constant(1, np.int64)), length(before), constant(-1, np.int64))


@once(keeps_nothing=True)
def translated(vector: Vector, table: Any, made: Any) -> Vector:
    """str.translate by a table of `str.maketrans`."""
    changes: dict[str, str] = {}
    for key, value in dict(table).items():
        character = chr(key) if isinstance(key, int) else key
        changes[character] = "" if value is None else chr(value) if isinstance(value, int) else value
    return text_of(from_cells(mapped(characters(vector.values), changes)), vector, made)


@once()
def filled_up(vector: Vector, width: int, side: str, character: str, made: Any) -> Vector:
    """pad: characters before or after, up to a width."""
    if side not in ("left", "right") or not 0 <= width <= MOST or len(character) != 1:
        raise Untraceable(f"str.pad({width}, side={side!r})")
    lacking = op.max([op.sub(constant(width, np.int64), length(vector.values)), constant(0, np.int64)])
    more = op.gather(constant([character * count for count in range(width + 1)], np.str_), lacking)
    both = (more, vector.values) if side == "left" else (vector.values, more)
    return text_of(op.string_concat(*both), vector, made)


@once(keeps_nothing=True)
def word(vector: Vector, index: int, made: Any) -> Vector:
    """split()[index], words between white space; missing where there are fewer."""
    spaced = Matches(vector.values, compiled(r"\s+")).replaced(" ")
    even = stripped(Vector(Form.STRING, spaced, vector.live), None, "lr", vector.live)
    found = piece(even, " ", index, made)
    nothing = op.equal(even.values, constant("", np.str_))
    return text_of(found.values, vector, made, any_null(found.nulls, nothing))
