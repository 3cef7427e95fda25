"""A model that is a program: any object that predicts, or a function, with what its source and its state are sealed as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.columns.batch import Column


@dataclass(frozen=True, eq=False)
class Written:
    """code: `code.tar`; state: `state.tar`; requires: exact requirements; shown: 'module:name' of its class or function."""

    code: bytes
    state: bytes
    requires: tuple[str, ...]
    shown: str


@dataclass(frozen=True, eq=False)
class Program:
    """live: the object or function. methods: what it is asked; table: as in `engines.worker.asking`.

    seen: by method, the columns that it gave for the sample. written: its source and state; raises UsageError where they
    cannot be written.
    """

    live: Any
    methods: tuple[str, ...]
    table: str
    seen: Sequence[list[tuple[str, Column]]]
    written: Callable[[], Written]
