"""Functions before a model, inside its graph: traced, held to the real functions column by column, fused with the model.

Whatever does not come out the same stays Python; why is told as a blocker.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from holdall.columns.batch import Batch
from holdall.errors import MissingDependency
from holdall.frameworks.framework import Artefact
from holdall.graph.tracing.beside import BESIDE
from holdall.packing.traced import Functions, InGraph, Run, StaysPython, held, settled, traced
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import GraphInput, Guard

if TYPE_CHECKING:
    from spox import Var

    from holdall.graph.tracing.tracing import Traced


def inside(
    functions: Functions,
    run: Run,
    names: str,
    schema: Schema,
    sample: Batch,
    takes: Sequence[Field],
    model: Artefact,
    beside: Sequence[str] = (),
    table: str = "pandas",
) -> Artefact:
    """The model's artefact with the functions in front of it, from the raw columns.

    run: the functions themselves, columns → columns. schema: of the raw columns. sample: raw rows, fitted to it.
    takes: the model's own columns. beside: raw columns that it gives too, each with `BESIDE` before its name.
    table: the kind of table that the first function is given. Raises StaysPython.
    """
    if model.engine != "onnx" or not model.inputs or len(model.files) != 1:
        raise StaysPython("the model behind it is no graph of columns")

    def built(strict: Collection[str]) -> Artefact:
        with _rounded(bool(model.boundaries)):
            made = traced(functions, f"preprocess {names}", schema, sample, table, strict)
        return _built(made, run if functions else None, schema, sample, takes, model, beside)

    return settled(built, schema, sample)


def _built(
    made: Traced,
    run: Run | None,
    schema: Schema,
    sample: Batch,
    takes: Sequence[Field],
    model: Artefact,
    beside: Sequence[str],
) -> Artefact:
    from holdall.graph.fusing import fused
    from holdall.graph.thresholds import keeps_left
    from holdall.graph.tracing.tracing import GIVEN
    from holdall.graph.tracing.untraceable import Untraceable, told

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = InGraph.of(made)
            given, passed = made.for_model(takes, model.inputs, beside)
            ((path, graph),) = model.files.items()
            ends = [end for output in passed for end in (output.name, output.mask) if end is not None]
            before, near = given.model, frozenset[str]()
            if keeps_left(graph):
                before, near = _lowered(before, made, model.inputs, GIVEN)
            whole = fused(before, graph, GIVEN, ends)
    except Untraceable as error:
        raise StaysPython(told(error)) from error
    except Exception as error:  # the functions run as Python all the same; that their graph failed is only told
        raise StaysPython(f"it cannot be written as a graph: {type(error).__name__}: {error}"[:300]) from error
    if run is not None:
        held(alone, run, schema, sample, [field.name for field in takes])
    # The model itself was proved on its thresholds. A row beside one of these is beside that of a lowered column too.
    raw = {field.name for field in schema.inputs} - near
    return replace(
        model,
        files={path: whole},
        inputs=given.inputs,
        outputs=(
            *model.outputs,
            *(
                msgspec.structs.replace(output, columns=tuple(BESIDE + name for name in output.columns))
                for output in passed
            ),
        ),
        guards=(*given.guards, *(Guard(column=None, reason=_of(guard), step=guard.step) for guard in model.guards)),
        boundaries={name: values for name, values in model.boundaries.items() if name in raw},
    )


def _lowered(graph: bytes, made: Traced, inputs: Sequence[GraphInput], prefix: str) -> tuple[bytes, frozenset[str]]:
    """The graph with the columns lowered whose last digit is nobody's to tell, and the raw columns that those are made of."""
    from holdall.graph.thresholds import is_rounded_anyhow, lowered, sources

    found: list[Var] = []
    for group in inputs:
        if group.kind is Kind.FLOAT:
            values = [made.columns[name].values for name in group.columns]
            uncertain = [is_rounded_anyhow(value) for value in values]
            graph = lowered(graph, prefix + group.name, uncertain)
            found += [value for value, is_so in zip(values, uncertain, strict=True) if is_so]
    return graph, sources(found, {name: vector.values for name, vector in made.raw.items()})


def _rounded(thresholds: bool) -> AbstractContextManager[None]:
    """Where the model has thresholds, a last digit decides on which side a row is: functions are rounded as NumPy rounds."""
    try:
        from holdall.graph.elementary import exactly
    except ModuleNotFoundError as error:
        raise MissingDependency(error.name or "spox", "holdall[pack]", "tracing a function") from None
    return exactly(thresholds)


def _of(guard: Guard) -> str:
    """A reason that names the column that the functions gave: the raw columns have no such name."""
    return guard.reason if guard.column is None else f"{guard.reason} ({guard.column}, as the functions give it)"
