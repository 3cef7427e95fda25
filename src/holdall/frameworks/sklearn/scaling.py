"""Scalers and other steps that turn each number into one number: the operations of scikit-learn's own, in its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.functions import Function, expm1, find, log1p, named, normal_quantile
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.search import count_at_most, gather_by_column
from holdall.frameworks.sklearn.tables import (
    as_array,
    doubles,
    dtype_of,
    fitted_names,
    monotone,
    numbers,
    rounded,
)
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table, constant
from holdall.spec.schema import Kind

Doubles = npt.NDArray[np.float64]


def _check_width(block: Block, count: int, path: str) -> None:
    if block.width != count:
        raise NotPortable(path, f"it was fitted on {count} columns and is given {block.width} here")


def _scaled(
    model: Any, table: Table, block: Block, values: Var, inverse: Callable[[int, Doubles], Doubles] | None
) -> Table:
    """The block after a step of one column to one column. inverse: of one column, where the step is monotone."""
    origins = () if inverse is None else monotone(block, inverse)
    return value.matrix(values, fitted_names(model, table, block.width), origins=origins, single=block.single)


@transformer("StandardScaler")
def standard_scaler(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Take the mean away and divide by the deviation."""
    block = numbers(table, path)
    _check_width(block, model.n_features_in_, path)
    shift = np.zeros(block.width) if not model.with_mean else _held(model.mean_, block.single)
    scale = np.ones(block.width) if not model.with_std else _held(model.scale_, block.single)
    values = block.values
    if model.with_mean:
        values = rounded(op.sub(values, constant(shift)), block.single)
    if model.with_std:
        values = rounded(op.div(values, constant(scale)), block.single)
    return _scaled(model, table, block, values, lambda column, y: y * scale[column] + shift[column])


def _held(parameters: Any, single: bool) -> Doubles:
    """A fitted parameter as the live model holds it beside its matrix."""
    array = np.asarray(parameters, np.float64)
    return array.astype(np.float32).astype(np.float64) if single else array


@transformer("MinMaxScaler")
def min_max_scaler(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Multiply, then add; clip where asked."""
    block = numbers(table, path)
    _check_width(block, model.n_features_in_, path)
    scale, shift = np.asarray(model.scale_, np.float64), np.asarray(model.min_, np.float64)
    values = rounded(op.mul(block.values, constant(scale)), block.single)
    values = rounded(op.add(values, constant(shift)), block.single)
    if model.clip:
        low, high = _held(model.feature_range, block.single)
        values = _clipped(values, low, high)
    return _scaled(model, table, block, values, lambda column, y: (y - shift[column]) / scale[column])


def _clipped(values: Var, low: Any, high: Any) -> Var:
    """As numpy.clip: NaN stays NaN."""
    below, above = constant(low), constant(high)
    return op.where(op.less(values, below), below, op.where(op.greater(values, above), above, values))


@transformer("MaxAbsScaler")
def max_abs_scaler(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Divide by the largest magnitude."""
    block = numbers(table, path)
    _check_width(block, model.n_features_in_, path)
    scale = np.asarray(model.scale_, np.float64)
    values = rounded(op.div(block.values, constant(scale)), block.single)
    if getattr(model, "clip", False):
        values = _clipped(values, -1.0, 1.0)
    return _scaled(model, table, block, values, lambda column, y: y * scale[column])


@transformer("RobustScaler")
def robust_scaler(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Take the median away and divide by the range of quantiles."""
    block = numbers(table, path)
    _check_width(block, model.n_features_in_, path)
    shift = np.asarray(model.center_, np.float64) if model.with_centering else np.zeros(block.width)
    scale = np.asarray(model.scale_, np.float64) if model.with_scaling else np.ones(block.width)
    values = block.values
    if model.with_centering:
        values = rounded(op.sub(values, constant(shift)), block.single)
    if model.with_scaling:
        values = rounded(op.div(values, constant(scale)), block.single)
    return _scaled(model, table, block, values, lambda column, y: y * scale[column] + shift[column])


@transformer("Normalizer")
def normalizer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Divide each row by its norm; a row of nearly nothing stays as it is."""
    if model.norm == "max":
        block = numbers(table, path)
        norms = op.reduce_max(op.abs(block.values), constant([1], np.int64))
    else:
        block = doubles(table, path, "summing a row")
        if model.norm == "l1":
            norms = op.reduce_sum(op.abs(block.values), constant([1], np.int64))
        else:
            norms = op.sqrt(op.reduce_sum(op.mul(block.values, block.values), constant([1], np.int64)))
    epsilon = np.finfo(np.float32 if block.single else np.float64).eps
    norms = op.where(op.less(norms, constant(10 * float(epsilon))), constant(1.0), norms)
    return _scaled(model, table, block, rounded(op.div(block.values, norms), block.single), None)


@transformer("Binarizer")
def binarizer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """1 above the threshold, else 0; integers stay integers."""
    block = numbers(table, path)
    # A plain Python number takes the matrix's own dtype; a NumPy one keeps its own.
    held = np.result_type(np.float32, model.threshold) if block.single else np.float64
    threshold = float(np.asarray(model.threshold).astype(held))
    for origin in block.origins:
        conversion.boundary(origin, np.array([threshold]))
    above = op.greater(block.values, constant(threshold))
    names = fitted_names(model, table, block.width)
    dtype = dtype_of(table)
    if dtype.kind in "iu":
        return (Block(Kind.INT, op.cast(above, to=np.int64), names, dtypes=(str(dtype),) * block.width),)
    if dtype.kind == "b":
        return (Block(Kind.BOOL, above, names),)
    return value.matrix(op.cast(above, to=np.float64), names, single=block.single)


@transformer("PowerTransformer")
def power_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Yeo-Johnson or Box-Cox, column by column, then standardised where asked."""
    block = doubles(table, path, "a power")
    _check_width(block, len(model.lambdas_), path)
    lambdas = np.asarray(model.lambdas_, np.float64)
    if model.method == "box-cox":
        at_fault = [None if origin is None else origin.column for origin in block.origins]
        conversion.refuse(
            op.less_or_equal(block.values, constant(0.0)), path, "Box-Cox takes only numbers above zero", at_fault
        )
        values = box_cox(block.values, lambdas)
    else:
        values = yeo_johnson(block.values, lambdas)
    result = value.matrix(values, fitted_names(model, table, block.width))
    if not model.standardize:
        return result
    scaled = registry.transform(model._scaler, result, conversion, path)
    return value.rename(scaled, value.names(result))


def box_cox(values: Var, lambdas: Doubles) -> Var:
    """As scipy.special.boxcox."""
    with np.errstate(all="ignore"):
        flat = np.abs(lambdas) < 1e-19
        safe = np.where(flat, 1.0, lambdas)
        large_shift, less = np.log(np.abs(safe)), 1.0 / safe
    logarithm = op.log(values)
    power = op.mul(constant(safe), logarithm)
    usual = op.div(expm1(power), constant(safe))
    large = op.sub(op.mul(constant(np.sign(safe)), op.exp(op.sub(power, constant(large_shift)))), constant(less))
    result = op.where(op.less(power, constant(709.78)), usual, large)
    return op.where(constant(flat, np.bool_), logarithm, result) if flat.any() else result


def yeo_johnson(values: Var, lambdas: Doubles) -> Var:
    """As scipy.stats.yeojohnson."""
    epsilon = np.finfo(np.float64).eps
    positive = op.greater_or_equal(values, constant(0.0))
    grown = log1p(op.where(positive, values, op.neg(values)))
    above = _power_of_log(grown, lambdas, np.abs(lambdas) < epsilon)
    below = op.neg(_power_of_log(grown, 2.0 - lambdas, ~(np.abs(lambdas - 2.0) > epsilon)))
    return op.where(positive, above, below)


def _power_of_log(logarithm: Var, exponents: Doubles, flat: npt.NDArray[np.bool_]) -> Var:
    """expm1(exponent × logarithm) / exponent; the logarithm itself where the exponent is as good as zero."""
    safe = constant(np.where(flat, 1.0, exponents))
    result = op.div(expm1(op.mul(safe, logarithm)), safe)
    return op.where(constant(flat, np.bool_), logarithm, result) if flat.any() else result


_BOUND = 1e-7  # scikit-learn's BOUNDS_THRESHOLD


@transformer("QuantileTransformer")
def quantile_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Interpolate between the fitted quantiles, from both sides; then the normal distribution's quantile where asked."""
    normal = model.output_distribution == "normal"
    block = doubles(table, path, "the normal distribution's quantile") if normal else numbers(table, path)
    _check_width(block, model.n_features_in_, path)
    references = np.asarray(model.references_, np.float64)
    quantiles = [np.asarray(model.quantiles_[:, column], np.float64) for column in range(block.width)]
    if any(np.isnan(edges).any() for edges in quantiles):
        raise NotPortable(path, "a column had no number when it was fitted")
    values = block.values
    forward = interpolated(values, [(edges, references) for edges in quantiles])
    backward = interpolated(op.neg(values), [(-edges[::-1], -references[::-1]) for edges in quantiles])
    result = op.mul(constant(0.5), op.sub(forward, backward))
    lowest, highest = (constant(np.array([edges[place] for edges in quantiles])) for place in (0, -1))
    if normal:
        low = op.less(op.sub(values, constant(_BOUND)), lowest)
        high = op.greater(op.add(values, constant(_BOUND)), highest)
    else:
        low, high = op.equal(values, lowest), op.equal(values, highest)
    result = op.where(low, constant(0.0), op.where(high, constant(1.0), result))
    if normal:
        least = _BOUND - np.spacing(1)
        result = normal_quantile(_clipped(result, least, 1 - least))
    return _scaled(model, table, block, rounded(op.where(op.isnan(values), values, result), block.single), None)


@dataclass(frozen=True)
class _Pieces:
    """A line from point to point as tables by how many points lie at or below the value."""

    starts: Doubles
    bases: Doubles
    slopes: Doubles


def _pieces(points: Doubles, heights: Doubles) -> _Pieces:
    with np.errstate(all="ignore"):
        slopes = np.diff(heights) / np.diff(points)
    level = np.concatenate([[0.0], np.where(np.isfinite(slopes), slopes, 0.0), [0.0]])
    return _Pieces(np.concatenate([points[:1], points]), np.concatenate([heights[:1], heights]), level)


def interpolated(values: Var, lines: list[tuple[Doubles, Doubles]]) -> Var:
    """As numpy.interp, each column along its own line."""
    place = count_at_most(values, [points for points, _ in lines])
    pieces = [_pieces(points, heights) for points, heights in lines]
    start = gather_by_column([piece.starts for piece in pieces], place)
    base = gather_by_column([piece.bases for piece in pieces], place)
    slope = gather_by_column([piece.slopes for piece in pieces], place)
    risen = op.add(op.mul(slope, op.sub(values, start)), base)
    # Beyond the ends the slope is zero, and zero times infinity is no number.
    return op.where(op.equal(slope, constant(0.0)), base, risen)


@transformer("KernelCenterer")
def kernel_centerer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Centre a row of a kernel matrix."""
    block = doubles(table, path, "summing a row")
    rows = np.asarray(model.K_fit_rows_, np.float64)
    _check_width(block, len(rows), path)
    mean = op.div(op.reduce_sum(block.values, constant([1], np.int64)), constant(float(len(rows))))
    values = op.add(op.sub(op.sub(block.values, constant(rows)), mean), constant(float(model.K_fit_all_)))
    return _scaled(model, table, block, values, None)


@transformer("FunctionTransformer")
def function_transformer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Nothing, one of NumPy's own functions of one number, or a function of the user's own."""
    if id(model) in conversion.witnesses:
        from holdall.frameworks.sklearn.own_steps import following

        return following.function(model, table, conversion, path)
    given = as_array(table) if model.validate else table
    return applied(model.func, model.kw_args, given, path)


def applied(function: Any, arguments: Any, table: Table, path: str) -> Table:
    """The table with a function applied to every number. Raises NotPortable for a function not known."""
    if function is None:
        return table
    if arguments:
        raise NotPortable(path, f"{named(function)} is called with arguments of its own")
    known = find(function)
    if known is None:
        raise NotPortable(path, f"{named(function)} is not one of the functions that have an exact form in the graph")
    return tuple(_of_block(known, named(function), block, path) for block in table)


_HALVED = ("int8", "int16", "uint8", "uint16")  # NumPy answers these in float16 or float32


def _of_block(known: Function, name: str, block: Block, path: str) -> Block:
    if block.kind not in (Kind.FLOAT, Kind.INT):
        raise NotPortable(path, f"{name} of columns of kind {block.kind}: {', '.join(block.names)}")
    if block.kind is Kind.INT and known.integers is not None:
        if any(dtype not in (None, "int64", "Int64") for dtype in block.dtypes):
            raise NotPortable(path, f"{name} of integers narrower than int64 may overflow")
        return Block(Kind.INT, known.integers(block.values), block.names, block.nulls, dtypes=block.dtypes)
    if block.kind is Kind.INT and (name == "numpy.reciprocal" or any(d in _HALVED for d in block.dtypes)):
        raise NotPortable(path, f"{name} of integers {', '.join(block.names)}: give the model float64 columns")
    whole = numbers((block,), path)
    if whole.single and not known.exact:
        raise NotPortable(
            path, f"{name} in float32 differs in its last digits between machines; give the model float64 columns"
        )
    result = known.apply(whole.values)
    if known.truth:
        return Block(Kind.BOOL, result, block.names)
    inverse = known.inverse
    origins = () if inverse is None else monotone(whole, lambda _, y: inverse(y))
    return Block(Kind.FLOAT, rounded(result, whole.single), block.names, None, origins, whole.single)
