"""Kernel densities, as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import (
    density,  # noqa: F401 — registers its converter
    registry,
)
from holdall.frameworks.sklearn.framework import FRAMEWORK
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import close, frame_of, live
from tests.frameworks.sklearn.samples import classification

FRAME, _ = classification(2, rows=100, features=5)


def _score(model, frame):
    conversion = Conversion(harness.schema_of(frame))
    score = registry.predict(model, conversion.table, conversion, "model").score
    return harness.run(conversion.finish({"score": (score, ("score",))}), frame)["score"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kernel", ["gaussian", "tophat", "epanechnikov", "exponential", "linear"])
def test_every_kernel(kernel, weighted):
    weight = np.linspace(0.5, 2, len(FRAME)) if weighted else None
    model = KernelDensity(kernel=kernel, bandwidth=2.5).fit(FRAME, sample_weight=weight)
    near = FRAME + np.random.default_rng(5).normal(size=FRAME.shape) * 0.3
    close(_score(model, near), live(model, "score_samples", near), 1e-9, 1e-9)


@pytest.mark.parametrize("kernel", ["exponential", "tophat", "linear"])
def test_one_column(kernel):
    frame = frame_of(np.linspace(0, 3, 40).reshape(-1, 1))
    model = KernelDensity(kernel=kernel, bandwidth=0.7).fit(frame)
    close(_score(model, frame), live(model, "score_samples", frame), 1e-9, 1e-9)


def test_a_tolerance_is_told_of():
    with pytest.raises(NotPortable, match="atol"):
        _score(KernelDensity(rtol=1e-3).fit(FRAME), FRAME)


def test_a_density_is_an_answer():
    assert FRAMEWORK.describe(KernelDensity().fit(FRAME)).task == "transform"
