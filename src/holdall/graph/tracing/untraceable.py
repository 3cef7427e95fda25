"""Why a function cannot go into the graph, told with the line of the user's own code."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

HERE = str(Path(__file__).parents[2])
STANDARD = sysconfig.get_path("stdlib")


@dataclass(frozen=True)
class Line:
    """A line of the user's code. file: as the code names it; number: from 1."""

    file: str
    number: int


class Untraceable(BaseException):
    """The function does something that no graph does. Not an Exception: a user's `except Exception` must not swallow it.

    operation: what was asked for, in pandas' words. instead: what would go into the graph, or why nothing can; where it is
    not known better, what does of its kind.
    """

    def __init__(self, operation: str, instead: str = "") -> None:
        instead = instead or otherwise(operation)
        super().__init__(f"{operation}: {instead}")
        self.operation = operation
        self.instead = instead
        self.line = asking()


def otherwise(operation: str) -> str:
    """What goes into the graph of the same kind as an operation that does not."""
    return next((advice for words, advice in _KINDS if any(word in operation for word in words)), _ANYTHING)


_KINDS = (
    (
        (" value", "row.", "re."),
        "write it for the whole column: np.where, Series.map with a dict, .str.contains, .str.extract",
    ),
    (
        ("str.", "pattern", "text", "texts"),
        "use .str.contains, .replace, .split, .slice, .strip or .extract of a plain pattern, or compute it before and pass "
        "it as a column",
    ),
    (("dt.", "moment", "span", "datetime", "timedelta"), "use parts (.dt.year, .dt.hour …) and differences of times"),
    (("column of", "columns of", "astype"), "convert it before: .astype(float), .map with a dict, pd.to_datetime"),
    (
        ("numpy.", "ndarray.", "array", "math."),
        "use NumPy's functions of each value: np.where, np.select, np.log1p, np.clip …",
    ),
    (
        ("DataFrame.", "Series.", "pandas."),
        "use arithmetic, comparisons, np.where, .map with a dict, .fillna, .clip, .assign",
    ),
)
_ANYTHING = "docs/guides/preprocessing-that-travels.md lists what goes into the graph; or leave this step in Python"


def told(error: Untraceable) -> str:
    """A trace that ended, in a sentence: where, what, and what to do instead."""
    where = "" if error.line is None else f"{Path(error.line.file).name}:{error.line.number}: "
    return f"{where}{error.operation} does not go into the graph: {error.instead}"


def is_own(file: str) -> bool:
    """Whether code of this file is the user's own: of no installed library, of this package or of Python itself."""
    return not (file.startswith((HERE, STANDARD, "<frozen")) or "site-packages" in file)


def asking() -> Line | None:
    """The innermost line of code that is neither this package's nor an installed library's, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if is_own(file):
            return Line(file, frame.f_lineno)
        frame = frame.f_back
    return None


def where_raised(error: BaseException) -> Line | None:
    """The last line of the user's own code on the way to where an error was raised."""
    found = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if is_own(file):
            found = Line(file, step.tb_lineno)
        step = step.tb_next
    return found


ORDER = frozenset(
    [
        "shift", "diff", "pct_change", "cumsum", "cumprod", "cummax", "cummin", "cumcount", "rolling", "expanding", "ewm",
        "ffill", "bfill", "interpolate", "sort", "sort_values", "sort_index", "argsort", "autocorr", "resample", "asof",
    ]
)  # fmt: skip
"""What looks at the rows before, or puts rows into another order."""

CHOICE = frozenset(
    [
        "dropna", "drop_duplicates", "duplicated", "head", "tail", "sample", "nlargest", "nsmallest", "explode", "merge",
        "join", "rows", "first", "last", "truncate", "query",
    ]
)  # fmt: skip
"""What leaves rows out, or makes others of them."""

GROUPS = frozenset(
    ["groupby", "value_counts", "pivot_table", "transform", "factorize", "crosstab", "nunique", "unique"]
)


def over_rows(operation: str) -> Untraceable:
    """Something over the rows of the table: at prediction time it would be over whatever rows came together."""
    words = set(operation.replace("(", ".").replace(" ", ".").split("."))
    if words & ORDER:
        why = (
            "it depends on the rows before and on their order, and at prediction time rows come alone or in any order; "
            "compute it where the history is, and pass it as a column"
        )
    elif words & CHOICE:
        why = (
            "a step gives one row for each row that it is given, so rows cannot be chosen, left out or added; mark them in a "
            "column instead: np.where, Series.where"
        )
    elif words & GROUPS:
        why = (
            "a statistic of groups is one of the batch, and a batch statistic computed at prediction time is itself a bug: it "
            "is taken over the rows that happen to be scored together, so a row alone gets another answer; compute the "
            "groups' table once from the training data and look it up: .map({…})"
        )
    else:
        why = (
            "a batch statistic computed at prediction time is itself a bug: it is taken over the rows that happen to be scored "
            "together, so a row alone gets another answer; compute it once from the training data and write the number "
            "down as a constant, or fit it in the pipeline"
        )
    return Untraceable(operation, why)
