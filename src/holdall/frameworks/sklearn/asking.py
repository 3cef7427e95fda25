"""Encoders of other libraries that answer each column by a table of its own: the table is asked of the encoder itself.

Such an encoder's whole behaviour is its answer to each value that it knows, to one that it does not know and to a missing
one. So it is asked for just these, with the very kind of table that the live model is given, and whatever rules it has for
what is unknown, missing, rare or grouped are in its answers. Nothing of them is written a second time here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.columns.batch import DTYPES, FILL, Column
from holdall.engines.worker.tables import build
from holdall.errors import NotPortable
from holdall.frameworks.sklearn.categories import Key, Lookup, look_up, positions
from holdall.frameworks.sklearn.encoding import refuse_unseen
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table
from holdall.spec.schema import Field, Kind

LIMIT = 1 << 22
"""So many cells the tables of one encoder may have: 32 MB of doubles."""

_STRANGE = "\u27e8a value of no column\u27e9"
_SEED = 5

Ask = Callable[[Any], Any]
"""The encoder's transform: a table → a data frame with its output columns, by name."""


@dataclass
class _Asked:
    """One input column that is looked up.

    values: what it is asked for: each value that it knows, one that it does not know, and None for a missing one.
    outputs: the places of the output columns that hang on it. answers: value → those outputs. refused: values that the
    encoder refuses.
    """

    block: Block
    inside: int
    known: list[Key]
    strange: Key
    outputs: list[int] = field(default_factory=list)
    answers: dict[Key | None, list[Any]] = field(default_factory=dict)
    refused: set[Key | None] = field(default_factory=set)

    @property
    def values(self) -> list[Key | None]:
        return [*self.known, self.strange, None]


def looked_up(
    table: Table,
    columns: Sequence[Any],
    known: Mapping[Any, Sequence[Any]],
    ask: Ask,
    conversion: Conversion,
    path: str,
    kind: str = "pandas",
) -> Table:
    """The encoder's answer as lookups in constant tables; columns that it leaves alone pass by.

    columns: the names of the table's columns, in order, as the live model's table has them. known: for each column that
    is encoded, the values that it was fitted on. kind: of the table that it is asked with. Raises NotPortable where an
    output hangs on several columns together or is no number or text.
    """
    if value.width(table) != len(columns):
        raise NotPortable(path, f"it was fitted on {len(columns)} columns and is given {value.width(table)} here")
    asked = _columns(table, columns, known, conversion, path)
    fields = _fields(table, columns, conversion)
    frames = _Frames(fields, asked, columns, kind, ask)
    names, dtypes = frames.learn(path)
    passing = {str(name): place for place, name in enumerate(columns) if place not in asked}
    owned = {place for column in asked.values() for place in column.outputs}
    for column in asked.values():
        _check(column, names, path)
        cells = (len(column.known) + 2) * len(column.outputs)
        if cells > LIMIT:
            raise NotPortable(path, f"its table has {cells:,} cells, and a graph holds {LIMIT:,} at most")
    _refuse(table, asked, conversion, path)
    numeric, texts = _split(asked)
    parts: list[Table] = []
    where: dict[int, int] = {}
    start = 0
    for block, places in (_numbers(table, asked, numeric, names), *_texts(asked, texts, names, dtypes)):
        if block is None:
            continue
        parts.append((block,))
        where |= {place: start + index for index, place in enumerate(places)}
        start += len(places)
    for place, name in enumerate(names):
        if place not in owned:
            if name not in passing:
                raise NotPortable(path, f"its output column {name!r} is none of its input columns")
            where[place] = start + passing[name]
    whole = tuple(block for part in parts for block in part)
    return value.rename(value.select((*whole, *table), [where[place] for place in range(len(names))]), names)


def _columns(
    table: Table, columns: Sequence[Any], known: Mapping[Any, Sequence[Any]], conversion: Conversion, path: str
) -> dict[int, _Asked]:
    found = {}
    where = [(block, inside) for block in table for inside in range(block.width)]
    for place, name in enumerate(columns):
        if name not in known:
            continue
        block, inside = where[place]
        if block.kind not in (Kind.STRING, Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.TIMESTAMP, Kind.DATE):
            raise NotPortable(path, f"it encodes column {name!r} of kind {block.kind}")
        plain = np.empty(len(known[name]), object)
        plain[:] = [each.item() if isinstance(each, np.generic) else each for each in known[name]]
        keys = [key for key in positions(block, inside, plain, conversion, path) if key is not None]
        if block.kind is Kind.BOOL:
            keys = [0, 1]
        found[place] = _Asked(block, inside, keys, _strange(block.kind, keys))
    return found


def _strange(kind: Kind, keys: Sequence[Key]) -> Key:
    """A value that is none of these."""
    if kind is Kind.STRING:
        text = _STRANGE
        while text in keys:
            text += "\u27e9"
        return text
    if kind is Kind.BOOL:
        return 0
    size = max((abs(int(key)) for key in keys if not isinstance(key, str) and np.isfinite(key)), default=0)
    return float(size) + 1.5 if kind is Kind.FLOAT else size + 7


def _fields(table: Table, columns: Sequence[Any], conversion: Conversion) -> list[Field]:
    """What the live model's table has at each place."""
    fields = []
    where = [(block, inside) for block in table for inside in range(block.width)]
    for name, (block, inside) in zip(columns, where, strict=True):
        origin, dtype = block.origins[inside], block.dtypes[inside]
        if origin is not None and block.kind is conversion.schema.input(origin.column).carrier:
            raw = conversion.schema.input(origin.column)
            fields.append(msgspec.structs.replace(raw, name=str(name), dtype=dtype or raw.dtype))
        else:
            fields.append(Field(name=str(name), kind=block.kind, dtype="float32" if block.single else dtype))
    return fields


class _Frames:
    """The tables that the encoder is asked with, and what it answers."""

    def __init__(
        self, fields: Sequence[Field], asked: Mapping[int, _Asked], columns: Sequence[Any], kind: str, ask: Ask
    ) -> None:
        self._fields = fields
        self._asked = asked
        self._columns = columns
        self._kind = kind
        self._ask = ask
        self._base = {place: (column.known or [column.strange])[0] for place, column in asked.items()}

    def learn(self, path: str) -> tuple[list[str], list[str]]:
        """Fill in what each column's values are answered with. The output columns' names and dtypes."""
        values = {place: column.values for place, column in self._asked.items()}
        answer = self._answer(self._mixed(values))
        if answer is None:
            for place, column in self._asked.items():
                for each in (column.strange, None):
                    if self._answer({**self._rows(3), place: [self._base[place], self._base[place], each]}) is None:
                        column.refused.add(each)
                values[place] = [each for each in column.values if each not in column.refused]
            answer = self._answer(self._mixed(values))
        if answer is None:
            raise NotPortable(path, "it refuses the values that it was fitted on, put together in other ways")
        rows = self._mixed(values)
        names = [str(name) for name in answer.columns]
        for output, name in enumerate(names):
            self._assign(output, name, answer.iloc[:, output].tolist(), rows, path)
        return names, [str(dtype) for dtype in answer.dtypes]

    def _rows(self, count: int) -> dict[int, list[Key | None]]:
        return {place: [base] * count for place, base in self._base.items()}

    def _mixed(self, values: Mapping[int, Sequence[Key | None]]) -> dict[int, list[Key | None]]:
        """Each column's values in an order of their own, each of them several times, so that no column moves with
        another."""
        generator = np.random.default_rng(_SEED)
        count = 4 * max((len(each) for each in values.values()), default=1) + 8
        mixed = {}
        for place, each in values.items():
            mixed[place] = [each[index] for index in generator.permutation(np.arange(count) % len(each))]
        return mixed

    def _answer(self, rows: Mapping[int, Sequence[Key | None]]) -> Any:
        """The encoder's data frame; None where it refuses."""
        count = len(next(iter(rows.values()), [0]))
        columns = {}
        for place, each in enumerate(self._fields):
            columns[each.name] = _column(each.carrier, rows.get(place), count)
        table = build(columns, self._fields, count, self._kind)
        if self._kind == "pandas":
            table.columns = list(self._columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return self._ask(table)
            except Exception:  # noqa: BLE001 — whatever it raises is its refusal
                return None

    def _assign(
        self, output: int, name: str, given: Sequence[Any], rows: Mapping[int, Sequence[Key | None]], path: str
    ) -> None:
        """Find the input column on which an output hangs, by name first."""
        own = [str(column) for column in self._columns]
        if name in own and own.index(name) not in self._asked:
            return
        places = sorted(self._asked, key=lambda place: (not name.startswith(own[place]), -len(own[place])))
        for place in places:
            answers: dict[Key | None, Any] = {}
            if all(_same(answers.setdefault(key, each), each) for key, each in zip(rows[place], given, strict=True)):
                column = self._asked[place]
                column.outputs.append(output)
                for key, each in answers.items():
                    column.answers.setdefault(key, []).append(each)
                return
        raise NotPortable(path, f"its output column {name!r} hangs on several columns together")


def _column(kind: Kind, values: Sequence[Key | None] | None, count: int) -> Column:
    if values is None:
        blank = FILL.get(kind, 0)
        if kind is Kind.FLOAT:
            blank = 0.0
        return Column(kind, np.full(count, blank, DTYPES[kind]))
    nulls = np.array([each is None for each in values])
    filled = [FILL.get(kind, 0) if each is None else each for each in values]
    array = np.empty(count, DTYPES[kind])
    array[:] = filled
    return Column(kind, array, nulls if nulls.any() and kind is not Kind.FLOAT else None)


def _same(first: Any, second: Any) -> bool:
    return bool(first is second or first == second or (_gone(first) and _gone(second)))


def _gone(each: Any) -> bool:
    return each is None or (isinstance(each, float) and each != each) or type(each).__name__ in ("NAType", "NaTType")  # noqa: PLR0124 — NaN is what differs from itself


def _check(column: _Asked, names: Sequence[str], path: str) -> None:
    for index, output in enumerate(column.outputs):
        texts = {isinstance(answers[index], str) for answers in column.answers.values() if not _gone(answers[index])}
        if len(texts) > 1:
            raise NotPortable(path, f"its output column {names[output]!r} mixes text and numbers")
        for answers in column.answers.values():
            if not isinstance(answers[index], str | bool | int | float | np.generic) and not _gone(answers[index]):
                raise NotPortable(path, f"its output column {names[output]!r} holds neither numbers nor text")


def _refuse(table: Table, asked: Mapping[int, _Asked], conversion: Conversion, path: str) -> None:
    """Refuse rows with a value that the encoder refuses."""
    for place, column in asked.items():
        if not column.refused:
            continue
        own = value.select(table, [place])
        strange, missing = (float(each in column.refused) for each in (column.strange, None))
        where = look_up(own[0], [Lookup(dict.fromkeys(column.known, 0.0), missing, strange)], np.int32)
        refuse_unseen(op.cast(where, to=np.bool_), own, conversion, path)


def _split(asked: Mapping[int, _Asked]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """For each column which of its outputs are numbers, and which are text."""
    numeric: dict[int, list[int]] = {}
    texts: dict[int, list[int]] = {}
    for place, column in asked.items():
        for index in range(len(column.outputs)):
            text = any(isinstance(answers[index], str) for answers in column.answers.values())
            (texts if text else numeric).setdefault(place, []).append(index)
    return numeric, texts


def _numbers(
    table: Table, asked: Mapping[int, _Asked], numeric: Mapping[int, list[int]], names: Sequence[str]
) -> tuple[Block | None, list[int]]:
    """All outputs that are numbers as one block, and their places among all outputs."""
    single = [place for place, those in numeric.items() if len(those) == 1]
    several = [place for place, those in numeric.items() if len(those) > 1]
    parts: list[Var] = []
    outputs: list[int] = []
    start = 0
    for block in value.select(table, single):
        here = single[start : start + block.width]
        lookups = [_lookup(asked[place], numeric[place][0]) for place in here]
        parts.append(look_up(block, lookups))
        outputs += [asked[place].outputs[numeric[place][0]] for place in here]
        start += block.width
    for place in several:
        column = asked[place]
        parts.append(_wide(table, place, column, numeric[place]))
        outputs += [column.outputs[index] for index in numeric[place]]
    if not parts:
        return None, []
    values = parts[0] if len(parts) == 1 else op.concat(parts, axis=1)
    return Block(Kind.FLOAT, values, tuple(names[output] for output in outputs)), outputs


def _number(each: Any) -> float:
    return float("nan") if _gone(each) else float(each)


def _lookup(column: _Asked, index: int) -> Lookup:
    answers = {key: _number(each[index]) for key, each in column.answers.items()}
    missing, other = answers.pop(None, np.nan), answers.get(column.strange, np.nan)
    return Lookup({key: answers[key] for key in column.known if key is not None}, missing, other)


def _wide(table: Table, place: int, column: _Asked, indices: Sequence[int]) -> Var:
    """double [N, outputs] of one column: its value's number, and a row of a table for it."""
    nothing = [np.nan] * len(column.outputs)
    rows = [column.answers.get(key, nothing) for key in (*column.known, column.strange, None)]
    matrix = np.array([[_number(row[index]) for index in indices] for row in rows])
    count = len(column.known)
    numbers = Lookup({key: float(number) for number, key in enumerate(column.known)}, count + 1, count)
    (own,) = value.select(table, [place])
    where = op.reshape(look_up(own, [numbers], np.int64), op.const(np.array([-1])))
    return op.gather(op.const(matrix), where, axis=0)


def _texts(
    asked: Mapping[int, _Asked], texts: Mapping[int, list[int]], names: Sequence[str], dtypes: Sequence[str]
) -> list[tuple[Block | None, list[int]]]:
    """A block of text for each column that is answered with text; a value may be answered with itself."""
    found: list[tuple[Block | None, list[int]]] = []
    for place, indices in texts.items():
        column = asked[place]
        own = _columns_of(column)
        for index in indices:
            output = column.outputs[index]
            found.append((_text(column, own, index, names[output], dtypes[output]), [output]))
    return found


def _columns_of(column: _Asked) -> Block:
    (own,) = value.select((column.block,), [column.inside])
    return own


def _text(column: _Asked, own: Block, index: int, name: str, dtype: str) -> Block:
    answers = {key: each[index] for key, each in column.answers.items()}
    missing = answers.get(None)
    unknown = answers.get(column.strange)
    words = ["" if _gone(answers[key]) else str(answers[key]) for key in column.known]
    itself = own.kind is Kind.STRING and unknown == column.strange
    words += ["" if _gone(unknown) or itself else str(unknown), "" if _gone(missing) else str(missing)]
    count = len(column.known)
    numbers = Lookup({key: float(number) for number, key in enumerate(column.known)}, count + 1, count)
    where = look_up(own, [numbers], np.int64)
    texts = op.gather(op.const(np.array(words, np.str_)), where, axis=0)
    if itself:
        texts = op.where(op.equal(where, op.const(np.int64(count))), own.values, texts)
    gone = [_gone(answers[key]) for key in column.known] + [_gone(unknown), _gone(missing)]
    nulls = op.gather(op.const(np.array(gone, np.bool_)), where, axis=0) if any(gone) else None
    if own.nulls is None and not any(gone[:-1]):
        nulls = None
    return Block(Kind.STRING, texts, (name,), nulls, (own.origins[0],), dtypes=(dtype,))
