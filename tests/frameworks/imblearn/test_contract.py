"""imbalanced-learn itself against its packages: what resamples while it is fitted leaves new rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.frameworks.pipeline_rows import X, agrees, fitted, flats, without

UNSEEN = flats(300, 9, new=True)
NUMBERS = ["rooms", "area"]
SAMPLERS = [
    *(SMOTE(random_state=0), RandomOverSampler(random_state=0), RandomUnderSampler(random_state=0)),
    *(TomekLinks(), SMOTEENN(random_state=0)),
]
ENSEMBLES = [
    *(BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier, RUSBoostClassifier),
]


def sampled(sampler: Any) -> Any:
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "size"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
    )
    return make_pipeline(columns, sampler, LogisticRegression(max_iter=200))


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_rows_pass_by_a_sampler(sampler: Any) -> None:
    agrees(fitted(sampled(sampler)), X, UNSEEN)


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_an_ensemble_answers_as_it_does_live(kind: type) -> None:
    model = make_pipeline(SimpleImputer(), kind(n_estimators=5, random_state=0))
    agrees(fitted(model, X[NUMBERS]), X[NUMBERS], UNSEEN[NUMBERS])


def test_a_process_without_the_library_answers_the_same(tmp_path: Path) -> None:
    model, row = fitted(sampled(SMOTE(random_state=0))), UNSEEN.head(1)
    given = without(["imblearn", "sklearn", "pandas", "skops"], model, X, row, tmp_path)
    np.testing.assert_allclose(given, model.predict_proba(row)[0, 1], rtol=1e-9)
