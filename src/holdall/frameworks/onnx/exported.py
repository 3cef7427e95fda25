"""A program of another framework that was written as a graph: what is put around it, and what numbers it is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from holdall.columns.batch import Batch
from holdall.errors import NotPortable
from holdall.frameworks.framework import Artefact
from holdall.frameworks.onnx.around import groups_of, outputs_of, wrapped
from holdall.frameworks.onnx.bounds import ranges
from holdall.frameworks.onnx.ports import Port
from holdall.frameworks.onnx.results import Result
from holdall.spec.schema import Schema
from holdall.spec.steps import Compute, Guard

GRAPH_PATH = "model/model.onnx"


class Asked(Protocol):
    """A program that is asked with columns. one: a row that it answers to, made up from the schema."""

    @property
    def ports(self) -> tuple[Port, ...]: ...

    @property
    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Which columns feed each port."""
        ...

    @property
    def one(self) -> Batch: ...

    @property
    def element(self) -> str:
        """The kind of float that it computes in."""
        ...

    def answers(self, batch: Batch) -> Batch:
        """Raises whatever the program raises for rows that it refuses."""
        ...


def artefact(made: Any, asked: Asked, results: Sequence[Result], schema: Schema, step: str) -> Artefact:
    """The graph `made` with holdall's inputs and outputs around it, held to the numbers that the program takes.

    step: what a refusal calls the program. Raises NotPortable.
    """

    def accepts(row: Batch) -> bool:
        try:
            asked.answers(row)
        except Exception:  # noqa: BLE001 — whatever the program raises is its no
            return False
        return True

    held = ranges(schema.inputs, asked.ports, asked.places, asked.one, accepts)
    groups = groups_of(schema.inputs)
    try:
        data = wrapped(made, asked.ports, asked.places, results, groups, schema, held)
    except ValueError as error:
        raise NotPortable(step, str(error)) from None
    return Artefact(
        engine="onnx",
        files={GRAPH_PATH: data},
        inputs=groups,
        outputs=outputs_of(results),
        guards=tuple(Guard(column=each.column, reason=each.reason, step=step) for each in held),
        compute=Compute.FLOAT64 if asked.element == "float64" else Compute.FLOAT32,
    )
