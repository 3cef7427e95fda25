"""`inverse_transform` in double, for the target of a regressor: a number in, a number out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.functions import find, log1p, named
from holdall.frameworks.sklearn.scaling import interpolated
from holdall.graph.value import constant

Inverse = Callable[[Any, Var, str], Var]


def inverse(model: Any, values: Var, path: str) -> Var:
    """`model.inverse_transform`. values: double [N, targets]. Raises NotPortable."""
    found = _INVERSES.get(type(model).__name__) if registry.is_sklearn(model) else None
    if found is None:
        raise NotPortable(path, f"the inverse of a {type(model).__name__} has no exact form in the graph")
    return found(model, values, path)


def _pipeline(model: Any, values: Var, path: str) -> Var:
    for name, step in reversed(model.steps):
        if step is not None and not isinstance(step, str):
            values = inverse(step, values, registry.step(path, step, name))
    return values


def _function(model: Any, values: Var, path: str) -> Var:
    if model.inverse_func is None:
        return values
    if model.inv_kw_args:
        raise NotPortable(path, f"{named(model.inverse_func)} is called with arguments of its own")
    known = find(model.inverse_func)
    if known is None or known.truth:
        raise NotPortable(
            path, f"{named(model.inverse_func)} is not one of the functions that have an exact form in the graph"
        )
    return known.apply(values)


def _standard(model: Any, values: Var, path: str) -> Var:
    if model.with_std:
        values = op.mul(values, constant(model.scale_))
    return op.add(values, constant(model.mean_)) if model.with_mean else values


def _min_max(model: Any, values: Var, path: str) -> Var:
    return op.div(op.sub(values, constant(model.min_)), constant(model.scale_))


def _max_abs(model: Any, values: Var, path: str) -> Var:
    return op.mul(values, constant(model.scale_))


def _robust(model: Any, values: Var, path: str) -> Var:
    if model.with_scaling:
        values = op.mul(values, constant(model.scale_))
    return op.add(values, constant(model.center_)) if model.with_centering else values


def _power(model: Any, values: Var, path: str) -> Var:
    if model.standardize:
        values = _standard(model._scaler, values, path)
    lambdas = np.asarray(model.lambdas_, np.float64)
    if model.method == "box-cox":
        return _inverse_box_cox(values, lambdas)
    flat_above, flat_below = np.abs(lambdas) < np.spacing(1.0), ~(np.abs(lambdas - 2.0) > np.spacing(1.0))
    rising = constant(np.where(flat_above, 1.0, lambdas))
    falling = constant(np.where(flat_below, 1.0, 2.0 - lambdas))
    one = constant(1.0)
    above = op.sub(op.pow(op.add(op.mul(values, rising), one), op.reciprocal(rising)), one)
    above = op.where(constant(flat_above, np.bool_), op.sub(op.exp(values), one), above)
    base = op.add(op.mul(op.neg(falling), values), one)
    below = op.sub(one, op.pow(base, op.reciprocal(falling)))
    below = op.where(constant(flat_below, np.bool_), op.sub(one, op.exp(op.neg(values))), below)
    return op.where(op.greater_or_equal(values, constant(0.0)), above, below)


def _inverse_box_cox(values: Var, lambdas: Any) -> Var:
    flat = lambdas == 0
    safe = constant(np.where(flat, 1.0, lambdas))
    result = op.exp(op.div(log1p(op.mul(safe, values)), safe))
    return op.where(constant(flat, np.bool_), op.exp(values), result)


def _quantile(model: Any, values: Var, path: str) -> Var:
    if model.output_distribution != "uniform":
        raise NotPortable(path, "the normal distribution's own function has no exact form in the graph")
    references = np.asarray(model.references_, np.float64)
    quantiles = np.asarray(model.quantiles_, np.float64)
    result = interpolated(values, [(references, quantiles[:, column]) for column in range(quantiles.shape[1])])
    return op.where(op.isnan(values), values, result)


_INVERSES: dict[str, Inverse] = {
    "Pipeline": _pipeline,
    "FunctionTransformer": _function,
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "PowerTransformer": _power,
    "QuantileTransformer": _quantile,
}
