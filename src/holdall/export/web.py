"""A package as static files that run wholly in a browser: a page made from the schema, and a module with types.

What is written was replayed in a browser first: its own module scored the package's recorded examples there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch
from holdall.content.durable import make_folder, storing
from holdall.errors import CheckFailed, Conflict, NotPortable
from holdall.export.replaying import Replayed, ReplayFailed, replay
from holdall.export.runtime import VERSION, Source, runtime
from holdall.export.typescript import declarations
from holdall.scoring.package import Package
from holdall.serve.openapi import example_of
from holdall.spec.manifest import Blocker, Manifest
from holdall.spec.report import Parity
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import Step

RECORD, EXAMPLES = "export.json", "examples.json"
ENGINE = "onnx"
RUNTIME = "onnxruntime"
KINDS = frozenset({Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.STRING, Kind.TIMESTAMP, Kind.DATE, Kind.TENSOR})
OWN = ("index.html", "page.js", "scoring.mjs")
SHARED = ("style.css", "fields.js")
"""The same as of the page of `holdall serve`: one look, one form."""

Say = Callable[[str], None]


class NotForBrowsers(NotPortable):
    """The package needs Python to run, or an engine that browsers do not have."""

    def __init__(self, reference: str, blockers: list[Blocker]) -> None:
        first = blockers[0]
        super().__init__(first.step, first.cause)
        more = f" (and {len(blockers) - 1} more)" if len(blockers) > 1 else ""
        self.message = f"{reference} cannot run in a browser: {first.step}: {first.cause}{more}"
        self.args = (self.message,)
        self.hint = f"`holdall show {reference}` says what can be done about it; `holdall serve` runs it as it is"
        self.facts["blockers"] = msgspec.to_builtins(blockers)


def check(package: Package) -> None:
    """Raises NotForBrowsers with all that keeps the package out of a browser."""
    manifest = package.manifest
    found = list(manifest.blockers)
    if not found:
        found = [
            Blocker(step=step.role, cause=f"the engine {step.engine!r} does not run in a browser")
            for step in manifest.steps
            if step.engine != ENGINE
        ]
    if not found:
        fields = (*manifest.schema.inputs, *manifest.schema.outputs)
        found = [
            Blocker(step=field.name, cause=f"columns of kind {field.kind} do not go into a browser")
            for field in fields
            if field.kind not in KINDS
        ]
    if not found and (len(manifest.steps) != 1 or len(manifest.model.files) != 1):
        found = [Blocker(step="model", cause="it is more than one graph in one file")]
    if found:
        raise NotForBrowsers(f"{package.name}:{package.version}", found)


def export(package: Package, output: Path, *, source: Source, browser: str | None, say: Say) -> dict[str, Any]:
    """Write the package into the folder `output`, whole or not at all; an earlier export there is replaced.

    source: of the runtime. browser: the program to replay in; None: there is no replay, which the folder then tells.
    Gives {path, size, files[], reference, digest, runtime, browser, parity, latency}.
    Raises NotForBrowsers, Conflict where the folder holds something else, RuntimeUnavailable, BrowserFailed, and CheckFailed
    where the browser answers otherwise than the package.
    """
    check(package)
    _check_output(output)
    examples = None if browser is None else _examples(package)
    say("getting the runtime")
    parts = runtime(source, say)
    make_folder(output.parent, 0o755)
    pending = output.parent / f".{output.name}.{secrets.token_hex(8)}.holdall-export"
    try:
        with storing(pending):
            _write(pending, _contents(package, parts))
        replayed, parity = None, None
        if browser is not None and examples is not None:
            say("replaying in the browser")
            replayed, parity = _proved(package, pending, browser, *examples)
        record = _record(package, replayed, parity)
        with storing(output):
            (pending / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
            _publish(pending, output)
    finally:
        shutil.rmtree(pending, ignore_errors=True)
    written = sorted(path for path in output.rglob("*") if path.is_file())
    return {
        "path": str(output),
        "size": sum(path.stat().st_size for path in written),
        "files": [path.relative_to(output).as_posix() for path in written],
        **record,
    }


def _check_output(output: Path) -> None:
    """What is not an earlier export is never removed."""
    taken = output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / RECORD).is_file())
    if taken:
        raise Conflict(
            f"{output} is there, and is no earlier export", hint="name a folder that is empty or not there, with -o"
        )


def _examples(package: Package) -> tuple[Batch, Batch]:
    samples = package.samples
    if samples is None or not len(samples[0]):
        raise CheckFailed(
            f"{package.name}:{package.version} has no recorded examples to replay",
            hint="pack it with --record synthetic, or leave the proof out with --no-replay",
        )
    return samples


def _proved(package: Package, folder: Path, browser: str, inputs: Batch, outputs: Batch) -> tuple[Replayed, Parity]:
    manifest = package.manifest
    replayed = replay(folder, manifest.schema, inputs, browser)
    comparison = Comparison()
    comparison.add(outputs, replayed.answers, manifest.tolerance, manifest.task)
    parity = comparison.parity()
    if not comparison.passed:
        what = comparison.differences or [f"{parity.label_flips} labels differ"]
        raise ReplayFailed(
            f"{package.name}:{package.version} answers otherwise in {replayed.browser}: {what[0]}",
            hint="nothing was written; `holdall verify` tells whether it still answers as recorded here",
            parity=msgspec.to_builtins(parity),
            differences=what,
        )
    return replayed, parity


def _record(package: Package, replayed: Replayed | None, parity: Parity | None) -> dict[str, Any]:
    return {
        "reference": f"{package.name}:{package.version}",
        "digest": package.digest,
        "target": "web",
        "runtime": f"onnxruntime-web {VERSION}",
        "browser": None if replayed is None else replayed.browser,
        "parity": None if parity is None else msgspec.to_builtins(parity),
        "latency": None if replayed is None else {name: round(value, 3) for name, value in replayed.latency.items()},
    }


def _contents(package: Package, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Path → bytes of everything but the record."""
    graph = package.content.read(package.manifest.model.files[0])
    types = declarations(package.manifest).encode()
    found = {
        "model.onnx": graph,
        "model.mjs": _module(package, graph).encode(),
        "model.d.ts": types,
        # What TypeScript looks for beside a module that is imported by its path.
        "model.d.mts": types,
        EXAMPLES: _examples_of(package),
        "package.json": json.dumps(_npm(package.manifest), indent=1).encode() + b"\n",
        f"{RUNTIME}/LICENSE": _page("holdall.export.pages", "onnxruntime.txt"),
    }
    found |= {f"{RUNTIME}/{name}": data for name, data in parts.items()}
    found |= {name: _page("holdall.export.pages", name) for name in OWN}
    return found | {name: _page("holdall.serve.pages", name) for name in SHARED}


def _page(package: str, name: str) -> bytes:
    return files(package).joinpath(name).read_bytes()


def _module(package: Package, graph: bytes) -> str:
    integrity = "sha256-" + base64.b64encode(hashlib.sha256(graph).digest()).decode("ascii")
    described = msgspec.json.format(msgspec.json.encode(_description(package)), indent=1).decode()
    return f"""\
// {package.name} {package.version}, sealed by holdall: `load()` gives a model, `model.predict(rows)` its predictions.
import {{ open }} from "./scoring.mjs";

export {{ RowsRefused, SchemaMismatch }} from "./scoring.mjs";

export const description = {described};

export const load = () => open(description, new URL("./model.onnx", import.meta.url), "{integrity}");
"""


def _examples_of(package: Package) -> bytes:
    """Rows to try the page with, values in the order of the inputs: a column may have a name that objects keep for themselves.

    They have a file of their own: an image is megabytes of text, which a program that loads the module has no use for.
    """
    names = [field.name for field in package.schema.inputs]
    return msgspec.json.encode([[row[name] for name in names] for row in example_of(package)])


def _description(package: Package) -> dict[str, Any]:
    """What the module and the page need to know of the package."""
    manifest = package.manifest
    return {
        "name": package.name,
        "version": package.version,
        "digest": package.digest,
        "task": manifest.task,
        "rowWise": manifest.row_wise,
        "inputs": [_field(field) for field in manifest.schema.inputs],
        "outputs": [{"name": field.name, "kind": field.kind} for field in manifest.schema.outputs],
        "graph": _graph(manifest.model),
    }


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "kind": field.kind,
        "carrier": field.carrier,
        "shape": field.shape,
        "nullable": field.nullable,
        "limit": field.limit,
        "enforce": field.enforce,
        "observed": field.observed,
    }


def _graph(step: Step) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": entry.name, "kind": entry.kind, "columns": entry.columns, "mask": entry.mask}
            for entry in step.inputs
        ],
        "outputs": [{"name": entry.name, "columns": entry.columns, "mask": entry.mask} for entry in step.outputs],
        "guards": [{"column": guard.column, "reason": guard.reason, "step": guard.step} for guard in step.guards],
    }


def _npm(manifest: Manifest) -> dict[str, Any]:
    """So that the folder is a package for bundlers too."""
    return {
        "name": manifest.release.name.replace("/", "-"),
        "version": manifest.release.version,
        "private": True,
        "type": "module",
        "types": "./model.d.ts",
        "exports": {".": {"types": "./model.d.ts", "default": "./model.mjs"}},
    }


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for path, data in contents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _publish(pending: Path, output: Path) -> None:
    """The finished folder under its name, in the place of an earlier export."""
    if not output.exists():
        os.replace(pending, output)
        return
    earlier = pending.with_name(f"{pending.name}.earlier")
    os.replace(output, earlier)
    try:
        os.replace(pending, output)
    except OSError:
        os.replace(earlier, output)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
