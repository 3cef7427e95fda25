"""What commands print: one JSON object a line for programs, calm pages for people.

Text from a package is not trusted: control characters are shown as escapes, so that no column name repaints a terminal.
Colours only on a terminal, and not where NO_COLOR is set.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

import msgspec

PATIENCE = 1.0
"""Seconds that something may take before progress is shown."""

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_CLEAR_LINE = "\r\x1b[K"
_MARGIN = "  "
_GAP = "  "
_NARROWEST = 8


class Styled(NamedTuple):
    """Text with a style: bold, dim, red, green, yellow or cyan."""

    text: str
    style: str


Text = str | Styled


def clean(text: str) -> str:
    """`text` with what could steer a terminal or hide in it made visible: control, format and unpaired characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True)
class Output:
    """Where a command prints to. as_json: for programs."""

    as_json: bool = False

    def emit(self, value: Any) -> None:
        """One JSON value on a line of its own. NaN and infinity become null."""
        sys.stdout.write(_json(value) + "\n")

    def line(self, *parts: Text) -> None:
        """One line of text."""
        sys.stdout.write("".join(_paint(part, sys.stdout) for part in parts).rstrip() + "\n")

    def heading(self, title: str) -> None:
        """A title with an empty line above it."""
        self.line()
        self.line(Styled(title, "bold"))

    def facts(self, facts: Sequence[tuple[str, Text]]) -> None:
        """Names and what is true of them, one a line. Those with an empty text are left out."""
        shown = [(name, text) for name, text in facts if _plain(text)]
        width = max((_width(name) for name, _ in shown), default=0)
        for name, text in shown:
            self.line(_MARGIN, Styled(_pad(name, width), "dim"), _GAP, text)

    def items(self, texts: Sequence[Text]) -> None:
        """One text a line, indented."""
        for text in texts:
            self.line(_MARGIN, text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Text]], *, right: Sequence[str] = ()) -> None:
        """Rows under a head; the columns named in `right` are aligned to the right, columns without any text left out.

        On a terminal the widest columns are cut so that a row keeps to one line.
        """
        kept = [place for place in range(len(head)) if any(_plain(row[place]) for row in rows)]
        names = [head[place] for place in kept]
        cells = [[row[place] for place in kept] for row in rows]
        widths = [
            max(_width(names[i]), *(_width(clean(_plain(row[i]))) for row in cells), 0) for i in range(len(names))
        ]
        if sys.stdout.isatty():
            widths = _fit(widths, shutil.get_terminal_size().columns)
        lines: list[list[Text]] = [[Styled(name, "dim") for name in names], *cells]
        for row in lines:
            parts: list[Text] = []
            for name, text, width in zip(names, row, widths, strict=True):
                padded = _pad(_cut(clean(_plain(text)), width), width, right=name in right)
                parts += [_MARGIN, Styled(padded, text.style) if isinstance(text, Styled) else padded]
            self.line(*parts)

    def following(self, command: str) -> None:
        """The next command to type."""
        self.line()
        self.line(Styled("Next: ", "dim"), Styled(command, "cyan"))

    @contextmanager
    def progress(self, stage: str) -> Iterator[Callable[[str], None]]:
        """Says on standard error what is going on, from the first second on. Gives the function that names the next stage."""
        ticker = _Ticker(stage)
        ticker.start()
        try:
            yield ticker.say
        finally:
            ticker.stop()


class _Ticker(threading.Thread):
    """On a terminal one line that is repainted, elsewhere a line for each stage."""

    def __init__(self, stage: str) -> None:
        super().__init__(daemon=True)
        self._stage = stage
        self._began = time.monotonic()
        self._done = threading.Event()

    def say(self, stage: str) -> None:
        self._stage = stage

    def stop(self) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        if self._done.wait(PATIENCE):
            return
        terminal = sys.stderr.isatty()
        said = None
        while True:
            seconds = time.monotonic() - self._began
            if terminal:
                sys.stderr.write(
                    f"{_CLEAR_LINE}{_paint(Styled(clean(self._stage), 'dim'), sys.stderr)} … {seconds:.0f} s"
                )
            elif self._stage != said:
                said = self._stage
                sys.stderr.write(f"{clean(said)} …\n")
            sys.stderr.flush()
            if self._done.wait(0.1):
                break
        if terminal:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()


def print_error(plain: Mapping[str, Any], as_json: bool) -> None:
    """An error: for programs as `{"error": …}` on standard output; for people what happened, and what to do next."""
    if as_json:
        sys.stdout.write(_json({"error": plain}) + "\n")
        return
    sys.stderr.write(f"{_paint(Styled('error:', 'red'), sys.stderr)} {_one_line(plain['message'])}\n")
    if plain.get("hint"):
        sys.stderr.write(f"{_paint(Styled('hint:', 'cyan'), sys.stderr)}  {_one_line(plain['hint'])}\n")


def show_warning() -> None:
    """From now on warnings are one line on standard error, without the place in a library that gave them."""
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    clear = _CLEAR_LINE if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}{_paint(Styled('warning:', 'yellow'), sys.stderr)} {_one_line(str(message))}\n")


def bytes_text(size: int) -> str:
    """A number of bytes for people: 812 B, 48.2 kB, 1.3 GB."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95 or unit == "GB":
            return f"{size} B" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def counted(count: int, noun: str) -> str:
    """'1 row', '1,200 rows'."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def value_text(value: Any) -> str:
    """One value of a table for people: nothing for a missing one, six digits for a fraction."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else str(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _plain(text: Text) -> str:
    return text.text if isinstance(text, Styled) else text


def _one_line(text: str) -> str:
    return clean(" ".join(text.splitlines()))


def _paint(text: Text, stream: TextIO) -> str:
    plain = clean(_plain(text))
    if (
        isinstance(text, Styled)
        and stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    ):
        return f"\x1b[{_CODES[text.style]}m{plain}\x1b[0m"
    return plain


def _width(text: str) -> int:
    """How many cells of a terminal the text takes: none for a combining mark, two for wide characters."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    kept = text
    while kept and _width(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def _fit(widths: Sequence[int], room: int) -> list[int]:
    """The widths, the widest ones made narrower until all fit; none below a readable least."""
    fitted = list(widths)
    while fitted and sum(fitted) + len(_MARGIN) * len(fitted) > room and max(fitted) > _NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted
