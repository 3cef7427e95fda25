"""Parts of a page that several commands print in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdall.cli.output import Output, Styled, Text, counted


def engine_text(package: Mapping[str, Any]) -> str:
    """The engine, and what running it takes."""
    needs = "portable: it runs without Python" if package["portable"] else "not portable: it needs Python to run"
    return f"{package['engine']}, {needs}"


def parity_text(parity: Mapping[str, Any] | None) -> Text:
    """The parity figures in one line."""
    if parity is None:
        return Styled("not measured, or its report is not attached", "yellow")
    flips = counted(parity["label_flips"], "label flip")
    ties = f", {counted(parity['ties'], 'tie')}" if parity["ties"] else ""
    refused = f", {counted(parity['refused'], 'row')} refused by both" if parity.get("refused") else ""
    errors = f"largest error {parity['max_rel_error']:.1e} relative, {parity['max_abs_error']:.1e} absolute"
    figures = f"{counted(parity['rows'], 'row')}, {flips}{ties}{refused}, {errors}"
    return Styled(f"✓ {figures}", "green") if parity["passed"] else Styled(f"✗ {figures}", "red")


def blockers(output: Output, found: Sequence[Mapping[str, Any]]) -> None:
    """Why the package is not portable, where it is not."""
    if found:
        output.heading("Not portable because of")
    for step in dict.fromkeys(blocker["step"] for blocker in found):
        output.items([step])
        # In full: a reason that is cut off on a terminal tells nobody what to do.
        output.items([f"  {blocker['cause']}" for blocker in found if blocker["step"] == step])
