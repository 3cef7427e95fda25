"""`holdall list`, `history`, `promote` and `rollback`: versions and the aliases that point to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.options import output_options, reference_argument
from holdall.cli.output import Output, Styled, bytes_text, value_text


@click.command("list")
@click.argument("name", required=False, metavar="[NAME]")
@output_options
def list_command(output: Output, name: str | None) -> None:
    """List the versions in the local store, of all names or of one, the newest last."""
    from holdall import api

    rows = api.versions(name)
    if output.as_json:
        for row in rows:
            output.emit(row)
    elif not rows:
        output.line("The store is empty.")
        output.following("holdall pack MODEL --name NAME --sample DATA")
    else:
        output.table(
            ["version", "aliases", "created", "by", "engine", "size", "metrics", "digest"],
            [_version(row) for row in rows],
            right=["size"],
        )


def _version(row: Mapping[str, Any]) -> list[str | Styled]:
    return [
        Styled(row["reference"], "bold"),
        Styled(" ".join(f"@{alias}" for alias in row["aliases"]), "cyan"),
        _moment(row["created"]),
        row["actor"] or "",
        row["engine"] + ("" if row["portable"] else " (needs Python)"),
        bytes_text(row["size"]),
        ", ".join(f"{name} {value_text(value)}" for name, value in row["metrics"].items()),
        Styled(row["digest"][:19] + "…", "dim"),
    ]


@click.command("history")
@reference_argument()
@click.option("--at", metavar="TIME", help="Show instead what was live then, such as 2026-03-01T12:00Z.")
@output_options
def history_command(output: Output, reference: str, at: str | None) -> None:
    """Show who moved an alias when, from what to what and why, the newest last.

    REF is NAME@ALIAS, or NAME for all of its aliases.

    \b
    Examples:
      holdall history churn@production
      holdall history churn@production --at 2026-03-01
    """
    from holdall import api

    rows = api.history(reference, at=at)
    if output.as_json:
        for row in rows:
            output.emit(row)
    elif at is not None:
        output.table(
            ["alias", "was live", "digest"],
            [[f"{row['name']}@{row['alias']}", f"{row['name']}:{row['version']}", row["digest"]] for row in rows],
        )
    elif not rows:
        output.line(f"No alias of {reference} was ever set.")
        output.following(f"holdall promote {reference} production")
    else:
        output.table(
            ["when", "alias", "move", "from", "to", "by", "reason"],
            [
                [
                    _moment(row["time"]),
                    Styled(f"{row['name']}@{row['alias']}", "cyan"),
                    row["action"],
                    row["from"] or "",
                    Styled(row["to"], "bold"),
                    row["actor"] or "",
                    row["reason"] or "",
                ]
                for row in rows
            ],
        )


@click.command("promote")
@reference_argument()
@click.argument("alias", metavar="ALIAS")
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@click.option(
    "--require",
    multiple=True,
    metavar="GATES",
    help="What must be true first: test, sign, scan, 'metric:auc>=0.8'; with commas between, or given again.",
)
@output_options
def promote_command(output: Output, reference: str, alias: str, reason: str | None, require: tuple[str, ...]) -> None:
    """Point an alias at a version, gates first.

    Exit code 1 where a gate holds; the alias is then left where it was.

    \b
    Examples:
      holdall promote churn:1.2.0 production --reason "better on new customers"
      holdall promote churn@staging production --require 'metric:auc>=0.8'
    """
    from holdall import api

    _show_move(output, api.promote(reference, alias, reason=reason, require=require))


@click.command("rollback")
@reference_argument(metavar="NAME@ALIAS")
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@output_options
def rollback_command(output: Output, reference: str, reason: str | None) -> None:
    """Point an alias back at what was live before.

    Promotions are a stack: a second rollback goes one further back. With nothing earlier the exit code is 5.

    \b
    Example:
      holdall rollback churn@production --reason "too many refusals"
    """
    from holdall import api

    _show_move(output, api.rollback(reference, reason=reason))


def _show_move(output: Output, move: Mapping[str, Any]) -> None:
    if output.as_json:
        output.emit(move)
        return
    name, before = f"{move['name']}@{move['alias']}", move["from"]
    was = "for the first time" if before is None else "as before" if before == move["to"] else f"it was {before}"
    output.line(Styled(name, "bold"), " is now ", Styled(move["to"], "bold"), Styled(f" ({was})", "dim"))
    if move["action"] == "promote" and before not in (None, move["to"]):
        output.following(f"holdall rollback {name}   (takes it back)")
    else:
        output.following(f"holdall history {name}")


def _moment(text: str) -> str:
    """A moment to the second: 2026-03-01 12:00:00Z."""
    return f"{text[:10]} {text[11:19]}Z"
