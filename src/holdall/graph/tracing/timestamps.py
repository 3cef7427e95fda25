"""Text → moments, as `pandas.to_datetime` reads it: by a format, or by the one ISO form that the sample has.

Without a format pandas takes the form of a table's first row for all of it, so that a text of another form is read in one
table and refused in the next. The graph keeps to the sample's form. What it refuses then although pandas may read it (a
stray form, digits of other scripts, 'today') is told as narrower than the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import characters
from holdall.graph.tracing.distinct import once
from holdall.graph.tracing.times import DAY, MICROSECONDS, Calendar, floor_divide, whole
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, Vector, any_null, filled
from holdall.graph.value import constant

Refuse = Callable[[Var, str], None]
NONE = ("", "NaT", "nat", "NAT", "nan", "NaN", "NAN")
"""Text that pandas takes for no time at all, in every format."""

ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d)(:\d\d)?(\.\d{1,6})?)?", re.ASCII)
_MONTHS = {
    name: place
    for place, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_NAMES = {spelled(name): place for name, place in _MONTHS.items() for spelled in (str, str.lower, str.upper)}
_WORD_OF_A_DATE = "|".join([*map(str.lower, _MONTHS), "mon", "tue", "wed", "thu", "fri", "sat", "sun", "now", "today"])
_SEPARATORS = " T.:-/"


@dataclass(frozen=True)
class Directive:
    """A part of a format. strict: the texts that the graph reads, as RE2; loose: all that pandas may read."""

    strict: str
    loose: str


_TWO = r"\p{Nd}{1,2}"
DIRECTIVES = {
    "Y": Directive("[0-9]{4}", r"\p{Nd}{4}"),
    "y": Directive("[0-9]{2}", r"\p{Nd}{2}"),
    "m": Directive("(?:0?[1-9]|1[0-2])", _TWO),
    "d": Directive("(?:0?[1-9]|[12][0-9]|3[01])", r"\s?" + _TWO),
    "H": Directive("(?:[01]?[0-9]|2[0-3])", _TWO),
    "M": Directive("[0-5]?[0-9]", _TWO),
    "S": Directive("[0-5]?[0-9]", _TWO),
    "f": Directive("[0-9]{1,6}", r"\p{Nd}{1,9}"),
    "b": Directive("(?:" + "|".join(sorted(_NAMES)) + ")", "(?i:" + "|".join(_MONTHS) + ")"),
}
_WIDTH = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}


def moments(text: Vector, made: Any, pattern: str | None, refuse: Refuse, *, coerce: bool = False) -> Vector:
    """The moments of a column of text. made: the sample's, as pandas reads it. pattern: the format, if one was given.

    coerce: what is no time is missing, not refused. Raises Untraceable.
    """
    stated = pattern if pattern not in (None, "ISO8601") else None
    form = stated or _form_of(text, made)
    values, none, unreal, invalid, doubtful = _all(text, form, made, stated=stated is not None)
    nulls = any_null(text.nulls, none)
    if coerce:
        nulls = any_null(any_null(nulls, unreal), invalid)
        bad = op.and_(invalid, doubtful)
    else:
        bad = op.or_(invalid, unreal)
    if text.nulls is not None:
        bad = op.and_(bad, op.not_(text.nulls))
    refuse(bad, f"a text is not a time like {_example(form)!r}")
    return Vector(Form.MOMENT, filled(Form.MOMENT, values, nulls), made, nulls)


@once()
def _all(text: Vector, form: str, made: Any, *, stated: bool) -> tuple[Var, ...]:
    """The moments; where one is told to be missing, is no day, has another form, and where it may be a time in that form."""
    strict, loose = _expressions(form)
    valid = op.regex_full_match(text.values, pattern=strict)
    none = characters.member(text.values, NONE)
    usable = op.where(valid, text.values, constant(_example(form), np.str_))
    parts: dict[str, Var] = {}
    # A last row that has the form: onnxruntime cannot split what has no rows.
    _read(op.concat([usable, constant([_example(form)], np.str_)], axis=0), form, parts)
    values, unreal = (characters.without_sentinel(part) for part in _assembled(parts, made))
    invalid = op.and_(op.not_(valid), op.not_(none))
    if stated:
        doubtful = op.regex_full_match(text.values, pattern=f"(?i:{loose}|today|now)")
    else:
        sure = op.regex_full_match(text.values, pattern=r"\PN*")
        dated = op.regex_full_match(text.values, pattern=rf"(?is)(?:.*\PL)?(?:{_WORD_OF_A_DATE})\pL*(?:\PL.*)?")
        doubtful = op.or_(op.not_(sure), dated)
    return values, none, unreal, invalid, doubtful


def _form_of(text: Vector, made: Any) -> str:
    """The format of the one ISO form of the sample's text."""
    read = made.notna().to_numpy() if len(made) == len(text.live) else np.ones(len(text.live), np.bool_)
    seen = [value for value, there in zip(text.live.tolist(), read, strict=True) if isinstance(value, str) and there]
    forms = {_iso(value) for value in seen if value not in NONE}
    if len(forms) == 1 and (form := forms.pop()) is not None:
        return form
    raise Untraceable("pandas.to_datetime of text that is not ISO", "say its format: format='%d/%m/%Y'")


def _iso(value: str) -> str | None:
    found = ISO.fullmatch(value)
    if found is None:
        return None
    _, separator, time, seconds, fraction = found.groups()
    clock = "" if time is None else f"{separator}%H:%M" + ("" if seconds is None else ":%S")
    return None if fraction and not seconds else f"%Y-%m-%d{clock}" + ("" if fraction is None else ".%f")


def _expressions(form: str) -> tuple[str, str]:
    strict, loose = "", ""
    for kind, text in _tokens(form):
        if kind:
            directive = DIRECTIVES[text]
            fixed = _is_run(form) and text in _WIDTH
            strict += f"[0-9]{{{_WIDTH[text]}}}" if fixed else directive.strict
            loose += directive.loose
        else:
            strict += re.escape(text)
            loose += r"\s*" if text.isspace() else re.escape(text)
    return strict, loose


def _tokens(form: str) -> list[tuple[bool, str]]:
    """(True, a directive's letter) or (False, text between). Raises Untraceable for a directive that is not read."""
    found: list[tuple[bool, str]] = []
    for part in re.findall(r"%.?|[^%]+", form, re.DOTALL):
        if part.startswith("%"):
            if part[1:] not in DIRECTIVES:
                raise _unknown(form)
            found.append((True, part[1:]))
        elif part not in _SEPARATORS:
            raise _unknown(form)
        else:
            found.append((False, part))
    letters = [text for kind, text in found if kind]
    if len(set(letters)) != len(letters) or not {"Y", "y"} & set(letters) or {"Y", "y"} <= set(letters):
        raise _unknown(form)
    return found


def _unknown(form: str) -> Untraceable:
    return Untraceable(
        f"pandas.to_datetime(format={form!r})", "the graph reads %Y %y %m %b %d %H %M %S %f between one of '-/.: T'"
    )


def _is_run(form: str) -> bool:
    """Whether directives follow each other with nothing between, as in %Y%m%d."""
    return re.search(r"%.%", form) is not None


def _example(form: str) -> str:
    """A text of the form, for messages and in place of what is not one."""
    values = {"Y": "2024", "y": "24", "m": "02", "b": "Feb", "d": "29", "H": "23", "M": "59", "S": "58", "f": "5"}
    return "".join(values[text] if kind else text for kind, text in _tokens(form))


def _read(text: Var, form: str, parts: dict[str, Var]) -> None:
    """Each directive's number, int64 [N], from text that has the form."""
    for separator in _SEPARATORS:
        if separator in form:
            pieces, _ = op.string_split(text, delimiter=separator)
            for place, part in enumerate(form.split(separator)):
                _read(op.gather(pieces, whole(place), axis=1), part, parts)
            return
    letters = re.findall(r"%(.)", form)
    if len(letters) == 1:
        parts[letters[0]] = _number(text, letters[0])
        return
    if any(letter not in _WIDTH for letter in letters):
        raise _unknown(form)
    digits = op.cast(text, to=np.int64)
    for letter in reversed(letters):
        power = 10 ** _WIDTH[letter]
        parts[letter] = op.mod(digits, whole(power))
        digits = floor_divide(digits, power)


def _number(text: Var, letter: str) -> Var:
    if letter == "b":
        return ml.label_encoder(text, keys_strings=list(_NAMES), values_int64s=list(_NAMES.values()), default_int64=1)
    if letter == "f":
        fraction = op.cast(op.string_concat(constant("0.", np.str_), text), to=np.float64)
        return op.cast(op.round(op.mul(fraction, constant(1e6))), to=np.int64)
    return op.cast(text, to=np.int64)


def _assembled(parts: dict[str, Var], made: Any) -> tuple[Var, Var]:
    """Microseconds since 1970, and where there is no such day."""
    if "y" in parts:
        # As POSIX has it: 69 is 1969, 68 is 2068.
        parts["Y"] = op.add(parts["y"], op.where(op.less(parts["y"], whole(69)), whole(2000), whole(1900)))
    year, month = parts["Y"], parts.get("m", parts.get("b", whole(1)))
    day = parts.get("d", whole(1))
    days = days_from(year, month, day)
    unreal = op.or_(op.not_(op.equal(Calendar(days).month, month)), op.less(year, whole(1)))
    values = op.mul(days, whole(DAY))
    for letter, unit in (("H", "h"), ("M", "m"), ("S", "s")):
        if letter in parts:
            values = op.add(values, op.mul(parts[letter], whole(MICROSECONDS[unit])))
    if "f" in parts:
        values = op.add(values, parts["f"])
    if getattr(made.dtype, "unit", "us") == "ns":
        limit = pandas.Timestamp.max.value // 1000
        unreal = op.or_(unreal, op.greater(op.abs(values), whole(limit)))
    return values, unreal


def days_from(year: Var, month: Var, day: Var) -> Var:
    """Days since 1970 of a date, by Hinnant's algorithm backwards."""
    early = op.less_or_equal(month, whole(2))
    shifted_year = op.sub(year, op.cast(early, to=np.int64))
    era = floor_divide(shifted_year, 400)
    of_era = op.sub(shifted_year, op.mul(era, whole(400)))
    shifted_month = op.where(early, op.add(month, whole(9)), op.sub(month, whole(3)))
    of_year = op.sub(op.add(floor_divide(op.add(op.mul(whole(153), shifted_month), whole(2)), 5), day), whole(1))
    days = op.add(
        op.sub(op.add(op.mul(of_era, whole(365)), floor_divide(of_era, 4)), floor_divide(of_era, 100)), of_year
    )
    return op.sub(op.add(op.mul(era, whole(146_097)), days), whole(719_468))
