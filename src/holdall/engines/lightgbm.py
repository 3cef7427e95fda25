"""LightGBM's own text format: numbers only, run by LightGBM itself where no graph holds the model exactly."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from holdall.columns.batch import Array
from holdall.engines.boosted import Boosted
from holdall.engines.engine import Files
from holdall.engines.lightgbm_text import checked
from holdall.errors import MissingDependency, PackageDamaged
from holdall.spec.schema import Schema
from holdall.spec.steps import Step

WHOLE = re.compile(r"u?int(?:8|16|32|64)|bool")
"""The dtypes of whole numbers."""


def load(data: bytes, path: str) -> Any:
    """The Booster in a file. Raises PackageDamaged, MissingDependency."""
    try:
        import lightgbm
    except ModuleNotFoundError:
        raise MissingDependency("lightgbm", "holdall[lightgbm]", f"the model in {path}") from None
    try:
        text = checked(data)
    except ValueError as error:
        raise PackageDamaged(f"{path} cannot be loaded: {error}", path=path) from None
    try:
        return lightgbm.Booster(model_str=text)
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise PackageDamaged(
            f"{path} cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
            hint="`holdall env REF --check` compares the versions here with those that it was sealed with",
            path=path,
        ) from error


def as_given(table: Any, schema: Schema) -> Any:
    """The table as LightGBM takes it: of an array of whole numbers it makes float32, whatever else a few rows hold."""
    if not isinstance(table, np.ndarray) or not all(WHOLE.fullmatch(field.dtype or "") for field in schema.inputs):
        return table
    with np.errstate(over="ignore"):
        return table.astype(np.float32)


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> Boosted:
    """Open a booster. Raises PackageDamaged, MissingDependency."""
    path = step.files[0]
    booster = load(files.read(path), path)

    def ask(table: Any, raw: bool = False) -> Array:
        answer: Array = booster.predict(as_given(table, schema), raw_score=raw, num_threads=threads)
        return answer

    return Boosted(ask, step, schema, lambda table: ask(table, raw=True))
