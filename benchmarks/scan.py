"""The scan: how many real scikit-learn files raise an alarm, and how many hostile ones do not.

    python -m benchmarks.scan [FOLDER]

Every estimator of the fixed list of `benchmarks.coverage`, fitted, in thirteen ways of writing it; none may raise an alarm.
FOLDER: hostile files, for instance the `tests` of picklescan; what passes is listed. Nothing in it is ever opened.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib

from benchmarks.coverage.estimators import CASES
from benchmarks.coverage.measuring import fitted
from benchmarks.coverage.tables import KINDS
from holdall.checks.scan import scan_path


def _dumped(model: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[Any], bytes]] = {
    **{f"pickle {n}": partial(pickle.dumps, protocol=n) for n in range(6)},
    "joblib": _dumped,
    "joblib 0": partial(_dumped, protocol=0),
    **{f"joblib {how}": partial(_dumped, compress=(how, 3)) for how in ("zlib", "gzip", "bz2", "xz", "lzma")},
}


def real(folder: Path) -> tuple[int, int, list[str]]:
    """Estimators, files, and the alarms in words."""
    estimators, files, alarms = 0, 0, []
    for case in CASES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = fitted(case, KINDS[case.kind]()[0])
        estimators += 1
        for how, write in WRITERS.items():
            try:
                data = write(model)
            except (pickle.PicklingError, TypeError, AttributeError):
                continue  # some classes are beyond the oldest protocols
            path = folder / "model"
            path.write_bytes(data)
            files += 1
            report = scan_path(path)
            if not report.passed:
                alarms.append(f"{case.name}, {how}: {report.failures or report.skipped}")
    return estimators, files, alarms


def main(arguments: list[str]) -> int:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        estimators, files, alarms = real(Path(folder))
    print(f"real: {estimators} estimators, {files} files, {len(alarms)} alarms")
    print(*alarms, sep="\n")
    if arguments:
        found = sorted(Path(place) / name for place, _, names in os.walk(arguments[0]) for name in names)
        passed = [path for path in found if scan_path(path).passed]
        print(f"{arguments[0]}: {len(found)} files, {len(passed)} pass:")
        print(*(path.name for path in passed), sep="\n")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
