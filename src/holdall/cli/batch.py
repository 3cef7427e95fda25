"""`holdall batch`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from holdall.cli.options import output_options, reference_argument, trust_options
from holdall.cli.output import Output, counted

_BAR = 24
_STEPS = 10
"""Where standard error is no terminal, progress is told so many times."""

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}


def _bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of bytes: 800000000, 800MB, 2GiB."""
    if value is None:
        return None
    text = value.strip().lower().removesuffix("b")
    digits = text.rstrip("kmgi ")
    try:
        return int(float(digits) * _UNITS[text[len(digits) :].strip()])
    except (ValueError, OverflowError, KeyError):
        raise click.BadParameter(
            f"{value!r} is no number of bytes; write for instance 800MB or 2GiB", context, parameter
        ) from None


@click.command("batch")
@reference_argument()
@click.argument("source", metavar="IN")
@click.argument("file", metavar="OUT")
@click.option("--keep", metavar="COL", multiple=True, help="A column of IN that OUT has too; may be repeated.")
@click.option("--rejects", metavar="PATH", help="Set rows that do not fit aside in this file, as JSON lines.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "jsonl", "arrow", "stream"]),
    help="Of OUT, where its name does not tell.",
)
@click.option("--resume", is_flag=True, help="Go on with the same run where it was killed or stopped.")
@click.option("--workers", type=int, metavar="N", help="Threads that score; by default one a core.")
@click.option(
    "--memory",
    callback=_bytes,
    metavar="BYTES",
    help="What the rows under way may take, such as 800MB.  [default: 512MiB]",
)
@click.option(
    "--engine", type=click.Choice(["local", "ray", "spark"]), default="local", help="Where it runs; only local so far."
)
@trust_options
@output_options
def batch_command(
    output: Output,
    reference: str,
    source: str,
    file: str,
    keep: tuple[str, ...],
    rejects: str | None,
    form: str | None,
    resume: bool,
    workers: int | None,
    memory: int | None,
    engine: str,
    trust: str | None,
    policy: str | None,
) -> None:
    """Score a table of any size.

    IN is a parquet, csv, jsonl or arrow file, a folder of them, or a glob in quotes. OUT is a file, or where it ends
    with / a folder of parts; it is there whole or not at all. Without --rejects the first row that does not fit stops the
    run.

    \b
    Examples:
      holdall batch churn@production customers.parquet scores.parquet --keep id
      holdall batch churn customers.csv scores.csv --rejects bad.jsonl
      holdall batch churn 'logs/2024-*.jsonl' scores/ --format parquet --resume
    """
    with output.progress("scoring") as say:
        from holdall import api

        report = api.batch(
            reference,
            source,
            file,
            keep=keep,
            rejects=rejects,
            format=form,
            resume=resume,
            workers=workers,
            memory=memory,
            engine=engine,
            trust=trust,
            policy=policy,
            progress=_telling(say),
        )
    if output.as_json:
        output.emit(report)
        return
    scored = report["rows"] - report["rejected"]
    where = file if report["parts"] == 1 else f"{file} in {counted(report['parts'], 'part')}"
    output.line(f"{counted(scored, 'row')} scored, written to {where} ({report['rows_per_second']:,} rows a second)")
    if report["rejected"]:
        output.line(f"{counted(report['rejected'], 'row')} rejected, written to {rejects}")


def _telling(say: Callable[[str], None]) -> Callable[[int, float], None]:
    """What turns rows and the share of the input into a bar; elsewhere than on a terminal into a line every tenth."""
    terminal = sys.stderr.isatty()
    began = time.monotonic()
    told = -1

    def tell(rows: int, share: float) -> None:
        nonlocal told
        seconds = time.monotonic() - began
        share = min(max(share, 0.0), 1.0)
        if not terminal:
            step = int(share * _STEPS)
            if step <= told:
                return
            told = step
        filled = round(share * _BAR)
        left = f", {seconds * (1 - share) / share:.0f} s left" if terminal and share > 0.01 else ""
        rate = f", {rows / seconds:,.0f} a second" if seconds else ""
        say(f"{'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}  {counted(rows, 'row')}{rate}{left}")

    return tell
