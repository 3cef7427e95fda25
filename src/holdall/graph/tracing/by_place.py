"""`.iloc`: columns by their place. Rows by their place are those that happened to come together."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdall.graph.tracing.untraceable import Untraceable, over_rows


class ByPlace:
    """A table's columns by number."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        return self._frame[self._names(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._frame[self._names(key)] = value

    def _names(self, key: Any) -> Any:
        whole = isinstance(key, tuple) and isinstance(key[0], slice) and key[0] == slice(None)
        if not whole or len(key) != 2:
            raise over_rows("rows chosen by DataFrame.iloc")
        names, columns = list(self._frame.columns), key[1]
        if isinstance(columns, int | np.integer | slice):
            return names[columns]
        listed = np.asarray(columns)
        if listed.dtype.kind not in "iub":
            raise Untraceable("columns chosen by the values of rows")
        return [names[place] for place in (np.flatnonzero(listed) if listed.dtype.kind == "b" else listed)]
