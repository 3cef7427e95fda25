"""Columns with values missing here and there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def gaps_of(generator: np.random.Generator) -> Callable[[Any, float], Any]:
    """Values and a share of them → the same with that share missing: NaN among numbers, None among texts."""

    def gaps(values: Any, share: float) -> Any:
        made = np.array(values, dtype=object if values.dtype.kind in "UO" else float)
        made[generator.random(len(made)) < share] = np.nan if made.dtype.kind == "f" else None
        return made

    return gaps
