"""Feature functions as people write them in notebooks and competitions, by kind, each kind with data of its own.

They were written before the tracer, in their own style and not in its: what of them goes into the graph, and whether it is
right there, is measured by `python -m benchmarks.features`. `KINDS` names the modules; each has `table(rows, seed)` and its
`FUNCTIONS`, which take that table (or a part of it) and give one with a row for each of its rows.
"""

from __future__ import annotations

KINDS = (
    "credit", "retail", "telemetry", "text", "dates", "applications", "competitions", "sensors", "messages", "orders",
)  # fmt: skip
