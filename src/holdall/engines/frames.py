"""The table that a model was fitted on, built again from a batch; how it is built is told in `worker.tables`."""

from __future__ import annotations

from typing import Any

from holdall.columns.batch import Batch
from holdall.engines.worker.tables import KINDS, build
from holdall.errors import MissingDependency
from holdall.spec.schema import Schema

__all__ = ["KINDS", "frame"]


def frame(batch: Batch, schema: Schema, kind: str) -> Any:
    """The schema's input columns, in its order, as a 'pandas' DataFrame, a 2-d 'numpy' array, or for a model that takes
    documents one after the other ('text') its one column as a 1-d array, for one that takes dictionaries ('mappings') a list of
    them.

    Raises KeyError for a column that the batch lacks, MissingDependency, ValueError for another kind of table.
    """
    try:
        return build(batch.columns, schema.inputs, batch.rows, kind)
    except ModuleNotFoundError:
        raise MissingDependency("pandas", "holdall[sklearn]", "a model that was fitted on a data frame") from None
