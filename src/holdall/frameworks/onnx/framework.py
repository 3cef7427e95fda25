"""ONNX files made elsewhere: the graph stays as it is, and is given the inputs that holdall feeds.

A graph takes what its maker thought of: one matrix, an input for each column, images, a state whose rows lie on the second
axis. holdall feeds one matrix for each kind of column and one array for each tensor. So a few operators are put in front of
the graph (choose columns, cast, move the axis of rows) and behind it (move it back); not one of its own is changed. The live
model is the untouched file in a session of its own, so parity says whether what was put around it is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdall.columns.batch import Batch
from holdall.engines import wire
from holdall.engines.onnx import Session
from holdall.errors import InputError, NotPortable, UnsupportedModel
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.onnx.around import groups_of, nodes_of, outputs_of, ranges_of, wrapped
from holdall.frameworks.onnx.exported import GRAPH_PATH
from holdall.frameworks.onnx.ports import Port, places_of, ports_of
from holdall.frameworks.onnx.results import task_of
from holdall.frameworks.onnx.running import STEP, Runner
from holdall.spec.schema import Field, Schema
from holdall.spec.steps import Compute, Guard

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""What onnxruntime has operators for."""


class Onnx:
    """The Framework of `onnx.ModelProto`."""

    name = "onnx"

    def recognises(self, model: Any) -> bool:
        """Whether it is a model of the package onnx."""
        return any(base.__name__ == "ModelProto" and _root(base) == "onnx" for base in type(model).__mro__)

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a graph that reads other files, has operators of its own or takes no rows."""
        _check(model)
        ports = ports_of(model)
        single = len(ports) == 1 and ports[0].columns > 0
        names = None if single else tuple(port.name for port in ports)
        task, classes = task_of(model)
        return Description(
            task=task,
            inputs=names,
            width=sum(port.columns or 1 for port in ports),
            table="numpy",
            classes=classes,
            notes=_notes(ports),
        )

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """Raises UnsupportedModel where an output does not hold one value, or one array, a row."""
        runner = Runner(model, inputs)
        return tuple(
            Field(name=name, kind=result.kind, shape=result.shape)
            for result in runner.results(example)
            for name in result.columns
        )

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 — it answers all at once
        """The file itself in a session of onnxruntime."""
        runner = Runner(model, schema.inputs)

        def run(batch: Batch) -> Batch:
            return runner.answers(batch)

        return run

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """The graph with holdall's inputs and outputs around it. Raises NotPortable."""
        runner = Runner(model, schema.inputs)
        ports = runner.ports
        try:
            found = runner.results(None)
        except InputError as error:
            raise NotPortable(STEP, f"{error.message}, so its outputs could not be told apart") from None
        groups = groups_of(schema.inputs)
        places = places_of(ports, [field.name for field in schema.inputs])
        ranges = ranges_of(ports, places)
        single = any(
            kind in ("float32", "float16") for kind in (*(p.element for p in ports), *(r.element for r in found))
        )
        try:
            data = wrapped(model, ports, places, found, groups, schema, ranges)
        except ValueError as error:
            raise NotPortable(STEP, str(error)) from None
        if any(port.alone for port in ports):
            runner.try_together(Session(data, GRAPH_PATH, 0), groups)
        return Artefact(
            engine="onnx",
            files={GRAPH_PATH: data},
            inputs=groups,
            outputs=outputs_of(found),
            guards=tuple(Guard(column=held.column, reason=held.reason, step=STEP) for held in ranges),
            compute=Compute.FLOAT32 if single else Compute.FLOAT64,
        )

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """There is no other form of a graph. Raises NotPortable."""
        ports = ports_of(model)
        why = "the graph gives other answers once it takes many rows at once"
        if any(port.alone for port in ports):
            why = "the graph is made for exactly one row at a time"
        raised = NotPortable(STEP, why)
        raised.hint = "export it with a batch size that may vary"
        raise raised


FRAMEWORK = Onnx()


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _check(model: Any) -> None:
    try:
        external = wire.has_external_tensors(model.SerializeToString())
    except ValueError as error:
        raise UnsupportedModel(f"the ONNX graph cannot be looked into: {error}", hint="export it again") from None
    if external:
        raise UnsupportedModel(
            "the numbers of this ONNX graph lie in other files, which it names by path",
            hint="save it as one file first: onnx.save(onnx.load(PATH), 'one.onnx', save_as_external_data=False)",
        )
    own = {(function.domain, function.name) for function in model.functions}
    for node in nodes_of(model.graph):
        if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own:
            raise UnsupportedModel(
                f"the graph has the operator {node.domain}::{node.op_type}, which onnxruntime does not have of itself",
                hint="export it with standard operators only; no library of operators can be sealed into a package",
                operator=f"{node.domain}::{node.op_type}",
            )


def _notes(ports: Sequence[Port]) -> tuple[str, ...]:
    notes = []
    if any(port.alone for port in ports):
        notes.append("the graph was made for one row at a time; it is sealed for any number, compared row by row")
    notes += [
        f"{port.name} is one number for all rows: it is sealed as the sample has it" for port in ports if port.scalar
    ]
    if any(port.columns == 0 and None in port.shape for port in ports):
        notes.append("lengths that the graph leaves open are those of the sample")
    return tuple(notes)
