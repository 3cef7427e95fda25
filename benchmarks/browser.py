"""100,000 unseen rows in Chromium: the workload behind a function of twenty lines, sealed as one graph, against
the function and the pipeline themselves."""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers.notebook import features
from benchmarks.setting import WORK, Row
from benchmarks.yardsticks import Absent

ROWS = 100_000
TREES = 200
CALLS = 30


def figures() -> Iterator[Row]:
    import holdall
    from holdall.checks.parity import Comparison
    from holdall.columns.tables import from_table
    from holdall.environments.cache import find_cache
    from holdall.export.chromium import BrowserMissing, find_browser
    from holdall.export.replaying import replay
    from holdall.export.runtime import RuntimeUnavailable, Source, find_registry
    from holdall.export.web import export
    from holdall.scoring.fit import fit

    try:
        browser = find_browser(None, os.environ)
    except BrowserMissing as why:
        raise Absent(why.message) from None
    model, unseen = _fitted()
    package = holdall.pack(model, name="browser", sample=unseen.head(2_000), preprocess=features)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page"
        try:
            source = Source(find_cache(os.environ), find_registry(os.environ))
            export(package, page, source=source, browser=browser, say=lambda _: None)
        except RuntimeUnavailable as why:
            raise Absent(why.message) from None
        batch, _ = from_table(unseen, schema=package.schema)
        replayed = replay(page, package.schema, fit(batch, package.schema), browser)
    prepared = features(unseen)
    probabilities = model.predict_proba(prepared)
    live = {"prediction": model.predict(prepared)}
    live |= {f"probability_{place}": probabilities[:, place] for place in range(2)}
    expected, _ = from_table(pd.DataFrame(live))
    comparison = Comparison()
    comparison.add(expected, replayed.answers, package.manifest.tolerance, package.manifest.task)
    parity = comparison.parity()
    yield (
        f"browser: label flips, {ROWS:,} rows, with a function of twenty lines",
        f"{parity.label_flips}, {parity.ties} ties",
        f"the function and the pipeline; largest error {parity.max_abs_error:.0e}",
        "the same" if parity.passed else "DIFFERENT",
    )
    one = unseen.head(1)
    alone = _median(lambda: model.predict_proba(features(one)))
    row = replayed.latency["row_ms"] / 1000
    yield (
        "browser: one row, with that function",
        f"{row * 1000:.1f} ms",
        f"pandas and the pipeline {alone * 1000:.1f} ms",
        f"{alone / row:.1f} times faster",
    )


def _fitted() -> tuple[Any, pd.DataFrame]:
    """The pipeline behind the function, and a table of unseen rows."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from tests import workload

    WORK.mkdir(exist_ok=True)
    path = WORK / "browser.pkl"
    unseen, _ = workload.frame(ROWS, seed=9)
    if not path.exists():
        table, labels = workload.frame(ROWS)
        prepared = features(table)
        numbers = [name for name in prepared if prepared[name].dtype.kind in "if"]
        texts = [name for name in prepared if name not in numbers]
        encode = ColumnTransformer(
            [
                ("numbers", StandardScaler(), numbers),
                ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
            ]
        )
        trees = HistGradientBoostingClassifier(max_iter=TREES, early_stopping=False, random_state=0)
        path.write_bytes(pickle.dumps(Pipeline([("encode", encode), ("model", trees)]).fit(prepared, labels)))
    return pickle.loads(path.read_bytes()), unseen


def _median(call: Any) -> float:
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))
