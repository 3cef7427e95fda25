"""Tables written by pieces, into one file or a folder of parts. What the first piece's types are, those of the output are.

What is written depends on the sequence of tables alone, so that a journal that is played again gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from holdall.batch.plan import SUFFIXES
from holdall.columns.arrow import from_arrow
from holdall.columns.batch import Batch
from holdall.columns.csv import to_csv
from holdall.columns.json import to_jsonl
from holdall.content.durable import opened_folder, storing
from holdall.errors import InputError

GROUP = 131072
"""Rows of a Parquet row group: readers like few and large ones."""

GROUP_BYTES = 32 * 1024**2
"""Bytes of rows at which a row group ends earlier."""

PART = 1048576
"""Rows of a part, in a folder: at the first piece that reaches them the next part begins."""

MANIFEST = "_manifest.json"
"""Its name begins with _ so that readers of a folder of Parquet files leave it alone."""


class File(io.RawIOBase):
    """A file being written, as Arrow wants one; it counts and hashes what it is given. Raises StorageFailed.

    abandoned: nothing is written any more, since nobody will have it.
    """

    def __init__(self, path: Path, *, hashed: bool = False) -> None:
        self.path = path
        self.size = 0
        self.abandoned = False
        self._digest = hashlib.sha256() if hashed else None
        with storing(path):
            self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._digest is not None:
            self._digest.update(view)
        rest = memoryview(b"") if self.abandoned else view
        with storing(self.path):
            while rest:
                rest = rest[os.write(self._descriptor or 0, rest) :]
        self.size += len(view)
        return len(view)

    def digest(self) -> str:
        return "" if self._digest is None else f"sha256:{self._digest.hexdigest()}"

    def finish(self) -> None:
        """What was written is on the disk when this returns."""
        with storing(self.path):
            os.fsync(self._descriptor or 0)
        self.close()

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        super().close()


class Encoder(Protocol):
    """What writes tables into a file, in order. size: the bytes of the table as the journal has it."""

    def write(self, table: Any, size: int) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None:
        """As `close`, for a file that was abandoned."""


class ColumnarEncoder:
    """Parquet, or an Arrow file or stream."""

    def __init__(self, file: File, form: str, schema: Any) -> None:
        self._file, self._form, self._schema = file, form, schema
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0
        self._writer = self._open()

    def write(self, table: Any, size: int) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        self._bytes += size
        if self._rows >= GROUP or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        # A writer of Arrow that is not closed closes itself at some later time.
        self._writer.close()

    def _open(self) -> Any:
        import pyarrow.ipc
        from pyarrow import parquet

        if self._form == "parquet":
            return parquet.ParquetWriter(self._file, self._schema)
        new = pyarrow.ipc.new_file if self._form == "arrow" else pyarrow.ipc.new_stream
        return new(self._file, self._schema)

    def _flush(self) -> None:
        import pyarrow

        if self._rows:
            self._writer.write_table(pyarrow.concat_tables(self._waiting).combine_chunks())
        self._waiting, self._rows, self._bytes = [], 0, 0


class TextEncoder:
    """CSV or JSON lines, as `predict` writes them."""

    def __init__(self, file: File, form: str, schema: Any) -> None:
        self._file, self._form = file, form
        self._head = to_csv(_texts(schema.empty_table())) if form == "csv" else b""
        file.write(self._head)

    def write(self, table: Any, size: int) -> None:
        del size
        batch = _texts(table)
        self._file.write(to_csv(batch)[len(self._head) :] if self._form == "csv" else to_jsonl(batch))

    def close(self) -> None:
        """Nothing is left to write."""

    def abandon(self) -> None:
        """Nothing was held back."""


def _texts(table: Any) -> Batch:
    """Decimals as text: a double would change their digits."""
    import pyarrow

    for place, field in enumerate(table.schema):
        if pyarrow.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pyarrow.string()))
    return from_arrow(table)


class Sink:
    """The output while it is written, in `workspace`; `publish` gives it its name.

    metadata: of the package, kept with the schema of Parquet and Arrow. folder: whether it is one, of parts and a manifest.
    """

    def __init__(self, workspace: Path, form: str, metadata: Mapping[str, str], *, folder: bool) -> None:
        self._form, self._metadata, self._folder = form, dict(metadata), folder
        self._place = workspace / "output"
        self._schema: Any = None
        self._file: File | None = None
        self._encoder: Encoder | None = None
        self._part_rows = 0
        self.parts: list[dict[str, Any]] = []
        if folder:
            with storing(self._place):
                self._place.mkdir()

    def write(self, table: Any, size: int) -> None:
        """Raises StorageFailed, and InputError where a kept column has another type than it had."""
        if self._schema is None:
            kept = {key: value for key, value in (table.schema.metadata or {}).items() if key != b"pandas"}
            self._schema = table.schema.with_metadata({**kept, **self._metadata})
        if self._encoder is None:
            self._begin()
        if table.num_rows and self._encoder is not None:
            self._encoder.write(self._cast(table), size)
            self._part_rows += table.num_rows
            if self._folder and self._part_rows >= PART:
                self._end()

    def finish(self) -> None:
        """All of it is on the disk when this returns."""
        if self._encoder is not None:
            self._end()
        if self._folder:
            file = File(self._place / MANIFEST)
            rows = sum(part["rows"] for part in self.parts)
            plain = {**{key.removeprefix("holdall."): value for key, value in self._metadata.items()}, "rows": rows}
            file.write(msgspec.json.format(msgspec.json.encode({**plain, "parts": self.parts})) + b"\n")
            file.finish()

    def publish(self, output: Path) -> None:
        """Gives the output its name, replacing what bore it. When this returns, a power cut loses nothing."""
        with storing(output), opened_folder(output.absolute().parent) as parent:
            os.replace(self._place, output)
            os.fsync(parent)

    def close(self) -> None:
        if self._file is not None and self._encoder is not None:
            self._file.abandoned = True
            self._encoder.abandon()
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        path = self._place
        if self._folder:
            path /= f"part-{len(self.parts):05}{SUFFIXES[self._form]}"
        self._file = File(path, hashed=self._folder)
        encoder = TextEncoder if self._form in ("csv", "jsonl") else ColumnarEncoder
        self._encoder = encoder(self._file, self._form, self._schema)
        self._part_rows = 0

    def _end(self) -> None:
        assert self._encoder is not None  # noqa: S101
        assert self._file is not None  # noqa: S101
        self._encoder.close()
        self._file.finish()
        part = {"path": self._file.path.name, "rows": self._part_rows, "size": self._file.size}
        self.parts.append({**part, "digest": self._file.digest()})
        self._encoder = None

    def _cast(self, table: Any) -> Any:
        import pyarrow

        try:
            return table.cast(self._schema)
        except (pyarrow.ArrowException, ValueError) as error:
            pairs = zip(self._schema, table.schema, strict=False)
            other = next(((old, new) for old, new in pairs if old.type != new.type), None)
            why = (
                str(error)
                if other is None
                else f"{other[0].name!r} is {other[0].type} at first, and {other[1].type} later"
            )
            raise InputError(
                f"the files of the input differ in a kept column: {why}", hint="do not keep it, or give it one type"
            ) from None
