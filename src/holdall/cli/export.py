"""`holdall export`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.options import output_options, reference_argument
from holdall.cli.output import Output, Styled, bytes_text
from holdall.cli.sections import parity_text


@click.command("export")
@reference_argument()
@click.option("--to", "to", type=click.Choice(["web"]), required=True, help="Where it is to run: web is a browser.")
@click.option("-o", "--output", "folder", metavar="DIR", help="The folder to write.  [default: NAME-web]")
@click.option("--browser", metavar="PROGRAM", help="Replay in this browser, not the first one that is found.")
@click.option("--no-replay", is_flag=True, help="Do not replay the recorded examples; what is written tells so.")
@click.option("--runtime", metavar="FILE", help="The npm package of onnxruntime-web, where no registry is reached.")
@output_options
def export_command(
    output: Output,
    reference: str,
    to: str,
    folder: str | None,
    browser: str | None,
    no_replay: bool,
    runtime: str | None,
) -> None:
    """Make of a package something that runs elsewhere.

    web: static files for any host. A page to try the model, made from its schema, and a module with types for programs; both
    run wholly in the browser. The recorded examples are replayed in a browser without a window before anything is written.

    \b
    Examples:
      holdall export churn@production --to web -o public/churn
      holdall export churn --to web --runtime onnxruntime-web.tgz
    """
    with output.progress("opening the package") as say:
        from holdall import api

        made = api.export(
            reference, to=to, output=folder, browser=browser, replay=not no_replay, runtime=runtime, progress=say
        )
    if output.as_json:
        output.emit(made)
    else:
        _show(output, made)


def _show(output: Output, made: Mapping[str, Any]) -> None:
    parity, latency = made["parity"], made["latency"]
    output.facts(
        [
            ("package", made["reference"]),
            ("written to", f"{made['path']} ({bytes_text(made['size'])})"),
            ("runtime", made["runtime"]),
            ("replayed in", made["browser"] or Styled("no browser, as asked", "yellow")),
            ("parity", "" if parity is None else parity_text(parity)),
            ("one row", "" if latency is None else f"{latency['row_ms']:.2f} ms"),
            ("many rows", "" if latency is None else f"{latency['rows_per_second']:,.0f} a second"),
            ("loading", "" if latency is None else f"{latency['load_ms'] / 1000:.1f} s from this machine"),
        ]
    )
    output.following(f"python -m http.server --directory {shlex.quote(made['path'])} 8000")
