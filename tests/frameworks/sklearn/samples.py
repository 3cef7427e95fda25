"""Small data sets and fitted models that several test files of meta-estimators share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification, make_regression

from holdall.frameworks.sklearn import (  # noqa: F401 — registers the converters of inner estimators
    dummies,
    linear,
    naive_bayes,
    scaling,
    trees,
)
from tests.frameworks.sklearn.agreement import frame_of

WORDS = np.array(["żółw", "Ärger", "chat", "Zebra", "ant", "bee", "cow"])


def fitted(model: Any, frame: Any, target: Any = None) -> Any:
    """The model fitted with its warnings off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(frame, target)


def classification(classes: int, rows: int = 240, features: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    """Text labels whose order is not that of their appearance."""
    X, y = make_classification(
        rows, features, n_informative=5, n_redundant=0, n_classes=classes, random_state=3, flip_y=0.1
    )
    return frame_of(X), WORDS[y]


def regression(targets: int = 1, rows: int = 200, features: int = 5) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_regression(rows, features, n_informative=4, n_targets=targets, noise=4.0, random_state=4)
    return frame_of(X), y


def unseen(frame: pd.DataFrame, rows: int = 500) -> pd.DataFrame:
    """Rows that the model was not fitted on, some of them far away."""
    generator = np.random.default_rng(8)
    values = (
        generator.normal(size=(rows, frame.shape[1])) * frame.std().to_numpy() * generator.choice([1, 30], (rows, 1))
    )
    return pd.concat([frame, pd.DataFrame(values, columns=frame.columns)], ignore_index=True)
