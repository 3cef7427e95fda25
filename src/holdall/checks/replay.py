"""The replay: a package's recorded examples through its own scorer. The same one everywhere: verify, staging, servers.

The only check that may reach `scoring`, so that no other check can load a model.
"""

from __future__ import annotations

from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch
from holdall.errors import InputError
from holdall.scoring.scorer import Scorer


def replay(scorer: Scorer, inputs: Batch, outputs: Batch) -> Comparison:
    """The scorer's answers to `inputs` against the recorded `outputs`. Never raises for an answer that differs."""
    comparison = Comparison()
    manifest = scorer.manifest
    try:
        answers = scorer.score(inputs)
    except InputError as error:
        comparison.rows = inputs.rows
        comparison.differ(f"a recorded example is refused: {error.message}")
        return comparison
    comparison.add(outputs, answers, manifest.tolerance, manifest.task)
    return comparison
