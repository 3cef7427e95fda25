"""One line of the coverage page for a framework: a kind of model, and how to make one of it with data of its own.

A framework's file in `frameworks/` lists its lines as `CASES`. It imports the framework in the functions, not at its top, so
that the list can be read where the framework is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RELATIVE = 1e-6
"""The largest relative error that a portable package may have on rows that it was not made from, in single precision too."""

CONVOLUTIONS = 4e-6


@dataclass(frozen=True)
class Trial:
    """A fitted model with data.

    sample: what a user gives to `holdall.pack` as its sample. unseen: rows of the same kind that the model was not fitted
    on, some of them on its thresholds, without values, and extreme, where it takes those. options: further arguments of
    `holdall.pack`, for instance `preprocess`.
    """

    model: Any
    sample: Any
    unseen: Any
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """framework: as the page names it. model: the kind of model in a few words ('XGBClassifier, categories').

    task: as in the manifest. make: how many unseen rows → the trial; it is deterministic. rows: how many are asked for, for
    models that are too slow for the usual number. expected: 'portable', 'native' or 'refused': what it must not fall below.
    relative: the largest relative error of a portable one; more than the usual only for the long sums of convolutions in
    single precision, which processors add up in orders of their own.
    """

    framework: str
    model: str
    task: str
    make: Callable[[int], Trial]
    expected: str
    rows: int = 10_000
    relative: float = RELATIVE
