"""The model card, `README.md` of the package: what goes in, what comes out, how to run it.

It holds no name and no version, for those belong to the release and would change the fingerprint; and it shows no row of
anybody's data.
"""

from __future__ import annotations

from holdall.spec.manifest import Blocker, Manifest
from holdall.spec.schema import Field

PATH = "README.md"


def card(manifest: Manifest) -> str:
    """Markdown of the card; the same for the same content."""
    lines = [
        "# Model card",
        "",
        f"A sealed model for {manifest.task}. "
        + (
            "It is portable: it runs in onnxruntime alone, without Python packages of its training."
            if manifest.portable
            else "It needs its own Python packages to run: " + ", ".join(manifest.environment.requires) + "."
        ),
        "",
        "## What goes in",
        "",
        "| column | kind | missing values | observed |",
        "| --- | --- | --- | --- |",
        *(_row(field) for field in manifest.schema.inputs),
        "",
        "## What comes out",
        "",
        "| column | kind |",
        "| --- | --- |",
        *(f"| {_cell(field.name)} | {field.kind} |" for field in manifest.schema.outputs),
        "",
    ]
    if manifest.blockers:
        lines += ["## Why it is not portable", "", *(_blocker(blocker) for blocker in manifest.blockers), ""]
    lines += [
        "## How to run it",
        "",
        "```python",
        "import holdall",
        "",
        'model = holdall.load("NAME")',
        "model.predict(table)",
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(field: Field) -> str:
    return (
        f"| {_cell(field.name)} | {field.kind} | {'accepted' if field.nullable else 'refused'} | {_observed(field)} |"
    )


def _observed(field: Field) -> str:
    seen = field.observed
    if seen is None:
        return ""
    if seen.minimum is not None and seen.maximum is not None:
        return f"{seen.minimum:g} to {seen.maximum:g}"
    if seen.categories is not None:
        shown = ", ".join(_cell(str(category)) for category in seen.categories[:10])
        more = len(seen.categories) > 10 or seen.other
        return f"{shown}, …" if more else shown
    return "many different values" if seen.other else ""


def _blocker(blocker: Blocker) -> str:
    return f"- {_cell(blocker.step)}: {_cell(blocker.cause)}"


def _cell(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    plain = " ".join(text.split())
    for mark in "\\`|*_<>[]":
        plain = plain.replace(mark, "\\" + mark)
    return plain
