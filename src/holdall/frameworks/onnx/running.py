"""A graph in a session of its own, asked with columns: the live model of an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch, Column
from holdall.engines.onnx import Session
from holdall.errors import InputError, NotPortable, PackageDamaged, UnsupportedModel
from holdall.frameworks.onnx.made_up import made_up
from holdall.frameworks.onnx.ports import fed, places_of, ports_of, settled
from holdall.frameworks.onnx.results import Result, columns_of, found_in, with_rows_first
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import GraphInput

STEP = "model (ONNX)"


class Runner:
    """The file itself in a session, asked with columns."""

    def __init__(self, model: Any, fields: Sequence[Field]) -> None:
        self._model = model
        self._fields = tuple(fields)
        self._places = places_of(ports_of(model), [field.name for field in fields])
        self._ports = self.ports = settled(ports_of(model), self._places, fields)
        try:
            self._session = Session(model.SerializeToString(), "the file", 0)
        except PackageDamaged as error:
            raise UnsupportedModel(error.message, hint=error.hint) from None
        self._results: tuple[Result, ...] | None = None

    def answers(self, batch: Batch) -> Batch:
        """Raises ValueError for rows that the graph cannot take, and what onnxruntime raises."""
        found = self.results(batch if batch.rows else None)
        feeds = {port.name: fed(port, batch, self._places[port.name]) for port in self._ports}
        if not any(port.alone for port in self._ports):
            parts = [self._session.run(feeds)]
        else:
            parts = [
                self._session.run(
                    {p.name: feeds[p.name] if p.scalar else np.take(feeds[p.name], [row], p.axis) for p in self._ports}
                )
                for row in range(batch.rows)
            ]
        columns: dict[str, Column] = {}
        for result in found:
            values = np.concatenate([with_rows_first(part[result.name], result) for part in parts])
            columns.update(columns_of(result, values))
        return Batch(columns, batch.rows)

    def results(self, example: Batch | None) -> tuple[Result, ...]:
        """How the outputs hold their rows, found by asking for two rows and for three."""
        if self._results is None:
            one = made_up(self._fields) if example is None else example.take(np.zeros(1, np.int64))
            alone = any(port.alone for port in self._ports)
            asked = (1,) if alone else (2, 3)
            given = []
            for rows in asked:
                batch = one.take(np.zeros(rows, np.int64))
                given.append(
                    self._session.run({port.name: fed(port, batch, self._places[port.name]) for port in self._ports})
                )
            self._results = found_in(self._model, asked, given)
        return self._results

    def try_together(self, session: Session, groups: Sequence[GraphInput]) -> None:
        """Whether what was made for one row takes two. Raises NotPortable."""
        two = made_up(self._fields).take(np.zeros(2, np.int64))
        feeds: dict[str, Array] = {}
        for group in groups:
            values = [two[name].values for name in group.columns]
            feeds[group.name] = values[0] if group.kind is Kind.TENSOR else np.stack(values, axis=1)
        try:
            session.run(feeds)
        except InputError as error:
            raise NotPortable(STEP, f"two rows at once: {error.message}") from None
