"""What several commands take in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from holdall.cli.output import Output
from holdall.errors import Error, UsageError

Function = TypeVar("Function", bound=Callable[..., Any])


def output_options(function: Function) -> Function:
    """`--json` and `--debug`; the command takes an Output as its first argument."""
    function = click.pass_obj(function)  # type: ignore[assignment] # the same function, with its first argument filled
    function = click.option(
        "--debug", is_flag=True, expose_value=False, help="Show the traceback where something goes wrong."
    )(function)
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_choose_output,
        help="Print JSON to standard output and nothing else there.",
    )(function)


def trust_options(function: Function) -> Function:
    """`--trust` and `--policy`: how far a package is trusted."""
    function = click.option(
        "--policy", metavar="FILE", help="A policy file that says which packages to trust, and how far."
    )(function)
    return click.option(
        "--trust",
        type=click.Choice(["code", "pickle"]),
        help="Load packages that run Python code of their own, or even a pickle. Only for makers whom you know.",
    )(function)


def reference_argument(
    name: str = "reference", metavar: str = "REF", *, several: bool = False
) -> Callable[[Function], Function]:
    """An argument that names a package, or one or more; the shell completes it from the local store."""
    count = -1 if several else 1
    return click.argument(name, metavar=metavar, nargs=count, required=True, shell_complete=_complete_reference)


def pairs(texts: Sequence[str], flag: str) -> dict[str, str]:
    """The values of a flag that is given as KEY=VALUE, by key. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{flag} takes KEY=VALUE, not {text!r}", hint=f"for instance {flag} {_EXAMPLES[flag]}")
        if key.strip() in found:
            raise UsageError(f"{flag} {key.strip()} is given twice", hint="leave one of them out")
        found[key.strip()] = value.strip()
    return found


def numbers(texts: Sequence[str], flag: str) -> dict[str, float]:
    """As `pairs`, with finite numbers as values. Raises UsageError."""
    import math

    found = {}
    for key, value in pairs(texts, flag).items():
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(f"{flag} {key} is {value!r}, which is no finite number", hint=f"{flag} {_EXAMPLES[flag]}")
        found[key] = number
    return found


_EXAMPLES = {"--metric": "auc=0.81", "--meta": "owner=risk-team"}


def _choose_output(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001
    context.obj = Output(as_json=value)


def _complete_reference(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    from holdall import api

    try:
        rows = api.versions()
    except Error:
        return []
    known: dict[str, None] = {}
    for row in rows:
        known |= dict.fromkeys([row["name"], row["reference"], *(f"{row['name']}@{alias}" for alias in row["aliases"])])
    return [CompletionItem(text) for text in known if text.startswith(incomplete)]
