"""Which marker of a missing value each input column's encoder was fitted on.

An encoder tells None from NaN: a category None is not met by a NaN. Where an encoder's categories hold one of them, that
one is what a null of the column must be turned into.
"""

from __future__ import annotations

from typing import Any

from holdall.spec.schema import Missing


def missing(model: Any) -> dict[str, Missing]:
    """Column name → marker, for the columns whose first encoder or imputer says so. Empty for models without names."""
    names = getattr(model, "feature_names_in_", None)
    found: dict[str, Missing] = {}
    if names is not None:
        _walk(model, [str(name) for name in names], found)
    return found


def _walk(model: Any, names: list[str], found: dict[str, Missing]) -> None:
    kind = type(model).__name__
    if kind == "Pipeline":
        for _, step in model.steps:
            if step is not None and step != "passthrough":
                _walk(step, names, found)
                return
    elif kind == "ColumnTransformer":
        indices = getattr(model, "_transformer_to_input_indices", {})
        for name, step, _ in model.transformers_:
            chosen = [names[index] for index in indices.get(name, ())]
            if not isinstance(step, str) and chosen:
                _walk(step, chosen, found)
    elif kind == "FeatureUnion":
        for _, step in model.transformer_list:
            if not isinstance(step, str):
                _walk(step, names, found)
    elif kind in ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder"):
        for name, categories in zip(names, model.categories_, strict=False):
            marker = _marker_in(categories)
            if marker is not None:
                found.setdefault(name, marker)
    elif kind in ("SimpleImputer", "MissingIndicator"):
        if model.missing_values is None:
            for name in names:
                found.setdefault(name, Missing.NONE)
    elif hasattr(model, "best_estimator_"):
        _walk(model.best_estimator_, names, found)


def _marker_in(categories: Any) -> Missing | None:
    """The first missing marker among an encoder's categories."""
    for category in list(categories)[::-1][:2]:
        if category is None:
            return Missing.NONE
        if isinstance(category, float) and category != category:  # noqa: PLR0124 — NaN is what differs from itself
            return Missing.NAN
    return None
