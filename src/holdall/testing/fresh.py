"""What the suites ask of a fresh process: `python -m holdall.testing.fresh VERB …` prints one line of JSON.

A process that has just begun shows what one that has run tests for a minute cannot: what is imported and when, whether a
file holds all that it needs, whether a digest hangs on the seed of hashing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

SECONDS = 300
"""After so long a fresh process is ended: whatever it does hangs."""


class FreshProcessFailed(AssertionError):
    """The process ended otherwise than by itself, or not at all."""


def ask(verb: str, *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = SECONDS) -> Any:
    """What a fresh process prints for the verb. Raises FreshProcessFailed with the end of its standard error."""
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(environment or {})}
    command = [sys.executable, "-m", "holdall.testing.fresh", verb, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=given, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise FreshProcessFailed(f"a fresh process hung: {verb} was not done after {timeout:.0f} s") from None
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise FreshProcessFailed(f"a fresh process ended with {done.returncode} at {verb}:\n{last}")
    return json.loads(done.stdout.splitlines()[-1])


class _Without(MetaPathFinder):
    """Makes these top-level modules as good as not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002 — the seam
        if name.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def hide(names: Sequence[str]) -> None:
    """From now on these top-level modules cannot be imported in this process."""
    sys.meta_path.insert(0, _Without(names))


def loaded() -> list[str]:
    """The top-level modules of this process."""
    return sorted({name.partition(".")[0] for name in sys.modules})


def recognise(path: str) -> dict[str, Any]:
    """Which framework models of these classes are of. path: of a JSON list of {mro: [[module, name], …], attributes}.

    The classes are made here, by their names alone: their libraries are not imported.
    """
    from holdall.frameworks.find import find

    found = []
    for kind in json.loads(Path(path).read_bytes()):
        made: type = object
        for module, name in reversed(kind["mro"]):
            attributes = {attribute: (lambda *_: None) for attribute in kind["attributes"]}
            made = type(name, (made,), {"__module__": module, **attributes})
        found.append(find(made()).name)
    return {"names": found, "loaded": loaded()}


def digests(module: str, suite: str) -> dict[str, str]:
    """Case → the digest that its model is sealed under here. suite: a FrameworkTests of that module."""
    from holdall import api

    found = {}
    for place, case in enumerate(getattr(import_module(module), suite).cases()):
        given = case.make()
        found[case.name] = api.pack(given.model, name=f"case{place}", sample=given.sample, **dict(given.options)).digest
    return found


def answers(folder: str, trust: str, without: str) -> dict[str, Any]:
    """Each `NAME.holdall` of the folder asked for the rows recorded in `NAME.rows`: how it compares, or how it failed.

    trust: what is let in, or ''. without: modules, with commas between, that cannot be imported.
    """
    hide([name for name in without.split(",") if name])
    import msgspec

    from holdall import api
    from holdall.checks.parity import Comparison
    from holdall.columns import recorded
    from holdall.errors import Error

    found: dict[str, Any] = {}
    for path in sorted(Path(folder).glob("*.holdall")):
        try:
            model = api.load(path, trust=trust or None)
            data = path.with_suffix(".rows").read_bytes()
            answered = json.loads(data)["outputs"]
            outputs = tuple(field for field in model.schema.outputs if field.name in answered)
            inputs, expected = recorded.decode(data, msgspec.structs.replace(model.schema, outputs=outputs))
            given = model.score(inputs)
        except Error as error:
            found[path.stem] = error.to_json()
            continue
        comparison = Comparison()
        comparison.add(expected, given, model.manifest.tolerance, model.manifest.task)
        found[path.stem] = {
            "rows": comparison.rows,
            "passed": comparison.passed and not comparison.ties,
            "differences": comparison.differences,
        }
    return {"packages": found, "loaded": loaded()}


def engine_imports(name: str, module: str) -> dict[str, Any]:
    """What is loaded once scoring is imported, and once the engine is, before it has opened anything."""
    import_module("holdall.scoring.scorer")
    before = loaded()
    import_module(module)
    return {"engine": name, "scoring": before, "opened": loaded()}


def opened(folder: str, without: str, threads: str, libraries: str = "") -> dict[str, Any]:
    """Opens and runs the step that lies in the folder: how many answers it gives and how many threads that began.

    libraries: modules, with commas between, that are imported before: what an import begins is not counted.
    """
    hide([name for name in without.split(",") if name])
    from holdall.errors import Error
    from holdall.testing.openings import read, stage

    opening = read(Path(folder))
    for name in filter(None, libraries.split(",")):
        import_module(name)
    before = _threads()
    try:
        given = stage(opening, threads=int(threads)).score(opening.rows)
    except Error as error:
        return {"error": error.to_json(), "kind": type(error).__name__}
    return {"rows": given.rows, "begun": _threads() - before}


def _threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0


def damaged(folder: str) -> dict[str, str]:
    """Opens and runs the step with each of its damaged files in turn: damage → what became of it.

    Which one is at work stands in the file `current`, for whoever finds this process dead.
    """
    from holdall.errors import Error
    from holdall.testing.openings import damages, read, stage

    opening = read(Path(folder))
    found = {}
    for name, files in damages(opening.files, Path(folder) / "flips"):
        (Path(folder) / "current").write_text(name, encoding="utf-8")
        try:
            stage(opening, files=files).score(opening.rows)
        except Error as error:
            found[name] = f"holdall.{type(error).__name__}"
        except Exception as error:  # noqa: BLE001 — which is what is asked
            found[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        else:
            found[name] = "opened"
    return found


VERBS: dict[str, Callable[..., Any]] = {
    "answers": answers,
    "damaged": damaged,
    "digests": digests,
    "engine_imports": engine_imports,
    "opened": opened,
    "recognise": recognise,
}


if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
