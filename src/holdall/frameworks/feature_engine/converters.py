"""Converters of feature-engine: each changes the columns in `variables_` and lets the others pass by.

Not here are those that drop rows, draw at random, read text or look at other rows of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.asking import looked_up
from holdall.frameworks.sklearn.registry import transformer
from holdall.frameworks.sklearn.rows import raw_columns
from holdall.frameworks.sklearn.scaling import box_cox, yeo_johnson
from holdall.frameworks.sklearn.tables import doubles
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, Table, constant
from holdall.spec.schema import Kind

Columns = Sequence[Any]


def _each(*names: str) -> Callable[[registry.Transformer], registry.Transformer]:
    return transformer(*(f"feature_engine.{name}" for name in names))


def _in_order(model: Any, table: Table, path: str) -> Table:
    """The table with the columns that the model was fitted on, under their names and in their order."""
    fitted, here = [str(name) for name in model.feature_names_in_], list(value.names(table))
    if set(here) == set(fitted) and len(set(here)) == len(here):
        return value.select(table, [here.index(name) for name in fitted])
    if len(here) != len(fitted):
        raise NotPortable(path, f"it was fitted on {len(fitted)} columns and is given {len(here)} here")
    return value.rename(table, fitted)


def _places(table: Table, columns: Columns) -> list[int]:
    names = list(value.names(table))
    return [names.index(str(name)) for name in columns]


def _numbers(table: Table, columns: Columns, path: str) -> Block:
    return doubles(value.select(table, _places(table, columns)), path, "a computation")


def _without(table: Table, columns: Columns) -> Table:
    gone = set(_places(table, columns))
    return value.select(table, [place for place in range(value.width(table)) if place not in gone])


def _replaced(table: Table, columns: Columns, changed: Table) -> Table:
    """The table with these columns, in this order, taken from `changed`."""
    order = list(range(value.width(table)))
    start = len(order)
    for index, place in enumerate(_places(table, columns)):
        order[place] = start + index
    names = value.names(table)
    return value.rename(value.select((*table, *changed), order), names)


def _appended(table: Table, values: Var, names: Sequence[str]) -> Table:
    return value.concat([table, value.matrix(values, names)])


def _row(values: Mapping[Any, Any], columns: Columns) -> Var:
    return constant([float(values[name]) for name in columns])


def _refuse(where: Var, block: Block, conversion: Conversion, path: str, reason: str) -> None:
    conversion.refuse(where, path, reason, raw_columns((block,)))


@_each("MeanMedianImputer", "ArbitraryNumberImputer", "EndTailImputer", "CategoricalImputer")
def imputer(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each missing value becomes what its column's was found to be."""
    del conversion
    table = _in_order(model, table, path)
    for name, fill in model.imputer_dict_.items():
        (block,) = value.select(table, _places(table, [name]))
        table = _replaced(table, [name], (_filled(block, fill, path),))
    return table


def _filled(block: Block, fill: Any, path: str) -> Block:
    if block.kind is Kind.STRING and isinstance(fill, str):
        if block.nulls is None:
            return block
        values = op.where(block.nulls, op.const(np.array(fill, np.str_)), block.values)
        return Block(Kind.STRING, values, block.names, None, block.origins, dtypes=block.dtypes)
    if block.kind not in (Kind.FLOAT, Kind.INT) or isinstance(fill, str):
        raise NotPortable(path, f"it fills column {block.names[0]!r} with a value of another kind")
    numbers = doubles((block,), path, "a fill")
    filled = op.where(op.isnan(numbers.values), constant(float(fill)), numbers.values)
    return Block(Kind.FLOAT, filled, block.names, None, block.origins)


@_each("AddMissingIndicator")
def missing_indicator(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A column more for each variable: 1 where it is missing."""
    del conversion
    table = _in_order(model, table, path)
    marks = []
    for block in value.select(table, _places(table, model.variables_)):
        gone = op.isnan(block.values) if block.kind is Kind.FLOAT else block.nulls
        gone = gone if gone is not None else op.expand(constant(False, np.bool_), op.shape(block.values))
        marks.append(op.cast(gone, to=np.float64))
    values = marks[0] if len(marks) == 1 else op.concat(marks, axis=1)
    return _appended(table, values, [f"{name}_na" for name in model.variables_])


@_each(
    *("CountFrequencyEncoder", "DecisionTreeEncoder", "MeanEncoder", "OneHotEncoder", "OrdinalEncoder"),
    *("RareLabelEncoder", "WoEEncoder"),
)
def encoder(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """What the encoder answers for each category."""
    table = _in_order(model, table, path)
    found = getattr(model, "encoder_dict_", None)
    if found is None:
        raise NotPortable(path, "it keeps no table of categories")
    known = {name: list(found[name]) for name in model.variables_}
    return looked_up(table, list(model.feature_names_in_), known, model.transform, conversion, path)


@_each("EqualWidthDiscretiser", "EqualFrequencyDiscretiser", "ArbitraryDiscretiser", "GeometricWidthDiscretiser")
def discretiser(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The number of each value's bin; an edge belongs to the bin below it."""
    if model.return_boundaries:
        raise NotPortable(path, "it gives the boundaries of its bins as text (return_boundaries)")
    table = _in_order(model, table, path)
    for name in model.variables_:
        block = _numbers(table, [name], path)
        edges = np.asarray(model.binner_dict_[name], np.float64)
        bins = _bins(block, edges, conversion)
        if getattr(model, "errors", None) == "raise":
            _refuse(op.isnan(bins), block, conversion, path, "a value outside all bins")
        dtype = "object" if model.return_object else None
        table = _replaced(table, [name], (Block(Kind.FLOAT, bins, block.names, dtypes=(dtype,)),))
    return table


def _bins(block: Block, edges: np.ndarray[Any, Any], conversion: Conversion) -> Var:
    """double [N, 1] as `pandas.cut(…, labels=False, include_lowest=True)` numbers them; NaN outside."""
    conversion.boundary(block.origins[0], edges[np.isfinite(edges)])
    above = op.cast(op.greater(block.values, constant(edges[None])), to=np.float64)
    count = op.reduce_sum(above, op.const(np.array([1])), keepdims=1)
    lowest = op.equal(block.values, constant(edges[0]))
    count = op.where(lowest, constant(1.0), count)
    outside = op.or_(op.equal(count, constant(0.0)), op.equal(count, constant(float(len(edges)))))
    outside = op.or_(outside, op.isnan(block.values))
    return op.where(outside, constant(np.nan), op.sub(count, constant(1.0)))


@_each("DecisionTreeDiscretiser")
def tree_discretiser(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """What each variable's own tree predicts, or the number of its leaf's range."""
    if model.bin_output == "boundaries":
        raise NotPortable(path, "it gives the boundaries of its bins as text")
    table = _in_order(model, table, path)
    for name in model.variables_:
        tree = model.binner_dict_[name]
        own = value.select(table, _places(table, [name]))
        if model.bin_output == "bin_number":
            block = _numbers(table, [name], path)
            answer = _bins(block, np.asarray(tree, np.float64), conversion)
        else:
            answer = _predicted(model, tree, own, conversion, registry.step(path, tree, str(name)))
        table = _replaced(table, [name], value.matrix(answer, [str(name)]))
    return table


def _predicted(model: Any, tree: Any, own: Table, conversion: Conversion, path: str) -> Var:
    """double [N, 1], rounded as it was asked for."""
    found = registry.predict(tree, own, conversion, path)
    given = found.values if model.regression else found.probability
    if given is None:
        raise NotPortable(path, "its tree gives no numbers")
    if model.regression:
        answer = op.reshape(given, op.const(np.array([-1, 1])))
    else:
        answer = op.gather(given, op.const(np.array([1])), axis=1)
    if model.precision is None:
        return answer
    factor = constant(10.0**model.precision)
    return op.div(op.round(op.mul(answer, factor)), factor)


@_each("Winsorizer", "ArbitraryOutlierCapper")
def capper(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Values beyond a cap become the cap."""
    table = _in_order(model, table, path)
    before = table
    for caps, beyond in ((model.right_tail_caps_, op.greater), (model.left_tail_caps_, op.less)):
        for name, cap in caps.items():
            block = _numbers(table, [name], path)
            conversion.boundary(block.origins[0], np.array([float(cap)]))
            held = constant(float(cap))
            capped = op.where(beyond(block.values, held), held, block.values)
            table = _replaced(table, [name], (Block(Kind.FLOAT, capped, block.names, None, block.origins),))
    if getattr(model, "add_indicators", False):
        marks, names = [], []
        for name in model.variables_:
            old, new = (_numbers(each, [name], path).values for each in (before, table))
            for tail, moved in (("left", op.greater(new, old)), ("right", op.less(new, old))):
                if model.tail in (tail, "both"):
                    marks.append(op.cast(moved, to=np.float64))
                    names.append(f"{name}_{tail}")
        table = _appended(table, marks[0] if len(marks) == 1 else op.concat(marks, axis=1), names)
    return table


@_each("LogTransformer", "LogCpTransformer")
def logarithm(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The logarithm of each variable, of what is added to it first."""
    table = _in_order(model, table, path)
    block = _numbers(table, model.variables_, path)
    values = block.values
    if hasattr(model, "C_"):
        added = model.C_ if isinstance(model.C_, Mapping) else dict.fromkeys(model.variables_, model.C_)
        values = op.add(values, _row(added, model.variables_))
    _refuse(op.less_or_equal(values, constant(0.0)), block, conversion, path, "a number that has no logarithm")
    answer = op.log(values)
    if model.base != "e":
        answer = op.div(answer, constant(np.log(10.0)))
    return _replaced(table, model.variables_, value.matrix(answer, block.names))


@_each(
    "PowerTransformer", "ReciprocalTransformer", "BoxCoxTransformer", "YeoJohnsonTransformer", "MeanNormalizationScaler"
)
def function(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A function of each variable on its own."""
    table = _in_order(model, table, path)
    block = _numbers(table, model.variables_, path)
    zero = constant(0.0)
    kind = type(model).__name__
    if kind == "PowerTransformer":
        answer = op.pow(block.values, constant(float(model.exp)))
    elif kind == "ReciprocalTransformer":
        _refuse(op.equal(block.values, zero), block, conversion, path, "zero, which has no reciprocal")
        answer = op.reciprocal(block.values)
    elif kind == "MeanNormalizationScaler":
        mean, spread = (_row(dict(each), model.variables_) for each in (model.mean_, model.range_))
        answer = op.div(op.sub(block.values, mean), spread)
    else:
        exponents = np.array([float(model.lambda_dict_[name]) for name in model.variables_])
        if kind == "BoxCoxTransformer":
            _refuse(op.less_or_equal(block.values, zero), block, conversion, path, "a number that is not positive")
        answer = (box_cox if kind == "BoxCoxTransformer" else yeo_johnson)(block.values, exponents)
    return _replaced(table, model.variables_, value.matrix(answer, block.names))


@_each("CyclicalFeatures")
def cyclical(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Sine and cosine of each variable, as a part of its largest value."""
    del conversion
    table = _in_order(model, table, path)
    parts, names = [], []
    for name in model.variables_:
        turned = op.mul(_numbers(table, [name], path).values, constant(2.0 * np.pi / float(model.max_values_[name])))
        parts += [op.sin(turned), op.cos(turned)]
        names += [f"{name}_sin", f"{name}_cos"]
    table = _appended(table, op.concat(parts, axis=1), names)
    return _without(table, model.variables_) if model.drop_original else table


@_each("MathFeatures")
def math_features(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Sums, means, extremes and spreads over several variables."""
    del conversion
    table = _in_order(model, table, path)
    values = _numbers(table, model.variables, path).values
    functions = model.func if isinstance(model.func, list) else [model.func]
    parts = [_over_columns(each, values, len(model.variables), path) for each in functions]
    table = _appended(table, op.concat(parts, axis=1), [str(name) for name in model._get_new_features_name()])
    return _without(table, model.variables) if model.drop_original else table


def _over_columns(name: Any, values: Var, count: int, path: str) -> Var:
    along = op.const(np.array([1]))
    reductions = {"sum": op.reduce_sum, "max": op.reduce_max, "min": op.reduce_min, "prod": op.reduce_prod}
    if name in reductions:
        return reductions[name](values, along, keepdims=1)
    if name not in ("mean", "std", "var"):
        raise NotPortable(path, f"it computes {name!r} over columns, for which there is no converter")
    mean = op.div(op.reduce_sum(values, along, keepdims=1), constant(float(count)))
    if name == "mean":
        return mean
    apart = op.sub(values, mean)
    variance = op.div(op.reduce_sum(op.mul(apart, apart), along, keepdims=1), constant(float(count - 1)))
    return variance if name == "var" else op.sqrt(variance)


@_each("RelativeFeatures")
def relative(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """Each variable added to, less, times or divided by each reference."""
    table = _in_order(model, table, path)
    values = _numbers(table, model.variables, path).values
    parts, names = [], []
    for name in model.func:
        for reference in model.reference:
            block = _numbers(table, [reference], path)
            parts.append(_related(model, name, values, block, conversion, path))
            names += [f"{variable}_{name}_{reference}" for variable in model.variables]
    table = _appended(table, op.concat(parts, axis=1), names)
    if not model.drop_original:
        return table
    return _without(table, list(dict.fromkeys([*model.variables, *model.reference])))


def _related(model: Any, name: str, values: Var, block: Block, conversion: Conversion, path: str) -> Var:
    simple = {"add": op.add, "sub": op.sub, "mul": op.mul}
    if name in simple:
        return simple[name](values, block.values)
    if name not in ("div", "truediv"):
        raise NotPortable(path, f"it computes {name!r}, for which there is no converter")
    zero = op.equal(block.values, constant(0.0))
    if model.fill_value is None:
        _refuse(zero, block, conversion, path, "zero, by which nothing can be divided")
        return op.div(values, block.values)
    return op.where(zero, constant(float(model.fill_value)), op.div(values, block.values))


@_each(
    *("DropFeatures", "DropConstantFeatures", "DropCorrelatedFeatures", "DropDuplicateFeatures", "DropHighPSIFeatures"),
    *("MRMR", "ProbeFeatureSelection", "RecursiveFeatureAddition", "RecursiveFeatureElimination", "SelectByShuffling"),
    *("SelectByInformationValue", "SelectBySingleFeaturePerformance", "SelectByTargetMeanPerformance"),
    *("SmartCorrelatedSelection",),
)
def selector(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The columns that are kept, untouched."""
    del conversion
    return _without(_in_order(model, table, path), list(model.features_to_drop_))


@_each("SklearnTransformerWrapper")
def wrapper(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """A transformer of scikit-learn on some columns, put back in their places or behind the others."""
    table = _in_order(model, table, path)
    inner = model.transformer_
    chosen = value.select(table, _places(table, model.variables_))
    answer = registry.transform(inner, chosen, conversion, registry.step(path, inner, "transformer_"))
    if type(inner).__name__ in ("OneHotEncoder", "PolynomialFeatures"):
        return value.concat([_without(table, model.variables_), answer])
    if value.width(answer) != len(model.variables_):
        raise NotPortable(path, f"its {type(inner).__name__} gives another number of columns")
    return _replaced(table, model.variables_, answer)
