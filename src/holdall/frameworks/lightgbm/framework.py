"""LightGBM as a framework: boosters and wrappers as exact graphs, else as LightGBM's text, which holds numbers only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from holdall.columns.batch import Batch
from holdall.engines import lightgbm as engine
from holdall.errors import UnsupportedModel
from holdall.frameworks.boosted import BOOSTER, BoostedTrees, is_booster, wrapped
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.sklearn.registry import Outputs
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table
from holdall.spec.schema import Field, Schema

CODES = re.compile(r"-?\d+(?::-?\d+)*")
"""What its text tells of a column of categories: their codes."""

RAW = "with an objective of its own LightGBM answers with raw scores and no classes, and so does the package"


class LightGBM(BoostedTrees):
    """The Framework of LightGBM's boosters and of its scikit-learn wrappers."""

    name = "LightGBM"
    package = "lightgbm"
    file = "model/model.txt"

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a model that is not fitted, or does not always ask all of its trees."""
        asked = _asked(model)
        described = replace(super().describe(asked), written=self.spelt)
        if not is_booster(model) and model.get_params().get("pred_early_stop"):
            raise UnsupportedModel(
                "with pred_early_stop LightGBM leaves out trees where an answer looks certain, which no file of it says",
                hint="model.set_params(pred_early_stop=False), and pack it then",
            )
        return described if asked is model else replace(described, notes=(*described.notes, RAW))

    def given(self, model: Any, batch: Batch, schema: Schema) -> Any:
        """The table that the live model is asked with."""
        return engine.as_given(super().given(_asked(model), batch, schema), schema)

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """As every booster's, for a classifier with an objective of its own too."""
        return super().outputs(_asked(model), inputs, example)

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:
        """The model's own answers."""
        return super().live(_asked(model), schema, brief=brief)

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph. Raises NotPortable."""
        return super().portable(_asked(model), schema)

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:
        """LightGBM's text."""
        return super().native(_asked(model), schema, allow_pickle=allow_pickle)

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

    def spelt(self, name: str) -> str:
        """With `_` for a blank."""
        return name.replace(" ", "_")

    def categorical(self, booster: Any) -> frozenset[str]:
        """The names of the columns that were pandas' categories where it was fitted; none where its text leaves that open."""
        split = [
            name for name, told in zip(booster.feature_name(), _infos(booster), strict=False) if CODES.fullmatch(told)
        ]
        return frozenset(split) if len(split) == len(booster.pandas_categorical or ()) else frozenset()

    def saved(self, model: Any) -> bytes:
        """Text, up to the iteration that it predicts with."""
        if is_booster(model):
            return str(model.model_to_string()).encode()
        return str(wrapped(model).model_to_string()).encode()


def _asked(model: Any) -> Any:
    """The model; of a classifier with an objective of its own its booster, since that is what its `predict` answers with."""
    if not is_booster(model) and hasattr(model, "classes_") and callable(model.objective_):
        return model.booster_
    return model


def _infos(booster: Any) -> list[str]:
    """What the text tells of each column: its range, the codes of its categories, or nothing."""
    return _told(booster, "feature_infos").split(" ")


def _objective(booster: Any) -> str:
    return _told(booster, "objective")


def _told(booster: Any, name: str) -> str:
    """A line of the head of the booster's text; empty where it has none."""
    head = str(booster.model_to_string(num_iteration=1)).partition("\nTree=")[0]
    return next((line.removeprefix(f"{name}=") for line in head.splitlines() if line.startswith(f"{name}=")), "")


FRAMEWORK = LightGBM()
