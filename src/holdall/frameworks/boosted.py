"""What the frameworks of boosted trees share: wrappers are scikit-learn estimators, boosters answer with one thing.

A wrapper (XGBClassifier, LGBMRegressor …) goes the way of every scikit-learn estimator, its converter found by its class;
only its native form is the booster's own file. A bare booster gives what its `predict` gives, under the house's names.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op

from holdall.columns.batch import Batch, Column
from holdall.engines.boosted import DECISION, PREDICT, PROBABILITY
from holdall.engines.frames import frame
from holdall.errors import NotPortable, UnsupportedModel
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.sklearn.answers import matrix, settled
from holdall.frameworks.sklearn.framework import GRAPH_PATH, ScikitLearn, quiet, register_converters
from holdall.frameworks.sklearn.registry import Outputs
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import Compute, StepOutput

BOOSTER = "model (Booster)"
CATEGORIES = (Kind.STRING, Kind.INT, Kind.BOOL)
"""What a column may hold that is one of categories."""


class BoostedTrees(ScikitLearn):
    """The Framework of one library of boosted trees. package: its top-level module; file: its native file's path."""

    package: str
    file: str

    # ---- what each library says

    @abstractmethod
    def names(self, booster: Any) -> tuple[str, ...] | None:
        """The columns' names, where the booster was fitted on a table that has some."""

    @abstractmethod
    def width(self, booster: Any) -> int:
        """How many columns the booster takes."""

    @abstractmethod
    def labels(self, booster: Any) -> int:
        """How many classes the booster's answer has probabilities of; 0 where it answers with something else."""

    @abstractmethod
    def labels_itself(self, booster: Any) -> bool:
        """Whether the booster's answer is a class's number."""

    @abstractmethod
    def ask(self, booster: Any, table: Any) -> Any:
        """What the booster's `predict` gives for the table."""

    @abstractmethod
    def graph(self, booster: Any, table: Table, conversion: Conversion) -> Outputs:
        """The graph of the same, as `values`. Raises NotPortable."""

    @abstractmethod
    def completed(self, booster: Any, table: Any) -> Any:
        """The table, with what the library wants of it and a few rows by themselves do not show."""

    @abstractmethod
    def categorical(self, booster: Any) -> frozenset[str]:
        """The names of the columns that were pandas' categories where it was fitted."""

    @abstractmethod
    def saved(self, model: Any) -> bytes:
        """The file of a booster, or of a wrapper's booster as far as the wrapper predicts with it. Raises NotPortable."""

    # ---- the seam

    def recognises(self, model: Any) -> bool:
        """Whether any class in the model's method resolution order is the library's."""
        return any(base.__module__.partition(".")[0] == self.package for base in type(model).__mro__)

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a model that is not fitted or answers nothing."""
        if not is_booster(model):
            described = super().describe(model)
            return replace(described, requires=_frames(described.table))
        names = self.names(model)
        classifies = bool(self.labels(model)) or self.labels_itself(model)
        return Description(
            task="classification" if classifies else "regression",
            inputs=names,
            width=self.width(model),
            table=_kind(names),
            requires=_frames(_kind(names)),
        )

    def given(self, model: Any, batch: Batch, schema: Schema) -> Any:
        """The table that the live model is asked with."""
        if is_booster(model):
            table = frame(batch, schema, _kind(self.names(model)))
            return self.completed(model, table)
        return self.completed(wrapped(model), super().given(model, batch, schema))

    def spelt(self, name: str) -> str:
        """A column's name as the library writes it."""
        return name

    def arranged(self, model: Any, sample: Batch) -> tuple[Batch, tuple[str, ...]]:
        """The sample with the model's columns of categories as categories, which a CSV or another library's table loses."""
        names = self.categorical(model if is_booster(model) else wrapped(model))
        columns = {
            name: replace(column, dtype="category")
            if self.spelt(name) in names and column.kind in CATEGORIES
            else column
            for name, column in sample.columns.items()
        }
        return Batch(columns, sample.rows), ()

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """Raises UnsupportedModel for a wrapper that has no method that answers for new rows."""
        if not is_booster(model):
            return super().outputs(model, inputs, example)
        schema = Schema(inputs=tuple(inputs), outputs=())
        with quiet(example.rows):
            count = matrix(self.ask(model, self.given(model, example, schema))).shape[1]
        if count == 1:
            return (Field(name="prediction", kind=Kind.FLOAT),)
        prefix = "probability_" if self.labels(model) else "target_"
        return tuple(Field(name=f"{prefix}{place}", kind=Kind.FLOAT) for place in range(count))

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:
        """The model's own answers."""
        if not is_booster(model):
            return super().live(model, schema, brief=brief)

        def run(batch: Batch) -> Batch:
            with quiet(batch.rows):
                values = matrix(self.ask(model, self.given(model, batch, schema))).astype(np.float64)
            named = zip(schema.outputs, values.T, strict=True)
            return Batch(
                {field.name: Column(field.kind, np.ascontiguousarray(one)) for field, one in named}, batch.rows
            )

        return run

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph. Raises NotPortable."""
        if not is_booster(model):
            return super().portable(model, schema)
        register_converters()
        try:
            conversion = Conversion(schema)
            values = self.graph(model, conversion.table, conversion).values
            if values is None:
                raise NotPortable(BOOSTER, "its predict has no exact form as graph operators")
            columns = tuple(field.name for field in schema.outputs)
            graph = conversion.finish({PREDICT: (op.identity(values), columns)})
        except NotPortable:
            raise
        except Exception as error:  # a booster that was not foreseen goes native; it must not stop the user
            raise NotPortable(BOOSTER, f"{type(error).__name__}: {error}") from error
        return Artefact(
            engine="onnx",
            files={GRAPH_PATH: graph.model},
            inputs=graph.inputs,
            outputs=graph.outputs,
            guards=graph.guards,
            compute=Compute.FLOAT32 if conversion.single else Compute.FLOAT64,
            boundaries=graph.boundaries,
        )

    def followed(self, model: Any, schema: Schema, sample: Batch) -> Artefact:  # noqa: ARG002 — the seam
        """As `portable`: nothing of the user's own is in a booster."""
        return self.portable(model, schema)

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """The library's own file, which holds numbers only."""
        files = {self.file: self.saved(model)}
        columns = tuple(field.name for field in schema.outputs)
        outputs: tuple[StepOutput, ...] = (StepOutput(name=PREDICT, columns=columns),)
        names: Any = self.names(model) if is_booster(model) else getattr(model, "feature_names_in_", None)
        if not is_booster(model):
            found = settled(model, schema)
            outputs = tuple(StepOutput(name=a.method, columns=tuple(name for name, _ in a.columns)) for a in found)
            if {output.name for output in outputs} - {PREDICT, PROBABILITY, DECISION} or any(
                field.name.startswith("target_") and hasattr(model, "classes_") for field in schema.outputs
            ):
                raise NotPortable(f"model ({type(model).__name__})", "its booster's file does not hold all its answers")
        return Artefact(self.package, files, (), outputs, compute=self.compute, table=_kind(names))

    compute = Compute.FLOAT64


def _kind(names: Any) -> str:
    return "numpy" if names is None else "pandas"


def _frames(table: str) -> tuple[str, ...]:
    """What the native file's table needs; the library itself is pinned by its engine."""
    return (f"pandas=={import_module('pandas').__version__}",) if table == "pandas" else ()


def is_booster(model: Any) -> bool:
    """Whether the model is a bare booster rather than a wrapper of one."""
    return any(base.__name__ == "Booster" for base in type(model).__mro__)


def wrapped(model: Any) -> Any:
    """The booster in a wrapper. Raises UnsupportedModel where it is not fitted."""
    found = getattr(model, "booster_", None) if hasattr(type(model), "booster_") else model.get_booster()
    if found is None:
        raise UnsupportedModel(f"this {type(model).__name__} is not fitted", hint="call .fit(X, y) on it first")
    return found
