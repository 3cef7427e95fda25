"""A model that no framework knows → a program: an object that predicts, or a function, with its source and its state.

So too a scikit-learn model in which the user's own classes stand: their source travels, and no module of the user's has to
be there where it runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch
from holdall.engines import source
from holdall.engines.python import FunctionRaised, Worker, ask_live
from holdall.engines.reachable import reachable
from holdall.engines.worker.asking import CALL, KINDS
from holdall.engines.worker.state import NAMES
from holdall.environments.requirements import distributions_of
from holdall.errors import CheckFailed, SampleRequired, UnsupportedModel, UsageError
from holdall.frameworks.find import find
from holdall.frameworks.framework import Artefact, Framework
from holdall.frameworks.python.framework import artefact
from holdall.frameworks.python.program import Program, Written
from holdall.packing import inferring
from holdall.packing.closure import Closure, find_spec, importable, is_local
from holdall.packing.extracting import Extraction, described
from holdall.packing.keeping import Keeping
from holdall.spec.schema import Field, Schema
from holdall.spec.steps import StepOutput

if TYPE_CHECKING:
    from holdall.scoring.scorer import Scorer

METHODS = ("predict", "predict_proba", "decision_function")
ASKED = 64
"""With so many rows of the sample it is found out which kind of table a model takes."""
_NONE: Mapping[str, bytes] = {}
_HINTS = {
    "dataframe": ("pandas",),
    "ndarray": ("numpy",),
    "list": ("records",),
    "sequence": ("records",),
    "iterable": ("records",),
    "dict": ("record", "columns"),
    "mapping": ("record", "columns"),
    "typeddict": ("record", "columns"),
}


def taken(model: Any, given: Callable[[], tuple[Batch | None, str]], files: Mapping[str, bytes] = _NONE) -> Any:
    """The model as a program where no framework knows it and it can be asked; else as it is.

    given: its sample, and the kind of table that this is. files: that it reads by relative path.
    Raises UnsupportedModel, SampleRequired, UsageError.
    """
    try:
        find(model)
    except UnsupportedModel:
        if not callable(model) and not any(callable(getattr(model, name, None)) for name in (*METHODS, "transform")):
            raise
    else:
        return model
    methods = _methods(model)
    sample, table = given()
    if sample is None or not sample.rows:
        raise SampleRequired("add sample=X to pack(), or --sample FILE: some rows of what you call the model with")
    kind = _kind(model, methods, sample, table)
    fields = inferring.infer(sample, {})
    return Program(
        live=model,
        methods=methods,
        table=kind,
        seen=ask_live(model, methods, sample.take(_answered(model, methods, sample, fields, kind)), fields, kind),
        written=functools.partial(_written, model, kind, files),
    )


def _answered(model: Any, methods: Sequence[str], sample: Batch, fields: Sequence[Field], kind: str) -> Any:
    """The rows of the sample, up to 4096, that it answers together; where it refuses some, those that it answers alone."""
    rows = np.arange(min(sample.rows, 4096))
    try:
        ask_live(model, methods, sample.take(rows), fields, kind)
    except Exception:  # noqa: BLE001 - whatever it raises is its refusal
        from holdall.scoring.stages import find_refused

        refused = find_refused(
            lambda batch: ask_live(model, methods, batch, fields, kind), sample.take(rows[:512]), True
        )
        return np.setdiff1d(rows[:512], sorted(refused))
    return rows


def _methods(model: Any) -> tuple[str, ...]:
    """What it is asked. Raises UnsupportedModel for what cannot be asked for all rows at once."""
    if isinstance(model, type):
        raise UnsupportedModel(
            f"{model.__name__} is a class, not a model", hint=f"give an object of it: {model.__name__}(…)"
        )
    found = tuple(name for name in METHODS if callable(getattr(model, name, None)))
    if not found or isinstance(model, FunctionType | MethodType):
        found = () if callable(model) and not _transforms(model) else ("transform",)
    for function in [model] if not found else [getattr(model, name) for name in found]:
        inner = getattr(function, "func", function)
        if not found and not isinstance(inner, FunctionType | MethodType | np.ufunc) and not inspect.isbuiltin(inner):
            inner = getattr(inner, "__call__", inner)  # noqa: B004 - an object that is called
        kinds = (
            (inspect.iscoroutinefunction, "is async"),
            (inspect.isasyncgenfunction, "is an async generator"),
            (inspect.isgeneratorfunction, "is a generator"),
        )
        for asks, what in kinds:
            if asks(inner):
                raise UnsupportedModel(
                    f"{described(function)} {what}, and a model answers a table with a table",
                    hint="write a plain function that takes the table and returns an answer for each of its rows",
                )
    return found or (CALL,)


def _transforms(model: Any) -> bool:
    return not isinstance(model, FunctionType | MethodType | functools.partial) and callable(
        getattr(model, "transform", None)
    )


def _kind(model: Any, methods: Sequence[str], sample: Batch, table: str) -> str:
    """The kind of table that it answers: what it says that it takes, else what the sample is, else whichever it can take.

    Raises UsageError where it takes none.
    """
    function = model if methods == (CALL,) else getattr(model, methods[0])
    hinted = _hinted(function)
    order = list(dict.fromkeys((*hinted, table, "pandas", "numpy", "records", "columns", "record")))
    some = sample.take(np.resize(np.arange(min(sample.rows, ASKED)), max(2, min(sample.rows, ASKED))))
    complete = _complete(some)
    fields = inferring.infer(sample, {})
    failures: dict[str, Exception] = {}
    for rows in (some, complete):
        for kind in order:
            if kind not in KINDS or rows.rows < 2:
                continue
            try:
                ask_live(model, methods, rows, fields, kind)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - then it is not this kind that it takes
                failures.setdefault(kind, error)  # type: ignore[arg-type]
            else:
                return kind
    first = failures[order[0]]
    words = {"pandas": "a data frame", "numpy": "an array", "records": "a list of dictionaries"}
    told = "; ".join(
        f"with {words.get(kind, kind)}: {type(error).__name__}: {' '.join(str(error).split())[:150]}"
        for kind, error in failures.items()
        if kind in (order[0], "pandas", "numpy", "records")
    )
    raise UsageError(
        f"{described(function)} cannot take the sample: {told}",
        hint=getattr(first, "hint", None)
        or "it is called with the sample as a data frame, an array, a list of dictionaries, a dictionary of arrays and one "
        "dictionary a row, and has to give an answer for each row; say which by a type annotation",
    ) from first


def _hinted(function: Any) -> tuple[str, ...]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()
    if len(parameters) > 1 and parameters[0].name == "context":
        parameters = parameters[1:]
    if not parameters or parameters[0].annotation is inspect.Parameter.empty:
        return ()
    given = parameters[0].annotation
    text = given if isinstance(given, str) else str(given) if hasattr(given, "__args__") else given.__name__
    outer = text.partition("[")[0].rpartition(".")[2].casefold()
    return _HINTS.get(outer, ())


def _complete(sample: Batch) -> Batch:
    missing = np.zeros(sample.rows, bool)
    for name in sample:
        missing |= sample[name].null_mask()
    found = np.flatnonzero(~missing)
    return sample.take(found) if len(found) != 1 else sample.take(np.array([found[0], found[0]]))


def _written(model: Any, table: str, files: Mapping[str, bytes] = _NONE) -> Written:
    closure = Closure()
    extraction = Extraction("modelled")
    keeping = Keeping(closure, extraction)
    extraction.hold = keeping.hold
    state = keeping.state(model)
    top = {name for name in closure.imports if name.partition(".")[0] != NAMES}
    if any(name.partition(".")[0] == "holdall" for name in top):
        raise UsageError(
            "the model's module imports holdall, which is not there where the model runs",
            hint="move the class or function into a module of its own, for instance rules.py",
        )
    needed = {"numpy", *top} | ({"pandas"} if table == "pandas" else set())
    owner = model
    while isinstance(owner, functools.partial):
        owner = owner.func
    owner = getattr(owner, "__self__", owner)
    named = owner if isinstance(owner, FunctionType) else type(owner)
    where = importable(named) or ("modelled", getattr(named, "__name__", "model").replace("<lambda>", "step"))
    return Written(source.pack({**files, **closure.sources}), state, distributions_of(needed), ":".join(where))


def framework_of(framework: Framework, model: Any, given: Callable[[], tuple[Batch | None, str]]) -> Framework:
    """The framework; for a scikit-learn model with classes of the user's own that does not say what kind of table it was
    fitted on, one that asks it with the kind that it takes. given: as for `taken`."""
    says = getattr(model, "feature_names_in_", None) is not None
    if framework.name != "scikit-learn" or says or not any(_is_own(value) for _, value in reachable(model)):
        return framework
    method = next((name for name in (*METHODS, "transform") if callable(getattr(model, name, None))), None)
    sample, table = given()
    if method is None or sample is None or sample.rows < 1:
        return framework
    some = sample.take(np.resize(np.arange(min(sample.rows, ASKED)), max(2, min(sample.rows, ASKED))))
    fields = inferring.infer(sample, {})
    for rows in (some, _complete(some)):
        for kind in dict.fromkeys((table, "pandas", "numpy")):
            try:
                ask_live(model, (method,), rows, fields, kind)
            except Exception:  # noqa: BLE001, S112 - then it is not this kind that it takes
                continue
            from holdall.frameworks.python.steps import OwnSteps

            return OwnSteps(kind)
    return framework


def with_own_classes(
    framework: Framework, model: Any, schema: Schema, table: str, files: Mapping[str, bytes] = _NONE
) -> Artefact | None:
    """A scikit-learn model that holds classes or functions of the user's own, as its source and state; None for others.

    Raises UsageError for what cannot be written.
    """
    if framework.name != "scikit-learn" or not any(_is_own(value) for _, value in reachable(model)):
        return None
    from holdall.frameworks.sklearn.answers import settled

    outputs = tuple(
        StepOutput(name=answer.method, columns=tuple(name for name, _ in answer.columns))
        for answer in settled(model, schema)
    )
    program = Program(
        live=model,
        methods=tuple(output.name for output in outputs),
        table=table,
        seen=(),
        written=functools.partial(_written, model, table, files),
    )
    return artefact(program, outputs)


def _is_own(value: Any) -> bool:
    named = value if isinstance(value, FunctionType | type) else type(value)
    module = getattr(named, "__module__", None)
    if not isinstance(module, str) or module.partition(".")[0] in ("builtins", "numpy", "scipy", "sklearn", "pandas"):
        return False
    if module == "__main__" or (importable(named) is None and isinstance(value, FunctionType)):
        return True
    spec = find_spec(module)
    return spec is None or is_local(spec)


def alone(worker: Worker, opened: Callable[[], Scorer]) -> Scorer:
    """The scorer of a model that is source. Raises UsageError where it does not run by itself."""
    try:
        worker.ready()
        return opened()
    except FunctionRaised as error:
        if error.module is not None:
            hint = f"import it by a plain import statement; if it is installed, name it with requirements=[{error.module!r}]"
        elif error.file is not None:
            name = error.file.rpartition("/")[2]
            hint = f"hold what the file says in the object, or read it before: {name} does not travel"
        else:
            hint = "put its class or function into a module of its own, with all that it needs, for instance rules.py"
        raise UsageError(f"the model does not run by itself: {error}", hint=hint) from error


def check(found: Comparison, shown: str, opened: Sequence[str], code: bytes) -> None:
    """Raises UsageError for a file that does not travel, CheckFailed where the model answers otherwise by itself."""
    for path in opened:
        absolute = path.startswith(("/", "\\"))
        if absolute and path.encode() not in code:
            continue  # a file that a library has opened by itself
        name = path.rpartition("/")[2]
        raise UsageError(
            f"the model opens {path!r}, which does not travel with it",
            hint=f"hold what it says in the object, or open it as {name!r} and add include=[{name!r}] (--include {name})",
            path=path,
        )
    if not found.passed:
        first = found.differences[0] if found.differences else ""
        raise CheckFailed(
            f"{shown.rpartition(':')[2]} answers otherwise by itself than it does here: {found.outside} values and "
            f"{found.label_flips} labels of {found.rows} rows{'; ' + first if first else ''}",
            hint="it may depend on what does not travel: random numbers, the time, an environment variable, a global that "
            "another cell sets, a module changed since it was imported",
        )


def merged(files: Mapping[str, bytes], code: bytes | None) -> dict[str, bytes]:
    """The model's files with the functions' source: one `code.tar` of both. Raises UsageError where two files differ."""
    if code is None:
        return dict(files)
    if source.PATH not in files:
        return {**files, source.PATH: code}
    both = source.unpack(files[source.PATH])
    for path, data in source.unpack(code).items():
        if both.setdefault(path, data) != data:
            raise UsageError(f"the functions and the model each bring a {path}, and they differ", path=path)
    return {**files, source.PATH: source.pack(both)}
