"""Steps: how the sealed files are run, one after the other, each columns → columns."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from holdall.spec.schema import Field, Kind

PYTHON = "python"
"""The engine of functions that travel as source."""


class Role(StrEnum):
    PREPROCESS = "preprocess"
    MODEL = "model"
    POSTPROCESS = "postprocess"


class GraphInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One input of a graph: a matrix [rows, len(columns)] of one kind.

    One input per kind, not per column: 25 column inputs cost four times what grouped ones do in a one-row call.
    FLOAT is float64 with NaN for null; INT, TIMESTAMP, DATE are int64; BOOL is bool; STRING is text. For all but FLOAT
    nulls travel in `mask`, the name of a bool input [rows, len(columns)]; the value below a set mask is 0, False or ''.
    A TENSOR has an input of its own, an array [rows, …] in float64, and no mask.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    mask: str | None = None


class StepOutput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One result of an engine and the columns that it holds.

    name: the graph's output, or the native model's method ('predict', 'predict_proba', 'transform' …).
    columns: names of the output columns; a vector [rows] is one column, a matrix [rows, k] is k of them.
    mask: the graph's bool output of the same shape that says where these columns hold a null, where they can.
    """

    name: str
    columns: tuple[str, ...]
    mask: str | None = None


class Guard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A reason for which the graph refuses a row, as the live model did: one column of the graph's output `refused`.

    column: the input column at fault, or None where it is the whole row.
    reason: the sentence for the user, for instance "a category that the model was not fitted on".
    step: which step of the model refuses, for instance "pipeline.encode (OneHotEncoder)".
    narrower: it may refuse what a function of the user's takes, whose own reading depends on the rest of the table.
    """

    column: str | None = None
    reason: str
    step: str
    narrower: bool = False


class Compute(StrEnum):
    """In which numbers the model computes; decides the tolerance of parity."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step.

    engine: which engine runs it: 'onnx', 'skops', 'pickle', …
    files: the paths in the package that the engine opens, the first one first.
    inputs: a graph's inputs. Empty for native artefacts, which take the schema's columns as a table.
    outputs: what it gives, in the order of the schema's outputs.
    guards: the columns of the graph's bool output 'refused' [rows, len(guards)]; empty: there is no such output.
    table: for native artefacts, the kind of table the model was fitted on: 'pandas', 'numpy', 'text' for a model that takes
        one document after the other, 'mappings' for one that takes a dictionary a row. For functions, the kind of table
        that the first one is given.
    functions: for engine 'python', what the table goes through, one after the other: 'module:name' of the sealed source.
    takes: the columns that this step takes, where another step stands before it; else they are the schema's inputs.
    """

    role: Role
    engine: str
    files: tuple[str, ...]
    inputs: tuple[GraphInput, ...] = ()
    outputs: tuple[StepOutput, ...]
    guards: tuple[Guard, ...] = ()
    compute: Compute = Compute.FLOAT64
    table: str | None = None
    functions: tuple[str, ...] = ()
    takes: tuple[Field, ...] = ()
