"""One column while it is traced: its values in the graph, and what pandas made of some rows of the sample.

The rows of the sample tell pandas' own dtypes, so that no rule of promotion is written here a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.value import constant, to_single


class Form(StrEnum):
    """How a column lies in the graph."""

    FLOAT = "float"  # double; NaN is the null
    INT = "int"  # int64
    BOOL = "bool"
    STRING = "string"
    MOMENT = "moment"  # int64, microseconds since 1970
    SPAN = "span"  # int64, microseconds


ELEMENT = {
    Form.FLOAT: np.float64,
    Form.INT: np.int64,
    Form.BOOL: np.bool_,
    Form.STRING: np.str_,
    Form.MOMENT: np.int64,
    Form.SPAN: np.int64,
}
FILL: dict[Form, Any] = {
    Form.FLOAT: np.nan,
    Form.INT: 0,
    Form.BOOL: False,
    Form.STRING: "",
    Form.MOMENT: 0,
    Form.SPAN: 0,
}


@dataclass(frozen=True, eq=False)
class Vector:
    """A column of the table.

    values: [N], or [] for what is the same in every row. nulls: bool [N] where a value may be missing; never for FLOAT.
    live: the same column of some rows of the sample, as pandas has it. loose: whole numbers that pandas holds as integers
    in one table and as floats in another, by whether a value is missing there. open: pandas' categories are those that a
    table happens to hold.
    """

    form: Form
    values: Var
    live: Any
    nulls: Var | None = None
    loose: bool = False
    open: bool = False

    @property
    def single(self) -> bool:
        """Whether pandas computes with it in float32."""
        return bool(self.live.dtype == np.float32)

    @property
    def text_dtype(self) -> bool:
        """Whether it has pandas' own dtype of text, in which missing values stay missing."""
        return isinstance(self.live.dtype, pandas.StringDtype)

    def with_live(self, live: Any) -> Vector:
        """The same values, held by pandas otherwise."""
        return replace(self, live=live)


def form_of(live: Any) -> Form:
    """How a live column lies in the graph. Raises Untraceable."""
    dtype = live.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        return form_of(pandas.Series(dtype.categories))
    if isinstance(dtype, pandas.StringDtype):
        return Form.STRING
    kind = getattr(dtype, "kind", "O")
    if kind == "M" and str(getattr(dtype, "tz", None)) not in ("None", "UTC"):
        raise Untraceable("times with a zone", "convert them to UTC without a zone before")
    found = {"f": Form.FLOAT, "i": Form.INT, "u": Form.INT, "b": Form.BOOL, "M": Form.MOMENT, "m": Form.SPAN}.get(kind)
    if found is not None:
        return found
    present = [value for value in live.tolist() if not _missing(value)]
    if present and all(isinstance(value, bool | np.bool_) for value in present):
        return Form.BOOL
    if all(isinstance(value, str) for value in present):
        return Form.STRING
    raise Untraceable(f"a column of Python objects ({type(present[0]).__name__})", "use numbers, text or times")


def _missing(value: Any) -> bool:
    return value is None or value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124 — NaN


def null_mask(vector: Vector) -> Var | None:
    """Where values are missing: bool [N], or None where none can be."""
    if vector.form is Form.FLOAT:
        return op.isnan(vector.values)
    return vector.nulls


def any_null(*masks: Var | None) -> Var | None:
    """Where one of them is set."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    result = given[0]
    for mask in given[1:]:
        result = op.or_(result, mask)
    return result


def either(condition: Var, yes: Var, no: Var) -> Var:
    """`yes` where the condition holds, else `no`; onnxruntime's own Where knows no truth values."""
    if yes.type is not None and getattr(yes.type, "dtype", None) == np.bool_:
        return op.or_(op.and_(condition, yes), op.and_(op.not_(condition), no))
    return op.where(condition, yes, no)


def filled(form: Form, values: Var, nulls: Var | None) -> Var:
    """The values with what stands below a null of this form put there."""
    if nulls is None:
        return values
    return either(nulls, constant(FILL[form], ELEMENT[form]), values)


def to_float(vector: Vector) -> Var:
    """Its numbers as doubles, NaN where one is missing. Raises Untraceable for what is no number."""
    if vector.form is Form.FLOAT:
        return vector.values
    if vector.form in (Form.INT, Form.BOOL):
        return filled(Form.FLOAT, op.cast(vector.values, to=np.float64), vector.nulls)
    raise Untraceable(f"arithmetic with a column of {vector.form}s")


def to_int(vector: Vector) -> Var:
    """Its numbers as int64; what is missing is 0. Raises Untraceable."""
    if vector.form in (Form.INT, Form.MOMENT, Form.SPAN):
        return vector.values
    if vector.form is Form.BOOL:
        return op.cast(vector.values, to=np.int64)
    raise Untraceable(f"whole numbers of a column of {vector.form}s")


def numbers(values: Var, live: Any, *, loose: bool = False, nullable: bool = False) -> Vector:
    """A FLOAT column of these doubles, rounded where pandas has float32.

    nullable: pandas' whole numbers in `live` become floats where one is missing, which the sample may not show.
    """
    if nullable and live.dtype.kind in "iub":
        live, loose = live.astype(np.float64), True
    if live.dtype == np.float32:
        values = to_single(values)
    return Vector(Form.FLOAT, values, live, None, loose)


def wrapped(values: Var, dtype: Any) -> Var:
    """int64 values as an integer type of fewer bits holds them."""
    name = np.dtype(getattr(dtype, "numpy_dtype", dtype)).name
    if name in ("int64", "uint64"):
        return values
    return op.cast(op.cast(values, to=np.dtype(name).type), to=np.int64)
