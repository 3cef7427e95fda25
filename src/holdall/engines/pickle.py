"""Pickle and joblib: the last resort, reached only where whoever loads gave trust `pickle`.

Reading such a file runs whatever code its maker put into it. Nothing here makes that safe; `holdall.scoring.trust` is
what keeps it from happening unasked.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from holdall.engines.engine import Files
from holdall.engines.native import Native
from holdall.engines.skops import findings
from holdall.errors import MissingDependency, PackageDamaged
from holdall.spec.report import Entry
from holdall.spec.schema import Schema
from holdall.spec.steps import Step


def load(data: bytes, path: str) -> tuple[Any, tuple[Entry, ...]]:
    """The object in a pickle or joblib file, compressed or not, and what is worth knowing about it. RUNS ITS CODE.

    Raises PackageDamaged, MissingDependency.
    """
    try:
        import joblib
    except ModuleNotFoundError:
        raise MissingDependency("joblib", "holdall[sklearn]", "a pickled scikit-learn model") from None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = joblib.load(io.BytesIO(data))
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", error.name or "?", f"the model in {path}") from error
        except Exception as error:  # a pickle may raise anything
            raise PackageDamaged(
                f"{path} cannot be loaded: {type(error).__name__}: {error}",
                hint="`holdall env REF --check` compares the versions here with those that it was sealed with",
                path=path,
            ) from error
    return model, findings(caught, path)


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> Native:  # noqa: ARG001 — the engine's seam
    """Open a pickled model. The trust ceiling was checked by the caller. Raises PackageDamaged, MissingDependency."""
    path = step.files[0]
    model, entries = load(files.read(path), path)
    for entry in entries:
        warnings.warn(entry.message, stacklevel=2)
    return Native(model, step, schema, entries)
