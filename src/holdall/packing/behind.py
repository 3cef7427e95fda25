"""Functions after a model, inside its graph: thresholds, names of labels, rules over the answers and over what was asked.

A function that takes two tables is given the answers and the raw rows; those go past the model in the graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from holdall.columns.batch import Batch
from holdall.frameworks.framework import Artefact
from holdall.graph.tracing.beside import BESIDE
from holdall.packing import inferring
from holdall.packing.chain import Chain, beside
from holdall.packing.traced import InGraph, StaysPython, held, settled, traced
from holdall.spec.schema import Field, Kind, Schema

if TYPE_CHECKING:
    from holdall.graph.conversion import Graph
    from holdall.graph.tracing.tracing import Traced

LABELS = (Kind.STRING, Kind.INT, Kind.BOOL)
"""Of these kinds a model gives what it was fitted on, and nothing else."""


@dataclass(frozen=True)
class Behind:
    """The functions as a graph from the answers to the package's outputs. beside: the raw columns that it takes too."""

    graph: Graph
    beside: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """What functions after a model are given, with the rows that it is of.

    fields, batch: of the answers. missing: those that may be missing. inputs, asked: of the raw rows, where a function takes
    them; else none.
    """

    fields: Sequence[Field]
    batch: Batch
    missing: frozenset[str] = frozenset()
    inputs: Sequence[Field] = ()
    asked: Batch | None = None

    def together(self) -> tuple[Schema, Batch]:
        """Both as one table."""
        known = {field.name: field for field in inferring.infer(self.batch, {})}
        fields = tuple(_of_answer(field, known[field.name], field.name in self.missing) for field in self.fields)
        columns = {field.name: replace(self.batch[field.name], dtype=field.dtype) for field in self.fields}
        return beside(fields, Batch(columns, self.batch.rows), self.inputs, self.asked)


def behind(chain: Chain, answers: Answers, gives: Sequence[Field]) -> Behind:
    """The functions, traced and held to themselves. gives: the package's outputs. Raises StaysPython, MissingDependency."""
    schema, sample = answers.together()

    def built(strict: Collection[str]) -> Behind:
        made = traced(chain.functions, f"postprocess {chain.shown}", schema, sample, strict=strict)
        return _built(made, chain, schema, sample, gives)

    return settled(built, schema, sample)


def _built(made: Traced, chain: Chain, schema: Schema, sample: Batch, gives: Sequence[Field]) -> Behind:
    from holdall.graph.tracing.untraceable import Untraceable, told

    wanted = [field.name for field in gives]
    if list(made.columns) != wanted:
        raise StaysPython(f"traced, it gives the columns {', '.join(made.columns)}, not {', '.join(wanted)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = InGraph.of(made)
            graph = made.as_answers(gives)
    except Untraceable as error:
        raise StaysPython(told(error)) from error
    except Exception as error:  # the functions run as Python all the same; that their graph failed is only told
        raise StaysPython(f"it cannot be written as a graph: {type(error).__name__}: {error}"[:300]) from error

    held(alone, chain.run_together, schema, sample, wanted)
    taken = [name for group in graph.inputs for name in group.columns if name.startswith(BESIDE)]
    return Behind(graph, tuple(name.removeprefix(BESIDE) for name in taken))


def joined(model: Artefact, after: Behind) -> Artefact:
    """The model's artefact with the functions behind it. model: gives the raw columns that they take. Raises StaysPython."""
    from holdall.graph.fusing import bridged, fused
    from holdall.graph.tracing.tracing import GIVEN
    from holdall.graph.tracing.untraceable import Untraceable, told

    if model.engine != "onnx" or not model.inputs or len(model.files) != 1:
        raise StaysPython("the model before it is no graph of columns")
    ((path, graph),) = model.files.items()
    try:
        whole = fused(bridged(graph, model.outputs, after.graph.inputs, GIVEN), after.graph.model, GIVEN)
    except Untraceable as error:
        raise StaysPython(told(error)) from error
    return replace(model, files={path: whole}, outputs=after.graph.outputs, guards=(*model.guards, *after.graph.guards))


def _of_answer(field: Field, seen: Field, missing: bool) -> Field:
    """A column of answers, with what it can be: labels are those that were seen, a share lies between 0 and 1."""
    low, high = (None, None) if seen.observed is None else (seen.observed.minimum, seen.observed.maximum)
    share = field.name.startswith("probability") and low is not None and high is not None and low >= 0 and high <= 1
    return msgspec.structs.replace(
        field,
        observed=seen.observed,
        nullable=missing,
        unseen=field.kind not in LABELS,
        limit=1.0 if share else None,
    )
