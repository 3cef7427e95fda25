"""Kernels and their random approximations against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import KernelPCA
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.kernel_ridge import KernelRidge

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import kernel_features  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import close
from tests.frameworks.sklearn.samples import fitted, regression, unseen
from tests.frameworks.sklearn.test_decomposition import transforms_alike

KERNELS = ["linear", "poly", "polynomial", "rbf", "laplacian", "sigmoid", "cosine", "chi2", "additive_chi2"]


def positive(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers from 0 on, some of them 0, small enough for every kernel."""
    return (frame.abs() / frame.abs().max() * 3).where(frame > -1.5, 0.0)


def writeable(frame: pd.DataFrame) -> np.ndarray:
    """The numbers in an array of their own: scikit-learn's chi-squared kernels take no read-only one."""
    return np.array(frame)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("parameters", [{}, {"gamma": 0.4, "degree": 2, "coef0": 0.3}])
@pytest.mark.parametrize("targets", [1, 2])
def test_a_ridge_over_every_kernel(kernel: str, parameters: dict[str, float], targets: int) -> None:
    if kernel == "chi2":
        parameters = {"gamma": 0.4, **parameters}  # scikit-learn's own kernel fails on gamma=None
    frame, target = regression(targets, rows=60)
    frame = positive(frame)
    model = fitted(KernelRidge(kernel=kernel, alpha=0.5, **parameters), writeable(frame), target)
    rows = positive(unseen(frame, 100))
    graph = harness.convert_predictor(model, rows)
    expected = model.predict(writeable(rows))
    close(harness.run(graph, rows)["values"], expected, 1e-10, 1e-10)
    close(harness.run(graph, rows.head(1))["values"], expected[:1], 1e-10, 1e-10)
    assert harness.run(graph, rows.head(0))["values"].shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine"])
def test_components_of_a_kernel(kernel: str) -> None:
    frame = regression(rows=60)[0] / 3
    transforms_alike(fitted(KernelPCA(3, kernel=kernel, gamma=0.2), frame), frame, relative=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_nystroem_approximation_of_every_kernel(kernel: str) -> None:
    frame = positive(regression(rows=60)[0])
    model = fitted(Nystroem(kernel=kernel, n_components=8, random_state=0), writeable(frame))
    close(harness.transform(model, frame), model.transform(writeable(frame)), 1e-8, 1e-8)


@pytest.mark.parametrize(
    "model",
    [
        RBFSampler(n_components=20, random_state=0),
        RBFSampler(n_components=5, gamma="scale", random_state=0),
        PolynomialCountSketch(n_components=16, random_state=0),
        PolynomialCountSketch(n_components=7, degree=3, gamma=0.3, coef0=1.5, random_state=0),
        PolynomialCountSketch(n_components=5, degree=1, random_state=0),
    ],
)
def test_a_random_feature_map(model: Any) -> None:
    frame, _ = regression(rows=80)
    transforms_alike(fitted(model, frame), unseen(frame, 100))


@pytest.mark.parametrize(
    "model",
    [
        SkewedChi2Sampler(n_components=9, skewedness=0.5, random_state=0),
        AdditiveChi2Sampler(),
        AdditiveChi2Sampler(sample_steps=1),
        AdditiveChi2Sampler(sample_steps=4, sample_interval=0.3),
    ],
)
def test_a_map_of_positive_numbers(model: Any) -> None:
    frame = positive(regression(rows=80)[0])
    transforms_alike(fitted(model, frame), frame)


@pytest.mark.parametrize(
    ("model", "bad"), [(AdditiveChi2Sampler(), -0.1), (SkewedChi2Sampler(skewedness=0.5, random_state=0), -0.5)]
)
def test_numbers_that_the_map_refuses_are_refused_by_column(model: Any, bad: float) -> None:
    frame = positive(regression(rows=30)[0])
    graph = harness.convert_transformer(fitted(model, frame), frame)
    frame.loc[3, "x1"] = bad
    with pytest.raises(ValueError, match=r"[Nn]egative|smaller"):
        model.transform(frame)
    refused = harness.run(graph, frame)["refused"]
    assert np.argwhere(refused).tolist() == [[3, 1]]
    assert graph.guards[1].column == "x1"


@pytest.mark.parametrize("kernel", ["precomputed", lambda x, y: float(x @ y)])
def test_a_kernel_of_the_users_own_is_refused(kernel: Any) -> None:
    frame, target = regression(rows=5)
    model = fitted(KernelRidge(kernel=kernel), frame, target)
    with pytest.raises(NotPortable, match="kernel"):
        harness.convert_predictor(model, frame)
