"""What whole numbers a program takes: an embedding has so many rows, and knows no number beyond them.

PyTorch refuses a number that has no row; ONNX takes a negative one for a row counted from the end. So the program is asked
for the least and the greatest number that it takes, and the graph refuses the rest by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.frameworks.onnx.around import Range
from holdall.frameworks.onnx.ports import Port, whole_bounds
from holdall.spec.schema import Field, Kind

FAR = 2**40
"""Beyond every embedding."""
PLACES = 64
"""So many places of an array may each have bounds of their own."""

Accepts = Callable[[Batch], bool]


def ranges(
    fields: Sequence[Field], ports: Sequence[Port], places: Mapping[str, tuple[str, ...]], one: Batch, accepts: Accepts
) -> list[Range]:
    """The ranges to which a graph of these ports is held. one: a row that the program answers to; accepts: whether it
    answers to another."""
    by_name = {field.name: field for field in fields}
    found: list[Range] = []
    for port in ports:
        if port.columns == 0:
            found += _of_tensor(by_name[places[port.name][0]], port, one, accepts)
        elif port.element != "bool":
            asked = [by_name[name] for name in places[port.name] if by_name[name].carrier in (Kind.INT, Kind.FLOAT)]
            found += _of_columns(asked, one, accepts)
    return found


def _of_columns(fields: Sequence[Field], one: Batch, accepts: Accepts) -> list[Range]:
    names = [field.name for field in fields]
    refusing = sorted({*_refusing(names, one, FAR, accepts), *_refusing(names, one, -FAR, accepts)}, key=names.index)
    kinds = {field.name: field.kind for field in fields}
    found = []
    for name in refusing:
        start = int(one[name].values[0])
        low = _last(start, -1, lambda number, name=name: accepts(_with(one, [name], number)))  # type: ignore[misc]
        high = _last(start, 1, lambda number, name=name: accepts(_with(one, [name], number)))  # type: ignore[misc]
        found.append(Range(name, np.array([low], float), np.array([high], float), whole=kinds[name] is Kind.INT))
    return found


def _refusing(names: Sequence[str], one: Batch, number: int, accepts: Accepts) -> set[str]:
    """Those of the columns that do not take the number, by halves."""
    found: set[str] = set()
    pending = [list(names)] if names else []
    while pending:
        some = pending.pop()
        if accepts(_with(one, some, number)):
            continue
        if len(some) == 1:
            found.add(some[0])
        else:
            middle = len(some) // 2
            pending += [some[middle:], some[:middle]]
    return found


def _with(one: Batch, names: Sequence[str], number: int) -> Batch:
    columns = dict(one.columns)
    for name in names:
        column = columns[name]
        columns[name] = Column(column.kind, np.full(1, number, column.values.dtype))
    return Batch(columns, 1)


def _of_tensor(field: Field, port: Port, one: Batch, accepts: Accepts) -> list[Range]:
    bounds = whole_bounds(port.element)
    if bounds is None:
        return []
    least, most = bounds
    start = one[field.name].values
    width = start[0].size
    each = start.ndim == 2 and width <= PLACES
    tried = range(width) if each else sorted({0, width // 2, width - 1})
    found: list[tuple[int, int]] = []

    def accepts_at(number: int, place: int) -> bool:
        """One place of the array at a time: an array that is all padding may be refused for that alone."""
        if not least <= number <= most:
            return False
        values = start.copy()
        values.reshape(-1)[place] = number
        return accepts(Batch({**one.columns, field.name: Column(Kind.TENSOR, values)}, 1))

    for place in tried:
        if port.element == "bool" or (accepts_at(max(least, -FAR), place) and accepts_at(min(most, FAR), place)):
            found.append((least, most))
        elif found and _same(found[0], lambda number, place=place: accepts_at(number, place)):  # type: ignore[misc]
            found.append(found[0])
        else:
            first = int(start.flat[place])
            low, high = (_last(first, way, lambda number, place=place: accepts_at(number, place)) for way in (-1, 1))  # type: ignore[misc]
            found.append((max(low, least), min(high, most)))
    lows, highs = np.array(found, np.float64).T
    if each and len(set(found)) > 1:
        return [Range(field.name, lows, highs, whole=True)]
    return [Range(field.name, lows.min(keepdims=True), highs.max(keepdims=True), whole=True)]


def _same(bounds: tuple[int, int], accepted: Callable[[int], bool]) -> bool:
    """Whether these are the bounds here too."""
    low, high = bounds
    return accepted(low) and accepted(high) and not accepted(low - 1) and not accepted(high + 1)


def _last(start: int, way: int, accepted: Callable[[int], bool]) -> int:
    """The furthest number from `start` in this direction that is accepted, `start` being so; 2^53 where there is no end."""
    step = 1
    while step < FAR and accepted(start + way * step):
        step *= 2
    if step >= FAR and accepted(start + way * step):
        return way * 2**53
    inside, outside = step // 2, step
    while outside - inside > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if accepted(start + way * middle) else (inside, middle)
    return start + way * inside
