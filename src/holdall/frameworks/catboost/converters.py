"""CatBoost as graph operators: features rounded to float32 once, leaves added up in double, as CatBoost itself does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.engines.catboost import EXPONENT, UNCERTAIN
from holdall.errors import NotPortable
from holdall.frameworks.catboost import model as models
from holdall.frameworks.catboost.model import Model
from holdall.frameworks.sklearn.categories import Key, Lookup, look_up
from holdall.frameworks.sklearn.matrices import column, flat, numbers
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import joined, upright
from holdall.graph import numerics, trees, value
from holdall.graph.conversion import Conversion
from holdall.graph.trees import Forest
from holdall.graph.value import Block, Table, constant
from holdall.spec.schema import Kind

SETS_OF_LABELS = frozenset({"MultiLogloss", "MultiCrossEntropy"})
ONE_AGAINST_ALL = "MultiClassOneVsAll"
LARGEST = float(np.finfo(np.float32).max)
WIDEST = 4096
"""Of a column of whole numbers so many are tried as categories."""
FILLED = ("", "nan", "NaN", "None", "NA", "N/A", "null", "missing", "Missing", "MISSING", "unknown", "Unknown", "other")
"""What people put in place of missing categories; too rare in a sample, perhaps, to be among what was observed."""


@predictor("catboost.CatBoostClassifier")
def classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Of two classes the second where the sum is above its threshold; else the largest sum's; or one for each label."""
    read, summed = _summed(model, table, conversion, path)
    if read.outputs == 1:
        threshold = _logit(float(model.get_probability_threshold()))
        labels = op.cast(op.greater(flat(summed), constant(threshold)), to=np.int64)
        return Outputs(labels=labels, probability=numerics.two_columns(numerics.logistic(flat(summed))))
    if read.loss in SETS_OF_LABELS:
        return Outputs(targets=tuple(_label(column(summed, place)) for place in range(read.outputs)))
    probability = numerics.logistic(summed) if read.loss == ONE_AGAINST_ALL else numerics.softmax(summed)
    return Outputs(labels=numerics.row_argmax(summed), probability=probability)


@predictor("catboost.CatBoostRegressor", "catboost.CatBoostRanker", "catboost.CatBoost")
def regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """One value a row, or one for each target; a bare model's are its sums, whatever it was fitted for."""
    read, summed = _summed(model, table, conversion, path)
    kind = prediction_type(model)
    if kind == EXPONENT:
        summed = op.exp(summed)
    elif kind == UNCERTAIN:
        deviation = upright(column(summed, 1))
        summed = joined([upright(column(summed, 0)), op.exp(op.add(deviation, deviation))])
    return Outputs(values=flat(summed) if read.outputs == 1 else summed)


def prediction_type(model: Any) -> str:
    """What a regressor's, ranker's or bare model's `predict` gives."""
    found = getattr(model, "_get_default_prediction_type", None)
    return "RawFormulaVal" if found is None else str(found())


def _logit(share: float) -> float:
    if share in (0.0, 1.0):
        return math.inf if share else -math.inf
    return -math.log(1.0 / share - 1.0)


def _label(summed: Var) -> Outputs:
    labels = op.cast(op.greater(summed, constant(0.0)), to=np.int64)
    return Outputs(labels=labels, probability=numerics.two_columns(numerics.logistic(summed)))


def _summed(model: Any, table: Table, conversion: Conversion, path: str) -> tuple[Model, Var]:
    """The scaled and moved sums of its trees, double [N, outputs]."""
    read = models.read(model, path)
    if value.width(table) != read.features:
        raise NotPortable(path, f"it was fitted on {read.features} columns and is given {value.width(table)} here")
    try:
        forest = Forest(read.trees, read.outputs)
    except ValueError as error:
        raise NotPortable(path, str(error)) from None
    origins = value.origins(table)
    for place, found in trees.thresholds(forest).items():
        # What tells missing from not is a border at the end of float32, no threshold of the data's.
        conversion.boundary(origins[place], found[np.abs(found) < LARGEST])
    places = read.used or (0,)
    narrowed = Forest(tuple(_narrowed(tree, places) for tree in read.trees), read.outputs)
    summed = trees.emit(narrowed, _seen(model, read, places, table, conversion, path))
    if read.scale != 1.0:
        summed = op.mul(summed, constant(read.scale))
    return read, op.add(summed, constant(read.bias))


def _narrowed(tree: trees.Tree, places: tuple[int, ...]) -> trees.Tree:
    """The tree over those columns only that any tree asks about."""
    return replace(tree, feature=np.searchsorted(places, tree.feature).astype(np.int64).clip(0, len(places) - 1))


def _seen(model: Any, read: Model, places: tuple[int, ...], table: Table, conversion: Conversion, path: str) -> Var:
    """What the trees see: doubles that are float32s, categories as codes. [N, len(places)]."""
    plain = [place for place in places if place not in read.categories]
    parts = []
    if plain:
        parts.append(_numbers(value.select(table, plain), path) if read.used else _nothing(table))
    coded = [place for place in places if place in read.categories]
    if coded:
        known = models.hashes(model, _candidates(coded, table, conversion))
        for place in coded:
            (block,) = value.select(table, [place])
            parts.append(_codes(block, [known.get(one) for one in read.categories[place]], path))
    order = [*plain, *coded]
    seen = joined(parts)
    return seen if order == sorted(order) else op.gather(seen, constant(np.argsort(order), np.int64), axis=1)


def _nothing(table: Table) -> Var:
    """A column of zeros: no tree asks anything."""
    first = table[0]
    rows = op.shape(first.values, start=0, end=1)
    return op.expand(constant(0.0), op.concat([rows, constant([1], np.int64)], axis=0))


def _numbers(chosen: Table, path: str) -> Var:
    """Each rounded to float32 once: whole ones are not made doubles first."""
    if all(block.kind is Kind.INT and block.nulls is None for block in chosen):
        singles = op.cast(joined([block.values for block in chosen]), to=np.float32)
    else:
        singles = op.cast(numbers(chosen, path).values, to=np.float32)
    return op.cast(singles, to=np.float64)


def _candidates(places: list[int], table: Table, conversion: Conversion) -> Iterator[str]:
    """The words whose hashes the model may know: a hash cannot be turned back."""
    yield from FILLED
    yield from ("0", "1", "True", "False")
    origins = value.origins(table)
    for place in places:
        origin = origins[place]
        seen = None if origin is None else conversion.schema.input(origin.column).observed
        if seen is None:
            continue
        yield from (str(word) for word in seen.categories or ())
        if seen.minimum is not None and seen.maximum is not None and seen.maximum - seen.minimum <= WIDEST:
            yield from (str(number) for number in range(int(seen.minimum), int(seen.maximum) + 1))


def _codes(block: Block, words: list[str | None], path: str) -> Var:
    """A column of categories as codes, double [N, 1]; what no split knows has the last one."""
    found: dict[Key, float] = {}
    for code, word in enumerate(words):
        key = None if word is None else _key(block, word, path)
        if key is None:
            raise NotPortable(
                path,
                f"a category of the column {block.names[0]!r} that it splits by is not in the sample often enough to be "
                "told; give the table that it was fitted on as sample",
            )
        found[key] = float(code)
    others = float(len(words))
    return look_up(block, [Lookup(found, others, others)])


def _key(block: Block, word: str, path: str) -> Key | None:
    """What the word is in the block: CatBoost makes words of whole numbers and of truth values."""
    if block.kind is Kind.STRING:
        return word
    if block.kind is Kind.BOOL:
        return {"0": 0, "1": 1, "False": 0, "True": 1}.get(word)
    if block.kind is Kind.INT:
        return int(word) if word.lstrip("-").isdigit() and str(int(word)) == word else None
    raise NotPortable(path, f"the column of categories {block.names[0]!r} holds neither words nor whole numbers")
