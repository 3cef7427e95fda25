"""`holdall predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import click

from holdall.cli.options import output_options, reference_argument, trust_options
from holdall.cli.output import Output, Styled, counted, value_text

_ROWS_ON_A_TERMINAL = 50


@click.command("predict")
@reference_argument()
@click.argument("data", metavar="DATA")
@click.option(
    "-o", "--output", "file", metavar="OUT", help="Write the answers to a csv, json, jsonl, parquet or arrow file."
)
@trust_options
@output_options
def predict_command(
    output: Output, reference: str, data: str, file: str | None, trust: str | None, policy: str | None
) -> None:
    """Score a small table.

    DATA is a csv, json, jsonl, parquet or arrow file, or - for standard input. With --json each row's answer is one
    object on a line of its own.

    \b
    Examples:
      holdall predict churn@production customers.csv
      echo '{"age": 41, "plan": "pro"}' | holdall predict churn - --json
    """
    with output.progress("scoring"):
        from holdall import api

        rows = api.predict(reference, data, output=file, trust=trust, policy=policy)
    if output.as_json:
        for row in rows:
            output.emit(row)
    elif file is not None:
        output.line(f"{counted(sum(1 for _ in rows), 'row')} scored, written to {file}")
    else:
        _show(output, rows)


def _show(output: Output, rows: Iterable[Mapping[str, Any]]) -> None:
    answers = iter(rows)
    shown = list(islice(answers, _ROWS_ON_A_TERMINAL)) if sys.stdout.isatty() else list(answers)
    rest = sum(1 for _ in answers)
    if not shown:
        output.line("0 rows scored")
        return
    head = list(shown[0])
    numbers = [name for name in head if all(isinstance(row[name], int | float | None) for row in shown)]
    output.table(head, [[value_text(row[name]) for name in head] for row in shown], right=numbers)
    if rest:
        output.line()
        output.line(Styled(f"{counted(rest, 'more row')}: -o FILE or --json gives all of them", "dim"))
