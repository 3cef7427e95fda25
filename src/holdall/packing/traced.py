"""Functions over a table, traced and held to themselves: the graph against what they give, row by row.

Any difference keeps them in Python. What is told of it names no value, since it may be sealed; `seen` holds the values, for
whoever asks on the machine that has them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.engines.frames import frame
from holdall.errors import MissingDependency
from holdall.graph.tracing.beside import WithBeside
from holdall.packing.capturing import takes_inputs
from holdall.packing.trying import trials
from holdall.scoring.records import group
from holdall.scoring.stages import find_refused
from holdall.spec.schema import Field, Kind, Schema

if TYPE_CHECKING:
    from holdall.graph.conversion import Graph
    from holdall.graph.tracing.collecting import Collected
    from holdall.graph.tracing.tracing import Traced

SHOWN = 64
"""So many rows of the sample tell the tracer pandas' dtypes."""

CALLS = 96
"""So many calls of the functions are made to find the rows of a table that they refuse; rows not found are left out."""

RELATIVE, ABSOLUTE = 1e-9, 1e-12
OWN = ("the sample", "a row alone")
"""The user's own rows, as `trials` calls them."""

Run = Callable[[Batch, Sequence[Field]], Batch]
Functions = Sequence[Callable[[Any], Any]]
Built = TypeVar("Built")


class StaysPython(Exception):
    """Why functions are not in the graph, as a blocker tells it. seen: the row and the values that differ, in words;
    column: the one that differs. others: what else keeps them out. strange: raw columns that are missing in that row, or
    hold a fraction where there are whole numbers."""

    def __init__(
        self,
        why: str,
        seen: str = "",
        column: str | None = None,
        others: Sequence[str] = (),
        strange: Sequence[str] = (),
    ) -> None:
        super().__init__(why)
        self.strange = tuple(strange)
        self.seen = seen
        self.column = column
        self.others = tuple(others)


@dataclass(frozen=True)
class InGraph:
    """Functions as a graph of their own. where: by column its outputs, of values and of nulls. sources: by column the raw
    columns that it depends on."""

    graph: Graph
    where: Mapping[str, tuple[str, str | None]]
    sources: Mapping[str, Collection[str]]

    @classmethod
    def of(cls, made: Traced) -> InGraph:
        """What was traced, as a graph of its own. Raises Untraceable."""
        lineage = made.trace.lineage
        columns = made.columns.items()
        return cls(*made.by_itself(), {name: lineage.sources([one.values, one.nulls]) for name, one in columns})


def settled(build: Callable[[Collection[str]], Built], schema: Schema, sample: Batch) -> Built:
    """What `build` gives, with as few raw columns as it takes held to what the sample shows of them.

    Where the graph differs in a row that is strange in a column, that column is held to the sample: such rows are then
    refused, and that is told. Raises StaysPython, the first where nothing helps.
    """
    plain, strict = set(_plain(schema, sample)), set[str]()
    first: StaysPython | None = None
    while True:
        try:
            return build(sorted(strict))
        except StaysPython as error:
            first = first or error
            more = (plain & set(error.strange)) - strict
            if not more:
                raise first from error
            strict |= more


def traced(
    functions: Functions,
    label: str,
    schema: Schema,
    sample: Batch,
    table: str = "pandas",
    strict: Collection[str] = (),
) -> Traced:
    """The functions, run on a frame that records. schema: of the raw columns; sample: rows fitted to it; table: the kind of
    table that the first function is given, 'pandas' or 'numpy'.

    Those that take two tables are given the columns with `BESIDE` before their names as the second one.
    strict: raw columns that are held to what the sample shows of them. Raises StaysPython, MissingDependency.
    """
    try:
        from holdall.graph.tracing.tracing import trace
        from holdall.graph.tracing.untraceable import Untraceable, told
    except ModuleNotFoundError as error:
        raise MissingDependency(error.name or "spox", "holdall[pack]", "tracing a function") from None

    def tried(more: Collection[str] = ()) -> Traced:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trace(_given(functions, table), schema.inputs, shown(sample, schema), label, {*strict, *more})

    try:
        return tried()
    except Untraceable as error:
        narrower = _strictest(tried, _plain(schema, sample))
        if narrower is not None:
            return narrower
        found = collected(functions, schema, sample, table)
        reasons = [told(error)] if found is None or not found.blockers else [told(one) for one in found.blockers]
        raise StaysPython(reasons[0], others=list(dict.fromkeys(reasons[1:]))) from error
    except Exception as error:  # the functions run as Python all the same; that their graph failed is only told
        raise StaysPython(f"it cannot be written as a graph: {type(error).__name__}: {error}"[:300]) from error


def _plain(schema: Schema, sample: Batch) -> list[str]:
    """The columns that could hold missing values or fractions, and of which the sample shows neither."""
    found = []
    for field in schema.inputs:
        column = sample[field.name]
        loose = field.kind is Kind.INT and field.carrier is Kind.FLOAT
        if not (loose or (field.nullable and field.kind in (Kind.BOOL, Kind.INT, Kind.STRING, Kind.TIMESTAMP))):
            continue
        if not column.null_mask().any() and (not loose or bool((np.floor(column.values) == column.values).all())):
            found.append(field.name)
    return found


def _strictest(tried: Callable[[Collection[str]], Traced], plain: Sequence[str]) -> Traced | None:
    """The trace with the fewest columns held to what the sample shows of them; None where that is no help either."""
    from holdall.graph.tracing.untraceable import Untraceable

    if not plain:
        return None
    try:
        made = tried(plain)
    except (Untraceable, Exception):  # noqa: BLE001 — it was an attempt; why the functions stay Python is told of the first
        return None
    needed, pending = list(plain), [list(plain)]
    while pending:
        some = pending.pop()
        fewer = [name for name in needed if name not in some]
        try:
            made, needed = tried(fewer), fewer
        except (Untraceable, Exception):  # noqa: BLE001 — as above: one of these is needed
            middle = len(some) // 2
            pending += [some[middle:], some[:middle]] if middle else []
    return made


def collected(functions: Functions, schema: Schema, sample: Batch, table: str = "pandas") -> Collected | None:
    """All that keeps them out of a graph; None where the table itself is nothing that a graph takes. Arguments as of
    `traced`."""
    from holdall.graph.tracing.collecting import collect
    from holdall.graph.tracing.untraceable import Untraceable

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # What could not be followed even so is what keeps them out.
            strict = _plain(schema, sample)
            return collect(_given(functions, table), schema.inputs, shown(sample, schema), strict)
    except Untraceable:
        return None


def _given(functions: Functions, table: str) -> Functions:
    from holdall.graph.tracing.tracing import OfMatrix

    given = [WithBeside(function) if takes_inputs(function) else function for function in functions]
    return [OfMatrix(given[0]), *given[1:]] if table == "numpy" and given else given


def shown(sample: Batch, schema: Schema) -> Any:
    """The rows of the sample by which pandas' dtypes are known."""
    return frame(sample.take(slice(0, SHOWN)), schema, "pandas")


def narrower(graph: Graph) -> list[str]:
    """What the graph refuses although the functions may take it, in words."""
    return list(dict.fromkeys(guard.reason for guard in graph.guards if guard.narrower))


def held(made: InGraph, run: Run, schema: Schema, sample: Batch, wanted: Sequence[str]) -> int:
    """How many rows were compared. run: the functions themselves; wanted: the columns that matter of what they give.

    Raises StaysPython with the first row that differs.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(made.graph.model, options)
    except Exception as error:  # onnxruntime raises a dozen types of its own
        raise StaysPython(f"its graph does not load: {error}"[:300]) from error
    outputs = [output.name for output in session.get_outputs()]

    def answered(batch: Batch) -> dict[str, Any]:
        try:
            return dict(zip(outputs, session.run(None, group(batch, made.graph.inputs)), strict=True))
        except Exception as error:  # as above; a graph that stops at a row cannot be trusted with any
            raise StaysPython(f"its graph stops: {' '.join(str(error).split())}"[:300]) from error

    compared = 0
    for name, every in trials(schema, sample):
        # What is stated to be narrower than the function is not held against it, but for the user's own rows.
        narrower = None if name in OWN else _narrower(made, answered(every))
        batch = every if narrower is None else every.take(np.flatnonzero(~narrower))
        rows, expected, refused = _answered(run, schema, batch)
        if len(rows):
            asked = batch.take(rows)
            try:
                _compare(made, name, asked, rows, expected, answered(asked), wanted)
            except StaysPython as error:
                if error.column is not None:
                    # Whole numbers are floats in a table where another row has a fraction.
                    whole = {field.name for field in schema.inputs if field.kind is Kind.INT}
                    error.strange += tuple(whole & set(made.sources[error.column]))
                raise
            compared += len(rows)
        if len(refused):
            asked = batch.take(refused)
            _check_refused(name, asked, refused, answered(asked))
    return compared


def _narrower(made: InGraph, actual: Mapping[str, Any]) -> Any:
    """The rows that the graph refuses for reasons which are stated to be narrower than the function; None for no row."""
    stated = [guard.narrower for guard in made.graph.guards]
    if not any(stated) or not actual["refused"].any():
        return None
    return actual["refused"][:, np.array(stated)].any(axis=1)


def _compare(
    made: InGraph, name: str, asked: Batch, rows: Any, expected: Batch, actual: Mapping[str, Any], wanted: Sequence[str]
) -> None:
    if "refused" in actual and actual["refused"].any():
        first = int(np.flatnonzero(actual["refused"].any(axis=1))[0])
        raise StaysPython(
            f"traced, it refuses row {rows[first]} of {name}, which the function takes",
            _row(asked, first),
            strange=_strange(asked, first),
        )
    for column in wanted:
        values, nulls = made.where[column]
        different = _different(expected[column], actual[values], None if nulls is None else actual[nulls])
        if different is not None:
            place, words, seen = different
            where = f" in row {rows[place]} of {name}" if len(rows) else ""
            seen = f"{seen}, from {_row(asked, place)}"
            strange = _strange(asked, place)
            raise StaysPython(f"traced, it gives another {column!r}: {words}{where}", seen, column, strange=strange)


def _check_refused(name: str, asked: Batch, rows: Any, actual: Mapping[str, Any]) -> None:
    graph = actual["refused"].any(axis=1) if "refused" in actual else np.zeros(len(rows), np.bool_)
    if not graph.all():
        first = int(np.flatnonzero(~graph)[0])
        raise StaysPython(
            f"traced, it answers row {rows[first]} of {name}, which the function refuses",
            _row(asked, first),
            strange=_strange(asked, first),
        )


def _strange(batch: Batch, place: int) -> list[str]:
    """The columns that are missing in a row, or hold a fraction."""
    values = {name: batch[name].take(slice(place, place + 1)).to_list()[0] for name in batch}
    return [n for n, value in values.items() if value is None or (isinstance(value, float) and value % 1 != 0)]


def _row(batch: Batch, place: int) -> str:
    """One row in words."""
    values = {name: batch[name].take(slice(place, place + 1)).to_list()[0] for name in batch}
    return ", ".join(f"{name}={value!r}"[:60] for name, value in values.items())[:600]


def _answered(run: Run, schema: Schema, batch: Batch) -> tuple[Any, Batch, Any]:
    """The rows that the functions take, what they give for them, and rows that they refuse."""
    every, none = np.arange(batch.rows), np.arange(0)

    def asked(rows: Batch) -> Batch:
        return run(rows, schema.inputs)

    try:
        return every, asked(batch), none
    except Exception:  # noqa: BLE001 — whatever the functions raise is their refusal
        refused = np.array(sorted(find_refused(asked, batch, True, CALLS)), np.int64)
    kept = np.setdiff1d(every, refused)
    if not len(kept):
        return none, batch, refused
    try:
        return kept, asked(batch.take(kept)), refused
    except Exception:  # noqa: BLE001 — as above: so many rows are refused that not each was found
        return none, batch, refused


def _different(column: Column, values: Any, nulls: Any) -> tuple[int, str, str] | None:
    """The first row that differs, how, and the values themselves."""
    missing = np.zeros(len(values), np.bool_) if nulls is None else nulls
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
    wanted = column.null_mask()
    if (wanted != missing).any():
        first = int(np.flatnonzero(wanted != missing)[0])
        word = "missing" if missing[first] else "there"
        return first, "other values are missing", f"{word} in the graph"
    rows = np.flatnonzero(~wanted)
    a, b = column.values[rows], values[rows]
    if a.dtype.kind in "fiub" and b.dtype.kind in "fiub":
        with np.errstate(all="ignore"):
            same = np.isclose(a.astype(np.float64), b.astype(np.float64), rtol=RELATIVE, atol=ABSOLUTE)
        if a.dtype.kind in "iu" and b.dtype.kind in "iu":
            same = a == b  # doubles would not tell large ones apart
    elif len(rows) and (a.dtype.kind in "fiub" or b.dtype.kind in "fiub"):
        return int(rows[0]), f"values of another kind ({b.dtype})", f"{b[0]!r} in place of {a[0]!r}"
    else:
        same = np.array([x == y for x, y in zip(a.tolist(), b.tolist(), strict=True)], np.bool_)
    if same.all():
        return None
    first = int(np.flatnonzero(~same)[0])
    return int(rows[first]), "other values", f"{b.tolist()[first]!r} in place of {a.tolist()[first]!r}"
