"""Verify: every check of a package in one report. *Skipped* is never *passed*.

Loading the package is the caller's business: the replay is handed in, so that this module cannot run anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdall.checks.parity import Comparison
from holdall.content.package import Content
from holdall.errors import BlobMissing, Error, PackageDamaged, TrustRequired
from holdall.spec.report import Entry, Parity, Report, Scan

Replay = Callable[[], tuple[Comparison | None, tuple[Entry, ...]]]
"""Replays the recorded examples: what came of it, None where there are none to replay, and what was found on opening.
Raises TrustRequired, and any other holdall error."""


def damaged(error: Error) -> Report:
    """The report of a package that could not even be opened."""
    return Report(passed=False, failures=(_entry("digests", error),), skipped=(_skipped("parity", "not opened"),))


def verify(
    content: Content, trust: Mapping[str, str], level: str, replay: Replay, scan: Callable[[], Scan], trusted: bool
) -> Report:
    """The report. trust, level: what loading the package needs, and by file the reason.

    scan: looks into the files. trusted: whoever verifies lets the package in, so what the scan says is for their eyes and
    no failure. Digests are always required; parity is where the package is portable.
    """
    findings: list[Entry] = []
    failures = list(content.verify())
    skipped: list[Entry] = []
    missing, damaged = False, bool(failures)
    parity: Parity | None = None
    if not damaged:
        count = len(content.reachable())
        findings.append(Entry(check="digests", message=f"{count} blobs are as they were sealed"))
    findings.append(Entry(check="trust", message=f"loading needs trust {level!r}"))
    findings += [Entry(check="trust", message=reason, path=path) for path, reason in trust.items()]
    if damaged:
        skipped.append(_skipped("scan", "the package is damaged"))
    else:
        looked = scan()
        findings += looked.findings
        (findings if trusted else failures).extend(looked.failures)
        skipped += looked.skipped
    if damaged:
        skipped.append(_skipped("parity", "the package is damaged, so nothing of it is run"))
    else:
        try:
            comparison, found = replay()
            findings += found
        except TrustRequired as error:
            skipped.append(_skipped("parity", error.message))
            missing = content.manifest.portable
        except Error as error:
            failures.append(_entry("parity", error))
        else:
            if comparison is None:
                skipped.append(_skipped("parity", "no recorded examples are attached"))
                missing = content.manifest.portable and content.manifest.examples is not None
            else:
                parity = comparison.parity()
                failures += _differences(comparison)
    skipped.append(_skipped("signature", "no signature is attached"))
    skipped.append(_skipped("policy", "no policy was given"))
    return Report(
        passed=not failures and not missing,
        findings=tuple(findings),
        failures=tuple(failures),
        skipped=tuple(skipped),
        parity=parity,
    )


def _differences(comparison: Comparison) -> list[Entry]:
    if comparison.passed:
        return []
    words = comparison.differences or ["the answers differ from the recorded ones"]
    return [Entry(check="parity", message=word, code="parity_failed") for word in words]


def _skipped(check: str, why: str) -> Entry:
    return Entry(check=check, message=why)


def _entry(check: str, error: Error) -> Entry:
    path = error.facts.get("path") or error.facts.get("digest")
    return Entry(check=check, message=error.message, path=path, code=error.code)


DAMAGE = (PackageDamaged, BlobMissing)
"""What opening raises for a package that is there but not whole."""
