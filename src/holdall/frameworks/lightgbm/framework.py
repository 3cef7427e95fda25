"""LightGBM as a framework: boosters and wrappers as exact graphs, else as LightGBM's text, which holds numbers only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdall.columns.batch import Batch
from holdall.engines import lightgbm as engine
from holdall.errors import NotPortable
from holdall.frameworks.boosted import BOOSTER, BoostedTrees, is_booster, wrapped
from holdall.frameworks.framework import Description
from holdall.frameworks.sklearn.registry import Outputs
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table
from holdall.spec.schema import Schema


class LightGBM(BoostedTrees):
    """The Framework of LightGBM's boosters and of its scikit-learn wrappers."""

    name = "LightGBM"
    package = "lightgbm"
    file = "model/model.txt"

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a model that is not fitted."""
        return replace(super().describe(model), written=_written)

    def given(self, model: Any, batch: Batch, schema: Schema) -> Any:
        """The table that the live model is asked with."""
        return engine.as_given(super().given(model, batch, schema), schema)

    def names(self, booster: Any) -> tuple[str, ...] | None:
        """The columns' names; None where it was fitted on an array."""
        return None if booster.pandas_categorical is None else tuple(booster.feature_name())

    def width(self, booster: Any) -> int:
        """How many columns it takes."""
        return int(booster.num_feature())

    def labels(self, booster: Any) -> int:
        """The classes of `multiclass` and `multiclassova`."""
        count = int(booster.num_model_per_iteration())
        return count if count > 1 and _objective(booster).startswith("multiclass") else 0

    def labels_itself(self, booster: Any) -> bool:  # noqa: ARG002 — the seam
        """No objective of LightGBM answers with a class's number."""
        return False

    def ask(self, booster: Any, table: Any) -> Any:
        """`booster.predict(table)`."""
        return booster.predict(table)

    def graph(self, booster: Any, table: Table, conversion: Conversion) -> Outputs:
        """The graph of `Booster.predict`. Raises NotPortable."""
        from holdall.frameworks.lightgbm import converters

        return converters.booster(booster, table, conversion, BOOSTER)

    def completed(self, booster: Any, table: Any) -> Any:  # noqa: ARG002 — the seam
        """The table itself: the booster brings the categories along."""
        return table

    def saved(self, model: Any) -> bytes:
        """Text, up to the iteration that it predicts with. Raises NotPortable."""
        if is_booster(model):
            return str(model.model_to_string()).encode()
        if callable(model.objective_) and hasattr(model, "classes_"):
            path = f"model ({type(model).__name__})"
            raise NotPortable(
                path, "with an objective of its own it answers with raw scores, which are no probabilities"
            )
        return str(wrapped(model).model_to_string()).encode()


def _written(name: str) -> str:
    return name.replace(" ", "_")


def _objective(booster: Any) -> str:
    head = str(booster.model_to_string(num_iteration=1)).partition("\nTree=")[0]
    return next((line.removeprefix("objective=") for line in head.splitlines() if line.startswith("objective=")), "")


FRAMEWORK = LightGBM()
