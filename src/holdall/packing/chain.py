"""Functions over tables, one after the other, live in this process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from holdall.columns.batch import Batch
from holdall.columns.tables import from_table
from holdall.engines.frames import frame
from holdall.engines.worker.answers import check, chosen
from holdall.errors import InputError, UsageError
from holdall.graph.tracing.beside import BESIDE
from holdall.packing.capturing import takes_inputs
from holdall.spec.schema import Field, Schema

Asked = tuple[Batch, Sequence[Field]]
"""The raw rows that answers are of, and their columns."""


@dataclass(frozen=True)
class Chain:
    """Functions, one after the other, live, with the kind of table that the first is given.

    wanted: the columns that matter of what the last one gives, where they are known.
    """

    functions: tuple[Callable[..., Any], ...]
    names: tuple[str, ...]
    table: str
    wanted: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Their names, as messages have them."""
        return ", ".join(name.partition(":")[2] for name in self.names)

    @property
    def takes_inputs(self) -> bool:
        """Whether one of them takes two tables."""
        return any(map(takes_inputs, self.functions))

    def run(self, batch: Batch, fields: Sequence[Field], asked: Asked | None = None) -> Batch:
        """What they give for these columns, as columns. asked: the second table, where one of them takes two.

        Raises what they raise, TypeError for what is no table.
        """
        table = self._given(batch, fields, asked)
        check(table, batch.rows)
        return from_table(chosen(table, self.wanted))[0]

    def run_together(self, batch: Batch, fields: Sequence[Field]) -> Batch:
        """`run` on both tables as one, see `beside`."""
        return self.run(*_apart(batch, fields))

    def _given(self, batch: Batch, fields: Sequence[Field], asked: Asked | None = None) -> Any:
        table = frame(batch, Schema(inputs=tuple(fields), outputs=()), self.table)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for function in self.functions:
                if asked is not None and takes_inputs(function):
                    table = function(table, frame(asked[0], Schema(inputs=tuple(asked[1]), outputs=()), self.table))
                else:
                    table = function(table)
        return table

    def attempt(self, batch: Batch, fields: Sequence[Field]) -> None:
        """Run them on both tables as one, whatever they give. Raises UsageError."""
        try:
            self._given(*_apart(batch, fields))
        except (Exception, SystemExit) as error:
            raise self._cannot(error) from error

    def first(self, batch: Batch, fields: Sequence[Field], rows: int, asked: Asked | None = None) -> Batch:
        """`run` on the user's own rows: what is raised is the user's to mend. Raises UsageError."""
        try:
            return self.run(batch.take(slice(0, rows)), fields, asked)
        except InputError as error:
            raise UsageError(
                f"{self.shown} gives a column that cannot be read: {error.message}",
                hint=error.hint
                or "drop what the model does not need before the return, and make the rest numbers, text or times: "
                ".dt.total_seconds(), pd.cut(…, labels=[…]), .astype(str)",
            ) from error
        except (Exception, SystemExit) as error:
            raise self._cannot(error) from error

    def _cannot(self, error: BaseException) -> UsageError:
        words = " ".join(str(error).split())[:300]
        return UsageError(
            f"{self.shown} cannot take the sample: {type(error).__name__}: {words}",
            hint="a step gets the raw sample as a pandas data frame and returns one with a row for each of its rows",
        )


def beside(fields: Sequence[Field], batch: Batch, inputs: Sequence[Field], asked: Batch | None) -> tuple[Schema, Batch]:
    """Two tables as one: the second one's columns have `BESIDE` before their names. asked: the second, if there is one."""
    whole = tuple(fields)
    columns = dict(batch.columns)
    if asked is not None:
        whole += tuple(msgspec.structs.replace(field, name=BESIDE + field.name) for field in inputs)
        columns |= {BESIDE + field.name: asked[field.name] for field in inputs}
    return Schema(inputs=whole, outputs=()), Batch(columns, batch.rows)


def _apart(batch: Batch, fields: Sequence[Field]) -> tuple[Batch, Sequence[Field], Asked | None]:
    """The two tables of one, and their fields."""
    names = {field.name: field.name.removeprefix(BESIDE) for field in fields if field.name.startswith(BESIDE)}
    own = [field for field in fields if field.name not in names]
    if not names:
        return batch, own, None
    inputs = [msgspec.structs.replace(field, name=names[field.name]) for field in fields if field.name in names]
    return batch, own, (Batch({name: batch[long] for long, name in names.items()}, batch.rows), inputs)
