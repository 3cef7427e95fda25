"""The table of flats that the transformers of pipelines are measured on: text with gaps, numbers with gaps, whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.coverage.trial import Case, Trial


def flats(rows: int, *, gaps: bool = True) -> tuple[Any, Any, Any]:
    """The fitted table, its truth, and so many unseen rows, one in forty of them with a city that is new."""
    from benchmarks.coverage import tables

    (table,) = tables.mixed()
    generator = np.random.default_rng(81)
    unseen = table.unseen(generator, rows)
    fitted = table.X
    if gaps:
        unseen["city"] = unseen["city"].mask(generator.random(rows) < 0.025, "Ålesund")
    else:
        fitted, unseen = (
            each.assign(size=each["size"].fillna("M")).fillna({"area": 50.0}) for each in (fitted, unseen)
        )
    return fitted, table.y, unseen


def case(framework: str, name: str, steps: Callable[[], list[Any]], expected: str, **how: Any) -> Case:
    """A pipeline of these steps and a logistic regression."""
    columns = how.pop("columns", None)

    def make(rows: int) -> Trial:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        X, y, unseen = flats(rows, gaps=how.get("gaps", True))
        if columns is not None:
            X, unseen = X[columns], unseen[columns]
        joined = how.get("pipeline", make_pipeline)
        model = joined(*steps(), LogisticRegression(max_iter=200)).fit(X, y)
        return Trial(model, X, unseen)

    return Case(framework, f"{name} in a pipeline", "classification", make, expected)
