"""Rows that do not fit or that the model refuses: found one by one, each with its reason and its own values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from holdall.batch.sources import Piece
from holdall.columns.batch import Batch
from holdall.errors import InputError, RowsRefused, SchemaMismatch

Bad = SchemaMismatch | RowsRefused
_ROW = re.compile(r"^rows\[(\d+)\]")


def sift(call: Callable[[Piece], Batch], piece: Piece) -> tuple[list[Piece], list[Batch], list[bytes]]:
    """What `call` makes of the piece where it can: the good parts, an answer for each, and for every bad row a line of JSON.

    A piece is halved until it is good or one row: the model is row-wise, so the answers are those of the whole, but for a
    last digit where the engine rounds a few rows otherwise than many. At least one part, which may have no rows.
    """
    good: list[Piece] = [piece.take(0, 0)]
    answers = [call(good[0])]
    lines: list[bytes] = []
    pending = [piece]
    while pending:
        part = pending.pop()
        try:
            answer = call(part)
        except (SchemaMismatch, RowsRefused) as error:
            if part.rows <= 1:
                lines.append(_line(error, part))
                continue
            middle = part.rows // 2
            pending += [part.take(middle, part.rows), part.take(0, middle)]
        else:
            good.append(part)
            answers.append(answer)
    return good, answers, lines


def _line(error: Bad, row: Piece) -> bytes:
    (problem, *_) = numbered(error, row.first)
    if not _ROW.match(problem["path"]):
        # A record that lacks the column: told of the column, meant of this row.
        problem["path"] = f"rows[{row.first}].{problem['path']}"
    entry: dict[str, Any] = {"file": row.file, "row": row.first, **problem, "values": row.record()}
    return msgspec.json.encode(entry, enc_hook=str) + b"\n"


def numbered(error: Bad, first: int) -> list[dict[str, str]]:
    """The error's problems, their rows counted from the beginning of the file."""
    return [
        {**problem, "path": _ROW.sub(lambda match: f"rows[{int(match[1]) + first}]", problem["path"])}
        for problem in error.facts["problems"]
    ]


def stopping(error: Bad, first: int, file: str) -> InputError:
    """The error that ends a run without rejects."""
    problems = numbered(error, first)
    hint = "--rejects PATH sets such rows aside and scores the others"
    stopped: Bad
    if isinstance(error, SchemaMismatch):
        stopped = SchemaMismatch(problems, error.facts["total"], hint=hint)
    else:
        stopped = RowsRefused(problems, error.facts["total"])
        stopped.hint = hint
    stopped.message = f"{file}, {stopped.message}"
    stopped.args = (stopped.message,)
    stopped.facts["file"] = file
    return stopped
