"""A column in another dtype: `astype`, and text read as numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing import text, times
from holdall.graph.tracing.arithmetic import is_null, quietly
from holdall.graph.tracing.characters import DIGITS, characters, mapped
from holdall.graph.tracing.distinct import once
from holdall.graph.tracing.lookup import member_of
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import (
    Form,
    Vector,
    any_null,
    filled,
    form_of,
    numbers,
    to_float,
    to_int,
    wrapped,
)
from holdall.graph.value import constant


def cast(trace: Trace, vector: Vector, dtype: Any) -> Vector:
    """Series.astype. Rows for which it raises are refused."""
    from holdall.graph.tracing.scalar import real

    dtype = real(dtype)
    wanted: Any = dtype
    if not isinstance(dtype, pandas.CategoricalDtype):
        days = isinstance(dtype, str) and dtype in ("datetime64[D]", "M8[D]")
        wanted = np.dtype(dtype) if days else pandas.api.types.pandas_dtype(dtype)
    if str(wanted) == "object" and vector.form is Form.STRING:
        return replace(vector.with_live(vector.live.astype(object)), open=False)
    if str(wanted) == "object":
        raise Untraceable("astype(object)")
    if vector.form is Form.MOMENT and str(wanted) == "datetime64[D]":
        # NumPy's days: the same moments, at midnight.
        return times.floored(vector, times.DAY, vector.live.dt.normalize())
    live = quietly(_live_cast, vector.live, dtype)
    form = form_of(live)
    if isinstance(live.dtype, pandas.CategoricalDtype):
        if isinstance(wanted, pandas.CategoricalDtype) and wanted.categories is not None:
            known = member_of(vector, list(wanted.categories))
            nulls = op.not_(known)
            return Vector(vector.form, filled(vector.form, vector.values, nulls), live, nulls)
        given = isinstance(vector.live.dtype, pandas.CategoricalDtype) and not vector.open
        return replace(vector.with_live(live), open=not given)
    if form is Form.STRING:
        return _to_text(vector, live)
    if vector.form is Form.STRING:
        return parsed(trace, vector, form, live)
    if form is Form.FLOAT:
        values = to_float(vector)
        return numbers(values, live)
    nullable = hasattr(live.dtype, "numpy_dtype")
    if form is Form.INT and vector.form is Form.FLOAT:
        bad = op.or_(op.isnan(vector.values), op.isinf(vector.values))
        whole = op.cast(op.where(bad, constant(0.0), vector.values), to=np.int64)
        if nullable:
            missing = op.isnan(vector.values)
            fraction = op.not_(op.equal(op.floor(vector.values), vector.values))
            trace.refuse(op.and_(op.not_(missing), fraction), "a fraction where whole numbers are wanted")
            return Vector(form, whole, live, missing)
        trace.refuse(bad, "a missing or infinite value where a whole number is wanted")
        return Vector(form, wrapped(whole, live.dtype), live)
    if vector.nulls is not None and not nullable:
        if form is Form.BOOL or vector.form is Form.BOOL:
            # A missing value in a column of objects is true.
            values = op.or_(op.cast(vector.values, to=np.bool_), vector.nulls)
            if form is Form.BOOL:
                return Vector(form, values, live)
        trace.refuse(vector.nulls, "a missing value where a whole number is wanted")
        return Vector(form, wrapped(to_int(vector), live.dtype), live)
    if form is Form.INT:
        return Vector(form, wrapped(to_int(vector), live.dtype), live, vector.nulls)
    if form is Form.BOOL:
        values = (
            op.not_(op.equal(to_float(vector), constant(0.0)))
            if vector.form is Form.FLOAT
            else op.cast(vector.values, to=np.bool_)
        )
        return Vector(form, values, live, vector.nulls)
    if form in (Form.MOMENT, Form.SPAN) and vector.form is form:
        return vector.with_live(live)
    raise Untraceable(f"astype({dtype!r}) of a column of {vector.form}s")


def _live_cast(live: Any, dtype: Any) -> Any:
    """Of the rows that it is possible for: what is missing or no number is refused in the graph."""
    try:
        return live.astype(dtype)
    except (ValueError, TypeError):
        kept = [value for value in live.tolist() if not is_null(value)]
        for value in kept:
            try:
                return pandas.Series([value] * len(live)).astype(dtype)
            except (ValueError, TypeError):
                continue
        raise


def _to_text(vector: Vector, live: Any) -> Vector:
    if vector.form is Form.STRING:
        if vector.nulls is not None and not isinstance(live.dtype, pandas.StringDtype):
            raise Untraceable("astype(str) of text that may be missing", "add .fillna('') before")
        return vector.with_live(live)
    if vector.form is Form.BOOL and vector.nulls is None:
        values = op.where(vector.values, constant("True", np.str_), constant("False", np.str_))
        return Vector(Form.STRING, values, live)
    if vector.form is Form.INT and vector.nulls is None and not vector.loose:
        return Vector(Form.STRING, op.cast(vector.values, to=np.str_), live)
    raise Untraceable(
        f"astype(str) of a column of {vector.form}s",
        "the graph writes whole numbers and truth values; for others convert with .astype(int) before",
    )


_INTEGER = r"[ \t\n\r\f\v]*[+-]?0*(?:[0-9]{1,18}|[1-8][0-9]{18})[ \t\n\r\f\v]*"
# Within what a double holds: onnxruntime ends the call for "1e400".
_DECIMAL = r"[ \t\n\r\f\v]*[+-]?(?:[0-9]{1,150}\.?[0-9]{0,150}|\.[0-9]{1,150})(?:[eE][+-]?0*[0-9]{1,2})?[ \t\n\r\f\v]*"
_WITH_UNDERSCORES = (
    r"[+-]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?"
)
_INFINITE, _NAN = (rf"[ \t\n\r\f\v]*[+-]?(?i:{word})[ \t\n\r\f\v]*" for word in ("inf|infinity", "nan"))


def parsed(trace: Trace, vector: Vector, form: Form, live: Any, *, coerce: bool = False) -> Vector:
    """Text → numbers. What is none is refused, or missing where `coerce` says so.

    coerce: as pandas.to_numeric reads it, which knows no other scripts' digits and no underscores between digits.
    """
    if form not in (Form.INT, Form.FLOAT):
        raise Untraceable(f"text as a column of {form}s")
    values, valid = _read(vector, whole=form is Form.INT, by_python=not coerce)
    if form is Form.INT:
        bad = op.not_(valid) if vector.nulls is None else op.or_(op.not_(valid), vector.nulls)
        trace.refuse(bad, "text that is no whole number")
        return Vector(form, values, live)
    missing = vector.nulls
    if coerce:
        missing = any_null(missing, op.not_(valid))
    else:
        bad = op.not_(valid) if vector.nulls is None else op.and_(op.not_(valid), op.not_(vector.nulls))
        trace.refuse(bad, "text that is no number")
    return numbers(filled(Form.FLOAT, values, missing), live, nullable=True)


@once()
def _read(vector: Vector, *, whole: bool, by_python: bool) -> tuple[Var, ...]:
    """The numbers, and where there is one."""
    plain, element = (_INTEGER, np.int64) if whole else (_DECIMAL, np.float64)
    usual = text.matches(vector, plain)

    def usually() -> list[Var]:
        return [op.cast(op.identity(vector.values), to=element), op.identity(usual)]

    def seldom() -> list[Var]:
        # Numbers as few people write them: such tables are read with more care, and others need not wait for it.
        words, good = _unusual(vector, plain, by_python=by_python, whole=whole)
        return [op.cast(op.where(good, words, constant("0", np.str_)), to=element), good]

    strange = op.reduce_sum(op.cast(op.not_(usual), to=np.int64), keepdims=0)
    values, valid = op.if_(op.greater(strange, constant(0, np.int64)), then_branch=seldom, else_branch=usually)
    return values, valid


def _unusual(vector: Vector, plain: str, *, by_python: bool, whole: bool) -> tuple[Var, Var]:
    """Text as onnxruntime reads it, and where it is a number: other scripts' digits, underscores, infinity."""
    words = vector.values
    if by_python:
        cells = characters(text.stripped(vector, None, "lr", vector.live).values)
        words = text.from_cells(mapped(cells, DIGITS))
        grouped = op.regex_full_match(words, pattern=_WITH_UNDERSCORES)
        joined = text.from_cells(mapped(characters(words), {"_": ""}))
        words = op.where(grouped, joined, words)
    good = op.regex_full_match(words, pattern=plain)
    if not whole:
        infinite, nan = (op.regex_full_match(words, pattern=pattern) for pattern in (_INFINITE, _NAN))
        negative = op.regex_full_match(words, pattern=r"[^i]*-(?s:.*)")
        signed = op.where(negative, constant("-inf", np.str_), constant("inf", np.str_))
        words = op.where(infinite, signed, op.where(nan, constant("nan", np.str_), words))
        good = op.or_(good, op.or_(infinite, nan))
    return words, good
