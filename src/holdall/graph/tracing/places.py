"""`.loc` of a frame: rows by a condition, columns by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas

from holdall.graph.tracing.arithmetic import as_vector, chosen, quietly
from holdall.graph.tracing.series import TracedSeries, assigned
from holdall.graph.tracing.untraceable import Untraceable, over_rows
from holdall.graph.tracing.vector import Form

if TYPE_CHECKING:
    from holdall.graph.tracing.frame import TracedFrame


class Places:
    """`.loc`: rows by a condition, columns by name."""

    def __init__(self, frame: TracedFrame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or not (isinstance(key[0], slice) and key[0] == slice(None)):
            raise over_rows("rows chosen by DataFrame.loc")
        if isinstance(key[1], slice):
            names = list(self._frame._columns)
            first = 0 if key[1].start is None else names.index(key[1].start)
            last = len(names) if key[1].stop is None else names.index(key[1].stop) + 1
            return self._frame[names[first:last]]
        return self._frame[key[1]]

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, tuple) or len(key) != 2:
            raise Untraceable("DataFrame.loc[rows] = …", "name the column: df.loc[condition, 'x'] = …")
        rows, names = key
        for name in names if isinstance(names, list) else [names]:
            self._set(rows, name, value)

    def _set(self, rows: Any, name: Any, value: Any) -> None:
        frame = self._frame
        if isinstance(rows, slice) and rows == slice(None):
            frame[name] = value
            return
        if callable(rows) and not isinstance(rows, TracedSeries):
            rows = rows(frame)
        if not isinstance(rows, TracedSeries):
            raise over_rows("rows chosen by DataFrame.loc")
        if name not in frame._columns:
            given = value._vector if isinstance(value, TracedSeries) else as_vector(value)
            empty = as_vector(None, given.form if given.form is not Form.INT else Form.FLOAT)
            live = quietly(
                _placed,
                frame._live(),
                rows._vector.live,
                name,
                given.live if isinstance(value, TracedSeries) else value,
            )
            frame._columns[name] = chosen(rows._vector, given, empty, live)
            return
        frame._columns[name] = assigned(frame._columns[name], rows._vector, value)
        frame._trace.note("DataFrame.loc[…] =")


def _placed(frame: Any, rows: Any, name: Any, value: Any) -> Any:
    frame.loc[rows, name] = value[rows] if isinstance(value, pandas.Series) else value
    return frame[name]
