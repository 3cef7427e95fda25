"""What scikit-learn's own array checks make of a table: one dtype for all columns, names, columns put side by side.

A converter that computes calls `numbers`; one that puts columns together calls `side_by_side`, which loses what NumPy
loses there (a float32 column next to a float64 one is float64 from then on).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.graph import value
from holdall.graph.value import Block, Table, to_single
from holdall.spec.schema import Kind

Doubles = npt.NDArray[np.float64]
Dtype = np.dtype[Any]

_PLAIN = {Kind.BOOL: np.dtype(np.bool_), Kind.INT: np.dtype(np.int64), Kind.FLOAT: np.dtype(np.float64)}
_OBJECT = np.dtype(object)


def dtype_of(table: Table) -> Dtype:
    """The dtype of the one array that NumPy makes of the table; object where text or dates are in it."""
    found = [dtype for block in table for dtype in _dtypes(block)]
    return np.result_type(*found) if found else _PLAIN[Kind.FLOAT]


def _dtypes(block: Block) -> list[Dtype]:
    if block.kind not in _PLAIN:
        return [_OBJECT]
    if block.single:
        return [np.dtype(np.float32)]
    return [_numpy_dtype(text, block) for text in set(block.dtypes)] or [_PLAIN[block.kind]]


def _numpy_dtype(text: str | None, block: Block) -> Dtype:
    """The dtype that a column of this dtype text has as an array of its own."""
    plain = _PLAIN[block.kind]
    if text is None:
        return plain
    if text == "object":
        return _OBJECT
    if text == "category":
        return plain if block.nulls is None else np.dtype(np.float64)
    try:
        dtype = np.dtype(text)
    except TypeError:
        # pandas' nullable dtypes: scikit-learn makes float64 of them, with NaN for what is missing.
        return np.dtype(np.float64)
    allowed = {Kind.BOOL: "b", Kind.INT: "iu", Kind.FLOAT: "f"}[block.kind]
    return dtype if dtype.kind in allowed else np.dtype(np.float64)


def numbers(table: Table, path: str) -> Block:
    """All columns as the one float matrix that scikit-learn's `check_array(dtype=FLOAT_DTYPES)` makes of them.

    `single` says that it is float32. Raises NotPortable for text and for float16, which no operator computes in.
    """
    try:
        block = value.numeric(tuple(_instants(block) for block in table))
    except ValueError as error:
        raise NotPortable(path, str(error)) from None
    dtype = dtype_of(table)
    if dtype == np.float16:
        raise NotPortable(path, "it computes in float16; give the model float64 columns")
    return replace(block, single=dtype == np.float32)


def _instants(block: Block) -> Block:
    """A block of times as the numbers NumPy makes of them: a missing one is the least integer, not NaN."""
    if block.kind is not Kind.TIMESTAMP or block.nulls is None:
        return block
    whole = value.numeric((replace(block, nulls=None),))
    return replace(whole, values=op.where(block.nulls, value.constant(float(np.iinfo(np.int64).min)), whole.values))


def doubles(table: Table, path: str, what: str) -> Block:
    """As `numbers`, for a step that is exact in double only. Raises NotPortable where it computes in float32."""
    block = numbers(table, path)
    if block.single:
        raise NotPortable(
            path, f"{what} in float32 differs in its last digits between machines; give the model float64 columns"
        )
    return block


def rounded(result: Var, single: bool) -> Var:
    """The result of one operation, rounded to float32 where the live model holds it so.

    Adding, multiplying, dividing and taking a root in double and then rounding gives the same float32 as doing it in
    float32: a double holds more than twice the digits.
    """
    return to_single(result) if single else result


def monotone(block: Block, inverse: Callable[[int, Doubles], Doubles]) -> tuple[value.Origin | None, ...]:
    """The origins after a monotone step; `inverse(column, values)` maps its values back."""

    def back(column: int) -> Callable[[Doubles], Doubles]:
        return lambda values: inverse(column, values)

    return tuple(
        None if origin is None else origin.through(back(column)) for column, origin in enumerate(block.origins)
    )


def fitted_names(model: Any, table: Table, count: int) -> tuple[str, ...]:
    """The names that the model gives its `count` output columns; 'x0', 'x1' … where it has none."""
    for given in ((list(value.names(table)),), ()):
        try:
            found = model.get_feature_names_out(*given)
        except (AttributeError, ValueError, TypeError, IndexError):
            continue
        if len(found) == count:
            return tuple(str(name) for name in found)
    return tuple(f"x{index}" for index in range(count))


def with_dtype(values: Var, columns: Sequence[str], dtype: Any, path: str) -> Table:
    """One block of the kind that an encoder's `dtype` parameter asks for; `values` is double [N, len(columns)]."""
    wanted = np.dtype(dtype)
    if wanted in (np.float64, np.float32):
        return value.matrix(values, columns, single=wanted == np.float32)
    if wanted.kind in "iu":
        whole = op.cast(values, to=np.int64)
        return (Block(Kind.INT, whole, tuple(columns), dtypes=(str(wanted),) * len(columns)),)
    if wanted.kind == "b":
        return (Block(Kind.BOOL, op.cast(values, to=np.bool_), tuple(columns)),)
    raise NotPortable(path, f"its output dtype {wanted} has no form as graph operators")


def output_frame(model: Any) -> bool:
    """Whether the model's `transform` was set to answer with a data frame, whose columns keep dtypes of their own."""
    config = getattr(model, "_sklearn_output_config", {})
    if "transform" in config:
        return config["transform"] in ("pandas", "polars")
    from sklearn import get_config

    return get_config()["transform_output"] in ("pandas", "polars")


def side_by_side(tables: Sequence[Table], *, frame: bool) -> Table:
    """The columns of all. frame: each keeps its dtype; else they become one NumPy array, with one dtype."""
    joined = value.concat(tables)
    if frame or len(joined) < 2:
        return joined
    return as_array(joined)


def as_array(table: Table) -> Table:
    """The table after NumPy made one array of it."""
    dtype = dtype_of(table)
    if dtype == _OBJECT:
        return tuple(replace(block, single=False, dtypes=(None,) * block.width) for block in table)
    if dtype.kind == "f":
        return (replace(value.numeric(table), single=dtype == np.float32, dtypes=(str(dtype),) * value.width(table)),)
    if dtype.kind in "iu":
        return tuple(_whole(block, str(dtype)) for block in table)
    return table


def _whole(block: Block, dtype: str) -> Block:
    values = block.values if block.kind is Kind.INT else op.cast(block.values, to=np.int64)
    return replace(block, kind=Kind.INT, values=values, dtypes=(dtype,) * block.width, base=None, places=())
