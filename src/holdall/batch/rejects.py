"""Rows that do not fit or that the model refuses: found one by one, each with its reason and its own values."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from holdall.batch.sources import Piece
from holdall.columns.batch import Batch, concatenate
from holdall.errors import InputError, RowsRefused, SchemaMismatch
from holdall.scoring.scorer import Scorer

Bad = SchemaMismatch | RowsRefused
_ROW = re.compile(r"^rows\[(\d+)\]")


def sift(scorer: Scorer, piece: Piece, file: str) -> tuple[list[Piece], Batch, list[bytes]]:
    """Scores what can be scored: the good pieces, their answers, and for every bad row a line of JSON.

    A piece is halved until it is good or one row: the model is row-wise, so the answers are those of the whole, but for a
    last digit where the engine rounds a few rows otherwise than many.
    """
    good: list[Piece] = []
    answers = [scorer.score(piece.take(0, 0).columns(scorer.schema))]
    lines: list[bytes] = []
    pending = [piece]
    while pending:
        part = pending.pop()
        try:
            answer = scorer.score(part.columns(scorer.schema))
        except (SchemaMismatch, RowsRefused) as error:
            if part.rows <= 1:
                lines.append(_line(error, part, file))
                continue
            middle = part.rows // 2
            pending += [part.take(middle, part.rows), part.take(0, middle)]
        else:
            good.append(part)
            answers.append(answer)
    return good, concatenate(answers) if len(answers) > 1 else answers[0], lines


def _line(error: Bad, row: Piece, file: str) -> bytes:
    (problem, *_) = numbered(error, row.first)
    entry: dict[str, Any] = {"file": file, "row": row.first, **problem, "values": row.record()}
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
