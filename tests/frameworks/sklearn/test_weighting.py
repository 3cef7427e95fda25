"""Weighted counts against scikit-learn itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from holdall.frameworks.sklearn import registry, weighting  # noqa: F401 — registers the converter
from holdall.graph import value
from holdall.graph.conversion import Conversion
from tests.frameworks.sklearn import harness
from tests.frameworks.sklearn.samples import fitted


@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("frequencies", [False, True])
def test_counts_are_weighted_as_scikit_learn_weighs_them(norm: Any, sublinear: bool, frequencies: bool) -> None:
    counts = np.random.default_rng(0).poisson(0.7, size=(80, 6))
    counts[3] = 0  # a row without a term
    counts[:, 2] = 0  # a term that no row has
    frame = pd.DataFrame(counts, columns=list("abcdef"))
    model = fitted(TfidfTransformer(norm=norm, sublinear_tf=sublinear, use_idf=frequencies), frame)
    expected = model.transform(frame).toarray()
    np.testing.assert_allclose(harness.transform(model, frame), expected, rtol=1e-12)
    np.testing.assert_allclose(harness.transform(model, frame.head(1)), expected[:1], rtol=1e-12)
    assert harness.transform(model, frame.head(0), convert_on=frame).shape == (0, 6)
    conversion = Conversion(harness.schema_of(frame))
    table = registry.transform(model, conversion.table, conversion, "model")
    assert value.names(table) == tuple(model.get_feature_names_out())
