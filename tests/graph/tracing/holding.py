"""A function of a test's own, traced on one table and held to itself on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.features.measuring import InGraph, differences, traced


@dataclass(frozen=True)
class Written:
    """A function and the table that it is traced on, as `benchmarks.features` has them."""

    function: Callable[[Any], Any]
    sample: Any

    @property
    def name(self) -> str:
        return self.function.__name__

    def table(self, *_: int) -> Any:
        return self.sample


def in_graph(function: Callable[[Any], Any], sample: Any) -> InGraph:
    """The function as a graph. Raises Untraceable."""
    return traced(Written(function, sample))  # type: ignore[arg-type] # it is read as a Feature is


def held(function: Callable[[Any], Any], sample: Any, *others: Any, empty: bool = True) -> None:
    """Asserts that the graph gives what the function gives, for the sample, each row of it, none of them, and the others.

    empty: the function takes a table without rows.
    """
    written = Written(function, sample)
    made = in_graph(function, sample)
    singles = [sample.iloc[[row]].reset_index(drop=True) for row in range(min(len(sample), 4))]
    for table in (sample, *([sample.iloc[:0]] if empty else []), *singles, *others):
        found = differences(written, made, table)  # type: ignore[arg-type] # as above
        assert not found, f"{found} for\n{table}"
