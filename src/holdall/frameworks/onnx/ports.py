"""Inputs of a graph: which columns of a table feed each of them, and as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch
from holdall.errors import UnsupportedModel, UsageError
from holdall.spec.schema import Field, Kind

WIDEST = 1024
"""Columns of a graph's only matrix; a wider one is a single column of arrays."""
FLOATS = ("float16", "float32", "float64")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@dataclass(frozen=True)
class Port:
    """One input of the graph.

    element: 'float32', 'int64', 'bool', 'string' …; shape: without the axis of rows; None for a length that varies.
    axis: where the rows lie; alone: the graph takes one row at a time. columns: how many columns feed it, 0 for a tensor.
    flat: it is a vector, one number a row. scalar: it is one number for all rows together, a sample rate say; it is sealed
    as the `constant` that all rows of the sample have.
    """

    name: str
    element: str
    shape: tuple[int | None, ...]
    axis: int
    alone: bool
    columns: int
    flat: bool = False
    scalar: bool = False
    constant: float | None = None


def ports_of(model: Any) -> tuple[Port, ...]:
    given = {tensor.name for tensor in model.graph.initializer}
    declared = [value for value in model.graph.input if value.name not in given]
    if not declared:
        raise UnsupportedModel("this ONNX graph takes no input", hint="export it again with its inputs")
    rows = _rows_symbol(declared)
    return tuple(_port(value, rows, len(declared) == 1) for value in declared)


def dims_of(value: Any) -> list[int | str | None] | None:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return None
    return [
        int(dim.dim_value) if dim.HasField("dim_value") and dim.dim_value > 0 else dim.dim_param or None
        for dim in tensor.shape.dim
    ]


def _rows_symbol(declared: Sequence[Any]) -> str | None:
    """The name of the length that the rows have: the first one that stands first."""
    for value in declared:
        dims = dims_of(value)
        if dims and isinstance(dims[0], str):
            return dims[0]
    return None


def _port(value: Any, rows: str | None, only: bool) -> Port:
    """only: it is the graph's one input, whose matrix is a table; of several, each is one column by its name."""
    element, dims = element_of(value), dims_of(value)
    if dims is None or element is None:
        raise UnsupportedModel(
            f"the graph's input {value.name!r} is no tensor of a known shape", hint="export it with tensors as inputs"
        )
    if not dims:
        if family(element) not in ("int", "float"):
            raise UnsupportedModel(
                f"the graph's input {value.name!r} is one {element} for all rows together, which no column can be",
                hint="make it a constant of the graph, or take an export without it",
                input=value.name,
            )
        return Port(value.name, element, (), 0, False, 1, flat=True, scalar=True)
    axis, alone = _axis(dims, rows, value.name)
    shape = tuple(dim if isinstance(dim, int) else None for place, dim in enumerate(dims) if place != axis)
    length = shape[0] if len(shape) == 1 else None
    widest = WIDEST if only else 1
    columns = 1 if not shape else length if axis == 0 and length is not None and length <= widest else 0
    return Port(value.name, element, shape, axis, alone, columns, flat=not shape)


def _axis(dims: Sequence[int | str | None], rows: str | None, name: str) -> tuple[int, bool]:
    """Where the rows lie, and whether there is room for one only."""
    if rows is not None and rows in dims:
        return dims.index(rows), False
    for place, dim in enumerate(dims):
        if not isinstance(dim, int):
            return place, False
    if 1 in dims:
        return dims.index(1), True
    raise UnsupportedModel(
        f"the graph's input {name!r} has the fixed shape {list(dims)}, so it takes no rows",
        hint="export it with a batch size that may vary",
        input=name,
    )


def element_of(value: Any) -> str | None:
    import onnx

    if not value.type.HasField("tensor_type"):
        return None
    kind = value.type.tensor_type.elem_type
    if kind == onnx.TensorProto.STRING:
        return "string"
    try:
        name = str(onnx.helper.tensor_dtype_to_np_dtype(kind))
    except KeyError:
        return None
    return name if name in (*FLOATS, *INTS, "bool") else None


def places_of(ports: Sequence[Port], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which columns feed which input: in order, as the description has them."""
    places, start = {}, 0
    for port in ports:
        count = port.columns or 1
        places[port.name] = tuple(names[start : start + count])
        start += count
    if start != len(names):
        raise UsageError(f"the graph takes {start} columns, the sample has {len(names)}")
    return places


def settled(ports: Sequence[Port], places: Mapping[str, tuple[str, ...]], fields: Sequence[Field]) -> tuple[Port, ...]:
    """The ports with the constants of scalar ones. Raises UsageError where the sample does not hold one value there."""
    seen = {field.name: field.observed for field in fields}
    found = []
    for port in ports:
        if port.scalar:
            observed = seen[places[port.name][0]]
            if observed is None or observed.minimum is None or observed.minimum != observed.maximum:
                raise UsageError(
                    f"the graph takes one {port.name!r} for all rows together, so the sample's rows have one value there",
                    hint="give five rows or more with the value that is to be sealed; pack once for each other value",
                    input=port.name,
                )
            port = replace(port, constant=observed.minimum)  # noqa: PLW2901 — the same port, with what it lacked
        found.append(port)
    return tuple(found)


def fed(port: Port, batch: Batch, names: Sequence[str]) -> Array:
    """What the file's input is given. Raises ValueError for a kind or a missing value that it cannot take."""
    for name in names:
        column = batch[name]
        if column.kind is not Kind.FLOAT and column.nulls is not None and column.nulls.any():
            raise ValueError(f"{name} is missing, and {port.name} takes no missing values")
        if column.kind not in ACCEPTED[family(port.element)] or (column.kind is Kind.TENSOR) != (port.columns == 0):
            raise ValueError(f"{name} is {column.kind.value}, and {port.name} takes {port.element}")
    if port.scalar:
        if not (batch[names[0]].values == port.constant).all():
            raise ValueError(f"{names[0]} is sealed as {port.constant:g}")
        return np.array(port.constant, port.element)
    if port.columns == 0:
        values = batch[names[0]].values
        if len(values.shape) != len(port.shape) + 1 or any(
            side is not None and side != given for side, given in zip(port.shape, values.shape[1:], strict=False)
        ):
            raise ValueError(f"{names[0]} has the shape {values.shape[1:]}, and {port.name} takes {port.shape}")
        doubles = values.astype(np.float64)
        bounds = whole_bounds(port.element)
        if (
            bounds is not None
            and not ((np.floor(doubles) == doubles) & (doubles >= bounds[0]) & (doubles <= bounds[1])).all()
        ):
            raise ValueError(f"{names[0]} holds a number that is no {port.element}")
        return np.moveaxis(cast(doubles, port.element), 0, port.axis)
    matrix = np.stack([batch[name].values for name in names], axis=1)
    values = cast(matrix, port.element)
    return values[:, 0] if port.flat else values


def cast(values: Array, element: str) -> Array:
    if element == "string":
        return values.astype(object)
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(values.astype(element))


def whole_bounds(element: str) -> tuple[int, int] | None:
    """The least and the greatest whole number of this kind that a double can hold; None where it takes fractions."""
    if element == "bool":
        return 0, 1
    if element not in INTS:
        return None
    limits = np.iinfo(element)
    return max(int(limits.min), -(2**53)), min(int(limits.max), 2**53)


def check_bounds(port: Port, batch: Batch, names: Sequence[str]) -> None:
    """Raises ValueError where a column that feeds the port holds a number that its whole numbers cannot be."""
    bounds = whole_bounds(port.element)
    if bounds is None or port.columns == 0:
        return
    for name in names:
        values = batch[name].values
        if len(values) and (values.min() < bounds[0] or values.max() > bounds[1]):
            raise ValueError(f"{name} holds a number that is no {port.element}")


def family(element: str) -> str:
    return "float" if element in FLOATS else "int" if element in INTS else element


ACCEPTED: Mapping[str, tuple[Kind, ...]] = {
    "float": (Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.TENSOR),
    "int": (Kind.INT, Kind.BOOL, Kind.TENSOR),
    "bool": (Kind.BOOL, Kind.TENSOR),
    "string": (Kind.STRING,),
}
