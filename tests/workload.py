"""The measured workload: 20 numbers and 5 texts, scaled and one-hot, into gradient-boosted trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = [f"n{i}" for i in range(20)]
TEXTS = {f"c{i}": levels for i, levels in enumerate((5, 10, 20, 50, 8))}


def frame(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A table and its labels."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(rows, 20))
    table = pd.DataFrame(numbers, columns=NUMBERS)
    codes = {name: generator.integers(0, levels, rows) for name, levels in TEXTS.items()}
    for name, code in codes.items():
        table[name] = np.array([f"{name}_level_{level}" for level in code], object)
    signal = numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + np.sin(2 * numbers[:, 3]) + 0.3 * (codes["c0"] % 3)
    noisy = signal + generator.normal(size=rows) * 0.5
    return table, (noisy > np.median(noisy)).astype(np.int64)


def pipeline(trees: int = 200) -> Pipeline:
    """Unfitted."""
    encode = ColumnTransformer(
        [
            ("numbers", StandardScaler(), NUMBERS),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(TEXTS)),
        ]
    )
    model = HistGradientBoostingClassifier(max_iter=trees, early_stopping=False, random_state=0)
    return Pipeline([("encode", encode), ("model", model)])
