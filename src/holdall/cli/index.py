"""The commands by name, as `holdall --help` lists them: a table, so that asking for help imports no command."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command: the function of its own name in `holdall.cli.<module>`, and its summary in one line."""

    name: str
    module: str
    summary: str


SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Make": (
        Entry("pack", "pack", "Seal a fitted model into one package."),
        Entry("trace", "trace", "Show line by line what of a function goes into the graph."),
    ),
    "Look": (
        Entry("show", "show", "Show everything about a package."),
        Entry("list", "versions", "List the versions in the local store."),
        Entry("history", "versions", "Show who moved an alias when, and why."),
        Entry("scan", "scan", "Say what a file could do to whoever opens it."),
        Entry("verify", "verify", "Check that a package is whole and still answers as it did."),
        Entry("env", "env", "Show what a package needs to run, compare it, or make it."),
    ),
    "Run": (
        Entry("predict", "predict", "Score a small table."),
        Entry("batch", "batch", "Score a table of any size."),
        Entry("serve", "serve", "Serve models over HTTP."),
        Entry("export", "export", "Make of a package something that runs elsewhere."),
    ),
    "Release": (
        Entry("promote", "versions", "Point an alias such as production at a version."),
        Entry("rollback", "versions", "Point an alias back at what was live before."),
    ),
    "Help": (Entry("doctor", "doctor", "Say what is here, what is missing and how to get it."),),
}

ENTRIES = {entry.name: entry for entries in SECTIONS.values() for entry in entries}

_HEAD = """\
Usage: holdall COMMAND [OPTIONS] …

  Seal a trained model into one package that holds all it needs and runs the same everywhere.
"""

_TAIL = """\
A package is named NAME (its newest version), NAME:VERSION, NAME@ALIAS, NAME@sha256:… or by a path such as
./churn.holdall. Every command takes --json, --debug and --help.
"""


def help_text() -> str:
    """What `holdall --help` prints."""
    width = max(map(len, ENTRIES))
    parts = [_HEAD]
    for title, entries in SECTIONS.items():
        lines = [f"  {entry.name:{width}}  {entry.summary}" for entry in entries]
        parts.append("\n".join([f"{title}:", *lines]) + "\n")
    return "\n".join([*parts, _TAIL]).rstrip("\n")
