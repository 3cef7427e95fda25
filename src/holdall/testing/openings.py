"""One step with its files, as an engine is given it: kept in a folder for a fresh process, and damaged on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from holdall.columns import recorded
from holdall.columns.batch import Batch
from holdall.engines.engine import InMemory
from holdall.scoring.stages import ModelStage
from holdall.spec.schema import Schema
from holdall.spec.steps import Step

STRANGERS = {
    "nothing": b"",
    "one byte": b"\x00",
    "text": b"this is not a model\n",
    "JSON": b"{}",
    "a pickle": b"\x80\x04N.",
    "a zip of nothing": b"PK\x05\x06" + bytes(18),
    "zeros": bytes(4096),
}
"""What may lie where a model's file should."""

CUTS, FLIPS = 24, 96


@dataclass(frozen=True)
class Opening:
    """What an engine opens, and what it must then answer.

    files: path → bytes, of every path that the step names. rows: as the schema has them. answers: the outputs for them.
    """

    step: Step
    schema: Schema
    files: Mapping[str, bytes]
    rows: Batch
    answers: Batch


def stage(opening: Opening, *, files: Mapping[str, bytes] | None = None, threads: int = 1) -> ModelStage:
    """The step opened by its engine. files: others than its own."""
    given = InMemory(opening.files if files is None else files)
    return ModelStage(opening.step, opening.schema, given, threads, True)


def write(opening: Opening, folder: Path) -> None:
    """Put it into a folder. read(folder) is the same."""
    (folder / "step.json").write_bytes(msgspec.json.encode(opening.step))
    (folder / "schema.json").write_bytes(msgspec.json.encode(opening.schema))
    (folder / "rows.json").write_bytes(recorded.encode(opening.rows, opening.answers))
    (folder / "files.json").write_bytes(msgspec.json.encode(dict(opening.files)))


def read(folder: Path) -> Opening:
    """What was put into the folder."""
    schema = msgspec.json.decode((folder / "schema.json").read_bytes(), type=Schema)
    rows, answers = recorded.decode((folder / "rows.json").read_bytes(), schema)
    return Opening(
        msgspec.json.decode((folder / "step.json").read_bytes(), type=Step),
        schema,
        msgspec.json.decode((folder / "files.json").read_bytes(), type=dict[str, bytes]),
        rows,
        answers,
    )


def damages(files: Mapping[str, bytes], flips: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What the damage is, and the files with it: strangers in a file's place, ends cut off, and bytes that changed.

    flips: changed bytes are tried only where this file exists.
    """
    generator = np.random.default_rng(5)
    for path, data in files.items():
        for name, stranger in STRANGERS.items():
            yield f"{path}: {name}", {**files, path: stranger}
        for end in np.unique(np.linspace(1, len(data) - 1, CUTS).astype(int)):
            yield f"{path}: only its first {end} bytes", {**files, path: data[:end]}
        for place in generator.integers(0, len(data), FLIPS if flips.exists() else 0):
            changed = bytearray(data)
            changed[place] ^= int(generator.integers(1, 256))
            yield f"{path}: byte {place} is {changed[place]:#04x}", {**files, path: bytes(changed)}
