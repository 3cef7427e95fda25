"""Columns to a program's arguments: which feed which, and as what kind of tensor, found out by asking the program.

A module does not say what it takes. A table's columns are one matrix for a module of one argument; else each column, or
array, goes to the argument of its name. Whether numbers are given as floats or as integers is asked: a linear layer
refuses integers, an embedding refuses floats.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch, Column
from holdall.errors import UsageError
from holdall.frameworks.onnx.made_up import made_up
from holdall.frameworks.onnx.ports import Port, check_bounds, fed
from holdall.frameworks.onnx.results import Result, columns_of, result_of
from holdall.frameworks.torch.programs import Argument, Program
from holdall.spec.schema import Field, Kind

ROWS = (2, 3)
"""Rows that a program is asked for to find where its outputs hold them."""
TRIES = 16
_SHARES = (0.5, 0.0, 1.0)
_HINT = "rows come first, [rows, …], in what it takes; put a module around it that returns what holds rows, and nothing else"
_NUMBERS = (Kind.FLOAT, Kind.INT, Kind.BOOL)


@dataclass(frozen=True)
class Plan:
    """The arguments that are fed, each from the columns of `places`."""

    ports: tuple[Port, ...]
    places: Mapping[str, tuple[str, ...]]

    def feeds(self, batch: Batch) -> dict[str, Array]:
        """The arrays of the arguments. Raises ValueError for what cannot be one."""
        for port in self.ports:
            check_bounds(port, batch, self.places[port.name])
        return {port.name: fed(port, batch, self.places[port.name]) for port in self.ports}

    @property
    def alone(self) -> bool:
        return any(port.alone for port in self.ports)


class Asked:
    """A program that is asked with the columns of `fields`."""

    def __init__(self, program: Program, fields: Sequence[Field]) -> None:
        """Raises UsageError where the columns are not the program's arguments. `one` is a row that it answers to."""
        self.program = program
        self._fields = tuple(fields)
        self.plan, self.one = self._planned()
        self._results: tuple[Result, ...] | None = None

    @property
    def ports(self) -> tuple[Port, ...]:
        """The arguments that are fed."""
        return self.plan.ports

    @property
    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Which columns feed each of them."""
        return self.plan.places

    @property
    def element(self) -> str:
        """The kind of float that the program computes in."""
        return self.program.element

    def answers(self, batch: Batch) -> Batch:
        """Raises ValueError for rows that it cannot be given, and what the program raises."""
        found = self.results(batch if batch.rows else None)
        size = 1 if self.plan.alone else max(batch.rows, 1)
        parts = [
            self._call(self.plan, batch.take(slice(start, start + size)))
            for start in range(0, max(batch.rows, 1), size)
        ]
        columns: dict[str, Column] = {}
        for place, result in enumerate(found):
            whole = np.concatenate([np.moveaxis(part[place][1], result.axis, 0) for part in parts])
            columns.update(columns_of(result, whole))
        return Batch(columns, batch.rows)

    def results(self, example: Batch | None) -> tuple[Result, ...]:
        """How the outputs hold their rows. Raises UnsupportedModel, and what the program raises."""
        if self._results is None:
            one = self.one if example is None else example.take(np.zeros(1, np.int64))
            asked = (1,) if self.plan.alone else ROWS
            given = [self._call(self.plan, one.take(np.zeros(rows, np.int64))) for rows in asked]
            count = len(given[0])
            self._results = tuple(
                result_of(name, f"out_{place}", [part[place][1] for part in given], asked, None, count, _HINT)
                for place, (name, _) in enumerate(given[0])
            )
        return self._results

    def _call(self, plan: Plan, batch: Batch) -> list[tuple[str, Array]]:
        found = self.program.call(self.program.tensors(plan.feeds(batch)))
        return [(name, _array(value)) for name, value in found]

    def _planned(self) -> tuple[Plan, Batch]:
        """The first plan that the program answers to, and the row that it answered; else the most natural ones.

        A row of the least numbers alone may be nothing but padding, which some layers refuse.
        """
        tried = list(itertools.islice(self._plans(), TRIES))
        for share in _SHARES:
            one = made_up(self._fields, share)
            for plan in tried:
                if self._answers_to(plan, one):
                    return plan, one
            if not any(field.kind is Kind.TENSOR for field in self._fields):
                break
        return tried[0], made_up(self._fields)

    def _answers_to(self, plan: Plan, one: Batch) -> bool:
        rows = np.zeros(1 if plan.alone else ROWS[0], np.int64)
        try:
            self._call(plan, one.take(rows))
        except Exception:  # noqa: BLE001 — whatever the program raises is its no
            return False
        return True

    def _plans(self) -> Iterator[Plan]:
        for places in self._layouts():
            arguments = {argument.name: argument for argument in self.program.arguments}
            fields = {field.name: field for field in self._fields}
            choices = []
            for name, (columns, flat) in places.items():
                fed_by = [fields[column] for column in columns]
                elements = self._elements(arguments[name], fed_by, flat)
                choices.append([_port(arguments[name], element, fed_by, flat) for element in elements])
            for ports in itertools.product(*choices):
                yield Plan(tuple(ports), {name: columns for name, (columns, _) in places.items()})

    def _layouts(self) -> Iterator[dict[str, tuple[tuple[str, ...], bool]]]:
        """Argument → the columns that feed it, and whether they are a vector, one number a row."""
        names = tuple(field.name for field in self._fields)
        known = {argument.name for argument in self.program.arguments}
        needed = [argument.name for argument in self.program.arguments if argument.needed]
        first = self.program.arguments[0].name
        plain = all(field.kind is not Kind.TENSOR for field in self._fields)
        by_name = set(needed) <= set(names) <= known
        if len(needed) <= 1 and plain and not (by_name and len(names) > 1):
            yield {first: (names, False)}
            if len(names) == 1:
                yield {first: (names, True)}
        elif by_name:
            yield {name: ((name,), True) for name in names}
        elif len(needed) <= 1 and len(names) == 1:
            yield {first: (names, False)}
        else:
            raise UsageError(
                f"forward takes {', '.join(sorted(known))}; the sample has the columns {', '.join(names[:10])}",
                hint="give a dict of arrays by the names of forward's arguments, or one table for one argument",
            )

    def _elements(self, argument: Argument, fields: Sequence[Field], flat: bool) -> list[str]:
        strange = next((field for field in fields if field.kind not in (*_NUMBERS, Kind.TENSOR)), None)
        if strange is not None:
            raise UsageError(
                f"the column {strange.name!r} is {strange.kind.value}, and a network takes numbers",
                hint="encode it before the model, with preprocess=",
            )
        if argument.element is not None:
            return [argument.element]
        own, kinds = self.program.element, {field.carrier for field in fields}
        if kinds == {Kind.TENSOR}:
            dtype = np.dtype(fields[0].dtype or "float64")
            if dtype.kind == "f":
                return [own]
            return ["bool", own, "int64"] if dtype.kind == "b" else list(dict.fromkeys([str(dtype), "int64", own]))
        if Kind.FLOAT in kinds:
            return [own]
        if not flat:
            return [own, "int64"]
        return ["int64", own] if kinds == {Kind.INT} else ["bool", own, "int64"]


def _port(argument: Argument, element: str, fields: Sequence[Field], flat: bool) -> Port:
    if fields[0].kind is Kind.TENSOR:
        shape = argument.shape
        if shape is None:
            shape = tuple(side if isinstance(side, int) else None for side in fields[0].shape)
        return Port(argument.name, element, shape, 0, argument.alone, 0)
    return Port(argument.name, element, () if flat else (len(fields),), 0, argument.alone, len(fields), flat=flat)


def _array(value: Any) -> Array:
    value = value.detach().cpu()
    if str(value.dtype) == "torch.bfloat16":
        value = value.float()
    found: Array = value.numpy()
    return found
