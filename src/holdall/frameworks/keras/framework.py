"""Keras 3 as a framework: Sequential, functional and subclassed models as ONNX graphs.

The model itself is the live model, in inference mode; preprocessing layers inside it are part of the graph where it can hold
them. What holdall feeds is put around the graph as around an ONNX file made elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdall.columns.batch import Batch
from holdall.errors import NotPortable
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.keras.asking import ROWS, Asked, arranged
from holdall.frameworks.keras.exporting import export
from holdall.frameworks.keras.programs import program_of
from holdall.frameworks.onnx.exported import artefact
from holdall.frameworks.onnx.results import fields_of
from holdall.spec.schema import Field, Schema

_MODEL = "keras.src.models.model"


class Keras:
    """The Framework of Keras 3's models."""

    name = "Keras"

    def recognises(self, model: Any) -> bool:
        """Whether it is a model of Keras 3's."""
        return any(base.__name__ == "Model" and base.__module__ == _MODEL for base in type(model).__mro__)

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for what cannot be called with named arrays."""
        program_of(model)
        return Description(task="", inputs=None, width=None, table="numpy")

    def arranged(self, model: Any, sample: Batch) -> tuple[Batch, tuple[str, ...]]:
        """The sample as the model's inputs, and the names of the columns that it does not take. Raises UsageError."""
        return arranged(program_of(model), sample)

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """Raises UnsupportedModel where an output does not hold one value, or one array, a row."""
        results = Asked(program_of(model), inputs).results(example)
        return fields_of(results, "name the output layers otherwise")

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 — it answers all at once
        """The model itself."""
        return Asked(program_of(model), schema.inputs).answers

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph. Raises NotPortable."""
        program = program_of(model)
        asked = Asked(program, schema.inputs)
        step = f"model ({program.name})"
        try:
            results = asked.results(None)
            asked.answers(asked.one.take(np.zeros(ROWS[-1], np.int64)))
        except Exception as error:  # the model raises what it likes
            raise NotPortable(step, f"it does not answer to a row made up from the schema: {error}") from error
        made = export(asked, len(results), step)
        return artefact(made, asked, results, schema, step)

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """There is no other form of a model that is sealed. Raises NotPortable."""
        raised = NotPortable(
            f"model ({type(model).__name__})", "a Keras model without its graph is a program, not data"
        )
        raised.hint = (
            "move text and lookup layers before the model, as a function with preprocess=; or pack a function that calls "
            "the model, which travels as source"
        )
        raise raised


FRAMEWORK = Keras()
