"""Feature maps and regressions by a kernel: exact ones over fitted points, and random approximations of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.frameworks.sklearn.kernels import kernel
from holdall.frameworks.sklearn.matrices import dense, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.frameworks.sklearn.rows import features, joined, projected, raw_columns
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.numerics import row_sum
from holdall.graph.value import Table, constant


def _similarity(model: Any, values: Var, points: Any, parameters: dict[str, Any], path: str) -> Var:
    return kernel(values, dense(points), model.kernel, parameters, path)


@transformer("KernelPCA")
def kernel_components(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The centred kernel to the fitted rows on the scaled eigenvectors."""
    parameters = {"gamma": model.gamma_, "degree": model.degree, "coef0": model.coef0}
    similar = _similarity(model, numbers(table, path).values, model.X_fit_, parameters, path)
    return features(model, centred_components(model, similar), len(model.eigenvalues_))


def centred_components(model: Any, similar: Var) -> Var:
    """[N, components] of a kernel PCA from the kernel between every row and the fitted ones."""
    fitted = dense(model._centerer.K_fit_rows_)
    means = op.div(row_sum(similar, keepdims=True), constant(float(len(fitted))))
    centred = op.sub(op.sub(similar, constant(fitted)), means)
    centred = op.add(centred, constant(float(model._centerer.K_fit_all_)))
    kept = np.flatnonzero(model.eigenvalues_)
    vectors = np.zeros_like(model.eigenvectors_)
    vectors[:, kept] = model.eigenvectors_[:, kept] / np.sqrt(model.eigenvalues_[kept])
    return projected(centred, dense(vectors))


@predictor("KernelRidge")
def kernel_ridge(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The kernel to the fitted rows times the dual coefficients."""
    parameters = {"gamma": model.gamma, "degree": model.degree, "coef0": model.coef0}
    similar = _similarity(model, numbers(table, path).values, model.X_fit_, parameters, path)
    return Outputs(values=projected(similar, dense(model.dual_coef_)))


@transformer("Nystroem")
def nystroem(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The kernel to the chosen rows, normalised."""
    similar = _similarity(model, numbers(table, path).values, model.components_, model._get_kernel_params(), path)
    normalization = dense(model.normalization_)
    return features(model, projected(similar, normalization.T), len(normalization))


@transformer("RBFSampler")
def rbf_sampler(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Cosines of random projections."""
    return _cosines(model, numbers(table, path).values, (2.0 / model.n_components) ** 0.5)


@transformer("SkewedChi2Sampler")
def skewed_chi_squared(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Cosines of random projections of the logarithm; what is not above minus the skewedness is refused."""
    block = numbers(table, path)
    skewedness = float(model.skewedness)
    low = op.less_or_equal(block.values, constant(-skewedness))
    conversion.refuse(low, path, f"a number that is not above {-skewedness:g}", raw_columns((block,)))
    logarithms = op.log(op.add(block.values, constant(skewedness)))
    return _cosines(model, logarithms, np.sqrt(2.0) / np.sqrt(model.n_components))


def _cosines(model: Any, values: Var, scale: float) -> Table:
    angles = op.add(projected(values, dense(model.random_weights_)), constant(dense(model.random_offset_)))
    return features(model, op.mul(op.cos(angles), constant(float(scale))), len(model.random_offset_))


STEP = {1: 0.8, 2: 0.5, 3: 0.4}
"""The sampling interval that scikit-learn takes for so many steps where the user gave none."""


@transformer("AdditiveChi2Sampler")
def additive_chi_squared(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Roots, cosines and sines of each number; negative ones are refused."""
    block = numbers(table, path)
    values, zero = block.values, constant(0.0)
    conversion.refuse(op.less(values, zero), path, "a negative number", raw_columns((block,)))
    interval = float(STEP[model.sample_steps] if model.sample_interval is None else model.sample_interval)
    none = op.equal(values, zero)
    safe = op.where(none, constant(1.0), values)
    parts = [op.sqrt(op.mul(safe, constant(interval)))]
    logarithms = op.mul(constant(interval), op.log(safe))
    step = op.mul(op.mul(constant(2.0), safe), constant(interval))
    for number in range(1, model.sample_steps):
        factor = op.sqrt(op.div(step, constant(np.cosh(np.pi * number * interval))))
        angle = op.mul(constant(float(number)), logarithms)
        parts += [op.mul(factor, op.cos(angle)), op.mul(factor, op.sin(angle))]
    held = joined([op.where(none, zero, part) for part in parts])
    named = [str(name) for name in model.get_feature_names_out(_given_names(model, block.names))]
    return value.matrix(held, named)


def _given_names(model: Any, names: tuple[str, ...]) -> Any:
    fitted = getattr(model, "feature_names_in_", None)
    return np.asarray(names, object) if fitted is None else fitted


@transformer("PolynomialCountSketch")
def polynomial_count_sketch(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Count sketches multiplied in the frequency domain; the Fourier transforms are products with fixed matrices."""
    values = op.mul(numbers(table, path).values, constant(float(np.sqrt(model.gamma))))
    count = int(model.n_components)
    angles = 2 * np.pi * (np.outer(np.arange(count), np.arange(count)) % count) / count
    wave = np.exp(-1j * angles)
    real: Var | None = None
    imaginary: Var | None = None
    for places, bits in zip(model.indexHash_, model.bitHash_, strict=True):
        sketch = np.zeros((len(places), count))
        sketch[np.arange(len(places)), places] = bits
        waves = sketch @ wave
        left, right = _affine(values, waves.real, model), _affine(values, waves.imag, model)
        if real is None or imaginary is None:
            real, imaginary = left, right
        else:
            real, imaginary = (
                op.sub(op.mul(real, left), op.mul(imaginary, right)),
                op.add(op.mul(real, right), op.mul(imaginary, left)),
            )
    if real is None or imaginary is None:
        raise AssertionError("a sketch of degree 0")  # scikit-learn's own constraint: degree >= 1
    back = op.sub(projected(real, wave.real / count), projected(imaginary, -wave.imag / count))
    return features(model, back, count)


def _affine(values: Var, weights: Any, model: Any) -> Var:
    """values @ weights, the last row of weights being for the constant column that coef0 adds."""
    if model.coef0 == 0:
        return projected(values, weights)
    return op.add(projected(values, weights[:-1]), constant(np.sqrt(model.coef0) * weights[-1]))
