"""`holdall serve`."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from holdall.cli.options import output_options, reference_argument, trust_options
from holdall.cli.output import Output, Styled, clean


@click.command("serve")
@reference_argument("references", metavar="[ID=]REF…", several=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes any free port.")
@click.option(
    "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that share the port."
)
@click.option(
    "--max-batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Rows that are scored together."
)
@click.option("--token-file", metavar="FILE", help="Ask for one of the tokens in this file, one a line.")
@click.option("--no-auth", is_flag=True, help="Ask for no token, also beyond this machine.")
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="NAME", help="Answer to this Host name too; * is any."
)
@trust_options
@output_options
def serve_command(output: Output, references: tuple[str, ...], **options: Any) -> None:
    """Serve models over HTTP until the process is stopped.

    Follows aliases as they move. When it takes requests it prints {"event":"ready","url":…} on a line of its own. With
    several models each is at /models/ID/predict.

    \b
    Examples:
      holdall serve churn@production
      holdall serve churn@production fraud=team/fraud:2.0.0 --workers 2
      holdall serve churn --host 0.0.0.0 --token-file tokens.txt
    """
    from holdall import api

    def say(event: dict[str, Any]) -> None:
        line = msgspec.json.encode(event).decode()
        if event["event"] == "ready":
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            if sys.stdout.isatty() and not output.as_json:
                output.line("serving at ", Styled(event["url"], "cyan"), "; Ctrl-C stops it")
        else:
            sys.stderr.write(clean(line) + "\n")
            sys.stderr.flush()

    api.serve(references, say=say, **options)
