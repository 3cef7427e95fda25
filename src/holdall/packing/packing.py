"""A live model → everything that is sealed. The whole order in one place:

describe → sample (through the functions before the model) → infer → probe → (portable | native) → prove → compose with
the functions → record examples → draft of the manifest; its environment is locked after that (`locking`).

The draft has no release yet: its fingerprint says whether this content was packed before, and `seal` is done by whoever
allots the version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from holdall.checks.parity import TOLERANCES
from holdall.columns import recorded
from holdall.columns.batch import Batch
from holdall.engines import source
from holdall.engines.engine import InMemory
from holdall.errors import NotPortable, SampleRequired, UsageError
from holdall.frameworks.find import find
from holdall.frameworks.framework import Arranging, Artefact, Description, Following, Framework, Keeping, Live, blocker
from holdall.packing import card, drawing, inferring, probing, programs, requiring
from holdall.packing.capturing import Captured
from holdall.packing.composing import Composition, Sealable
from holdall.packing.editing import edited
from holdall.packing.proving import Proof, Prover
from holdall.scoring.fit import fit
from holdall.scoring.scorer import Scorer, worker_of
from holdall.scoring.stages import find_refused
from holdall.spec import digest as digests
from holdall.spec.manifest import FORMAT, Blocker, Examples, File, Manifest, Release
from holdall.spec.report import Parity
from holdall.spec.schema import Kind, Schema
from holdall.spec.steps import PYTHON, Role, Step

RECORDED = 64
NUMBERS, FEWEST = 500_000, 4
"""Examples of images hold no more numbers than this, but are never fewer than that."""
ROLES = {card.PATH: "doc", source.PATH: "code"}
DRAFT = Release(name="draft", version="0.0.0")
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to pack. record: 'synthetic', 'real' or 'none'. schema: edits by column, see `editing`.

    functions: those before and after the model. table: the kind of table that the sample is, 'pandas' or 'numpy'.
    """

    record: str = "synthetic"
    requirements: Sequence[str] = ()
    keep_native: bool = False
    allow_pickle: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    functions: Captured = field(default_factory=Captured)
    table: str = "pandas"


@dataclass(frozen=True)
class Draft:
    """Everything but the release. manifest.release is a placeholder; `released` puts the real one in."""

    manifest: Manifest
    files: Mapping[str, bytes]
    examples: bytes | None
    parity: Parity
    differences: tuple[str, ...]
    ignored: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def released(self, release: Release) -> Manifest:
        """The final manifest."""
        return msgspec.structs.replace(self.manifest, release=release)


def draft(model: Any, sample: Batch | None, options: Options, progress: Progress = lambda _: None) -> Draft:
    """Capture, probe, convert and prove a live model.

    sample: raw input before any preprocessing, without the target; every row of it is used.
    Raises UnsupportedModel, SampleRequired, UsageError (the sample does not fit the model), NotPortable (no form at all).
    """
    model = programs.taken(model, lambda: _first_given(sample, options), options.functions.files)
    framework = programs.framework_of(find(model), model, lambda: _first_given(sample, options))
    description = framework.describe(model)
    if sample is not None and not sample.rows:
        raise UsageError("the sample has no rows", hint="give some rows of what you call predict on")
    if sample is None:
        sample = description.sample
    if sample is None:
        raise SampleRequired(_sample_line(description))
    ignored: Sequence[str] = ()
    if isinstance(framework, Arranging) and not options.functions.preprocess:
        sample, ignored = framework.arranged(model, sample)
    composition = None
    if options.functions.names:
        composition = Composition(options.functions, options.table, sample, description.inputs or ())
    given = sample if composition is None else composition.model_sample
    by = None if composition is None or given is sample else composition.shown
    if isinstance(framework, Arranging) and options.functions.preprocess:
        given, ignored = framework.arranged(model, given)
    taken, others = _columns_of(given, description, by)
    ignored = (*ignored, *others)
    progress("asking the model what it accepts")
    schema, typical = _schema(framework, model, description, taken)
    description = replace(description, task=description.task or _task(schema))
    if composition is None:
        edited(schema, options.schema)  # what cannot be said is told before the work begins
    candidates = _Candidates(framework, model, schema, description, options, progress)
    fitted = fit(taken, schema) if composition is None else composition.fitted(taken, schema)
    made = candidates.choose(fitted, fit(typical, schema))
    _check_included(options, made)
    if composition is not None:
        composition.narrow(given, list(taken))
        made = composition.around(made, options.requirements, progress)
        sample, ignored = sample.select([name for name in sample if name not in composition.ignored]), ()
    else:
        sample = taken
    progress("recording examples")
    drafted = _assemble(
        made, options, fit(sample, made.schema), (*ignored, *(composition.ignored if composition else ()))
    )
    return replace(drafted, notes=(*description.notes, *made.notes))


def _first_given(sample: Batch | None, options: Options) -> tuple[Batch | None, str]:
    """What a model that says nothing of itself is asked with, and the kind of table that it is."""
    if sample is None or not options.functions.preprocess:
        return sample, options.table
    return Composition(options.functions, options.table, sample, ()).model_sample, "pandas"


def _check_included(options: Options, made: Sealable) -> None:
    if options.functions.files and not options.functions.names and made.artefact.engine != PYTHON:
        raise UsageError(
            "files are included for functions to read, and there is no function",
            hint="name one with preprocess= or postprocess=",
        )


def _sample_line(description: Description) -> str:
    if description.inputs:
        return f"add sample=X to pack(): the table you call predict on, with the columns {', '.join(description.inputs[:5])}…"
    return "add sample=X to pack(), or --sample FILE: some rows of what you call predict on"


def _columns_of(sample: Batch, description: Description, by: str | None) -> tuple[Batch, list[str]]:
    """The model's own columns of the sample, in its order, and the names of those it does not take.

    by: the functions that gave the sample, if any did. Raises UsageError.
    """
    whose = "the sample lacks" if by is None else f"what {by} gives lacks"
    hint = (
        "give raw input, as you pass it to predict; if the target is in it, name it with target="
        if by is None
        else f"it has {', '.join(list(sample)[:10])}; the model is given what the last function returns"
    )
    names = list(sample)
    if description.inputs is not None:
        own = {description.written(name): name for name in names} | {name: name for name in names}
        if set(description.inputs) <= set(own):
            taken = [own[name] for name in description.inputs]
            return sample.select(taken), [name for name in names if name not in taken]
        if all(name == f"x{index}" for index, name in enumerate(names)) and len(names) == len(description.inputs):
            renamed = dict(zip(description.inputs, sample.columns.values(), strict=True))
            return Batch(renamed, sample.rows), []
        missing = [name for name in description.inputs if name not in names]
        raise UsageError(
            f"{whose} the model's column{'s' if len(missing) > 1 else ''} {', '.join(missing[:5])}",
            hint=hint,
            missing=missing,
        )
    if description.width is not None and description.width != len(names):
        raise UsageError(
            f"the model takes {description.width} columns, {'the sample' if by is None else f'what {by} gives'} "
            f"has {len(names)}",
            hint=hint,
        )
    return sample, []


def _schema(framework: Framework, model: Any, description: Description, sample: Batch) -> tuple[Schema, Batch]:
    """The probed schema, and one row of the sample that the model accepts."""
    inputs = inferring.infer(sample, description.missing)
    bare = Schema(inputs=inputs, outputs=())
    typical, outputs = _typical(framework, model, bare, sample)
    big = frozenset(name for name in sample if inferring.beyond_double(sample[name]))
    unprobed = Schema(inputs=inputs, outputs=outputs)
    probed = probing.probe(unprobed, typical, lambda schema: framework.live(model, schema), big)
    return probed, typical


def _task(schema: Schema) -> str:
    """What the outputs say of the task: one number a row is a regression, another prediction is a class."""
    kinds = {field.name: field.kind for field in schema.outputs}
    if "prediction" not in kinds:
        return "transform"
    if kinds["prediction"] is not Kind.FLOAT:
        return "classification"
    return "regression" if len(kinds) == 1 else "transform"


def _typical(framework: Framework, model: Any, schema: Schema, sample: Batch) -> tuple[Batch, Any]:
    """The first row of the sample that the model accepts, complete ones first; and the outputs that it gave."""
    incomplete = np.zeros(sample.rows, np.int64)
    for name in sample:
        incomplete += sample[name].null_mask()
    failure: Exception | None = None
    for row in np.argsort(incomplete, kind="stable")[:25]:
        one = sample.take(np.array([row]))
        try:
            # Two rows, since some models squeeze the answer to a single one out of shape.
            outputs = framework.outputs(model, schema.inputs, one.take(np.array([0, 0])))
            framework.live(model, Schema(inputs=schema.inputs, outputs=outputs))(one)
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 — whatever the live model raises is its refusal
            failure = failure or error
            continue
        return one, outputs
    words = " ".join(str(failure).split())[:300]
    raise UsageError(
        f"the model refuses the sample: {type(failure).__name__}: {words}",
        hint="give raw input, exactly as you pass it to predict",
    ) from failure


class _Candidates:
    """The forms that the model can be sealed in, the most portable first."""

    def __init__(
        self,
        framework: Framework,
        model: Any,
        schema: Schema,
        description: Description,
        options: Options,
        progress: Progress,
    ) -> None:
        self.schema = schema
        self.live = framework.live(model, schema)
        self._brief = framework.live(model, schema, brief=True)
        self._framework = framework
        self._model = model
        self._description = description
        self._options = options
        self._progress = progress

    def choose(self, sample: Batch, typical: Batch) -> Sealable:
        """The portable form if there is one and its parity holds, else the native one with the reasons."""
        blockers: list[Blocker] = []
        self._progress("writing the model as a graph")
        try:
            artefact = self._portable(sample)
        except NotPortable as error:
            blockers.append(blocker(error, "model"))
        else:
            manifest, proof = self._prove(artefact, sample, typical, ())
            if proof.comparison.passed:
                return self._sealable(artefact, proof, manifest, self._native_files())
            blockers.append(
                Blocker(step=f"model ({type(self._model).__name__})", cause=f"parity failed: {_why(proof)}")
            )
        self._progress("sealing the model's own format")
        native = self._native(blockers)
        manifest, proof = self._prove(native, sample, typical, tuple(blockers))
        return self._sealable(native, proof, manifest, {})

    def _portable(self, sample: Batch) -> Artefact:
        if isinstance(self._framework, Following):
            return self._framework.followed(self._model, self.schema, sample)
        return self._framework.portable(self._model, self.schema)

    def _sealable(self, artefact: Artefact, proof: Proof, manifest: Manifest, kept: Mapping[str, bytes]) -> Sealable:
        return Sealable(
            schema=self.schema,
            live=self.live,
            brief=self._brief,
            manifest=manifest,
            artefact=artefact,
            files={**artefact.files, **kept},
            proof=proof,
        )

    def _native(self, blockers: Sequence[Blocker]) -> Artefact:
        own = programs.with_own_classes(
            self._framework, self._model, self.schema, self._description.table, self._options.functions.files
        )
        if own is not None:
            return own
        try:
            return self._framework.native(self._model, self.schema, allow_pickle=self._options.allow_pickle)
        except NotPortable as error:
            graph = "; ".join(f"{found.step}: {found.cause}" for found in blockers)
            raised = NotPortable(error.step, f"{error.cause}. As a graph: {graph}")
            raised.hint = (
                error.hint or "as a last resort --allow-pickle (allow_pickle=True) seals a pickle, which few will load"
            )
            raise raised from error

    def _one_target(self) -> bool:
        return any(field.name == "prediction" for field in self.schema.outputs)

    def _native_files(self) -> Mapping[str, bytes]:
        if not self._options.keep_native:
            return {}
        if isinstance(self._framework, Keeping):
            return self._framework.kept(self._model)
        return self._framework.native(self._model, self.schema, allow_pickle=self._options.allow_pickle).files

    def _prove(
        self, artefact: Artefact, sample: Batch, typical: Batch, blockers: tuple[Blocker, ...]
    ) -> tuple[Manifest, Proof]:
        manifest = self._manifest(artefact, blockers)
        if artefact.engine == PYTHON:
            return manifest, self._proved_alone(manifest, artefact, sample, typical)
        try:
            scorer = Scorer(manifest, InMemory(artefact.files), threads=0)
        except Exception as error:
            if blockers:
                raise
            # A graph that does not even load is a conversion that failed.
            return manifest, _failed(f"the graph does not load: {error}")
        prover = Prover(manifest, scorer, self.live, self._brief, self._progress)
        return manifest, prover.prove(artefact, sample, typical)

    def _proved_alone(self, manifest: Manifest, artefact: Artefact, sample: Batch, typical: Batch) -> Proof:
        """A model that is source, in a process of its own. Raises UsageError, CheckFailed."""
        self._progress("starting the model by itself")
        worker = worker_of(manifest, InMemory(artefact.files), watch=True)
        try:
            scorer = programs.alone(worker, lambda: Scorer(manifest, InMemory(artefact.files), worker=worker))
            proof = Prover(manifest, scorer, self.live, self._brief, self._progress).prove(artefact, sample, typical)
        finally:
            worker.close()
        programs.check(proof.comparison, artefact.functions[0], worker.opened, artefact.files[source.PATH])
        return proof

    def _manifest(self, artefact: Artefact, blockers: tuple[Blocker, ...]) -> Manifest:
        portable = bool(artefact.inputs) or artefact.engine == "onnx"
        step = Step(
            role=Role.MODEL,
            engine=artefact.engine,
            files=tuple(artefact.files),
            inputs=artefact.inputs,
            outputs=artefact.outputs,
            guards=artefact.guards,
            compute=artefact.compute,
            table=artefact.table,
            functions=artefact.functions,
        )
        needs = () if portable else (*requiring.needs_of(artefact), *self._description.requires, *artefact.requires)
        return Manifest(
            format=FORMAT,
            release=DRAFT,
            task=self._description.task,
            classes=self._description.classes if self._one_target() else None,
            schema=self.schema,
            steps=(step,),
            row_wise=True,
            portable=portable,
            blockers=blockers,
            tolerance=artefact.tolerance or TOLERANCES[artefact.compute],
            examples=None,
            environment=requiring.environment(needs, self._options.requirements),
            files=(),
        )


def _failed(why: str) -> Proof:
    from holdall.checks.parity import Comparison

    comparison = Comparison()
    comparison.differ(why)
    return Proof(comparison, False)


def _why(proof: Proof) -> str:
    comparison = proof.comparison
    figures = f"{comparison.label_flips} label flips, {comparison.outside} values outside the tolerance"
    first = comparison.differences[0] if comparison.differences else ""
    return f"{figures} in {comparison.rows} rows" + (f"; {first}" if first else "")


def _assemble(chosen: Sealable, options: Options, sample: Batch, ignored: tuple[str, ...]) -> Draft:
    schema = edited(chosen.schema, options.schema)
    examples, rows = _examples(chosen.live, options, sample, schema)
    manifest = msgspec.structs.replace(
        chosen.manifest,
        schema=schema,
        row_wise=chosen.proof.row_wise,
        examples=None if examples is None else Examples(digest=digests.of(examples), rows=rows, record=options.record),
    )
    files = dict(chosen.files)
    files[card.PATH] = card.card(manifest).encode("utf-8")
    listed = tuple(
        File(
            path=path,
            digest=digests.of(files[path]),
            size=len(files[path]),
            role=ROLES.get(path, "weight"),
        )
        for path in sorted(files)
    )
    manifest = msgspec.structs.replace(manifest, files=listed)
    comparison = chosen.proof.comparison
    return Draft(manifest, files, examples, comparison.parity(), tuple(comparison.differences), ignored)


def _examples(live: Live, options: Options, sample: Batch, schema: Schema) -> tuple[bytes | None, int]:
    """The recorded examples and how many: rows with the live model's own answers to them."""
    if options.record == "none":
        return None, 0
    if options.record == "real":
        inputs = sample.take(slice(0, RECORDED))
    else:
        inputs = drawing.draw(schema, RECORDED, seed=0, strange=0.05)
    if options.schema:
        outside = sorted(find_refused(lambda batch: fit(batch, schema), inputs, True))
        inputs = inputs.take(np.setdiff1d(np.arange(inputs.rows), outside))
    try:
        outputs = live(inputs)
    except Exception:  # noqa: BLE001 — a refused row is no example
        refused = sorted(find_refused(live, inputs, True, 512))
        inputs = inputs.take(np.setdiff1d(np.arange(inputs.rows), refused))
        if not inputs.rows or not refused:
            return None, 0
        outputs = live(inputs)
    numbers = sum(batch[name].values.size for batch in (inputs, outputs) for name in batch)
    rows = min(inputs.rows, max(FEWEST, inputs.rows * NUMBERS // numbers)) if numbers else inputs.rows
    return recorded.encode(inputs.take(slice(0, rows)), outputs.take(slice(0, rows))), rows
