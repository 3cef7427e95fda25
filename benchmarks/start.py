"""`holdall --help` against an interpreter that does nothing, in CPU time, byte code compiled."""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence

from benchmarks.setting import ROOT, Row


def figures() -> Iterator[Row]:
    compileall.compile_dir(str(ROOT / "src"), quiet=1)
    program = os.path.join(os.path.dirname(sys.executable), "holdall")
    ours = min(_cpu([program, "--help"]) for _ in range(7))
    other = min(_cpu([sys.executable, "-c", "pass"]) for _ in range(7))
    yield (
        "`holdall --help`, CPU",
        f"{ours * 1e3:.0f} ms",
        f"python -c pass {other * 1e3:.0f} ms",
        f"{ours / other:.1f} times",
    )


def _cpu(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
