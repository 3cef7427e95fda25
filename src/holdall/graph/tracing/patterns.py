"""Python's regular expressions as RE2 writes them, which is what onnxruntime matches with.

Only what means the same in both is translated; the rest ends the trace.
"""

from __future__ import annotations

import itertools
import re
import re._constants as kinds  # type: ignore[import-not-found] # has no stubs
import re._parser as parser  # type: ignore[import-not-found] # nor has it
from collections.abc import Iterable
from typing import Any

from holdall.graph.tracing.untraceable import Untraceable

SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: r"\p{Nd}",
    kinds.CATEGORY_NOT_DIGIT: r"\P{Nd}",
    kinds.CATEGORY_WORD: r"\p{L}\p{N}_",
}
_MOST = 1000
"""How often RE2 repeats at most."""


def escaped(text: str) -> str:
    """A text that matches itself."""
    return "".join(character if character.isalnum() else rf"\x{{{ord(character):x}}}" for character in text)


def spaces() -> str:
    """Python's white space, for a class."""
    return "".join(rf"\x{{{ord(character):x}}}" for character in SPACES)


def one_of(characters: Iterable[str]) -> str:
    """The class of these characters."""
    codes = sorted({ord(character) for character in characters})
    runs = [list(run) for _, run in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0])]
    return "[" + "".join(rf"\x{{{run[0][1]:x}}}-\x{{{run[-1][1]:x}}}" for run in runs) + "]"


def inside(pattern: str) -> str | None:
    """A character that Python's pattern finds, if there is one among the usual."""
    return next((one for one in map(chr, range(1, 0x3001)) if re.search(pattern, one)), None)


def outside(pattern: str) -> str | None:
    """A character in which it finds nothing, if there is one among the usual."""
    return next((one for one in map(chr, range(1, 0x3001)) if not re.search(pattern, one)), None)


def translated(pattern: str, *, ignore_case: bool = False) -> str:
    """The same pattern for RE2. Raises Untraceable."""
    try:
        tree = parser.parse(pattern)
    except re.error as error:
        raise Untraceable(f"the pattern {pattern!r}", str(error)) from None
    flags = tree.state.flags & ~re.UNICODE
    if flags & ~re.IGNORECASE:
        raise Untraceable(f"flags in the pattern {pattern!r}")
    return sequence(tree, pattern, ignore_case or bool(flags & re.IGNORECASE))


def single_class(pattern: str) -> str | None:
    """The pattern for RE2 where it always matches exactly one character, else None."""
    tree = parser.parse(pattern)
    if (
        len(tree) == 1
        and tree[0][0] in (kinds.IN, kinds.LITERAL, kinds.NOT_LITERAL)
        and not tree.state.flags & ~re.UNICODE
    ):
        return translated(pattern)
    return None


def only_run(pattern: str) -> str | None:
    """For a pattern like `([a-z]+)`, one run of a class in one group: the class for RE2, else None."""
    tree = parser.parse(pattern)
    if len(tree) != 1 or tree[0][0] is not kinds.SUBPATTERN:
        return None
    inner = tree[0][1][3]
    if len(inner) != 1 or inner[0][0] is not kinds.MAX_REPEAT:
        return None
    least, most, repeated = inner[0][1]
    if least != 1 or most is not kinds.MAXREPEAT or len(repeated) != 1:
        return None
    if repeated[0][0] not in (kinds.IN, kinds.LITERAL, kinds.NOT_LITERAL) or tree.state.flags & ~re.UNICODE:
        return None
    return sequence(repeated, pattern, False)


def sequence(tree: Any, pattern: str, ignore_case: bool) -> str:
    """A parsed pattern, or a part of one, for RE2. Raises Untraceable."""
    return "".join(_one(kind, value, pattern, ignore_case) for kind, value in tree)


def _one(kind: Any, value: Any, pattern: str, ignore_case: bool) -> str:
    if kind is kinds.LITERAL:
        return _literal(value, pattern, ignore_case)
    if kind is kinds.NOT_LITERAL:
        if ignore_case:
            raise Untraceable(f"the pattern {pattern!r} without case")
        return rf"[^\x{{{value:x}}}]"
    if kind is kinds.ANY:
        return r"[^\n]"
    if kind is kinds.IN:
        return _class(value, pattern, ignore_case)
    if kind is kinds.BRANCH:
        return "(?:" + "|".join(sequence(one, pattern, ignore_case) for one in value[1]) + ")"
    if kind is kinds.SUBPATTERN:
        _, added, removed, inner = value
        if added or removed:
            raise Untraceable(f"flags in the pattern {pattern!r}")
        return "(?:" + sequence(inner, pattern, ignore_case) + ")"
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        least, most, inner = value
        if least > _MOST or (most is not kinds.MAXREPEAT and most > _MOST):
            raise Untraceable(f"the pattern {pattern!r}", f"it repeats more than {_MOST} times")
        upper = "" if most is kinds.MAXREPEAT else str(most)
        return "(?:" + sequence(inner, pattern, ignore_case) + f"){{{least},{upper}}}"
    if kind is kinds.AT and value in (kinds.AT_BEGINNING, kinds.AT_BEGINNING_STRING):
        return r"\A"
    if kind is kinds.AT and value is kinds.AT_END_STRING:
        return r"\z"
    if kind is kinds.AT and value is kinds.AT_END:
        return r"\n?\z"
    raise Untraceable(f"the pattern {pattern!r}", f"{str(kind).lower()} means something else in the graph, or nothing")


def _literal(code: int, pattern: str, ignore_case: bool) -> str:
    if not ignore_case or not chr(code).isalpha():
        return rf"\x{{{code:x}}}"
    if code > 127:
        raise Untraceable(f"the pattern {pattern!r} without case", "letters beyond ASCII have several cases")
    return "[" + "".join(rf"\x{{{one:x}}}" for one in _cases(code)) + "]"


def _cases(code: int) -> list[int]:
    one = re.compile(re.escape(chr(code)), re.IGNORECASE)
    return [other for other in (*range(128), 0x130, 0x131, 0x17F, 0x212A) if one.fullmatch(chr(other))]


def _class(members: Any, pattern: str, ignore_case: bool) -> str:
    negated, parts = "", []
    for kind, value in members:
        if kind is kinds.NEGATE:
            negated = "^"
        elif kind is kinds.LITERAL:
            parts.append(rf"\x{{{value:x}}}")
        elif kind is kinds.RANGE:
            parts.append(rf"\x{{{value[0]:x}}}-\x{{{value[1]:x}}}")
        elif kind is kinds.CATEGORY and value in _CATEGORIES:
            parts.append(_CATEGORIES[value])
        elif kind is kinds.CATEGORY and value is kinds.CATEGORY_SPACE:
            parts.append(spaces())
        elif kind is kinds.CATEGORY and value is kinds.CATEGORY_NOT_SPACE and len(members) == 1:
            return f"[^{spaces()}]"
        elif kind is kinds.CATEGORY and value is kinds.CATEGORY_NOT_WORD and len(members) == 1:
            return r"[^\p{L}\p{N}_]"
        else:
            raise Untraceable(f"the pattern {pattern!r}")
    if ignore_case:
        raise Untraceable(f"the pattern {pattern!r} without case", "write both cases into the class")
    return f"[{negated}{''.join(parts)}]"
