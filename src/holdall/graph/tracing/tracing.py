"""Functions over a data frame → columns in a graph: run once on a frame that records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.conversion import Graph
from holdall.graph.tracing.array import TracedArray, of_frame
from holdall.graph.tracing.beside import BESIDE, WithBeside
from holdall.graph.tracing.dummies import OpenDummies
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.inputs import RawColumns
from holdall.graph.tracing.joining import SplitFrame
from holdall.graph.tracing.rebinding import Bindings
from holdall.graph.tracing.series import TracedSeries
from holdall.graph.tracing.trace import Operation, Trace
from holdall.graph.tracing.untraceable import Untraceable, where_raised
from holdall.graph.tracing.vector import Form, Vector, null_mask, numbers, to_float, to_int
from holdall.graph.tracing.watching import watched
from holdall.graph.value import constant
from holdall.spec.schema import Field, Kind
from holdall.spec.steps import GraphInput, StepOutput

GIVEN = "given_"
"""Before the name of a model's input: the output that is for it."""

FORMS = {
    Kind.FLOAT: Form.FLOAT,
    Kind.INT: Form.INT,
    Kind.BOOL: Form.BOOL,
    Kind.STRING: Form.STRING,
    Kind.TIMESTAMP: Form.MOMENT,
}
KINDS = {form: kind for kind, form in FORMS.items()} | {Form.SPAN: Kind.INT}


@dataclass(frozen=True)
class Traced:
    """What functions make of a table, in a graph. columns: by name, in order. raw: the columns that they were given.
    operations: what was recorded, in order."""

    trace: Trace
    columns: Mapping[str, Vector]
    raw: Mapping[str, Vector]

    @property
    def operations(self) -> Sequence[Operation]:
        return self.trace.operations

    def for_model(
        self, fields: Sequence[Field], inputs: Sequence[GraphInput], beside: Sequence[str] = ()
    ) -> tuple[Graph, tuple[StepOutput, ...]]:
        """The graph from the raw columns to a model's inputs: an output for each, its name after `GIVEN`; and the outputs
        of the raw columns `beside`, which go past the model.

        fields: of the model's columns. What the model does not take is refused here, as it is before a model alone.
        Raises Untraceable where a column is of another kind than the model's.
        """
        outputs: dict[str, tuple[Var, Sequence[str]]] = {}
        by_name = {field.name: field for field in fields}
        for group in inputs:
            values, masks = [], []
            for name in group.columns:
                if name not in self.columns:
                    raise Untraceable(f"the model's column {name!r}, which the functions do not give")
                one, mask = self._given(name, by_name[name], group)
                values.append(op.unsqueeze(one, constant([1], np.int64)))
                masks.append(op.unsqueeze(mask, constant([1], np.int64)))
            outputs[GIVEN + group.name] = (
                op.concat(values, axis=1) if len(values) > 1 else op.identity(values[0]),
                group.columns,
            )
            if group.mask is not None:
                outputs[GIVEN + group.mask] = (
                    op.concat(masks, axis=1) if len(masks) > 1 else op.identity(masks[0]),
                    group.columns,
                )
        past = self._columns({name: self.raw[name] for name in beside}, BESIDE)
        graph = self.trace.conversion.finish({**outputs, **past[0]}, past[1])
        return graph, tuple(output for output in graph.outputs if output.name in past[0])

    def as_answers(self, fields: Sequence[Field]) -> Graph:
        """The graph from the columns to what the functions give, as a package's outputs of these fields.

        Raises Untraceable where a column is of another kind than its field.
        """
        return self.trace.conversion.finish(
            *self._columns({field.name: self._as_kind(field) for field in fields}, "answer_")
        )

    def _as_kind(self, field: Field) -> Vector:
        vector = self.columns[field.name]
        if field.kind is Kind.FLOAT and vector.form in (Form.INT, Form.BOOL):
            return numbers(to_float(vector), vector.live.astype(np.float64))
        if field.kind is Kind.INT and vector.form is Form.FLOAT and vector.loose:
            missing = op.isnan(vector.values)
            whole = op.cast(op.where(missing, constant(0.0), vector.values), to=np.int64)
            return Vector(Form.INT, whole, vector.live, missing)
        if FORMS.get(field.kind) is not vector.form:
            raise Untraceable(f"the column {field.name!r}, which is of {field.kind}s here and of {vector.form}s there")
        return vector

    def _columns(
        self, columns: Mapping[str, Vector], prefix: str
    ) -> tuple[dict[str, tuple[Var, Sequence[str]]], dict[str, Var]]:
        """An output for each column, and where they are missing."""
        outputs: dict[str, tuple[Var, Sequence[str]]] = {}
        masks: dict[str, Var] = {}
        for place, (name, vector) in enumerate(columns.items()):
            outputs[f"{prefix}{place}"] = (op.identity(self.trace.spread(vector.values)), (name,))
            if vector.nulls is not None:
                masks[f"{prefix}{place}"] = op.identity(self.trace.spread(vector.nulls))
        return outputs, masks

    def _given(self, name: str, field: Field, group: GraphInput) -> tuple[Var, Var]:
        """A column as the model takes it, and where it is missing."""
        trace, vector = self.trace, self.columns[name]
        missing = null_mask(vector)
        if not field.nullable and missing is not None:
            trace.refuse(missing, f"what the functions give as {name} is missing, which the model does not accept")
        nothing = constant(False, np.bool_)
        mask = trace.spread(nothing if missing is None else missing)
        if group.kind is Kind.FLOAT:
            if vector.form not in (Form.FLOAT, Form.INT, Form.BOOL):
                raise Untraceable(f"the column {name!r} as a column of {vector.form}s", "the model takes numbers there")
            values = to_float(vector)
            if field.limit is not None:
                too_large = op.greater(op.abs(values), constant(field.limit))
                trace.refuse(too_large, f"what the functions give as {name} is too large for the model")
            return trace.spread(values), mask
        if group.kind is Kind.INT:
            if vector.form is Form.FLOAT and vector.loose:
                whole = op.cast(op.where(op.isnan(vector.values), constant(0.0), vector.values), to=np.int64)
                return trace.spread(whole), mask
            if vector.form not in (Form.INT, Form.BOOL):
                raise Untraceable(
                    f"the column {name!r} as a column of {vector.form}s", "the model takes whole numbers there"
                )
            return trace.spread(to_int(vector)), mask
        if FORMS.get(group.kind) is not vector.form:
            raise Untraceable(
                f"the column {name!r} as a column of {vector.form}s", f"the model takes a {group.kind} there"
            )
        return trace.spread(vector.values), mask

    def by_itself(self) -> tuple[Graph, Mapping[str, tuple[str, str | None]]]:
        """The graph from the raw columns to what the functions give, and by column its outputs: of values and of nulls."""
        outputs: dict[str, tuple[Var, Sequence[str]]] = {}
        where: dict[str, tuple[str, str | None]] = {}
        for place, (name, vector) in enumerate(self.columns.items()):
            outputs[f"values_{place}"] = (op.identity(self.trace.spread(vector.values)), (name,))
            if vector.nulls is not None:
                outputs[f"nulls_{place}"] = (op.identity(self.trace.spread(vector.nulls)), (name,))
            where[name] = (f"values_{place}", f"nulls_{place}" if vector.nulls is not None else None)
        return self.trace.conversion.finish(outputs), where


def trace(
    functions: Sequence[Callable[[Any], Any]],
    fields: Sequence[Field],
    frame: Any,
    label: str,
    strict: Collection[str] = (),
) -> Traced:
    """Run the functions, one after the other, on a frame that records.

    fields: the raw columns. frame: some rows of the sample as the functions get them. label: what refusals call the step.
    strict: raw columns that are held to what the frame shows of them: rows are refused in which they are missing, or hold a
    fraction where there are whole numbers.
    A function of `WithBeside` is given two tables: the second one's columns have `BESIDE` before their names. One of
    `OfMatrix` is given an array.
    Raises Untraceable with the line that stopped it, and whatever the functions raise by themselves.
    """
    state, raw = begun(fields, frame, label, strict)
    state.bindings = Bindings(state)
    table, second = tables(state, raw)
    for function in functions:
        try:
            with watched():
                table = called(state.bindings, function, table, second)
        except Exception as error:
            # The function runs on tables, so what it raises here is a library's, which was given what is none.
            raise unknown(error) from error
    made = finished(state, table)
    return Traced(state, {str(name): vector for name, vector in made._columns.items()}, raw)


def finished(state: Trace, table: Any) -> TracedFrame:
    """What the last function gave, as the table that it stands for. Raises Untraceable."""
    if isinstance(table, TracedSeries):
        table = table.to_frame("0" if table.name is None else table.name)
    if isinstance(table, TracedArray) and not table._flat:
        table = TracedFrame(state, {f"x{place}": vector for place, vector in enumerate(table._vectors)})
    if isinstance(table, OpenDummies):
        raise table.raised
    if isinstance(table, SplitFrame):
        table = table[list(table.columns)]
    if not isinstance(table, TracedFrame):
        raise Untraceable(f"a result that is a {type(table).__name__}", "return a data frame")
    return table


def tables(state: Trace, raw: Mapping[str, Vector]) -> tuple[Any, TracedFrame]:
    """The table that the first function is given, and the second one."""
    first = {name: vector for name, vector in raw.items() if not name.startswith(BESIDE)}
    second = {name.removeprefix(BESIDE): vector for name, vector in raw.items() if name not in first}
    return TracedFrame(state, first), TracedFrame(state, second)


def called(bindings: Bindings, function: Callable[..., Any], table: Any, second: TracedFrame) -> Any:
    """What a function gives for the tables that it takes, over the tracing modules."""
    if isinstance(function, WithBeside):
        return bindings.function(function.function)(table, second.copy())
    if isinstance(function, OfMatrix):
        return bindings.function(function.function)(of_frame(table))
    return bindings.function(function)(table)


@dataclass(frozen=True)
class OfMatrix:
    """A function that is given the table as a matrix."""

    function: Callable[..., Any]

    def __call__(self, table: Any) -> Any:
        return self.function(table.to_numpy())


def begun(
    fields: Sequence[Field], frame: Any, label: str, strict: Collection[str] = ()
) -> tuple[Trace, dict[str, Vector]]:
    """A trace before anything is done, and the raw columns. Arguments as of `trace`. Raises Untraceable."""
    try:
        conversion = RawColumns(fields)
    except ValueError as error:
        raise Untraceable(str(error)) from error
    columns: dict[str, Vector] = {}
    barred: dict[str, Untraceable] = {}
    state = Trace(conversion, label, conversion.rows, len(frame), barred=barred)
    for field in fields:
        try:
            if field.name in strict:
                columns[field.name] = _strictly(state, conversion, field, frame[field.name])
            else:
                columns[field.name] = _column(conversion, field, frame[field.name])
        except Untraceable as error:
            barred[field.name] = error
    for name, vector in columns.items():
        state.lineage.raw(name, (vector.values, vector.nulls))
    return state, columns


def _strictly(state: Trace, conversion: RawColumns, field: Field, live: Any) -> Vector:
    """A raw column that is held to what the sample shows of it."""
    kind, values, mask = conversion.column(field.name)
    if kind not in FORMS:
        raise Untraceable(f"the column {field.name!r} of {kind}s")
    form = FORMS[kind]
    if mask is not None and field.nullable:
        state.refuse(mask, f"{field.name} is missing, which it never was in the sample", narrower=True)
    if form is Form.FLOAT:
        whole = op.and_(op.equal(op.floor(values), values), op.less(op.abs(values), constant(2.0**53)))
        state.refuse(
            op.not_(whole), f"{field.name} is no whole number, which it was in all of the sample", narrower=True
        )
        form, values = Form.INT, op.cast(op.where(whole, values, constant(0.0)), to=np.int64)
    return Vector(form, values, live, open=field.dtype == "category")


def unknown(error: Exception) -> Untraceable:
    """What a step raised that was given what is recorded where it knows tables only."""
    raised = Untraceable(
        f"what raised {type(error).__name__}: {error}"[:300],
        "it takes values where a graph has whole columns; write it with pandas' or NumPy's functions of columns, or compute it "
        "before and pass it as a column",
    )
    raised.line = where_raised(error) or raised.line
    return raised


def _column(conversion: RawColumns, field: Field, live: Any) -> Vector:
    """A raw column as the functions see it."""
    kind, values, mask = conversion.column(field.name)
    nulls = mask if field.nullable else None
    if kind not in FORMS:
        raise Untraceable(f"the column {field.name!r} of {kind}s")
    form = FORMS[kind]
    dtype = field.dtype or ""
    category = dtype == "category"
    if field.kind is Kind.INT and dtype[:1].islower() and not category:
        if form is Form.FLOAT or nulls is not None:
            if form is not Form.FLOAT and nulls is not None:
                values = op.where(nulls, constant(np.nan), op.cast(values, to=np.float64))
            return numbers(values, live.astype(np.float64), loose=True)
        return Vector(form, values, live)
    if form is Form.FLOAT:
        if live.dtype.kind != "f" or not isinstance(live.dtype, np.dtype):
            raise Untraceable(f"the column {field.name!r} with the dtype {live.dtype}", "convert it to float64 before")
        return Vector(form, values, live)
    return Vector(form, values, live, nulls, open=category)
