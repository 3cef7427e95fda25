"""Columns to a Keras model's inputs, and its outputs to columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdall.columns.batch import Array, Batch, Column
from holdall.errors import UsageError
from holdall.frameworks.keras.programs import ONLY, Input, Program
from holdall.frameworks.onnx.made_up import made_up
from holdall.frameworks.onnx.ports import WIDEST, Port, check_bounds, fed
from holdall.frameworks.onnx.results import Result, columns_of, result_of
from holdall.spec.schema import Field, Kind

ROWS = (2, 3)
SEQUENCE = 64
"""A nameless matrix of integers that is wider is one array a row: a text's tokens."""
_HINT = "rows come first, [rows, …]; put a model around it that returns what holds rows, and nothing else"


class Asked:
    """A model that is asked with the columns of `fields`."""

    def __init__(self, program: Program, fields: Sequence[Field]) -> None:
        """Raises UsageError where the columns are not the model's inputs."""
        self.program = program
        self._model = program.model  # so that it is there for as long as it is asked
        self._fields = tuple(fields)
        self.ports, self.places = _planned(program, self._fields)
        self.one = made_up(self._fields)
        self._results: tuple[Result, ...] | None = None

    @property
    def element(self) -> str:
        """The kind of float that the model computes in."""
        return self.program.element

    def answers(self, batch: Batch) -> Batch:
        """Raises ValueError for rows that it cannot be given, and what the model raises."""
        found = self.results(batch if batch.rows else None)
        given = self._call(batch)
        columns: dict[str, Column] = {}
        for result, (_, values) in zip(found, given, strict=True):
            columns.update(columns_of(result, np.moveaxis(values, result.axis, 0)))
        return Batch(columns, batch.rows)

    def results(self, example: Batch | None) -> tuple[Result, ...]:
        """How the outputs hold their rows. Raises UnsupportedModel, and what the model raises."""
        if self._results is None:
            one = self.one if example is None else example.take(np.zeros(1, np.int64))
            given = [self._call(one.take(np.zeros(rows, np.int64))) for rows in ROWS]
            self._results = tuple(
                result_of(name, f"out_{place}", [part[place][1] for part in given], ROWS, None, len(given[0]), _HINT)
                for place, (name, _) in enumerate(given[0])
            )
        return self._results

    def feeds(self, batch: Batch) -> dict[str, Array]:
        """The arrays of the inputs. Raises ValueError for what cannot be one, a missing number among it.

        What TensorFlow makes of NaN hangs on how many values it computes at once, so nothing could be held to it.
        """
        for port in self.ports:
            check_bounds(port, batch, self.places[port.name])
        given = {port.name: fed(port, batch, self.places[port.name]) for port in self.ports}
        if self.program.backend == "tensorflow":
            for name, values in given.items():
                if values.dtype.kind == "f" and np.isnan(values).any():
                    raise ValueError(f"{name} holds a missing number")
        return given

    def _call(self, batch: Batch) -> list[tuple[str, Array]]:
        return self.program.call(self.ports, self.feeds(batch))


def arranged(program: Program, sample: Batch) -> tuple[Batch, tuple[str, ...]]:
    """The sample as the model's inputs, and the names of the columns that it does not take.

    Arrays without names go to the inputs in order. A matrix that is too wide for a table becomes one array a row. Raises
    UsageError.
    """
    names, inputs = list(sample), program.inputs
    ragged = next((name for name in names if sample[name].kind is Kind.LIST), None)
    if ragged is not None:
        raise UsageError(
            f"the rows of {ragged!r} differ in length, and a graph takes arrays of one length",
            hint="pad them to one length, as for training: keras.utils.pad_sequences",
        )
    nameless = names == [f"x{place}" for place in range(len(names))]
    wanted = [each.name for each in inputs]
    if len(inputs) > 1:
        if nameless and len(names) == len(inputs) and not set(wanted) <= set(names):
            return Batch(dict(zip(wanted, sample.columns.values(), strict=True)), sample.rows), ()
        if not set(wanted) <= set(names):
            lacking = next(name for name in wanted if name not in names)
            raise UsageError(
                f"the model's inputs are {', '.join(wanted)}; the sample lacks {lacking}",
                hint="give a dict of arrays by the names of the inputs",
            )
        return sample.select(wanted), tuple(name for name in names if name not in wanted)
    if inputs and inputs[0].name in names and (len(names) > 1 and _takes_one(inputs[0], sample)):
        return sample.select(wanted), tuple(name for name in names if name not in wanted)
    tensor = len(names) == 1 and sample[names[0]].kind is Kind.TENSOR
    if tensor:
        return Batch({(wanted or [names[0]])[0]: sample[names[0]]}, sample.rows), ()
    if len({sample[name].kind for name in names}) == 1 and sample[names[0]].kind in (Kind.FLOAT, Kind.INT):
        whole = sample[names[0]].kind is Kind.INT
        loose = bool(inputs) and inputs[0].shape is not None and inputs[0].shape[:1] == (None,)
        if len(names) > WIDEST or (nameless and len(names) > 1 and (loose or (whole and len(names) > SEQUENCE))):
            values = np.stack([sample[name].values for name in names], axis=1)
            column = Column(Kind.TENSOR, values, None, sample[names[0]].dtype)
            return Batch({(wanted or [ONLY])[0]: column}, sample.rows), ()
    return sample, ()


def _takes_one(given: Input, sample: Batch) -> bool:
    return sample[given.name].kind is Kind.TENSOR or given.shape in ((), (1,))


def _planned(program: Program, fields: Sequence[Field]) -> tuple[tuple[Port, ...], dict[str, tuple[str, ...]]]:
    names = tuple(field.name for field in fields)
    if len(program.inputs) > 1:
        ports = tuple(_port(given, [_field(fields, given.name)]) for given in program.inputs)
        return ports, {port.name: (port.name,) for port in ports}
    if program.inputs:
        given = program.inputs[0]
        return (_port(given, fields),), {given.name: names}
    if len(fields) > 1 and any(field.kind is Kind.TENSOR for field in fields):
        several = tuple(_port(Input(field.name, program.element, None), [field]) for field in fields)
        return several, {field.name: (field.name,) for field in fields}
    return (_port(Input(ONLY, program.element, None), fields),), {ONLY: names}


def _field(fields: Sequence[Field], name: str) -> Field:
    found = next((field for field in fields if field.name == name), None)
    if found is None:
        raise UsageError(f"the sample lacks the model's input {name!r}")
    return found


def _port(given: Input, fields: Sequence[Field]) -> Port:
    """The input as it is fed by these columns, or by the array of one. Raises UsageError."""
    first = fields[0]
    if first.kind is Kind.TENSOR:
        shape = tuple(side if isinstance(side, int) else None for side in first.shape)
        if given.shape is not None:
            if len(given.shape) != len(shape):
                raise UsageError(f"the input {given.name!r} takes arrays of {given.shape}, the sample has {shape}")
            shape = tuple(own if own is not None else side for own, side in zip(given.shape, shape, strict=True))
        element = given.element
        if (first.dtype or "").startswith(("int", "uint")) and element.startswith("float"):
            element = "int32"
        return Port(given.name, element, shape, 0, False, 0)
    _check(given, fields)
    if given.shape == () and len(fields) == 1:
        return Port(given.name, given.element, (), 0, False, 1, flat=True)
    width = len(fields)
    if given.shape is not None and given.shape not in ((width,), (None,)):
        raise UsageError(
            f"the input {given.name!r} takes {'arrays of ' if len(given.shape) > 1 else ''}"
            f"{' x '.join(map(str, given.shape)) or 'one number'} a row; the sample has {width} columns",
            hint="give the array that you call the model with, or a dict of arrays by the names of the inputs",
        )
    element = "string" if first.kind is Kind.STRING else given.element
    return Port(given.name, element, (width,), 0, False, width)


def _check(given: Input, fields: Sequence[Field]) -> None:
    kinds = {field.kind for field in fields}
    if given.element == "string" or kinds <= {Kind.FLOAT, Kind.INT, Kind.BOOL}:
        return
    if given.shape is None and kinds == {Kind.STRING}:
        return  # the model does not say what it takes: it is asked
    strange = next(field for field in fields if field.kind not in (Kind.FLOAT, Kind.INT, Kind.BOOL))
    raise UsageError(
        f"the column {strange.name!r} is {strange.kind.value}, and the model takes {given.element}",
        hint="encode it before the model, with preprocess=",
    )
