"""The framework that the guide writes passes the suite that ships, and what is wrong with a framework does not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs import written

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "frameworks.md"
CLIMB = 'answer = model.climb(frame(batch, schema, "numpy"))'
GATHER = "answer = op.gather(value.constant(model.values), step)"
REFUSE = 'conversion.refuse(op.isnan(block.values), PATH, "a missing number stands on no step", schema_names(schema))'

WRONG: Mapping[str, tuple[Mapping[str, str], str]] = {
    "scaled": (
        {CLIMB: f"{CLIMB} * 1.0001", GATHER: "answer = op.gather(value.constant(model.values * 1.0001), step)"},
        "test_the_package_gives_what_the_framework_gives_by_hand",
    ),
    "nulls": (
        {
            CLIMB: 'answer = model.climb(np.nan_to_num(frame(batch, schema, "numpy")))',
            REFUSE: "numbers = op.where(op.isnan(block.values), value.constant(0.0), block.values)",
            "[model.edges]), block.values)": "[model.edges]), numbers)",
        },
        "test_a_refused_row_is_named_among_others",
    ),
    "eager": ({"import numpy as np\n": "import numpy as np\nimport sklearn\n"}, "test_models_are_found"),
    "edges": (
        {"op.less(": "op.less_or_equal(", "conversion.boundary(block.origins[0], model.edges)": ""},
        "test_the_package_gives_what_the_framework_gives_by_hand",
    ),
    "seeded": (
        {'"model/model.onnx"': "f\"model/{hash('a')}.onnx\""},
        "test_the_same_model_has_the_same_digest_in_every_process",
    ),
    "marking": (
        {"        return Description(": "        model.described = True\n        return Description("},
        "test_packing_leaves_model_sample_and_options_as_they_were",
    ),
    "batched": (
        {CLIMB: f"{CLIMB}\n            answer = answer - answer.mean()", GATHER: f"{GATHER}\n        answer = op.sub(answer, op.reduce_mean(answer))"},
        "test_one_row_is_answered_as_it_is_among_many",
    ),
    "unready": ({"if not len(model.values):": "if False:"}, "test_a_model_that_is_not_fitted_is_refused"),
}  # fmt: skip
"""What is changed in the guide's framework, and the test that must then fail."""

QUIET = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "-q", "-rA", "--tb=no", "--show-capture=no")
"""One line for each test at the end, with its outcome."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Test → 'PASSED' or 'FAILED': of the guide's own suite all, of each wrong framework the test that must find it."""
    folder = tmp_path_factory.mktemp("written")
    written.write(PAGE, folder)
    points = folder / "shown_by_a_guide-1.0.dist-info" / "entry_points.txt"
    asked = ["test_ladder.py"]
    for name, (changes, _) in WRONG.items():
        for part in ("ladder.py", "ladder_holdall.py", "test_ladder.py"):
            text = (folder / part).read_text("utf-8")
            for before, after in changes.items() if part == "ladder_holdall.py" else ():
                assert before in text
                text = text.replace(before, after)
            (folder / part.replace("ladder", name)).write_text(text.replace("ladder", name), "utf-8")
        points.write_text(f"{points.read_text()}{name} = {name}_holdall\n")
        asked.append(f"test_{name}.py")
    kept = " or ".join(f"(test_{name}.py and {test})" for name, (_, test) in WRONG.items())
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET, "--rootdir", str(folder), *asked, "-k", f"test_ladder.py or {kept}"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "HOLDALL_HOME": str(folder / "home"), "COLUMNS": "300"},
        check=False,
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR) (\S+\.py::\w+::\w+)", ran.stdout, re.MULTILINE)
    assert found, ran.stdout + ran.stderr
    return {test: outcome for outcome, test in found}


def test_the_guides_framework_passes(outcomes: Mapping[str, str]) -> None:
    own = {test: outcome for test, outcome in outcomes.items() if test.startswith("test_ladder.py")}
    assert len(own) > 15
    assert set(own.values()) == {"PASSED"}, own


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str, outcomes: Mapping[str, str]) -> None:
    own = {test: outcome for test, outcome in outcomes.items() if test.startswith(f"test_{name}.py")}
    assert own
    assert all(WRONG[name][1] in test for test in own)
    assert set(own.values()) == {"FAILED"}, own
