"""Values looked up: whether one is among those listed, what a dict makes of it, what stands in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.ml.v4 as ml
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.arithmetic import as_vector, chosen, is_null, quietly
from holdall.graph.tracing.distinct import once
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import (
    Form,
    Vector,
    filled,
    null_mask,
    numbers,
    to_int,
)
from holdall.graph.value import constant


def always(vector: Vector) -> Var:
    """True in every row."""
    if vector.form in (Form.FLOAT, Form.STRING):
        return op.or_(op.equal(vector.values, vector.values), constant(True, np.bool_))
    return op.equal(op.cast(vector.values, to=np.int64), op.cast(vector.values, to=np.int64))


def member_of(vector: Vector, listed: Sequence[Any]) -> Var:
    """Whether the value is one of those listed, missing ones among them."""
    takes_null = any(is_null(value) for value in listed)
    present = [value for value in listed if not is_null(value)]
    present = [
        value.item() if isinstance(value, np.generic) and value.dtype.kind not in "mM" else value for value in present
    ]
    keys = [key for key in (_key(vector.form, value) for value in present) if key is not None]
    if keys:
        unique = list(dict.fromkeys(keys))
        if vector.form is Form.STRING:
            hit = _listed(vector, unique)
        elif vector.form is Form.FLOAT:
            hit = op.equal(vector.values, constant(unique[0]))
            for key in unique[1:]:
                hit = op.or_(hit, op.equal(vector.values, constant(key)))
        else:
            found = ml.label_encoder(
                to_int(vector), keys_int64s=unique, values_int64s=[1] * len(unique), default_int64=0
            )
            hit = op.equal(found, constant(1, np.int64))
    else:
        hit = op.not_(always(vector))
    mask = null_mask(vector)
    if mask is None:
        return hit
    return op.or_(hit, mask) if takes_null else op.and_(hit, op.not_(mask))


def _key(form: Form, value: Any) -> Any:
    """What stands for this value in a column of this form, or None where it can never be there. Raises Untraceable."""
    if form is Form.STRING:
        return value if isinstance(value, str) else None
    if form is Form.FLOAT:
        return float(value) if isinstance(value, int | float) else None
    if form in (Form.INT, Form.BOOL):
        if isinstance(value, bool | int):
            return int(value)
        return int(value) if isinstance(value, float) and value.is_integer() else None
    vector = as_vector(value, form)
    if vector.form is not form:
        return None
    scale = pandas.Timestamp(value) if form is Form.MOMENT else pandas.Timedelta(value)
    return int(scale.as_unit("ns").value) // 1000


def with_default(trace: Trace, vector: Vector, table: Mapping[Any, Any]) -> Vector:
    """Series.map by a `defaultdict`: what is not in it, missing values too, becomes what its function gives."""
    factory = getattr(table, "default_factory", None)
    if factory is None:
        raise Untraceable("Series.map by a dict that makes its own values", "use .map(…).fillna(…)")
    default = as_vector(factory())
    found = looked_up(trace, vector, dict(table), "map")
    mask = null_mask(found)
    live = quietly(vector.live.map, table)
    if mask is None:
        return found.with_live(live)
    return chosen(Vector(Form.BOOL, mask, live), default, found, live)


@once(cheap=True)
def _listed(vector: Vector, words: Sequence[str]) -> Var:
    found = ml.label_encoder(vector.values, keys_strings=words, values_int64s=[1] * len(words), default_int64=0)
    return op.equal(found, constant(1, np.int64))


@once(cheap=True)
def _codes(vector: Vector, words: Sequence[str]) -> Var:
    """The place of each text among the words, -1 where it is none of them."""
    places = list(range(len(words)))
    return ml.label_encoder(vector.values, keys_strings=words, values_int64s=places, default_int64=-1)


@once(cheap=True)
def _same(vector: Vector, word: str) -> Var:
    return op.equal(vector.values, constant(word, np.str_))


def looked_up(trace: Trace, vector: Vector, table: Mapping[Any, Any], operation: str) -> Vector:
    """Series.map by a dict: what is not in it becomes missing."""
    keys: dict[Any, Any] = {}
    of_null: Any = None
    for key, value in table.items():
        if is_null(key):
            of_null = value
            continue
        plain = key.item() if isinstance(key, np.generic) else key
        found = _key(vector.form, plain)
        if found is not None:
            keys.setdefault(found, value)
    values = [value.item() if isinstance(value, np.generic) else value for value in keys.values()]
    live = quietly(vector.live.map, dict(table))
    words = [value for value in values if not is_null(value)]
    if not words:
        raise Untraceable("Series.map by an empty dict")
    missing = null_mask(vector)
    if of_null is not None and missing is not None:
        raise Untraceable("Series.map by a dict with a missing key", "use .fillna before")
    if vector.form is Form.FLOAT:
        codes = op.cast(op.sub(never(vector), constant(1, np.int64)), to=np.int64)
        for place, key in enumerate(keys):
            codes = op.where(op.equal(vector.values, constant(key)), constant(place, np.int64), codes)
    elif vector.form is Form.STRING:
        codes = _codes(vector, list(keys))
    else:
        codes = ml.label_encoder(
            to_int(vector), keys_int64s=list(keys), values_int64s=list(range(len(keys))), default_int64=-1
        )
    unknown = op.less(codes, constant(0, np.int64))
    if missing is not None:
        unknown = op.or_(unknown, missing)
    if any(is_null(value) for value in values):
        gone = [place for place, value in enumerate(values) if is_null(value)]
        unknown = op.or_(
            unknown,
            op.cast(
                ml.label_encoder(codes, keys_int64s=gone, values_int64s=[1] * len(gone), default_int64=0), to=np.bool_
            ),
        )
    row = op.max([codes, constant(0, np.int64)])
    if all(isinstance(value, str) for value in words):
        entries = op.gather(constant([value if isinstance(value, str) else "" for value in values], np.str_), row)
        return Vector(Form.STRING, filled(Form.STRING, entries, unknown), live, unknown)
    if all(isinstance(value, bool) for value in words):
        entries = op.gather(constant([bool(value) for value in values], np.bool_), row)
        total = vector.form is Form.BOOL and len(keys) == 2 and missing is None
        return Vector(Form.BOOL, entries, live, None if total else unknown)
    if all(isinstance(value, int | float) for value in words):
        numeric = constant([np.nan if is_null(value) else float(value) for value in values])
        if any(isinstance(value, int) and abs(value) > 1 << 53 for value in words):
            raise Untraceable("Series.map to numbers beyond 2^53")
        return numbers(op.where(unknown, constant(np.nan), op.gather(numeric, row)), live, nullable=True)
    raise Untraceable(f"Series.{operation} to a {type(words[0]).__name__}")


def _all_numbers(live: Any) -> bool:
    present = [value for value in live.tolist() if not is_null(value)]
    return bool(present) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)


def never(vector: Vector) -> Var:
    return op.cast(op.not_(always(vector)), to=np.int64)


def replaced_by(trace: Trace, vector: Vector, table: Mapping[Any, Any]) -> Vector:
    """Series.replace by a dict."""
    live = quietly(vector.live.replace, dict(table))
    if vector.form is Form.STRING and _all_numbers(live) and _all_numbers(pandas.Series(list(table.values()))):
        # What is in no place of the table would stay text among numbers, which no later step could use.
        known = member_of(vector, list(table))
        stray = op.not_(known) if vector.nulls is None else op.and_(op.not_(known), op.not_(vector.nulls))
        trace.refuse(stray, "a text is none of those that are replaced by numbers", narrower=True)
        return looked_up(trace, vector, table, "replace").with_live(live.astype(np.float64))
    result = vector
    for key, value in table.items():
        if is_null(key):
            raise Untraceable("Series.replace of a missing value", "use .fillna")
        found = _key(vector.form, key.item() if isinstance(key, np.generic) else key)
        if found is None:
            continue
        if vector.form is Form.STRING:
            hit = _same(vector, found)
        elif vector.form is Form.FLOAT:
            hit = op.equal(vector.values, constant(found))
        else:
            hit = op.equal(to_int(vector), constant(found, np.int64))
        if vector.nulls is not None:
            hit = op.and_(hit, op.not_(vector.nulls))
        given = as_vector(value, vector.form if not is_null(value) or vector.form is not Form.INT else Form.FLOAT)
        if vector.form is Form.INT and given.form is Form.FLOAT and is_null(value):
            widened = live.astype(np.float64) if live.dtype.kind in "iub" else live
            result = chosen(Vector(Form.BOOL, hit, live), given, result, widened)
            result = Vector(result.form, result.values, result.live, result.nulls, loose=True)
            live = widened
        else:
            result = chosen(Vector(Form.BOOL, hit, live), given, result, live)
    return result
