"""Gaussian processes against scikit-learn itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process import kernels as k

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import gaussian_process
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree, agree_on_edges, frame_of

assert gaussian_process

KERNELS = [
    k.RBF(1.5),
    k.RBF([0.5, 1.0, 2.0]),
    2.0 * k.Matern(nu=0.5),
    k.Matern(1.3, nu=1.5),
    k.Matern([1.0, 0.7, 2.0], nu=2.5),
    k.Matern(nu=np.inf),
    k.RationalQuadratic(alpha=0.7),
    k.DotProduct(1.2) + k.WhiteKernel(0.3),
    k.ConstantKernel(0.5) * k.RBF() + k.WhiteKernel(0.1),
    k.DotProduct() ** 2 + k.ConstantKernel(0.2),
    k.ExpSineSquared(1.1, 4.0) + k.WhiteKernel(30.0),
]


def fitted(model: Any, frame: pd.DataFrame, target: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(frame, target)


def rows(count: int, features: int = 3, seed: int = 0) -> pd.DataFrame:
    return frame_of(np.random.default_rng(seed).normal(size=(count, features)))


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("targets", [1, 2])
def test_a_regression_is_the_mean_of_its_posterior(kernel: Any, targets: int) -> None:
    frame = rows(50)
    values = np.sin(frame.to_numpy() @ np.ones((3, targets)) * np.arange(1, targets + 1)) * 3 + 10
    model = GaussianProcessRegressor(kernel, alpha=0.01, optimizer=None, normalize_y=targets == 2)
    model = fitted(model, frame, values.ravel() if targets == 1 else values)
    agree_on_edges(model, rows(60, seed=1))


def test_a_regression_whose_kernel_was_fitted() -> None:
    frame = rows(40)
    model = GaussianProcessRegressor(1.0 * k.RBF() + k.WhiteKernel(), random_state=0, normalize_y=True)
    agree(fitted(model, frame, np.cos(frame["x0"])), rows(60, seed=1))


def test_the_default_kernel_far_from_the_data_falls_back_to_the_mean() -> None:
    frame = rows(40, features=1)
    model = fitted(GaussianProcessRegressor(normalize_y=True, alpha=1e-3), frame, np.cos(frame["x0"]))
    agree(model, frame_of([[1e300], [-1e150], [1e-300], [0.1]]))


@pytest.mark.parametrize("kernel", [KERNELS[i] for i in (1, 2, 4, 6, 8, 10)], ids=str)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_classification_integrates_over_its_latent_function(kernel: Any, classes: int) -> None:
    frame = rows(60)
    target = np.array(["é", "ø", "ß"])[np.digitize(frame["x0"], [-0.3, 0.6][: classes - 1])]
    model = fitted(GaussianProcessClassifier(kernel, optimizer=None), frame, target)
    # Five error functions with shares up to 3,500 add up to a probability: 1e-12 is what their rounding leaves.
    agree_on_edges(model, rows(60, seed=1), absolute=5e-12)


def test_a_classification_by_dot_products() -> None:
    frame = rows(60)
    model = GaussianProcessClassifier(k.DotProduct() + k.WhiteKernel(0.1), optimizer=None)
    agree(fitted(model, frame, frame["x0"] > 0), rows(60, seed=1), absolute=5e-12)


@pytest.mark.parametrize(
    ("kernel", "cause"),
    [(k.Matern(nu=0.8), "Bessel"), (k.PairwiseKernel(metric="laplacian"), "PairwiseKernel")],
    ids=str,
)
def test_a_kernel_without_a_graph_is_refused_by_name(kernel: Any, cause: str) -> None:
    frame = rows(20)
    model = fitted(GaussianProcessRegressor(kernel, optimizer=None), frame, frame["x0"])
    with pytest.raises(NotPortable, match=cause):
        harness.convert_predictor(model, frame)


def test_a_kernel_of_the_users_own_is_refused() -> None:
    class Own(k.RBF):
        pass

    frame = rows(20)
    model = fitted(GaussianProcessRegressor(Own(), optimizer=None), frame, frame["x0"])
    with pytest.raises(NotPortable, match="Own"):
        harness.convert_predictor(model, frame)


def test_votes_in_pairs_are_refused() -> None:
    frame = rows(30)
    model = GaussianProcessClassifier(optimizer=None, multi_class="one_vs_one")
    with pytest.raises(NotPortable, match="pairs"):
        harness.convert_predictor(fitted(model, frame, np.arange(30) % 3), frame)
