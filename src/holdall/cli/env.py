"""`holdall env`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.main import ANSWER_IS_NO
from holdall.cli.options import output_options, reference_argument, trust_options
from holdall.cli.output import Output, Styled


@click.command("env")
@reference_argument()
@click.option("--check", is_flag=True, help="Exit with 1 where something differs.")
@click.option("--platform", metavar="P", help="Ask for another machine: linux-x86_64, linux-aarch64, macos-arm64 …")
@click.option("--python", metavar="V", help="Ask for another Python, such as 3.12.")
@click.option("--glibc", metavar="G", help="Ask for a Linux with this glibc, such as 2.28.")
@click.option("--create", metavar="DIR", help="Make the environment in this folder, whole or not at all.")
@trust_options
@output_options
def env_command(
    output: Output,
    reference: str,
    check: bool,
    platform: str | None,
    python: str | None,
    glibc: str | None,
    create: str | None,
    trust: str | None,
    policy: str | None,
) -> int:
    """Show what a package needs to run, and where this Python differs.

    The lock holds exact versions and hashes for every platform, and no address: --create fetches from your own index, by
    uv. For a machine that is only described, a difference is a package of which no file runs there.

    \b
    Examples:
      holdall env churn
      holdall env churn@production --check
      holdall env churn --platform linux-aarch64 --python 3.12 --check
      holdall env churn --create ./environment
    """
    with output.progress("looking at the environment" if create is None else "making the environment"):
        from holdall import api

        found = api.environment(
            reference, platform=platform, python=python, glibc=glibc, create=create, trust=trust, policy=policy
        )
    if output.as_json:
        output.emit(found)
    else:
        _show(output, reference, found, "here" if (platform, python, glibc) == (None, None, None) else "there")
    return ANSWER_IS_NO if check and not found["matches"] else 0


def _show(output: Output, reference: str, found: Mapping[str, Any], place: str) -> None:
    output.facts(
        [
            ("package", found["reference"]),
            ("python", found["python"]),
            ("requires", ", ".join(found["requires"])),
            ("locked", "yes, with hashes" if found["locked"] else "no"),
            ("made in", found["created"] or ""),
        ]
    )
    if found["packages"]:
        output.heading("The lock")
        output.table(
            ["package", "version", "where"],
            [[one["name"], one["version"], one["marker"] or "everywhere"] for one in found["packages"]],
        )
    if found["matches"]:
        output.heading("Differences")
        output.line(
            Styled("✓ none", "green"), f": all of it is {place if found['created'] is None else 'in the folder'}"
        )
    else:
        output.heading("Differences")
        output.table(
            ["package", "asked for", f"is {place}"],
            [
                [one["name"], one["locked"], one["installed"] or Styled("nothing that runs", "red")]
                for one in found["differences"]
            ],
        )
        if found["locked"] and place == "here":
            output.following(f"holdall env {reference} --create ./environment")
