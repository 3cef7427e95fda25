"""What packing adds to a process that has scikit-learn and the model loaded already: imports, conversion, proof, sealing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.setting import ROOT, WORK, Row, micro, workload

SCRIPT = """
import pickle, sys, time
sys.path.insert(0, {root!r})
from tests import workload
model = pickle.load(open({path!r}, "rb"))
table, _ = workload.frame({rows}, seed=4)
model.predict(table.head(1))
start = time.perf_counter()
import holdall
holdall.pack(model, name="timed", sample=table, version="0.0.{turn}")
print(time.perf_counter() - start)
"""


def figures() -> Iterator[Row]:
    import shutil

    workload()
    for rows in (1_000, 20_000):
        times = []
        for turn in range(5):
            script = SCRIPT.format(root=str(ROOT), path=str(WORK / "pipeline.pkl"), rows=rows, turn=turn)
            shutil.rmtree(WORK / "timed", ignore_errors=True)
            environment = {"HOLDALL_HOME": str(WORK / "timed"), "PATH": ""}
            done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, env=environment)
            times.append(float(done.stdout))
        median = sorted(times)[len(times) // 2]
        yield f"pack with {rows:,} rows of sample", micro(median), "the bound 3 s", f"{median / 3:.2f} of it"
