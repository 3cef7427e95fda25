"""What the engines of boosted trees share: a booster's one answer as the outputs that were sealed.

A booster answers with one vector or matrix. A wrapper of it answers with labels and probabilities, which are made of that
here, since the booster's own file holds neither: the labels stand in the names of the sealed columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch
from holdall.engines.frames import KINDS, frame
from holdall.errors import ManifestInvalid
from holdall.spec.manifest import PATH
from holdall.spec.schema import Kind, Schema
from holdall.spec.steps import Step

Ask = Callable[[Any], Array]
"""The booster's answer to a table: [rows] or [rows, k]."""

PREDICT, PROBABILITY, DECISION = "predict", "predict_proba", "decision_function"
PREFIX = "probability_"


class Boosted:
    """An opened booster."""

    def __init__(self, ask: Ask, step: Step, schema: Schema, raw: Ask | None = None) -> None:
        """raw: its sums before any transform, which are a wrapper's decisions; None where wrappers have none.

        Raises ManifestInvalid for outputs or a kind of table that no booster has.
        """
        columns = {output.name: output.columns for output in step.outputs}
        known = {PREDICT, PROBABILITY} | ({DECISION} if raw is not None else set())
        if not columns or set(columns) - known or step.table not in KINDS:
            raise ManifestInvalid(PATH, f"a booster is not asked for {', '.join(columns)} with a {step.table} table")
        self._ask = ask
        self._raw = raw
        self._schema = schema
        self._table = step.table
        self._columns = columns
        self._labels = None if PROBABILITY not in columns else labels(columns[PROBABILITY], schema)

    def run(self, batch: Batch) -> dict[str, Array]:
        """StepOutput name → vector [rows] or matrix [rows, k]. Raises what the booster raises for rows that it refuses."""
        if not batch.rows:
            return {name: np.empty((0, len(columns))) for name, columns in self._columns.items()}
        table = frame(batch, self._schema, self._table)
        answer = np.asarray(self._ask(table))
        if self._labels is None:
            return {PREDICT: answer}
        probability = answer
        if answer.ndim == 1 or answer.shape[1] == 1:
            positive = answer.reshape(-1)
            probability = np.stack([positive.dtype.type(1) - positive, positive], axis=1)
            chosen = (positive > 0.5).astype(np.int64)
        else:
            chosen = answer.argmax(axis=1)
        results = {PREDICT: self._labels[chosen], PROBABILITY: probability}
        if DECISION in self._columns and self._raw is not None:
            results[DECISION] = np.asarray(self._raw(table))
        return {name: results[name] for name in self._columns}


def labels(columns: Sequence[str], schema: Schema) -> Array:
    """The class labels, from the names of the columns of their probabilities and the kind of the prediction."""
    words = [column.removeprefix(PREFIX) for column in columns]
    kinds = {field.name: field.kind for field in schema.outputs}
    kind = kinds.get("prediction", Kind.STRING)
    try:
        if kind is Kind.INT:
            return np.array([int(word) for word in words], np.int64)
        if kind is Kind.FLOAT:
            return np.array([float(word) for word in words])
        if kind is Kind.BOOL:
            return np.array([{"True": True, "False": False}[word] for word in words])
    except (ValueError, KeyError):
        raise ManifestInvalid(PATH, f"the columns {', '.join(columns)} do not name labels of kind {kind}") from None
    return np.array(words, object)
