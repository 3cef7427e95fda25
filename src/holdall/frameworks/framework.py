"""What every framework gives to packing: the seam between a live model and the rest of the house.

The order of calls is always `describe` → (packing infers the schema and probes `live`) → `portable` or `native`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from holdall.columns.batch import Batch
from holdall.spec.manifest import Blocker, Tolerance
from holdall.spec.schema import Field, Missing, Schema
from holdall.spec.steps import Compute, GraphInput, Guard, StepOutput


@dataclass(frozen=True)
class Description:
    """What the model says of itself without being run.

    inputs: names of its input columns where it knows them (fitted on a data frame); else None.
    width: how many columns it takes, where it knows.
    table: the kind of table it was fitted on, as in Step.table: 'pandas', 'numpy' or 'text'.
    task, classes: as in the manifest. task '': only the outputs tell (see packing).
    missing: by column, the marker that its encoders were fitted on, where they know one.
    notes: what the user should know of the model as such, in sentences.
    requires: distributions that the native artefact needs, as exact requirements ('scikit-learn==1.9.1').
    written: how the model writes the name of a column that it was given, where it does not keep it.
    sample: what stands in for the user's sample where none is given; None: there has to be one.
    """

    task: str
    inputs: tuple[str, ...] | None
    width: int | None
    table: str
    classes: tuple[str | int | float | bool, ...] | None = None
    missing: Mapping[str, Missing] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    written: Callable[[str], str] = str
    sample: Batch | None = None


@dataclass(frozen=True)
class Artefact:
    """Files that an engine can run, and how.

    boundaries: raw values, by column, at which the answer may change (for parity rows on thresholds).
    types: for a native artefact, the qualified names of the types in it.
    requires: what its engine needs beyond holdall's own requirements, as exact requirements.
    functions: for engine 'python', as in the step.
    tolerance: what it is held to, where that is less than is usual for what it computes in.
    """

    engine: str
    files: Mapping[str, bytes]
    inputs: tuple[GraphInput, ...]
    outputs: tuple[StepOutput, ...]
    guards: tuple[Guard, ...] = ()
    compute: Compute = Compute.FLOAT64
    table: str | None = None
    boundaries: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    tolerance: Tolerance | None = None


Live = Callable[[Batch], Batch]
"""The live model's own answers: a batch of the schema's inputs → a batch of its outputs, in the same order of rows.

Raises whatever the model raises for rows that it refuses.
"""


class Framework(Protocol):
    """One framework."""

    name: str

    def recognises(self, model: Any) -> bool:
        """Whether the model is of this framework; looks at class names only."""
        ...

    def describe(self, model: Any) -> Description: ...

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """The output columns' names and kinds. example: a few rows of these inputs that the model accepts."""
        ...

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:
        """The model's own answers as columns, for every output that the model has.

        brief: only the answer that says most (probabilities, a decision, else the prediction): for the bulk of a large
        sample, where asking for the same thing in three forms would take three times as long.
        """
        ...

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """A data-only artefact. Raises NotPortable with the step and the cause."""
        ...

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:
        """The framework's own format. Raises NotPortable where even that cannot be (with the cause), or TrustRequired
        where only a pickle can hold it and `allow_pickle` is not given."""
        ...


@runtime_checkable
class Arranging(Protocol):
    """A framework whose models take arrays rather than tables, and which so puts the sample in order itself."""

    def arranged(self, model: Any, sample: Batch) -> tuple[Batch, tuple[str, ...]]:
        """The sample as the model's inputs, and the names of its columns that the model does not take. Raises UsageError."""
        ...


@runtime_checkable
class Following(Protocol):
    """A framework that writes code of the user's own into a graph: it has to be shown rows of the sample."""

    def followed(self, model: Any, schema: Schema, sample: Batch) -> Artefact:
        """As `Framework.portable`. sample: fitted to the schema. Raises NotPortable."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A framework whose models are kept in another form than their native one beside the portable artefact."""

    def kept(self, model: Any) -> Mapping[str, bytes]:
        """Path → bytes."""
        ...


def blocker(error: Exception, step: str) -> Blocker:
    """Why a model is not portable, as the manifest lists it."""
    return Blocker(step=str(getattr(error, "step", step)), cause=str(getattr(error, "cause", error)))
