"""Convert an estimator on its own, run the graph in onnxruntime, and compare with scikit-learn itself."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
import spox.opset.ai.onnx.v21 as op

from holdall.frameworks.sklearn import registry
from holdall.graph import value
from holdall.graph.conversion import Conversion, Graph
from holdall.spec.schema import Field, Kind, Missing, Schema


def kind_of(series: pd.Series) -> Kind:
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.cat.categories.to_series()
    if pd.api.types.is_bool_dtype(series.dtype):
        return Kind.BOOL
    if pd.api.types.is_integer_dtype(series.dtype):
        return Kind.INT
    if pd.api.types.is_float_dtype(series.dtype):
        return Kind.FLOAT
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return Kind.TIMESTAMP
    return OBJECTS.get(pd.api.types.infer_dtype(series, skipna=True), Kind.STRING)


OBJECTS = {
    "boolean": Kind.BOOL,
    "integer": Kind.INT,
    "floating": Kind.FLOAT,
    "mixed-integer-float": Kind.FLOAT,
    "date": Kind.DATE,
    "datetime": Kind.TIMESTAMP,
}


def marker_of(series: pd.Series) -> Missing:
    """The marker of the first missing value; NaN where there is none."""
    gone = list(series.astype(object)[series.isna()])
    if not gone or isinstance(gone[0], float):
        return Missing.NAN
    return Missing.NONE if gone[0] is None else Missing.NA if gone[0] is pd.NA else Missing.NAT


def schema_of(frame: pd.DataFrame) -> Schema:
    """Every column nullable where the frame has a null; integers stay integers."""
    fields = [
        Field(
            name=str(name),
            kind=kind_of(frame[name]),
            dtype=str(frame[name].dtype),
            nullable=bool(frame[name].isna().any()),
            missing=marker_of(frame[name]),
        )
        for name in frame
    ]
    return Schema(inputs=tuple(fields), outputs=())


def feeds(graph: Graph, frame: pd.DataFrame, session: ort.InferenceSession | None = None) -> dict[str, np.ndarray]:
    """The graph's inputs for a data frame."""
    result: dict[str, np.ndarray] = {}
    session = session or ort.InferenceSession(graph.model)
    declared = {entry.name for entry in session.get_inputs()}
    for group in graph.inputs:
        part = frame[list(group.columns)]
        nulls = part.isna().to_numpy()
        if group.kind is Kind.FLOAT:
            values = np.column_stack([part[c].to_numpy(np.float64) for c in part])
        elif group.kind is Kind.STRING:
            values = part.astype(object).to_numpy().copy()
            values[nulls] = ""
        elif group.kind is Kind.TIMESTAMP:
            values = np.column_stack([_instants(part[c]) for c in part])
            values[nulls] = 0
        elif group.kind is Kind.DATE:
            days = part.astype(object).to_numpy().copy()
            days[nulls] = datetime.date(1970, 1, 1)
            values = days.astype("datetime64[D]").astype(np.int64)
        else:
            dtype = np.bool_ if group.kind is Kind.BOOL else np.int64
            values = np.column_stack([part[c].astype(object).where(part[c].notna(), 0).to_numpy(dtype) for c in part])
        if group.name in declared:
            result[group.name] = values
        if group.mask in declared:
            result[group.mask] = nulls
    return result


def _instants(series: pd.Series) -> np.ndarray:
    plain = series if series.dt.tz is None else series.dt.tz_convert(None)
    return plain.astype("datetime64[us]").to_numpy().astype(np.int64)


def run(graph: Graph, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Graph output name → array; 'refused' too where there are guards."""
    session = ort.InferenceSession(graph.model)
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds(graph, frame, session)), strict=True))


def convert_transformer(model: Any, frame: pd.DataFrame) -> Graph:
    """`model.transform` as a graph; its output blocks are named block0, block1 … with masks block0_null …"""
    conversion = Conversion(schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, f"model ({type(model).__name__})")
    outputs = {}
    for index, block in enumerate(table):
        outputs[f"block{index}"] = (op.identity(block.values), block.names)
        if block.nulls is not None:
            outputs[f"block{index}_null"] = (op.identity(block.nulls), block.names)
    return conversion.finish(outputs)


def transform(model: Any, frame: pd.DataFrame, convert_on: pd.DataFrame | None = None) -> np.ndarray:
    """The graph's `transform` of the frame as one matrix (object where a block is text)."""
    graph = convert_transformer(model, frame if convert_on is None else convert_on)
    answers = run(graph, frame)
    blocks = []
    for name in sorted(
        (n for n in answers if n.startswith("block") and not n.endswith("_null")), key=lambda n: int(n[5:])
    ):
        block = answers[name]
        if f"{name}_null" in answers:
            block = block.astype(object)
            block[answers[f"{name}_null"]] = None
        blocks.append(block)
    return blocks[0] if len(blocks) == 1 else np.concatenate([b.astype(object) for b in blocks], axis=1)


def convert_predictor(model: Any, frame: pd.DataFrame) -> Graph:
    """Everything that the model predicts: outputs labels, values, probability, decision, score (those it has)."""
    conversion = Conversion(schema_of(frame))
    answer = registry.predict(model, conversion.table, conversion, f"model ({type(model).__name__})")
    outputs = {}
    for name in ("labels", "values", "probability", "decision", "score"):
        found = getattr(answer, name)
        if found is not None:
            outputs[name] = (op.identity(found), (name,))
    for index, target in enumerate(answer.targets):
        for name in ("labels", "probability"):
            found = getattr(target, name)
            if found is not None:
                outputs[f"target{index}_{name}"] = (op.identity(found), (name,))
    if answer.table is not None:
        outputs["transformed"] = (op.identity(value.numeric(answer.table).values), ("transformed",))
    return conversion.finish(outputs)


def predict(model: Any, frame: pd.DataFrame, convert_on: pd.DataFrame | None = None) -> dict[str, np.ndarray]:
    """The graph's answers on the frame."""
    return run(convert_predictor(model, frame if convert_on is None else convert_on), frame)
