"""Why a function cannot go into the graph, told with the line of the user's own code."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

HERE = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Line:
    """A line of the user's code. file: as the code names it; number: from 1."""

    file: str
    number: int


class Untraceable(BaseException):
    """The function does something that no graph does. Not an Exception: a user's `except Exception` must not swallow it.

    operation: what was asked for, in pandas' words. instead: what would go into the graph, or why nothing can.
    """

    def __init__(self, operation: str, instead: str = "") -> None:
        super().__init__(f"{operation}{f': {instead}' if instead else ''}")
        self.operation = operation
        self.instead = instead
        self.line = asking()


def asking() -> Line | None:
    """The innermost line of code that is neither this package's nor an installed library's, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(HERE) and "site-packages" not in file and not file.startswith("<frozen"):
            return Line(file, frame.f_lineno)
        frame = frame.f_back
    return None


def where_raised(error: BaseException) -> Line | None:
    """The last line of the user's own code on the way to where an error was raised."""
    found = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith(HERE) and "site-packages" not in file:
            found = Line(file, step.tb_lineno)
        step = step.tb_next
    return found


def over_rows(operation: str) -> Untraceable:
    """A statistic over the rows of the table: at prediction time it would be one of whatever rows came together."""
    return Untraceable(
        operation,
        "it is taken over the rows that happen to be scored together, so a row alone gets another answer; compute it once "
        "from the training data and write the number down as a constant, or fit it in the pipeline",
    )
