"""A live model behind the engine's seam: the table that it was fitted on in, arrays out.

Used by the engines that hold a live model, and while packing for the live model itself, so that both ask it the same way.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch
from holdall.engines.frames import KINDS, frame
from holdall.errors import ManifestInvalid
from holdall.spec.manifest import PATH
from holdall.spec.report import Entry
from holdall.spec.schema import Schema
from holdall.spec.steps import Step, StepOutput

METHODS = frozenset({"predict", "predict_proba", "decision_function", "score_samples", "transform"})
"""What may be called on a native model; a manifest cannot name anything else."""


class Native:
    """An opened native model. findings: what was worth knowing when it was opened."""

    def __init__(self, model: Any, step: Step, schema: Schema, findings: Sequence[Entry] = ()) -> None:
        """Raises ManifestInvalid for an output that is no method of METHODS, or a kind of table that there is not."""
        for output in step.outputs:
            if output.name not in METHODS:
                raise ManifestInvalid(PATH, f"a native model is not asked for {output.name!r}")
        if step.table not in KINDS:
            raise ManifestInvalid(PATH, f"a native model's table is one of {', '.join(KINDS)}, not {step.table!r}")
        self.model = model
        self.findings = tuple(findings)
        self._table = step.table
        self._outputs = step.outputs
        self._schema = schema

    def run(self, batch: Batch) -> dict[str, Array]:
        """StepOutput name → vector [rows] or matrix [rows, k]. Raises what the model raises for rows that it refuses."""
        table = frame(batch, self._schema, self._table)
        with _quiet():
            return {output.name: answer(self.model, table, output) for output in self._outputs}


@contextmanager
def _quiet() -> Iterator[None]:
    """No worker pools, which add up in any order, so that a recorded answer comes out the same; no warnings a call."""
    try:
        from joblib import parallel_config
    except ModuleNotFoundError:
        parallel_config = None
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        if parallel_config is not None:
            stack.enter_context(parallel_config(backend="sequential"))
        yield


def answer(model: Any, table: Any, output: StepOutput) -> Array:
    """One method's answer as a vector [rows] (one column) or a matrix [rows, len(output.columns)].

    The list that a multi-output classifier gives (one matrix of probabilities a target) is put side by side; a sparse
    matrix or a data frame becomes an array. Raises ValueError where the answer has not that many columns.
    """
    result = getattr(model, output.name)(table)
    if isinstance(result, list):
        result = np.hstack([np.asarray(part) for part in result])
    if hasattr(result, "toarray"):
        result = result.toarray()
    values = result.to_numpy() if hasattr(result, "to_numpy") else np.asarray(result)
    columns = len(output.columns)
    if values.ndim == 1 and columns > 1:
        # Some transformers drop the rows' axis where there is one row.
        values = values.reshape(-1, columns)
    if columns == 1 and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    width = 1 if values.ndim == 1 else values.shape[1]
    if width != columns:
        raise ValueError(f"{output.name} gave {width} columns where {columns} were sealed")
    return values
