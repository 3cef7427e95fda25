"""CatBoost as a framework: bare models and wrappers as exact graphs, else as cbm, which holds numbers and labels only."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from holdall.columns.batch import Batch
from holdall.engines.catboost import CLASS, PROBABILITY, saved
from holdall.engines.frames import frame
from holdall.frameworks.framework import Artefact, Description
from holdall.frameworks.sklearn.answers import settled
from holdall.frameworks.sklearn.framework import ScikitLearn
from holdall.spec.schema import Schema
from holdall.spec.steps import StepOutput

FILE = "model/model.cbm"


class CatBoost(ScikitLearn):
    """The Framework of CatBoost's bare models and of its scikit-learn wrappers."""

    name = "CatBoost"

    def recognises(self, model: Any) -> bool:
        """Whether any class in the model's method resolution order is CatBoost's, and it is a model and no pool."""
        return any(base.__module__ == "catboost.core" and base.__name__ == "CatBoost" for base in type(model).__mro__)

    def is_fitted(self, model: Any) -> bool:
        """Whether the model can answer; one that others were summed to was never fitted itself."""
        return bool(model.is_fitted())

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a model that is not fitted."""
        described = super().describe(model)
        names = _names(model)
        table = _table(model)
        requires = (f"pandas=={import_module('pandas').__version__}",) if table == "pandas" else ()
        if is_bare(model):
            described = replace(described, task="regression", classes=None)
        elif not described.classes:
            described = replace(described, classes=None)
        return replace(described, inputs=names, width=len(model.feature_names_), table=table, requires=requires)

    def given(self, model: Any, batch: Batch, schema: Schema) -> Any:
        """The table that the live model is asked with."""
        return frame(batch, schema, _table(model))

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """cbm. Its outputs are called by CatBoost's prediction types."""
        from holdall.frameworks.catboost.converters import prediction_type

        classifies = hasattr(model, "predict_proba")
        kinds = {"predict": CLASS if classifies else prediction_type(model), "predict_proba": PROBABILITY}
        outputs = tuple(
            StepOutput(name=kinds[answer.method], columns=tuple(name for name, _ in answer.columns))
            for answer in settled(model, schema)
        )
        return Artefact("catboost", {FILE: saved(model)}, (), outputs, table=_table(model))


def is_bare(model: Any) -> bool:
    """Whether the model is no wrapper: its `predict` gives sums, whatever it was fitted for."""
    return type(model).__name__ == "CatBoost"


def _names(model: Any) -> tuple[str, ...] | None:
    """The columns' names; None where it was fitted on an array, whose columns CatBoost numbers."""
    names = tuple(str(name) for name in model.feature_names_)
    return None if names == tuple(str(place) for place in range(len(names))) else names


def _table(model: Any) -> str:
    """An array holds numbers only: columns of one dtype would make floats of categories, which CatBoost refuses."""
    others = (model.get_cat_feature_indices(), model.get_text_feature_indices(), model.get_embedding_feature_indices())
    return "numpy" if _names(model) is None and not any(len(places) for places in others) else "pandas"


FRAMEWORK = CatBoost()
