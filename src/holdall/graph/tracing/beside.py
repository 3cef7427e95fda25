"""Functions that take two tables: after a model, the answers and the rows that they are of. In a graph both are one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BESIDE = "beside/"
"""Before the name of a column of the second table."""


@dataclass(frozen=True)
class WithBeside:
    """A function that is given the second table too."""

    function: Callable[..., Any]

    def __call__(self, *tables: Any) -> Any:
        return self.function(*tables)
