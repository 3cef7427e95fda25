"""Filling in what is missing, and telling where it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.tables import as_array, doubles, dtype_of, fitted_names, numbers, side_by_side
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table, constant
from holdall.spec.schema import Kind, Missing

_DTYPES = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.STRING: np.str_}


def _is_nan(marker: Any) -> bool:
    return isinstance(marker, (float, np.floating)) and math.isnan(marker)


def _is_na(marker: Any) -> bool:
    return type(marker).__name__ == "NAType"


def missing_in(block: Block, marker: Any, conversion: Conversion, *, objects: bool) -> Var | None:
    """bool [N, width]: where the value is what `missing_values` says; None where it can be nowhere.

    objects: the live model holds these columns as Python objects, where None and NaN differ; in an array of floats every
    missing value is NaN.
    """
    if _is_nan(marker) or _is_na(marker) or marker is None:
        return _null(block, _columns_met(block, marker, conversion, objects=objects))
    return _equal(block, marker)


def _columns_met(block: Block, marker: Any, conversion: Conversion, *, objects: bool) -> list[bool]:
    """For each column, whether a missing value of its own is the marker."""
    if not objects:
        return [marker is not None] * block.width
    if _is_na(marker):
        return [True] * block.width
    wanted = Missing.NONE if marker is None else Missing.NAN
    return [
        (Missing.NAN if origin is None else conversion.schema.input(origin.column).missing) is wanted
        for origin in block.origins
    ]


def _null(block: Block, met: Sequence[bool]) -> Var | None:
    nulls = op.isnan(block.values) if block.kind is Kind.FLOAT else block.nulls
    if nulls is None or not any(met):
        return None
    return nulls if all(met) else op.and_(nulls, constant(list(met), np.bool_))


def _equal(block: Block, marker: Any) -> Var | None:
    if block.kind is Kind.STRING:
        if not isinstance(marker, str):
            return None
        same = op.equal(block.values, op.const(np.array(marker)))
    elif isinstance(marker, str) or block.kind not in (Kind.FLOAT, Kind.INT):
        return None
    elif block.kind is Kind.INT:
        if marker != int(marker):
            return None
        same = op.equal(block.values, constant(int(marker), np.int64))
    else:
        held = np.float32 if block.single else np.float64
        same = op.equal(block.values, constant(float(np.asarray(marker, held))))
    return same if block.nulls is None else op.and_(same, op.not_(block.nulls))


def _false(block: Block) -> Var:
    return op.expand(constant(False, np.bool_), op.shape(block.values))


@transformer("SimpleImputer")
def simple_imputer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each missing value becomes its column's statistic; columns without one are left out."""
    if value.width(table) != len(model.statistics_):
        raise NotPortable(
            path, f"it was fitted on {len(model.statistics_)} columns and is given {value.width(table)} here"
        )
    given, objects = _imputed_table(model, table, path)
    masks = [missing_in(block, model.missing_values, conversion, objects=objects) for block in given]
    statistics = list(model.statistics_)
    kept = [
        column for column, statistic in enumerate(statistics) if model.keep_empty_features or not _is_nan(statistic)
    ]
    filled, start = [], 0
    for block, mask in zip(given, masks, strict=True):
        fills = [statistics[start + inside] if start + inside in kept else None for inside in range(block.width)]
        filled.append(_filled(block, mask, fills, model, path))
        start += block.width
    result = value.select(tuple(filled), kept)
    names = fitted_names(model, table, len(kept) + _indicated(model))
    return value.rename(_with_indicator(model, result, given, masks), names)


def _imputed_table(model: Any, table: Table, path: str) -> tuple[Table, bool]:
    """The table as the imputer's own check makes an array of it, and whether that holds objects."""
    fitted = np.dtype(model._fit_dtype)
    objects = fitted.kind == "O"
    if not objects and model.strategy not in ("most_frequent", "constant"):
        return (numbers(table, path),), False
    if objects or dtype_of(table) == np.dtype(object):
        return tuple(replace(block, single=False, base=None, places=()) for block in table), True
    return as_array(table), False


def _filled(block: Block, mask: Var | None, fills: Sequence[Any], model: Any, path: str) -> Block:
    if mask is None:
        return replace(block, base=None, places=())
    constants = _constants(block, fills, np.dtype(model._fill_dtype), path)
    values = op.where(mask, constants, block.values)
    return replace(block, values=values, nulls=_left_null(block, mask, model.missing_values), base=None, places=())


def _left_null(block: Block, mask: Var, marker: Any) -> Var | None:
    """What is still missing after the mask was filled."""
    if block.nulls is None or mask is block.nulls:
        return None
    if marker is None or _is_nan(marker) or _is_na(marker):
        return op.and_(block.nulls, op.not_(mask))
    return block.nulls


def _constants(block: Block, fills: Sequence[Any], dtype: Any, path: str) -> Var:
    """One fill a column, as the block's own kind. A column that is left out is given anything."""
    if block.kind is Kind.STRING:
        if any(fill is not None and not isinstance(fill, str) for fill in fills):
            raise NotPortable(path, f"it fills text with what is no text: {', '.join(block.names)}")
        return op.const(np.array(["" if fill is None else fill for fill in fills], np.str_))
    if block.kind not in (Kind.FLOAT, Kind.INT, Kind.BOOL):
        raise NotPortable(path, f"it fills columns of kind {block.kind}: {', '.join(block.names)}")
    if any(isinstance(fill, str) for fill in fills):
        raise NotPortable(path, f"it fills numbers with text: {', '.join(block.names)}")
    plain = [0 if fill is None else fill for fill in fills]
    held = np.array(plain, dtype) if dtype.kind != "O" else np.array(plain)
    if block.kind is Kind.INT and held.dtype.kind == "f" and (held != np.floor(held)).any():
        raise NotPortable(path, f"it fills integers with fractions: {', '.join(block.names)}")
    return op.const(held.astype(_DTYPES[block.kind]))


def _indicated(model: Any) -> int:
    return len(model.indicator_.features_) if model.add_indicator else 0


def _with_indicator(model: Any, result: Table, given: Table, masks: Sequence[Var | None]) -> Table:
    """The imputed columns and, where asked, one for each column that may be missing."""
    if not model.add_indicator:
        return result
    indicator = _marks(given, masks, model.indicator_.features_)
    return side_by_side([result, indicator], frame=False)


def _marks(given: Table, masks: Sequence[Var | None], features: Any) -> Table:
    """The masks of these columns as truth values."""
    whole = tuple(
        Block(Kind.BOOL, _false(block) if mask is None else mask, block.names)
        for block, mask in zip(given, masks, strict=True)
    )
    joined = whole[0].values if len(whole) == 1 else op.concat([block.values for block in whole], axis=1)
    return value.select((Block(Kind.BOOL, joined, value.names(given)),), [int(feature) for feature in features])


@transformer("MissingIndicator")
def missing_indicator(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """True where a value is missing."""
    if value.width(table) != model.n_features_in_:
        raise NotPortable(
            path, f"it was fitted on {model.n_features_in_} columns and is given {value.width(table)} here"
        )
    objects = dtype_of(table) == np.dtype(object)
    given = table if objects else as_array(table)
    masks = [missing_in(block, model.missing_values, conversion, objects=objects) for block in given]
    if model.features == "missing-only" and model.error_on_new:
        _refuse_new(model, given, masks, conversion, path)
    marks = _marks(given, masks, model.features_)
    return value.rename(marks, fitted_names(model, table, len(model.features_)))


def _refuse_new(model: Any, given: Table, masks: Sequence[Var | None], conversion: Conversion, path: str) -> None:
    new = sorted(set(range(value.width(given))) - {int(feature) for feature in model.features_})
    if not new or all(mask is None for mask in masks):
        return
    (marks,) = _marks(given, masks, new)
    raw = [None if origin is None else origin.column for origin in value.origins(given)]
    at_fault = [raw[column] for column in new]
    conversion.refuse(marks.values, path, "a missing value where none was when the model was fitted", at_fault)


@transformer("IterativeImputer")
def iterative_imputer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The fitted round of regressions, one after the other, each on the columns as they are by then."""
    if model.sample_posterior:
        raise NotPortable(path, "it draws its values at random (sample_posterior)")
    if not _is_nan(model.missing_values):
        raise NotPortable(path, "its missing values are marked by a number; only NaN has a form in the graph")
    block = doubles(table, path, "a regression")
    given = (block,)
    mask = op.isnan(block.values)
    start = registry.transform(
        model.initial_imputer_, given, conversion, registry.step(path, model.initial_imputer_, "initial_imputer_")
    )
    empty = np.asarray(model._is_empty_feature)
    valid = np.arange(len(empty)) if model.keep_empty_features else np.flatnonzero(~empty)
    first = numbers(start, path).values
    missing = mask if len(valid) == len(empty) else op.gather(mask, constant(valid, np.int64), axis=1)
    if model.keep_empty_features and empty.any():
        missing = op.and_(missing, constant(~empty, np.bool_))
    values, limits = first, (model._min_value, model._max_value)
    for number, (target, neighbours, estimator) in enumerate(model.imputation_sequence_ if model.n_iter_ else ()):
        inner = registry.step(path, estimator, f"imputation_sequence_[{number}]")
        near = value.matrix(op.gather(values, constant(neighbours, np.int64), axis=1), [f"x{i}" for i in neighbours])
        answer = registry.predict(estimator, near, conversion, inner).values
        if answer is None:
            raise NotPortable(inner, "it gives no numbers")
        values = _replaced(values, missing, answer, int(target), limits, len(valid))
    # scikit-learn leaves the first guess where nothing at all was there to regress on.
    there = op.reduce_sum(op.cast(op.not_(missing), to=np.int64), keepdims=False)
    values = op.where(op.equal(there, constant(0, np.int64)), first, values)
    result = value.matrix(values, [block.names[column] for column in valid])
    names = fitted_names(model, table, len(valid) + _indicated(model))
    return value.rename(_with_indicator(model, result, given, [mask]), names)


def _replaced(values: Var, missing: Var, answer: Var, target: int, limits: tuple[Any, Any], width: int) -> Var:
    """The matrix with one column's missing values set to the regression's answer, within the allowed range."""
    low, high = (constant(float(limit[target])) for limit in limits)
    column = op.unsqueeze(answer, constant([1], np.int64))
    column = op.where(op.less(column, low), low, op.where(op.greater(column, high), high, column))
    here = constant([place == target for place in range(width)], np.bool_)
    return op.where(op.and_(missing, here), column, values)
