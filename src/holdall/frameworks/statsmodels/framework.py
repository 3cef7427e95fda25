"""statsmodels as a framework: fitted results whose `predict` takes rows become graphs in double.

There is no data-only file of statsmodels, so what has no exact graph is refused with the term that stopped it; a pickle is
sealed only where the user asks for one. A column of ones that `add_constant` put in need not be given: it is in the graph.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.columns.batch import Batch, Column
from holdall.engines.frames import frame
from holdall.errors import NotPortable, UnsupportedModel
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.statsmodels import design, means
from holdall.frameworks.statsmodels.results import BINARY, COUNTS, INFLATED, LINEAR, SEVERAL, Read, classes, read
from holdall.graph import numerics, value
from holdall.graph.conversion import Conversion
from holdall.graph.value import constant
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import StepOutput

GRAPH_PATH = "model/model.onnx"
_PICKLE_PATH = "model/model.pkl"
_PREDICT, _LABEL = "predict", "label"
_NUMPY: dict[Kind, Any] = {Kind.STRING: np.str_, Kind.INT: np.int64, Kind.FLOAT: np.float64, Kind.BOOL: np.bool_}


class Statsmodels:
    """The Framework of statsmodels' results."""

    name = "statsmodels"

    def recognises(self, model: Any) -> bool:
        """Whether it is a model or results of statsmodels."""
        return any(base.__module__.partition(".")[0] == "statsmodels" for base in type(model).__mro__)

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for what is not fitted, or whose predict takes no rows."""
        found = read(model)
        inputs = _inputs(found)
        several = found.kind in SEVERAL
        named = found.table == "pandas" or found.offset or found.exposure
        return Description(
            task="classification" if several else "regression",
            inputs=inputs if named else None,
            width=len(inputs),
            table=found.table,
            classes=classes(found) if several else None,
            requires=(f"statsmodels=={import_module('statsmodels').__version__}",),
            notes=_notes(found),
        )

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:  # noqa: ARG002 — the seam
        """`prediction`, what predict gives; of a model with several classes the likeliest one and `probability_<class>`."""
        found = read(model)
        if found.kind not in SEVERAL:
            return (Field(name="prediction", kind=Kind.FLOAT),)
        labels = classes(found)
        probabilities = (Field(name=f"probability_{label}", kind=Kind.FLOAT) for label in labels)
        return (Field(name="prediction", kind=_kind(labels)), *probabilities)

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:  # noqa: ARG002 — it answers one thing
        """`results.predict` on a table as it was fitted on."""
        found = read(model)

        def run(batch: Batch) -> Batch:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                values = np.asarray(_ask(found, batch, schema), np.float64).reshape(batch.rows, -1)
            columns, fields = {}, schema.outputs
            if found.kind in SEVERAL:
                columns["prediction"] = _likeliest(values, classes(found))
                fields = fields[1:]
            named = zip(fields, values.T, strict=True)
            columns |= {field.name: Column(field.kind, one.copy()) for field, one in named}
            return Batch(columns, batch.rows)

        return run

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph in double. Raises NotPortable."""
        found = read(model)
        try:
            conversion = Conversion(schema)
            columns = tuple(field.name for field in schema.outputs)
            answer = op.identity(_answer(found, conversion))
            if found.kind in SEVERAL:
                missing = op.isnan(numerics.row_sum(answer))
                label = op.gather(_labels(classes(found)), numerics.row_argmax(answer), axis=0)
                label, masks = _masked(label, missing, _kind(classes(found)))
                graph = conversion.finish({_LABEL: (label, columns[:1]), _PREDICT: (answer, columns[1:])}, masks)
            else:
                graph = conversion.finish({_PREDICT: (answer, columns)})
        except NotPortable:
            raise
        except Exception as error:  # results that were not foreseen must be refused by name, not by a traceback
            raise NotPortable(found.path, f"{type(error).__name__}: {error}") from error
        return Artefact(
            engine="onnx",
            files={GRAPH_PATH: graph.model},
            inputs=graph.inputs,
            outputs=graph.outputs,
            guards=graph.guards,
            boundaries=graph.boundaries,
        )

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:
        """There is no data-only format; a pickle where it is asked for. Raises NotPortable."""
        found = read(model)
        if not allow_pickle:
            raised = NotPortable(found.path, "statsmodels has no file format of its own but a pickle")
            raised.hint = (
                "change the term that has no graph, or pack a function of your own that asks the results; "
                "--allow-pickle (allow_pickle=True) seals a pickle, which few will load"
            )
            raise raised
        if found.kind in SEVERAL or found.constants or found.offset or found.exposure:
            raise NotPortable(
                found.path, "as a pickle it takes a constant, offset or exposure beside the columns, or gives no label"
            )
        try:
            data = pickle.dumps(model, protocol=5)
        except Exception as error:
            raise NotPortable(found.path, f"it cannot even be pickled: {type(error).__name__}: {error}") from error
        outputs = (StepOutput(name=_PREDICT, columns=tuple(field.name for field in schema.outputs)),)
        return Artefact("pickle", {_PICKLE_PATH: data}, (), outputs, table=found.table)


FRAMEWORK = Statsmodels()


def _inputs(found: Read) -> tuple[str, ...]:
    aside = tuple(name for name in (found.offset, found.exposure) if name is not None)
    if found.design is None and not hasattr(found.model, "formula"):
        return (*(name for name in found.names if name not in aside), *aside)
    if type(found.design).__name__ != "DesignInfo":
        raise UnsupportedModel(
            "this model's formula was read by formulaic, which holdall does not look into yet",
            hint="fit it with statsmodels' other engine: statsmodels.formula.options.formula_engine = 'patsy'",
        )
    table = getattr(found.model.data, "frame", None)
    if table is None:
        raise UnsupportedModel(
            "the data of these results were removed, and with them the columns' names",
            hint="pack them before results.remove_data()",
        )
    named = design.columns(found.design, [str(name) for name in table.columns])
    return (*(name for name in named if name not in aside), *aside)


def _notes(found: Read) -> tuple[str, ...]:
    notes = []
    if found.constants:
        names = [str(list(found.model.data.orig_exog.columns)[place]) for place in found.constants]
        notes.append(
            f"the column {', '.join(names)} is the same in every row; it is in the model and need not be given"
        )
    if found.kind in BINARY:
        notes.append("prediction is the probability of the second class, as statsmodels' predict gives it")
    if found.kind == "MixedLM":
        notes.append("prediction is of the fixed effects only, as statsmodels' predict gives it")
    return tuple(notes)


# ---- the live model


def _ask(found: Read, batch: Batch, schema: Schema) -> Any:
    aside = {}
    for argument, name in (("offset", found.offset), ("exposure", found.exposure)):
        if name is not None:
            aside[argument] = _numbers(batch[name])
    if found.design is not None:
        table = _table(batch, schema)
        answers = [
            (
                rows,
                np.asarray(found.results.predict(table.iloc[rows], **{key: part[rows] for key, part in aside.items()})),
            )
            for rows in _together(found, batch)
        ]
        values = np.empty((batch.rows, *answers[0][1].shape[1:]))
        for rows, answer in answers:
            values[rows] = answer
        return values
    exog = np.empty((batch.rows, found.width))
    places = [place for place in range(found.width) if place not in found.constants]
    for place, number in found.constants.items():
        exog[:, place] = number
    names = found.names if found.table == "pandas" or aside else [field.name for field in schema.inputs]
    for place, name in zip(places, names, strict=True):
        exog[:, place] = _numbers(batch[name])
    return found.results.predict(exog, **aside)


def _together(found: Read, batch: Batch) -> list[Any]:
    """The rows that may be asked about together: all of them, or with bs() in the formula those that lack the same values.

    bs() refuses a number beyond its knots, but looks no further where any other row has none.
    """
    memories = [memory for info in found.design.factor_infos.values() for memory in info.state["transforms"].values()]
    if not batch.rows or not any(type(memory).__name__ == "BS" for memory in memories):
        return [np.arange(batch.rows)]
    lacking = np.column_stack([batch[name].null_mask() for name in batch])
    _, group = np.unique(lacking, axis=0, return_inverse=True)
    return [np.flatnonzero(group.ravel() == number) for number in range(group.max() + 1)]


def _kind(labels: Sequence[Any]) -> Kind:
    kinds = {type(label) for label in labels}
    if kinds == {bool}:
        return Kind.BOOL
    if str in kinds:
        return Kind.STRING
    return Kind.INT if kinds == {int} else Kind.FLOAT


def _likeliest(values: Any, labels: Sequence[Any]) -> Column:
    """The class of the greatest probability, the first one where several are; missing where any probability is."""
    kind, missing = _kind(labels), np.isnan(values.sum(axis=1))
    dtype = object if kind is Kind.STRING else _NUMPY[kind]
    chosen = np.array(labels, dtype)[values.argmax(axis=1)]
    if kind is Kind.FLOAT:
        return Column(kind, np.where(missing, np.nan, chosen))
    chosen[missing] = "" if kind is Kind.STRING else 0
    return Column(kind, chosen, missing if missing.any() else None)


def _numbers(column: Column) -> Any:
    if column.kind not in (Kind.FLOAT, Kind.INT, Kind.BOOL):
        raise ValueError(f"a {column.kind.value} is no number")
    numbers = column.values.astype(np.float64)
    numbers[column.null_mask()] = np.nan
    return numbers


def _table(batch: Batch, schema: Schema) -> Any:
    """The data frame for patsy: numbers as doubles, so that whole ones do not overflow; categories as plain values, since
    patsy wants a column of categories to bring all of them along."""
    table = frame(batch, schema, "pandas")
    for name in table.columns:
        column = batch[name]
        if column.kind in (Kind.INT, Kind.FLOAT):
            table[name] = _numbers(column)
        elif column.kind is Kind.STRING:
            values = column.values.astype(object)
            values[column.null_mask()] = None
            table[name] = import_module("pandas").Series(values, index=table.index, dtype=object)
    return table


# ---- the graph


def _answer(found: Read, conversion: Conversion) -> Var:
    """double [N] or [N, classes]."""
    exog = _exog(found, conversion)
    parameters = np.asarray(found.results.params, np.float64)
    if found.kind == "MNLogit":
        return means.against_first(op.matmul(exog, constant(parameters)))
    if found.kind in INFLATED:
        count = int(found.model.k_inflate)
        inflating, parameters = parameters[:count], parameters[count:]
    sums = op.matmul(exog, constant(parameters[: _width(found)].reshape(-1, 1)))
    for name, through in ((found.offset, None), (found.exposure, op.log)):
        if name is not None:
            given = _given(conversion, name)
            sums = op.add(sums, given if through is None else through(given))
    if found.kind == "OrderedModel":
        thresholds = found.model.transform_threshold_params(np.asarray(found.results.params, np.float64))
        return means.ordered(found.model.distr, thresholds, sums, found.path)
    sums = op.reshape(sums, constant([-1], np.int64))
    if found.kind in LINEAR:
        return sums
    if found.kind in BINARY:
        return means.normal(sums) if found.kind == "Probit" else numerics.logistic(sums)
    if found.kind in COUNTS:
        return op.exp(sums)
    if found.kind in INFLATED:
        share = 1 - found.model.model_infl.predict(inflating, np.ones((1, count)))
        return op.mul(op.exp(sums), constant(float(np.asarray(share).ravel()[0])))
    link = found.model.link if found.kind == "BetaModel" else found.model.family.link
    return means.inverse(link, sums, found.path)


def _labels(labels: Sequence[Any]) -> Var:
    return constant(list(labels), _NUMPY[_kind(labels)])


def _masked(label: Var, missing: Var, kind: Kind) -> tuple[Var, dict[str, Var]]:
    """The labels with NaN, or with a mask over a blank, where one is missing."""
    blank: Any = {Kind.STRING: "", Kind.INT: 0, Kind.FLOAT: np.nan, Kind.BOOL: False}[kind]
    result = op.where(missing, constant(blank, _NUMPY[kind]), label)
    return result, {} if kind is Kind.FLOAT else {_LABEL: op.identity(missing)}


def _width(found: Read) -> int:
    return len(found.design.column_names) if found.design is not None else found.width


def _given(conversion: Conversion, name: str) -> Var:
    place = value.names(conversion.table).index(name)
    return value.numeric(value.select(conversion.table, [place])).values


def _exog(found: Read, conversion: Conversion) -> Var:
    if found.design is not None:
        matrix = design.matrix(found.design, conversion.table, conversion)
        kept = np.asarray(found.model.exog).shape[1]
        if kept != len(found.design.column_names):
            raise NotPortable(found.path, "its matrix has other columns than its formula")
        return matrix
    count = len(found.names)
    table = value.select(conversion.table, range(count))
    values = value.numeric(table).values
    if not found.constants:
        return values
    # The constants are put behind the columns, then all brought into the model's order.
    row = constant([list(found.constants.values())])
    rows = op.concat([op.shape(values, end=1), constant([1], np.int64)], axis=0)
    joined = op.concat([values, op.expand(row, rows)], axis=1)
    places = [place for place in range(found.width) if place not in found.constants] + list(found.constants)
    return op.gather(joined, constant(np.argsort(places), np.int64), axis=1)
