"""No framework falls behind what the page says of it: a few rows of every case are measured anew."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from benchmarks.coverage import running
from benchmarks.coverage.trial import RELATIVE

ROOT = Path(__file__).parents[2]
DATA = json.loads((ROOT / "docs" / "reference" / "frameworks.json").read_text(encoding="utf-8"))
ROWS = 40
NETWORKS = {"keras", "keras_torch", "onnx", "sentence_transformers", "tensorflow", "torch", "transformers"}
"""Files of cases whose frameworks only `make test` installs."""
ALONE = {"keras_torch": "torch"}
"""Files whose cases are measured in a process of their own, since Keras has one backend in each; and what they need."""
FALLS = {(line["framework"], line["model"]): line for one in DATA.values() for line in one["lines"]}
MODELS = [
    pytest.param(
        name,
        case,
        id=f"{name}: {case.model}",
        marks=[pytest.mark.networks, pytest.mark.slow] if name in NETWORKS else [],
    )
    for name in running.modules()
    if name in DATA
    for case in running.cases(name)
]


def test_what_was_measured_is_still_listed() -> None:
    listed = {(case.framework, case.model) for name in running.modules() for case in running.cases(name)}
    assert set(FALLS) <= listed


LIMITS = {(case.framework, case.model): case.relative for name in running.modules() for case in running.cases(name)}
LINES = [
    pytest.param(
        line,
        id=f"{line['framework']}: {line['model']}",
        marks=[] if line["passed"] else [pytest.mark.xfail(reason=f"the page says that it fails: {line['cause']}")],
    )
    for line in FALLS.values()
]


@pytest.mark.parametrize("line", LINES)
def test_the_page_has_no_label_flip_and_no_error_beyond_a_millionth(line: dict[str, Any]) -> None:
    assert line["flips"] == 0
    assert line["passed"], line["cause"]
    assert line["state"] != "portable" or line["relative"] <= LIMITS.get((line["framework"], line["model"]), RELATIVE)


@pytest.mark.parametrize(("name", "case"), MODELS)
@pytest.mark.filterwarnings("default")  # frameworks deprecate what their own models do
def test_no_model_falls_behind(name: str, case: Any) -> None:
    if name in NETWORKS and not find_spec(ALONE.get(name, name)):
        pytest.skip(f"{name} is not installed")
    before = FALLS.get((case.framework, case.model))
    if before is None or not before["passed"]:
        pytest.skip("the page has nothing to hold it to")
    found = _alone(name)[case.model] if name in ALONE else running.measure(case, ROWS)
    assert running.ORDER.index(found.state) <= running.ORDER.index(before["state"]), found.cause
    assert found.passed, found.cause
    assert found.flips == 0


@cache
def _alone(name: str) -> dict[str, running.Line]:
    """All cases of the file, by their models, measured in one process of their own."""
    return {line["model"]: running.Line(**line) for line in running.framework(name, ROWS)["lines"]}
