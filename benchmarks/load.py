"""From a fresh process to a model that can predict, imports included: against the pickle of the pipeline."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.setting import WORK, Row, interleaved, micro, packed, workload

OURS = "import holdall; holdall.load({reference!r})"
OTHER = "import pickle; pickle.load(open({path!r}, 'rb'))"


def figures() -> Iterator[Row]:
    workload()
    reference = packed()
    run = [sys.executable, "-c"]
    ours, other = interleaved(
        lambda: subprocess.run([*run, OURS.format(reference=reference)], check=True),
        lambda: subprocess.run([*run, OTHER.format(path=str(WORK / "pipeline.pkl"))], check=True),
        rounds=9,
    )
    yield "load in a fresh process", micro(ours), f"pickle {micro(other)}", f"{other / ours:.1f} times faster"
