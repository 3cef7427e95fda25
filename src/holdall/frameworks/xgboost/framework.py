"""XGBoost as a framework: boosters and wrappers as exact graphs, else as ubj, which holds numbers only."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from holdall.engines import xgboost as engine
from holdall.errors import NotPortable, UnsupportedModel
from holdall.frameworks.boosted import BOOSTER, BoostedTrees, is_booster, wrapped
from holdall.frameworks.framework import Artefact, Description
from holdall.frameworks.sklearn.registry import Outputs
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table
from holdall.spec.schema import Schema
from holdall.spec.steps import Compute


class XGBoost(BoostedTrees):
    """The Framework of XGBoost's boosters and of its scikit-learn wrappers."""

    name = "XGBoost"
    package = "xgboost"
    file = "model/model.ubj"
    compute = Compute.FLOAT32

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a model that is not fitted, or whose categories XGBoost itself mistakes."""
        described = super().describe(model)
        booster = model if is_booster(model) else wrapped(model)
        if engine.mistaken(booster):
            raise UnsupportedModel(
                "XGBoost 3.2 cuts off categories that are not ASCII, and takes one for another unless a table brings all "
                "of them along in their order",
                hint="rename the categories, or encode them before the model, in a pipeline",
            )
        if not is_booster(model) and _answers_with_columns(model):
            raise UnsupportedModel(
                f"XGBoost answers two classes under {model.objective} with a column each in place of a label",
                hint="fit with objective='binary:logistic', or pack model.get_booster(), which answers with probabilities",
            )
        return described

    def names(self, booster: Any) -> tuple[str, ...] | None:
        """The columns' names; None where it was fitted on an array."""
        found = booster.feature_names
        return None if found is None else tuple(str(name) for name in found)

    def width(self, booster: Any) -> int:
        """How many columns it takes."""
        return int(booster.num_features())

    def labels(self, booster: Any) -> int:
        """The classes of `multi:softprob`."""
        learner = _configuration(booster)
        softprob = learner["objective"]["name"] == "multi:softprob"
        return int(learner["learner_model_param"]["num_class"]) if softprob else 0

    def labels_itself(self, booster: Any) -> bool:
        """Whether it is `multi:softmax`, or `binary:hinge`."""
        return _configuration(booster)["objective"]["name"] in ("multi:softmax", "binary:hinge")

    def ask(self, booster: Any, table: Any) -> Any:
        """`booster.predict(DMatrix(table))`."""
        return engine.ask(booster, table, through_matrix=True)

    def graph(self, booster: Any, table: Table, conversion: Conversion) -> Outputs:
        """The graph of `Booster.predict`. Raises NotPortable."""
        from holdall.frameworks.xgboost import converters

        return converters.booster(booster, table, conversion, BOOSTER)

    def completed(self, booster: Any, table: Any) -> Any:
        """The table with categories in columns that hold none but missing ones."""
        return engine.completed(booster, table)

    def categorical(self, booster: Any) -> frozenset[str]:
        """The names of the columns that were pandas' categories where it was fitted."""
        names = booster.feature_names
        return frozenset(names[place] for place in engine.fitted_categories(booster)) if names else frozenset()

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph, held to a few bits of a float32. Raises NotPortable."""
        from holdall.frameworks.xgboost.converters import BITS

        return replace(super().portable(model, schema), tolerance=BITS)

    def saved(self, model: Any) -> bytes:
        """ubj; a wrapper's booster only up to the round that it predicts with. Raises NotPortable."""
        if is_booster(model):
            return bytes(model.save_raw("ubj"))
        from holdall.frameworks.xgboost.converters import rounds

        missing = model.missing
        if missing is not None and not math.isnan(missing):
            path = f"model ({type(model).__name__})"
            raise NotPortable(path, f"it takes {missing} for a missing value, which XGBoost's own file does not hold")
        booster, last = model.get_booster(), rounds(model)
        return bytes((booster if last is None else booster[:last]).save_raw("ubj"))


def _answers_with_columns(model: Any) -> bool:
    """Whether the `predict` of a classifier of two classes gives two columns."""
    return getattr(model, "n_classes_", 0) == 2 and model.objective == "multi:softprob"


def _configuration(booster: Any) -> Any:
    return json.loads(booster.save_config())["learner"]


FRAMEWORK = XGBoost()
