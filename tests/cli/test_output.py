"""What is printed: for programs, for people, on a terminal and off it."""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.cli import output as outputs
from holdall.cli.output import Output, Styled, bytes_text, clean, counted, print_error, show_warning, value_text

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def terminal(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and standard output and error are a terminal of 60 columns."""

    def become() -> None:
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)

    return become


@given(st.text())
def test_text_for_a_terminal_never_holds_what_could_steer_it(text: str) -> None:
    shown = clean(text)
    assert shown.isprintable()
    assert clean(shown) == shown
    if text.isprintable():
        assert shown == text


def test_a_column_name_cannot_repaint_the_terminal(capsys: Captured, terminal: Callable[[], None]) -> None:
    terminal()
    hostile = "age\x1b[2J\x1b]0;owned\x07\r\u202egnp"
    Output().line(hostile)
    Output().table([hostile], [[Styled(hostile, "red")], [hostile]])
    Output().facts([(hostile, hostile)])
    print_error({"message": hostile, "hint": hostile}, as_json=False)
    printed = "".join(capsys.readouterr())
    for code in outputs._CODES.values():
        printed = printed.replace(f"\x1b[{code}m", "")
    printed = printed.replace("\x1b[0m", "")
    assert all(c.isprintable() or c == "\n" for c in printed)


def test_json_has_null_for_what_is_no_number(capsys: Captured) -> None:
    Output(as_json=True).emit({"a": math.nan, "b": math.inf, "c": 2**60, "d": "é\n"})
    line, empty = capsys.readouterr().out.split("\n")
    assert json.loads(line) == {"a": None, "b": None, "c": 2**60, "d": "é\n"}
    assert empty == ""


def test_a_table_lines_up_wide_and_combining_characters(capsys: Captured) -> None:
    Output().table(["city", "n"], [["東京", "1"], ["e\u0301vora", "10"], ["Rome", "100"]], right=["n"])
    assert capsys.readouterr().out.splitlines() == [
        "  city     n",
        "  東京     1",
        "  e\u0301vora   10",
        "  Rome   100",
    ]


def test_a_column_without_any_text_is_left_out(capsys: Captured) -> None:
    Output().table(["a", "b", "c"], [["1", "", "2"], ["3", Styled("", "red"), ""]])
    assert capsys.readouterr().out.splitlines() == ["  a  c", "  1  2", "  3"]


def test_a_table_fits_a_terminal_and_is_whole_elsewhere(
    capsys: Captured, terminal: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ["churn:1.0.0", "x" * 100, "y" * 30]
    Output().table(["version", "long", "also"], [row])
    assert "x" * 100 in capsys.readouterr().out
    terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    Output().table(["version", "long", "also"], [row])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert "churn:1.0.0" in lines[1]
    assert "…" in lines[1]


def test_colours_are_for_terminals_that_want_them(
    capsys: Captured, terminal: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def printed() -> str:
        Output().line(Styled("x", "red"))
        return capsys.readouterr().out

    assert printed() == "x\n"
    terminal()
    assert printed() == "\x1b[31mx\x1b[0m\n"
    monkeypatch.setenv("TERM", "dumb")
    assert printed() == "x\n"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed() == "x\n"


def test_progress_says_nothing_of_what_is_quick(capsys: Captured) -> None:
    with Output().progress("packing") as say:
        say("sealing")
    assert capsys.readouterr() == ("", "")


def test_progress_names_each_stage_once_where_there_is_no_terminal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "PATIENCE", 0.01)
    with Output(as_json=True).progress("packing") as say:
        time.sleep(0.3)
        say("sealing")
        time.sleep(0.3)
    assert capsys.readouterr() == ("", "packing …\nsealing …\n")


def test_progress_leaves_a_terminal_as_it_was(
    capsys: Captured, terminal: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "PATIENCE", 0.01)
    terminal()
    with Output().progress("packing"):
        time.sleep(0.2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "packing" in err
    assert "\n" not in err
    assert err.endswith("\r\x1b[K")


def test_progress_ends_where_the_work_fails(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "PATIENCE", 0.01)

    def work() -> None:
        with Output().progress("packing"):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 — any would do
        work()
    capsys.readouterr()
    time.sleep(0.2)
    assert capsys.readouterr() == ("", "")


def test_a_warning_is_one_line(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        show_warning()
        warnings.warn("fitted with scikit-learn 1.5,\nthis is 1.9", UserWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "warning: fitted with scikit-learn 1.5, this is 1.9\n")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (48_231, "48.2 kB"), (999_999, "1.0 MB"), (10**13, "10,000.0 GB")],
)
def test_bytes_for_people(size: int, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (3, "3"), (2**60, str(2**60)), (0.1 + 0.2, "0.3"), (1e-12, "1e-12"), ("a", "a")],
)
def test_values_for_people(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_counts_for_people() -> None:
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
