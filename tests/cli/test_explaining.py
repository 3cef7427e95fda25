"""What `holdall show` says of a package that is not portable."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.cli.explaining import OTHERWISE, portability, remedy
from holdall.cli.output import Output
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
        "none beyond the default",
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
        ("model (FeatureHasher)", "it hashes text in a way that no graph operators can follow", "DictVectorizer"),
        ("model (C)", "it turns categories into statistics of the target (CTR), which …", "one_hot_max_size"),
        ("model (C)", "it takes text, which CatBoost turns into numbers in ways of its own", "before it"),
        ("model (KernelRidge)", "parity failed: 0 label flips, 3 values outside", "as the cause says"),
        ("model (X)", "something else", OTHERWISE),
    ],
)
def test_every_cause_has_a_remedy(step: str, cause: str, words: str) -> None:
    assert words in remedy(step, cause)


@pytest.mark.parametrize(
    ("engines", "trust", "words"),
    [
        ({"model": "python"}, "code", ("a process of its own", "--trust code")),
        ({"preprocess": "python", "model": "onnx"}, "code", ("the model is a graph", "--trust code")),
        ({"preprocess": "python", "model": "skops"}, "code", ("asked by its own library", "--trust code")),
        ({"model": "catboost"}, "data", ("own library", "data only")),
        ({"model": "pickle"}, "pickle", ("own library", "--trust pickle")),
        ({"model": "text"}, "data", ("the network itself is a graph", "data only")),
    ],
)
def test_what_it_costs_is_told_of_each_engine(
    engines: dict[str, str], trust: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    package = SHOWN | {
        "portable": False,
        "trust": trust,
        "blockers": [{"step": "model (X)", "cause": "something"}],
        "steps": [{"role": role, "engine": engine} for role, engine in engines.items()],
    }
    portability(Output(), package)
    shown = " ".join(capsys.readouterr().out.split())
    for word in words:
        assert word in shown
