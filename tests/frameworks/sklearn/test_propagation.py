"""Labels that spread, as scikit-learn spreads them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from holdall.frameworks.sklearn import propagation  # noqa: F401 — registers its converters
from tests.frameworks.sklearn.agreement import agree, agree_on_edges
from tests.frameworks.sklearn.samples import classification, fitted, unseen


@pytest.mark.parametrize("kind", [LabelPropagation, LabelSpreading])
@pytest.mark.parametrize("parameters", [{"kernel": "rbf", "gamma": 0.3}, {"kernel": "knn", "n_neighbors": 5}])
def test_the_kernel_or_the_neighbours_decide(kind, parameters):
    frame, _ = classification(3)
    labels = np.random.default_rng(4).integers(-1, 3, len(frame))
    model = fitted(kind(**parameters, max_iter=50), frame, labels)
    agree_on_edges(model, frame, relative=1e-9)


def test_far_from_everything_nothing_is_known():
    frame, _ = classification(2)
    model = fitted(LabelPropagation(), frame, np.arange(len(frame)) % 2)
    answers = agree(model, unseen(frame) * 1e4)
    assert np.isnan(answers["probability"]).any()
