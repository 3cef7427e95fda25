"""`holdall show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.explaining import portability
from holdall.cli.options import output_options, reference_argument
from holdall.cli.output import Output, Styled, Text, bytes_text, value_text
from holdall.cli.sections import engine_text, parity_text

_CATEGORIES = 6
_MISSING = {"nan": "NaN", "none": "None", "na": "NA", "nat": "NaT"}


@click.command("show")
@reference_argument()
@output_options
def show_command(output: Output, reference: str) -> None:
    """Show everything about a package; nothing of it is run.

    \b
    Examples:
      holdall show churn
      holdall show churn@production --json
      holdall show ./churn-1.0.0.holdall
    """
    with output.progress("reading the package"):
        from holdall import api

        package = api.open(reference).show()
    if output.as_json:
        output.emit(package)
    else:
        _show(output, package)


def _show(output: Output, package: Mapping[str, Any]) -> None:
    aliases = "".join(f"  @{alias}" for alias in package["aliases"])
    output.line(Styled(package["reference"], "bold"), Styled(aliases, "cyan"))
    output.line()
    release = package["release"]
    output.facts(
        [
            ("digest", package["digest"]),
            ("task", package["task"]),
            ("engine", engine_text(package)),
            ("row-wise", "yes" if package["row_wise"] else "no"),
            ("parity", parity_text(package["parity"])),
            ("trust", package["trust"]),
            ("size", bytes_text(package["size"])),
            ("metrics", ", ".join(f"{name} {value_text(value)}" for name, value in release["metrics"].items())),
            *release["metadata"].items(),
        ]
    )
    portability(output, package)
    output.heading("What goes in")
    output.table(
        ["column", "kind", "missing", "seen in the sample", "also takes"], [_input(f) for f in _inputs(package)]
    )
    output.heading("What comes out")
    output.table(["column", "kind"], [[field["name"], _kind(field)] for field in package["schema"]["outputs"]])
    output.heading("How it runs")
    output.table(
        ["step", "engine", "runs", "computes in"],
        [[step["role"], step["engine"], _what(step), step.get("compute", "float64")] for step in package["steps"]],
    )
    _environment(output, package["environment"])
    output.heading("Files")
    output.table(
        ["path", "size", "role", "digest"],
        [[file["path"], bytes_text(file["size"]), file["role"], _short(file["digest"])] for file in package["files"]],
        right=["size"],
    )
    if package["referrers"]:
        output.heading("Attached")
        output.table(
            ["what", "size", "digest"],
            [
                [attached["artifact_type"], bytes_text(attached["size"]), _short(attached["digest"])]
                for attached in package["referrers"]
            ],
            right=["size"],
        )


def _what(step: Mapping[str, Any]) -> str:
    return ", ".join(step.get("functions") or step["files"])


def _inputs(package: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    fields: list[Mapping[str, Any]] = package["schema"]["inputs"]
    return fields


def _input(field: Mapping[str, Any]) -> list[Text]:
    missing = _MISSING[field.get("missing", "nan")] if field.get("nullable") else Styled("no", "dim")
    return [field["name"], _kind(field), missing, _seen(field.get("observed")), _takes(field)]


def _kind(field: Mapping[str, Any]) -> str:
    shape = field.get("shape")
    return f"{field['kind']}[{', '.join(map(str, shape))}]" if shape else str(field["kind"])


def _seen(observed: Mapping[str, Any] | None) -> str:
    """The range or the categories that the sample had, as far as they are kept, and the share of missing values."""
    if observed is None:
        return ""
    parts = []
    minimum, maximum = observed.get("minimum"), observed.get("maximum")
    if minimum is not None and maximum is not None:
        parts.append(f"{value_text(minimum)} to {value_text(maximum)}")
    categories = observed.get("categories")
    if categories:
        listed = ", ".join(value_text(category) for category in categories[:_CATEGORIES])
        more = len(categories) - _CATEGORIES
        parts.append(listed + (f" and {more} more" if more > 0 else " and others" if observed.get("other") else ""))
    if observed.get("nulls"):
        parts.append(f"{observed['nulls']:.0%} missing")
    return "; ".join(parts)


def _takes(field: Mapping[str, Any]) -> str:
    if field.get("enforce"):
        return "nothing else"
    parts = []
    if field["kind"] == "string" and field.get("unseen", True):
        parts.append("other text")
    if field.get("fractions"):
        parts.append("fractions")
    return ", ".join(parts)


def _environment(output: Output, environment: Mapping[str, Any]) -> None:
    output.heading("Environment")
    output.facts(
        [
            ("python", environment["python"]),
            ("requires", ", ".join(environment["requires"])),
            ("locked", "yes, with hashes" if environment["locked"] else "no"),
        ]
    )


def _short(digest: str) -> str:
    return digest[:19] + "…"
