"""The call: a batch in, a batch out. Every door (predict, serve, batch, replay) ends here.

Synchronous, thread-safe, without any global state. `score(fit(batch))` runs the steps one after the other and turns what
the live model would have refused into RowsRefused, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from holdall.columns.batch import Array, Batch
from holdall.columns.records import read_records, to_records
from holdall.engines.engine import Files, GraphRunning
from holdall.scoring.answering import Answering, compile_records
from holdall.scoring.fit import fit
from holdall.scoring.records import Feeds, compile_groups
from holdall.scoring.stages import REFUSED, FunctionStage, ModelStage, Stage, accepting
from holdall.spec.manifest import Manifest
from holdall.spec.report import Entry
from holdall.spec.schema import Field, Schema
from holdall.spec.steps import PYTHON, GraphInput, Role, Step

if TYPE_CHECKING:
    from holdall.engines.python import Worker


class Scorer:
    """An opened package, ready to score.

    manifest, schema: the package's. The trust ceiling was checked by whoever opened it. Where the package has functions
    of its own, their process ends with `close`, with this object, and with this program.
    """

    def __init__(
        self,
        manifest: Manifest,
        files: Files,
        *,
        threads: int = 1,
        interpreter: str | None = None,
        worker: Worker | None = None,
        patience: float | None = None,
    ) -> None:
        """threads: for one call; 0 lets the engine choose. interpreter: the Python for the package's own functions; None:
        the one that its lock calls for. worker: a process for them that runs already. patience: seconds that
        they may take for one answer; None: for ever.

        Raises ManifestInvalid, PackageDamaged, DigestMismatch, Unavailable where the functions cannot be imported.
        """
        self.manifest = manifest
        self.schema = manifest.schema
        self._worker = worker
        if worker is None and any(step.engine == PYTHON for step in manifest.steps):
            self._worker = _start(manifest, files, interpreter, patience)
        opened = zip(manifest.steps, _schemas(manifest), strict=True)
        self._stages: list[Stage] = [self._open(step, schema, files, threads) for step, schema in opened]
        self._graph: GraphRunning | None = None
        self._feeds: Callable[[Sequence[Mapping[str, Any]]], dict[str, Array]] | None = None
        self._records: Answering | None = None
        (*before, last) = self._stages
        if isinstance(last, ModelStage) and last.step.inputs and not before:
            self._graph = cast("GraphRunning", last.running)
            self._feeds = compile_groups(manifest.schema, last.step.inputs)
            self._records = compile_records(last.step.outputs, {field.name: field for field in manifest.schema.outputs})
        if self._worker is not None:
            # The process imported its libraries while the model was opened.
            self._worker.ready()

    def _open(self, step: Step, schema: Schema, files: Files, threads: int) -> Stage:
        row_wise = self.manifest.row_wise
        if step.engine != PYTHON:
            return ModelStage(step, schema, files, threads, row_wise)
        from holdall.engines.python import Asked, Functions

        running = Asked if step.role is Role.MODEL else Functions
        return FunctionStage(running(cast("Worker", self._worker), step, schema.inputs), step, schema.outputs, row_wise)

    @property
    def findings(self) -> tuple[Entry, ...]:
        """What was worth knowing when the artefact was opened: another version of a library, for instance."""
        return tuple(entry for stage in self._stages for entry in stage.findings)

    def fit(self, batch: Batch) -> Batch:
        """The batch as the schema has it. Raises SchemaMismatch."""
        return fit(batch, self.schema)

    def score(self, batch: Batch) -> Batch:
        """The package's answers, in the schema's output order. Raises SchemaMismatch, RowsRefused."""
        scored = self.fit(batch)
        for stage in self._stages:
            scored = stage.score(scored)
        return scored

    def score_records(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """`score` for a few rows that come as records and are answered by records: nothing between values and engine."""
        if self._feeds is None or self._graph is None:
            return to_records(self.score(read_records(records, self.schema)))
        return self.score_feeds(self._feeds(records), len(records))

    @property
    def takes(self) -> tuple[GraphInput, ...]:
        """The matrices that `score_feeds` takes; none where the package is more than one graph."""
        return () if self._graph is None else cast("ModelStage", self._stages[0]).step.inputs

    def score_feeds(self, feeds: Feeds, rows: int) -> list[dict[str, Any]]:
        """`score_records` for what `compile_groups` or `compile_typed` made of so many rows."""
        graph = cast("GraphRunning", self._graph)
        results = graph.run(feeds)
        refused = results.get(REFUSED)
        if self._records is None or (refused is not None and refused.any()):
            return to_records(cast("ModelStage", self._stages[0]).answer(results, rows))
        return self._records(results)

    def close(self) -> None:
        """End the process of the package's own functions, where it has one."""
        if self._worker is not None:
            self._worker.close()


def _start(manifest: Manifest, files: Files, interpreter: str | None, patience: float | None) -> Worker:
    from holdall.scoring.interpreter import interpreter_for

    interpreter = interpreter or interpreter_for(manifest, files)
    return worker_of(manifest, files, interpreter=interpreter, patience=patience)


def worker_of(manifest: Manifest, files: Files, **options: Any) -> Worker:
    """The process for a package's functions, and for its model where that is source. options: of `Worker`."""
    from holdall.engines.python import Worker

    steps = [step for step in manifest.steps if step.engine == PYTHON]
    code = next((step.files[0] for step in steps if step.files), None)
    state = next((step.files[1] for step in steps if step.role is Role.MODEL and len(step.files) > 1), None)
    functions = [name for step in steps if step.role is not Role.MODEL for name in step.functions]
    return Worker(
        None if code is None else files.read(code),
        functions,
        state=None if state is None else files.read(state),
        **options,
    )


def _schemas(manifest: Manifest) -> list[Schema]:
    """What each step takes and gives: it gives what the next one takes."""
    taken = [step.takes or manifest.schema.inputs for step in manifest.steps]
    given: list[tuple[Field, ...]] = [*taken[1:], manifest.schema.outputs]
    schemas = []
    for step, takes, gives in zip(manifest.steps, taken, given, strict=True):
        last = step is manifest.steps[-1]
        loose = accepting(gives) if step.engine == PYTHON and last else gives
        schemas.append(Schema(inputs=takes, outputs=loose))
    return schemas
