"""scikit-learn models that begin with a class of the user's own, which does not say what kind of table it was fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdall.columns.batch import Batch
from holdall.engines.frames import frame
from holdall.frameworks.framework import Description
from holdall.frameworks.sklearn.framework import ScikitLearn
from holdall.spec.schema import Schema


class OwnSteps(ScikitLearn):
    """The Framework of such models, asked with one kind of table."""

    def __init__(self, table: str) -> None:
        """table: 'pandas' or 'numpy', whichever the model was found to take."""
        self._kind = table

    def describe(self, model: Any) -> Description:
        """As scikit-learn's, but for the table."""
        return replace(super().describe(model), table=self._kind)

    def given(self, model: Any, batch: Batch, schema: Schema) -> Any:  # noqa: ARG002 - the model does not say
        """The table that the model is asked with."""
        return frame(batch, schema, self._kind)
