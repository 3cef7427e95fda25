"""Which marker of a missing value each input column's encoder was fitted on.

An encoder tells None from NaN: a category None is not met by a NaN. Where an encoder's categories hold one of them, that
one is what a null of the column must be turned into.
"""

from __future__ import annotations

from typing import Any

from holdall.frameworks.sklearn import registry
from holdall.spec.schema import Missing


def missing(model: Any) -> dict[str, Missing]:
    """Column name → marker, for the columns whose first encoder or imputer says so. Empty for models without names."""
    names = getattr(model, "feature_names_in_", None)
    found: dict[str, Missing] = {}
    if names is not None:
        _walk(model, [str(name) for name in names], found, set())
    return found


def notes(model: Any) -> tuple[str, ...]:
    """A sentence for each column whose encoder was fitted on None and on NaN: a package has one null, not two."""
    found: dict[str, Missing] = {}
    both: set[str] = set()
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        _walk(model, [str(name) for name in names], found, both)
    return tuple(
        f"column {name!r} was fitted on both None and NaN, which its encoder tells apart; a package has one missing value,"
        f" and reads every one as {'None' if found[name] is Missing.NONE else 'NaN'}"
        for name in sorted(both)
    )


def _walk(model: Any, names: list[str], found: dict[str, Missing], both: set[str]) -> None:
    kind = type(model).__name__
    if kind != "Pipeline" and not registry.is_sklearn(model):
        return  # a class of another library may have the name of one here
    if kind == "Pipeline":
        for _, step in model.steps:
            if step is not None and step != "passthrough":
                _walk(step, names, found, both)
                return
    elif kind == "ColumnTransformer":
        indices = getattr(model, "_transformer_to_input_indices", {})
        for name, step, _ in model.transformers_:
            chosen = [names[index] for index in indices.get(name, ())]
            if not isinstance(step, str) and chosen:
                _walk(step, chosen, found, both)
    elif kind == "FeatureUnion":
        for _, step in model.transformer_list:
            if not isinstance(step, str):
                _walk(step, names, found, both)
    elif kind in ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder"):
        for name, categories in zip(names, model.categories_, strict=False):
            held = _markers_in(categories)
            if held:
                found.setdefault(name, held[0])
            if len(held) > 1:
                both.add(name)
    elif kind in ("SimpleImputer", "MissingIndicator"):
        if model.missing_values is None:
            for name in names:
                found.setdefault(name, Missing.NONE)
    elif hasattr(model, "best_estimator_"):
        _walk(model.best_estimator_, names, found, both)


def _markers_in(categories: Any) -> list[Missing]:
    """The missing markers among an encoder's categories, which come last there; NaN before None."""
    found = []
    for category in list(categories)[::-1][:2]:
        if category is None:
            found.append(Missing.NONE)
        elif isinstance(category, float) and category != category:  # noqa: PLR0124 — NaN is what differs from itself
            found.append(Missing.NAN)
    return found
