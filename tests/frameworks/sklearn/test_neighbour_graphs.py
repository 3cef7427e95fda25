"""Neighbour graphs and the embedding along their paths, as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import Isomap
from sklearn.neighbors import KNeighborsTransformer, RadiusNeighborsTransformer

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import neighbour_graphs  # noqa: F401 — registers its converters
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.agreement import close, frame_of, live
from tests.frameworks.sklearn.samples import classification, fitted, unseen

GRID = frame_of(np.random.default_rng(2).integers(0, 4, (120, 3)))


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_the_nearest_are_linked(mode, algorithm):
    frame, _ = classification(2)
    model = fitted(KNeighborsTransformer(mode=mode, algorithm=algorithm, n_neighbors=4), frame)
    asked = unseen(frame, 60)
    expected = model.transform(asked).toarray()
    close(harness.transform(model, asked), expected, 1e-12, 1e-13)
    assert ((expected != 0).sum(axis=1) >= 4).all()


def test_of_equally_near_rows_the_same_are_linked():
    model = fitted(KNeighborsTransformer(n_neighbors=5), GRID)
    close(harness.transform(model, GRID), model.transform(GRID).toarray(), 1e-12, 1e-13)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_all_within_the_radius_are_linked(mode):
    model = fitted(RadiusNeighborsTransformer(mode=mode, radius=2.0), GRID)
    close(harness.transform(model, GRID), model.transform(GRID).toarray(), 1e-12, 1e-13)


def test_an_embedding_along_paths():
    frame, _ = classification(2)
    model = fitted(Isomap(n_neighbors=6, n_components=3), frame)
    asked = unseen(frame, 100)
    close(harness.transform(model, asked), live(model, "transform", asked), 1e-9, 1e-9)


def test_brute_force_is_told_of():
    frame = frame_of(np.random.default_rng(3).normal(size=(50, 20)))
    model = fitted(RadiusNeighborsTransformer(algorithm="brute"), frame)
    with pytest.raises(NotPortable, match="rounding noise"):
        harness.transform(model, frame)
