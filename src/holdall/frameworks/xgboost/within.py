"""Boosters of XGBoost inside other estimators: what they want of a data frame's columns of categories.

A search, a calibrator or a pipeline hands the frame on as it is. A few rows by themselves do not show all categories, and
XGBoost refuses a column that shows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from holdall.engines.reachable import reachable
from holdall.engines.xgboost import fitted_categories, with_categories

_BOOSTERS: WeakKeyDictionary[Any, tuple[Any, ...]] = WeakKeyDictionary()
"""The boosters in a model: looking through all that it holds takes milliseconds."""


def completed(model: Any, table: Any) -> Any:
    """The table with the categories that the model's boosters were fitted on. Raises ValueError for one that is none."""
    categories = [name for name, dtype in zip(table.columns, table.dtypes, strict=True) if str(dtype) == "category"]
    if not categories:
        return table
    for booster in _boosters(model):
        for place, fitted in fitted_categories(booster).items():
            column = _column(booster.feature_names[place], categories)
            if column is not None:
                table = with_categories(table, column, fitted)
    return table


def _boosters(model: Any) -> tuple[Any, ...]:
    found = _BOOSTERS.get(model)
    if found is None:
        found = _BOOSTERS[model] = tuple(_search(model))
    return found


def _search(model: Any) -> Iterator[Any]:
    for _, value in reachable(model):
        kind = type(value)
        if kind.__name__ == "Booster" and kind.__module__.partition(".")[0] == "xgboost":
            yield value


def _column(feature: str, columns: list[Any]) -> Any:
    """The frame's column that the booster's feature is, which a column transformer may have put a prefix to."""
    same = [name for name in columns if feature == name or feature.endswith(f"__{name}")]
    return max(same, key=len) if same else None
