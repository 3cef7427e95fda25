"""LightGBM as graph operators: doubles throughout, as LightGBM itself computes, whatever it takes for missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.engines.lightgbm import WHOLE
from holdall.errors import NotPortable
from holdall.frameworks.lightgbm import model as models
from holdall.frameworks.lightgbm.model import Linear, Model, View
from holdall.frameworks.sklearn.categories import Lookup, look_up, positions
from holdall.frameworks.sklearn.matrices import flat, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import joined, upright
from holdall.frameworks.sklearn.tables import dtype_of
from holdall.graph import numerics, trees, value
from holdall.graph.conversion import Conversion
from holdall.graph.trees import Forest
from holdall.graph.value import Table, constant, to_single

ZERO = float(np.float32(1e-35))
"""What is not further from zero than this counts as zero."""

IDENTITY = frozenset(
    {
        *("custom", "fair", "huber", "lambdarank", "mape", "quantile", "rank_xendcg", "regression", "regression_l1"),
    }
)
EXPONENTIAL = frozenset({"gamma", "poisson", "tweedie"})


@predictor("lightgbm.LGBMClassifier")
def classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The first of the largest probabilities; of one-against-all they do not sum to one."""
    if callable(model.objective_):
        raise NotPortable(path, "with an objective of its own it answers with raw scores, which are no probabilities")
    read, summed = _summed(model.booster_, table, conversion, path, framed=_framed(model))
    answer = _transformed(summed, read, path)
    probability = numerics.two_columns(flat(answer)) if read.outputs == 1 else answer
    decision = flat(summed) if read.outputs == 1 else summed
    return Outputs(labels=numerics.row_argmax(probability), probability=probability, decision=decision)


@predictor("lightgbm.LGBMRegressor", "lightgbm.LGBMRanker")
def regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """One value a row; a ranker's is its score."""
    read, summed = _summed(model.booster_, table, conversion, path, framed=_framed(model))
    return Outputs(values=flat(_transformed(summed, read, path)))


def booster(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """`Booster.predict`: up to the best iteration where there is one."""
    read, summed = _summed(model, table, conversion, path, framed=model.pandas_categorical is not None)
    answer = _transformed(summed, read, path)
    return Outputs(values=flat(answer) if read.outputs == 1 else answer)


def _framed(model: Any) -> bool:
    return getattr(model, "feature_names_in_", None) is not None


def _summed(booster: Any, table: Table, conversion: Conversion, path: str, *, framed: bool) -> tuple[Model, Var]:
    """The sums of its trees, double [N, outputs]. framed: it was fitted on a data frame."""
    read = models.read(booster.model_to_string(), path)
    if value.width(table) != read.features:
        raise NotPortable(path, f"it was fitted on {read.features} columns and is given {value.width(table)} here")
    seen = _seen(booster, table, conversion, path, framed=framed)
    origins = value.origins(table)
    try:
        forest = Forest(read.trees, read.outputs)
    except ValueError as error:
        raise NotPortable(path, str(error)) from None
    found = trees.thresholds(forest)
    for column, values in found.items():
        conversion.boundary(origins[read.columns[column][0]], values)
    if any((np.abs(values) <= ZERO).any() for values in found.values()):
        seen = op.where(op.less_or_equal(op.abs(seen), constant(ZERO)), constant(0.0), seen)
    views = _views(read, seen)
    summed = trees.emit(forest, views) if read.linear is None else _linear(read, forest, views, seen)
    return read, summed


def _seen(booster: Any, table: Table, conversion: Conversion, path: str, *, framed: bool) -> Var:
    """The table as LightGBM makes one matrix of it: categories as codes, strangers among them as missing."""
    dtypes = [dtype for block in table for dtype in block.dtypes]
    places = [place for place, dtype in enumerate(dtypes) if dtype == "category"] if framed else []
    known = booster.pandas_categorical or []
    if len(places) != len(known):
        raise NotPortable(path, f"it was fitted on {len(known)} columns of categories and is given {len(places)} here")
    plain = [place for place in range(len(dtypes)) if place not in places]
    parts = []
    if plain:
        chosen = value.select(table, plain)
        values = numbers(chosen, path).values
        # An array of whole numbers becomes float32; a data frame becomes what holds all its columns.
        raw = table is conversion.table and all(WHOLE.fullmatch(dtype or "") for dtype in dtypes)
        whole = not framed and (raw or dtype_of(chosen).kind in "iub")
        parts.append(to_single(values) if whole else values)
    for place, categories in zip(places, known, strict=True):
        (block,) = value.select(table, [place])
        codes = positions(block, 0, np.array(categories, object), conversion, path)
        found = {key: float(code) for key, code in codes.items() if key is not None}
        parts.append(look_up(block, [Lookup(found, float("nan"), float("nan"))]))
    seen, order = joined(parts), [*plain, *places]
    return seen if order == sorted(order) else op.gather(seen, constant(np.argsort(order), np.int64), axis=1)


def _views(read: Model, seen: Var) -> Var:
    """The columns, and those again that splits look at in another way: double [N, len(read.columns)]."""
    parts = [seen]
    for feature, view in read.columns[read.features :]:
        column = op.gather(seen, constant([feature], np.int64), axis=1)
        if view is View.ZERO_IS_MISSING:
            near = op.less_or_equal(op.abs(column), constant(ZERO))
            parts.append(op.where(near, constant(float("nan")), column))
        else:
            others = constant(read.codes[feature] - 1.0)
            known = op.and_(op.greater(column, constant(-1.0)), op.less(column, others))
            held = op.where(op.or_(known, op.isnan(column)), column, others)
            # A fraction is cut off, a negative one too.
            parts.append(op.floor(op.where(op.less(held, constant(0.0)), constant(0.0), held)))
    return joined(parts)


def _linear(read: Model, forest: Forest, views: Var, seen: Var) -> Var:
    """Each leaf's linear model; where a number that it uses is missing, the leaf's constant instead. [N, outputs]."""
    assert read.linear is not None  # noqa: S101 - asked by the caller
    leaves = trees.reached(forest, views)
    missing = op.isnan(seen)
    sums: list[Var | None] = [None] * read.outputs
    before = 0
    for number, (tree, linear) in enumerate(zip(read.trees, read.linear, strict=True)):
        reached = op.sub(op.gather(leaves, constant(number, np.int64), axis=0), constant(before, np.int32))
        before += len(linear.constants)
        result = _leaf(tree.values[~tree.inner, 0], linear, reached, seen, missing)
        target = number % read.outputs
        earlier = sums[target]
        sums[target] = result if earlier is None else op.add(earlier, result)
    return joined([upright(one) for one in sums if one is not None])


def _leaf(values: Any, linear: Linear, reached: Var, seen: Var, missing: Var) -> Var:
    constants = op.gather(constant(linear.constants), reached)
    places = np.flatnonzero(linear.used.any(axis=0))
    if not len(places):
        return constants
    columns = constant(places, np.int64)
    used = op.gather(constant(linear.used[:, places], np.bool_), reached, axis=0)
    coefficients = op.gather(constant(linear.coefficients[:, places]), reached, axis=0)
    products = op.mul(coefficients, op.gather(seen, columns, axis=1))
    total = op.add(constants, numerics.row_sum(op.where(used, products, constant(0.0))))
    lacking = op.and_(used, op.gather(missing, columns, axis=1))
    any_lacking = op.cast(
        op.reduce_max(op.cast(lacking, to=np.int32), constant([1], np.int64), keepdims=0), to=np.bool_
    )
    return op.where(any_lacking, op.gather(constant(values), reached), total)


def _transformed(summed: Var, read: Model, path: str) -> Var:
    """What the objective makes of sums, or of their means in a forest. Raises NotPortable for one that is not known."""
    objective = read.objective
    if read.averaged:
        summed = op.div(summed, constant(len(read.trees) / read.outputs))
    if objective == "regression" and "sqrt" in read.parameters:
        return op.mul(op.sign(summed), op.mul(summed, summed))
    if objective in IDENTITY:
        return summed
    if objective in EXPONENTIAL:
        return op.exp(summed)
    if objective in ("binary", "multiclassova"):
        return numerics.logistic(op.mul(constant(float(read.parameters["sigmoid"])), summed))
    if objective == "cross_entropy":
        return numerics.logistic(summed)
    if objective == "cross_entropy_lambda":
        return _log_of_one_more(op.exp(summed))
    if objective == "multiclass":
        return numerics.softmax(summed)
    raise NotPortable(path, f"its objective {objective!r} is not known")


def _log_of_one_more(values: Var) -> Var:
    """log(1 + x) for x from zero on, with all digits of small ones: the error of 1 + x is made good."""
    one = constant(1.0)
    above = op.add(one, values)
    lost = op.sub(values, op.sub(above, one))
    corrected = op.add(op.log(above), op.div(lost, above))
    return op.where(op.isinf(values), values, corrected)
