"""skrub against its packages, which hold it in its own form."""

from __future__ import annotations

from typing import Any

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
