"""XGBoost, LightGBM and CatBoost, every task: 100,000 unseen rows and every threshold, the package against the live model.

`python -m benchmarks boosters`. A task that flips a label or is off by more than the bound ends it with an error.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from importlib import import_module

from benchmarks.setting import Row

LIBRARIES = {"XGBoost": "xgboost", "LightGBM": "lightgbm", "CatBoost": "catboost"}


def figures() -> Iterator[Row]:
    from tests.frameworks import boosted_rows as rows

    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    warnings.filterwarnings("ignore", message="overflow encountered")
    for library, package in LIBRARIES.items():
        version = import_module(package).__version__
        for case in import_module(f"tests.frameworks.{package}.cases").CASES:
            with tempfile.TemporaryDirectory() as home:
                os.environ["HOLDALL_HOME"] = home
                found = rows.held(case, rows.UNSEEN)
            yield (
                f"{library} {version}, {case.name}, {found['rows']:,.0f} rows",
                f"{found['flips']:.0f} flips, relative error {found['relative']:.1e}",
                f"the bound: 0 flips, {rows.RELATIVE:.0e}",
                f"{found['relative'] / rows.RELATIVE:.1g} of it",
            )
