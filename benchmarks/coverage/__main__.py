"""`python -m benchmarks.coverage [--quick] [--jobs N] [--update] [NAME …]`: measures, and writes docs/reference/coverage.json.

With names only those are measured, and nothing is written; with --update they are put in the place of what is there.
`--frameworks` measures the cases of `frameworks/` instead, its names being those of that folder's files, and writes
docs/reference/frameworks.json. Exit code 1 where a case fails or falls behind what it must not.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchmarks.coverage import running
from benchmarks.coverage.estimators import CASES
from benchmarks.coverage.measuring import one

PAGE_DATA = Path(__file__).parents[2] / "docs" / "reference" / "coverage.json"
FRAMEWORKS_DATA = PAGE_DATA.with_name("frameworks.json")
ROWS = 10_000
QUICK = 400


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} rows of each estimator's first table")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--update", action="store_true", help="put the named estimators into what was measured before")
    parser.add_argument("--frameworks", action="store_true", help="the other frameworks' cases")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(arguments)
    if given.frameworks:
        return frameworks(given.names, QUICK if given.quick else ROWS, given.jobs, given.update)
    cases = [case for case in CASES if not given.names or case.name in given.names]
    tasks = [(case, QUICK if given.quick else ROWS, given.quick) for case in cases]
    os.environ["OMP_NUM_THREADS"] = "1"
    results = {}
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        for name, seconds, each, whole in pool.imap_unordered(one, tasks):
            results[name] = {"tables": each, **whole}
            print(
                f"{name:32} {whole['state']:9} {'passed' if whole['passed'] else 'FAILED':7} {whole['rows']:7} rows "
                f"{whole['flips']} flips {whole['ties']} ties {whole['refused']} refused {whole['relative']:.1e} "
                f"{seconds:5.1f} s  {str(whole['cause'])[:150]}",
                flush=True,
            )
    states = [result["state"] for result in results.values() if result["passed"]]
    print({state: states.count(state) for state in sorted(set(states))}, "of", len(results))
    if not given.quick and (given.update or not given.names):
        before = json.loads(PAGE_DATA.read_text(encoding="utf-8"))["results"] if given.update else {}
        data = {"versions": versions(), "results": dict(sorted({**before, **results}.items()))}
        PAGE_DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def frameworks(names: Sequence[str], rows: int, jobs: int, update: bool) -> int:
    """Every framework in a process of its own; written where rows are the full number and all, or an update."""
    chosen = [name for name in running.modules() if not names or name in names]
    results: dict[str, object] = {}
    good = True
    with ThreadPoolExecutor(jobs) as pool:
        pending = {pool.submit(running.framework, name, rows): name for name in chosen}
        for done in as_completed(pending):
            found = done.result()
            results[pending[done]] = found
            for line in found["lines"]:
                good = good and line["passed"]
                print(
                    f"{line['framework'][:20]:20} {line['model'][:44]:44} {line['state']:9} "
                    f"{'passed' if line['passed'] else 'FAILED':7} {line['rows']:6} rows {line['flips']} flips "
                    f"{line['relative']:.1e} {line['seconds']:5.1f} s  {line['cause'][:150]}",
                    flush=True,
                )
            if rows == ROWS and (update or not names):
                _keep(results)
    return 0 if good else 1


def _keep(results: Mapping[str, object]) -> None:
    """What is there, with these in their places."""
    before = json.loads(FRAMEWORKS_DATA.read_text(encoding="utf-8")) if FRAMEWORKS_DATA.is_file() else {}
    kept = {name: found for name, found in {**before, **results}.items() if name in running.modules()}
    text = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
    FRAMEWORKS_DATA.write_text(text + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """What was measured with."""
    from importlib.metadata import version

    return {
        name: version(name) for name in ("scikit-learn", "onnxruntime", "onnx", "numpy", "scipy", "skl2onnx", "skops")
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
