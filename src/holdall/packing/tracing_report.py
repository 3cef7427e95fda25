"""What of functions goes into the graph, told line by line, before anything is packed."""

from __future__ import annotations

import inspect
import linecache
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdall.columns.batch import Batch
from holdall.errors import UsageError
from holdall.packing import inferring, probing
from holdall.packing.chain import Chain, beside
from holdall.packing.traced import InGraph, StaysPython, collected, held, narrower, settled, traced
from holdall.scoring.fit import fit
from holdall.spec.schema import Schema
from holdall.spec.tracing import Obstacle, Recorded, Result, Tracing

if TYPE_CHECKING:
    from holdall.graph.tracing.collecting import Collected
    from holdall.graph.tracing.lineage import Origins
    from holdall.graph.tracing.trace import Trace
    from holdall.graph.tracing.tracing import Traced
    from holdall.graph.tracing.untraceable import Untraceable

TRIED = 25
OTHERWISE = "docs/guides/preprocessing-that-travels.md lists what goes into the graph; or leave this step in Python"
"""What to do where nothing else is known."""


def report(
    functions: Sequence[Callable[[Any], Any]],
    names: Sequence[str],
    sample: Batch,
    asked: Batch | None = None,
    progress: Callable[[str], None] = lambda _: None,
    table: str = "pandas",
) -> Tracing:
    """The functions, one after the other, on rows like the sample's.

    names: 'module:name' of each. asked: the second table, where a function takes two. table: the kind of table that the
    first one is given, 'pandas' or 'numpy'.
    Raises UsageError where they cannot take the sample.
    """
    chain = Chain(tuple(functions), tuple(names), table)
    _check_tables(chain, sample, asked)
    inputs = () if asked is None else inferring.infer(asked, {})
    both, sample = beside(inferring.infer(sample, {}), sample, inputs, asked)
    schema = _schema(chain, both, sample)
    fitted = fit(sample, schema)

    def built(strict: Collection[str]) -> Tracing:
        made = traced(functions, chain.shown, schema, fitted, table, strict)
        told = _told(functions, names, schema, made)
        progress("comparing the graph with the function")
        try:
            rows, refuses = _held(made, chain, schema, fitted)
        except StaysPython as error:
            differs[:] = differs or [
                msgspec.structs.replace(told, equal=False, blockers=(_difference(error, functions, made),))
            ]
            raise
        return msgspec.structs.replace(told, rows=rows, refuses=tuple(refuses))

    differs: list[Tracing] = []
    try:
        return settled(built, schema, fitted)
    except StaysPython as error:
        if differs:
            return differs[0]
        progress("looking for what else stays Python")
        return _stays(functions, names, schema, collected(functions, schema, fitted, table), error)


def _told(functions: Sequence[Any], names: Sequence[str], schema: Schema, made: Traced) -> Tracing:
    """The report of functions that were traced, before they are compared."""
    return Tracing(
        functions=tuple(names),
        traced=True,
        equal=True,
        rows=0,
        operations=tuple(_recorded(made.trace)),
        blockers=(),
        stopped=False,
        inputs=tuple(field.name for field in schema.inputs),
        results=tuple(
            _result(name, made.trace.lineage.of_values([vector.values, vector.nulls]))
            for name, vector in made.columns.items()
        ),
        lines=_lines(functions, [operation.line for operation in made.operations]),
    )


def _check_tables(chain: Chain, sample: Batch, asked: Batch | None) -> None:
    if not sample.rows:
        raise UsageError("the sample has no rows", hint="give some rows of what the function is given")
    if chain.takes_inputs and asked is None:
        raise UsageError(
            f"{chain.shown} takes two tables: the answers of a model, and the rows that they are of",
            hint="give the answers as the sample, and the rows with rows= (--rows DATA)",
        )
    if asked is not None and asked.rows != sample.rows:
        raise UsageError(
            f"there are {sample.rows:,} rows of the sample and {asked.rows:,} beside them",
            hint="give the rows that the sample's answers are of, in the same order",
        )


def _schema(chain: Chain, bare: Schema, sample: Batch) -> Schema:
    """The raw columns, with what the functions accept in them. Raises UsageError where they cannot take the sample."""
    chain.attempt(sample, bare.inputs)

    def live_of(schema: Schema) -> Callable[[Batch], Batch]:
        return lambda batch: chain.run_together(batch, schema.inputs)

    typical = _typical(live_of(bare), sample)
    if typical is None:
        probed = bare
    else:
        big = frozenset(name for name in sample if inferring.beyond_double(sample[name]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            probed = probing.probe(bare, typical, live_of, big)
    # A single row may be refused where a table with a missing value is not.
    inputs = tuple(
        msgspec.structs.replace(field, nullable=field.nullable or bool(sample[field.name].null_mask().any()))
        for field in probed.inputs
    )
    return Schema(inputs=inputs, outputs=())


def _typical(live: Callable[[Batch], Batch], sample: Batch) -> Batch | None:
    """The first row that the functions take alone, complete ones first."""
    incomplete = np.sum([sample[name].null_mask() for name in sample], axis=0)
    for row in np.argsort(incomplete, kind="stable")[:TRIED]:
        one = sample.take(np.array([row]))
        try:
            live(one)
        except Exception:  # noqa: BLE001, S112 — whatever the functions raise is their refusal
            continue
        return one
    return None


def _held(made: Traced, chain: Chain, schema: Schema, sample: Batch) -> tuple[int, list[str]]:
    """How many rows were compared, and what the graph refuses although the functions may take it. Raises StaysPython."""
    from holdall.graph.tracing.untraceable import Untraceable

    try:
        alone = InGraph.of(made)
    except Untraceable as error:
        raise StaysPython(error.operation) from error
    expected = list(chain.run_together(sample.take(slice(0, 1)), schema.inputs))
    if expected != list(made.columns):
        raise StaysPython(f"traced, it gives the columns {', '.join(made.columns)}, not {', '.join(expected)}")
    return held(alone, chain.run_together, schema, sample, expected), narrower(alone.graph)


def _stays(
    functions: Sequence[Any], names: Sequence[str], schema: Schema, found: Collected | None, error: StaysPython
) -> Tracing:
    """The report of functions that stay Python."""
    inputs = tuple(field.name for field in schema.inputs)
    if found is None or not found.blockers:
        return Tracing(
            functions=tuple(names),
            traced=False,
            equal=None,
            rows=0,
            operations=(),
            blockers=(_whole(functions, str(error)),),
            stopped=True,
            inputs=inputs,
            results=(),
            lines=_lines(functions, []),
        )
    blockers = [
        _obstacle(one, functions, found.trace.lineage.of_operation(-1 - place))
        for place, one in enumerate(found.blockers)
    ]
    return Tracing(
        functions=tuple(names),
        traced=False,
        equal=None,
        rows=0,
        operations=tuple(_recorded(found.trace)),
        blockers=tuple(blockers),
        stopped=found.stopped,
        inputs=inputs,
        results=tuple(
            _result(name, found.trace.lineage.of_values([vector.values, vector.nulls]))
            for name, vector in found.columns.items()
        ),
        lines=_lines(
            functions,
            [*(operation.line for operation in found.trace.operations), *(one.line for one in found.blockers)],
        ),
    )


def _recorded(trace: Trace) -> list[Recorded]:
    told = []
    for place, operation in enumerate(trace.operations):
        origins = trace.lineage.of_operation(place)
        file, line = (operation.line.file, operation.line.number) if operation.line is not None else ("", 0)
        told.append(
            Recorded(
                file=_path(file),
                line=line,
                source=linecache.getline(file, line).strip(),
                operation=operation.name,
                operators=tuple(origins.operators),
                columns=tuple(origins.columns),
                **_after(origins),
            )
        )
    return told


def _obstacle(error: Untraceable, functions: Sequence[Any], origins: Origins) -> Obstacle:
    file, line = (error.line.file, error.line.number) if error.line is not None else _place(functions[0])
    return Obstacle(
        file=_path(file),
        line=line,
        source=linecache.getline(file, line).strip(),
        operation=error.operation,
        instead=error.instead,
        columns=tuple(origins.columns),
        **_after(origins),
    )


def _whole(functions: Sequence[Any], operation: str) -> Obstacle:
    """What stops the functions as a whole, told at the first one's first line."""
    file, line = _place(functions[0])
    return Obstacle(
        file=_path(file),
        line=line,
        source=linecache.getline(file, line).strip(),
        operation=operation,
        instead=OTHERWISE,
    )


def _difference(error: StaysPython, functions: Sequence[Any], made: Traced) -> Obstacle:
    """A difference, told at the line that made the column."""
    whole = _whole(functions, f"{error}{f' ({error.seen})' if error.seen else ''}")
    vector = made.columns.get(error.column) if error.column is not None else None
    if vector is not None:
        places = list(made.trace.lineage.of_values([vector.values, vector.nulls]).operations)
        line = made.operations[max(places)].line if places else None
        if line is not None:
            whole = msgspec.structs.replace(
                whole, file=_path(line.file), line=line.number, source=linecache.getline(line.file, line.number).strip()
            )
    return msgspec.structs.replace(
        whole,
        instead="this is holdall's own mistake where the function means what it says: please report it with this row",
    )


def _result(name: str, origins: Origins) -> Result:
    return Result(name=name, columns=tuple(origins.columns), **_after(origins))


def _after(origins: Origins) -> dict[str, tuple[int, ...]]:
    """The places of the operations and of the blockers that something came from."""
    return {
        "after": tuple(place for place in origins.operations if place >= 0),
        "stays": tuple(-1 - place for place in origins.operations if place < 0),
    }


def _lines(functions: Sequence[Any], asked: Sequence[Any]) -> tuple[tuple[str, int, str], ...]:
    """The source of the functions, and the lines elsewhere that something was asked from, in order."""
    lines: dict[tuple[str, int], str] = {}
    for function in functions:
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None:
            continue
        try:
            source, first = inspect.getsourcelines(code)
        except (OSError, TypeError):
            continue
        lines |= {(code.co_filename, first + place): text.rstrip("\n") for place, text in enumerate(source)}
    for line in asked:
        if line is not None:
            lines.setdefault((line.file, line.number), linecache.getline(line.file, line.number).rstrip("\n"))
    files = list(dict.fromkeys(file for file, _ in lines))
    ordered = sorted(lines.items(), key=lambda entry: (files.index(entry[0][0]), entry[0][1]))
    return tuple((_path(file), number, text) for (file, number), text in ordered)


def _place(function: Any) -> tuple[str, int]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return ("", 0) if code is None else (code.co_filename, code.co_firstlineno)


def _path(file: str) -> str:
    """The file as it is called from here."""
    here = Path.cwd()
    return os.fspath(Path(file).relative_to(here)) if file and Path(file).is_relative_to(here) else file
