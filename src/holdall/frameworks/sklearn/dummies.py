"""Baselines that look at no column: always the same class, always the same number."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import repeated
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table


@predictor("DummyClassifier")
def dummy_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The most frequent class, or the constant one, with its probabilities."""
    if model.strategy in ("stratified", "uniform"):
        raise NotPortable(path, f"a dummy with strategy={model.strategy!r} draws its answers at random")
    if model.n_outputs_ == 1:
        return _one(table, model.strategy, model.classes_, model.class_prior_, model.constant)
    constants = np.ravel(model.constant).tolist() if model.strategy == "constant" else [None] * model.n_outputs_
    return Outputs(
        targets=tuple(
            _one(table, model.strategy, classes, prior, constant)
            for classes, prior, constant in zip(model.classes_, model.class_prior_, constants, strict=True)
        )
    )


def _one(table: Table, strategy: str, classes: Any, prior: Any, constant: Any) -> Outputs:
    """One target. The class and its probabilities are known before any row is seen."""
    if strategy == "constant":
        place = int(np.flatnonzero(np.asarray(classes) == np.ravel(constant)[0])[0])
    else:
        place = int(np.argmax(prior))
    share = np.asarray(prior, np.float64) if strategy == "prior" else np.eye(len(classes))[place]
    return Outputs(labels=repeated(table, np.int64(place)), probability=repeated(table, share))


@predictor("DummyRegressor")
def dummy_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """One number for each target."""
    values = np.asarray(model.constant_, np.float64).ravel()
    return Outputs(values=repeated(table, values[0] if model.n_outputs_ == 1 else values))
