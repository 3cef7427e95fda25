"""A package whose graph gives back what it is fed, with a column of every kind, and refuses rows of large numbers: what goes
in and comes out is then all that there is to see."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from onnx import TensorProto, helper

from holdall.engines.engine import InMemory
from holdall.scoring.scorer import Scorer
from holdall.spec.environment import Environment
from holdall.spec.manifest import FORMAT, File, Manifest, Release, Tolerance
from holdall.spec.schema import Field, Kind, Observed, Schema
from holdall.spec.steps import GraphInput, Guard, Role, Step, StepOutput

TYPES = {
    Kind.FLOAT: TensorProto.DOUBLE,
    Kind.INT: TensorProto.INT64,
    Kind.BOOL: TensorProto.BOOL,
    Kind.STRING: TensorProto.STRING,
    Kind.TIMESTAMP: TensorProto.INT64,
    Kind.DATE: TensorProto.INT64,
}
PATH = "model/model.onnx"

FIELDS = (
    Field(name="float", kind=Kind.FLOAT, nullable=True),
    Field(name="fraction", kind=Kind.INT, fractions=True, nullable=True, limit=1e300),
    Field(name="finite", kind=Kind.FLOAT, limit=1.7976931348623157e308),
    Field(name="int", kind=Kind.INT, nullable=True),
    Field(name="small", kind=Kind.INT, limit=2.0**53),
    Field(name="bool", kind=Kind.BOOL, nullable=True),
    Field(name="string", kind=Kind.STRING, nullable=True),
    Field(name="__proto__", kind=Kind.STRING, nullable=True),
    Field(
        name="chosen",
        kind=Kind.STRING,
        nullable=True,
        enforce=True,
        observed=Observed(categories=("a", "ä"), nulls=0.1),
    ),
    Field(name="ranged", kind=Kind.FLOAT, nullable=True, enforce=True, observed=Observed(minimum=-1.0, maximum=2.5)),
    Field(name="timestamp", kind=Kind.TIMESTAMP, nullable=True),
    Field(name="date", kind=Kind.DATE, nullable=True),
    Field(name="tensor", kind=Kind.TENSOR, shape=(2, "n")),
)


GUARDS = (
    Guard(column="float", reason="a number above a thousand", step="first"),
    Guard(reason="a row that is far below zero", step="second"),
)


def _refusing() -> list[Any]:
    """The output `refused`: of the first column of numbers."""
    return [
        helper.make_node("Constant", [], ["place"], value_ints=[0]),
        helper.make_node("Constant", [], ["above"], value=helper.make_tensor("above", TensorProto.DOUBLE, [1], [1e3])),
        helper.make_node("Constant", [], ["below"], value=helper.make_tensor("below", TensorProto.DOUBLE, [1], [-1e3])),
        helper.make_node("Gather", ["float", "place"], ["looked_at"], axis=1),
        helper.make_node("Greater", ["looked_at", "above"], ["too_much"]),
        helper.make_node("Less", ["looked_at", "below"], ["too_little"]),
        helper.make_node("Concat", ["too_much", "too_little"], ["refused"], axis=1),
    ]


def package() -> tuple[Any, Scorer]:
    """As `web.export` takes it, and what answers beside it."""
    inputs, outputs, made, nodes, given, gives = [], [], [], [], [], []
    for kind in Kind:
        fields = [field for field in FIELDS if field.carrier is kind]
        if not fields:
            continue
        names = tuple(field.name for field in fields)
        if kind is Kind.TENSOR:
            given.append(helper.make_tensor_value_info("tensor", TensorProto.DOUBLE, ["rows", 2, "n"]))
            gives.append(helper.make_tensor_value_info("out_tensor", TensorProto.DOUBLE, ["rows", 2, "n"]))
            nodes.append(helper.make_node("Identity", ["tensor"], ["out_tensor"]))
            inputs.append(GraphInput(name="tensor", kind=kind, columns=names))
            outputs.append(StepOutput(name="out_tensor", columns=names))
        else:
            mask = None if kind is Kind.FLOAT else f"{kind}_null"
            for name, type_ in ((f"{kind}", TYPES[kind]), *([] if mask is None else [(mask, TensorProto.BOOL)])):
                given.append(helper.make_tensor_value_info(name, type_, ["rows", len(names)]))
                gives.append(helper.make_tensor_value_info(f"out_{name}", type_, ["rows", len(names)]))
                nodes.append(helper.make_node("Identity", [name], [f"out_{name}"]))
            inputs.append(GraphInput(name=f"{kind}", kind=kind, columns=names, mask=mask))
            outputs.append(StepOutput(name=f"out_{kind}", columns=names, mask=None if mask is None else f"out_{mask}"))
        made += [Field(name=field.name, kind=field.carrier, shape=field.shape) for field in fields]
    nodes += _refusing()
    gives.append(helper.make_tensor_value_info("refused", TensorProto.BOOL, ["rows", 2]))
    graph = helper.make_model(
        helper.make_graph(nodes, "same", given, gives), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    ).SerializeToString()
    manifest = Manifest(
        format=FORMAT,
        release=Release(name="same", version="1.0.0"),
        task="transform",
        classes=None,
        schema=Schema(inputs=FIELDS, outputs=tuple(made)),
        steps=(
            Step(
                role=Role.MODEL,
                engine="onnx",
                files=(PATH,),
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                guards=GUARDS,
            ),
        ),
        row_wise=True,
        portable=True,
        blockers=(),
        tolerance=Tolerance(relative=0.0, absolute=0.0),
        examples=None,
        environment=Environment(python="3.11", requires=(), locked=False),
        files=(File(path=PATH, digest="sha256:" + "0" * 64, size=len(graph), role="weight"),),
    )
    files = InMemory({PATH: graph})
    sealed = SimpleNamespace(
        name="same",
        version="1.0.0",
        digest="sha256:" + "0" * 64,
        manifest=manifest,
        schema=manifest.schema,
        content=files,
        samples=None,
    )
    return sealed, Scorer(manifest, files)
