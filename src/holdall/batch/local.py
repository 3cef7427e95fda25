"""The engine of one machine: this thread reads and writes, one thread a core scores, and the order is the input's.

At most two pieces a worker are under way, so memory does not grow with the table.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

from holdall.batch.plan import Plan
from holdall.batch.rejects import sift, stopping
from holdall.batch.sinks import open_sink
from holdall.batch.sources import Piece, read_pieces
from holdall.columns.batch import Batch
from holdall.content.durable import pending
from holdall.errors import RowsRefused, SchemaMismatch
from holdall.scoring.scorer import Scorer

MODE = 0o666
"""Of what is written, less the umask."""


class Scored(NamedTuple):
    """A piece's answers; kept: the columns of the same rows; rejected: a line of JSON for each of the others."""

    rows: int
    kept: Any
    answers: Batch
    rejected: list[bytes]


def run(plan: Plan, scorer: Scorer, digest: str, say: Callable[[int], None]) -> dict[str, Any]:
    """Scores the whole table. say: is told how many rows are done.

    Gives {rows, rejected, seconds, rows_per_second, parts, output, digest}; rows: read, the rejected ones too. Until the
    last row is written neither file is there, and what was there before stays. Raises InputError's kin, StorageFailed.
    """
    began = time.monotonic()
    release = scorer.manifest.release
    metadata = {"holdall.name": release.name, "holdall.version": release.version, "holdall.digest": digest}
    rows = rejected = 0
    with ExitStack() as stack:
        file = stack.enter_context(pending(plan.output.absolute().parent, MODE))
        aside = None
        if plan.rejects is not None:
            aside = stack.enter_context(pending(plan.rejects.absolute().parent, MODE))
        pool = stack.enter_context(ThreadPoolExecutor(plan.workers))
        stack.callback(pool.shutdown, cancel_futures=True)
        sink = open_sink(file, plan.output_format, metadata)
        waiting: deque[Future[Scored]] = deque()
        pieces = read_pieces(plan.source, plan.source_format, scorer.schema, plan.keep)
        more = True
        while more or waiting:
            piece = next(pieces, None) if more else None
            more = piece is not None
            if piece is not None:
                waiting.append(pool.submit(_score, scorer, piece, plan))
            if piece is not None and len(waiting) < 2 * plan.workers:
                continue
            if waiting:
                done = waiting.popleft().result()
                sink.write(done.kept, done.answers)
                if aside is not None:
                    aside.write(b"".join(done.rejected))
                rows += done.rows
                rejected += len(done.rejected)
                say(rows)
        sink.close()
        if aside is not None and plan.rejects is not None:
            aside.publish(plan.rejects.name)
        file.publish(plan.output.name)
    seconds = time.monotonic() - began
    return {
        "rows": rows,
        "rejected": rejected,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds) if seconds else 0,
        "parts": 1,
        "output": str(plan.output),
        "digest": digest,
    }


def _score(scorer: Scorer, piece: Piece, plan: Plan) -> Scored:
    try:
        answers = scorer.score(piece.columns(scorer.schema))
        return Scored(piece.rows, piece.kept(plan.keep), answers, [])
    except (SchemaMismatch, RowsRefused) as error:
        if plan.rejects is None:
            raise stopping(error, piece.first, str(plan.source)) from None
    import pyarrow

    good, answers, lines = sift(scorer, piece, str(plan.source))
    tables = [part.kept(plan.keep) for part in (piece.take(0, 0), *good)]
    return Scored(piece.rows, pyarrow.concat_tables(tables), answers, lines)
