"""`.cat`: what a column's categories are, where the function says them itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op

from holdall.graph.tracing.lookup import looked_up, member_of
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form, Vector, filled, to_float
from holdall.graph.value import constant

ADVICE = "say the categories: .astype(pandas.CategoricalDtype(['a', 'b'])), or write .map({'a': 0, 'b': 1}) instead"


class Categories:
    """`.cat`."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series
        self._vector = series._vector
        self._live = series._vector.live.cat

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"Series.cat.{name}")

    def _said(self, operation: str) -> list[Any]:
        """The categories, which do not depend on the rows. Raises Untraceable."""
        if self._vector.open:
            raised = over_rows(f"Series.cat.{operation}")
            raise Untraceable(raised.operation, f"a table's categories are those that it happens to hold; {ADVICE}")
        return list(self._live.categories)

    @property
    def categories(self) -> Any:
        return pandas.Index(self._said("categories"))

    @property
    def codes(self) -> TracedSeries:
        places = {category: place for place, category in enumerate(self._said("codes"))}
        trace = self._series._trace
        found = to_float(looked_up(trace, self._vector, places, "cat.codes"))
        codes = op.cast(op.where(op.isnan(found), constant(-1.0), found), to=np.int64)
        return self._series._new(Vector(Form.INT, codes, self._live.codes), "cat.codes")

    def set_categories(self, new_categories: Any, ordered: bool = False, **_: Any) -> TracedSeries:
        live = self._live.set_categories(new_categories, ordered=ordered)
        nulls = op.not_(member_of(self._vector, list(new_categories)))
        values = filled(self._vector.form, self._vector.values, nulls)
        return self._series._new(Vector(self._vector.form, values, live, nulls), "cat.set_categories")

    def add_categories(self, new_categories: Any) -> TracedSeries:
        self._said("add_categories")
        return self._series._new(
            self._vector.with_live(self._live.add_categories(new_categories)), "cat.add_categories"
        )

    def as_ordered(self, **_: Any) -> TracedSeries:
        return self._series._new(replace(self._vector, live=self._live.as_ordered()), "cat.as_ordered")
