"""`.str`, `.dt` and `.cat` of a column, with pandas' own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import patterns, text, times
from holdall.graph.tracing.arithmetic import quietly
from holdall.graph.tracing.cutting import Cut, Halves, HalvesFrame
from holdall.graph.tracing.matching import Matches, compiled
from holdall.graph.tracing.series import TracedSeries, only
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import (
    Form,
    Vector,
    either,
)
from holdall.graph.value import constant

Word = str
"""Text: `str` is a name of pandas here."""


class Text:
    """`.str`."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series
        self._vector = series._vector
        self._live = series._vector.live.str

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(f"Series.str.{name}")

    def _text(self, vector: Vector, name: Word) -> TracedSeries:
        return self._series._new(vector, f"str.{name}")

    def _truth(self, values: Var, live: Any, name: Word, na: Any = None) -> TracedSeries:
        """Truth about a text: of a missing one it is False in pandas' dtype of text, missing among objects."""
        nulls = self._vector.nulls
        if nulls is None:
            return self._text(Vector(Form.BOOL, values, live.astype(bool)), name)
        if isinstance(na, bool):
            return self._text(Vector(Form.BOOL, either(nulls, constant(na, np.bool_), values), live), name)
        if self._vector.text_dtype:
            return self._text(Vector(Form.BOOL, op.and_(values, op.not_(nulls)), live), name)
        return self._text(Vector(Form.BOOL, op.and_(values, op.not_(nulls)), live, nulls), name)

    def _count(self, values: Var, live: Any, name: Word) -> TracedSeries:
        return self._text(times.counted(values, self._vector, live), name)

    def lower(self) -> TracedSeries:
        return self._text(text.cased(self._vector, "lower", self._live.lower()), "lower")

    def upper(self) -> TracedSeries:
        return self._text(text.cased(self._vector, "upper", self._live.upper()), "upper")

    def strip(self, to_strip: Word | None = None) -> TracedSeries:
        return self._text(text.stripped(self._vector, to_strip, "lr", self._live.strip(to_strip)), "strip")

    def lstrip(self, to_strip: Word | None = None) -> TracedSeries:
        return self._text(text.stripped(self._vector, to_strip, "l", self._live.lstrip(to_strip)), "lstrip")

    def rstrip(self, to_strip: Word | None = None) -> TracedSeries:
        return self._text(text.stripped(self._vector, to_strip, "r", self._live.rstrip(to_strip)), "rstrip")

    def len(self) -> TracedSeries:
        return self._count(text.size(self._vector), self._live.len(), "len")

    def contains(self, pat: Any, case: bool = True, flags: int = 0, na: Any = None, regex: bool = True) -> TracedSeries:
        pat = getattr(pat, "_behind", pat)
        if isinstance(pat, re.Pattern):
            pat, flags = pat.pattern, pat.flags & ~re.UNICODE
        ignore = not case or bool(flags & re.IGNORECASE)
        if flags & ~re.IGNORECASE:
            raise Untraceable("str.contains(flags=…)")
        found = text.containing(self._vector, pat, regex=regex, ignore_case=ignore)
        options = {} if na is None else {"na": na}
        live = quietly(self._live.contains, pat, case=not ignore, regex=regex, **options)
        return self._truth(found, live, "contains", na)

    def startswith(self, pat: Any, na: Any = None) -> TracedSeries:
        prefixes = pat if isinstance(pat, tuple) else (pat,)
        options = {} if na is None else {"na": na}
        return self._truth(
            text.starting(self._vector, prefixes), self._live.startswith(pat, **options), "startswith", na
        )

    def endswith(self, pat: Any, na: Any = None) -> TracedSeries:
        suffixes = pat if isinstance(pat, tuple) else (pat,)
        options = {} if na is None else {"na": na}
        return self._truth(text.ending(self._vector, suffixes), self._live.endswith(pat, **options), "endswith", na)

    def fullmatch(self, pat: Word, case: bool = True) -> TracedSeries:
        pattern = patterns.translated(pat, ignore_case=not case)
        return self._truth(text.matches(self._vector, pattern), self._live.fullmatch(pat, case=case), "fullmatch")

    def match(self, pat: Word, case: bool = True) -> TracedSeries:
        pattern = f"(?:{patterns.translated(pat, ignore_case=not case)}){text.ANYTHING}"
        return self._truth(text.matches(self._vector, pattern), self._live.match(pat, case=case), "match")

    def replace(
        self, pat: Any, repl: Any = None, n: int = -1, case: bool | None = None, flags: int = 0, regex: bool = False
    ) -> TracedSeries:
        if isinstance(pat, Mapping):
            made = self._series
            for old, new in pat.items():
                made = made.str.replace(old, new, case=case, flags=flags, regex=regex)
            return made
        pat = getattr(pat, "_behind", pat)
        if isinstance(pat, re.Pattern):
            pat, flags = pat.pattern, pat.flags & ~re.UNICODE
        if n != -1 or not isinstance(repl, str) or not isinstance(pat, str):
            raise Untraceable("str.replace with a function or a count")
        live = self._live.replace(pat, repl, case=case, flags=flags, regex=regex)
        ignoring = re.IGNORECASE if case is False else 0
        changed = text.replaced(self._vector, pat, repl, regex=regex, flags=flags | ignoring, made=live)
        return self._text(changed, "replace")

    def removeprefix(self, prefix: Word) -> TracedSeries:
        live = self._live.removeprefix(prefix)
        return self._text(text.without_prefix(self._vector, prefix, live), "removeprefix")

    def removesuffix(self, suffix: Word) -> TracedSeries:
        live = self._live.removesuffix(suffix)
        return self._text(text.without_suffix(self._vector, suffix, live), "removesuffix")

    def slice(self, start: int | None = None, stop: int | None = None, step: int | None = None) -> TracedSeries:
        if step not in (None, 1):
            raise Untraceable("str.slice with a step")
        return self._text(text.sliced(self._vector, start, stop, self._live.slice(start, stop)), "slice")

    def get(self, i: int) -> TracedSeries:
        return self._text(text.character(self._vector, i, self._live.get(i)), "get")

    def __getitem__(self, key: Any) -> TracedSeries:
        return self.slice(key.start, key.stop, key.step) if isinstance(key, slice) else self.get(key)

    def title(self) -> TracedSeries:
        return self._text(text.titled(self._vector, self._live.title()), "title")

    def capitalize(self) -> TracedSeries:
        return self._text(text.capitalized(self._vector, self._live.capitalize()), "capitalize")

    def find(self, sub: Word, start: int = 0, end: int | None = None) -> TracedSeries:
        if start or end is not None:
            raise Untraceable("str.find between places", "slice the text before")
        return self._count(text.place_of(self._vector, sub), self._live.find(sub), "find")

    def translate(self, table: Any) -> TracedSeries:
        return self._text(text.translated(self._vector, table, self._live.translate(table)), "translate")

    def pad(self, width: int, side: Word = "left", fillchar: Word = " ") -> TracedSeries:
        made = self._live.pad(width, side=side, fillchar=fillchar)
        return self._text(text.filled_up(self._vector, width, side, fillchar, made), "pad")

    def ljust(self, width: int, fillchar: Word = " ") -> TracedSeries:
        return self.pad(width, "right", fillchar)

    def rjust(self, width: int, fillchar: Word = " ") -> TracedSeries:
        return self.pad(width, "left", fillchar)

    def get_dummies(self, sep: Word = "|") -> Any:
        from holdall.graph.tracing.listed import Listed

        return Listed(self._series, sep)

    def zfill(self, width: int) -> TracedSeries:
        return self._text(text.padded(self._vector, width, self._live.zfill(width)), "zfill")

    def count(self, pat: Word, flags: int = 0) -> TracedSeries:
        return self._count(text.counted(self._vector, pat, flags), self._live.count(pat, flags=flags), "count")

    def findall(self, pat: Word, flags: int = 0) -> Found:
        return Found(self._series, Matches(self._vector.values, compiled(pat, flags)), self._live.findall(pat, flags))

    def cat(self, others: Any, sep: Word = "", na_rep: Word | None = None, **options: Any) -> Any:
        only("str.cat", options)
        if not isinstance(others, TracedSeries):
            raise Untraceable("str.cat of several columns", "add them with +")
        left = self._series if na_rep is None else self._series.fillna(na_rep)
        right = others if na_rep is None else others.fillna(na_rep)
        joined = left + sep + right if sep else left + right
        return self._series._new(joined._vector, "str.cat")

    def split(self, pat: Word | None = None, n: int = -1, expand: bool = False, regex: Any = None) -> Any:
        if regex or (pat is not None and (len(pat) == 0 or (len(pat) > 1 and not text._plain(pat)))):
            raise Untraceable("str.split with a pattern")
        if n not in (-1, 0):
            return self._halves(pat, n, expand, last=False)
        pieces = Pieces(self._series, pat)
        return pieces.frame() if expand else pieces

    def rsplit(self, pat: Word | None = None, n: int = -1, expand: bool = False) -> Any:
        return self.split(pat, expand=expand) if n in (-1, 0) else self._halves(pat, n, expand, last=True)

    def _halves(self, pat: Word | None, n: int, expand: bool, *, last: bool) -> Any:
        if n != 1 or not pat:
            raise Untraceable("str.split with a count", "the graph cuts once, n=1, or everywhere")
        cut = self._live.rsplit(pat, n=1) if last else self._live.split(pat, n=1)
        halves = Halves(self._series, pat, cut, last=last)
        return HalvesFrame(halves) if expand else halves

    def partition(self, sep: Word = " ", expand: bool = True) -> Any:
        return self._partitioned(sep, expand, last=False)

    def rpartition(self, sep: Word = " ", expand: bool = True) -> Any:
        return self._partitioned(sep, expand, last=True)

    def _partitioned(self, sep: Word, expand: bool, *, last: bool) -> Any:
        if not expand or not sep:
            raise Untraceable("str.partition(expand=False)", "leave expand out")
        live = self._live.rpartition(sep) if last else self._live.partition(sep)
        return Cut(self._series, sep, last=last).partition(live)

    def casefold(self) -> TracedSeries:
        return self._text(text.cased(self._vector, "casefold", self._live.casefold()), "casefold")

    def extract(self, pat: Word, expand: bool = True, flags: int = 0) -> Any:
        live = self._live.extract(pat, flags=flags, expand=True)
        of, member = patterns.only_run(pat), patterns.inside(pat)
        if of is not None and member is not None and not flags:
            made = {live.columns[0]: text.first_run(self._vector, of, member, live.iloc[:, 0])}
        else:
            matches = Matches(self._vector.values, compiled(pat, flags))
            made = {}
            for place, name in enumerate(live.columns):
                values, there = matches.first(place + 1)
                made[name] = text.text_of(values, self._vector, live[name], op.not_(there))
        columns = {name: self._text(vector, "extract") for name, vector in made.items()}
        if len(columns) == 1 and not expand:
            (name, column), *_ = columns.items()
            return column.rename(name if isinstance(name, str) else self._series.name)
        from holdall.graph.tracing.joining import joined_columns

        return joined_columns(self._series._trace, [column.to_frame(name) for name, column in columns.items()])

    def isdigit(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isdigit"), self._live.isdigit(), "isdigit")

    def isnumeric(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isnumeric"), self._live.isnumeric(), "isnumeric")

    def isdecimal(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isdecimal"), self._live.isdecimal(), "isdecimal")

    def isalpha(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isalpha"), self._live.isalpha(), "isalpha")

    def isalnum(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isalnum"), self._live.isalnum(), "isalnum")

    def isupper(self) -> TracedSeries:
        return self._truth(text.all_cased_are(self._vector, "isupper"), self._live.isupper(), "isupper")

    def islower(self) -> TracedSeries:
        return self._truth(text.all_cased_are(self._vector, "islower"), self._live.islower(), "islower")

    def isspace(self) -> TracedSeries:
        return self._truth(text.all_are(self._vector, "isspace"), self._live.isspace(), "isspace")


class Pieces:
    """What `.str.split` gives: a list of texts in every row, of which one can be taken."""

    def __init__(self, series: TracedSeries, separator: Word | None) -> None:
        self._series = series
        self._separator = separator
        self._live = series._vector.live.str.split(separator)

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(f"Series.str.split().{name}", "take a piece with .str[0]")

    @property
    def str(self) -> Pieces:
        return self

    @property
    def trace(self) -> Trace:
        return self._series._trace

    def at_most(self, most: int) -> None:
        """Refuses rows of more pieces."""
        vector = self._series._vector
        separator = self._separator
        count = text.word_count(vector) if separator is None else text.piece_count(vector, separator)
        more = op.greater(count, constant(most, np.int64))
        if vector.nulls is not None:
            more = op.and_(more, op.not_(vector.nulls))
        self.trace.refuse(more, f"a text of more than {most} pieces")

    def get(self, i: int) -> TracedSeries:
        made = self._live.str.get(i)
        if self._series._vector.text_dtype:
            made = made.astype("str")
        vector = self._series._vector
        piece = text.word(vector, i, made) if self._separator is None else text.piece(vector, self._separator, i, made)
        return self._series._new(piece, "str.split")

    def __getitem__(self, key: Any) -> TracedSeries:
        if isinstance(key, slice):
            raise Untraceable("some of the pieces of str.split", "take one with .str[0]")
        return self.get(key)

    def len(self) -> TracedSeries:
        vector = self._series._vector
        count = text.word_count(vector) if self._separator is None else text.piece_count(vector, self._separator)
        return self._series._new(times.counted(count, vector, self._live.str.len()), "str.split.len")

    def apply(self, function: Any) -> TracedSeries:
        from holdall.graph.tracing.scalar import over_pieces, real

        if real(function) is len:
            return self.len()
        made = over_pieces(self.trace, self._series._vector, self._separator, self._live, function)
        return self._series._new(made, "str.split.apply")

    map = apply

    def frame(self) -> Any:
        """With expand=True. How many columns there are depends on the rows, so only those that are asked for are made."""
        from holdall.graph.tracing.joining import SplitFrame

        return SplitFrame(self)


class Found:
    """What `.str.findall` gives, as far as how many there are and the first of them."""

    def __init__(self, series: TracedSeries, matches: Matches, live: Any) -> None:
        self._series = series
        self._matches = matches
        self._live = live

    def __getattr__(self, name: Word) -> Any:
        raise Untraceable(f"Series.str.findall().{name}", "count them with .str.len(), or take the first with .str[0]")

    @property
    def str(self) -> Found:
        return self

    def len(self) -> TracedSeries:
        made = times.counted(self._matches.count(), self._series._vector, self._live.str.len())
        return self._series._new(made, "str.findall.len")

    def get(self, i: int) -> TracedSeries:
        if i != 0 or self._matches.pattern.groups > 1:
            raise Untraceable("one of several matches of str.findall", "take the first with .str[0]")
        vector = self._series._vector
        values, there = self._matches.first(self._matches.pattern.groups)
        found = self._matches.any()
        values = op.where(there, values, constant("", np.str_))
        return self._series._new(text.text_of(values, vector, self._live.str.get(0), op.not_(found)), "str.findall")

    def __getitem__(self, key: Any) -> TracedSeries:
        if not isinstance(key, int):
            raise Untraceable("some of the matches of str.findall", "take the first with .str[0]")
        return self.get(key)
