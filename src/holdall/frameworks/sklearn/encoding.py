"""Encoders of categories: one-hot, ordinal and target encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.categories import Lookup, look_up, positions
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.tables import fitted_names, with_dtype
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table
from holdall.spec.schema import Kind

UNSEEN = "a category that the model was not fitted on"

_UNKNOWN = -1  # a value that the encoder was not fitted on
_SILENT = -2  # a value that has no output column of its own

Places = dict[Any, int]


def _check_width(model: Any, table: Table, path: str) -> None:
    if value.width(table) != len(model.categories_):
        raise NotPortable(
            path, f"it was fitted on {len(model.categories_)} columns and is given {value.width(table)} here"
        )


def _columns(table: Table) -> list[tuple[Block, int]]:
    return [(block, inside) for block in table for inside in range(block.width)]


def _each(model: Any, table: Table, conversion: Conversion, path: str) -> list[Places]:
    """For each column, where its categories stand."""
    return [
        positions(block, inside, categories, conversion, path)
        for (block, inside), categories in zip(_columns(table), model.categories_, strict=True)
    ]


def _grouping(model: Any, column: int) -> np.ndarray[Any, Any] | None:
    """Category position → position after the infrequent ones were grouped; None where none were."""
    if not getattr(model, "_infrequent_enabled", False):
        return None
    mapping: np.ndarray[Any, Any] | None = model._default_to_infrequent_mappings[column]
    return mapping


def _look_up(table: Table, lookups: Sequence[Lookup], dtype: Any = np.float64) -> Var:
    parts, start = [], 0
    for block in table:
        parts.append(look_up(block, lookups[start : start + block.width], dtype))
        start += block.width
    return parts[0] if len(parts) == 1 else op.concat(parts, axis=1)


def _lookup(places: Mapping[Any, int], answer: Mapping[int, float] | Sequence[float], other: float) -> Lookup:
    """The table of one column: each category's answer, by its position; `other` for a value that is none of them."""
    found = {key: answer[place] for key, place in places.items() if key is not None}
    missing = answer[places[None]] if None in places else other
    return Lookup(found, missing, other)


def refuse_unseen(unseen: Var, table: Table, conversion: Conversion, path: str) -> None:
    """Refuse the rows that hold a category the model was not fitted on. unseen: bool [N, columns of the table]."""
    at_fault = [None if origin is None else origin.column for origin in value.origins(table)]
    conversion.refuse(unseen, path, UNSEEN, at_fault)


@transformer("OneHotEncoder")
def one_hot_encoder(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """One column for each category that is neither dropped nor grouped away."""
    _check_width(model, table, path)
    each = _each(model, table, conversion, path)
    lookups, chosen, wanted = [], [], []
    for column, places in enumerate(each):
        answer, other, count = _one_hot_column(model, column)
        lookups.append(_lookup(places, answer, other))
        chosen += [column] * count
        wanted += list(range(count))
    where = _look_up(table, lookups, np.int32)
    if model.handle_unknown == "error":
        refuse_unseen(op.equal(where, op.const(np.int32(_UNKNOWN))), table, conversion, path)
    hot = _hot(where, chosen, wanted)
    names = fitted_names(model, table, len(chosen))
    return with_dtype(op.cast(hot, to=np.float64), names, model.dtype, path)


def _hot(where: Var, chosen: Sequence[int], wanted: Sequence[int]) -> Var:
    """bool [N, outputs]: whether the cell of the output's column stands at the output's place.

    Gathering whole rows of the transpose copies runs of cells, where gathering columns would copy them one by one.
    """
    cells = op.gather(op.transpose(where, perm=[1, 0]), op.const(np.array(chosen, np.int64)), axis=0)
    return op.transpose(op.equal(cells, op.const(np.array(wanted, np.int32)[:, np.newaxis])), perm=[1, 0])


def _one_hot_column(model: Any, column: int) -> tuple[list[int], int, int]:
    """(output of each category or _SILENT, output of an unseen value, how many outputs) of one column."""
    outputs = list(range(len(model.categories_[column])))
    other = _UNKNOWN if model.handle_unknown == "error" else _SILENT
    grouping = _grouping(model, column)
    if grouping is not None:
        outputs = [int(place) for place in grouping]
        if model.handle_unknown in ("infrequent_if_exist", "warn"):
            other = int(max(grouping))
    count = max(outputs) + 1
    dropped = model._drop_idx_after_grouping
    if dropped is None or dropped[column] is None:
        return outputs, other, count
    drop = int(dropped[column])
    return [_without(drop, place) for place in outputs], _without(drop, other), count - 1


def _without(drop: int, place: int) -> int:
    return _SILENT if place == drop else place - 1 if place > drop else place


@transformer("OrdinalEncoder")
def ordinal_encoder(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The position of each category; unseen and missing values as the encoder was told."""
    _check_width(model, table, path)
    refused = model.handle_unknown == "error"
    lookups, known = [], []
    for column, places in enumerate(_each(model, table, conversion, path)):
        answer = _ordinal_column(model, column)
        other = np.nan if refused else float(np.asarray(model.unknown_value).astype(model.dtype))
        lookups.append(_lookup(places, answer, other))
        known.append(_lookup(places, [0.0] * len(answer), 1.0))
    if refused:
        refuse_unseen(op.cast(_look_up(table, known, np.int32), to=np.bool_), table, conversion, path)
    names = fitted_names(model, table, len(lookups))
    return with_dtype(_look_up(table, lookups), names, model.dtype, path)


def _ordinal_column(model: Any, column: int) -> list[float]:
    """The code of each category of one column, wrapped by the dtype as NumPy wraps it."""
    count = len(model.categories_[column])
    missing = model._missing_indices.get(column)
    grouping = _grouping(model, column)
    codes = np.arange(count)
    if grouping is not None:
        frequent = codes != missing if missing is not None else np.ones(count, np.bool_)
        codes[frequent] = np.asarray(grouping)[codes[frequent]]
    answer = codes.astype(model.dtype).astype(np.float64)
    if missing is not None:
        answer[missing] = np.asarray(model.encoded_missing_value).astype(model.dtype)
    return [float(code) for code in answer]


@transformer("TargetEncoder")
def target_encoder(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The target's smoothed mean for each category; the target's mean for an unseen one. One column a class if many."""
    _check_width(model, table, path)
    classes = len(model.classes_) if model.target_type_ == "multiclass" else 1
    means = np.broadcast_to(np.asarray(model.target_mean_, np.float64).ravel(), (classes,))
    lookups: list[Lookup] = []
    rows: list[np.ndarray[Any, Any]] = []
    start = 0
    for column, places in enumerate(_each(model, table, conversion, path)):
        encodings = np.stack([model.encodings_[column * classes + label] for label in range(classes)], axis=1)
        rows += [encodings, means[np.newaxis]]
        unseen = start + len(encodings)
        lookups.append(_lookup(places, range(start, unseen), unseen))
        start = unseen + 1
    chosen = op.gather(op.const(np.concatenate(rows).astype(np.float64)), _look_up(table, lookups, np.int64), axis=0)
    return value.matrix(op.flatten(chosen, axis=1), fitted_names(model, table, len(lookups) * classes))


@transformer("LabelEncoder")
def label_encoder(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The number of each label, for one column of them; a label that was not fitted is refused."""
    places = _labels(model, table, conversion, path)
    codes = _look_up(table, [_lookup(places, range(len(model.classes_)), _UNKNOWN)], np.float64)
    refuse_unseen(op.less(codes, value.constant(0.0)), table, conversion, path)
    return value.matrix(codes, ["labelencoder0"])


@transformer("LabelBinarizer")
def label_binarizer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A column for each label, one column for the second of two; a label that was not fitted sets none."""
    count = len(model.classes_)
    if count < 2 or model.y_type_ not in ("binary", "multiclass"):
        raise NotPortable(path, f"it was fitted on {model.y_type_} labels, {count} of them")
    places = _labels(model, table, conversion, path)
    codes = _look_up(table, [_lookup(places, range(count), count)], np.int64)
    spelled = np.vstack([np.eye(count), np.zeros(count)])
    spelled = np.where(spelled > 0, float(model.pos_label), float(model.neg_label))
    if count == 2:
        spelled = spelled[:, 1:]
    rows = op.gather(op.const(spelled), op.reshape(codes, op.const(np.array([-1]))), axis=0)
    return value.matrix(rows, [f"labelbinarizer{index}" for index in range(spelled.shape[1])])


@transformer("MultiLabelBinarizer")
def multi_label_binarizer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A column for each label: whether it stands anywhere in the row. A label that was not fitted counts for nothing."""
    if any(block.kind is not Kind.STRING for block in table):
        raise NotPortable(path, "its sets of labels are no columns of text")
    count = len(model.classes_)
    lookups = [
        _lookup(positions(block, inside, model.classes_, conversion, path), range(count), count)
        for block, inside in _columns(table)
    ]
    codes = op.unsqueeze(_look_up(table, lookups, np.int64), op.const(np.array([2])))
    here = op.cast(op.equal(codes, op.const(np.arange(count))), to=np.float64)
    found = op.reduce_max(here, op.const(np.array([1])), keepdims=0)
    return value.matrix(found, [f"multilabelbinarizer{index}" for index in range(count)])


def _labels(model: Any, table: Table, conversion: Conversion, path: str) -> Places:
    """Where each label stands. Raises NotPortable where the table is not one column of labels."""
    columns = _columns(table)
    if len(columns) != 1 or columns[0][0].kind is Kind.FLOAT:
        raise NotPortable(path, "it takes one column of labels: text or whole numbers")
    return positions(*columns[0], model.classes_, conversion, path)
