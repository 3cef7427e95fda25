"""`holdall doctor`."""

from __future__ import annotations

import click

from holdall.cli.main import ANSWER_IS_NO
from holdall.cli.options import output_options
from holdall.cli.output import Output, Styled


@click.command("doctor")
@output_options
def doctor_command(output: Output) -> int:
    """Say what is here, what is missing and how to get it.

    Exit code 1 where something is missing without which nothing works; parts that are not installed are only named.
    """
    with output.progress("looking around"):
        from holdall import api

        checks = api.doctor()
    passed = all(check["ok"] or not check["required"] for check in checks)
    if output.as_json:
        output.emit({"passed": passed, "checks": checks})
    else:
        output.table(
            ["", "what", "found", "how to get it"],
            [
                [_mark(check["ok"], check["required"]), check["name"], check["detail"], check["hint"] or ""]
                for check in checks
            ],
        )
    return 0 if passed else ANSWER_IS_NO


def _mark(ok: bool, required: bool) -> Styled:
    if ok:
        return Styled("✓", "green")
    return Styled("✗", "red") if required else Styled("–", "yellow")
