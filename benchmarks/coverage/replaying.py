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
    # Whoever packed it knows what it is; code that came with it is let in.
    model = holdall.load(str(folder / "measured.holdall"), trust="code")
    comparison = Comparison()
    for path in sorted(folder.glob("*.answers")):
        inputs, expected = recorded.decode(path.read_bytes(), model.schema)
        extremes = path.stem == "extremes"
        manifest = model.manifest
        comparison.add(expected, model.score(inputs), manifest.tolerance, manifest.task, overflows=extremes)
    for path in sorted(folder.glob("*.refused")):
        rows, _ = recorded.decode(path.read_bytes(), msgspec.structs.replace(model.schema, outputs=()))
        for row in range(rows.rows):
            try:
                model.score(rows.take(np.array([row])))
            except InputError:
                comparison.refused += 1
            else:
                comparison.differ(f"{path.stem}: the package answers what the live model refuses")
    print(json.dumps(dataclasses.asdict(comparison)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
