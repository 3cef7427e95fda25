"""Tables written by pieces. What the first piece's types are, those of the file are."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Protocol

from holdall.columns.arrow import from_arrow, to_arrow
from holdall.columns.batch import Batch
from holdall.columns.csv import to_csv
from holdall.content.durable import PendingFile

GROUP = 131072
"""Rows of a Parquet row group: readers like few and large ones."""


class Sink(Protocol):
    """What takes the answers, in order."""

    def write(self, kept: Any, answers: Batch) -> None: ...

    def close(self) -> None: ...


class _Stream(io.RawIOBase):
    """A pending file as Arrow wants one."""

    def __init__(self, file: PendingFile) -> None:
        self._file = file
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._place += len(view)
        return len(view)


class ColumnarSink:
    """Parquet or Arrow. metadata: of the package, kept with the file's schema."""

    def __init__(self, file: PendingFile, form: str, metadata: Mapping[str, str]) -> None:
        self._stream, self._form, self._metadata = _Stream(file), form, dict(metadata)
        self._waiting: list[Any] = []
        self._rows = 0
        self._schema: Any = None
        self._writer: Any = None

    def write(self, kept: Any, answers: Batch) -> None:
        table = kept
        made = to_arrow(answers)
        for name in made.column_names:
            table = table.append_column(name, made[name])
        if self._writer is None:
            self._schema = table.schema.with_metadata({**(table.schema.metadata or {}), **self._metadata})
            self._writer = self._open()
        self._waiting.append(table.cast(self._schema))
        self._rows += table.num_rows
        if self._rows >= GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _open(self) -> Any:
        import pyarrow.ipc
        from pyarrow import parquet

        if self._form == "parquet":
            return parquet.ParquetWriter(self._stream, self._schema)
        return pyarrow.ipc.new_file(self._stream, self._schema)

    def _flush(self) -> None:
        import pyarrow

        if self._rows:
            self._writer.write_table(pyarrow.concat_tables(self._waiting).combine_chunks())
        self._waiting, self._rows = [], 0


class TextSink:
    """CSV, as `predict` writes it."""

    def __init__(self, file: PendingFile) -> None:
        self._file = file
        self._begun = False

    def write(self, kept: Any, answers: Batch) -> None:
        batch = Batch({**_texts(kept).columns, **answers.columns}, answers.rows)
        data = to_csv(batch)
        if self._begun:
            data = data[len(to_csv(batch.take(slice(0, 0)))) :]
        self._begun = True
        self._file.write(data)

    def close(self) -> None:
        """Nothing is left to write."""


def _texts(kept: Any) -> Batch:
    """Decimals as text: a double would change their digits."""
    import pyarrow

    for place, field in enumerate(kept.schema):
        if pyarrow.types.is_decimal(field.type):
            kept = kept.set_column(place, field.name, kept.column(place).cast(pyarrow.string()))
    return from_arrow(kept)


def open_sink(file: PendingFile, form: str, metadata: Mapping[str, str]) -> Sink:
    """form: parquet, arrow or csv."""
    return TextSink(file) if form == "csv" else ColumnarSink(file, form, metadata)
