"""The table of these tests, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
from pyarrow import parquet

ROWS = 500


def table(rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "unused": random.normal(size=rows),
            "city": random.choice(["Rome", "Oslo, north", 'the "Hague"'], rows),
            "id": np.arange(rows),
            "age": random.normal(40, 10, rows),
        }
    )


def save(frame: pd.DataFrame, path: Path) -> str:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    elif path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=90)
    else:
        whole = pa.Table.from_pandas(frame, preserve_index=False)
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(path, whole.schema) as writer:
            writer.write_table(whole, max_chunksize=90)
    return str(path)


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True, precise_float=True)
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pandas()
    with (pa.ipc.open_stream if path.suffix == ".arrows" else pa.ipc.open_file)(path) as reader:
        return reader.read_all().to_pandas()
