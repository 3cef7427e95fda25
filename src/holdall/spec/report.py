"""Reports: what a check found. *Skipped* is never *passed*."""

from __future__ import annotations

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a report. check: 'digests', 'scan', 'parity' …; path: into the package or the input."""

    check: str
    message: str
    path: str | None = None
    code: str | None = None


class Parity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sealed artefact's answers against the live model's.

    rows: compared. label_flips: rows whose label differs although the live model's top two differ by more than ten
    times the tolerance; ties: the others whose label differs. refused: rows that both refuse. Errors are over all
    numeric outputs; the relative one leaves out where both are within the absolute tolerance.
    """

    rows: int = 0
    label_flips: int = 0
    ties: int = 0
    refused: int = 0
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    passed: bool = True


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """findings: worth knowing; failures: the answer is no; skipped: not looked at, with the reason.

    passed: no failure and no skipped required check.
    """

    passed: bool
    findings: tuple[Entry, ...] = ()
    failures: tuple[Entry, ...] = ()
    skipped: tuple[Entry, ...] = ()
    parity: Parity | None = None


class Global(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A class or function that a file names. verdict: 'known', 'unknown' or 'dangerous'; path: of the file."""

    name: str
    verdict: str
    path: str


class Scan(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The report of a scan, with every class and function that the files name."""

    globals: tuple[Global, ...] = ()
