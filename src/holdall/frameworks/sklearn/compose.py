"""Estimators made of others: pipelines, column transformers, unions, and regressors on a transformed target."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.finiteness import breaks, refuse_broken, refuses
from holdall.frameworks.sklearn.inverses import inverse
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.frameworks.sklearn.tables import dtype_of, fitted_names, numbers, output_frame, rounded, side_by_side
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table, constant
from holdall.spec.schema import Kind


def _is_idle(step: Any) -> bool:
    """Whether rows pass by a step; they pass by imbalanced-learn's samplers but while it is fitted."""
    return step is None or (isinstance(step, str) and step == "passthrough") or hasattr(step, "fit_resample")


def _before_last(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    broken = False
    for name, step in model.steps:
        if _is_idle(step):
            continue
        inner = registry.step(path, step, name)
        if broken and refuses(step):
            refuse_broken(table, conversion, inner)
            broken = False
        broken |= breaks(step)
        if step is not model.steps[-1][1]:
            table = registry.transform(step, table, conversion, inner)
    return table


@transformer("Pipeline")
def pipeline_transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """One step after the other."""
    table = _before_last(model, table, conversion, path)
    name, last = model.steps[-1]
    return table if _is_idle(last) else registry.transform(last, table, conversion, registry.step(path, last, name))


@predictor("Pipeline")
def pipeline_predict(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """One step after the other; the last one predicts."""
    table = _before_last(model, table, conversion, path)
    name, last = model.steps[-1]
    return registry.predict(last, table, conversion, registry.step(path, last, name))


@transformer("ColumnTransformer")
def column_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each transformer on its own columns, side by side in the order in which they were given."""
    given = _by_name(model, table, path)
    weights = model.transformer_weights or {}
    parts = []
    for name, step, _ in model.transformers_:
        places = list(model._transformer_to_input_indices.get(name, ()))
        if (isinstance(step, str) and step == "drop") or not places:
            continue
        chosen = value.select(given, [int(place) for place in places])
        inner = registry.step(path, step, name)
        if not _is_idle(step):
            chosen = registry.transform(step, chosen, conversion, inner)
        parts.append(_weighted(chosen, weights.get(name), inner))
    joined = side_by_side(parts, frame=output_frame(model))
    return value.rename(joined, _joined_names(model, given, joined))


def _by_name(model: Any, table: Table, path: str) -> Table:
    """The table with the columns that the model was fitted on, in its order."""
    wanted = [str(name) for name in getattr(model, "feature_names_in_", ())]
    here = list(value.names(table))
    if wanted and here != wanted and len(set(here)) == len(here) and set(wanted) <= set(here):
        return value.select(table, [here.index(name) for name in wanted])
    if len(here) != model.n_features_in_:
        raise NotPortable(path, f"it was fitted on {model.n_features_in_} columns and is given {len(here)} here")
    return table


def _joined_names(model: Any, given: Table, joined: Table) -> tuple[str, ...]:
    """The model's own names; where an inner step has none, those that the parts carry."""
    count = value.width(joined)
    found = fitted_names(model, given, count)
    unnamed = found == tuple(f"x{index}" for index in range(count))
    return value.names(joined) if unnamed else found


def _weighted(table: Table, weight: Any, path: str) -> Table:
    if weight is None:
        return table
    if isinstance(weight, (int, np.integer)) and dtype_of(table).kind == "i":
        return tuple(
            Block(Kind.INT, op.mul(block.values, constant(weight, np.int64)), block.names, block.nulls)
            for block in table
        )
    block = numbers(table, path)
    held = np.result_type(np.float32, weight) if block.single else np.dtype(np.float64)
    single = held == np.float32
    product = rounded(op.mul(block.values, constant(float(np.asarray(weight).astype(held)))), single)
    return value.matrix(product, block.names, single=single)


@transformer("FeatureUnion")
def feature_union(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Every transformer on all columns, side by side."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step in model.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        inner = registry.step(path, step, name)
        witness = conversion.witnesses.get(id(step))
        if witness is not None and witness.wrote:
            raise NotPortable(
                inner, "it writes into the table that its neighbours are given too; begin with a copy: X = X.copy()"
            )
        part = table if _is_idle(step) else registry.transform(step, table, conversion, inner)
        parts.append(_weighted(part, weights.get(name), inner))
    joined = side_by_side(parts, frame=output_frame(model))
    return value.rename(joined, _joined_names(model, table, joined))


@predictor("TransformedTargetRegressor")
def transformed_target(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """What the inner regressor predicts, through the inverse of the target's transformer."""
    inner = model.regressor_
    answer = registry.predict(inner, table, conversion, registry.step(path, inner, "regressor_"))
    if answer.values is None:
        raise NotPortable(path, f"its regressor, a {type(inner).__name__}, gives no numbers")
    # Flattening after the first axis makes a column of a vector and leaves a matrix as it is.
    matrix = op.flatten(answer.values, axis=1)
    values = inverse(model.transformer_, matrix, registry.step(path, model.transformer_, "transformer_"))
    if model._training_dim == 1:
        values = op.squeeze(values, constant([1], np.int64))
    return Outputs(values=values)
