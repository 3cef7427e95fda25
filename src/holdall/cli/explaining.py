"""Why a package is not portable, what that costs, and what would make it so: for `holdall show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall.cli.output import Output
from holdall.cli.sections import blockers

REMEDIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"),
        "nothing exact takes its place; encode short texts as categories (OneHotEncoder, TargetEncoder), or keep it native",
    ),
    (("brute force", "rounding noise"), "give it algorithm='kd_tree' or 'ball_tree' and fit it again"),
    (("run anew for every table",), "project with PCA or TruncatedSVD, or take KMeans' distances, and fit it again"),
    (("neighbours tie",), "use IterativeImputer or SimpleImputer in its place, or fit it on rows that do not repeat"),
    (
        ("lambda", "defined inside a function", "defined in the program itself"),
        "write the function in a module of its own",
    ),
    (
        ("is not a scikit-learn class",),
        "put a transformer of scikit-learn in its place (ColumnTransformer, OneHotEncoder, TargetEncoder, SimpleImputer …)",
    ),
    (("is not one of the functions",), "use one of NumPy's own functions, or a scikit-learn transformer for the same"),
    (
        ("it is a program",),
        "nothing, where a program is what is wanted; what a pipeline of scikit-learn can say is portable as one",
    ),
    (
        ("does not go into the graph",),
        "rewrite that line as it says; `holdall trace` shows the function line by line, before it is packed again",
    ),
    (
        ("it stays Python, run from its source",),
        "`holdall trace` shows line by line what of a function goes into the graph; docs/guides/preprocessing.md lists it",
    ),
    (("tokenizer (",), "nothing: a tokenizer stays beside its graph; where it runs, `tokenizers` is all that it needs"),
    (("in float32",), "fit it on float64 columns"),
    (
        ("parity failed",),
        "its graph was made and is not used, since its answers differ: `holdall verify` shows the figures",
    ),
)
"""Words of a step or a cause, and what to do about it; the first that fits is told."""

OTHERWISE = "use another estimator for this step; docs/reference/coverage.md lists those that are portable"


def remedy(step: str, cause: str) -> str:
    """What to do about a step that is not portable."""
    for words, advice in REMEDIES:
        if any(word in step or word in cause for word in words):
            return advice
    return OTHERWISE


def _pace(package: Mapping[str, Any]) -> str:
    if any(step.get("engine") == "text" for step in package.get("steps", ())):
        return "by what the tokenizer takes; the network itself is a graph"
    return "a request of one row asks the live model, which takes it as a table"


def portability(output: Output, package: Mapping[str, Any]) -> None:
    """The three answers, for a package that is not portable; nothing for one that is."""
    if package["portable"] or not package["blockers"]:
        return
    found = package["blockers"]
    blockers(output, found)
    environment = package["environment"]
    output.heading("What that costs")
    output.facts(
        [
            ("needs", f"python {environment['python']} with {', '.join(environment['requires'])}"),
            ("trust", f"whoever loads it must allow {package['trust']}"),
            ("no way", "into a browser, onto a device without Python, or into C"),
            ("slower", _pace(package)),
        ]
    )
    output.heading("How to get rid of it")
    advice = dict.fromkeys((blocker["step"], remedy(blocker["step"], blocker["cause"])) for blocker in found)
    output.table(["step", "what to do"], [list(row) for row in advice])
