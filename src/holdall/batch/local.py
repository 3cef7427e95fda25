"""The engine of one machine: one thread reads, one a core scores, this one writes, and the order is the input's.

A bounded number of pieces is under way, so memory does not grow with the table. Each piece's answers go into the journal
before they go into the output; a run that is resumed plays the journal again and goes on where it ends.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

from holdall.batch import sources
from holdall.batch.journal import Frame, Journal, encode
from holdall.batch.plan import Plan
from holdall.batch.rejects import sift, stopping
from holdall.batch.sinks import Sink
from holdall.batch.sources import Piece, read_pieces, row_bytes
from holdall.batch.workspace import opened_workspace
from holdall.columns.arrow import to_arrow
from holdall.columns.batch import Batch, concatenate
from holdall.content.durable import pending
from holdall.errors import Error, RowsRefused, SchemaMismatch, UsageError
from holdall.scoring.scorer import Scorer
from holdall.spec.schema import Schema

MODE = 0o666
"""Of what is written, less the umask."""

COPIES = 16
"""A row's bytes are in memory about so often: read, as columns, as the engine's matrices, encoded, as answers."""

FIXED = 2048
"""Bytes that a row takes in the engine, whatever it holds."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, float], None]


class Numbered(NamedTuple):
    """A piece, and the number of its file."""

    source: int
    piece: Piece


def run(plan: Plan, scorer: Scorer, digest: str, say: Progress) -> dict[str, Any]:
    """Scores the whole table. say: is told how many rows are done, and which share of the input, from 0 to 1.

    Gives {rows, rejected, seconds, rows_per_second, parts, output, digest}; rows: read, the rejected ones too. Until the
    last row is written neither file is there, and what was there before stays. Raises InputError's kin, StorageFailed, and
    Conflict where another run writes the same output.
    """
    began = time.monotonic()
    release = scorer.manifest.release
    metadata = {"holdall.name": release.name, "holdall.version": release.version, "holdall.digest": digest}
    tally = Tally(plan, say)
    with opened_workspace(plan.output) as workspace:
        journal = workspace.journal
        rows = _begin(plan, scorer, digest, journal)
        try:
            with ExitStack() as stack:
                sink = stack.enter_context(closing(Sink(workspace.path, plan.form, metadata, folder=plan.folder)))
                aside = None
                if plan.rejects is not None:
                    aside = stack.enter_context(pending(plan.rejects.absolute().parent, MODE))
                frames = stack.enter_context(closing(_frames(plan, scorer, journal, rows)))
                for frame in frames:
                    sink.write(frame.table, frame.told.bytes)
                    if aside is not None:
                        aside.write(frame.lines)
                    tally.add(frame)
                sink.finish()
                if aside is not None and plan.rejects is not None:
                    aside.publish(plan.rejects.name)
                sink.publish(plan.output)
        except Error as error:
            if journal.frames > 1 and not plan.whole:
                again = f"--resume goes on after the {tally.rows:,} rows that are done"
                error.hint = again if error.hint is None else f"{error.hint}; {again}"
            raise
    seconds = time.monotonic() - began
    return {
        "rows": tally.rows,
        "rejected": tally.rejected,
        "seconds": round(seconds, 3),
        "rows_per_second": round(tally.rows / seconds) if seconds else 0,
        "parts": len(sink.parts),
        "output": str(plan.output),
        "digest": digest,
    }


class Tally:
    """How far the run is."""

    def __init__(self, plan: Plan, say: Progress) -> None:
        sizes = [max(source.size, 1) for source in plan.sources]
        self._before = [sum(sizes[:place]) / sum(sizes) for place in range(len(sizes) + 1)]
        self._say = say
        self.rows = self.rejected = 0

    def add(self, frame: Frame) -> None:
        told = frame.told
        self.rows += told.rows
        self.rejected += told.rejected
        before, after = self._before[told.source : told.source + 2]
        self._say(self.rows, before + (after - before) * told.share)


def _begin(plan: Plan, scorer: Scorer, digest: str, journal: Journal) -> int:
    """Begins the journal anew, or checks that the one that is there is of this very run. Gives the rows of a piece.

    Rejects may be added to a run that is resumed: what is in the journal fitted. Raises UsageError.
    """
    header = {
        "digest": digest,
        "versions": [version("holdall"), version("pyarrow"), version("onnxruntime")],
        "sources": [[str(source.path.absolute()), source.size, source.changed] for source in plan.sources],
        "keep": list(plan.keep),
        "form": plan.form,
        "folder": plan.folder,
    }
    there = journal.header() if plan.resume and not plan.whole else None
    if there is not None:
        rows = int(there.pop("rows"))
        if there != header:
            differing = ", ".join(sorted(name for name in header if there.get(name) != header[name]))
            raise UsageError(
                f"the run that was begun for {plan.output} was another one: it differs in {differing}",
                hint="give what was given then, or leave --resume out to begin anew",
            )
        return rows
    rows = piece_rows(plan, scorer.schema)
    journal.begin({**header, "rows": rows})
    return rows


def piece_rows(plan: Plan, schema: Schema) -> int:
    """How many rows a piece has, so that all that are under way take no more memory than they may."""
    widest = max(row_bytes(source, schema, plan.keep) for source in plan.sources)
    return max(1, min(sources.ROWS, int(plan.memory / (_slots(plan) * (COPIES * widest + FIXED)))))


def _slots(plan: Plan) -> int:
    """How many pieces may be under way: being read, waiting, being scored, waiting to be written."""
    return 2 * plan.workers + 2


def _frames(plan: Plan, scorer: Scorer, journal: Journal, rows: int) -> Generator[Frame, None, None]:
    """The answers in the order of the input: those of the journal, then those that are still to be found."""
    source = done = 0
    for frame in journal.replay():
        done = done + 1 if frame.told.source == source else 1
        source = frame.told.source
        yield frame
    pieces = _read(plan, scorer, rows, source, done)
    if plan.whole:
        yield from _score_whole(plan, scorer, pieces, rows)
        return
    with closing(overlapped(pieces, lambda item: _score(plan, scorer, item), plan.workers, _slots(plan))) as scored:
        for frame in scored:
            journal.append(frame)
            yield frame


def _read(plan: Plan, scorer: Scorer, rows: int, first: int, done: int) -> Generator[Numbered, None, None]:
    for number, source in enumerate(plan.sources[first:], first):
        for piece in read_pieces(source, scorer.schema, plan.keep, rows, done if number == first else 0):
            yield Numbered(number, piece)


def _score(plan: Plan, scorer: Scorer, item: Numbered) -> Frame:
    piece = item.piece
    good, answers, lines = _sift(plan, piece, lambda part: scorer.score(part.columns(scorer.schema)))
    table = _beside([part.kept(plan.keep) for part in good], answers)
    return encode(item.source, piece.rows, piece.share, lines, table)


def _sift(
    plan: Plan, piece: Piece, call: Callable[[Piece], Batch]
) -> tuple[Sequence[Piece], Sequence[Batch], list[bytes]]:
    """As `rejects.sift`; without rejects the first bad row ends it."""
    try:
        return [piece], [call(piece)], []
    except (SchemaMismatch, RowsRefused) as error:
        if plan.rejects is None:
            raise stopping(error, piece.first, piece.file) from None
    return sift(call, piece)


def _beside(kept: Sequence[Any], answers: Sequence[Batch]) -> Any:
    """The kept columns and the answers in one table."""
    import pyarrow

    made = to_arrow(concatenate(answers) if len(answers) > 1 else answers[0])
    table = pyarrow.concat_tables(kept)
    if not table.num_columns:
        return made
    for name in made.column_names:
        table = table.append_column(name, made[name])
    return table


def _score_whole(plan: Plan, scorer: Scorer, pieces: Iterable[Numbered], rows: int) -> Iterator[Frame]:
    """All rows in one piece. Rows that do not fit the schema are set aside before; what the model refuses ends the run."""
    kept: list[Any] = []
    fitted: list[Batch] = []
    lines: list[bytes] = []
    read = size = 0
    for item in pieces:
        good, batches, bad = _sift(plan, item.piece, lambda part: scorer.fit(part.columns(scorer.schema)))
        tables = [part.kept(plan.keep) for part in good]
        kept, fitted, lines, read = kept + tables, fitted + list(batches), lines + bad, read + item.piece.rows
        size += sum(table.nbytes for table in tables) + sum(map(_bytes, batches))
        if size > plan.memory:
            raise UsageError(
                f"the model's answer for a row depends on the other rows, and the first {read:,} take more than the "
                f"{plan.memory:,} bytes of memory that rows may take",
                hint="allow more with --memory BYTES, or score the table in parts that belong together",
            )
    try:
        answers = scorer.score(concatenate(fitted))
    except RowsRefused as error:
        error.hint = "the model sees all rows at once, so none can be set aside: mend or drop them"
        raise
    schema = kept[0].schema
    table = _beside([part.cast(schema) for part in kept], [answers])
    last = len(plan.sources) - 1
    for start in range(0, max(table.num_rows, 1), rows):
        part = table.slice(start, rows)
        ended = start + rows >= table.num_rows
        # The rejected rows are told of with the last piece: which rows lie between them is no longer known.
        yield encode(
            last,
            part.num_rows + (len(lines) if ended else 0),
            min((start + rows) / max(table.num_rows, 1), 1.0),
            lines if ended else [],
            part,
        )


def _bytes(batch: Batch) -> int:
    """About how much memory the columns take, with what the engine makes of them."""
    return sum(
        3 * (column.values.nbytes + 64 * (column.values.dtype == object) * len(column))
        for column in batch.columns.values()
    )


def overlapped(
    items: Generator[Item, None, None], work: Callable[[Item], Result], workers: int, slots: int
) -> Generator[Result, None, None]:
    """The results of `work` in the order of the items: a thread takes the items, `workers` work, and the caller uses.

    At most `slots` items are between being taken and being used. What the items or the work raise is raised in its place;
    closing the iterator ends the threads.
    """
    free = threading.Semaphore(slots)
    waiting: queue.SimpleQueue[Future[Result] | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def read() -> None:
        try:
            with closing(items):
                for item in items:
                    free.acquire()
                    if stopped.is_set():
                        return
                    waiting.put(pool.submit(work, item))
        except BaseException as error:  # noqa: BLE001 — it is raised where the results are used
            failed: Future[Result] = Future()
            failed.set_exception(error)
            waiting.put(failed)
        finally:
            waiting.put(None)

    with ThreadPoolExecutor(workers, "holdall-score") as pool:
        reader = threading.Thread(target=read, name="holdall-read", daemon=True)
        reader.start()
        try:
            while (future := waiting.get()) is not None:
                yield future.result()
                free.release()
        finally:
            stopped.set()
            free.release()
            reader.join()
            pool.shutdown(cancel_futures=True)
