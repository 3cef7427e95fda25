"""A fresh process: opens the sealed file in a folder and compares its answers with those recorded beside it.

Prints the comparison as JSON. Nothing of the process that packed is here but the files.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import msgspec
import numpy as np

import holdall
from holdall.checks.parity import Comparison
from holdall.columns import recorded
from holdall.errors import InputError


def main(folder: Path) -> None:
    model = holdall.load(str(folder / "measured.holdall"))
    inputs, expected = recorded.decode((folder / "answers.json").read_bytes(), model.schema)
    comparison = Comparison()
    comparison.add(expected, model.score(inputs), model.manifest.tolerance, model.manifest.task)
    refused = folder / "refused.json"
    if refused.is_file():
        rows, _ = recorded.decode(refused.read_bytes(), msgspec.structs.replace(model.schema, outputs=()))
        for row in range(rows.rows):
            try:
                model.score(rows.take(np.array([row])))
            except InputError:
                comparison.refused += 1
            else:
                comparison.differ("the package answers what the live model refuses")
    print(json.dumps(dataclasses.asdict(comparison)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
