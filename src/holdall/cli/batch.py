"""`holdall batch`."""

from __future__ import annotations

import click

from holdall.cli.options import output_options, reference_argument, trust_options
from holdall.cli.output import Output, counted


@click.command("batch")
@reference_argument()
@click.argument("source", metavar="IN")
@click.argument("file", metavar="OUT")
@click.option("--keep", metavar="COL", multiple=True, help="A column of IN that OUT has too; may be repeated.")
@click.option("--rejects", metavar="PATH", help="Set rows that do not fit aside in this file, as JSON lines.")
@click.option("--workers", type=int, metavar="N", help="Threads that score; by default one a core.")
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
    workers: int | None,
    engine: str,
    trust: str | None,
    policy: str | None,
) -> None:
    """Score a table of any size.

    IN and OUT are parquet, csv or arrow files. OUT is there whole or not at all. Without --rejects the first row that does
    not fit stops the run.

    \b
    Examples:
      holdall batch churn@production customers.parquet scores.parquet --keep id
      holdall batch churn customers.csv scores.csv --rejects bad.jsonl
    """
    with output.progress("scoring") as say:
        from holdall import api

        report = api.batch(
            reference,
            source,
            file,
            keep=keep,
            rejects=rejects,
            workers=workers,
            engine=engine,
            trust=trust,
            policy=policy,
            progress=lambda rows: say(f"{rows:,} rows scored"),
        )
    if output.as_json:
        output.emit(report)
        return
    scored = report["rows"] - report["rejected"]
    output.line(f"{counted(scored, 'row')} scored, written to {file} ({report['rows_per_second']:,} rows a second)")
    if report["rejected"]:
        output.line(f"{counted(report['rejected'], 'row')} rejected, written to {rejects}")
