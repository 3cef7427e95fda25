"""Gaussian mixtures against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from holdall.frameworks.sklearn import mixtures  # noqa: F401 — registers the converters
from tests.frameworks.sklearn.agreement import agree_on_edges, frame_of
from tests.frameworks.sklearn.samples import fitted, unseen


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    "model",
    [
        GaussianMixture(3, random_state=0),
        GaussianMixture(1),
        BayesianGaussianMixture(n_components=4, random_state=0, max_iter=30),
        BayesianGaussianMixture(
            n_components=4,
            random_state=0,
            max_iter=30,
            weight_concentration_prior_type="dirichlet_distribution",
        ),
    ],
)
def test_a_mixture_of_every_covariance(covariance: str, model: Any) -> None:
    frame = frame_of(make_blobs(150, 4, centers=3, cluster_std=2.0, random_state=1)[0])
    agree_on_edges(fitted(model.set_params(covariance_type=covariance), frame), unseen(frame, 150))


def test_a_row_far_from_every_component_keeps_its_shares() -> None:
    frame = frame_of(make_blobs(150, 2, centers=3, random_state=1)[0])
    model = fitted(GaussianMixture(3, random_state=0), frame)
    agree_on_edges(model, frame_of(np.array([[1e3, -1e3], [1e6, 1e6], [0.0, 0.0]])))
