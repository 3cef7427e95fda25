"""The module `re`, whose functions also take a text of a row."""

from __future__ import annotations

import re
import types
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing import scalar as scalars
from holdall.graph.tracing.matching import Matches, compiled
from holdall.graph.tracing.scalar import Scalar
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector
from holdall.graph.value import constant


class Regular(types.ModuleType):
    """The module."""

    def __init__(self) -> None:
        super().__init__("re")

    def __getattr__(self, name: str) -> Any:
        value = getattr(re, name)
        if name == "compile":
            return lambda pattern, flags=0: Compiled(re.compile(_plain(pattern), flags))
        if name not in ("sub", "search", "match", "fullmatch", "findall", "split", "subn", "finditer"):
            return value

        def call(pattern: Any, *arguments: Any, **options: Any) -> Any:
            return getattr(Compiled(re.compile(_plain(pattern), options.pop("flags", 0))), name)(*arguments, **options)

        return call


def _plain(pattern: Any) -> Any:
    return pattern._behind if isinstance(pattern, Compiled) else pattern


class Compiled:
    """A compiled pattern."""

    def __init__(self, behind: re.Pattern[str]) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._behind, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            if any(isinstance(one, Scalar) for one in (*arguments, *options.values())):
                raise Untraceable(f"re.{name} of one value")
            return value(*arguments, **options)

        return call

    def _matches(self, text: Scalar, before: str = "", after: str = "") -> Matches:
        vector = text._vector
        if vector.form is not Form.STRING:
            raise Untraceable("a pattern of what is no text")
        if vector.nulls is not None:
            text._trace_refuse(vector.nulls, "a missing text", TypeError)
        pattern = self._behind
        made = f"{before}(?:{pattern.pattern}){after}" if before or after else pattern.pattern
        return Matches(vector.values, compiled(made, pattern.flags & ~re.UNICODE))

    def sub(self, repl: Any, string: Any, *count: Any, **options: Any) -> Any:
        if not isinstance(string, Scalar):
            return self._behind.sub(repl, string, *count, **options)
        if count or options or not isinstance(repl, str) or "\\" in repl:
            raise Untraceable("re.sub with a function, a count or a part of what was found")
        values = self._matches(string).replaced(repl)
        return Scalar(string._trace, Vector(Form.STRING, values, pandas.Series(["x"], dtype=object)))

    def search(self, string: Any, *places: Any) -> Any:
        if not isinstance(string, Scalar):
            return self._behind.search(string, *places)
        return self._found(string, self._matches(string), places)

    def match(self, string: Any, *places: Any) -> Any:
        if not isinstance(string, Scalar):
            return self._behind.match(string, *places)
        return self._found(string, self._matches(string, before=r"\A"), places)

    def fullmatch(self, string: Any, *places: Any) -> Any:
        if not isinstance(string, Scalar):
            return self._behind.fullmatch(string, *places)
        return self._found(string, self._matches(string, before=r"\A", after=r"\Z"), places)

    def _found(self, string: Scalar, matches: Matches, places: Any) -> Any:
        """A match, or on another way None."""
        if places:
            raise Untraceable("a pattern from a place on")
        return Match(string, matches, self._behind) if scalars.decide(matches.any()) else None

    def findall(self, string: Any, *places: Any) -> Any:
        if not isinstance(string, Scalar):
            return self._behind.findall(string, *places)
        return Found(string, self._matches(string))


class Match:
    """What was found in a text."""

    def __init__(self, text: Scalar, matches: Matches, pattern: re.Pattern[str]) -> None:
        self._text = text
        self._matches = matches
        self._pattern = pattern

    def group(self, *wanted: Any) -> Any:
        if len(wanted) > 1:
            return tuple(self.group(one) for one in wanted)
        number = wanted[0] if wanted else 0
        number = self._pattern.groupindex[number] if isinstance(number, str) else number
        values, there = self._matches.first(number)
        nulls = None if number == 0 else op.not_(there)
        return Scalar(self._text._trace, Vector(Form.STRING, values, pandas.Series(["x", None], dtype=object), nulls))

    __getitem__ = group

    def groups(self) -> tuple[Any, ...]:
        return tuple(self.group(number + 1) for number in range(self._pattern.groups))


class Found:
    """All matches in a text, as far as how many there are and the first of them."""

    def __init__(self, text: Scalar, matches: Matches) -> None:
        self._text = text
        self._matches = matches

    def count(self) -> Scalar:
        return Scalar(self._text._trace, Vector(Form.INT, self._matches.count(), pandas.Series([0])))

    def __bool__(self) -> bool:
        return scalars.decide(self._matches.any())

    def __iter__(self) -> Any:
        raise Untraceable("a loop over matches")

    def __getitem__(self, key: Any) -> Scalar:
        if key != 0 or self._matches.pattern.groups > 1:
            raise Untraceable("one of several matches", "take the first, or use .str.extract")
        values, there = self._matches.first(self._matches.pattern.groups)
        self._text._trace_refuse(op.not_(self._matches.any()), "no match", IndexError)
        values = op.where(there, values, constant("", np.str_))
        return Scalar(self._text._trace, Vector(Form.STRING, values, pandas.Series(["x"], dtype=object)))
