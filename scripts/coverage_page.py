"""Writes docs/reference/coverage.md from what was measured (coverage.json, frameworks.json beside it; see benchmarks/coverage).

python scripts/coverage_page.py            write it
python scripts/coverage_page.py --check    exit code 1 where it is not current
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "coverage.md"
DATA = ROOT / "docs" / "reference" / "coverage.json"
FRAMEWORKS = ROOT / "docs" / "reference" / "frameworks.json"

HEAD = """\
# Coverage

*This page is made by `scripts/coverage_page.py` from what `make coverage` measured.*

Every estimator of scikit-learn {sklearn} that predicts or transforms, {count} of them, was fitted with default-like
parameters ([the list](../../benchmarks/coverage/estimators.py)) on several tables of its kind
([the tables](../../benchmarks/coverage/tables.py)), packed, and asked about rows that it was not fitted on.

| | estimators | share |
|---|---|---|
| packed, and what was compared agrees | {passed} | {passed_share} |
| of these portable on every table: one graph, no Python | {portable} | {portable_share} |
| of these native on one table or more: skops, needs Python | {native} | {native_share} |
| refused on one table or more, or differing | {failed} | {failed_share} |

The portable ones answered {rows} rows: {flips} label flips, {ties} ties, largest relative error {relative}.

- *Portable*: rows from around the fitted ones, drawn from the schema, on the model's thresholds and a step to either side,
  without values where the model takes those, and extremes up to 1e300, beside the live model's answers. What the live
  model refuses must be refused. Numbers agree within 1e-9 (relative) or 1e-12. Where the live model answers a row otherwise
  alone than among others, a difference of up to ten times that and 1e-6 is let pass; among the extremes, so is one of up to
  ten times what the live model's answer moves when its input moves by one unit in the last place, however large
  ([parity](../concepts/parity.md)). What is let pass so is not in the largest relative error; labels of the kind are ties.
- *Native*: the sealed file was opened in a fresh process and compared with answers that were recorded before.
- *Largest relative error*: among numbers that differ by more than 1e-12.
- *Flips* are labels that differ where the live model's best two scores do not tie; *ties* where they do.
- The worst of an estimator's tables decides its line.

Measured with {versions}.

"""


EVERY = """\
## Every framework

Models of other frameworks ([the cases](../../benchmarks/coverage/frameworks)), packed and asked about rows that they were not
fitted on. What a case must not fall below stands with it; portable ones were compared with the live model, native ones opened
in a fresh process and compared with answers recorded before. Numbers agree within 1e-9 (relative) or 1e-12 where the model
computes in double, within 1e-4 or 1e-6 where it computes in single precision, as networks do.

| framework | model | task | | rows | flips | ties | largest relative error |
|---|---|---|---|---|---|---|---|
"""


def every_framework(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The other frameworks' table, why not portable, and with what it was measured. found: file of cases → its results."""
    lines = sorted(
        (line for one in found.values() for line in one["lines"]), key=lambda line: line["framework"].lower()
    )
    rows = []
    for line in lines:
        state = line["state"] if line["passed"] else f"{line['state']}, fails"
        rows.append(
            f"| {line['framework']} | {_cell(line['model'])} | {line['task']} | {state} | {line['rows']:,} "
            f"| {line['flips']} | {line['ties']} | {line['relative']:.1e} |\n"
        )
    causes = [
        f"| {line['framework']} | {_cell(line['model'])} | {_cell(line['cause'])} |\n"
        for line in lines
        if line["state"] != "portable" or not line["passed"]
    ]
    versions = {name: version for one in found.values() for name, version in one["versions"].items()}
    shown = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return [
        EVERY,
        *rows,
        "\n| framework | model | why not portable |\n|---|---|---|\n",
        *causes,
        f"\nMeasured with {shown}.\n\n",
    ]


def page(data: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page's text. data: of scikit-learn's estimators; found: of the other frameworks."""
    results: Mapping[str, Mapping[str, Any]] = data["results"]
    good = {name: one for name, one in results.items() if one["passed"]}
    portable = {name: one for name, one in good.items() if one["state"] == "portable"}
    native = {name: one for name, one in good.items() if one["state"] == "native"}
    count = len(results)
    head = HEAD.format(
        sklearn=data["versions"]["scikit-learn"],
        count=count,
        passed=len(good),
        passed_share=_share(len(good), count),
        portable=len(portable),
        portable_share=_share(len(portable), count),
        native=len(native),
        native_share=_share(len(native), count),
        failed=count - len(good),
        failed_share=_share(count - len(good), count),
        rows=f"{sum(one['rows'] for one in portable.values()):,}",
        flips=sum(one["flips"] for one in portable.values()),
        ties=sum(one["ties"] for one in portable.values()),
        relative=f"{max(one['relative'] for one in portable.values()):.1e}",
        versions=", ".join(f"{name} {version}" for name, version in data["versions"].items()),
    )
    parts = [
        head,
        *every_framework(found),
        "## Every estimator\n\n",
        *_table(results),
        "\n## Why not portable\n\n",
        *_causes(results),
    ]
    return "".join([*parts, "\n## No answer for new rows\n\n", *_answerless()])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _table(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "| estimator | task | | tables | rows | flips | ties | largest relative error |\n",
        "|---|---|---|---|---|---|---|---|\n",
    ]
    for name, one in sorted(results.items(), key=lambda item: item[0].lower()):
        state = one["state"] if one["passed"] else f"{one['state']}, differs" if one["rows"] else "refused"
        task = next((each["task"] for each in one["tables"] if each["task"]), "")
        lines.append(
            f"| {name} | {task} | {state} | {len(one['tables'])} | {one['rows']:,} | {one['flips']} | {one['ties']} "
            f"| {one['relative']:.1e} |\n"
        )
    return lines


def _causes(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["| estimator | tables | cause |\n", "|---|---|---|\n"]
    for name, one in sorted(results.items(), key=lambda item: item[0].lower()):
        if one["state"] == "portable" and one["passed"]:
            continue
        whole = [each for each in one["tables"] if each["state"] != "portable" or not each["passed"]]
        for cause in dict.fromkeys(each["cause"] for each in whole):
            where = ", ".join(each["kind"] for each in whole if each["cause"] == cause)
            every = len(whole) == len(one["tables"]) and all(each["cause"] == cause for each in whole)
            lines.append(f"| {name} | {'all' if every else where} | {_cell(cause)} |\n")
    return lines


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return plain if len(plain) <= 400 else f"{plain[:399]}…"


def _answerless() -> list[str]:
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.coverage.estimators import ANSWERLESS
    finally:
        sys.path.remove(str(ROOT))
    lines = ["| estimator | why |\n", "|---|---|\n"]
    return [
        *lines,
        *(f"| {name} | {why} |\n" for name, why in sorted(ANSWERLESS.items(), key=lambda item: item[0].lower())),
    ]


def main() -> int:
    """Writes the page, or with `--check` says whether it is current."""
    data, found = (json.loads(path.read_text(encoding="utf-8")) for path in (DATA, FRAMEWORKS))
    text = page(data, found)
    if "--check" in sys.argv[1:]:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        print("current" if current else f"{PAGE.name} is not current: run scripts/coverage_page.py")  # noqa: T201
        return 0 if current else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
