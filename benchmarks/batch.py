"""Two million rows of Parquet against the loops that people write, in turn; and the memory of it, also for ten million.

The loops are the rulers' `batch_loops.py`: pandas chunks through the live pipeline (`sklearn`), pandas chunks through
onnxruntime (`ort`), and by hand: dictionary codes, one-hot by index, only the trees in the engine, a thread that reads
ahead (`hand`). All run in processes of their own and read the same file; a rate is rows by the seconds of the loop itself,
without imports.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.setting import WORK, Row
from benchmarks.yardsticks import models, python, yardsticks

ROUNDS = int(os.environ.get("ROUNDS", "5"))
ROWS = 2_000_000
PANDAS_ROWS = 300_000
"""The pandas loop is compared by its rate: all rows would take it a minute and a half."""
MANY = 5
"""Times the two million rows, for the memory of more."""

TREES_ONLY = """
import sys, joblib
import numpy as np
import skl2onnx.common._container as container
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
made = container.make_node
def whole(value):  # skl2onnx puts truth values where newer protobufs take only integers
    if isinstance(value, list):
        return [int(v) if isinstance(v, (bool, np.bool_, np.integer)) else v for v in value]
    return value
container.make_node = lambda *parts, **named: made(*parts, **{name: whole(value) for name, value in named.items()})
pipe = joblib.load(sys.argv[1] + "/pipe.joblib")
trees, width = pipe["clf"], sum(map(len, pipe["pre"].named_transformers_["cat"].categories_)) + 20
graph = to_onnx(trees, initial_types=[("x", FloatTensorType([None, width]))], options={id(trees): {"zipmap": False}})
open(sys.argv[1] + "/hgb_only.onnx", "wb").write(graph.SerializeToString())
"""
"""The part of the pipeline that the loop by hand gives to the engine."""

OURS = """
import sys, json, resource
import holdall
report = holdall.batch(*sys.argv[1:4])
report["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
print(json.dumps(report))
"""


def figures() -> Iterator[Row]:
    folder = yardsticks()
    source = _input(folder)
    reference = _packed()
    if not (models() / "hgb_only.onnx").exists():
        subprocess.run([python("hand"), "-c", TREES_ONLY, models()], check=True, stderr=subprocess.DEVNULL)
    loops = {
        "hand": ("hand", ROWS, {}),
        "hand, 10,000 rows a chunk": ("hand", ROWS, {"CHUNK": "10000"}),
        "ort": ("ort", ROWS, {}),
        "sklearn": ("sklearn", PANDAS_ROWS, {}),
    }
    rates: dict[str, list[float]] = {name: [] for name in ("ours", *loops)}
    peak = 0
    for _ in range(ROUNDS):
        report = _ours(reference, source)
        rates["ours"].append(report["rows"] / report["seconds"])
        peak = max(peak, report["peak"])
        for name, (mode, rows, environment) in loops.items():
            rates[name].append(_loop(folder, mode, rows, environment)["rows_per_s"])
    middle = {name: statistics.median(each) for name, each in rates.items()}
    words = {"hand": "loop by hand", "ort": "pandas + onnxruntime loop", "sklearn": "pandas + scikit-learn loop"}
    for name in loops:
        mode, _, more = name.partition(",")
        # Rounds are compared one by one: what else the machine did in it met both.
        ratio = statistics.median(ours / other for ours, other in zip(rates["ours"], rates[name], strict=True))
        yield (
            f"batch, {ROWS:,} rows of Parquet",
            f"{middle['ours']:,.0f} rows/s",
            f"{words[mode]}{',' + more if more else ''} {middle[name]:,.0f} rows/s",
            f"{ratio:.2f} times",
        )
    yield f"memory of it, peak RSS of {ROUNDS}", _mb(peak), "the bound 600 MB", f"{peak / 600e6:.2f} of it"
    many = _ours(reference, _more(source))
    yield (
        f"memory for {many['rows']:,} rows in one file",
        _mb(many["peak"]),
        f"for {ROWS:,} rows {_mb(peak)}",
        f"{many['peak'] / peak:.2f} times",
    )


def _input(folder: Path) -> Path:
    source = folder / "data" / "batch.parquet"
    if not source.exists():
        subprocess.run([python("hand"), "batch_loops.py", "gen"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return source


def _more(source: Path) -> Path:
    """The same rows so many times, in one file."""
    from pyarrow import parquet

    target = source.with_name("batch-many.parquet")
    if not target.exists():
        partial = target.with_suffix(".partial")
        with parquet.ParquetFile(source) as file, parquet.ParquetWriter(partial, file.schema_arrow) as writer:
            for group in [*range(file.num_row_groups)] * MANY:
                writer.write_table(file.read_row_group(group))
        partial.rename(target)
    return target


def _packed() -> str:
    """The rulers' pipeline in the benchmarks' store."""
    import joblib

    import holdall

    sys.path.insert(0, str(yardsticks()))
    try:
        from common import frame  # type: ignore[import-not-found, unused-ignore]
    finally:
        sys.path.pop(0)
    package = holdall.pack(joblib.load(models() / "pipe.joblib"), name="batch", sample=frame(2000, seed=9)[0])
    return package.reference


def _ours(reference: str, source: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", OURS, reference, source, WORK / "scores.parquet"]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(told.stdout)
    return report


def _loop(folder: Path, mode: str, rows: int, environment: Mapping[str, str]) -> dict[str, Any]:
    told = subprocess.run(
        [python("hand"), "batch_loops.py", mode, str(rows)],
        cwd=folder,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    report: dict[str, Any] = json.loads(told.stdout)
    return report


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
