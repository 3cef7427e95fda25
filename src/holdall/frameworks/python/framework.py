"""Programs as a framework: what an object or a function answers, under the house's names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Batch, Column, all_null
from holdall.columns.names import unique
from holdall.engines.python import ask_live, named
from holdall.engines.source import PATH
from holdall.errors import NotPortable, UnsupportedModel
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.python.program import Program
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import PYTHON, StepOutput

STATE = "model/state.tar"
_PREFIXES = {"predict_proba": "probability", "decision_function": "decision", "transform": "output"}


class Programs:
    """The Framework of plain Python objects and functions."""

    name = "Python"

    def recognises(self, model: Any) -> bool:
        """Whether it was written down by `packing.programs`."""
        return isinstance(model, Program)

    def describe(self, model: Program) -> Description:
        """The columns are the sample's."""
        words = {
            "pandas": "pandas data frames",
            "numpy": "NumPy arrays",
            "records": "lists of dictionaries",
            "columns": "dictionaries of arrays",
            "record": "one dictionary for each row",
            "text": "texts",
        }
        return Description(
            task=_task(model),
            inputs=None,
            width=None,
            table=model.table,
            classes=_labels(model.live),
            notes=(f"the model was asked with {words[model.table]}, and is given these where it runs",),
        )

    def outputs(self, model: Program, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:  # noqa: ARG002
        """Raises UnsupportedModel where two columns have one name, and what the model raises."""
        fields = []
        # What one row gives does not say whether a column of numbers holds fractions: the sample's answers do.
        for method, answer in zip(model.methods, model.seen, strict=True):
            for name, column in zip(_names(model, method, answer), (each for _, each in answer), strict=True):
                kind, nulls = column.kind, bool(column.null_mask().any())
                shape = tuple(column.values.shape[1:]) if kind is Kind.TENSOR else ()
                fields.append(Field(name=name, kind=kind, shape=shape, nullable=nulls))
        names = [field.name for field in fields]
        if len(set(names)) < len(names):
            raise UnsupportedModel(
                f"two outputs of the model have one name: {', '.join(names)[:200]}", hint="name its columns differently"
            )
        return tuple(fields)

    def live(self, model: Program, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 - all are cheap
        """Its answers in this process, read as those of a worker are."""
        outputs = _stepped(model, schema)

        def run(batch: Batch) -> Batch:
            made = named(outputs, _asked(model, schema.inputs, batch), batch.rows)
            return Batch({field.name: _as(field, made[field.name]) for field in schema.outputs}, batch.rows)

        return run

    def portable(self, model: Program, schema: Schema) -> Artefact:  # noqa: ARG002 - the seam
        """Raises NotPortable: a program is no graph."""
        raise NotPortable(
            f"model ({_shown(model)})", "it is a program: it runs from its source, in a process of its own"
        )

    def native(self, model: Program, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002
        """Its source, and its state as data. Raises UsageError, naming what cannot be written."""
        return artefact(model, _stepped(model, schema))


def artefact(model: Program, outputs: tuple[StepOutput, ...]) -> Artefact:
    """A program as an artefact: `code.tar` and `state.tar`."""
    written = model.written()
    return Artefact(
        engine=PYTHON,
        files={PATH: written.code, STATE: written.state},
        inputs=(),
        outputs=outputs,
        table=model.table,
        requires=written.requires,
        functions=(written.shown,),
    )


def _asked(model: Program, inputs: Sequence[Field], batch: Batch) -> list[list[tuple[str, Column]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ask_live(model.live, model.methods, batch, inputs, model.table)


def _as(field: Field, column: Column) -> Column:
    """Whole numbers where the sample had fractions too, and a column of nulls, as the schema has them."""
    if field.kind is column.kind:
        return column
    nulls = column.null_mask()
    if field.kind is Kind.FLOAT and column.kind in (Kind.INT, Kind.BOOL):
        return Column(Kind.FLOAT, np.where(nulls, np.nan, column.values.astype(np.float64)))
    if field.kind is Kind.INT and column.kind is Kind.BOOL:
        return Column(Kind.INT, column.values.astype(np.int64), column.nulls)
    if nulls.all():
        return all_null(field.carrier, len(column), tuple(field.shape) if field.kind is Kind.TENSOR else ())  # type: ignore[arg-type]
    raise TypeError(f"{field.name!r} is {column.kind.value} here, and {field.kind.value} in the sample's answers")


def _stepped(model: Program, schema: Schema) -> tuple[StepOutput, ...]:
    """Which of the schema's outputs each method gives: the named prefixes first, all others are the first method's."""
    rest = [field.name for field in schema.outputs]
    found: list[StepOutput] = []
    for method in reversed(model.methods[1:]):
        prefix = _PREFIXES[method]
        own = tuple(name for name in rest if name == prefix or name.startswith(f"{prefix}_"))
        rest = [name for name in rest if name not in own]
        found.insert(0, StepOutput(name=method, columns=own))
    return (StepOutput(name=model.methods[0], columns=tuple(rest)), *found)


def _names(model: Program, method: str, answer: list[tuple[str, Column]]) -> list[str]:
    given = [name for name, _ in answer]
    prefix = _PREFIXES.get(method, "prediction")
    first = method == model.methods[0]
    if all(given) and (first or all(name.startswith(prefix) for name in given)):
        return list(unique(given) or given)
    labels = _labels(model.live) if prefix != "prediction" else None
    if len(answer) == 1:
        return [prefix]
    if all(given) or labels is None or len(labels) != len(answer):
        labels = tuple(given) if all(given) else tuple(range(len(answer)))
    return [f"{prefix}_{label}" for label in labels]


def _labels(live: Any) -> tuple[str | int | float | bool, ...] | None:
    for name in ("classes_", "classes", "labels_", "labels"):
        found = getattr(live, name, None)
        if found is None or callable(found) or isinstance(found, str | dict):
            continue
        try:
            values = np.asarray(found).tolist()
        except (TypeError, ValueError):
            continue
        if isinstance(values, list) and values and all(isinstance(each, str | int | float | bool) for each in values):
            return tuple(values)
    return None


def _task(model: Program) -> str:
    if "predict_proba" in model.methods:
        return "classification"
    (first, *_), *others = model.seen
    if model.methods[0] == "transform" or others or len(model.seen[0]) > 1 or first[0] not in ("", "prediction"):
        return "transform"
    kind = first[1].kind
    return "regression" if kind is Kind.FLOAT else "transform" if kind is Kind.TENSOR else "classification"


def _shown(model: Program) -> str:
    live = getattr(model.live, "__self__", model.live)
    return str(getattr(live, "__name__", type(live).__name__))


FRAMEWORK = Programs()
