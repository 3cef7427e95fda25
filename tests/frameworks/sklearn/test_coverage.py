"""The share of scikit-learn that packs does not fall: what was measured holds the floors, and a little of it is measured anew."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from benchmarks.coverage import estimators
from benchmarks.coverage.estimators import CASES, Case
from benchmarks.coverage.measuring import PORTABLE, REFUSED, measure, together
from benchmarks.coverage.trial import RELATIVE

ROOT = Path(__file__).parents[3]
DATA = json.loads((ROOT / "docs" / "reference" / "coverage.json").read_text(encoding="utf-8"))
FRAMEWORKS = json.loads((ROOT / "docs" / "reference" / "frameworks.json").read_text(encoding="utf-8"))
RESULTS = DATA["results"]


def test_every_estimator_is_in_the_list_or_has_no_answer_for_new_rows():
    listed = [case.name for case in CASES]
    assert len(set(listed)) == len(listed)
    assert set(listed) | set(estimators.ANSWERLESS) == set(estimators.classes())
    assert not set(listed) & set(estimators.ANSWERLESS)


def test_the_list_is_what_was_measured():
    assert set(RESULTS) == {case.name for case in CASES}


def test_ninety_eight_of_a_hundred_pack_with_passing_parity():
    assert sum(one["passed"] for one in RESULTS.values()) >= 0.98 * len(RESULTS)


def test_eighty_five_of_a_hundred_are_portable_without_a_flip():
    portable = [one for one in RESULTS.values() if one["state"] == PORTABLE and one["passed"]]
    assert len(portable) >= 0.85 * len(RESULTS)
    assert all(one["flips"] == 0 and one["relative"] <= RELATIVE for one in portable)
    assert all(table["rows"] >= 10_000 for one in portable for table in one["tables"])


def test_the_page_says_what_was_measured():
    page = runpy.run_path(str(ROOT / "scripts" / "coverage_page.py"))["page"](DATA, FRAMEWORKS)
    assert (ROOT / "docs" / "reference" / "coverage.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_estimator_falls_behind(case: Case):
    before = RESULTS[case.name]["tables"][0]
    found = together(measure(case, 60, first=True, fresh=False))
    order = (PORTABLE, "native", REFUSED)
    assert order.index(found.state) <= order.index(before["state"]), found.cause
    assert found.passed or not before["passed"], found.cause
