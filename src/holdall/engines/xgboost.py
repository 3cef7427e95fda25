"""XGBoost's own format, ubj or JSON: numbers only, run by XGBoost itself where no graph holds the model exactly."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

from holdall.columns.batch import Array
from holdall.engines.boosted import Boosted
from holdall.engines.engine import Files
from holdall.engines.xgboost_trees import fault
from holdall.errors import MissingDependency, PackageDamaged
from holdall.spec.schema import Schema
from holdall.spec.steps import Step

CATEGORY = "c"
BYTES = 256


def load(data: bytes, path: str) -> Any:
    """The Booster in a file. Raises PackageDamaged, MissingDependency."""
    try:
        import xgboost
    except ModuleNotFoundError:
        raise MissingDependency("xgboost", "holdall[xgboost]", f"the model in {path}") from None
    why = fault(data)
    if why is not None:
        # XGBoost ends the whole process over a file that is cut off or whose numbers are not its own.
        raise PackageDamaged(f"{path} cannot be loaded: {why}", path=path)
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise PackageDamaged(
            f"{path} cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
            hint="`holdall env REF --check` compares the versions here with those that it was sealed with",
            path=path,
        ) from error
    return booster


def ask(booster: Any, table: Any, *, through_matrix: bool = False) -> Array:
    """The booster's answer to a table, with all of its rounds: [rows] or [rows, k].

    through_matrix: as `Booster.predict(DMatrix(table))`, which refuses infinity; a wrapper asks without.
    """
    import xgboost

    given = completed(booster, table)
    if through_matrix or _linear(booster):
        types = None if hasattr(given, "dtypes") else booster.feature_types
        matrix = xgboost.DMatrix(given, enable_categorical=True, feature_types=types)
        answer: Array = booster.predict(matrix, validate_features=False)
    else:
        answer = booster.inplace_predict(given, validate_features=False)
    return answer


def completed(booster: Any, table: Any) -> Any:
    """The table as XGBoost wants its columns of categories; raises ValueError for a category that it was not fitted on.

    XGBoost 3.2 means to refuse such a category, but takes it for the next greater one wherever there is a greater one. A
    column that holds nothing but missing values it refuses; here it gets the categories that it was fitted on.
    """
    if not hasattr(table, "columns"):
        return table
    known = fitted_categories(booster)
    for place, name in enumerate(table.columns):
        if str(table.dtypes.iloc[place]) == "category" and place in known:
            table = with_categories(table, name, known[place])
    return table


def with_categories(table: Any, column: Any, fitted: list[str] | list[int]) -> Any:
    """The table whose column has these categories, where it shows none itself. Raises ValueError for one that is none."""
    present = list(table[column].cat.categories)
    strangers = set(present) - set(fitted)
    if strangers:
        raise ValueError(f"column {column!r} holds {min(strangers)!r}, a category that the model was not fitted on")
    return table if present else table.assign(**{column: table[column].cat.set_categories(fitted)})


_CATEGORIES: WeakKeyDictionary[Any, dict[int, list[str] | list[int]]] = WeakKeyDictionary()
"""What `fitted_categories` found in a booster's JSON, which may be long."""


def fitted_categories(booster: Any) -> dict[int, list[str] | list[int]]:
    """Feature → the categories of its column; without those that are not ASCII, which XGBoost 3.2 keeps cut off."""
    found = _CATEGORIES.get(booster)
    if found is None:
        found = _CATEGORIES[booster] = {}
        found.update({place: values for place, one in enumerate(_encoded(booster)) if (values := categories(one))})
    return found


def mistaken(booster: Any) -> bool:
    """Whether it has categories that are not ASCII, which XGBoost 3.2 does not keep whole."""
    return any(one["values"] and not categories(one) for one in _encoded(booster))


def _encoded(booster: Any) -> list[dict[str, Any]]:
    if CATEGORY not in (booster.feature_types or ()):
        return []
    part = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    encoded: list[dict[str, Any]] = part.get("gbtree", part).get("model", {}).get("cats", {}).get("enc", [])
    return encoded


def categories(encoded: dict[str, Any]) -> list[str] | list[int]:
    """One column's categories by their codes, from the booster's JSON; empty where there are none that can be told."""
    values = encoded["values"]
    if "offsets" not in encoded:
        return values if all(isinstance(value, int) for value in values) else []
    text = bytes(value % BYTES for value in values)
    return [text[a:b].decode() for a, b in pairwise(encoded["offsets"])] if text.isascii() else []


def _linear(booster: Any) -> bool:
    return bool(json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear")


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> Boosted:
    """Open a booster. Raises PackageDamaged, MissingDependency."""
    path = step.files[0]
    booster = load(files.read(path), path)
    if threads:
        booster.set_param({"nthread": threads})
    return Boosted(lambda table: ask(booster, table), step, schema)
