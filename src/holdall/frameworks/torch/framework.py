"""PyTorch as a framework: any module, script or exported program as an ONNX graph.

The module itself, in evaluation mode, is the live model. The graph comes from torch.export; what holdall feeds is put
around it as around an ONNX file made elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from holdall.columns.batch import Batch, Column
from holdall.errors import MissingDependency, NotPortable, UnsupportedModel, UsageError
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.onnx.exported import artefact
from holdall.frameworks.onnx.ports import INTS, WIDEST
from holdall.frameworks.onnx.results import fields_of
from holdall.frameworks.torch.asking import ROWS, Asked
from holdall.frameworks.torch.exporting import export
from holdall.frameworks.torch.programs import Program
from holdall.spec.schema import Field, Kind, Observed, Schema

WEIGHTS_PATH = "model/model.safetensors"
_MODELS = ("Module", "ExportedProgram")


class PyTorch:
    """The Framework of PyTorch's modules, TorchScript and exported programs."""

    name = "PyTorch"

    def recognises(self, model: Any) -> bool:
        """Whether it is a module or an exported program of torch's."""
        return any(
            base.__name__ in _MODELS and base.__module__.partition(".")[0] == "torch" for base in type(model).__mro__
        )

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for what cannot be called with named tensors."""
        if not self.recognises(model):
            raise UnsupportedModel(
                f"a {type(model).__name__} of PyTorch is no model that can be called",
                hint="give the nn.Module with its weights loaded: module.load_state_dict(torch.load(PATH))",
            )
        program = Program(model)
        return Description(task="", inputs=None, width=None, table="numpy", notes=program.notes)

    def arranged(self, model: Any, sample: Batch) -> tuple[Batch, tuple[str, ...]]:
        """The sample as the module's arguments, and the names of the columns that it does not take.

        Arrays without names go to the arguments in order; a nameless matrix of integers, of tokens that is, and one that is
        too wide for a table become one array a row. Raises UsageError.
        """
        program = Program(model)
        names, arguments = list(sample), [argument.name for argument in program.arguments]
        needed = [argument.name for argument in program.arguments if argument.needed]
        ragged = next((name for name in names if sample[name].kind is Kind.LIST), None)
        if ragged is not None:
            raise UsageError(
                f"the rows of {ragged!r} differ in length, and a graph takes arrays of one length",
                hint="pad them to one length, as for training",
            )
        nameless = names == [f"x{place}" for place in range(len(names))] and not set(needed) <= set(names)
        arrays = len(needed) > 1 or all(sample[name].kind is Kind.TENSOR for name in names)
        if nameless and arrays and len(needed) <= len(names) <= len(arguments):
            renamed = dict(zip(arguments, sample.columns.values(), strict=False))
            return Batch(renamed, sample.rows), ()
        if nameless and len(names) > 1 and self._one_array(program, sample):
            values = np.stack([sample[name].values for name in names], axis=1)
            column = Column(Kind.TENSOR, values, None, sample[names[0]].dtype)
            return Batch({arguments[0]: column}, sample.rows), ()
        if (len(needed) > 1 or (names and names[0] in needed)) and set(needed) <= set(names):
            taken = [name for name in arguments if name in names]
            return sample.select(taken), tuple(name for name in names if name not in taken)
        return sample, ()

    def _one_array(self, program: Program, sample: Batch) -> bool:
        """Whether a nameless matrix is better one array a row than so many columns."""
        kinds = {sample[name].kind for name in sample}
        if len(kinds) > 1 or len(program.arguments) < 1:
            return False
        if len(sample.columns) > WIDEST:
            return True
        if kinds != {Kind.INT}:
            return False
        fields = [Field(name=name, kind=Kind.INT) for name in sample]
        first = sample.take(slice(0, 1))
        plan = Asked(program, [replace(field, observed=_seen(first[field.name])) for field in fields]).plan
        return plan.ports[0].element in INTS

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """Raises UnsupportedModel where an output does not hold one value, or one array, a row."""
        results = Asked(Program(model), inputs).results(example)
        return fields_of(results, "name the outputs otherwise")

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 — it answers all at once
        """The module itself."""
        return Asked(Program(model), schema.inputs).answers

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph. Raises NotPortable with the line of the module that stands against it."""
        program = Program(model)
        asked = Asked(program, schema.inputs)
        step = f"model ({program.name})"
        try:
            results = asked.results(None)
        except Exception as error:  # the module raises what it likes
            raise NotPortable(step, f"it does not answer to a row made up from the schema: {error}") from error
        plan = asked.plan
        rows = 1 if plan.alone else ROWS[-1]
        made = export(program, plan, plan.feeds(asked.one.take(np.zeros(rows, np.int64))), len(results))
        return artefact(made, asked, results, schema, step)

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:  # noqa: ARG002 — the seam
        """There is no other form of a module that holds no code. Raises NotPortable."""
        raised = NotPortable(f"model ({Program(model).name})", "a module without its graph is a program, not data")
        raised.hint = (
            "a graph holds tensor operations only, and no chance: torch.where in the place of if, torch in the place of "
            "NumPy, or torch.jit.script the module; else pack a function that calls it, which travels as source"
        )
        raise raised

    def kept(self, model: Any) -> Mapping[str, bytes]:
        """The weights as safetensors, for those who want them beside the graph. Raises MissingDependency."""
        try:
            from safetensors.torch import save
        except ModuleNotFoundError:
            raise MissingDependency("safetensors", "holdall[torch]", "keeping a module's weights") from None
        program = Program(model)
        weights = program.module.state_dict() if program.exported is None else program.exported.state_dict
        # Weights that two layers share are written for each of them: safetensors knows no sharing.
        return {
            WEIGHTS_PATH: bytes(
                save({name: value.detach().cpu().clone().contiguous() for name, value in weights.items()})
            )
        }


def _seen(column: Column) -> Observed:
    return Observed(minimum=float(column.values[0]) if len(column) else None)


FRAMEWORK = PyTorch()
