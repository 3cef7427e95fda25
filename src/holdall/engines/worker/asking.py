"""A model that is any Python object, or a function, asked: the table it was written for in, columns out.

The same code asks it where it is packed and where it runs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from .answers import _column
from .pipe import Writer
from .tables import build

KINDS = ("pandas", "numpy", "records", "columns", "record", "text", "mappings")
"""What it may be given: a data frame; a matrix; a list of dictionaries; a dictionary of arrays; one dictionary after the
other; texts; a list of dictionaries without what is missing."""

CALL = "__call__"
WIDEST = 4096
"""A matrix of more columns than this is one column of arrays."""


def ask(
    model: Any,
    methods: Sequence[str],
    columns: Mapping[str, Any],
    fields: Sequence[Any],
    rows: int,
    kind: str,
    writer: Writer,
) -> list[list[dict[str, Any]]]:
    """What each method gives, as columns for `answers`' reader; a column that has no name of its own is called ''.

    Raises what the model raises, TypeError and ValueError for what is no answer for so many rows.
    """
    found = []
    with quiet():
        for method in methods:
            # Each gets a table of its own: one may write into it.
            value = call(bound(model, method), given(columns, fields, rows, kind), kind)
            found.append([_described(name, each, writer) for name, each in spread(value, rows)])
    return found


def bound(model: Any, method: str) -> Any:
    """The method as a function of the table alone."""
    found = model if method == CALL else getattr(model, method)
    if method != CALL and takes_context(found):
        return lambda table: found(None, table)
    return found


def takes_context(method: Any) -> bool:
    """Whether it is written as MLflow's `predict(self, context, model_input)`."""
    try:
        names = [
            p.name
            for p in inspect.signature(method).parameters.values()
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)
        ]
    except (TypeError, ValueError):
        return False
    return len(names) > 1 and names[0] == "context"


def given(columns: Mapping[str, Any], fields: Sequence[Any], rows: int, kind: str) -> Any:
    """The table. Raises KeyError for a column that is lacking."""
    if kind in ("records", "record"):
        frame = _lists(columns, fields, rows)
        names = list(frame)
        return [dict(zip(names, row, strict=True)) for row in zip(*frame.values(), strict=True)]
    if kind == "columns":
        return {field.name: build(columns, [field], rows, "numpy")[:, 0] for field in fields}
    return build(columns, fields, rows, kind)


def _lists(columns: Mapping[str, Any], fields: Sequence[Any], rows: int) -> dict[str, list[Any]]:
    return {field.name: build(columns, [field], rows, "numpy")[:, 0].tolist() for field in fields}


def call(function: Any, table: Any, kind: str) -> Any:
    """What it gives for the table."""
    return [function(row) for row in table] if kind == "record" else function(table)


@contextmanager
def quiet() -> Iterator[None]:
    """No pools of workers, where a library that has them is in use: a pool adds up in any order."""
    with ExitStack() as stack:
        joblib = sys.modules.get("joblib")
        if joblib is not None:
            stack.enter_context(joblib.parallel_config(backend="sequential"))
        yield


def spread(value: Any, rows: int) -> list[tuple[str, Any]]:
    """The columns of an answer, by name; '' where it names none. Raises TypeError, ValueError."""
    if value is None:
        raise TypeError("it gave nothing; it has no return")
    if inspect.iscoroutine(value) or inspect.isgenerator(value) or inspect.isasyncgen(value):
        raise TypeError(f"it gave a {type(value).__name__}; write it as a plain function that returns all rows at once")
    if hasattr(value, "toarray"):  # a sparse matrix
        value = value.toarray()
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind == "pandas.DataFrame":
        return [
            (str(name), _long(series.array, rows))
            for name, (_, series) in zip(value.columns.tolist(), value.items(), strict=True)
        ]
    if kind in ("pandas.Series", "pandas.Index"):
        return [("", _long(value.array, rows))]
    if kind in ("polars.DataFrame", "pyarrow.Table"):
        names = value.columns if kind.startswith("polars") else value.column_names
        return [(str(name), _long(_array(value[name].to_numpy()), rows)) for name in names]
    if kind in ("polars.Series", "pyarrow.ChunkedArray", "pyarrow.DoubleArray"):
        return [("", _long(_array(value.to_numpy()), rows))]
    if kind == "torch.Tensor":
        value = value.detach().cpu().numpy()
    if isinstance(value, Mapping):
        return [(str(name), part) for name, each in value.items() for _, part in _one(each, rows)]
    if isinstance(value, list | tuple) and value and all(isinstance(each, Mapping) for each in value):
        names = list(dict.fromkeys(str(name) for each in value for name in each))
        return [(name, _long(_array([each.get(name) for each in value]), rows)) for name in names]
    if isinstance(value, list | tuple) and _side_by_side(value, rows):
        return [part for each in value for part in spread(each, rows)]
    if (not isinstance(value, list | tuple) and np.ndim(value) == 0) or isinstance(value, str | bytes):
        raise TypeError(f"it gave one {type(value).__name__} for {rows} rows, not one for each")
    array = _long(_array(value), rows)
    if array.ndim == 2 and array.shape[1] <= WIDEST:
        return [("", np.ascontiguousarray(array[:, index])) for index in range(array.shape[1])]
    return [("", array)]


def _side_by_side(value: Sequence[Any], rows: int) -> bool:
    """Whether it is one array for each of several answers, not one for each row."""
    arrays = bool(value) and all(isinstance(each, np.ndarray) and each.ndim > 0 for each in value)
    if not arrays or any(len(each) != rows for each in value):
        return False
    return isinstance(value, tuple) or value[0].ndim == 2 or rows != len(value)


def _one(value: Any, rows: int) -> list[tuple[str, Any]]:
    """One column of a dictionary: a matrix stays whole."""
    parts = spread(value, rows)
    return parts if len(parts) == 1 else [("", _long(_array(value), rows))]


def _array(value: Any) -> Any:
    """A list of numbers is an array of them, any other one of objects. Raises TypeError for lists that differ in length."""
    if isinstance(value, np.ndarray):
        return value
    if _is_ragged(value):
        raise TypeError(
            "it gave lists that differ in length; an answer is a column, or as many columns for each row: join text with a "
            "separator, or fill what is short"
        )
    return np.asarray(value, None if _plain_numbers(value) else object)


def _is_ragged(value: Any) -> bool:
    inner = (
        [each for each in value if isinstance(each, list | tuple | np.ndarray)]
        if isinstance(value, list | tuple)
        else []
    )
    return len({np.shape(each) if isinstance(each, np.ndarray) else (len(each),) for each in inner}) > 1


def _plain_numbers(value: Any) -> bool:
    """Whether NumPy may choose the type: it makes text of numbers among text, and numbers of booleans among them."""
    if not isinstance(value, list | tuple):
        return True
    kinds = {type(each) for each in value}
    if kinds & {list, tuple}:
        return all(isinstance(each, list | tuple) and _plain_numbers(each) for each in value)
    return len(kinds) == 1 or kinds <= {int, float} or all(issubclass(kind, np.number) for kind in kinds)


def _long(array: Any, rows: int) -> Any:
    if len(array) != rows:
        raise ValueError(f"it gave {len(array)} rows for {rows}; a model gives one answer for each, in the same order")
    return array


def _described(name: str, values: Any, writer: Writer) -> dict[str, Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        return {"name": name, "form": "objects", "dtype": "object", "values": writer.objects(values.tolist())}
    return {"name": name, **_column(values, writer)}
