"""`holdall verify`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.main import ANSWER_IS_NO
from holdall.cli.options import output_options, reference_argument, trust_options
from holdall.cli.output import Output, Styled, Text
from holdall.cli.sections import parity_text


@click.command("verify")
@reference_argument()
@click.option("--key", "keys", multiple=True, metavar="PUB", help="A public key that must have signed the package.")
@trust_options
@output_options
def verify_command(output: Output, reference: str, keys: tuple[str, ...], trust: str | None, policy: str | None) -> int:
    """Check that a package is whole and still answers as it did when it was packed.

    Every byte is compared with its digest, and the recorded examples are scored again. Exit code 1 where something
    failed, or where a required check could not be made: what was skipped has not passed.

    \b
    Example:
      holdall verify churn@production
    """
    with output.progress("verifying"):
        import msgspec

        from holdall import api

        report: dict[str, Any] = msgspec.to_builtins(api.verify(reference, keys=keys, policy=policy, trust=trust))
    if output.as_json:
        output.emit(report)
    else:
        _show(output, reference, report)
    return 0 if report["passed"] else ANSWER_IS_NO


def _show(output: Output, reference: str, report: Mapping[str, Any]) -> None:
    passed = report["passed"]
    verdict = Styled("✓ passed", "green") if passed else Styled("✗ did not pass", "red")
    output.line(Styled(reference, "bold"), "  ", verdict)
    output.line()
    rows: list[list[Text]] = []
    if report["parity"] is not None:
        rows.append(["parity", parity_text(report["parity"]), ""])
    for kind, style in (("failures", "red"), ("findings", None), ("skipped", "yellow")):
        for entry in report[kind]:
            message = f"skipped: {entry['message']}" if kind == "skipped" else entry["message"]
            if style is None:
                rows.append([entry["check"], message, entry.get("path") or ""])
            else:
                rows.append([Styled(entry["check"], style), Styled(message, style), entry.get("path") or ""])
    output.table(["check", "what was found", "where"], rows)
