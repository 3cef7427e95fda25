"""One table for the tests of pipelines with other libraries' transformers, and one check of what becomes of a pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import holdall

CITIES = np.array(["Kraków", "Zürich", "東京", "", "lima"], object)
SIZES = np.array(["S", "M", "L"], object)
NEW = "Ålesund"


def flats(rows: int = 200, seed: int = 3, *, new: bool = False) -> pd.DataFrame:
    """Text, text with gaps, whole numbers and numbers with gaps. new: some cities that no model was fitted on."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "city": CITIES[generator.integers(0, len(CITIES), rows)],
            "size": SIZES[generator.integers(0, len(SIZES), rows)],
            "rooms": generator.integers(1, 7, rows),
            "area": np.where(generator.random(rows) < 0.1, np.nan, generator.lognormal(4, 0.5, rows)),
        }
    )
    frame.loc[generator.random(rows) < 0.1, "size"] = None
    if new:
        frame.loc[generator.random(rows) < 0.1, "city"] = NEW
    return frame


X = flats()
Y = (X["rooms"] * 2 + X["area"].fillna(50) / 20 > 9).to_numpy().astype(int)


def quietly(method: Any, *arguments: Any) -> Any:
    """What a method of a live model gives, without these libraries' warnings of what pandas will leave out one day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return method(*arguments)


def fitted(model: Any, sample: Any = X) -> Any:
    return quietly(model.fit, sample, Y)


def agrees(model: Any, sample: Any, unseen: Any, *, portable: bool = True) -> Any:
    """Pack the model; its package answers unseen rows as the model does, all together and one by one. Gives the package."""
    package = holdall.pack(model, name="flats", sample=sample)
    assert package.manifest.portable is portable, package.manifest.blockers
    loaded = holdall.load("flats", trust=None if portable else "code")
    expected = quietly(model.predict_proba, unseen)[:, 1]
    given = loaded.predict(unseen)["probability_1"]
    np.testing.assert_allclose(np.asarray(given), expected, rtol=1e-9, atol=1e-12)
    records = json.loads(unseen.head(8).to_json(orient="records"))
    for row, record in enumerate(records):
        alone = loaded.predict([record])
        np.testing.assert_allclose(_first(alone), expected[row], rtol=1e-9, atol=1e-12)
    return package


def _first(answer: Any) -> float:
    return float(answer[0]["probability_1"] if isinstance(answer, list) else np.asarray(answer["probability_1"])[0])


def without(modules: list[str], model: Any, sample: Any, row: pd.DataFrame, folder: Path) -> float:
    """The answer of the model's package in a fresh process that can import none of these modules."""
    path = folder / "flats.holdall"
    holdall.pack(model, name="elsewhere", sample=sample, output=path)
    record = row.to_json(orient="records")
    code = (
        "import json, sys\n"
        f"sys.modules.update(dict.fromkeys({modules!r}))\n"
        "import holdall\n"
        f"answer = holdall.load({str(path)!r}).predict(json.loads({record!r}))\n"
        "print(answer[0]['probability_1'] if isinstance(answer, list) else list(answer['probability_1'])[0])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert ran.returncode == 0, ran.stderr
    return float(ran.stdout)
