"""The drawing of a trace: whole, self-contained, and of the same boxes as the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

import holdall
from holdall.errors import UsageError
from holdall.packing import picturing

SAMPLE = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3], "<c>": ["x", "y", "z"]})


def made(df: pd.DataFrame) -> pd.DataFrame:
    out = df[["<c>"]].copy()
    for name in ["a", "b"]:
        out[name] = df[name] * 2
        out[name] = out[name] + 1
    return out


def centred(df: pd.DataFrame) -> pd.DataFrame:
    ratio = df.a / df.b
    return df.assign(ratio=ratio - ratio.mean(), double=df.a * 2)


def texts_of(drawing: str) -> list[str]:
    root = ElementTree.fromstring(drawing)  # noqa: S314 — it was just written here
    return [element.text or "" for element in root.iter() if element.tag.endswith("text")]


@pytest.mark.parametrize("function", [made, centred])
def test_each_column_and_line_is_a_box(function: Any, tmp_path: Path) -> None:
    told = holdall.trace(function, sample=SAMPLE, html=tmp_path / "page.html", svg=tmp_path / "drawing.svg")
    drawing = (tmp_path / "drawing.svg").read_text("utf-8")
    texts = texts_of(drawing)
    for result in told.results:
        assert result.name in texts
    for operation in told.operations:
        assert any(text.startswith(f"{operation.line}  ") for text in texts)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<c>" not in page, "what a table's columns are called is never markup"
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", ""), "nothing is fetched"
    assert drawing == picturing.svg(told), "the same each time"


def test_what_stays_python_is_marked_and_joined_to_what_comes_of_it() -> None:
    told = holdall.trace(centred, sample=SAMPLE)
    drawing = picturing.svg(told)
    assert "stays Python: Series.mean" in texts_of(drawing)
    assert 'class="box stays"' in drawing
    assert "over the rows that happen" in picturing.page(told)


def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        holdall.trace(made, sample=SAMPLE, html=tmp_path / "nowhere" / "page.html")


def test_a_prompt_and_a_notebook_show_it() -> None:
    told = holdall.trace(centred, sample=SAMPLE)
    assert "stays Python, for 1 reason" in repr(told)
    assert "✗ Series.mean" in repr(told)
    assert "/ → Div" in repr(told)
    assert "instead: a batch statistic" in repr(told)
    assert told._repr_html_().startswith("<iframe srcdoc=")
