"""Gaussian processes: the kernel of every row with the training rows, and what the fit left of them.

The standard deviation of a prediction is no answer of scikit-learn's `predict` alone and is not given.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.matrices import Matrix, column, dense, flat, labels_above_zero, numbers
from holdall.frameworks.sklearn.pairwise import Points, by_row
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant

Kernel = Callable[[Var], Var]
"""[1, p] → [n]: the kernel between a row and every training row."""

# scikit-learn's approximation of the logistic function by error functions (Williams and Barber).
SLOPES = np.array([0.41, 0.4, 0.37, 0.44, 0.39])
SHARES = np.array([-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654])


def _kernel(kernel: Any, points: Matrix, path: str) -> Kernel:
    """Raises NotPortable, naming the kernel, for one that has no exact graph."""
    name = type(kernel).__name__
    if not registry.is_sklearn(kernel):
        raise NotPortable(path, f"its kernel {name} is not scikit-learn's")
    if name in ("Sum", "Product"):
        first, second = _kernel(kernel.k1, points, path), _kernel(kernel.k2, points, path)
        join = op.add if name == "Sum" else op.mul
        return lambda row: join(first(row), second(row))
    if name == "Exponentiation":
        inner, exponent = _kernel(kernel.kernel, points, path), float(kernel.exponent)
        return lambda row: op.pow(inner(row), constant(exponent))
    if name == "ConstantKernel":
        return lambda _: constant(np.full(len(points), float(kernel.constant_value)))
    if name == "WhiteKernel":  # noise belongs to the training rows themselves
        return lambda _: constant(np.zeros(len(points)))
    if name == "DotProduct":
        products = Points(points, path).products
        return lambda row: op.add(products(row), constant(float(kernel.sigma_0) ** 2))
    if name in ("RBF", "Matern"):
        return _of_scaled_distance(kernel, points, path)
    if name == "RationalQuadratic":
        squares, alpha = Points(points, path).squares, float(kernel.alpha)
        scale = 2 * alpha * float(kernel.length_scale) ** 2
        return lambda row: op.pow(op.add(constant(1.0), op.div(squares(row), constant(scale))), constant(-alpha))
    if name == "ExpSineSquared":
        return _periodic(kernel, points, path)
    raise NotPortable(path, f"its kernel {name} has no graph")


def _of_scaled_distance(kernel: Any, points: Matrix, path: str) -> Kernel:
    scale = np.atleast_2d(dense(kernel.length_scale))
    scaled = Points(points / scale, path)

    def squares(row: Var) -> Var:
        return scaled.squares(op.div(row, constant(scale)))

    if type(kernel).__name__ == "RBF":
        return lambda row: op.exp(op.mul(constant(-0.5), squares(row)))
    if kernel.nu == np.inf:
        return lambda row: op.exp(op.div(op.neg(squares(row)), constant(2.0)))
    if kernel.nu not in (0.5, 1.5, 2.5):
        raise NotPortable(path, f"its Matern kernel of nu={kernel.nu} needs Bessel functions")

    def matern(row: Var) -> Var:
        distance = op.sqrt(squares(row))
        if kernel.nu == 0.5:
            return op.exp(op.neg(distance))
        one = constant(1.0)
        reach = op.mul(distance, constant(sqrt(2 * kernel.nu)))
        factor = op.add(one, reach)
        if kernel.nu == 2.5:
            factor = op.add(factor, op.div(op.mul(reach, reach), constant(3.0)))
        return op.mul(factor, op.exp(op.neg(reach)))

    return matern


def _periodic(kernel: Any, points: Matrix, path: str) -> Kernel:
    squares = Points(points, path).squares
    turns, scale = np.pi / float(kernel.periodicity), float(kernel.length_scale)

    def periodic(row: Var) -> Var:
        wave = op.div(op.sin(op.mul(constant(turns), op.sqrt(squares(row)))), constant(scale))
        return op.exp(op.mul(constant(-2.0), op.mul(wave, wave)))

    return periodic


def _own(kernel: Any, values: Var, path: str) -> Var:
    """`kernel.diag` of the rows: [N, 1], the kernel of each row with itself."""
    name = type(kernel).__name__
    if name in ("Sum", "Product"):
        join = op.add if name == "Sum" else op.mul
        return join(_own(kernel.k1, values, path), _own(kernel.k2, values, path))
    if name == "Exponentiation":
        return op.pow(_own(kernel.kernel, values, path), constant(float(kernel.exponent)))
    if name == "DotProduct":
        return op.add(numerics.row_sum(op.mul(values, values), keepdims=True), constant(float(kernel.sigma_0) ** 2))
    level = {"ConstantKernel": "constant_value", "WhiteKernel": "noise_level"}.get(name)
    return constant([[1.0 if level is None else float(getattr(kernel, level))]])


@predictor("GaussianProcessRegressor")
def gaussian_process_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    if not hasattr(model, "X_train_"):
        raise NotPortable(path, "it is not fitted and answers from its prior only")
    weights = dense(model.alpha_)
    matrix = weights.reshape(len(weights), -1)
    kernel = _kernel(model.kernel_, dense(model.X_train_), path)

    def answer(row: Var) -> list[Var]:
        return [flat(op.matmul(op.unsqueeze(kernel(row), constant([0], np.int64)), constant(matrix)))]

    (means,) = by_row(numbers(table, path).values, answer)
    scaled = op.mul(constant(np.atleast_1d(dense(model._y_train_std))), means)
    values = op.add(scaled, constant(np.atleast_1d(dense(model._y_train_mean))))
    return Outputs(values=flat(values) if matrix.shape[1] == 1 else values)


@predictor("GaussianProcessClassifier")
def gaussian_process_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    values = numbers(table, path).values
    if len(model.classes_) == 2:
        mean, variance = _latent(model.base_estimator_, values, path)
        return Outputs(
            labels=labels_above_zero(flat(mean)), probability=numerics.two_columns(_positive(mean, variance))
        )
    if model.multi_class != "one_vs_rest":
        raise NotPortable(path, "its classes are voted on in pairs, which has no graph here")
    parts = model.base_estimator_.estimators_
    positive = [op.unsqueeze(_positive(*_latent(part, values, path)), constant([1], np.int64)) for part in parts]
    joined = op.concat(positive, axis=1)
    total = numerics.row_sum(joined, keepdims=True)
    probability = op.div(joined, op.where(op.equal(total, constant(0.0)), constant(1.0), total))
    return Outputs(labels=numerics.row_argmax(joined), probability=probability)


def _latent(model: Any, values: Var, path: str) -> tuple[Var, Var]:
    """Mean and variance [N, 1] of the latent function of one Laplace approximation."""
    points = dense(model.X_train_)
    kernel = _kernel(model.kernel_, points, path)
    pull = dense(model.y_train_ - model.pi_).reshape(-1, 1)
    # L is the factor of I + W½ K W½, whose eigenvalues are at least one: its inverse is as exact as solving with it.
    spread = np.linalg.solve(dense(model.L_), np.diag(dense(model.W_sr_))).T

    def answer(row: Var) -> list[Var]:
        near = op.unsqueeze(kernel(row), constant([0], np.int64))
        solved = op.matmul(near, constant(spread))
        return [flat(op.matmul(near, constant(pull))), flat(numerics.row_sum(op.mul(solved, solved)))]

    means, reduction = by_row(values, answer)
    return means, op.sub(_own(model.kernel_, values, path), reduction)


def _positive(mean: Var, variance: Var) -> Var:
    """[N]: the probability of the second class, by scikit-learn's five error functions."""
    alpha = op.div(constant(1.0), op.mul(constant(2.0), variance))
    inner = op.mul(op.mul(mean, constant(SLOPES)), op.sqrt(op.div(alpha, op.add(alpha, constant(SLOPES**2)))))
    scale = op.div(
        op.sqrt(op.div(constant(np.pi), alpha)),
        op.mul(constant(2.0), op.sqrt(op.mul(variance, constant(2.0 * np.pi)))),
    )
    integrals = op.mul(scale, numerics.error_function(inner))
    shares = op.mul(integrals, constant(SHARES))
    # The shares nearly cancel; they are added in scikit-learn's order, so that little but their own rounding differs.
    total = column(shares, 0)
    for index in range(1, len(SHARES)):
        total = op.add(total, column(shares, index))
    return op.add(total, constant(0.5 * SHARES.sum()))
