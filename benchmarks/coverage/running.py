"""The cases of other frameworks (`frameworks/`): packed with `holdall.pack`, and asked about rows that they never saw.

Each framework is measured in a process of its own, since TensorFlow and PyTorch do not like one another. A native package
is opened in a fresh process and held to answers that were recorded before; it cannot vouch for itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage.comparing import beside, record, replayed
from benchmarks.coverage.trial import Case, Trial
from holdall import api
from holdall.columns import recorded
from holdall.columns.batch import Batch
from holdall.columns.tables import from_table
from holdall.errors import Error
from holdall.frameworks.find import find
from holdall.frameworks.framework import Live
from holdall.packing import programs
from holdall.packing.opening import open_model
from holdall.scoring.fit import fit
from holdall.spec.schema import Schema

FOLDER = Path(__file__).parent / "frameworks"
ORDER = ("portable", "native", "refused")
CHUNK = 2_000
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_OFFLINE": "1",
}
DISTRIBUTIONS = {
    "catboost": ("catboost",),
    "keras": ("keras", "tensorflow-cpu", "tf2onnx"),
    "keras_torch": ("keras", "torch", "onnxscript"),
    "lightgbm": ("lightgbm",),
    "onnx": ("onnx", "silero-vad", "magika", "rapidocr"),
    "python": (),
    "sentence_transformers": ("sentence-transformers", "transformers", "tokenizers"),
    "statsmodels": ("statsmodels",),
    "tensorflow": ("tensorflow-cpu", "keras", "tf2onnx"),
    "torch": ("torch", "onnxscript"),
    "transformers": ("transformers", "tokenizers", "torch"),
    "xgboost": ("xgboost-cpu",),
}
"""File of cases → the distributions whose versions decide what comes out; any other file's are named as it is."""


@dataclass(frozen=True)
class Line:
    """One line of the page: a case, and what became of it.

    relative, absolute: the largest errors; tolerance: what was held to, relative and absolute. passed: nothing differs, a
    portable one by no more than the case allows, and the state is no worse than expected.
    """

    framework: str
    model: str
    task: str
    expected: str
    state: str
    engine: str = ""
    rows: int = 0
    flips: int = 0
    ties: int = 0
    refused: int = 0
    relative: float = 0.0
    absolute: float = 0.0
    tolerance: tuple[float, float] = (0.0, 0.0)
    passed: bool = False
    seconds: float = 0.0
    cause: str = ""


def modules() -> list[str]:
    """The files of cases."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def cases(module: str) -> Sequence[Case]:
    """The cases of one file. Imports no framework."""
    found: Sequence[Case] = import_module(f"benchmarks.coverage.frameworks.{module}").CASES
    return found


def versions(module: str) -> dict[str, str]:
    """What its cases were measured with."""
    found = {}
    for name in DISTRIBUTIONS.get(module, (module.replace("_", "-"),)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def measure(case: Case, rows: int) -> Line:
    """The case packed and asked about `rows` unseen rows, at most as many as it is made for."""
    began = time.monotonic()
    base = Line(case.framework, case.model, case.task, case.expected, "refused")
    try:
        trial = case.make(min(rows, case.rows))
    except Exception as error:  # noqa: BLE001 — the case is wrong, or its framework is not installed: it must be seen
        return replace(base, state="broken", cause=f"it cannot be made: {type(error).__name__}: {error}")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the frameworks deprecate
        os.environ["HOLDALL_HOME"] = str(Path(folder) / "store")
        try:
            found = _measured(base, trial, Path(folder), case.relative)
        except Error as error:
            # Refused with a sentence is an answer; whether it is the expected one, `passed` says.
            found = replace(base, passed=case.expected == "refused", cause=error.message)
        except Exception as error:  # noqa: BLE001 — no user may see this
            found = replace(base, state="broken", cause=f"{type(error).__name__}: {error}")
    return replace(found, seconds=round(time.monotonic() - began, 1))


def _measured(base: Line, trial: Trial, folder: Path, relative: float) -> Line:
    path = folder / "measured.holdall"
    package = api.pack(trial.model, name="measured", sample=trial.sample, output=path, **dict(trial.options))
    manifest = package.manifest
    cause = "; ".join(f"{blocker.step}: {blocker.cause}" for blocker in manifest.blockers)
    state = "portable" if manifest.portable else "native"
    base = replace(
        base,
        state=state,
        engine=manifest.model.engine,
        task=manifest.task,
        cause=cause,
        tolerance=(manifest.tolerance.relative, manifest.tolerance.absolute),
    )
    asked = fit(from_table(trial.unseen, schema=manifest.schema)[0], manifest.schema)
    if len(manifest.steps) > 1:
        # With functions of its own it takes what the live model does not; its recorded examples are its answers then.
        (folder / "examples.answers").write_bytes(recorded.encode(*package.samples))
        comparison = replayed(folder)
    else:
        live = _live(trial, manifest.schema)
        if state == "portable":
            comparison = beside(live, api.load(path).score, _parts(asked), manifest)
        else:
            record(live, _parts(asked), folder)
            comparison = replayed(folder)
    precise = state != "portable" or comparison.max_rel_error <= relative
    wide = "" if precise else f"its largest relative error is {comparison.max_rel_error:.1e}"
    fell = ORDER.index(state) > ORDER.index(base.expected)
    task = "" if base.task == manifest.task else f"its task is {manifest.task}"
    return replace(
        base,
        rows=comparison.rows,
        flips=comparison.label_flips,
        ties=comparison.ties,
        refused=comparison.refused,
        relative=float(min(comparison.max_rel_error, 1e300)),
        absolute=float(min(comparison.max_abs_error, 1e300)),
        passed=comparison.passed and comparison.rows > 0 and precise and not fell,
        cause="; ".join(part for part in (cause, task, wide, *comparison.differences) if part),
    )


def _live(trial: Trial, schema: Schema) -> Live:
    model = open_model(os.fspath(trial.model)) if isinstance(trial.model, str | os.PathLike) else trial.model
    kind = "numpy" if isinstance(trial.sample, np.ndarray) else "pandas"

    def given() -> tuple[Batch, str]:
        return from_table(trial.sample)[0], kind

    model = programs.taken(model, given)
    return programs.framework_of(find(model), model, given).live(model, schema)


def _parts(batch: Batch) -> dict[str, Batch]:
    return {f"unseen{start}": batch.take(slice(start, start + CHUNK)) for start in range(0, batch.rows, CHUNK)}


def framework(module: str, rows: int, names: Sequence[str] = ()) -> dict[str, Any]:
    """All cases of one file, or those named, measured in a process of their own: {versions, lines}.

    A process that dies leaves its unmeasured cases as broken.
    """
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.coverage.running", module, str(rows), *names]
    environment = {**os.environ, **ENVIRONMENT}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = [json.loads(line[len(MARK) :]) for line in ran.stdout.splitlines() if line.startswith(MARK)]
    done = {line["model"] for line in lines}
    last = ran.stderr.strip().splitlines()[-1:]
    for case in cases(module):
        if case.model not in done and (not names or case.model in names):
            base = Line(case.framework, case.model, case.task, case.expected, "broken")
            lines.append(asdict(replace(base, cause=f"its process ended with {ran.returncode}: {last}")))
    return {"versions": versions(module), "lines": lines}


MARK = "measured: "


def main(arguments: Sequence[str]) -> int:
    module, rows, *names = arguments
    for case in cases(module):
        if not names or case.model in names:
            print(MARK + json.dumps(asdict(measure(case, int(rows)))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
