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
    values = first
    for number, (target, neighbours, estimator) in enumerate(model.imputation_sequence_ if model.n_iter_ else ()):
        inner = registry.step(path, estimator, f"imputation_sequence_[{number}]")
        near = value.matrix(op.gather(values, constant(neighbours, np.int64), axis=1), [f"x{i}" for i in neighbours])
        answer = registry.predict(estimator, near, conversion, inner).values
        if answer is None:
            raise NotPortable(inner, "it gives no numbers")
        values = _replaced(values, missing, answer, int(target), model, len(valid))
    # scikit-learn leaves the first guess where nothing at all was there to regress on.
    there = op.reduce_sum(op.cast(op.not_(missing), to=np.int64), keepdims=False)
    values = op.where(op.equal(there, constant(0, np.int64)), first, values)
    result = value.matrix(values, [block.names[column] for column in valid])
    names = fitted_names(model, table, len(valid) + _indicated(model))
    return value.rename(_with_indicator(model, result, given, [mask]), names)


def _replaced(values: Var, missing: Var, answer: Var, target: int, model: Any, width: int) -> Var:
    """The matrix with one column's missing values set to the regression's answer, within the allowed range."""
    low, high = (constant(float(limit[target])) for limit in (model._min_value, model._max_value))
    column = op.unsqueeze(answer, constant([1], np.int64))
    column = op.where(op.less(column, low), low, op.where(op.greater(column, high), high, column))
    here = constant([place == target for place in range(width)], np.bool_)
    return op.where(op.and_(missing, here), column, values)


_FITTED_ROWS = 10_000  # a batch of a thousand rows then needs 80 MB of distances


@transformer("KNNImputer")
def knn_imputer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each missing value becomes the average of its column in the nearest fitted rows that have it."""
    if model.metric != "nan_euclidean" or not isinstance(model.weights, str):
        raise NotPortable(path, "its metric or its weights are a function of one's own")
    if model.weights == "distance":
        # A distance is what is left of two large sums; for near rows the rounding of those sums is most of it.
        raise NotPortable(path, "weights by distance hang on the last digits of its distances, and so on the machine")
    if _is_na(model.missing_values):
        raise NotPortable(path, "its missing values are marked by pandas.NA; use NaN")
    block = doubles(table, path, "a distance")
    fitted = np.asarray(model._fit_X, np.float64)
    if block.width != fitted.shape[1]:
        raise NotPortable(path, f"it was fitted on {fitted.shape[1]} columns and is given {block.width} here")
    if len(fitted) > _FITTED_ROWS:
        raise NotPortable(
            path, f"it holds {len(fitted)} rows, and the distances to more than {_FITTED_ROWS} take too much memory"
        )
    absent = np.asarray(model._mask_fit_X)
    mask = missing_in(block, model.missing_values, conversion, objects=False)
    assert mask is not None  # noqa: S101 — a FLOAT block always has a mask for NaN or a number
    _refuse_ties(model, fitted, absent, path)
    distances = _distances(block.values, mask, fitted, absent)
    kept = [int(column) for column in range(block.width) if model._valid_mask[column] or model.keep_empty_features]
    columns = [_from_neighbours(block.values, mask, distances, column, model) for column in kept]
    result = value.matrix(op.concat(columns, axis=1), [block.names[column] for column in kept])
    names = fitted_names(model, table, len(kept) + _indicated(model))
    return value.rename(_with_indicator(model, result, (block,), [mask]), names)


def _refuse_ties(model: Any, fitted: Any, absent: Any, path: str) -> None:
    """Raises NotPortable where fitted rows may be equally near.

    A row of which one column alone is known is equally far from all fitted rows that share that column's value. Which of
    them scikit-learn then takes hangs on the last digit of its distances, and so on the machine. Where all are taken
    it does not matter.
    """
    donors = (~absent).sum(axis=0)
    if (donors <= model.n_neighbors).all():
        return
    for column in range(fitted.shape[1]):
        known = fitted[~absent[:, column], column]
        if len(np.unique(known)) < len(known):
            names = getattr(model, "feature_names_in_", range(fitted.shape[1]))
            raise NotPortable(
                path,
                f"column {names[column]} holds the same number in several fitted rows, so neighbours tie, "
                "and which ones scikit-learn takes depends on the machine",
            )


def _distances(values: Var, mask: Var, fitted: Any, absent: Any) -> Var:
    """double [N, fitted rows]: as scikit-learn's `nan_euclidean_distances`; NaN where no column is there in both."""
    there = op.where(mask, constant(0.0), values)
    known = np.where(absent, 0.0, fitted)
    squared = op.mul(there, there)
    result = op.mul(constant(-2.0), op.matmul(there, constant(known.T)))
    result = op.add(result, op.reduce_sum(squared, constant([1], np.int64)))
    result = _at_least_zero(op.add(result, constant((known * known).sum(axis=1))))
    result = op.sub(result, op.matmul(squared, constant(absent.T)))
    result = op.sub(result, op.matmul(op.cast(mask, to=np.float64), constant((known * known).T)))
    both = op.matmul(op.cast(op.not_(mask), to=np.float64), constant((~absent).T))
    count = op.where(op.equal(both, constant(0.0)), constant(np.nan), both)
    scaled = op.mul(op.div(_at_least_zero(result), count), constant(float(fitted.shape[1])))
    return op.sqrt(scaled)


def _at_least_zero(values: Var) -> Var:
    return op.where(op.less(values, constant(0.0)), constant(0.0), values)


def _from_neighbours(values: Var, mask: Var, distances: Var, column: int, model: Any) -> Var:
    """double [N, 1]: the column, filled."""
    here = constant([column], np.int64)
    given = op.gather(values, here, axis=1)
    if not model._valid_mask[column]:
        return op.expand(constant(0.0), op.shape(given))
    donors = np.flatnonzero(~np.asarray(model._mask_fit_X)[:, column])
    donated = np.asarray(model._fit_X, np.float64)[donors, column]
    subset = op.gather(distances, constant(donors, np.int64), axis=1)
    unknown = op.isnan(subset)
    ranked = op.where(unknown, constant(np.inf), subset)
    nearest, places = op.top_k(ranked, constant([min(model.n_neighbors, len(donors))], np.int64), largest=0)
    # A neighbour at no known distance counts for nothing.
    weights = op.cast(op.not_(op.isinf(nearest)), to=np.float64)
    total = op.reduce_sum(weights, constant([1], np.int64))
    taken = op.gather(constant(donated), places, axis=0)
    average = op.div(op.reduce_sum(op.mul(taken, weights), constant([1], np.int64)), total)
    far = op.equal(total, constant(0.0))
    filled = op.where(far, constant(float(donated.mean())), average)
    return op.where(op.gather(mask, here, axis=1), filled, given)
