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
    (("it hashes text",), "use OneHotEncoder, or DictVectorizer where a row is a dictionary"),
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
        "`holdall trace` shows line by line what of a function goes into the graph, and what to write instead",
    ),
    (("tokenizer (",), "nothing: a tokenizer stays beside its graph; where it runs, `tokenizers` is all that it needs"),
    (
        ("statistics of the target (CTR)",),
        "fit it with one_hot_max_size no less than the categories of a column; else nothing: catboost is all that it needs",
    ),
    (
        ("which CatBoost turns into numbers",),
        "make numbers or categories of the text before it; else nothing: catboost is all that it needs",
    ),
    (("composite_cols",), "join the columns in a preprocess function, and encode the joined one"),
    (("in float32",), "fit it on float64 columns"),
    (
        ("parity failed",),
        "use another estimator for this step, or keep it native: a graph was made and is not used, since it differs as the "
        "cause says",
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


TRUST = {
    "data": "none: it holds data only, though a library is needed to run it",
    "types": "none beyond the default: it holds objects of types that holdall knows",
    "code": "whoever did not seal it gives --trust code",
    "pickle": "whoever loads it gives --trust pickle, here too: opening it runs what its maker wanted",
}
"""What loading asks for, by the level of trust."""


def _pace(package: Mapping[str, Any]) -> str:
    engines = {step["role"]: step.get("engine") for step in package.get("steps", ())}
    model = engines.get("model")
    if model == "text":
        return "by what the tokenizer takes; the network itself is a graph"
    if model == "python":
        return "a request of one row goes to a process of its own, which asks the model with a table"
    if "python" in engines.values():
        whose = "is a graph" if model == "onnx" else "is asked by its own library"
        return f"a request of one row goes through the functions' own process, as a table; the model {whose}"
    return "a request of one row is asked of the model's own library, which takes it as a table"


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
            ("trust", TRUST[package["trust"]]),
            ("no way", "into a browser, onto a device without Python, or into C"),
            ("slower", _pace(package)),
        ]
    )
    output.heading("How to get rid of it")
    advice = dict.fromkeys((blocker["step"], remedy(blocker["step"], blocker["cause"])) for blocker in found)
    output.table(["step", "what to do"], [list(row) for row in advice])
