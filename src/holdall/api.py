"""The verbs. The one module that knows every part: each function parses, calls and returns; nothing branches on a framework.

A verb has the same name and fields as a function here, as a command and as a route.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.errors import Error, InvalidReference, NotFound, UnreadableFile, UsageError
from holdall.registry.home import find_home
from holdall.scoring.model import Model
from holdall.scoring.package import Package
from holdall.spec import reference as references
from holdall.spec.reference import PackageReference, PathReference, RemoteReference
from holdall.spec.report import Report, Scan

if TYPE_CHECKING:
    from holdall.checks.parity import Comparison
    from holdall.content.package import Content
    from holdall.registry.store import Kept, LocalStore
    from holdall.scoring.trust import Level
    from holdall.spec.report import Entry
    from holdall.spec.tracing import Tracing

Progress = Callable[[str], None]


def pack(
    model: Any,
    *,
    name: str,
    version: str | None = None,
    sample: Any = None,
    target: str | None = None,
    preprocess: Sequence[Any] | Callable[..., Any] = (),
    postprocess: Sequence[Any] | Callable[..., Any] = (),
    metrics: Mapping[str, float] | None = None,
    metadata: Mapping[str, str] | None = None,
    requirements: Sequence[str] = (),
    include: Sequence[str] = (),
    schema: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    record: str = "synthetic",
    wheels: bool = False,
    keep_native: bool = False,
    allow_pickle: bool = False,
    output: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Package:
    """Seal a fitted model into a package and put it in the local store.

    model: a live model, or text that names one: `module:object` or a file.
    sample: raw input before any preprocessing, any number of rows: a table, or the path of one. All of it informs the
    schema and parity. target: the sample's column that is the truth; it is dropped from the inputs.
    schema: what to hold rows to beyond what the model accepts, by column: {"age": {"minimum": 0, "maximum": 120}}; also
    categories, enforce, and nullable: False; or the path of a JSON file of that.
    version: SemVer; without one, the newest version is given back where nothing has changed, else the next patch is taken.
    record: which examples are sealed: 'synthetic' rows drawn from the schema, 'real' rows of the sample, or 'none'.
    preprocess, postprocess: functions that the table goes through before and after the model, each DataFrame → DataFrame,
    live or as text `module:name`. They travel as source and run in a process of their own. include: globs of files that
    they read by relative path.
    requirements: what it needs to run that cannot be seen in the model: 'polars>=1.30'. What can be is found and locked.
    wheels: seal the wheels of the environment too, for machines like this one that reach no index.
    output: also write the package as one `.holdall` file there.
    Raises UsageError and its kin, NotPortable where no form of the model can be sealed, VersionExists, StorageFailed.
    """
    from holdall.environments import cache as environments
    from holdall.packing import sealing
    from holdall.packing.capturing import capture

    _check_pack(name, version, record)
    if output is not None:
        _check_output(Path(output))
    needed = _requirements(requirements)
    batch, truth = _sample(sample, target)
    functions = capture(preprocess, postprocess, include)
    request = sealing.Request(
        name=name,
        version=version,
        metrics={key: float(value) for key, value in (metrics or {}).items()},
        metadata={key: str(value) for key, value in (metadata or {}).items()},
        record=record,
        schema=_edits(schema),
        functions=functions,
        table=_table_for(bool(functions.preprocess), sample),
        requirements=needed,
        keep_native=keep_native,
        allow_pickle=allow_pickle,
    )
    say = progress or (lambda _: None)
    drafted = _drafted(model, batch, truth, request, say)
    with _store() as store:
        cache = environments.locks(environments.find_cache(os.environ))
        package = _keep(store, drafted.locked(_earlier(store, request), cache, wheels, say), request)
    if output is not None:
        from holdall.content.archive import write_archive

        write_archive(package.content, Path(output))
    return package


def trace(
    function: Sequence[Any] | Callable[..., Any] | str,
    *,
    sample: Any,
    rows: Any = None,
    html: str | os.PathLike[str] | None = None,
    svg: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Tracing:
    """What of a function, or of several one after the other, goes into a model's graph, before anything is packed.

    function: live, or as text `module:name`. sample: rows of what it is given: a table, or the path of one.
    rows: for a function of two tables, those that the answers in the sample are of.
    html, svg: files to write it to, as a page or a drawing that holds all that it shows.
    traced: all of it does. equal: on the sample and on generated rows the graph gave what the function gives.
    Raises UsageError and its kin, also where the function cannot take the sample.
    """
    from holdall.packing import picturing, tracing_report
    from holdall.packing.capturing import functions

    for path in (html, svg):
        if path is not None:
            _check_output(Path(path))
    live = functions(function)
    batch, _ = _sample(sample, None)
    if batch is None or not live:
        raise UsageError(
            f"there is no {'function' if batch is not None else 'sample'}", hint="give a function, and sample=table"
        )
    names = [one if isinstance(one, str) else _called(one) for one in _several(function)]
    asked, _ = _sample(rows, None)
    told = tracing_report.report(live, names, batch, asked, progress or (lambda _: None), _table_for(True, sample))
    for path, write in ((html, picturing.page), (svg, picturing.svg)):
        if path is not None:
            Path(path).write_text(write(told), encoding="utf-8")
    return picturing.shown(told)


def _several(given: Any) -> Sequence[Any]:
    return given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)


def _called(function: Any) -> str:
    """'module:name' of a live function."""
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', type(function).__name__)}"


def _edits(schema: Mapping[str, Any] | str | os.PathLike[str] | None) -> dict[str, Any]:
    import msgspec

    if not isinstance(schema, str | os.PathLike):
        return dict(schema or {})
    try:
        return msgspec.json.decode(Path(schema).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise UnreadableFile(
            f"the schema's edits {os.fspath(schema)} cannot be read: {error}",
            hint='write JSON such as {"age": {"minimum": 0, "maximum": 120}}',
        ) from None


def _requirements(given: Sequence[str]) -> tuple[str, ...]:
    if not given:
        return ()
    from holdall.environments.requirements import checked

    return checked([given] if isinstance(given, str) else given)


def _check_output(path: Path) -> None:
    """A file that cannot be written is told before the work, not after a version was stored."""
    if path.is_dir() or not path.parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"cannot write to {path}: {why}", hint="name a file in a folder that is there")


def _check_pack(name: str, version: str | None, record: str) -> None:
    references.check_name(name)
    if version is not None:
        references.Version.parse(version)
    if record not in ("synthetic", "real", "none"):
        raise UsageError(f"record is {record!r}", hint="use synthetic, real or none")


def _sample(sample: Any, target: str | None) -> tuple[Any, Any]:
    """The sample as a batch without the target, and the truth."""
    from holdall.columns.batch import Batch
    from holdall.columns.files import read_table
    from holdall.columns.tables import Form, from_table, with_pandas_dtypes

    if sample is None:
        return None, None
    if isinstance(sample, str | os.PathLike):
        batch = read_table(os.fspath(sample))
        if Path(sample).suffix.lower() not in (".csv", ".json", ".jsonl"):
            batch = with_pandas_dtypes(batch)
    elif isinstance(sample, Batch):
        batch = sample
    else:
        batch, form = from_table(sample)
        if form in (Form.POLARS, Form.ARROW):
            batch = with_pandas_dtypes(batch)
    if target is None:
        return batch, None
    if target not in batch.columns:
        raise UsageError(
            f"the sample has no column {target!r} to be the target", hint=f"it has {', '.join(list(batch)[:10])}"
        )
    return batch.select([column for column in batch if column != target]), batch[target]


def _table_for(functions: bool, sample: Any) -> str:
    """The kind of table that functions, and models that do not say, are given: what the sample is. functions: whether
    functions are."""
    from holdall.columns.batch import Batch
    from holdall.columns.tables import Form, find_form, plain

    sample = plain(sample)
    if sample is None or isinstance(sample, str | os.PathLike | Batch | list | tuple):
        return "pandas"
    if type(sample).__name__ == "Series":
        return "pandas"
    form = find_form(sample)
    if functions and form in (Form.POLARS, Form.ARROW):
        raise UsageError(
            f"functions are given pandas data frames, and the sample is a table of {form}",
            hint="write the functions for pandas, and give sample.to_pandas()",
        )
    return "numpy" if form is Form.NUMPY else "pandas"


def _drafted(model: Any, sample: Any, truth: Any, request: Any, say: Progress) -> Any:
    """A file that can run code is packed in a process of its own, with the source of the functions around it."""
    from holdall.packing import sealing

    if isinstance(model, str | os.PathLike):
        from holdall.packing import enclosing, folders
        from holdall.packing.opening import find_file

        whole = folders.is_folder(Path(model).expanduser())
        path = None if whole else find_file(os.fspath(model))
        if path is not None and enclosing.is_code(path):
            return enclosing.drafted(path, sample, truth, request, say)
    return sealing.drafted(_live_model(model, request.allow_pickle), sample, truth, request, say)


def _live_model(model: Any, allow_pickle: bool) -> Any:
    if isinstance(model, str | os.PathLike):
        from holdall.packing.opening import open_model

        return open_model(os.fspath(model), allow_pickle=allow_pickle)
    return model


def _earlier(store: LocalStore, request: Any) -> list[Content]:
    """The version that this pack may turn out to be: the one of that number, else the newest."""
    try:
        return [store.open(PackageReference(request.name, version=request.version)).content]
    except Error:  # there is none, or it cannot be read: then nothing is taken from it
        return []


def _keep(store: LocalStore, drafted: Any, request: Any) -> Package:
    from holdall.packing import sealing
    from holdall.registry.actor import find_actor
    from holdall.registry.moment import now
    from holdall.registry.records import VersionRecord

    if request.version is None:
        found = store.newest_with(request.name, drafted.fingerprint)
        if found is not None and sealing.same_release(found.content.manifest.release, request):
            return _package(store, found, reused=True, notes=drafted.notes)

    def make(version: str) -> Any:
        sealed, referrers = sealing.seal_as(drafted, version, request)
        record = VersionRecord(
            name=request.name,
            version=version,
            digest=sealed.digest,
            fingerprint=drafted.fingerprint,
            size=sum(layer.size for layer in sealed.layers),
            created=now(),
            sealed_here=True,
            engine=drafted.engine,
            portable=drafted.portable,
            metrics=request.metrics,
            actor=find_actor(),
        )
        return record, sealed, referrers

    return _package(store, store.seal(request.name, request.version, make), notes=drafted.notes)


def open(reference: str | os.PathLike[str]) -> Package:  # noqa: A001 — the verb's name
    """The package that the reference names, for reading; nothing of it is run.

    Raises InvalidReference, NotFound, and PackageDamaged's kin where a byte is not what was sealed.
    """
    text = os.fspath(reference)
    parsed = references.parse(text)
    if isinstance(parsed, PathReference):
        return _open_path(parsed.path, text)
    with _store() as store:
        return _package(store, store.open(_local(parsed)), reference=text)


def load(reference: str | os.PathLike[str], *, trust: str | None = None, policy: str | None = None) -> Model:
    """The package, loaded and ready to predict.

    trust: 'code' or 'pickle' raises the ceiling of what may be loaded; policy: the path of a policy file that does.
    Raises what `open` does, and TrustRequired.
    """
    return _load(open(reference), trust, policy)


def _load(package: Package, trust: str | None, policy: str | None) -> Model:
    from holdall.scoring.scorer import Scorer

    _allow(package, trust, policy)
    return Model(package.reference, package.digest, Scorer(package.manifest, package.content))


def _allow(package: Package, trust: str | None, policy: str | None) -> None:
    """Raises TrustRequired where the package needs more than whoever loads it gives."""
    from holdall.scoring.trust import require

    level, reasons = package.trust()
    require(level, _ceiling(package, trust, policy), reasons)


def _ceiling(package: Package, trust: str | None, policy: str | None) -> Level:
    """The highest level that whoever loads the package lets in."""
    from holdall.scoring.trust import ceiling, read_policy

    written = None if policy is None else read_policy(Path(policy))
    return ceiling(package.sealed_here, trust, written, package.digest)


def predict(
    reference: str,
    data: str,
    *,
    output: str | None = None,
    trust: str | None = None,
    policy: str | None = None,
) -> Iterable[dict[str, Any]]:
    """Score a small table: the path of a csv, json, jsonl, parquet or arrow file, or '-' for standard input.

    Gives one record of outputs a row; output: also write them to this file, in the format of its suffix.
    """
    from holdall.columns.files import read_table, write_table
    from holdall.columns.records import to_records

    model = load(reference, trust=trust, policy=policy)
    answers = model.score(read_table(data, model.schema))
    if output is not None:
        write_table(answers, output)
    return to_records(answers)


def batch(
    reference: str | os.PathLike[str],
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    keep: Sequence[str] = (),
    rejects: str | os.PathLike[str] | None = None,
    format: str | None = None,  # noqa: A002 — the option's name
    resume: bool = False,
    workers: int | None = None,
    memory: int | None = None,
    engine: str = "local",
    trust: str | None = None,
    policy: str | None = None,
    progress: Callable[[int, float], None] = lambda rows, share: None,  # noqa: ARG005
) -> dict[str, Any]:
    """Score a table of any size in bounded memory: a parquet, csv, jsonl or arrow file, a folder of them, or a glob.

    output: a file; or, where it ends with / or is a folder, a folder of parts. format: of the output, where its name does
    not tell: parquet, csv, jsonl, arrow or stream. keep: columns of the source that the output has too. rejects: where
    rows that do not fit are set aside; without it the first stops the run. resume: go on with a run of the same that was
    killed or stopped. workers: threads that score. memory: bytes that the rows under way may take.
    progress: is told how many rows are done, and which share of the input, from 0 to 1.
    The output is there whole or not at all. Gives {rows, rejected, seconds, rows_per_second, parts, output, digest}.
    Raises what `load` does, UsageError and its kin, StorageFailed, and Conflict where another run writes the same output.
    """
    from holdall.batch import local
    from holdall.batch.plan import make_plan
    from holdall.scoring.scorer import Scorer

    package = open(reference)
    plan = make_plan(
        package.manifest,
        os.fspath(source),
        os.fspath(output),
        keep=keep,
        rejects=None if rejects is None else os.fspath(rejects),
        workers=workers,
        engine=engine,
        form=format,
        memory=memory,
        resume=resume,
    )
    _allow(package, trust, policy)
    return local.run(plan, Scorer(package.manifest, package.content), package.digest, progress)


def verify(reference: str, *, keys: Sequence[str] = (), policy: str | None = None, trust: str | None = None) -> Report:
    """Digests, scan, signature, parity and policy of a package; runs nothing beyond the trust ceiling.

    passed: no failure, and no skipped check that is required (digests always; parity where the package is portable).
    Damage is a failure in the report, not an error; what cannot be found at all is NotFound.
    """
    from holdall.checks import verifying
    from holdall.checks.replay import replay
    from holdall.scoring.scorer import Scorer
    from holdall.scoring.trust import read_policy

    if keys:
        raise UsageError("this holdall cannot check signatures yet", hint="leave --key out")
    if policy is not None:
        read_policy(Path(policy))  # one that cannot be read is the caller's mistake, not a check that failed
    try:
        package = open(reference)
        level, reasons = package.trust()
    except verifying.DAMAGE as error:
        return verifying.damaged(error)

    def again() -> tuple[Comparison | None, tuple[Entry, ...]]:
        _allow(package, trust, policy)
        scorer, samples = Scorer(package.manifest, package.content), package.samples
        return None if samples is None else replay(scorer, *samples), scorer.findings

    def look() -> Scan:
        return _scan_package(package)

    trusted = level <= _ceiling(package, trust, policy)
    return verifying.verify(package.content, reasons, level.word, again, look, trusted)


def scan(reference: str | os.PathLike[str]) -> Scan:
    """What the files could do to whoever opens them, found without opening any: of a package, a file or a folder.

    reference: a package, or the path of any model file or folder. The report of a package that lies in the local store is
    attached to it, for the gate `scan`. passed: everything was looked into, and nothing names what is not on holdall's
    list. Raises NotFound, InvalidReference, UnreadableFile.
    """
    from holdall.checks import scan as scanning

    text = os.fspath(reference)
    path = Path(text).expanduser()
    found = None if path.suffix == ".holdall" or not (path.is_file() or _is_plain_folder(path, text)) else path
    if found is not None:
        try:
            return scanning.scan_path(found, _audit)
        except OSError as error:
            raise UnreadableFile(f"{text} cannot be read: {error.strerror}", path=text) from None
    package = open(text)
    report = _scan_package(package)
    parsed = references.parse(text)
    if isinstance(parsed, PackageReference):
        _attach_scan(package, report)
    return report


def _is_plain_folder(path: Path, text: str) -> bool:
    """A folder that is no package. By a bare name it is one only where no package has that name."""
    if not path.is_dir() or (path / "oci-layout").is_file():
        return False
    try:
        parsed = references.parse(text)
    except InvalidReference:
        return True
    if not isinstance(parsed, PackageReference):
        return True
    try:
        open(text)
    except NotFound:
        return True
    return False


def _audit(data: bytes, path: str) -> tuple[str, ...]:
    from holdall.engines.skops import audit

    return tuple(audit(data, path).outside)


def _scan_package(package: Package) -> Scan:
    from holdall.checks.scan import scan_package

    return scan_package({file.path: file.role for file in package.manifest.files}, package.content.read, _audit)


def _attach_scan(package: Package, report: Scan) -> None:
    """The report beside its package. The same report again is the same bytes, so that looking twice adds nothing."""
    import msgspec

    from holdall.content import media
    from holdall.content.seal import refer
    from holdall.spec import canonical

    payload = canonical.encode(msgspec.to_builtins(report))
    with _store() as store:
        store.attach(package.content.digest, refer(package.content.descriptor, media.SCAN, payload, "application/json"))


def _scan_verdicts(store: LocalStore, kept: Kept) -> dict[str, bool]:
    """For the gate `scan`: whether the newest attached report passed."""
    import msgspec

    from holdall.content import media

    newest = store.registry.referrers(kept.record.digest, media.SCAN)[-1:]
    for attached in kept.content.referrers():
        if attached.digest in newest:
            return {"scan": bool(msgspec.json.decode(kept.content.payload(attached)).get("passed"))}
    return {}


def export(
    reference: str | os.PathLike[str],
    *,
    to: str = "web",
    output: str | os.PathLike[str] | None = None,
    replay: bool = True,
    browser: str | None = None,
    runtime: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make of a package something that runs elsewhere, proved by a replay of its recorded examples there.

    to: 'web', static files that run wholly in a browser. output: the folder, by default NAME-web here; it is there whole or
    not at all, and an earlier export in it is replaced. replay: False leaves the proof out, and the folder tells so.
    browser: the program to replay in; None: the first Chromium, Chrome or Edge that is found. runtime: the npm package of
    onnxruntime-web as a file, where no registry is reached; else it is fetched once, and kept.
    Gives {path, size, files[], reference, digest, target, runtime, browser, parity, latency}.
    Raises what `open` does, NotPortable, CheckFailed, Conflict, Unavailable and MissingDependency.
    """
    from holdall.environments.cache import find_cache
    from holdall.export import web
    from holdall.export.chromium import find_browser
    from holdall.export.runtime import Source, find_registry

    if to != "web":
        raise UsageError(f"there is no export to {to!r}", hint="export to web")
    package = open(reference)
    web.check(package)
    program = find_browser(browser, os.environ) if replay else None
    folder = Path(output) if output is not None else Path(f"{package.name.rpartition('/')[2]}-web")
    source = Source(find_cache(os.environ), find_registry(os.environ), None if runtime is None else Path(runtime))
    return web.export(package, folder.absolute(), source=source, browser=program, say=progress or (lambda _: None))


def environment(
    reference: str,
    *,
    platform: str | None = None,
    python: str | None = None,
    glibc: str | None = None,
    create: str | os.PathLike[str] | None = None,
    trust: str | None = None,
    policy: str | None = None,
) -> dict[str, Any]:
    """What a package needs to run, and whether this interpreter has it; or a machine that is described; or one made now.

    platform, python, glibc: describe another machine ('linux-aarch64', '3.12', '2.28'), where the differences are the
    packages of which no file runs there. create: make the environment in this folder, whole or not at all, and compare that;
    where it has to build a package that has no wheel, which runs that package's code, trust and policy are as in `load`.
    Gives {reference, digest, python, requires, locked, packages[], matches, differences[], created}.
    Raises what `open` does, UsageError for what cannot be described or made, TrustRequired, ResolverFailed.
    """
    import msgspec

    from holdall.environments import compare, pylock
    from holdall.environments.realise import realise
    from holdall.environments.target import here, of, stated
    from holdall.scoring.interpreter import vendored
    from holdall.scoring.trust import Level, require

    described = (platform, python, glibc) != (None, None, None)
    if described and create is not None:
        raise UsageError(
            "an environment is made for this machine, not for one that is described",
            hint="leave --platform, --python and --glibc out, or --create",
        )
    package = open(reference)
    needed = package.manifest.environment
    target = stated(platform, python, glibc) if described else here()
    if not needed.locked:
        if create is not None:
            raise UsageError(
                f"{reference} has no lock to make an environment from",
                hint="pack it again where a package index can be reached",
            )
        packages, found = [], compare.unlocked(needed.python, needed.requires, target)
    else:
        data = package.content.read(pylock.PATH)
        lock = pylock.decode(data)
        if create is not None:
            built = {
                f"{pylock.PATH} ({one.name})": "it has no wheel: building it runs its code"
                for one in lock.built(target)
            }
            if built:
                require(Level.CODE, _ceiling(package, trust, policy), built)
            with vendored(package.manifest, package.content) as wheels:
                target = of(realise(data, Path(create), wheels))
        found = compare.compare(lock, target)
        packages = [{"name": one.name, "version": one.version, "marker": one.marker} for one in lock.packages]
    return {
        "reference": f"{package.name}:{package.version}",
        "digest": package.digest,
        **msgspec.to_builtins(needed),
        "packages": packages,
        "matches": not found,
        "differences": msgspec.to_builtins(found),
        "created": None if create is None else str(Path(create).absolute()),
    }


def evaluate(
    reference: str, table: Any, truth: Any, *, trust: str | None = None, policy: str | None = None
) -> dict[str, float]:
    """The metrics that suit the task: accuracy, auc, log loss … or mae, rmse, r2.

    table: anything `predict` takes, or the path of a file. truth: one value a row, or the name of the table's column.
    """
    import numpy as np

    from holdall.scoring.evaluating import evaluate as metrics_of

    model = load(reference, trust=trust, policy=policy)
    batch, column = _sample(table, truth if isinstance(truth, str) else None)
    values = np.array(column.to_list(), object) if column is not None else np.asarray(truth, object)
    return metrics_of(model.manifest, model.score(batch), values)


def versions(name: str | None = None) -> list[dict[str, Any]]:
    """Every version in the local store, or of one name, with the aliases that point to it."""
    import msgspec

    _no_remote()
    with _store() as store:
        rows = []
        aliases: dict[str, dict[str, str]] = {}
        for record in store.registry.versions(None if name is None else references.check_name(name)):
            pointing = aliases.setdefault(record.name, store.registry.aliases(record.name))
            held = [alias for alias, version in pointing.items() if version == record.version]
            plain: dict[str, Any] = msgspec.to_builtins(record)
            rows.append({"reference": f"{record.name}:{record.version}", **plain, "aliases": held})
        return rows


def history(reference: str, *, at: str | None = None) -> list[dict[str, Any]]:
    """Who moved an alias when, from what to what, and why; oldest first. at: instead what was live then, one row."""
    import msgspec

    parsed = _local(references.parse(reference))
    with _store() as store:
        if at is None:
            return [
                {"alias": move.alias, "from": move.from_version, "to": move.to_version, **msgspec.to_builtins(move)}
                for move in store.registry.history(parsed.name, parsed.alias)
            ]
        chosen = [parsed.alias] if parsed.alias else list(store.registry.aliases(parsed.name))
        rows = []
        for alias in chosen:
            record = store.registry.at(parsed.name, alias, at)
            if record is not None:
                rows.append({"alias": alias, "at": at, **msgspec.to_builtins(record)})
        if not rows:
            raise NotFound(
                f"nothing was live under {reference} at {at}", hint=f"`holdall history {reference}` shows every move"
            )
        return rows


def promote(reference: str, alias: str, *, reason: str | None = None, require: Sequence[str] = ()) -> dict[str, Any]:
    """Point the alias at what the reference means now, once every gate holds.

    require: gates such as 'metric:auc>=0.8'. Raises CheckFailed with the gates that say no, NotFound, InvalidName.
    """
    import msgspec

    from holdall.checks import gates
    from holdall.errors import CheckFailed
    from holdall.registry.actor import find_actor

    parsed = _local(references.parse(reference))
    wanted = gates.parse(require)
    with _store() as store:
        kept = store.open(parsed)
        exact = PackageReference(kept.record.name, version=kept.record.version)
        held = gates.evaluate(
            wanted,
            reference=str(exact),
            verdicts=_scan_verdicts(store, kept),  # nothing makes staging or signature reports yet: those gates hold
            metrics={gates.Source.SEALED: kept.content.manifest.release.metrics},
        )
        if held:
            raise CheckFailed(
                f"{exact} was not promoted: {'; '.join(entry.message for entry in held)}",
                hint="mend what the gates ask for, or leave them out",
                gates=[msgspec.to_builtins(entry) for entry in held],
            )
        return _moved(store.registry.promote(exact, alias, reason, find_actor()))


def rollback(reference: str, *, reason: str | None = None) -> dict[str, Any]:
    """Point NAME@ALIAS at what was live before; a second call goes one further back. Raises NothingEarlier."""
    from holdall.registry.actor import find_actor

    parsed = _local(references.parse(reference))
    if parsed.alias is None:
        raise UsageError(
            f"{reference} names no alias", hint=f"for instance `holdall rollback {parsed.name}@production`"
        )
    with _store() as store:
        return _moved(store.registry.rollback(parsed.name, parsed.alias, reason, find_actor()))


def serve(
    references: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = 1,
    max_batch: int = 64,
    token_file: str | None = None,
    no_auth: bool = False,
    allow_hosts: Sequence[str] = (),
    trust: str | None = None,
    policy: str | None = None,
    say: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Serve models over HTTP until SIGTERM or SIGINT; aliases are followed as they move.

    references: REF or ID=REF. host: beyond loopback a token_file is needed, or no_auth. port: 0 takes a free one.
    say: is told {"event": "ready", "url": …} once requests are taken, and of moves and failures after that.
    Raises what `load` does, UsageError for an address that cannot be had or needs a token.
    """
    from holdall.serve import processes
    from holdall.serve.access import Access, check_reach, read_tokens
    from holdall.serve.limits import Limits

    check_reach(host, token_file=token_file, no_auth=no_auth)
    tokens = () if token_file is None else read_tokens(token_file)
    limits = Limits(batch=max_batch)

    def allowed(reference: str) -> Package:
        package = open(reference)
        _allow(package, trust, policy)
        return package

    def current(reference: str) -> str:
        with _store() as store:
            return str(store.registry.resolve(_local(_parsed(reference))).digest)

    def make() -> Any:
        from holdall.serve.plane import Plane, Source

        return Plane(Source(allowed, current), references, limits)

    if workers > 1:
        from holdall.serve.names import named

        for reference in named(references).values():
            allowed(reference)
    access = Access([host, *allow_hosts], tokens)
    processes.run(processes.Settings(host, port, workers, access, limits, make), say or (lambda _: None))


def _parsed(reference: str) -> references.Reference:
    return references.parse(reference)


def doctor() -> list[dict[str, Any]]:
    """What is here, what is missing, how to get it: one row {name, ok, detail, hint} for each thing looked at."""
    from holdall.registry import examination

    return examination.examine(find_home(os.environ, Path.cwd()))


def _moved(move: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(move)
    return {"alias": f"{move.name}@{move.alias}", "from": move.from_version, "to": move.to_version, **plain} | {
        "alias": move.alias
    }


@contextmanager
def _store() -> Iterator[LocalStore]:
    from holdall.registry.store import LocalStore

    with LocalStore(find_home(os.environ, Path.cwd())) as store:
        yield store


def _no_remote() -> None:
    """A bare name means the remote registry where one is set, never both; so it must not quietly mean the local store."""
    if os.environ.get("HOLDALL_REGISTRY"):
        raise UsageError(
            "HOLDALL_REGISTRY is set, and this holdall cannot reach a remote registry yet",
            hint="unset HOLDALL_REGISTRY to use the local store",
        )


def _local(reference: references.Reference) -> PackageReference:
    """A reference by name. Raises UsageError for the others, which this verb does not take."""
    if isinstance(reference, PackageReference):
        _no_remote()
        return reference
    if isinstance(reference, RemoteReference):
        raise UsageError(
            f"{reference} is remote, which this holdall cannot reach yet", hint="use a package of the local store"
        )
    raise UsageError(
        f"{reference} is a path; this takes a package of the store by name", hint="for instance `churn@production`"
    )


def _package(
    store: LocalStore, kept: Kept, *, reference: str | None = None, reused: bool = False, notes: Sequence[str] = ()
) -> Package:
    record = kept.record
    return Package(
        reference or f"{record.name}:{record.version}",
        kept.content,
        sealed_here=record.sealed_here,
        aliases=store.registry.aliases_of(record.digest),
        reused=reused,
        notes=notes,
    )


def _open_path(path: Path, text: str) -> Package:
    if path.is_dir():
        from holdall.content.layout import open_layout

        content = open_layout(path)
    elif path.exists():
        from holdall.content.archive import open_archive

        content = open_archive(path)
    else:
        raise NotFound(f"there is no file or folder {text}", hint="a package by name needs no ./ in front", path=text)
    return Package(text, content, sealed_here=_sealed_here(content.digest))


def _sealed_here(digest: Any) -> bool:
    """Whether this user sealed the package in the store, wherever this copy of it lies: the digest says so."""
    home = find_home(os.environ, Path.cwd())
    if not home.is_dir():
        return False
    with _store() as store:
        record = store.registry.by_digest(digest)
        return record is not None and record.sealed_here
