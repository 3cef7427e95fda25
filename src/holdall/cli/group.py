"""The group of all commands; a command's module is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from holdall.cli.index import ENTRIES, help_text


class LazyGroup(click.Group):
    """Knows its commands by the index and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(import_module(f"holdall.cli.{entry.module}"), entry.name + "_command")
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write(help_text())


holdall = LazyGroup("holdall", context_settings={"help_option_names": ["-h", "--help"]})
