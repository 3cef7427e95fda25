"""What of a function goes into the graph, line by line: the report of `holdall trace`."""

from __future__ import annotations

import msgspec


class Recorded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation that goes into the graph.

    file, line, source: the user's own line that asked for it; line 0 where none can be told.
    operation: in pandas' words. operators: what it became, as ONNX names them.
    columns: raw columns that it took directly; after: the places in `operations` of those whose results it took; stays: the
    places in `blockers` of those.
    """

    file: str
    line: int
    source: str
    operation: str
    operators: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    stays: tuple[int, ...] = ()


class Obstacle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that stays Python. instead: what would go into the graph, or why nothing can.

    columns, after, stays: as of an operation, where they could be told.
    """

    file: str
    line: int
    source: str
    operation: str
    instead: str
    columns: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    stays: tuple[int, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column that the functions give. columns, after, stays: where it came from, as of an operation."""

    name: str
    columns: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    stays: tuple[int, ...] = ()


class Tracing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of the functions.

    traced: all that they do is in the graph. equal: on the sample and on generated rows the graph gave what they give; None
    where there was no graph to compare. rows: how many were compared. blockers: all that could be found; stopped: after the
    last of them the rest of the functions could not be followed, so there may be more.
    refuses: rows that the graph refuses although the functions may take them, in words.
    lines: the functions' source, by file and number.
    """

    functions: tuple[str, ...]
    traced: bool
    equal: bool | None
    rows: int
    operations: tuple[Recorded, ...]
    blockers: tuple[Obstacle, ...]
    stopped: bool
    inputs: tuple[str, ...]
    results: tuple[Result, ...]
    lines: tuple[tuple[str, int, str], ...]
    refuses: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the functions go into the graph."""
        return self.traced and self.equal is True
