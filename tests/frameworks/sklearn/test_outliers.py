"""Outliers by a robust covariance against scikit-learn itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import EllipticEnvelope

from holdall.frameworks.sklearn import outliers  # noqa: F401 — registers the converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import agree_on_edges, frame_of
from tests.frameworks.sklearn.samples import fitted, unseen


@pytest.mark.parametrize("contamination", [0.1, 0.3])
@pytest.mark.parametrize("centred", [True, False])
def test_an_envelope_tells_outliers_as_scikit_learn(contamination: float, centred: bool) -> None:
    generator = np.random.default_rng(0)
    frame = frame_of(generator.normal(size=(202, 3)) @ generator.normal(size=(3, 3)) + 5)
    model = EllipticEnvelope(contamination=contamination, assume_centered=centred, random_state=0)
    agree_on_edges(fitted(model, frame), unseen(frame))
    assert set(harness.predict(model, frame)["labels"]) == {-1, 1}
