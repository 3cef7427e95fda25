"""XGBoost as graph operators, float32 for float32: what it rounds is rounded here, in its own order.

XGBoost takes every number as float32 and adds up leaves in float32. A graph that scales in double, as scikit-learn does
before it, and then rounds once, sends each row to the leaf that XGBoost sends it to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.categories import Lookup, look_up, positions
from holdall.frameworks.sklearn.matrices import column, flat, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import joined, raw_columns, upright
from holdall.frameworks.xgboost import model as models
from holdall.frameworks.xgboost.answering import softmax, transformed
from holdall.frameworks.xgboost.model import MULTICLASS, Model
from holdall.graph import numerics, trees, value
from holdall.graph.conversion import Conversion
from holdall.graph.trees import Comparison, Forest
from holdall.graph.value import Block, Table, constant, to_single
from holdall.spec.manifest import Tolerance
from holdall.spec.schema import Kind

UNSEEN = "a category that the model was not fitted on"
UNKNOWN = -1.0
BITS = Tolerance(relative=1e-6, absolute=1.5e-7)
"""The graph rounds where XGBoost rounds: an exponential may be off by a bit, and so may one minus a probability."""
INFINITE = "a number too large for float32, or infinity"


@predictor("xgboost.XGBClassifier", "xgboost.XGBRFClassifier")
def classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Of two classes the second where its answer is above a half, whatever the objective; else the largest answer's."""
    read = models.read(model.get_booster(), rounds(model), path, in_place=True)
    answer = transformed(_margin(read, model, table, conversion, path), read.objective)
    if read.outputs == 1:
        labels = op.cast(op.greater(flat(answer), constant(0.5)), to=np.int64)
        return Outputs(labels=labels, probability=to_single(numerics.two_columns(flat(answer))))
    if getattr(model, "n_classes_", 0) == 2 and model.objective == "multi:softprob":
        raise NotPortable(path, "it answers two classes with a column each in place of a label")
    if read.targets > 1:
        return Outputs(targets=tuple(_one_of_several(column(answer, place)) for place in range(read.targets)))
    return Outputs(labels=numerics.row_argmax(answer), probability=answer)


def _one_of_several(answer: Var) -> Outputs:
    labels = op.cast(op.greater(answer, constant(0.5)), to=np.int64)
    return Outputs(labels=labels, probability=to_single(numerics.two_columns(answer)))


@predictor("xgboost.XGBRegressor", "xgboost.XGBRFRegressor", "xgboost.XGBRanker")
def regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """One value a row, or one for each target; a ranker's is its score."""
    read = models.read(model.get_booster(), rounds(model), path, in_place=True)
    answer = transformed(_margin(read, model, table, conversion, path), read.objective)
    return Outputs(values=flat(answer) if read.outputs == 1 else answer)


def booster(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """`Booster.predict`: all its rounds. `multi:softmax` answers with the class's number."""
    read = models.read(model, None, path, in_place=False)
    margin = _sums(read, _seen(read, table, conversion, path, float("nan"), refusing=True), table, conversion, path)
    if read.objective == "multi:softmax":
        return Outputs(values=op.cast(numerics.row_argmax(margin), to=np.float64))
    answer = softmax(margin) if read.objective in MULTICLASS else transformed(margin, read.objective)
    return Outputs(values=flat(answer) if read.outputs == 1 else answer)


def rounds(model: Any) -> int | None:
    """How many rounds a wrapper predicts with: up to the best one where it stopped early; None: all."""
    last = int(model._get_iteration_range(None)[1])
    return last or None


def _margin(read: Model, model: Any, table: Table, conversion: Conversion, path: str) -> Var:
    linear = read.weights is not None
    missing = float("nan") if model.missing is None else float(model.missing)
    return _sums(read, _seen(read, table, conversion, path, missing, refusing=linear), table, conversion, path)


def _seen(read: Model, table: Table, conversion: Conversion, path: str, missing: float, *, refusing: bool) -> Var:
    """What XGBoost sees: doubles that are float32s, [N, features], categories as their codes.

    refusing: the table goes through a DMatrix, which takes no infinity.
    """
    if value.width(table) != read.features:
        raise NotPortable(path, f"it was fitted on {read.features} columns and is given {value.width(table)} here")
    conversion.single, conversion.tolerance = True, BITS
    plain = [place for place in range(read.features) if place not in read.categories]
    order, parts = list(plain), []
    if plain:
        singles = _singles(value.select(table, plain), path)
        if refusing:
            _refuse_infinite(singles, table, conversion, path)
        seen = op.cast(singles, to=np.float64)
        if not np.isnan(missing):
            gone = op.equal(seen, constant(float(np.float32(missing))))
            seen = op.where(gone, constant(float("nan")), seen)
        parts.append(seen)
    if read.categories and not np.isnan(missing):
        raise NotPortable(path, f"it has categories and takes {missing} for a missing value")
    for place, categories in read.categories.items():
        (block,) = value.select(table, [place])
        parts.append(_coded(block, categories, conversion, path))
        order.append(place)
    seen = joined(parts)
    if order != sorted(order):
        seen = op.gather(seen, op.const(np.argsort(order).astype(np.int64)), axis=1)
    return _held(seen, read) if read.codes else seen


def _singles(table: Table, path: str) -> Var:
    """Numbers as float32, rounded once: whole ones are not made doubles first. What a sparse matrix does not store is
    missing."""
    if any(block.sparse for block in table):
        values = numbers(table, path).values
        return op.cast(op.where(op.equal(values, constant(0.0)), constant(float("nan")), values), to=np.float32)
    if all(block.kind is Kind.INT and block.nulls is None for block in table):
        return op.cast(joined([block.values for block in table]), to=np.float32)
    return op.cast(numbers(table, path).values, to=np.float32)


def _refuse_infinite(singles: Var, table: Table, conversion: Conversion, path: str) -> None:
    if table is conversion.table:
        largest = float(np.finfo(np.float32).max)
        if all(field.limit is not None and field.limit <= largest for field in conversion.schema.inputs):
            return
    infinite = op.cast(op.isinf(singles), to=np.int32)
    where = op.cast(op.reduce_max(infinite, constant([1], np.int64), keepdims=1), to=np.bool_)
    columns = raw_columns(table)
    conversion.refuse(where, path, INFINITE, columns if len(columns) == 1 else [None])


def _coded(block: Block, categories: tuple[str | int, ...], conversion: Conversion, path: str) -> Var:
    """A data frame's column of categories as codes, double [N, 1]; a missing one is NaN. Refuses what is no category."""
    if block.dtypes[0] not in (None, "category"):
        raise NotPortable(path, f"column {block.names[0]!r} was fitted as categories and is {block.dtypes[0]} here")
    known = positions(block, 0, np.array(categories, object), conversion, path)
    found = {key: float(code) for key, code in known.items() if key is not None}
    codes = look_up(block, [Lookup(found, float("nan"), UNKNOWN)])
    conversion.refuse(op.equal(codes, constant(UNKNOWN)), path, UNSEEN, raw_columns((block,)))
    return codes


def _held(seen: Var, read: Model) -> Var:
    """Columns that are split by sets as whole codes, all that no set tells apart as the last one."""
    places = np.array(sorted(read.codes), np.int64)
    others = constant([[read.codes[int(place)] - 1.0 for place in places]])
    codes = op.gather(seen, op.const(places), axis=1)
    known = op.and_(op.greater_or_equal(codes, constant(0.0)), op.less(codes, others))
    held = op.where(op.or_(known, op.isnan(codes)), op.floor(codes), others)
    if len(places) == read.features:
        return held
    rest = np.setdiff1d(np.arange(read.features), places)
    together = op.concat([op.gather(seen, op.const(rest), axis=1), held], axis=1)
    return op.gather(together, op.const(np.argsort([*rest, *places]).astype(np.int64)), axis=1)


def _sums(read: Model, seen: Var, table: Table, conversion: Conversion, path: str) -> Var:
    """double [N, outputs]: the sums of leaves, or of products, in float32 and in XGBoost's order."""
    if read.weights is not None:
        return _linear(read, seen)
    try:
        forest = Forest(read.trees, read.outputs, Comparison.BELOW)
    except ValueError as error:
        raise NotPortable(path, str(error)) from None
    origins = value.origins(table)
    for feature, found in trees.thresholds(forest).items():
        conversion.boundary(origins[feature], found)
    return op.cast(trees.emit_single(forest, seen, read.base), to=np.float64)


def _linear(read: Model, seen: Var) -> Var:
    """Bias and base first, then one product after the other; a missing number adds nothing."""
    assert read.weights is not None  # noqa: S101 - asked by the caller
    singles = op.cast(op.where(op.isnan(seen), constant(0.0), seen), to=np.float32)
    bias = (read.weights[-1] + read.base)[:, None]
    sums = []
    for output in range(read.outputs):
        products = op.mul(singles, constant(read.weights[:-1, output], np.float32))
        ordered = op.transpose(products, perm=[1, 0])
        first = op.add(op.gather(ordered, constant([0], np.int64)), constant(bias[output : output + 1], np.float32))
        rest = op.slice(ordered, constant([1], np.int64), constant([read.features], np.int64))
        sums.append(op.reduce_sum(op.concat([first, rest], axis=0), constant([0], np.int64), keepdims=0))
    return op.cast(joined([upright(one) for one in sums]), to=np.float64)
