"""Functions before a model, inside its graph: traced, held to the real functions column by column, fused with the model.

Whatever does not come out the same stays Python; why is told as a blocker.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.engines.frames import frame
from holdall.errors import MissingDependency
from holdall.frameworks.framework import Artefact
from holdall.packing import drawing
from holdall.scoring.records import group
from holdall.spec.schema import Field, Schema
from holdall.spec.steps import Guard

SHOWN = 64
"""So many rows of the sample tell the tracer pandas' dtypes."""

COMPARED, DRAWN = 2000, 256
RELATIVE, ABSOLUTE = 1e-9, 1e-12

Run = Callable[[Batch, Sequence[Field]], Batch]


class StaysPython(Exception):
    """Why the functions are not in the graph, as a blocker tells it."""


def inside(
    functions: Sequence[Callable[[Any], Any]],
    run: Run,
    names: str,
    schema: Schema,
    sample: Batch,
    takes: Sequence[Field],
    model: Artefact,
) -> Artefact:
    """The model's artefact with the functions in front of it, from the raw columns.

    run: the functions themselves, columns → columns. schema: of the raw columns. sample: raw rows, fitted to it.
    takes: the model's own columns. Raises StaysPython.
    """
    if model.engine != "onnx" or not model.inputs or len(model.files) != 1:
        raise StaysPython("the model behind it is no graph of columns")
    try:
        from holdall.graph.fusing import fused
        from holdall.graph.tracing.tracing import GIVEN, trace
        from holdall.graph.tracing.untraceable import Untraceable
    except ModuleNotFoundError as error:
        raise MissingDependency(error.name or "spox", "holdall[pack]", "tracing a function") from None
    shown = frame(sample.take(slice(0, SHOWN)), schema, "pandas")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = trace(functions, schema.inputs, shown, f"preprocess {names}")
            alone = traced.by_itself()
            given = traced.for_model(takes, model.inputs)
            ((path, graph),) = model.files.items()
            whole = fused(given.model, graph, GIVEN)
    except Untraceable as error:
        raise StaysPython(told(error)) from None
    except Exception as error:  # the functions run as Python all the same; that their graph failed is only told
        raise StaysPython(f"it cannot be written as a graph: {type(error).__name__}: {error}"[:300]) from error
    wanted = [field.name for field in takes]
    for batch in (sample.take(slice(0, COMPARED)), drawing.draw(schema, DRAWN, seed=5, strange=0.2)):
        _held(alone, run, schema, batch, wanted)
    raw = {field.name for field in schema.inputs}
    return replace(
        model,
        files={path: whole},
        inputs=given.inputs,
        guards=(*given.guards, *(Guard(column=None, reason=_of(guard), step=guard.step) for guard in model.guards)),
        boundaries={name: values for name, values in model.boundaries.items() if name in raw},
    )


def told(error: Any) -> str:
    """A trace that ended, in a sentence: where, what, and what to do instead."""
    where = "" if error.line is None else f"{Path(error.line.file).name}:{error.line.number}: "
    return f"{where}{error.operation} does not go into the graph{f': {error.instead}' if error.instead else ''}"


def _of(guard: Guard) -> str:
    """A reason that names the column that the functions gave: the raw columns have no such name."""
    return guard.reason if guard.column is None else f"{guard.reason} ({guard.column}, as the functions give it)"


def _held(alone: Any, run: Run, schema: Schema, batch: Batch, wanted: Sequence[str]) -> None:
    """The traced columns against those of the functions themselves. Raises StaysPython with the first that differs."""
    import onnxruntime

    graph, where = alone
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.model, options)
    batch, expected = _answered(run, schema, batch)
    if not batch.rows:
        return
    outputs = [output.name for output in session.get_outputs()]
    actual = dict(zip(outputs, session.run(None, group(batch, graph.inputs)), strict=True))
    if "refused" in actual and actual["refused"].any():
        raise StaysPython("the graph refuses rows that the function takes")
    for name in wanted:
        values, nulls = where[name]
        different = _different(expected[name], actual[values], None if nulls is None else actual[nulls])
        if different:
            raise StaysPython(f"traced, it gives another {name!r}: {different}")


def _answered(run: Run, schema: Schema, batch: Batch) -> tuple[Batch, Batch]:
    """The rows that the functions take, and what they give for them."""
    try:
        return batch, run(batch, schema.inputs)
    except Exception:  # noqa: BLE001 — whatever the functions raise is their refusal
        good = [row for row in range(batch.rows) if _takes(run, schema, batch.take(np.array([row])))]
    kept = batch.take(np.array(good, np.int64))
    return kept, run(kept, schema.inputs) if good else kept


def _takes(run: Run, schema: Schema, one: Batch) -> bool:
    try:
        run(one, schema.inputs)
    except Exception:  # noqa: BLE001 — as above
        return False
    return True


def _different(column: Column, values: Any, nulls: Any) -> str:
    missing = np.zeros(len(values), np.bool_) if nulls is None else nulls
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
    wanted = column.null_mask()
    if (wanted != missing).any():
        return "other values are missing"
    a, b = column.values[~wanted], values[~wanted]
    if a.dtype.kind in "fiub" and b.dtype.kind in "fiub":
        with np.errstate(all="ignore"):
            same = np.isclose(a.astype(np.float64), b.astype(np.float64), rtol=RELATIVE, atol=ABSOLUTE)
    elif a.dtype.kind in "fiub" or b.dtype.kind in "fiub":
        return f"values of another kind ({b.dtype})"
    else:
        same = np.array([x == y for x, y in zip(a.tolist(), b.tolist(), strict=True)], np.bool_)
    if same.all():
        return ""
    first = int(np.flatnonzero(~same)[0])
    return f"{b[first]!r} in place of {a[first]!r}"
