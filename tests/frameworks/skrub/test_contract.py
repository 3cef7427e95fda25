"""skrub against its packages, most of which hold it in its own form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skrub
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.frameworks.pipeline_rows import X, agrees, fitted, flats


@pytest.mark.parametrize("encoder", [None, skrub.GapEncoder(n_components=3, random_state=0)])
def test_a_table_made_into_numbers_is_sealed_without_a_pickle(encoder: Any) -> None:
    table = skrub.TableVectorizer()
    if encoder is not None:
        table = skrub.TableVectorizer(high_cardinality=encoder, cardinality_threshold=4)
    model = fitted(make_pipeline(table, SimpleImputer(), LogisticRegression(max_iter=200)))
    package = agrees(model, X, flats(100, 9, new=True), portable=False)
    assert package.manifest.steps[0].engine == "skops"
    assert any(line.startswith("skrub==") for line in package.manifest.environment.requires)


def test_a_scaler_that_squashes_is_a_graph() -> None:
    sample = X.assign(flat=2.0, mostly=(X["rooms"] == 1) * 5.0, far=np.where(X["rooms"] == 6, np.inf, X["area"]))
    sample = sample.drop(columns=["city", "size"])
    unseen = sample.assign(flat=X["area"], far=-X["area"])
    model = make_pipeline(skrub.SquashingScaler(), SimpleImputer(), LogisticRegression())
    agrees(fitted(model, sample), sample, unseen)
