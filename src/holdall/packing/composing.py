"""A model with the user's functions before and after it: composed live, sealed as steps, and proved to be the same.

The model is packed as ever, on what the functions make of the sample. Around it the schema is that of the raw input, probed
on the whole composition, and the whole is proved once more with the functions in the process that they will run in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch, Column
from holdall.columns.pandas import from_pandas, to_pandas
from holdall.engines.engine import InMemory
from holdall.engines.python import FunctionRaised, Worker
from holdall.engines.source import PATH
from holdall.environments.requirements import distributions_of
from holdall.errors import CheckFailed, Error, SchemaMismatch, UsageError
from holdall.frameworks.framework import Artefact, Live
from holdall.packing import inferring, probing, programs, requiring
from holdall.packing.behind import Answers, Behind, behind, joined
from holdall.packing.capturing import Captured
from holdall.packing.chain import Chain
from holdall.packing.inside import inside
from holdall.packing.proving import WHOLE, Proof, Prover
from holdall.packing.traced import StaysPython
from holdall.scoring.fit import fit
from holdall.scoring.scorer import Scorer, worker_of
from holdall.scoring.stages import accepting
from holdall.spec.manifest import Blocker, Manifest
from holdall.spec.schema import Field, Schema
from holdall.spec.steps import PYTHON, Role, Step, StepOutput

NEEDED = 256
"""On so many rows it is tried which columns the functions need."""

TRIED = 25
LISTED = 20
"""So many further reasons why functions stay Python are sealed."""


@dataclass(frozen=True)
class Sealable:
    """Everything that is sealed, before its examples. live, brief: the live answers to fitted input of `schema`."""

    schema: Schema
    live: Live
    brief: Live
    manifest: Manifest
    artefact: Artefact
    files: Mapping[str, bytes]
    proof: Proof
    notes: tuple[str, ...] = ()


class Composition:
    """The functions around one model."""

    def __init__(self, captured: Captured, table: str, sample: Batch, taken: Sequence[str]) -> None:
        """table: the kind of table that the sample is. taken: the columns that the model takes, where it knows.

        Raises UsageError where the functions cannot take the sample.
        """
        self._captured = captured
        self._sample = sample
        self._fields = inferring.infer(sample, {})
        self._before = Chain(captured.preprocess, captured.preprocess_names, table, tuple(taken))
        self._after = Chain(captured.postprocess, captured.postprocess_names, "pandas")
        self.ignored: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The functions before the model, as messages have them."""
        return self._before.shown

    @property
    def model_sample(self) -> Batch:
        """What the model is given for the sample. Raises UsageError."""
        if not self._before.functions:
            return self._sample
        return self._before.first(self._sample, self._fields, self._sample.rows)

    def fitted(self, given: Batch, schema: Schema) -> Batch:
        """What the model is given, as it takes it. Raises UsageError where it refuses some of it."""
        try:
            return fit(given, schema)
        except SchemaMismatch as error:
            after = f" after {self._before.shown}" if self._before.functions else ""
            raise UsageError(
                f"the model refuses rows of the sample{after}: {error.message}",
                hint="leave such rows out of the sample, or let the function or the pipeline fill what is missing",
                problems=error.facts["problems"],
            ) from None

    def narrow(self, given: Batch, taken: Sequence[str]) -> None:
        """Leave out the sample's columns without which the model is given the same. given: `model_sample`; taken: its
        columns that the model takes."""
        if not self._before.functions or self._before.table != "pandas" or self._after.takes_inputs:
            return
        some, expected = self._sample.take(slice(0, NEEDED)), given.select(taken).take(slice(0, NEEDED))
        kept = list(self._fields)
        pending = [[field for field in kept if not self._passed_on(field.name, some, expected)]]
        while pending:
            tried = pending.pop()
            fewer = [field for field in kept if field not in tried]
            if tried and fewer and self._gives(some, fewer, expected):
                kept = fewer
            elif len(tried) > 1:
                middle = len(tried) // 2
                pending += [tried[middle:], tried[:middle]]
        if len(kept) < len(self._fields) and self._gives(self._sample, kept, given.select(taken)):
            names = [field.name for field in kept]
            self.ignored = tuple(field.name for field in self._fields if field.name not in names)
            self._fields, self._sample = tuple(kept), self._sample.select(names)

    @staticmethod
    def _passed_on(name: str, sample: Batch, expected: Batch) -> bool:
        """Whether the model is given this very column, so that it is surely needed."""
        return name in expected.columns and _same(sample[name], expected[name])

    def _gives(self, sample: Batch, fields: Sequence[Field], expected: Batch) -> bool:
        try:
            return not differing(self._before.run(sample, fields), expected)
        except Exception:  # noqa: BLE001 — without that column the function fails: it is needed
            return False

    def around(self, model: Sealable, stated: Sequence[str], progress: Callable[[str], None]) -> Sealable:
        """The whole: the raw schema probed, the steps sealed, the composition proved in the functions' own process.

        model: as it is sealed alone. stated: the user's own requirements.
        Raises UsageError for functions that do not run by themselves, CheckFailed where they then answer otherwise.
        """
        progress("asking the functions what they accept")
        taken = model.schema.inputs
        after, outputs = self._outputs(model, taken)

        def live_of(of_model: Live) -> Callable[[Schema], Live]:
            return lambda schema: self._live(of_model, schema.inputs, taken, after, outputs)

        bare = Schema(inputs=self._fields, outputs=outputs)
        typical = self._typical(live_of(model.live)(bare))
        big = frozenset(name for name in self._sample if inferring.beyond_double(self._sample[name]))
        schema = probing.probe(bare, typical, live_of(model.live), big)
        files = programs.merged(model.files, self._captured.code)
        whole = replace(
            model,
            schema=schema,
            live=live_of(model.live)(schema),
            brief=live_of(model.brief if not after else model.live)(schema),
            manifest=self._manifest(model, schema, after, stated),
            files=files,
        )
        return self._placed(whole, model, fit(typical, schema), after, stated, progress)

    def _placed(
        self,
        whole: Sealable,
        model: Sealable,
        typical: Batch,
        answers: Sequence[Field],
        stated: Sequence[str],
        progress: Callable[[str], None],
    ) -> Sealable:
        """As many of the functions as can be inside the model's graph, the rest beside it, proved.

        answers: the columns that the functions after the model take.
        """
        progress("writing the functions into the graph")
        sample = fit(self._sample, whole.schema)
        why: dict[Role, StaysPython] = {}
        later = self._later(whole, model, sample, answers, why)
        artefact = self._earlier(whole, model, sample, () if later is None else later.beside, why)
        if later is not None:
            try:
                artefact = joined(artefact or model.artefact, later)
            except StaysPython as error:
                why[Role.POSTPROCESS], later = error, None
        if self._after.takes_inputs and later is None:
            raise self._needs_inputs(why)
        placed = self._whole_with(whole, model, artefact or model.artefact, why, stated)
        if not why:
            scorer = Scorer(placed.manifest, InMemory(placed.files), threads=0)
            prover = Prover(placed.manifest, scorer, whole.live, whole.brief, progress)
            proof = prover.prove(placed.artefact, sample, typical)
            if proof.comparison.passed:
                both = together(model.proof.comparison, proof.comparison)
                proof = Proof(both, model.proof.row_wise and proof.row_wise)
                return replace(placed, proof=proof, notes=_narrower(placed.artefact))
        else:
            placed = self._proved(placed, typical, model.proof, progress)
            proof = placed.proof
            if proof.comparison.passed or len(why) == len(self._chains):
                return placed
        first = proof.comparison.differences[0] if proof.comparison.differences else "parity failed"
        otherwise = StaysPython(f"traced, the whole answers otherwise: {first}")
        why = {role: why.get(role, otherwise) for role, _ in self._chains}
        if self._after.takes_inputs:
            raise self._needs_inputs(why)
        return self._proved(self._whole_with(whole, model, model.artefact, why, stated), typical, model.proof, progress)

    @property
    def _chains(self) -> list[tuple[Role, Chain]]:
        chains = ((Role.PREPROCESS, self._before), (Role.POSTPROCESS, self._after))
        return [(role, chain) for role, chain in chains if chain.functions]

    def _later(
        self, whole: Sealable, model: Sealable, sample: Batch, answers: Sequence[Field], why: dict[Role, StaysPython]
    ) -> Behind | None:
        """The functions after the model as a graph; None where there are none, or they stay Python, which `why` tells."""
        if not self._after.functions:
            return None
        inputs = whole.schema.inputs if self._after.takes_inputs else ()
        given = Answers(
            fields=answers,
            batch=self._answers,
            missing=frozenset(name for end in model.artefact.outputs if end.mask is not None for name in end.columns),
            inputs=inputs,
            asked=sample.take(slice(0, self._answers.rows)) if inputs else None,
        )
        try:
            return behind(self._after, given, whole.schema.outputs)
        except StaysPython as error:
            why[Role.POSTPROCESS] = error
            return None

    def _earlier(
        self, whole: Sealable, model: Sealable, sample: Batch, beside: Sequence[str], why: dict[Role, StaysPython]
    ) -> Artefact | None:
        """The model with the functions before it inside its graph; None where there is nothing to put there, or they stay
        Python, which `why` tells. beside: raw columns that go past the model."""
        if not self._before.functions and not beside:
            return None
        try:
            return inside(
                self._before.functions,
                self._before.run,
                self._before.shown,
                whole.schema,
                sample,
                model.schema.inputs,
                model.artefact,
                beside,
                self._before.table,
            )
        except StaysPython as error:
            if self._before.functions:
                why[Role.PREPROCESS] = error
            if beside:
                why[Role.POSTPROCESS] = StaysPython(f"the raw columns do not go past the model: {error}")
            return None

    def _needs_inputs(self, why: Mapping[Role, StaysPython]) -> UsageError:
        """Functions of answers and inputs that stay Python, where only the answers are given to them."""
        reasons = "; ".join(str(error) for error in why.values())
        return UsageError(
            f"{self._after.shown} takes the rows beside the answers, which it can only inside the model's graph: {reasons}",
            hint="`holdall trace` shows what of a function goes into the graph; or write the rule over the answers alone, and "
            "apply the rest where the rows are",
        )

    def _whole_with(
        self,
        whole: Sealable,
        model: Sealable,
        artefact: Artefact,
        why: Mapping[Role, StaysPython],
        stated: Sequence[str],
    ) -> Sealable:
        """The whole with this artefact as its model, and the functions of which `why` tells beside it."""
        steps = tuple(
            step
            if step.role is not Role.MODEL
            else msgspec.structs.replace(
                step,
                inputs=artefact.inputs,
                outputs=artefact.outputs,
                guards=artefact.guards,
                takes=step.takes if Role.PREPROCESS in why else (),
            )
            for step in whole.manifest.steps
            if step.role is Role.MODEL or step.role in why
        )
        blockers = [
            blocker for role, chain in self._chains if role in why for blocker in _blockers(role, chain, why[role])
        ]
        manifest = msgspec.structs.replace(
            whole.manifest,
            steps=steps,
            portable=not why and model.manifest.portable,
            blockers=(*model.manifest.blockers, *blockers),
            environment=whole.manifest.environment if why else requiring.environment((), stated),
        )
        files = {**(whole.files if why else model.files), **artefact.files}
        return replace(whole, manifest=manifest, artefact=artefact, files=files)

    def _outputs(self, model: Sealable, taken: Sequence[Field]) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
        """The columns that the functions after the model take (none where there are none), and the last outputs."""
        if not self._after.functions:
            return (), model.schema.outputs
        inputs = Schema(inputs=tuple(taken), outputs=())
        some = self._sample.take(slice(0, WHOLE))
        given = fit(self._before.run(some, self._fields) if self._before.functions else some, inputs)
        answers = model.live(given)
        as_table = from_pandas(to_pandas(answers))
        fields = tuple(
            msgspec.structs.replace(field, dtype=as_table[field.name].dtype, nullable=True)
            for field in model.schema.outputs
        )
        self._answers = answers
        asked = (some, self._fields) if self._after.takes_inputs else None
        result = self._after.first(answers, fields, answers.rows, asked)
        outputs = tuple(
            Field(name=name, kind=result[name].kind, shape=tuple(result[name].values.shape[1:])) for name in result
        )
        return fields, outputs

    def _live(
        self,
        model: Live,
        fields: Sequence[Field],
        taken: Sequence[Field],
        after: Sequence[Field],
        outputs: Sequence[Field],
    ) -> Live:
        inputs = Schema(inputs=tuple(taken), outputs=())
        loose = Schema(inputs=accepting(outputs), outputs=())

        def run(batch: Batch) -> Batch:
            columns = fit(self._before.run(batch, fields), inputs) if self._before.functions else batch
            columns = model(columns)
            asked = (batch, fields) if self._after.takes_inputs else None
            return fit(self._after.run(columns, after, asked), loose) if self._after.functions else columns

        return run

    def _typical(self, live: Live) -> Batch:
        """The first row of the sample that is answered, complete ones first. Raises UsageError."""
        incomplete = np.zeros(self._sample.rows, np.int64)
        for name in self._sample:
            incomplete += self._sample[name].null_mask()
        failure: Exception | None = None
        for row in np.argsort(incomplete, kind="stable")[:TRIED]:
            one = self._sample.take(np.array([row]))
            try:
                live(one)
            except Exception as error:  # noqa: BLE001 — whatever the functions or the model raise is their refusal
                failure = failure or error
            else:
                return one
        words = " ".join(str(failure).split())[:300]
        raise UsageError(
            f"the functions or the model refuse single rows of the sample: {type(failure).__name__}: {words}",
            hint="a package is asked for single rows too: a step has to take a table of one row",
        ) from failure

    def _manifest(self, model: Sealable, schema: Schema, after: tuple[Field, ...], stated: Sequence[str]) -> Manifest:
        captured, before = self._captured, model.manifest
        code = () if captured.code is None else (PATH,)
        (inner,) = before.steps
        # What was observed on the way in is told of the raw columns only.
        takes = tuple(msgspec.structs.replace(field, observed=None) for field in model.schema.inputs)
        steps = [msgspec.structs.replace(inner, takes=takes) if captured.preprocess else inner]
        if captured.preprocess:
            given = tuple(field.name for field in model.schema.inputs)
            steps.insert(0, self._step(Role.PREPROCESS, self._before, code, given, ()))
        if captured.postprocess:
            given = tuple(field.name for field in schema.outputs)
            steps.append(self._step(Role.POSTPROCESS, self._after, code, given, after))
        uses_pandas = self._before.table == "pandas" or captured.postprocess
        needs = [*before.environment.requires, *captured.requires]
        needs += distributions_of(["pandas"]) if uses_pandas else ()
        return msgspec.structs.replace(
            before,
            schema=schema,
            classes=before.classes if any(field.name == "prediction" for field in schema.outputs) else None,
            steps=tuple(steps),
            portable=False,
            environment=requiring.environment(needs, stated),
        )

    @staticmethod
    def _step(
        role: Role, chain: Chain, code: tuple[str, ...], given: tuple[str, ...], takes: tuple[Field, ...]
    ) -> Step:
        return Step(
            role=role,
            engine=PYTHON,
            files=code,
            outputs=(StepOutput(name="table", columns=given),),
            table=chain.table,
            functions=chain.names,
            takes=takes,
        )

    def _proved(self, whole: Sealable, typical: Batch, alone: Proof, progress: Callable[[str], None]) -> Sealable:
        progress("starting the functions by themselves")
        worker = worker_of(whole.manifest, InMemory(whole.files), watch=True)
        try:
            self._check_functions(worker, whole)
            scorer = Scorer(whole.manifest, InMemory(whole.files), threads=0, worker=worker)
            prover = Prover(whole.manifest, scorer, whole.live, whole.brief, progress)
            proof = prover.prove(whole.artefact, fit(self._sample, whole.schema), typical)
            notes = (*self._notes(worker.opened, alone, proof), *_narrower(whole.artefact))
        finally:
            worker.close()
        both = Proof(together(alone.comparison, proof.comparison), alone.row_wise and proof.row_wise)
        return replace(whole, proof=both, notes=notes)

    def _check_functions(self, worker: Worker, whole: Sealable) -> None:
        """The functions by themselves against the live ones, on the sample. Raises UsageError, CheckFailed."""
        stays = any(step.role is Role.PREPROCESS for step in whole.manifest.steps)
        chain = self._before if stays else None
        try:
            worker.ready()
            if chain is None:
                return
            some = fit(self._sample.take(slice(0, WHOLE)), whole.schema)
            fields = whole.schema.inputs
            made = worker.call(chain.names, some, fields, chain.table, chain.wanted)
        except FunctionRaised as error:
            raise self._explained(error, worker.opened) from error
        self._check_opened(worker.opened)
        expected = chain.run(some, fields)
        differ = differing(made, expected)
        if differ:
            raise CheckFailed(
                f"{chain.shown} gives another {differ[0]!r} by itself than it does here",
                hint="it may depend on what does not travel: a module changed since it was imported (restart, and pack "
                "then), random numbers, the time, an environment variable, a global that another cell sets",
                columns=differ,
            )

    def _explained(self, error: FunctionRaised, opened: Sequence[str]) -> Error:
        where = f" ({error.where})" if error.where else ""
        if error.file is not None:
            return _unsealed(error.file, where)
        self._check_opened(opened)
        if error.module is not None:
            return UsageError(
                f"the functions need the module {error.module!r}, which does not travel with them{where}",
                hint=f"import it by a plain import statement; if it is installed, name it with requirements=[{error.module!r}]",
                module=error.module,
            )
        return UsageError(
            f"the functions do not run by themselves: {error}",
            hint="they run without this session: what they need must be in their module, in what it imports, or in a file "
            "that include= names; put them into a module of their own, for instance features.py",
        )

    def _check_opened(self, opened: Sequence[str]) -> None:
        """Files that only this machine has, opened by the functions' own word."""
        for path in opened:
            named = any(path.encode() in data for data in self._captured.files.values())
            if named or not path.startswith(("/", "\\")):
                raise _unsealed(path, "")

    def _notes(self, opened: Sequence[str], alone: Proof, proof: Proof) -> tuple[str, ...]:
        names = ", ".join(chain.shown for chain in (self._before, self._after) if chain.functions)
        notes = [f"{names} opens {path}, which other machines may not have" for path in opened[:5]]
        if alone.row_wise and not proof.row_wise:
            notes.append(
                f"with {names} a row's answer depends on the other rows of its batch (a mean, a rank or a shift over the "
                "table?), so one row alone is answered otherwise than in a table"
            )
        return tuple(notes)


def _narrower(artefact: Artefact) -> tuple[str, ...]:
    """What is refused inside the graph although the functions may take it."""
    reasons = dict.fromkeys(guard.reason for guard in artefact.guards if guard.narrower)
    return tuple(f"a row is refused where {reason}" for reason in reasons)


def _blockers(role: Role, chain: Chain, error: StaysPython) -> list[Blocker]:
    """Why functions stay Python: every reason that could be found."""
    step = f"{role} {chain.shown}"
    first = Blocker(step=step, cause=f"{error}; so it stays Python, run from its source in a process of its own")
    return [first, *(Blocker(step=step, cause=cause) for cause in error.others[:LISTED])]


def _unsealed(path: str, where: str) -> UsageError:
    absolute = path.startswith(("/", "\\"))
    name = path.rpartition("/")[2]
    return UsageError(
        f"the functions open {path!r}, which does not travel with them{where}",
        hint=f"put the file beside them, open it as {name!r} and add include=[{name!r}] (--include {name})"
        if absolute
        else f"add include=[{path!r}] (--include {path}) in the folder that it is relative to",
        path=path,
    )


def differing(actual: Batch, expected: Batch) -> list[str]:
    """The columns of `expected` that are lacking in `actual` or hold other values there."""
    return [name for name in expected if name not in actual.columns or not _same(actual[name], expected[name])]


def _same(a: Column, b: Column) -> bool:
    if a.kind is not b.kind or len(a) != len(b) or (a.null_mask() != b.null_mask()).any():
        return False
    if a.values.dtype.kind == "f" or b.values.dtype.kind == "f":
        return bool(np.allclose(a.values, b.values, rtol=1e-12, atol=0, equal_nan=True))
    return (
        all(np.array_equal(x, y) for x, y in zip(a.values, b.values, strict=True))
        if _nested(a)
        else bool(np.array_equal(a.values, b.values))
    )


def _nested(column: Column) -> bool:
    return len(column) > 0 and isinstance(column.values[0], np.ndarray)


def together(first: Comparison, second: Comparison) -> Comparison:
    """The figures of both."""
    return Comparison(
        rows=first.rows + second.rows,
        label_flips=first.label_flips + second.label_flips,
        ties=first.ties + second.ties,
        refused=first.refused + second.refused,
        max_abs_error=max(first.max_abs_error, second.max_abs_error),
        max_rel_error=max(first.max_rel_error, second.max_rel_error),
        outside=first.outside + second.outside,
        differences=[*first.differences, *second.differences],
    )
