"""Columns' names: unique, and what was probably meant by one that is not there."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from holdall.errors import InputError


def unique(names: Sequence[str]) -> Sequence[str]:
    """The names. Raises InputError where one is given twice."""
    if len(set(names)) != len(names):
        name, count = Counter(names).most_common(1)[0]
        raise InputError(f"{count} columns are named {name!r}", hint="give each column a name of its own", path=name)
    return names


def close(name: str, there: Iterable[str]) -> str | None:
    """The name among those that are there that most resembles `name`, if one does."""
    by_folded = {other.casefold(): other for other in there}
    found = difflib.get_close_matches(name.casefold(), list(by_folded), 1)
    return by_folded[found[0]] if found else None
