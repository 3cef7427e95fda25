"""`.str.get_dummies`: whether each of several words stands in a text. Which words there are depends on the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing import text
from holdall.graph.tracing.dummies import ADVICE
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.series import TracedSeries, only
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector
from holdall.graph.value import constant


class Listed:
    """A table of which nobody knows the columns yet."""

    def __init__(self, series: TracedSeries, separator: str) -> None:
        self._series = series
        self._separator = separator

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raised = over_rows("Series.str.get_dummies of whatever words the table holds")
        raise Untraceable(raised.operation, f"{raised.instead}; {ADVICE}")

    def reindex(self, columns: Any = None, fill_value: Any = np.nan, **options: Any) -> TracedFrame:
        """The columns of these words."""
        only("DataFrame.reindex", options)
        if columns is None or not isinstance(fill_value, int) or fill_value != 0:
            raise Untraceable("DataFrame.reindex of what .str.get_dummies gives", "add columns=[…] and fill_value=0")
        vector = self._series._vector
        parts, _ = text.pieces(vector.values, self._separator, 1)
        made: dict[Any, Vector] = {}
        for name in columns:
            hits = op.cast(op.equal(parts, constant(str(name), np.str_)), to=np.int64)
            # A piece that is nothing stands for none, as after the last separator.
            found = (
                op.reduce_max(hits, constant([1], np.int64), keepdims=0)
                if name
                else op.mul(op.reduce_max(hits, constant([1], np.int64), keepdims=0), constant(0, np.int64))
            )
            if vector.nulls is not None:
                found = op.where(vector.nulls, constant(0, np.int64), found)
            made[name] = Vector(Form.INT, found, pandas.Series(np.zeros(len(vector.live), np.int64)))
        self._series._trace.note("str.get_dummies")
        return TracedFrame(self._series._trace, made)
