"""Where a pattern matches inside a text, and what its groups hold: onnxruntime itself only tells whether a whole text matches.

A pattern becomes alternatives of steps, each so many characters of a class, and all steps are taken from every place of every
text at once. That is Python's answer only where the longest run is the one that a step ends up with; other patterns, which
Python would try again with shorter runs, end the trace.
"""

from __future__ import annotations

import re
import re._constants as kinds  # type: ignore[import-not-found] # has no stubs
import re._parser as parser  # type: ignore[import-not-found] # nor has it
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import distinct, patterns
from holdall.graph.tracing.characters import characters, joined, positions, present, without_sentinel
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import either
from holdall.graph.value import constant

MOST = 24
"""So many alternatives of a pattern are followed."""

ADVICE = "the graph follows patterns whose runs end where the next part begins, like (\\d+)gb; else cut with .str.split"
WORD = r"[\p{L}\p{N}_]"


@dataclass(frozen=True)
class Step:
    """So many characters of a class; or without one, something that holds at a place.

    of: the class for RE2. test: for Python. at: a place's name. opens, closes: a group's number. lazy: the shortest run.
    unless: a class whose characters are none of this one's.
    """

    of: str | None = None
    test: str = ""
    least: int = 1
    most: int | None = 1
    at: Any = None
    opens: int | None = None
    closes: int | None = None
    lazy: bool = False
    unless: str | None = None

    @property
    def varies(self) -> bool:
        return self.of is not None and self.least != self.most

    @property
    def optional(self) -> bool:
        return self.of is None or self.least == 0


@dataclass(frozen=True)
class Pattern:
    """A pattern as alternatives, the first that matches counts. groups: how many; names: of those that have one."""

    alternatives: tuple[tuple[Step, ...], ...]
    groups: int
    names: tuple[tuple[int, str], ...]

    @property
    def may_be_empty(self) -> bool:
        return any(all(step.optional for step in steps) for steps in self.alternatives)


@cache
def compiled(pattern: str, flags: int = 0) -> Pattern:
    """The pattern's steps. Raises Untraceable."""
    try:
        tree = parser.parse(pattern, flags)
    except re.error as error:
        raise Untraceable(f"the pattern {pattern!r}", str(error)) from None
    if tree.state.flags & ~(re.UNICODE | re.IGNORECASE):
        raise Untraceable(f"flags in the pattern {pattern!r}")
    ignoring = bool(tree.state.flags & re.IGNORECASE)
    alternatives = tuple(_settled(steps, pattern) for steps in _expanded(list(tree), pattern, ignoring))
    names = tuple(sorted((number, name) for name, number in tree.state.groupdict.items()))
    return Pattern(alternatives, tree.state.groups - 1, names)


def _refused(pattern: str) -> Untraceable:
    return Untraceable(f"the pattern {pattern!r}", ADVICE)


def _expanded(tree: Sequence[Any], pattern: str, ignoring: bool) -> list[list[Step]]:
    """Every way through, in the order in which Python tries them."""
    ways: list[list[Step]] = [[]]
    for kind, value in tree:
        parts = _of_one(kind, value, pattern, ignoring)
        ways = [[*way, *part] for way in ways for part in parts]
        if len(ways) > MOST:
            raise Untraceable(f"the pattern {pattern!r}", f"it has more than {MOST} alternatives")
    return ways


def _of_one(kind: Any, value: Any, pattern: str, ignoring: bool) -> list[list[Step]]:
    if kind in (kinds.LITERAL, kinds.NOT_LITERAL, kinds.IN, kinds.ANY):
        return [[_of_class(kind, value, pattern, ignoring)]]
    if kind is kinds.SUBPATTERN:
        number, added, removed, inner = value
        if added or removed:
            raise Untraceable(f"flags in the pattern {pattern!r}")
        ways = _expanded(list(inner), pattern, ignoring)
        return ways if number is None else [[Step(opens=number), *way, Step(closes=number)] for way in ways]
    if kind is kinds.BRANCH:
        return [way for one in value[1] for way in _expanded(list(one), pattern, ignoring)]
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        least, most, inner = value
        limit = None if most is kinds.MAXREPEAT else int(most)
        lazy = kind is kinds.MIN_REPEAT
        if len(inner) == 1 and inner[0][0] in (kinds.LITERAL, kinds.NOT_LITERAL, kinds.IN, kinds.ANY):
            step = _of_class(inner[0][0], inner[0][1], pattern, ignoring)
            if lazy and least != limit:
                return [[replace(step, least=int(least), most=limit, lazy=True)]]
            return [[replace(step, least=int(least), most=limit)]]
        if lazy or limit is None or limit > 4:
            raise _refused(pattern)
        once = _expanded(list(inner), pattern, ignoring)
        counts = range(limit, int(least) - 1, -1)
        ways = []
        for count in counts:
            repeated: list[list[Step]] = [[]]
            for _ in range(count):
                repeated = [[*way, *part] for way in repeated for part in once]
            ways += repeated
        return ways
    if kind is kinds.AT:
        return [[Step(at=value)]]
    raise _refused(pattern)


def _of_class(kind: Any, value: Any, pattern: str, ignoring: bool) -> Step:
    single = [(kind, value)]
    of = patterns.sequence(single, pattern, ignoring)
    return Step(of=of, test=_python(kind, value, ignoring))


def _python(kind: Any, value: Any, ignoring: bool) -> str:
    """The class as Python writes it."""
    flag = "(?i)" if ignoring else ""
    if kind is kinds.ANY:
        return "."
    if kind is kinds.LITERAL:
        return flag + re.escape(chr(value))
    if kind is kinds.NOT_LITERAL:
        return f"{flag}[^{re.escape(chr(value))}]"
    inside = ""
    for one, what in value:
        if one is kinds.NEGATE:
            inside += "^"
        elif one is kinds.LITERAL:
            inside += re.escape(chr(what))
        elif one is kinds.RANGE:
            inside += f"{re.escape(chr(what[0]))}-{re.escape(chr(what[1]))}"
        else:
            inside += _SHORT[what]
    return f"{flag}[{inside}]"


_SHORT = {
    kinds.CATEGORY_DIGIT: r"\d", kinds.CATEGORY_NOT_DIGIT: r"\D", kinds.CATEGORY_SPACE: r"\s",
    kinds.CATEGORY_NOT_SPACE: r"\S", kinds.CATEGORY_WORD: r"\w", kinds.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


@cache
def _members(test: str) -> frozenset[str]:
    """The characters of a class, of those by which classes can differ."""
    matches = re.compile(test).fullmatch
    return frozenset(one for one in map(chr, range(0x3100)) if matches(one))


def _settled(steps: list[Step], pattern: str) -> tuple[Step, ...]:
    """The steps where each takes the longest run that there is, without a second try. Raises Untraceable."""
    result = list(steps)
    for place, step in enumerate(result):
        rest = result[place + 1 :]
        if step.lazy:
            result[place] = _hurried(step, rest, pattern)
        elif step.varies and not _ends_for_good(step, rest):
            raise _refused(pattern)
    return tuple(result)


def _hurried(step: Step, rest: Sequence[Step], pattern: str) -> Step:
    """A shortest run as a longest: up to the one character that follows it, after which nothing can fail."""
    rest = [one for one in rest if one.opens is None and one.closes is None]
    if not rest or rest[0].of is None or not rest[0].least == rest[0].most == 1:
        raise _refused(pattern)
    if not all(one.optional and one.at is None for one in rest[1:]):
        raise _refused(pattern)
    return replace(step, lazy=False, unless=rest[0].of)


def _ends_for_good(step: Step, rest: Sequence[Step]) -> bool:
    """Whether a shorter run than the longest can never let the rest match where the longest does not."""
    if all(one.optional and one.at is None for one in rest):
        return True
    mine = _members(step.test)
    for one in rest:
        if one.of is not None:
            if mine & _members(one.test):
                return False
            if one.least > 0:
                return True
        elif one.at is kinds.AT_BOUNDARY:
            word = _members(r"\w")
            if not (mine <= word or not mine & word):
                return False
        elif one.at in (kinds.AT_END, kinds.AT_END_STRING):
            # Where a shorter run ends there, the longest takes the last line break too and ends there as well.
            return True
        elif one.at is not None:
            return False
    return True


class Matches:
    """Where a pattern matches in each of the texts [N], from every place [N, P]; P is one more than the longest text."""

    def __init__(self, text: Var, pattern: Pattern) -> None:
        self.pattern = pattern
        self._distinct = distinct.of(text)
        self.cells = characters(self._distinct.texts)
        pad = op.slice(self.cells, constant([0], np.int64), constant([1], np.int64), constant([1], np.int64))
        nothing = op.where(op.equal(pad, pad), constant("", np.str_), pad)
        self._padded = op.concat([self.cells, nothing], axis=1)
        self.places = positions(self._padded)
        self._hits: dict[tuple[str, str | None], Var] = {}
        self._ends: dict[tuple[str, str | None], Var] = {}
        there = op.cast(present(self._padded), to=np.int64)
        self.length = op.reduce_sum(there, constant([1], np.int64), keepdims=1)
        self.start = op.add(self.places, op.mul(there, constant(0, np.int64)))
        self.found, self.end, self.spans = self._all()

    def _all(self) -> tuple[Var, Var, dict[int, tuple[Var, Var, Var]]]:
        inside = op.less_or_equal(self.start, self.length)
        found = end = None
        spans: dict[int, tuple[Var, Var, Var]] = {}
        for steps in self.pattern.alternatives:
            here, place, groups = self._along(steps, inside)
            if found is None or end is None:
                found, end, spans = here, place, groups
                continue
            spans = {number: self._first(found, spans.get(number), groups.get(number)) for number in {*spans, *groups}}
            end = op.where(found, end, place)
            found = op.or_(found, here)
        assert found is not None and end is not None  # noqa: S101, PT018 — a pattern has an alternative
        return found, end, spans

    def _first(self, found: Var, one: Any, other: Any) -> tuple[Var, Var, Var]:
        unset = op.and_(op.less(self.start, self.start), op.less(self.start, self.start))
        a, b = (span if span is not None else (self.start, self.start, unset) for span in (one, other))
        return op.where(found, a[0], b[0]), op.where(found, a[1], b[1]), either(found, a[2], b[2])

    def _along(self, steps: Sequence[Step], inside: Var) -> tuple[Var, Var, dict[int, tuple[Var, Var, Var]]]:
        """From every place through the steps: whether that goes, where it ends, and the groups (start, end, set)."""
        here, place = inside, self.start
        opened: dict[int, Var] = {}
        groups: dict[int, tuple[Var, Var, Var]] = {}
        for step in steps:
            if step.opens is not None:
                opened[step.opens] = place
            elif step.closes is not None:
                groups[step.closes] = (opened[step.closes], place, op.equal(place, place))
            elif step.at is not None:
                here = op.and_(here, self._holds(step.at, place))
            elif step.least == step.most == 1:
                here = op.and_(here, self._at(self._hit(step), place))
                place = op.min([op.add(place, constant(1, np.int64)), self.length])
            else:
                run = op.sub(op.gather_elements(self._run_ends(step), place, axis=1), place)
                if step.least:
                    here = op.and_(here, op.greater_or_equal(run, constant(step.least, np.int64)))
                if step.most is not None:
                    run = op.min([run, constant(step.most, np.int64)])
                place = op.add(place, run)
        return here, place, groups

    def _at(self, flags: Var, place: Var) -> Var:
        return op.cast(op.gather_elements(op.cast(flags, to=np.int64), place, axis=1), to=np.bool_)

    def _hit(self, step: Step) -> Var:
        assert step.of is not None  # noqa: S101 — only classes are asked for
        key = (step.of, step.unless)
        if key not in self._hits:
            hit = op.regex_full_match(self._padded, pattern=step.of)
            if step.unless is not None:
                hit = op.and_(hit, op.not_(op.regex_full_match(self._padded, pattern=step.unless)))
            self._hits[key] = hit
        return self._hits[key]

    def _run_ends(self, step: Step) -> Var:
        """For every place the first one from there on that is not of the class."""
        assert step.of is not None  # noqa: S101 — as above
        key = (step.of, step.unless)
        if key not in self._ends:
            hit = self._hit(step)
            width = op.slice(op.shape(hit), constant([1], np.int64), constant([2], np.int64))
            outside = op.not_(hit)
            far = op.where(outside, self.start, constant(1 << 40, np.int64))
            in_order = op.top_k(far, width, axis=1, largest=0, sorted=1)[0]
            before = op.cumsum(op.cast(outside, to=np.int64), constant(1, np.int64), exclusive=1)
            last = op.sub(width, constant(1, np.int64))
            self._ends[key] = op.gather_elements(in_order, op.min([before, last]), axis=1)
        return self._ends[key]

    def _holds(self, at: Any, place: Var) -> Var:
        if at in (kinds.AT_BEGINNING, kinds.AT_BEGINNING_STRING):
            return op.equal(place, constant(0, np.int64))
        if at is kinds.AT_END_STRING:
            return op.equal(place, self.length)
        if at is kinds.AT_END:
            newline = op.equal(self._padded, constant("\n", np.str_))
            last = op.equal(place, op.sub(self.length, constant(1, np.int64)))
            return op.or_(op.equal(place, self.length), op.and_(last, self._at(newline, place)))
        if at in (kinds.AT_BOUNDARY, kinds.AT_NON_BOUNDARY):
            word = op.regex_full_match(self._padded, pattern=WORD)
            before = op.max([op.sub(place, constant(1, np.int64)), constant(0, np.int64)])
            left = op.and_(self._at(word, before), op.greater(place, constant(0, np.int64)))
            boundary = op.xor(left, self._at(word, place))
            return boundary if at is kinds.AT_BOUNDARY else op.not_(boundary)
        raise Untraceable(f"{at} in a pattern", ADVICE)

    # What is asked

    def first(self, group: int) -> tuple[Var, Var]:
        """Text [N] of a group of the first match, 0 for all of it; and whether there is one."""
        flags = op.cast(self.found, to=np.int64)
        where = op.arg_max(flags, axis=1, keepdims=1)
        there = op.cast(op.gather_elements(flags, where, axis=1), to=np.bool_)
        if group == 0:
            start, end = where, op.gather_elements(self.end, where, axis=1)
        else:
            begun, ended, known = self.spans[group]
            start, end = (op.gather_elements(one, where, axis=1) for one in (begun, ended))
            there = op.and_(there, self._at(known, where))
        inside = op.and_(op.greater_or_equal(self.places, start), op.less(self.places, end))
        kept = op.where(op.and_(inside, there), self._padded, constant("", np.str_))
        axis = constant([1], np.int64)
        values, there = without_sentinel(joined(kept)), without_sentinel(op.squeeze(there, axis))
        return self._distinct.spread(values), self._distinct.spread(there)

    def any(self) -> Var:
        """Whether it matches anywhere, bool [N]."""
        flags = op.reduce_max(op.cast(self.found, to=np.int64), constant([1], np.int64), keepdims=0)
        return self._distinct.spread(without_sentinel(op.cast(flags, to=np.bool_)))

    def starts(self) -> Var:
        """Where matches begin that do not overlap, from the left, bool [N, P]. Raises Untraceable for empty matches."""
        if self.pattern.may_be_empty:
            raise Untraceable("a pattern that matches nothing at all", "use + in place of *")
        one = constant(1, np.int64)
        step = op.where(self.found, self.end, op.min([op.add(self.start, one), self.length]))
        reached = op.cast(op.equal(self.start, constant(0, np.int64)), to=np.int64)
        if all(len(steps) == 1 and steps[0].least == steps[0].most == 1 for steps in self.pattern.alternatives):
            return self.found

        def body(_round: Var, _going: Var, reached: Var, jump: Var) -> Sequence[Var]:
            spread = op.scatter_elements(reached, jump, reached, axis=1, reduction="max")
            grown = op.reduce_max(op.abs(op.sub(spread, reached)), keepdims=1)
            same = op.equal(op.squeeze(grown, constant([0], np.int64)), constant([0], np.int64))
            return [op.not_(same), spread, op.gather_elements(jump, jump, axis=1)]

        reached, _ = op.loop(constant(64, np.int64), constant([True], np.bool_), v_initial=[reached, step], body=body)
        return op.and_(op.cast(reached, to=np.bool_), self.found)

    def count(self) -> Var:
        """How many matches there are, int64 [N]."""
        counts = op.reduce_sum(op.cast(self.starts(), to=np.int64), constant([1], np.int64), keepdims=0)
        return self._distinct.spread(without_sentinel(counts))

    def replaced(self, new: str) -> Var:
        """Text [N] with every match replaced by this text."""
        starts = self.starts()
        flags = op.cast(starts, to=np.int64)
        ends = op.where(starts, self.end, op.add(self.length, constant(0, np.int64)))
        zero = op.mul(flags, constant(0, np.int64))
        closed = op.scatter_elements(zero, ends, flags, axis=1, reduction="add")
        axis = constant(1, np.int64)
        open_now = op.sub(op.cumsum(flags, axis), op.cumsum(closed, axis))
        covered = op.greater(open_now, constant(0, np.int64))
        nothing = constant("", np.str_)
        cells = op.where(covered, nothing, self._padded)
        made = without_sentinel(joined(op.where(starts, constant(new, np.str_), cells)))
        return self._distinct.spread(made)
