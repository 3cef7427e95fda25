"""`holdall scan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.main import ANSWER_IS_NO
from holdall.cli.options import output_options, reference_argument
from holdall.cli.output import Output, Styled, Text, counted

_MOST = 40


@click.command("scan")
@reference_argument(metavar="PATH|REF")
@output_options
def scan_command(output: Output, reference: str) -> int:
    """Say what a file could do to whoever opens it, without opening it.

    PATH|REF is any model file or folder, or a package. Exit code 1 where something in it can act, where it names what is
    not on holdall's list, or where a part of it could not be looked into.

    \b
    Example:
      holdall scan model.joblib
    """
    with output.progress("scanning"):
        import msgspec

        from holdall import api

        report: dict[str, Any] = msgspec.to_builtins(api.scan(reference))
    if output.as_json:
        output.emit(report)
    else:
        _show(output, reference, report)
    return 0 if report["passed"] else ANSWER_IS_NO


def _show(output: Output, reference: str, report: Mapping[str, Any]) -> None:
    verdict = Styled("✓ passed", "green") if report["passed"] else Styled("✗ did not pass", "red")
    output.line(Styled(reference, "bold"), "  ", verdict)
    output.line()
    rows: list[list[Text]] = []
    for kind, style in (("failures", "red"), ("skipped", "yellow"), ("findings", None)):
        for entry in report[kind]:
            word = {"failures": entry.get("code") or "failed", "skipped": "not seen", "findings": "seen"}[kind]
            message = entry["message"]
            rows.append(
                [word, message, entry.get("path") or ""]
                if style is None
                else [Styled(word, style), Styled(message, style), entry.get("path") or ""]
            )
    output.table(["", "what was found", "where"], rows[:_MOST])
    if len(rows) > _MOST:
        output.line(f"and {counted(len(rows) - _MOST, 'line')} more: --json has them all")
    beyond = [found for found in report["globals"] if found["verdict"] != "known"]
    if beyond:
        output.heading("What it names beyond holdall's list")
        output.items([f"{found['name']} ({found['verdict']})" for found in beyond[:_MOST]])
