"""The parts of the calendar are pandas' own, in every year that a moment can have."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
import spox
from spox import Tensor

from holdall.graph.tracing.times import TRUTHS, WHOLE_PARTS, Calendar, days_of

DAY = 86_400_000_000


def test_every_part_of_every_day_is_that_of_pandas():
    moments = spox.argument(Tensor(np.int64, ("rows",)))
    parts = {name: part(moments) for name, part in WHOLE_PARTS.items()}
    parts |= {name: truth(Calendar(days_of(moments))) for name, truth in TRUTHS.items()}
    parts["week"] = Calendar(days_of(moments)).iso_week()
    session = onnxruntime.InferenceSession(spox.build({"moments": moments}, parts).SerializeToString())
    random = np.random.default_rng(0)
    # Four hundred years day by day, after which the calendar comes again, and moments of all the years there are.
    days = np.arange(-200 * 365, 200 * 365 + 97) * DAY + random.integers(0, DAY, 400 * 365 + 97)
    far = random.integers(-(1 << 63) + (1 << 40), (1 << 63) - 1, 20_000)
    values = np.concatenate([days, np.arange(-1000, 1000) * DAY, far])
    given = dict(zip(parts, session.run(list(parts), {"moments": values}), strict=True))
    wanted = pd.Series(values.astype("datetime64[us]")).dt
    for name in parts:
        expected = wanted.isocalendar().week if name == "week" else getattr(wanted, name)
        assert (given[name] == expected.to_numpy()).all(), name
