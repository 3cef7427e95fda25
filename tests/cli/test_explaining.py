"""What `holdall show` says of a package that is not portable."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.cli.explaining import OTHERWISE, remedy
from tests.cli.test_commands import SHOWN, Run


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    from holdall import api

    shown = SHOWN | {
        "portable": False,
        "engine": "skops",
        "trust": "types",
        "blockers": [{"step": "pipeline.text (TfidfVectorizer)", "cause": "its tokens follow Unicode"}],
        "environment": SHOWN["environment"] | {"requires": ["scikit-learn==1.9.1"]},
    }

    class Package:
        def show(self) -> dict[str, Any]:
            return shown

    monkeypatch.setattr(api, "open", lambda _: Package())


@pytest.mark.usefixtures("native")
def test_it_says_why_what_it_costs_and_what_to_do(run: Run) -> None:
    out = run("show", "churn").out
    for text in (
        "Not portable because of",
        "its tokens follow Unicode",
        "What that costs",
        "python >=3.11 with scikit-learn==1.9.1",
        "whoever loads it must allow types",
        "How to get rid of it",
        "encode short texts as categories",
    ):
        assert text in out


@pytest.mark.parametrize(
    ("step", "cause", "words"),
    [
        ("model (KNeighborsClassifier)", "brute force chooses between rows by rounding noise", "kd_tree"),
        ("model (NMF)", "the transform of NMF is an optimisation run anew for every table", "PCA"),
        ("pipeline.f (FunctionTransformer)", "a lambda has no name by which it could be found", "module of its own"),
        (
            "pipeline.e (GapEncoder)",
            "skrub.GapEncoder is not a scikit-learn class; its code is not known",
            "ColumnTransformer",
        ),
        ("model (X)", "something else", OTHERWISE),
    ],
)
def test_every_cause_has_a_remedy(step: str, cause: str, words: str) -> None:
    assert words in remedy(step, cause)
