"""Writes docs/reference/commands.md from the commands' own help, so that the page cannot say something else.

python scripts/commands_page.py            write it
python scripts/commands_page.py --check    exit code 1 where it is not current
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from holdall.cli.group import holdall
from holdall.cli.index import SECTIONS, help_text

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"

HEAD = """\
# Commands

*This page is made by `scripts/commands_page.py` from the commands' own `--help`.*

Every command takes `--json`, which prints one JSON object (lists: one object a line) to standard output and nothing else
there, and `--debug`, which shows the traceback where something goes wrong. Progress, warnings and hints go to standard
error. Without `--json` the output is for people: colours only on a terminal, and not where `NO_COLOR` is set.

| exit code | means |
|---|---|
| 0 | done |
| 1 | it ran and the answer is no: a check failed, parity differs, a gate holds |
| 2 | bad usage, bad input, or a package that is damaged |
| 3 | not found |
| 4 | refused by policy or access |
| 5 | conflict: the version exists, there is nothing earlier to go back to |
| 6 | the other side failed: disk, network, server |
| 70 | a mistake of holdall's own |
| 130 | interrupted |
| 141 | whoever read the output closed it |

An error is one line that says what happened and one that says what to do next; with `--json` it is
`{"error": {"code", "message", "hint", …}}`.

The shell completes commands, options and package names once it was told to: for bash put
`eval "$(_HOLDALL_COMPLETE=bash_source holdall)"` into `~/.bashrc`, for zsh
`eval "$(_HOLDALL_COMPLETE=zsh_source holdall)"` into `~/.zshrc`, for fish
`_HOLDALL_COMPLETE=fish_source holdall | source` into its configuration.
"""


def page() -> str:
    """The page's text."""
    parts = [HEAD, "## holdall\n", _block(help_text())]
    group = holdall.make_context("holdall", [], resilient_parsing=True)
    for entries in SECTIONS.values():
        for entry in entries:
            command = holdall.get_command(group, entry.name)
            assert command is not None  # noqa: S101 — the index names it
            context = click.Context(command, info_name=entry.name, parent=group, terminal_width=100)
            parts += [f"## holdall {entry.name}\n", _block(command.get_help(context))]
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def main() -> int:
    """Writes the page, or with `--check` says whether it is current."""
    if "--check" in sys.argv[1:]:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
        print("current" if current else f"{PAGE.name} is not current: run scripts/commands_page.py")  # noqa: T201
        return 0 if current else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
