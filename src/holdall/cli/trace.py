"""`holdall trace`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from holdall.cli.main import ANSWER_IS_NO
from holdall.cli.options import output_options
from holdall.cli.output import Output, Styled, Text, counted

_OPERATORS = 4
"""Of the operators of a line, so many are named."""


@click.command("trace")
@click.argument("function", metavar="MODULE:FUNCTION", nargs=-1, required=True)
@click.option(
    "--sample",
    required=True,
    metavar="DATA",
    help="Rows of what the function is given: csv, json, jsonl, parquet or arrow.",
)
@click.option(
    "--rows", metavar="DATA", help="For a function of the answers and the rows: the rows; the sample is the answers."
)
@click.option("--html", metavar="FILE", help="Write it as a page that holds all that it shows.")
@click.option("--svg", metavar="FILE", help="Write the drawing: from column over line to column.")
@click.option("--check", is_flag=True, help="Exit code 1 unless all of it goes into the graph and gives the same.")
@output_options
def trace_command(
    output: Output,
    function: tuple[str, ...],
    sample: str,
    rows: str | None,
    html: str | None,
    svg: str | None,
    check: bool,
) -> int:
    """Show line by line what of a function goes into the model's graph, before anything is packed.

    Each line is told with what it became, or with why it stays Python and what would do instead. The graph is compared
    with the function on the sample and on rows that are hard on functions. Several functions are run one after the other.

    \b
    Examples:
      holdall trace features:add_features --sample train.csv
      holdall trace features:add_features --sample train.csv --check
      holdall trace features:add_features --sample train.csv --html features.html
    """
    with output.progress("tracing the function") as say:
        import msgspec

        from holdall import api

        report = api.trace(function, sample=sample, rows=rows, html=html, svg=svg, progress=say)
        told: dict[str, Any] = msgspec.to_builtins(report)
    if output.as_json:
        output.emit(told)
    else:
        _show(output, told)
    return ANSWER_IS_NO if check and not report.passed else 0


def _show(output: Output, told: Mapping[str, Any]) -> None:
    output.line(Styled(", ".join(told["functions"]), "bold"), "  ", _verdict(told))
    many = len({file for file, _, _ in told["lines"]}) > 1
    for file in dict.fromkeys(file for file, _, _ in told["lines"]):
        output.heading(os.path.relpath(file) if many and os.path.isabs(file) else file)
        output.table(
            ["line", "source", "in the graph"],
            [[str(number), source, _became(told, file, number)] for of, number, source in told["lines"] if of == file],
            right=["line"],
        )
    if told["blockers"]:
        output.heading("Stays Python" if not told["traced"] else "Differs")
        for instead in dict.fromkeys(found["instead"] for found in told["blockers"]):
            for found in told["blockers"]:
                if found["instead"] == instead:
                    output.line("  ", Styled(f"{found['file']}:{found['line']}", "bold"), f"  {found['operation']}")
            output.line("      instead: ", instead)
    if told["refuses"]:
        output.heading("Refused in the graph")
        output.items(told["refuses"])
    if told["stopped"]:
        output.line()
        output.line("  After that the function could not be followed any further: there may be more.")


def _verdict(told: Mapping[str, Any]) -> Text:
    if not told["traced"]:
        return Styled(f"✗ stays Python: {counted(len(told['blockers']), 'reason')}", "red")
    if not told["equal"]:
        return Styled("✗ stays Python: its graph gives something else", "red")
    return Styled(f"✓ goes into the graph, the same on {counted(told['rows'], 'row')}", "green")


def _became(told: Mapping[str, Any], file: str, number: int) -> Text:
    """What a line became in the graph, or that it stays Python."""
    if any(found["file"] == file and found["line"] == number for found in told["blockers"]):
        return Styled("✗ stays Python" if not told["traced"] else "✗ differs", "red")
    recorded = [one for one in told["operations"] if one["file"] == file and one["line"] == number]
    names = list(dict.fromkeys(one["operation"] for one in recorded))
    operators = list(dict.fromkeys(name for one in recorded for name in one["operators"]))
    if not names:
        return ""
    return f"{', '.join(names)} → {_listed(operators)}" if operators else ", ".join(names)


def _listed(operators: Sequence[str]) -> str:
    more = len(operators) - _OPERATORS
    return ", ".join(operators[:_OPERATORS]) + (f" and {more} more" if more > 0 else "")
