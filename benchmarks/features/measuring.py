"""One feature function: traced, and what the graph gives beside what the function gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import msgspec
import numpy as np

from benchmarks.features import KINDS
from holdall.columns.batch import Batch
from holdall.columns.pandas import from_pandas
from holdall.engines.frames import frame
from holdall.engines.onnx import Session
from holdall.graph.tracing.tracing import trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.packing import inferring
from holdall.scoring.fit import fit
from holdall.scoring.records import group
from holdall.spec.schema import Schema

SAMPLE, SHOWN, UNSEEN = 400, 64, 2000


@dataclass(frozen=True)
class Feature:
    """One function with its kind."""

    kind: str
    function: Callable[[Any], Any]

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.function.__name__}"

    def table(self, rows: int, seed: int) -> Any:
        return table_of(self.kind, rows, seed)


def table_of(kind: str, rows: int, seed: int) -> Any:
    """So many rows of a kind's own data."""
    return import_module(f"benchmarks.features.{kind}").table(rows, seed)


def features() -> list[Feature]:
    """All of them."""
    return [
        Feature(kind, function) for kind in KINDS for function in import_module(f"benchmarks.features.{kind}").FUNCTIONS
    ]


@dataclass(frozen=True)
class InGraph:
    """A function in a graph: schema of its raw columns, the engine with it, one with a graph of the same inputs that does
    nothing, where its columns are."""

    schema: Schema
    session: Session
    idle: Session
    inputs: Any
    where: Mapping[str, tuple[str, str | None]]

    def feeds(self, batch: Batch) -> Mapping[str, Any]:
        return group(fit(batch, self.schema), self.inputs)

    def run(self, batch: Batch) -> dict[str, Any]:
        return self.session.run(self.feeds(batch))


def traced(feature: Feature) -> InGraph:
    """The function as a graph. Raises Untraceable."""
    sample = from_pandas(feature.table(SAMPLE, 1))
    fields = tuple(
        msgspec.structs.replace(field, nullable=bool(sample[field.name].null_mask().any()))
        for field in inferring.infer(sample, {})
    )
    schema = Schema(inputs=fields, outputs=())
    shown = frame(sample.take(slice(0, SHOWN)), schema, "pandas")
    graph, where = trace([feature.function], fields, shown, feature.function.__name__).by_itself()
    return InGraph(
        schema, Session(graph.model, feature.name, 1), Session(_idle(graph.model), "idle", 1), graph.inputs, where
    )


def _idle(model: bytes) -> bytes:
    """A graph that is handed the same and only counts the rows."""
    import onnx
    from onnx import TensorProto, helper

    graph = onnx.load_model_from_string(model).graph
    count = helper.make_node("Shape", [graph.input[0].name], ["rows"])
    outputs = [helper.make_tensor_value_info("rows", TensorProto.INT64, [2])]
    idle = helper.make_graph([count], "idle", list(graph.input), outputs)
    made = helper.make_model(idle, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(made.SerializeToString())


def differences(feature: Feature, made: InGraph, table: Any) -> list[str]:
    """What the graph gives otherwise than the function for these rows, in words; nothing where they are the same."""
    batch = from_pandas(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = feature.function(frame(batch, made.schema, "pandas"))
    expected = from_pandas(answer.to_frame() if answer.ndim == 1 else answer)
    actual = made.run(batch)
    found = []
    if list(expected) != list(made.where):
        found.append(f"columns {list(made.where)}, not {list(expected)}")
    if "refused" in actual and actual["refused"].any():
        found.append(f"{actual['refused'].any(axis=1).sum()} rows refused")
    for name in [name for name in expected if name in made.where]:
        values, nulls = made.where[name]
        word = _differing(expected[name], actual[values], None if nulls is None else actual[nulls])
        found += [f"{name}: {word}"] if word else []
    return found


def _differing(column: Any, values: Any, nulls: Any) -> str:
    missing = np.zeros(len(values), bool) if nulls is None else nulls
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
    wanted = column.null_mask()
    if (wanted != missing).any():
        return f"{(wanted != missing).sum()} values missing in one and not in the other"
    a, b = np.asarray(column.values)[~wanted], values[~wanted]
    if column.values.dtype.kind in "fiub" and values.dtype.kind in "fiub":
        same = np.isclose(a.astype(float), b.astype(float), rtol=1e-9, atol=1e-12)
    else:
        same = np.array([str(x) == str(y) for x, y in zip(a, b, strict=True)], bool)
    if same.all():
        return ""
    first = int(np.flatnonzero(~same)[0])
    return f"{(~same).sum()} values differ, the first {a[first]!r} here and {b[first]!r} in the graph"


__all__ = ["SAMPLE", "UNSEEN", "Feature", "InGraph", "Untraceable", "differences", "features", "table_of", "traced"]
