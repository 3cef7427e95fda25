"""What a column of text looks like, told so that no value is: the format of its times, or its characters by their sort.

Rows drawn from a schema are then such as a function cuts, parses and compares, and not only such as it stumbles over.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

import numpy as np

from holdall.columns.batch import Array
from holdall.spec.schema import Times

FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d",
    "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d-%b-%Y", "%d-%b-%y", "%b-%Y", "%b-%y", "%H:%M", "%H:%M:%S",
)  # fmt: skip
TRIED = 1000
LONGEST, MOST = 60, 8
"""A form has no more characters, and a column no more forms."""

_LOWER, _UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MEMBERS = {"0": "0123456789", "a": _LOWER, "A": _UPPER}


def times(values: Sequence[str]) -> Times | None:
    """The one format in which these texts are times, a thousand of them tried; None where there is none."""
    each = sorted(set(values))
    some = [each[place] for place in np.linspace(0, len(each) - 1, min(TRIED, len(each))).astype(int)]
    for form in FORMATS if some else ():
        years = _years(some, form)
        if years is not None:
            return Times(format=form, since=min(years) // 10 * 10, until=max(years) // 10 * 10 + 9)
    return None


def _years(values: Sequence[str], form: str) -> list[int] | None:
    found = []
    for value in values:
        try:
            moment = datetime.datetime.strptime(value, form)
        except ValueError:
            return None
        if moment.strftime(form).lower() != value.lower():
            # Python also reads 2024-1-5 by this format; what is written is not of it.
            return None
        found.append(moment.year)
    return found


def forms(values: Sequence[str], rare: int) -> tuple[str, ...]:
    """The forms that were seen at least `rare` times, most frequent first: 'AA-0000' stands for 'QX-2931'.

    A digit is 0, a letter a or A; all else stands for itself.
    """
    counts = Counter(_form(value) for value in values if 0 < len(value) <= LONGEST)
    common = [form for form, count in counts.items() if count >= rare]
    return tuple(sorted(common, key=lambda form: (-counts[form], form))[:MOST])


def _form(value: str) -> str:
    return "".join("0" if one.isdigit() else "A" if one.isupper() else "a" if one.isalpha() else one for one in value)


def drawn_times(of: Times, rows: int, generator: np.random.Generator) -> Array:
    """Texts of times."""
    first, last = (datetime.datetime(year, 1, 1) for year in (max(of.since, 1), min(of.until + 1, 9999)))
    seconds = generator.integers(0, max(1, int((last - first).total_seconds())), rows)
    return _texts([(first + datetime.timedelta(seconds=int(one))).strftime(of.format) for one in seconds])


def drawn_forms(of: Sequence[str], rows: int, generator: np.random.Generator) -> Array:
    """Texts of these forms."""
    chosen = generator.integers(0, len(of), rows)
    return _texts(["".join(_any(one, generator) for one in of[place]) for place in chosen])


def _any(one: str, generator: np.random.Generator) -> str:
    members = _MEMBERS.get(one)
    return one if members is None else members[generator.integers(0, len(members))]


def _texts(values: list[str]) -> Array:
    made = np.empty(len(values), object)
    made[:] = values
    return made
