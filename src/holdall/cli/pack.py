"""`holdall pack`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdall.cli.main import ANSWER_IS_NO
from holdall.cli.options import numbers, output_options, pairs
from holdall.cli.output import Output, Styled, bytes_text, counted
from holdall.cli.sections import blockers, engine_text, parity_text
from holdall.errors import SampleRequired


@click.command("pack")
@click.argument("model", metavar="MODEL")
@click.option("--name", required=True, metavar="NAME", help="The package's name, for instance churn or team/churn.")
@click.option("--version", metavar="V", help="SemVer. Without one: the next patch version, or the newest if unchanged.")
@click.option(
    "--sample", metavar="DATA", help="Raw input before any preprocessing: csv, json, jsonl, parquet or arrow."
)
@click.option("--target", metavar="COL", help="The sample's column that is the truth; it is dropped from the inputs.")
@click.option(
    "--preprocess",
    multiple=True,
    metavar="M:F",
    help="A function module:name that the input goes through before the model.",
)
@click.option(
    "--postprocess",
    multiple=True,
    metavar="M:F",
    help="A function module:name that the answers go through.",
)
@click.option("--metric", multiple=True, metavar="K=V", help="A number to keep with this version, such as auc=0.81.")
@click.option("--meta", multiple=True, metavar="K=V", help="Text to keep with this version, such as owner=risk-team.")
@click.option("--requirement", multiple=True, metavar="R", help="A requirement that cannot be seen in the model.")
@click.option("--include", multiple=True, metavar="GLOB", help="Files that the functions read by relative path.")
@click.option("--schema", metavar="FILE", help='Stricter rules as JSON: {"age": {"minimum": 0, "maximum": 120}}.')
@click.option(
    "--record",
    type=click.Choice(["synthetic", "real", "none"]),
    default="synthetic",
    show_default=True,
    help="Which example rows are sealed: drawn from the schema, taken from the sample, or none.",
)
@click.option(
    "--wheels",
    is_flag=True,
    help="Seal the wheels of the environment too, for machines like this one that reach no index.",
)
@click.option("--keep-native", is_flag=True, help="Seal the framework's own data-only form beside the portable one.")
@click.option("--allow-pickle", is_flag=True, help="Open, and where nothing else can hold the model seal, a pickle.")
@click.option("-o", "--output", "file", metavar="FILE", help="Write the package as one .holdall file too.")
@output_options
def pack_command(
    output: Output,
    model: str,
    metric: tuple[str, ...],
    meta: tuple[str, ...],
    requirement: tuple[str, ...],
    file: str | None,
    **given: Any,
) -> int:
    """Seal a fitted model into one package and put it in the local store.

    MODEL is a file (.joblib .pkl .skops .onnx …) or module:object. The answers of the sealed package are compared with
    the live model's; where even its own format answers otherwise, what is sealed says so and the exit code is 1.

    \b
    Example:
      holdall pack model.joblib --name churn --sample train.csv --target churned --metric auc=0.81
    """
    metrics, metadata = numbers(metric, "--metric"), pairs(meta, "--meta")
    with output.progress("opening the model") as say:
        from holdall import api

        try:
            package = api.pack(
                model,
                **given,
                metrics=metrics,
                metadata=metadata,
                requirements=requirement,
                output=file,
                progress=say,
            )
        except SampleRequired as error:
            # The hint's words are Python's; here the line to add is one of the command.
            error.hint = (
                f"holdall pack {model} --name {given['name']} --sample DATA: a csv, json, jsonl, parquet or arrow file "
                "of the model's raw input; if the truth is in it, --target COL leaves it out"
            )
            raise
        packed = package.to_json()
    if output.as_json:
        output.emit(packed)
    else:
        _show(output, packed, file)
    return 0 if _answers(packed) else ANSWER_IS_NO


def _answers(packed: Mapping[str, Any]) -> bool:
    """Whether it answers as the live model does; not known of one that was packed elsewhere and is given back."""
    parity = packed["parity"]
    return bool(parity is None or parity["passed"])


def _show(output: Output, packed: dict[str, Any], file: str | None) -> None:
    reference, schema = packed["reference"], packed["schema"]
    if packed["reused"]:
        output.line(Styled(reference, "bold"), " holds exactly this already; nothing was written anew")
    else:
        output.line("Sealed ", Styled(reference, "bold"))
    output.line()
    columns = f"{counted(len(schema['inputs']), 'column')} in, {len(schema['outputs'])} out"
    rows = "each row's answer is its own" if packed["row_wise"] else "an answer depends on the other rows of its batch"
    output.facts(
        [
            ("digest", packed["digest"]),
            ("engine", engine_text(packed)),
            ("parity", parity_text(packed["parity"])),
            ("row-wise", f"{'yes' if packed['row_wise'] else 'no'}, {rows}"),
            ("schema", columns),
            ("size", bytes_text(packed["size"])),
            ("trust", packed["trust"]),
            ("file", file or ""),
        ]
    )
    blockers(output, packed["blockers"])
    if packed.get("notes"):
        output.heading("Worth knowing")
        output.items(packed["notes"])
    if _answers(packed):
        output.following(f"holdall show {reference}" if packed["reused"] else f"holdall promote {reference} production")
    else:
        output.following(f"holdall show {reference}   (it answers otherwise than the live model: do not promote it)")
