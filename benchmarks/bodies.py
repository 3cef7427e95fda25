"""Request bodies, each row another one: one JSON text per line of a file, in the dialect of each server."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.setting import WORK, workload

DISTINCT = {1: 10_000, 32: 2_000}
"""How many bodies, by the number of rows in one."""


@cache
def bodies(dialect: str, rows: int) -> Path:
    """A file of `DISTINCT[rows]` bodies of so many rows each."""
    path = WORK / f"bodies-{dialect}-{rows}.jsonl"
    if not path.exists():
        _, unseen = workload()
        count = DISTINCT[rows]
        needed = [unseen.iloc[(at * rows) % len(unseen) :][:rows] for at in range(count)]
        path.write_text("".join(json.dumps(_body(dialect, table)) + "\n" for table in needed))
    return path


def first(path: Path) -> bytes:
    with path.open("rb") as lines:
        return lines.readline().strip()


def _body(dialect: str, table: Any) -> dict[str, Any]:
    if dialect == "records":
        return {"rows": table.to_dict("records")}
    if dialect == "split":
        return {"dataframe_split": table.to_dict("split", index=False)}
    assert dialect == "v2"
    inputs = []
    for name in table:
        values = table[name].tolist()
        entry: dict[str, Any] = {"name": name, "shape": [len(values), 1], "data": values}
        if isinstance(values[0], str):
            entry |= {"datatype": "BYTES", "parameters": {"content_type": "str"}}
        else:
            entry |= {"datatype": "FP64"}
        inputs.append(entry)
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}
